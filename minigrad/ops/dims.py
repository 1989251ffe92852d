"""How operations read `dim`, shapes and other arguments that say where: with PyTorch's types and errors."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.errors import DimensionError, ShapeError

Shape = tuple[int, ...]


def one_dim(dim: int, ndim: int, name: str) -> int:
    """dim counted from the front. Raises DimensionError naming the range if there is none such."""
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}: dim must be an int, not {type(dim).__name__}")
    high = ndim or 1
    if not -high <= dim < high:
        raise DimensionError(
            f"{name}: Dimension out of range (expected to be in range of [{-high}, {high - 1}], but got {dim})"
        )
    return int(dim) % high


def some_dims(dims: Any, ndim: int, name: str) -> Shape:
    """One dim or several, counted from the front. Raises for one out of range or given twice."""
    found = tuple(one_dim(d, ndim, name) for d in (dims if isinstance(dims, (tuple, list)) else (dims,)))
    if len(set(found)) != len(found):
        raise RuntimeError(f"{name}: dim {tuple(dims)} names a dimension twice")
    return found


def all_dims(dim: Any, ndim: int, name: str) -> Shape | None:
    """The dims of a reduction, counted from the front; none given, or no dims, means all: None."""
    if dim is None:
        return None
    found = some_dims(dim, ndim, name)
    return (found or None) if ndim else ()


def sizes_of(sizes: tuple[Any, ...], keyword: Any, name: str) -> Shape:
    """The ints given as f(2, 3), f((2, 3)) or by keyword. Raises TypeError if there are none, or no ints."""
    if keyword is not None and not sizes:
        sizes = (keyword,)
    elif not sizes or keyword is not None:
        raise TypeError(f"{name}() takes sizes once: {name}(2, 3) or {name}((2, 3)), or {name}(()) for none")
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    try:
        return tuple(operator.index(n) for n in sizes)
    except TypeError:
        raise TypeError(f"{name}(): sizes must be ints, got {sizes!r:.80}") from None


def filled(shape: Shape, size: int, name: str) -> Shape:
    """shape with its -1 worked out. Raises ShapeError if it cannot hold `size` elements."""
    known = math.prod(n for n in shape if n != -1)
    unknown = shape.count(-1)
    if unknown > 1:
        raise ShapeError(f"{name}: only one dimension of shape {shape} can be -1 and inferred")
    if any(n < -1 for n in shape):
        raise ShapeError(f"{name}: invalid shape dimension in {shape}; sizes are >= 0, or -1 once")
    if unknown and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in shape)
    if unknown or known != size:
        raise ShapeError(f"{name}: shape {shape} is invalid for input of size {size}")
    return shape
