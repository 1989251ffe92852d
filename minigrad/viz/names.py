"""What the tensors of a picture are called: as the caller says, or as the caller's own variables are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from minigrad.function import TensorCore

DEPTH, WIDTH = 3, 500  # how far, and how many members of each thing, variables are searched for tensors
NOTEBOOK = {"In", "Out"}


class Names:
    """Names of tensors by identity. `alive` are the tensors that were found."""

    def __init__(self, given: Mapping[str, Any] | None, frame: FrameType | None) -> None:
        self.alive: list[Any] = []
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        for name, t in (given or {}).items():
            if not isinstance(t, TensorCore):
                raise TypeError(f"names: expected a dict of names and tensors, got {type(t).__name__} for {name!r}")
            self._add(str(name), t, whole=True)
        if frame is not None:
            for scope in (frame.f_locals, frame.f_globals):
                for name, value in list(scope.items()):
                    if not name.startswith("_") and name not in NOTEBOOK:
                        for found, t in tensors_in(name, value):
                            self._add(found, t)

    def _add(self, name: str, t: Any, whole: bool = False) -> None:
        if id(t) not in self._names:
            short = name if whole else name.rpartition("/")[2]
            self._names[id(t)] = name = name.replace("/", ".") if short in self._taken and not whole else short
            self._taken.add(name)
            self.alive.append(t)

    def of(self, t: Any) -> str:
        """The tensor's name, or ""."""
        return self._names.get(id(t), "")


def tensors_in(name: str, value: Any, depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """The tensors in a variable, with names: itself, entries of dicts and lists, parameters of modules, attributes.

    A name is "owner/member" where the member's own name says enough unless another tensor has it.
    """
    if isinstance(value, TensorCore):
        yield name, value
    elif not depth or isinstance(value, (type, str, bytes, int, float)):
        return
    elif hasattr(value, "named_parameters") and hasattr(value, "named_buffers"):
        for members in (value.named_parameters(), value.named_buffers()):
            for member, t in members:
                yield f"{name}/{member}", t
    elif isinstance(value, dict):
        for key, v in list(value.items())[:WIDTH]:
            if isinstance(key, str):
                yield from tensors_in(f"{name}/{key}", v, depth - 1)
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value[:WIDTH]):
            yield from tensors_in(f"{name}[{i}]", v, depth - 1)
    elif type(value).__module__ not in ("builtins", "numpy", "typing", "types") and not callable(value):
        for key, v in list(getattr(value, "__dict__", {}).items())[:WIDTH]:
            if not key.startswith("_"):
                yield from tensors_in(f"{name}/{key}", v, depth - 1)
