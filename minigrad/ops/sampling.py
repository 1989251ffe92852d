"""Making tensors from random numbers, and overwriting them with such.

Numbers come from `generator`, by default the one that `minigrad.manual_seed` seeds, and are those that PyTorch gives:
see `docs/random.md`. Names, arguments, defaults and dtypes are PyTorch's. `device` may be None or 'cpu'.
"""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad import dtypes, random
from minigrad.dtypes import DtypeLike, as_numpy
from minigrad.errors import ShapeError
from minigrad.function import TensorCore, wrap
from minigrad.memory import check_inplace
from minigrad.ops.arguments import (
    array_of,
    empty_as,
    floating,
    integer,
    made,
    natural,
    number,
    numeric,
    range_of,
    size_of,
    tuple_of,
)
from minigrad.random import Array, Generator

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

T = TypeVar("T", bound="RandomMethods")


def _source(name: str, generator: Any) -> Generator:
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"{name}: 'generator' must be a minigrad.Generator, not {type(generator).__name__}")
    return random.current() if generator is None else generator


def _drawn(like: Array, draw: Callable[..., Array], *beside: Array) -> Array:
    """draw(shape, *beside) in the shape of `like`, drawn in the order of its memory, as PyTorch fills a tensor."""
    order = sorted(range(like.ndim), key=lambda d: -abs(like.strides[d]))
    shape = tuple(like.shape[d] for d in order)
    values = draw(shape, *(np.broadcast_to(b, like.shape).transpose(order) for b in beside))
    return values.transpose(np.argsort(order))


def _uniform(name: str, like: Array, generator: Any, low: Any = 0.0, high: Any = 1.0) -> Array:
    source, dtype = _source(name, generator), floating(name, like.dtype)
    bottom, top = float(number(name, "from", low)), float(number(name, "to", high))
    largest = range_of(dtype)[1]
    for argument, bound in (("from", bottom), ("to", top)):
        if not abs(bound) <= largest:
            raise RuntimeError(f"{name}: {argument}={bound} is out of bounds for {dtype}")
    if not 0 <= top - bottom <= largest:
        raise RuntimeError(f"{name}: expects from <= to and a range that {dtype} can hold, got from={bottom}, to={top}")
    return _drawn(like, lambda shape: random.uniform(source, shape, dtype, bottom, top))


def _normal(name: str, like: Array, generator: Any, mean: Any = 0.0, std: Any = 1.0) -> Array:
    source, dtype = _source(name, generator), floating(name, like.dtype)
    center, spread = float(number(name, "mean", mean)), float(number(name, "std", std))
    if not spread >= 0:
        raise RuntimeError(f"{name}: expects std >= 0, got {spread}")
    in_pairs = not like.flags.c_contiguous
    return _drawn(like, lambda shape: random.normal(source, shape, dtype, center, spread, in_pairs=in_pairs))


def _integers(name: str, like: Array, generator: Any, low: Any, high: Any) -> Array:
    source, dtype = _source(name, generator), like.dtype
    first, last = integer(name, "low", low), integer(name, "high", high) - 1
    if last < first:
        raise RuntimeError(f"{name}: expects low < high, got low={first}, high={last + 1}")
    lowest, highest = range_of(dtype)
    if first < lowest or last > highest:
        raise RuntimeError(f"{name}: {first} to {last} is out of bounds for {dtype}, which holds {lowest} to {highest}")
    return _drawn(like, lambda shape: random.integers(source, shape, dtype, first, last + 1))


