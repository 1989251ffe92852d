"""Reading the files of `torch.save` without PyTorch, by an unpickler that knows nothing but state dicts."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.errors import FileFormatError
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Size, wrap

# Named by strings, which a hostile pickle cannot change as it could a class.
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",  # NumPy has none: becomes float32, which holds all its values
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


def find(names: Iterable[str]) -> str | None:
    """The member of a zip file with the pickle of `torch.save`, None if there is none."""
    return next((name for name in names if name.endswith("/data.pkl")), None)


def read(archive: zipfile.ZipFile, member: str) -> Any:
    """The object in a file of `torch.save`: tensors in lists, tuples, sets, dicts, OrderedDicts and Counters.

    Raises FileFormatError for everything else that a pickle could ask for.
    """
    folder = member[: -len("data.pkl")]
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise FileFormatError("written on a big-endian machine; load it with PyTorch and save it again")
    try:
        return _Unpickler(archive, folder).load()
    except FileFormatError:
        raise
    except (pickle.UnpicklingError, AttributeError, ImportError, OverflowError, UnicodeError) as error:
        raise FileFormatError(f"the pickle in it is damaged ({error})") from error


def strided(row: np.ndarray[Any, Any], offset: int, shape: Any, strides: Any) -> np.ndarray[Any, Any]:
    """The view of a row of memory that begins at `offset` and makes these steps, all counted in elements.

    Raises FileFormatError if it would reach outside.
    """
    shape, strides = tuple(map(int, shape)), tuple(map(int, strides))
    reach = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    low = offset + sum(r for r in reach if r < 0)
    high = offset + sum(r for r in reach if r > 0)
    if min(shape, default=0) < 0 or (0 not in shape and not 0 <= low <= high < row.size):
        raise FileFormatError(f"a tensor of shape {shape}, strides {strides} does not fit into {row.size} elements")
    if 0 in shape:
        return np.empty(shape, row.dtype)
    steps = tuple(step * row.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(row[offset:], shape, steps)


class _Unpickler(pickle.Unpickler):
    """Gives for each name that a state dict needs a function of its own, and refuses every other name."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder
        self._rows: dict[str, Any] = {}
        # Bound methods and classes written in C: what a pickle may set attributes on, it could change for the process.
        self._known: dict[tuple[str, str], Callable[..., Any]] = {
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): self._parameter,
            ("torch", "Size"): self._size,
            ("collections", "OrderedDict"): OrderedDict,
            ("collections", "Counter"): self._counter,
            ("builtins", "set"): set,
            ("__builtin__", "set"): set,
        }

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        try:
            return self._known[module, name]
        except KeyError:
            raise FileFormatError(
                f"its pickle asks for {module}.{name}, which does not belong into a state dict; nothing was run"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _, count = pid
        if kind != "storage" or dtype not in STORAGES.values():
            raise FileFormatError(f"its pickle refers to an unknown storage {pid!r:.100}")
        if key not in self._rows:
            content = bytearray(self._archive.read(f"{self._folder}data/{key}"))
            row = np.frombuffer(content, "<u2" if dtype == "bfloat16" else dtype)
            if len(row) < count:
                raise FileFormatError(f"the storage {key} has {len(row)} elements instead of {count}")
            self._rows[key] = (row.astype("<u4") << 16).view("<f4") if dtype == "bfloat16" else row
        return self._rows[key]

    @staticmethod
    def _tensor(row: Any, offset: int, shape: Any, strides: Any, requires_grad: bool, hooks: Any, *_: Any) -> Any:
        return wrap(strided(row, offset, shape, strides)).requires_grad_(requires_grad)

    def _parameter(self, data: Any, requires_grad: bool, hooks: Any) -> Any:
        return Parameter(data, requires_grad)

    def _size(self, sizes: Any) -> Any:
        return Size(sizes)

    def _counter(self, counts: Any) -> Any:
        return Counter(counts)
