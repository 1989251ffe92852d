from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigrad
from minigrad.errors import MissingExtra
from minigrad.utils.data import DataLoader
from minigrad.vision.datasets import MNIST, DatasetError, Digits, read_idx
from tests.vision.idx import NAMES, idx, small, write_mnist


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the four files; neither a cache nor MINIGRAD_DATA leads elsewhere."""
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = tmp_path / "mnist"
    made.mkdir()
    write_mnist(made)
    return made


class TestDigits:
    def test_split(self) -> None:
        sklearn = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
        source = sklearn.load_digits()
        train, test = Digits(), Digits(train=False)
        assert (len(train), len(test)) == (1442, 355)
        both = Counter(image.tobytes() for part in (train, test) for image in part.data.numpy())
        levels = np.rint(source.images * (255 / 16)).astype(np.uint8)
        assert both == Counter(image.tobytes() for image in levels)
        for part, share in ((train, 0.8), (test, 0.2)):
            counts = Counter(part.targets.tolist())
            for label in range(10):
                assert abs(counts[label] - share * np.sum(source.target == label)) <= 1

    def test_labels_belong_to_their_images(self) -> None:
        sklearn = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
        source = sklearn.load_digits()
        label_of = {image.tobytes(): int(label) for image, label in zip(source.images, source.target, strict=True)}
        for part in (Digits(), Digits(train=False)):
            levels = np.rint(part.data.numpy() * (16 / 255))
            assert [label_of[image.tobytes()] for image in levels] == part.targets.tolist()

    def test_samples(self) -> None:
        digits = Digits()
        image, label = digits[3]
        assert (image.dtype, tuple(image.shape), type(label)) == (minigrad.float32, (1, 8, 8), int)
        assert float(digits.data.numpy().max()) == 255
        assert (image.numpy() == digits.data[3].numpy().astype(np.float32) / 255).all()
        assert (digits.data.dtype, digits.targets.dtype) == (minigrad.uint8, minigrad.int64)
        assert digits.classes[label].startswith(str(label))
        assert repr(digits) == "Digits(train, 1442 images of 8x8)"

    def test_without_scikit_learn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(MissingExtra, match=r'Digits needs scikit-learn: pip install "minigrad\[book\]"'):
            Digits()

    def test_scikit_learn_is_imported_where_it_is_used(self) -> None:
        code = "import minigrad.vision.datasets, sys; print({'sklearn', 'tqdm'} & set(sys.modules))"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


class TestMnist:
    def test_from_root(self, folder: Path) -> None:
        for train, count, seed in ((True, 30, 0), (False, 20, 1)):
            images, labels = small(count, seed)
            dataset = MNIST(folder, train=train, download=False)
            assert (dataset.data.numpy() == images).all()
            assert (dataset.targets.numpy() == labels).all()
            assert (dataset.data.dtype, dataset.targets.dtype) == (minigrad.uint8, minigrad.int64)
            assert len(dataset) == count
        assert repr(dataset) == "MNIST(test, 20 images of 4x4)"

    def test_samples(self, folder: Path) -> None:
        images, labels = small(30, 0)
        image, label = MNIST(folder)[7]
        assert (image.dtype, tuple(image.shape), type(label), label) == (minigrad.float32, (1, 4, 4), int, labels[7])
        assert (image.numpy()[0] == images[7].astype(np.float32) / 255).all()

    def test_batches(self, folder: Path) -> None:
        images, labels = next(iter(DataLoader(MNIST(folder), batch_size=4)))
        assert (images.dtype, tuple(images.shape)) == (minigrad.float32, (4, 1, 4, 4))
        assert (labels.dtype, labels.tolist()) == (minigrad.int64, [0, 1, 2, 3])

    def test_transforms(self, folder: Path) -> None:
        seen = []

        def transform(image: Any) -> str:
            seen.append((type(image), image.dtype, image.shape))
            return "image"

        dataset = MNIST(folder, transform=transform, target_transform=lambda label: label + 100)
        assert dataset[3] == ("image", 103)
        assert seen == [(np.ndarray, np.uint8, (4, 4))]

    def test_places_in_order(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = tmp_path / "cache" / "minigrad" / "mnist"
        named = tmp_path / "named"
        for place, count in ((cache, 11), (named, 12)):
            place.mkdir(parents=True)
            write_mnist(place, train=count)
        assert len(MNIST(download=False)) == 11
        monkeypatch.setenv("MINIGRAD_DATA", str(named))
        assert len(MNIST(download=False)) == 12
        assert len(MNIST(folder, download=False)) == 30
        assert len(MNIST(tmp_path / "nothing", download=False)) == 12
        (named / NAMES[0]).unlink()
        assert len(MNIST(download=False)) == 11

    def test_not_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "named"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(DatasetError, match="not found in") as caught:
            MNIST(tmp_path / "root", download=False)
        for part in (*NAMES[:2], tmp_path / "root", tmp_path / "named", "MINIGRAD_DATA", "download=True"):
            assert str(part) in str(caught.value)
        assert isinstance(caught.value, RuntimeError)
        assert not list(tmp_path.iterdir())

    def test_counts_that_do_not_match(self, folder: Path) -> None:
        (folder / NAMES[1]).write_bytes(gzip.compress(idx(np.zeros(29))))
        with pytest.raises(DatasetError, match=rf"{NAMES[0]} holds 30 images, but .*{NAMES[1]} holds 29 labels"):
            MNIST(folder)

    def test_labels_out_of_range(self, folder: Path) -> None:
        labels = np.zeros(30)
        labels[4] = 10
        (folder / NAMES[1]).write_bytes(gzip.compress(idx(labels), mtime=0))
        with pytest.raises(DatasetError, match=rf"{NAMES[1]}: label 10 at position 4, but the labels are 0 to 9"):
            MNIST(folder)


BYTES = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))


@given(array=BYTES)
def test_idx_files_read_back(array: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    path.write_bytes(gzip.compress(idx(array), mtime=0))
    read = read_idx(path, array.ndim)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert (read == array).all()


WHOLE = idx(np.arange(12).reshape(3, 2, 2))
PACKED = gzip.compress(WHOLE, mtime=0)

# What is wrong with it: the file, and what the error says.
DAMAGED = {
    "cut inside the data": (PACKED[:-9], "is truncated; delete it"),
    "cut inside the header": (PACKED[:20], "is truncated; delete it"),
    "empty": (b"", "is truncated: it ends inside its header"),
    "a web page": (b"<html>not found</html>", "is not a whole gzip file"),
    "wrong check sum": (PACKED[:-8] + bytes(8), "is not a whole gzip file"),
    "garbled": (PACKED[:12] + bytes(6) + PACKED[18:], "is not a whole gzip file"),
}
DAMAGED_INSIDE = {
    "labels": (idx(np.arange(5)), "has the magic number 0x00000801, expected 0x00000803"),
    "another format": (b"PK\3\4" + WHOLE[4:], "has the magic number 0x504b0304, expected 0x00000803"),
    "cut inside the sizes": (WHOLE[:10], "is truncated: it ends inside its header"),
    "cut": (WHOLE[:-1], r"is truncated: its header announces shape \(3, 2, 2\), .* 12 bytes, but 11 follow"),
    "longer": (WHOLE + b"x", r"is too long: its header announces shape \(3, 2, 2\), .* 12 bytes, but 13"),
    "absurd sizes": (b"\0\0\x08\x03" + b"\xff" * 12 + b"x", "is truncated: its header announces shape"),
}
DAMAGED |= {name: (gzip.compress(content, mtime=0), message) for name, (content, message) in DAMAGED_INSIDE.items()}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_files(tmp_path: Path, what: str) -> None:
    content, message = DAMAGED[what]
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
    assert "replace it" in str(caught.value)


@given(st.integers(1, len(PACKED) - 1))
def test_every_truncation_is_noticed(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    path.write_bytes(PACKED[:length])
    with pytest.raises(DatasetError, match="file.gz"):
        read_idx(path, 3)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_idx(tmp_path, 3)
