"""Small files in MNIST's format, for the tests."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

NAMES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def idx(array: Any, magic: bytes | None = None) -> bytes:
    array = np.asarray(array, dtype=np.uint8)
    header = bytes([0, 0, 8, array.ndim]) if magic is None else magic
    return header + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def small(count: int, seed: int, size: int = 4) -> tuple[Any, Any]:
    """`count` images with a mark whose place is the label, so that a network can learn them."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = random.integers(0, 64, (count, size, size))
    images.reshape(count, -1)[np.arange(count), labels] = 255
    return images.astype(np.uint8), labels.astype(np.uint8)


def write_mnist(folder: Path, train: int = 30, test: int = 20, size: int = 4) -> dict[str, str]:
    """The four files in `folder`; gives their SHA-256 sums."""
    arrays = (*small(train, 0, size), *small(test, 1, size))
    sums = {}
    for name, array in zip(NAMES, arrays, strict=True):
        content = gzip.compress(idx(array), mtime=0)
        (folder / name).write_bytes(content)
        sums[name] = hashlib.sha256(content).hexdigest()
    return sums
