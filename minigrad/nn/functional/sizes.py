"""How convolutions and pools read their sizes, and images without a batch. Shared by `nn.functional`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from minigrad.errors import DtypeError, ShapeError, describe
from minigrad.tensor import Tensor

Sizes = int | Sequence[int]
Shape = tuple[int, ...]


def per_dim(name: str, argument: str, value: Any, dims: int, least: int = 0) -> Shape:
    """One int for each of `dims` dimensions, from one for all, or a sequence. Raises TypeError or ShapeError."""
    many = isinstance(value, (tuple, list))
    try:
        found = tuple(map(operator.index, value)) if many else (operator.index(value),)
    except TypeError:
        raise TypeError(f"{name}(): '{argument}' must be an int or {dims} of them, not {value!r:.60}") from None
    if len(found) == 1:
        found *= dims
    if len(found) != dims:
        raise ShapeError(f"{name}(): '{argument}' must be an int or {dims} of them, got {value!r:.60}")
    if any(n < least for n in found):
        kind = "negative" if least == 0 else "non-positive"
        raise ShapeError(f"{name}(): {kind} {argument} is not supported, got {value!r:.60}")
    return found


def repeated(value: Any, dims: int) -> Any:
    """A number as one for each dimension; sequences as tuples."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims


def batched(name: str, input: Tensor, dims: int) -> tuple[Tensor, bool]:
    """The images with a batch dimension, and whether they had one. Raises for other numbers of dimensions."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    if input.ndim == dims + 1:
        return input.unsqueeze(0), False
    if input.ndim == dims + 2:
        return input, True
    raise ShapeError(
        f"{name}: Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got {describe(input)}"
    )


def one_floating_dtype(name: str, *tensors: Tensor | None) -> None:
    """Raise DtypeError unless all are of one floating dtype."""
    given = [t for t in tensors if t is not None]
    for t in given:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): expected tensors, got {type(t).__name__}")
    if len({t.dtype for t in given}) > 1 or not given[0].is_floating_point():
        raise DtypeError(
            f"{name}: input, weight and bias should be of the same floating type, got "
            + ", ".join(map(describe, given))
        )
