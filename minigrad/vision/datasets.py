"""Data sets of handwritten digits. `torchvision.datasets`.

`data` is a uint8 tensor (N, H, W) and `targets` an int64 tensor (N,), as torchvision's MNIST has them. Sample `i` is
`(image, target)`: by default a float32 tensor (1, H, W) in [0, 1] and an int. A `transform` gets the raw image
instead, a NumPy uint8 array (H, W) in [0, 255], and its result is the image; `target_transform` gets the int.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.errors import MissingExtra
from minigrad.tensor import from_numpy, tensor
from minigrad.utils.data import Dataset
from minigrad.vision._download import DatasetError, download

__all__ = ["MNIST", "DatasetError", "Digits"]

Pixels = npt.NDArray[np.uint8]


class _Images(Dataset["tuple[Any, Any]"]):
    """Images with one label each, held in memory."""

    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(
        self,
        images: Pixels,
        labels: Pixels,
        train: bool,
        transform: Callable[[Pixels], Any] | None,
        target_transform: Callable[[int], Any] | None,
    ) -> None:
        self.data = tensor(images)
        self.targets = tensor(labels.astype(np.int64))
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        raw: Pixels = self.data[index].numpy()
        image: Any = raw
        if self.transform is None:
            image = from_numpy(raw[None].astype(np.float32) / np.float32(255))
        else:
            image = self.transform(raw)
        target: Any = int(self.targets[index])
        return image, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        split = "train" if self.train else "test"
        height, width = self.data.shape[1:]
        return f"{type(self).__name__}({split}, {len(self)} images of {height}x{width})"


class Digits(_Images):
    """The 1797 real handwritten digits inside scikit-learn, 8x8, without a download. Needs the extra `book`.

    In the order of the file every fifth image of a class is a test image: 1442 train, 355 test, all classes in equal
    parts. The writers are not known, so the same hand may be on both sides. The 17 grey levels 0..16 of the source
    are spread over 0..255.

    Raises MissingExtra without scikit-learn.
    """

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Pixels], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise MissingExtra('Digits needs scikit-learn: pip install "minigrad[book]"') from error
        source = load_digits()
        levels, labels = source.images, source.target.astype(np.uint8)
        rank = np.empty(len(labels), dtype=np.int64)
        for label in range(10):
            of_class = labels == label
            rank[of_class] = np.arange(of_class.sum())
        chosen = (rank % 5 == 4) != train
        images = np.rint(levels * (255 / 16)).astype(np.uint8)
        super().__init__(images[chosen], labels[chosen], train, transform, target_transform)


class MNIST(_Images):
    """The MNIST digits, 28x28: 60,000 train and 10,000 test images (LeCun, Cortes, Burges).

    The files (two for train, two for test, in the usual gzip form such as `train-images-idx3-ubyte.gz`) are looked
    for in `root`, in the directory named by the environment variable MINIGRAD_DATA and in the cache
    (`$XDG_CACHE_HOME/minigrad/mnist`, else `~/.cache/minigrad/mnist`). If they are in none of these and `download`
    is true, they are downloaded into `root`, or into the cache when no `root` is given, and verified.

    Raises DatasetError (a RuntimeError) for missing, damaged or mismatched files; a download that fails leaves no
    file behind.
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    # File: SHA-256 of the file as the mirrors have it.
    resources = {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable[[Pixels], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = True,
    ) -> None:
        part = "train" if train else "t10k"
        names = (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz")
        self.root = self._directory(None if root is None else Path(root), names, download)
        images = read_idx(self.root / names[0], dimensions=3)
        labels = read_idx(self.root / names[1], dimensions=1)
        if len(images) != len(labels):
            raise DatasetError(
                f"{self.root / names[0]} holds {len(images)} images, but {self.root / names[1]} holds {len(labels)} "
                "labels: the files belong to different data sets; replace them by a matching pair"
            )
        if labels.size and labels.max() >= len(self.classes):
            raise DatasetError(
                f"{self.root / names[1]}: label {labels.max()} at position {labels.argmax()}, but the labels are "
                f"0 to {len(self.classes) - 1}; this is not the label file of MNIST, replace it"
            )
        super().__init__(images, labels, train, transform, target_transform)

    def _directory(self, root: Path | None, names: tuple[str, ...], may_download: bool) -> Path:
        """The first of the places that has all the files, or the one they were downloaded into."""
        named = os.environ.get("MINIGRAD_DATA")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigrad" / "mnist"
        places = [place for place in (root, Path(named) if named else None, cache) if place is not None]
        for place in places:
            if all((place / name).is_file() for name in names):
                return place
        if not may_download:
            raise DatasetError(
                f"MNIST: {' and '.join(names)} not found in {', '.join(map(str, places))}; put the files there, "
                "set MINIGRAD_DATA to their directory, or use download=True"
            )
        target = root or cache
        for name in names:
            if not (target / name).is_file():
                download([mirror + name for mirror in self.mirrors], target / name, self.resources[name])
        return target


def read_idx(path: Path, dimensions: int) -> Pixels:
    """The uint8 array in a gzip file of the idx format: two zero bytes, type 0x08, number of dimensions, the sizes
    as big-endian 32-bit integers, the elements in C order.

    Raises DatasetError, naming the file, if it is not that or not whole.
    """
    remedy = "delete it, and it is downloaded again, or replace it by a whole copy"
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
    except EOFError as error:
        raise DatasetError(f"{path} is truncated; {remedy}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path} is not a whole gzip file ({error}); {remedy}") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    start = 4 + 4 * dimensions
    magic, expected = content[:4], bytes([0, 0, 8, dimensions])
    if len(content) >= 4 and magic != expected:
        raise DatasetError(
            f"{path} has the magic number 0x{magic.hex()}, expected 0x{expected.hex()} (idx format, uint8, "
            f"{dimensions} dimension{'s' * (dimensions > 1)}): it is another kind of file; {remedy}"
        )
    if len(content) < start:
        raise DatasetError(f"{path} is truncated: it ends inside its header; {remedy}")
    shape = tuple(int(size) for size in np.frombuffer(content, dtype=">u4", count=dimensions, offset=4))
    found, wanted = len(content) - start, int(np.prod(shape, dtype=object))
    if found != wanted:
        raise DatasetError(
            f"{path} is {'truncated' if found < wanted else 'too long'}: its header announces shape {shape}, "
            f"that is {wanted} bytes, but {found} follow; {remedy}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
