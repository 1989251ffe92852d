"""What an operation's arguments may be: the property tests draw from it, and so can anyone.

A domain is a tuple, one entry per argument of `forward`, each drawn with the arguments before it at hand.
A *source* supplies the choices (`integer`, `choice`, `reals`): hypothesis in the tests, a random generator elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Shape = tuple[int, ...]


class Source(Protocol):
    """Where choices come from."""

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""

    def reals(self, shape: Shape, low: float, high: float) -> np.ndarray[Any, Any]:
        """A float64 array of numbers in [low, high]."""


class Entry:
    """One argument's domain."""

    def draw(self, source: Source, shape: Shape, given: tuple[Any, ...]) -> Any:
        """A value; `shape` is what the operation's family proposes, `given` the arguments drawn before."""
        raise NotImplementedError


class Reals(Entry):
    """Floating-point arrays with elements in [low, high], at least `margin` away from every number in `avoid`.

    `shape` maps (source, *arguments before) to a shape; without it the family proposes one.
    `distinct` keeps elements apart, for operations that compare them. `avoid` may be a function of the arguments before.
    `filled` gives an empty array of one dimension a second one that has elements, for reductions of at least one.
    """

    def __init__(
        self,
        low: float = -3.0,
        high: float = 3.0,
        *,
        avoid: Sequence[float] | Callable[..., Any] = (),
        margin: float = 0.1,
        shape: Callable[..., Shape] | None = None,
        distinct: bool = False,
        filled: bool = False,
    ) -> None:
        self.low, self.high, self.avoid, self.margin = low, high, avoid, margin
        self.shape, self.distinct, self.filled = shape, distinct, filled

    def draw(self, source: Source, shape: Shape, given: tuple[Any, ...]) -> Any:
        if self.shape is not None:
            shape = self.shape(source, *given)
        if self.filled and shape and not any(shape):
            shape = (*shape, 2)
        x = source.reals(shape, self.low, self.high)
        points = self.avoid(*given) if callable(self.avoid) else self.avoid
        for point in points:
            near = np.abs(x - point) < self.margin
            x = np.where(near, point + np.where(x < point, -self.margin, self.margin), x)
        if self.distinct:
            ranks = np.argsort(np.argsort(x, axis=None)).reshape(shape)
            x = self.low + (ranks + 0.5) * (self.high - self.low) / max(1, x.size)
        return x


class Booleans(Entry):
    """Boolean arrays of the proposed shape."""

    def draw(self, source: Source, shape: Shape, given: tuple[Any, ...]) -> Any:
        return source.reals(shape, -1.0, 1.0) > 0


class Drawn(Entry):
    """Whatever `function(source, *arguments before)` gives: sizes, indices, options."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def draw(self, source: Source, shape: Shape, given: tuple[Any, ...]) -> Any:
        return self.function(source, *given)


def OneOf(*options: Any) -> Drawn:
    """One of the given values."""
    return Drawn(lambda source, *given: source.choice(options))


def _dim(source: Source, x: Any, *_: Any) -> int:
    return source.integer(-x.ndim, x.ndim - 1) if x.ndim else source.choice((0, -1))


def _dims(source: Source, x: Any, *_: Any) -> int | tuple[int, ...] | None:
    kind = source.choice(("all", "one", "several"))
    if kind == "all" or not x.ndim:
        return None
    if kind == "one":
        return _dim(source, x)
    chosen = [d for d in range(x.ndim) if source.choice((True, False))]
    return tuple(d - x.ndim if source.choice((True, False)) else d for d in chosen) or None


def _filled_dims(source: Source, x: Any, *_: Any) -> int | tuple[int, ...] | None:
    if x.size:
        return _dims(source, x)
    filled = tuple(d for d, n in enumerate(x.shape) if n)
    return source.choice((filled, filled[-1] - x.ndim))  # type: ignore[no-any-return]


def _filled_dim(source: Source, x: Any, *_: Any) -> int | None:
    if x.size:
        return source.choice((None, _dim(source, x)))  # type: ignore[no-any-return]
    return source.choice([d for d, n in enumerate(x.shape) if n])  # type: ignore[no-any-return]


def _index(source: Source, x: Any, *_: Any) -> Any:
    """Basic, integer, boolean and mixed indices, repeated entries included."""
    index: list[Any] = []
    for n in x.shape:
        kind = source.choice(("all", "slice", "step", "int", "list", "mask", "new"))
        if kind == "new":
            index.append(None)
            kind = "all"
        if kind == "all" or n == 0:
            index.append(slice(None))
        elif kind == "slice":
            start = source.integer(0, n)
            index.append(slice(start, source.integer(start, n)))
        elif kind == "step":
            index.append(slice(source.integer(0, n - 1), None, source.integer(1, 3)))
        elif kind == "int":
            index.append(source.integer(-n, n - 1))
        elif kind == "list" and not any(isinstance(i, np.ndarray) for i in index):
            index.append(np.array([source.integer(-n, n - 1) for _ in range(source.integer(1, 4))]))
        elif kind == "mask" and not any(isinstance(i, np.ndarray) for i in index):
            index.append(np.array([source.choice((True, False)) for _ in range(n)]))
        else:
            index.append(slice(None))
    while index and source.choice((True, False)):
        if index.pop() is None:
            continue
    if source.choice((True, False)):
        index.append(Ellipsis)
    return tuple(index)


Dim = Drawn(_dim)
Dims = Drawn(_dims)
FilledDims = Drawn(_filled_dims)  # only dimensions that have elements; the array is Reals(filled=True)
FilledDim = Drawn(_filled_dim)
Flag = OneOf(False, True)
Index = Drawn(_index)
