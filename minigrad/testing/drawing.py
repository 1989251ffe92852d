"""Arguments for an operation, drawn from its domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.domains import Shape, Source
from minigrad.function import Function


class RandomSource:
    """Choices of a domain from a random generator, the same ones for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return int(self._random.integers(low, high + 1))

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def reals(self, shape: Shape, low: float, high: float) -> np.ndarray[Any, Any]:
        """A float64 array of numbers in [low, high]."""
        return np.asarray(self._random.uniform(low, high, shape))


def draw(operation: type[Function], source: Source, shape: Shape | None = None) -> tuple[Any, ...]:
    """One tuple of arguments for `operation.forward` from the operation's domain; arrays are float64.

    Arguments whose entry says nothing else get `shape`, by default a drawn one of up to three dimensions. Those of an
    operation that broadcasts get shapes that broadcast with it.
    """
    if operation.domain is None:
        raise TypeError(f"{operation.__name__} has no domain to draw from; see docs/adding-an-operation.md")
    base = _shape(source) if shape is None else shape
    broadcasts = operation.broadcasts or isinstance(operation.forward, np.ufunc)
    args: list[Any] = []
    for entry in operation.domain:
        proposed = _broadcastable(source, base) if broadcasts and args else base
        args.append(entry.draw(source, proposed, tuple(args)))
    return tuple(args)


def _shape(source: Source) -> Shape:
    sizes = [source.integer(1, 3) for _ in range(source.integer(0, 3))]
    if sizes and source.integer(0, 9) == 9:
        sizes[source.integer(0, len(sizes) - 1)] = 0
    return tuple(sizes)


def _broadcastable(source: Source, base: Shape) -> Shape:
    """A shape that broadcasts with base: the same, or some sizes made 1 and some leading dimensions left out."""
    if source.choice((True, True, False)):
        return base
    kept = base[source.integer(0, len(base)) :]
    return tuple(n if source.choice((True, False)) else 1 for n in kept)