def _bernoulli(name: str, like: Array, generator: Any, p: Any) -> Array:
    source, dtype = _source(name, generator), like.dtype
    if not isinstance(p, TensorCore):
        p = float(number(name, "p", p))
        if not 0 <= p <= 1:
            raise RuntimeError(f"{name}: expects p in [0, 1], got {p}")
        return _drawn(like, lambda shape: random.bernoulli(source, shape, dtype, p))
    chances = array_of(name, "p", p)
    floating(name, chances.dtype)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise RuntimeError(f"{name}: expects every p in [0, 1], got {chances.min()} to {chances.max()}")
    try:
        return _drawn(like, lambda shape, each: random.bernoulli(source, shape, dtype, each), chances)
    except ValueError:
        raise ShapeError(f"{name}: p of shape {chances.shape} cannot be expanded to shape {like.shape}") from None


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers, 0 included, 1 not. PyTorch: `rand`."""
    out = np.empty(size_of("rand", sizes, size), as_numpy(dtype))
    return made("rand", _uniform("rand", out, generator), device, requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1. PyTorch: `randn`."""
    out = np.empty(size_of("randn", sizes, size), as_numpy(dtype))
    return made("randn", _normal("randn", out, generator), device, requires_grad)


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = dtypes.int64,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from low to high - 1; `randint(high, size)` starts from 0. PyTorch: `randint`."""
    if size is None and isinstance(high, (tuple, list)):
        high, size = None, high
    if high is None:
        low, high = 0, low
    out = np.empty(tuple_of("randint", size), as_numpy(dtypes.int64 if dtype is None else dtype))
    return made("randint", _integers("randint", out, generator, low, high), device, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = dtypes.int64,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0 to n - 1 in random order, shape (n,). PyTorch: `randperm`."""
    count, wanted = natural("randperm", "n", n), numeric("randperm", as_numpy(dtypes.int64 if dtype is None else dtype))
    largest = random.largest(wanted)
    if count - 1 > largest:
        raise RuntimeError(f"randperm: n = {count} is too large for {wanted}, which counts to {largest}")
    order = random.permutation(_source("randperm", generator), count)
    return made("randperm", order.astype(wanted, copy=False), device, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in input's shape and dtype. PyTorch: `rand_like`."""
    out = empty_as("rand_like", input, dtype)
    return made("rand_like", _uniform("rand_like", out, generator), device, requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers in input's shape and dtype. PyTorch: `randn_like`."""
    out = empty_as("randn_like", input, dtype)
    return made("randn_like", _normal("randn_like", out, generator), device, requires_grad)


def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from low to high - 1 in input's shape and dtype; `randint_like(input, high)` starts from 0.

    PyTorch: `randint_like`.
    """
    if high is None:
        low, high = 0, low
    out = empty_as("randint_like", input, dtype)
    return made("randint_like", _integers("randint_like", out, generator, low, high), device, requires_grad)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers around `mean` with the standard deviation `std`. PyTorch: `normal`.

    Both numbers, with a size; or one or both tensors, of shapes that broadcast; mean's dtype. No gradient flows to them.
    """
    if not isinstance(mean, TensorCore) and not isinstance(std, TensorCore):
        if size is None:
            raise TypeError("normal: 'size' is missing; mean and std are both numbers")
        out = np.empty(tuple_of("normal", size), as_numpy(dtype))
        return made("normal", _normal("normal", out, generator, mean, std), device, requires_grad)
    if size is not None or dtype is not None:
        raise TypeError("normal: 'size' and 'dtype' come from the tensors mean and std; leave them out")
    center, spread = _operand("mean", mean), _operand("std", std)
    if not np.all(spread >= 0):
        raise RuntimeError("normal: expects every std >= 0")
    try:
        shape = np.broadcast_shapes(np.shape(center), np.shape(spread))
    except ValueError:
        raise ShapeError(f"normal: shapes {center.shape} of mean and {spread.shape} of std do not broadcast") from None
    values = _normal("normal", np.empty(shape, (center if isinstance(mean, TensorCore) else spread).dtype), generator)
    values *= spread
    values += center
    return made("normal", values, device, requires_grad)


def _operand(argument: str, value: Any) -> Any:
    """An array, or a number, which is weak."""
    if isinstance(value, TensorCore):
        return array_of("normal", argument, value)
    return number("normal", argument, value)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with probability input, element by element, else 0, in input's dtype; or all with probability p.

    PyTorch: `bernoulli`. Raises RuntimeError for probabilities outside [0, 1]. No gradient flows to input.
    """
    array = array_of("bernoulli", "input", input)
    values = _bernoulli(
        "bernoulli", np.empty(array.shape, array.dtype), generator, input if p is None else number("bernoulli", "p", p)
    )
    return made("bernoulli", values, None, False)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`num_samples` indices per row, each with a probability proportional to its weight in input. int64.

    input has shape (categories,) or (rows, categories). PyTorch: `multinomial`. Raises RuntimeError for weights that
    are negative, not finite or all 0, and where a row has fewer positive ones than are to be drawn without replacement.
    """
    weights = array_of("multinomial", "input", input)
    floating("multinomial", weights.dtype)
    count = integer("multinomial", "num_samples", num_samples)
    if weights.ndim not in (1, 2):
        raise ShapeError(f"multinomial: expects weights of 1 or 2 dimensions, got shape {weights.shape}")
    if count <= 0:
        raise RuntimeError(f"multinomial: expects num_samples > 0, got {count}")
    if not ((weights >= 0) & np.isfinite(weights)).all():
        raise RuntimeError("multinomial: every weight must be finite and not negative")
    choices = (weights > 0).sum(-1)
    needed = 1 if replacement else count
    if weights.shape[-1] < needed or (choices < needed).any():
        raise RuntimeError(
            f"multinomial: {count} indices {'with' if replacement else 'without'} replacement need at least {needed} "
            f"positive weights in every row, got {choices.min(initial=weights.shape[-1])}"
        )
    return wrap(random.multinomial(_source("multinomial", generator), weights, count, replacement))


class RandomMethods:
    """Random numbers as methods of Tensor. Those ending in _ overwrite self in place, also through views.

    They raise RuntimeError for a leaf that requires grad, outside no_grad, and for arguments out of range.
    """

    __slots__ = ()
    _data: Any

    bernoulli = bernoulli
    multinomial = multinomial

    def uniform_(self: T, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> T:
        """Uniform numbers from `from_` (included) to `to` (left out), floating dtypes. PyTorch: `uniform_`."""
        return _overwrite(self, "uniform_", lambda buffer: _uniform("uniform_", buffer, generator, from_, to))

    def normal_(self: T, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> T:
        """Normal numbers, floating dtypes. PyTorch: `normal_`."""
        return _overwrite(self, "normal_", lambda buffer: _normal("normal_", buffer, generator, mean, std))

    def random_(
        self: T,
        from_: int | None = None,
        to: int | EllipsisType | None = ...,
        *,
        generator: Generator | None = None,
    ) -> T:
        """Integers: `random_()` 0 to the dtype's largest, `random_(to)` 0 to to - 1, `random_(from_, to)` the rest.

        For floating dtypes the largest is the last up to which all integers are exact, 2**24 for float32; `to=None`
        means up to and with the largest. PyTorch: `random_`.
        """

        def draw(buffer: Array) -> Array:
            if from_ is None and to is ...:
                source = _source("random_", generator)
                return _drawn(buffer, lambda shape: random.any_integers(source, shape, buffer.dtype))
            if to is ...:
                return _integers("random_", buffer, generator, 0, from_)
            end = random.largest(buffer.dtype) + 1 if to is None else to
            return _integers("random_", buffer, generator, from_ or 0, end)

        return _overwrite(self, "random_", draw)

    def bernoulli_(self: T, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> T:
        """1 with probability p, a number or a tensor that broadcasts to self, else 0. PyTorch: `bernoulli_`."""
        return _overwrite(self, "bernoulli_", lambda buffer: _bernoulli("bernoulli_", buffer, generator, p))

    def exponential_(self: T, lambd: float = 1.0, *, generator: Generator | None = None) -> T:
        """Exponential numbers with the rate `lambd` (1 / mean), floating dtypes. PyTorch: `exponential_`."""

        def draw(buffer: Array) -> Array:
            source, dtype = _source("exponential_", generator), floating("exponential_", buffer.dtype)
            rate = float(number("exponential_", "lambd", lambd))
            if not rate > 0:
                raise RuntimeError(f"exponential_: expects lambd > 0, got {rate}")
            return _drawn(buffer, lambda shape: random.exponential(source, shape, dtype, rate))

        return _overwrite(self, "exponential_", draw)


def _overwrite(t: T, name: str, draw: Callable[[Array], Array]) -> T:
    """Write what is drawn for t's buffer into it; what t was before gets a gradient of zeros."""
    tensor: Any = t
    check_inplace(tensor, name)
    tensor.copy_(wrap(draw(tensor._buffer())))
    return t
