"""What the tensors of a picture are called: as the caller says, or as the caller's own variables are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from minigrad.function import TensorCore
from minigrad.nn import Module

DEPTH, THINGS = 3, 20_000  # how deep variables are searched for tensors, and how many things are looked at
NOTEBOOK = {"In", "Out"}


class Names:
    """Names of tensors by identity. `alive` are the tensors that were found."""

    def __init__(self, given: Mapping[str, Any] | None, *scopes: Mapping[str, Any]) -> None:
        self.alive: list[Any] = []
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        for name, t in (given or {}).items():
            if not isinstance(t, TensorCore):
                raise TypeError(f"names: expected a dict of names and tensors, got {type(t).__name__} for {name!r}")
            self._add(str(name), t, whole=True)
        for scope in scopes:
            variables = {k: v for k, v in list(scope.items()) if not k.startswith("_") and k not in NOTEBOOK}
            for name, t in islice(tensors_in(variables), THINGS):
                if t is not None:
                    self._add(name, t)

    def _add(self, name: str, t: Any, whole: bool = False) -> None:
        if id(t) not in self._names:
            short = name if whole else name.rpartition("/")[2]
            self._names[id(t)] = name = name.replace("/", ".") if short in self._taken and not whole else short
            self._taken.add(name)
            self.alive.append(t)

    def of(self, t: Any) -> str:
        """The tensor's name, or ""."""
        return self._names.get(id(t), "")


def tensors_in(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The tensors in variables: themselves, entries of dicts and lists, parameters of modules, attributes of objects.

    A name is "owner/member" where the member's own name says enough unless another tensor has it. Everything that is
    looked at is given, as None if it is no tensor, so that a search can be cut short. Direct tensors come first.
    """
    level: Iterable[tuple[str, Any]] = list(variables.items())
    for _ in range(DEPTH + 1):
        below: list[Iterator[tuple[str, Any]]] = []
        for name, value in level:
            yield name, value if isinstance(value, TensorCore) else None
            if not isinstance(value, (TensorCore, type, str, bytes, int, float)):
                below.append(members(name, value))
        level = chain.from_iterable(below)


def members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What is in a container, a module or an object of a class of the user's, with names."""
    if isinstance(value, Module):
        yield from ((f"{name}/{k}", t) for k, t in chain(value.named_parameters(), value.named_buffers()))
    elif isinstance(value, dict):
        yield from ((f"{name}/{k}", v) for k, v in list(value.items()) if isinstance(k, str))
    elif isinstance(value, (list, tuple)):
        yield from ((f"{name}[{i}]", v) for i, v in enumerate(value))
    elif type(value).__module__ not in ("builtins", "numpy", "typing", "types"):
        yield from ((f"{name}/{k}", v) for k, v in list(vars_of(value).items()) if not k.startswith("_"))


def vars_of(value: Any) -> dict[str, Any]:
    found = getattr(value, "__dict__", None)
    return found if isinstance(found, dict) else {}
