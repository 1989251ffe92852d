"""Saving and loading. PyTorch: `torch.save`, `torch.load`.

A file is an ordinary .npz: one array per tensor under its place in the saved object, so that `numpy.load` reads the
weights of a state dict by their names, and `structure.json`, which says how they belong together. Nothing is ever
unpickled: loading a file runs no code of it.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minigrad import dtypes
from minigrad.device import CPU, Device, check_device
from minigrad.errors import FileFormatError
from minigrad.memory import Alias, alias_of
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.tensor import Size, Tensor, wrap
from minigrad.utils import torch_archive
from minigrad.utils.files import whole_or_nothing
from minigrad.utils.torch_archive import strided

__all__ = ["load", "save"]

Array: TypeAlias = "np.ndarray[Any, Any]"

STRUCTURE = "structure.json"
VERSION = 1
SEQUENCES: dict[str, Any] = {c.__name__: c for c in (tuple, set, frozenset, Size)}
MAPPINGS: dict[str, Any] = {c.__name__: c for c in (dict, OrderedDict, Counter)}
TENSORS: dict[str, Any] = {c.__name__: c for c in (Tensor, Parameter, Buffer)}


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: Any = None) -> None:
    """Write `obj` to the path or binary file `f`. PyTorch: `save`.

    `obj` is made of tensors, arrays, None, bools, ints, floats, strings, dtypes, devices and of lists, tuples, sets,
    dicts, OrderedDicts and Counters of them, as every `state_dict` is. A tensor that occurs twice, and tensors that
    share memory, do so again after loading. At a path the file appears whole or not at all, over what was there.
    Raises TypeError, naming the place, for anything else; the two pickle options are for PyTorch's sake.
    """
    writer = _Writer()
    value = writer.encode(obj, ())
    arrays = writer.arrays()
    structure = {"minigrad": VERSION, "value": value, "tensors": writer.table}
    if hasattr(f, "write"):
        _write(f, structure, arrays)
    else:
        with whole_or_nothing(Path(f)) as file:
            _write(file, structure, arrays)


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None, mmap: Any = None
) -> Any:
    """Read what `save` wrote, a plain .npz (a dict of tensors) or a file of `torch.save`. PyTorch: `load`.

    `f` is a path or a binary file. `map_location` may name the CPU only (a function or dict is ignored, since there is
    no other device). No object is unpickled but those of PyTorch's state dicts, so `weights_only` changes nothing;
    `pickle_module` and `mmap` neither.
    Raises FileFormatError, a RuntimeError and an UnpicklingError, for a file that is damaged, not whole, of another
    format or asks to run code.
    """
    if isinstance(map_location, (str, Device)):
        check_device(map_location, "load")
    name = repr(str(getattr(f, "name", type(f).__name__) if hasattr(f, "read") else os.fspath(f)))
    try:
        with zipfile.ZipFile(f) as archive:
            names = set(archive.namelist())
            if STRUCTURE in names:
                return _Reader(archive, json.loads(archive.read(STRUCTURE))).value()
            if (pickled := torch_archive.find(names)) is not None:
                return torch_archive.read(archive, pickled)
            if names and all(member.endswith(".npy") for member in names):
                return {member[:-4]: wrap(_read_array(archive, member)) for member in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise FileFormatError(
            f"load: {name} is not a whole file of minigrad.save, numpy.savez or torch.save ({error}); "
            "the older format of torch.save is not read: load it with PyTorch and save it again"
        ) from error
    except FileFormatError as error:
        raise FileFormatError(f"load: {name}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileFormatError(f"load: {name} is damaged: {type(error).__name__}: {error}") from error
    raise FileFormatError(f"load: {name} is a zip file, but neither of minigrad.save, numpy.savez nor torch.save")


class _Writer:
    """One object on its way into a file: its structure as JSON has it, and the tensors found in it."""

    def __init__(self) -> None:
        self.table: list[dict[str, Any]] = []
        self._found: dict[int, tuple[int, Any]] = {}  # by identity, with the object, which must not die meanwhile
        self._arrays: list[tuple[tuple[Any, ...], Array]] = []
        self._above: set[int] = set()

    def encode(self, value: Any, path: tuple[Any, ...]) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if isinstance(value, (Tensor, np.ndarray, np.generic)):
            return self._tensor(value, path)
        if isinstance(value, dtypes.dtype):
            return {"dtype": value.name}
        if isinstance(value, Device):
            return {"device": str(value)}
        name = kind.__name__
        if kind is not list and SEQUENCES.get(name) is not kind and MAPPINGS.get(name) is not kind:
            raise TypeError(
                f"save: cannot store the {name} at {_place(path)}; of modules, optimizers and schedules save their "
                "state_dict(), of other objects what they are made of"
            )
        if id(value) in self._above:
            raise ValueError(f"save: the {name} at {_place(path)} contains itself")
        self._above.add(id(value))
        if name in MAPPINGS:
            items = [[self.encode(k, (*path, "key")), self.encode(v, (*path, k))] for k, v in value.items()]
        else:
            items = [self.encode(v, (*path, i)) for i, v in enumerate(value)]
        self._above.remove(id(value))
        return items if kind is list else {name: items}

    def _tensor(self, value: Any, path: tuple[Any, ...]) -> Any:
        if id(value) not in self._found:
            self._found[id(value)] = len(self.table), value
            if isinstance(value, Tensor):
                name = next(n for n in ("Parameter", "Buffer", "Tensor") if isinstance(value, TENSORS[n]))
                self.table.append({"class": name, "requires_grad": value.requires_grad})
                if name == "Buffer":
                    self.table[-1]["persistent"] = value.persistent  # type: ignore[attr-defined]
                array = value._buffer()
            else:
                dtypes.from_numpy_dtype(value.dtype)
                self.table.append({"class": "array" if isinstance(value, np.ndarray) else "scalar"})
                array = np.asarray(value)
            self._arrays.append((path, array))
        return {"tensor": self._found[id(value)][0]}

    def arrays(self) -> dict[str, Array]:
        """The arrays to write, by name; the table learns where each tensor is."""
        groups: dict[Any, list[int]] = {}
        for i, (_, array) in enumerate(self._arrays):
            groups.setdefault((id(_owner(array)), array.dtype), []).append(i)
        out: dict[str, Array] = {}
        for members in groups.values():
            layouts = {(a.__array_interface__["data"][0], a.shape, a.strides) for a in self._of(members)}
            storage = _storage(self._arrays[members[0]][1]) if len(layouts) > 1 else None
            if len(layouts) == 1:
                name = self._name(members[0], out)
                out[name] = self._arrays[members[0]][1]
                for i in members:
                    self.table[i]["array"] = name
            elif storage is None:
                for i in members:
                    self.table[i]["array"] = name = self._name(i, out)
                    out[name] = self._arrays[i][1]
            else:
                name = self._name(members[0], out)
                out[name], start = storage, storage.__array_interface__["data"][0]
                for i, array in zip(members, self._of(members), strict=True):
                    offset = (array.__array_interface__["data"][0] - start) // array.itemsize
                    strides = [step // array.itemsize for step in array.strides]
                    self.table[i] |= {"array": name, "offset": offset, "shape": array.shape, "strides": strides}
        return out

    def _of(self, members: list[int]) -> list[Array]:
        return [self._arrays[i][1] for i in members]

    def _name(self, index: int, taken: dict[str, Array]) -> str:
        """The place of a tensor in the object as a name in the archive, such as `model/0.weight`."""
        name = "/".join(map(str, self._arrays[index][0])) or "value"
        if not name.isprintable() or len(name) > 1000 or name in taken:
            name = f"tensor~{index}"
        return name


def _place(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _owner(array: Array) -> Array:
    """The array whose memory this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _storage(array: Array) -> Array | None:
    """All the memory that `array` is a view of as one row of its dtype; None if it cannot be had without copying."""
    owner = _owner(array)
    order = sorted(range(owner.ndim), key=lambda dim: -owner.strides[dim])
    compact = owner.transpose(order)
    if not compact.flags.c_contiguous or owner.nbytes % array.itemsize:
        return None
    return compact.reshape(-1).view(array.dtype)


