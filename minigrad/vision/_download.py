"""Download of one file: verified, with progress, and whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

from minigrad.utils.files import whole_or_nothing

_CHUNK = 1 << 16
_TIMEOUT = 30.0
"""Seconds without a byte after which a server counts as gone."""


class DatasetError(RuntimeError):
    """A data file that is missing, damaged or cannot be fetched."""


def download(urls: Sequence[str], target: Path, sha256: str) -> None:
    """Fetch `target` from the first of `urls` that gives the content with this checksum.

    Raises DatasetError, with the reason for each address, if none does; then no file is left behind.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"cannot make the directory {target.parent}: {error.strerror}") from error
    reasons = []
    for url in urls:
        try:
            print(f"downloading {url} to {target.parent}", file=sys.stderr)
            with whole_or_nothing(target) as file:
                _fetch(url, file, sha256, target.name)
            return
        except (OSError, http.client.HTTPException, DatasetError) as error:
            reasons.append(f"{url}: {error}")
    raise DatasetError(
        f"{target.name} could not be downloaded to {target.parent} ({'; '.join(reasons)}); "
        "fetch it by other means and set MINIGRAD_DATA to its directory"
    )


def _fetch(url: str, file: BinaryIO, sha256: str, name: str) -> None:
    digest, received = hashlib.sha256(), 0
    with urlopen(url, timeout=_TIMEOUT) as response:
        announced = response.headers.get("Content-Length")
        size = int(announced) if announced else None
        with _progress(name, size) as advance:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                advance(len(chunk))
    if size is not None and received != size:
        raise DatasetError(f"the connection ended after {received} of {size} bytes")
    if digest.hexdigest() != sha256:
        raise DatasetError(f"wrong checksum: SHA-256 {digest.hexdigest()}, expected {sha256}")


@contextlib.contextmanager
def _progress(name: str, size: int | None) -> Iterator[Callable[[int], object]]:
    """A bar where tqdm is installed and someone looks on."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda count: None
    else:
        with tqdm(desc=name, total=size, unit="B", unit_scale=True, disable=None) as bar:
            yield bar.update
