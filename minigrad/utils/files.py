"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_or_nothing(target: Path) -> Iterator[BinaryIO]:
    """A binary file beside `target` that takes its place at the end of the block, or vanishes on any exception.

    Whenever the process is killed or the power fails, `target` is the old file or the new one, whole.
    """
    # The name is this writer's own, so that two processes may write the same target.
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(partial, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the content has to be on the disk before the name leads to it
        os.replace(partial, target)
        _sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Put the new name onto the disk as well, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