def _write(file: Any, structure: dict[str, Any], arrays: dict[str, Array]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        archive.writestr(zipfile.ZipInfo(STRUCTURE), json.dumps(structure))


class _Reader:
    """The way back."""

    def __init__(self, archive: zipfile.ZipFile, structure: dict[str, Any]) -> None:
        if structure["minigrad"] != VERSION:
            raise FileFormatError(f"written in format {structure['minigrad']}, but this minigrad reads {VERSION}")
        self._archive = archive
        self._structure = structure
        self._arrays: dict[str, Array] = {}
        self._first: dict[str, Tensor] = {}
        self._tensors = [self._tensor(entry) for entry in structure["tensors"]]

    def value(self) -> Any:
        return self._decode(self._structure["value"])

    def _decode(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._decode(v) for v in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        if kind in SEQUENCES:
            return SEQUENCES[kind](self._decode(content))
        if kind in MAPPINGS:
            return MAPPINGS[kind]({self._decode(k): self._decode(v) for k, v in content})
        if kind == "tensor":
            return self._tensors[content]
        if kind == "dtype":
            return dtypes.from_numpy_dtype(np.dtype(content))
        if kind == "device":
            return CPU
        raise FileFormatError(f"{STRUCTURE} has an entry of the unknown kind {kind!r}")

    def _tensor(self, entry: dict[str, Any]) -> Any:
        name = entry["array"]
        if name not in self._arrays:
            self._arrays[name] = _read_array(self._archive, f"{name}.npy")
        array = self._arrays[name]
        if "strides" in entry:
            array = strided(array, entry["offset"], entry["shape"], entry["strides"])
        if entry["class"] in ("array", "scalar"):
            return array if entry["class"] == "array" else array[()]
        out = wrap(array)
        if name in self._first:
            out._alias = Alias(alias_of(self._first[name]).version)
        else:
            self._first[name] = out
        if entry["class"] == "Buffer":
            out = Buffer(out, persistent=entry["persistent"])
        elif entry["class"] == "Parameter":
            out = Parameter(out, requires_grad=False)
        return out.requires_grad_(entry["requires_grad"])


def _read_array(archive: zipfile.ZipFile, member: str) -> Array:
    try:
        content = archive.read(member)
    except KeyError:
        raise FileFormatError(f"the archive lacks {member}") from None
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    dtypes.from_numpy_dtype(array.dtype.newbyteorder("="))
    return array.astype(array.dtype.newbyteorder("="), order="K", copy=False)
