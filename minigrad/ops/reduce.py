"""Reductions: over all elements, or over `dim`, an int or several, negative ones counted from the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from minigrad import dtypes
from minigrad.domains import Dim, Dims, Drawn, FilledDim, FilledDims, Flag, Reals
from minigrad.errors import DimensionError, DtypeError, ShapeError
from minigrad.function import Function, TensorCore, raw, wrap
from minigrad.kernels.sums import repeated
from minigrad.operands import cast
from minigrad.ops.dims import all_dims, one_dim
from minigrad.ops.elementwise import only_tensors, select
from minigrad.ops.index import Gather

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

    Dimensions: TypeAlias = int | tuple[int, ...] | list[int] | None

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "softmax",
    "std",
    "sum",
    "var",
]

NO_SUCH_DIM = ((np.ones((2, 3)), 2, False), (np.ones((2, 3)), -3, False))


def axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dims that a reduction drops, counted from the front."""
    dims = all_dims(dim, ndim, "reduce")
    return tuple(range(ndim)) if dims is None else dims


def restored(g: Any, x_shape: Any, dim: Any, keepdim: bool) -> Any:
    """g, the gradient of a reduced result, with its reduced dimensions back as 1, ready to broadcast to x_shape."""
    if keepdim or g.shape == x_shape or dim is None and not g.shape:
        return g
    dims = axes(dim, len(x_shape))
    return np.reshape(g, tuple(1 if i in dims else n for i, n in enumerate(x_shape)))


def count(x_shape: Any, dim: Any) -> int:
    """How many elements each result was made of."""
    return math.prod(x_shape) if dim is None else math.prod(x_shape[i] for i in axes(dim, len(x_shape)))


def over(g: Any, n: int) -> Any:
    """g / n, also where n is more than float16 holds."""
    return g / n if n < 65504 else g * (1 / n)


def wide(x: Any) -> Any:
    """float16 as float32, in which it is summed; anything else as it is."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


class Sum(Function):
    """The sum over dim; integers and booleans sum to int64. Its gradient is repeated. Book 1.3.4 (the repeat node)."""

    symbol, domain, rejects = "Σ", (Reals(), Dims, Flag), NO_SUCH_DIM

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        axis = all_dims(dim, x.ndim, "sum")
        if x.dtype == np.float16:
            return np.sum(x, axis=axis, keepdims=keepdim, dtype=np.float32).astype(np.float16)
        if x.dtype.kind in "iub":
            return np.sum(x, axis=axis, keepdims=keepdim, dtype=np.int64)
        return np.add.reduce(x, axis=axis, keepdims=keepdim)  # type: ignore[call-overload]

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return np.add.reduce(x, axis=tuple(range(x.ndim)) if dim is None or not x.ndim else dim, keepdims=keepdim)  # type: ignore[call-overload]

    def dx(g: Any, x_shape: Any, dim: Any, keepdim: bool) -> Any:
        return repeated(restored(g, x_shape, dim, keepdim), x_shape)


class Mean(Function):
    """The mean over dim. Raises for integers."""

    symbol, domain = "mean", (Reals(), Dims, Flag)
    rejects = (*NO_SUCH_DIM, (np.ones(3, np.int64), None, False))

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        if x.dtype.kind != "f":
            raise DtypeError(
                "mean(): could not infer output dtype. Input dtype must be a floating point dtype, "
                f"got {x.dtype}; convert with .float()"
            )
        total = np.sum(wide(x), axis=all_dims(dim, x.ndim, "mean"), keepdims=keepdim)
        return (total / count(x.shape, dim)).astype(x.dtype, copy=False)

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return Sum.oracle(x, dim, keepdim) / count(x.shape, dim)

    def dx(g: Any, x_shape: Any, dim: Any, keepdim: bool) -> Any:
        return repeated(restored(over(g, count(x_shape, dim)), x_shape, dim, keepdim), x_shape)


class Var(Function):
    """The variance over dim, the sum of squares divided by n - correction."""

    symbol = "var"
    domain = Reals(), Dims, Drawn(lambda source, x, dim: source.integer(0, int(count(x.shape, dim) > 1))), Flag
    rejects = ((np.ones((2, 3)), 2, 1, False),)

    def forward(x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        if x.dtype.kind != "f":
            raise DtypeError(f"var: only floating point dtypes are supported, got {x.dtype}")
        axis = all_dims(dim, x.ndim, "var")
        n = count(x.shape, dim)
        centred = wide(x) - np.sum(wide(x), axis=axis, keepdims=True) / n
        total = np.sum(centred * centred, axis=axis, keepdims=keepdim)
        return (total / np.maximum(0, n - correction).astype(total.dtype)).astype(x.dtype)

    def oracle(x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        n = count(x.shape, dim)
        return (Mean.oracle(x * x, dim, keepdim) - Mean.oracle(x, dim, keepdim) ** 2) * n / (n - correction)

    def dx(g: Any, x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        n = count(x.shape, dim)
        scale = 2 / (n - correction) if n > correction else float("inf")
        return restored(g, x.shape, dim, keepdim) * (scale * (x - Mean.apply(x, dim, True)))


class Std(Function):
    """The square root of the variance; the derivative is 0 where all elements are equal (PyTorch)."""

    symbol, domain, rejects = "std", Var.domain, Var.rejects

    def forward(x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        return np.sqrt(Var.forward(x, dim, correction, keepdim))

    def oracle(x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        return Var.oracle(x, dim, correction, keepdim) ** 0.5

    def dx(g: Any, x: Any, dim: Any, correction: float, out: Any, keepdim: bool) -> Any:
        zero = raw(out) == 0
        slope = np.where(zero, 0, g / np.where(zero, 1, 2 * out))
        return Var.dx(slope, x, dim, correction, keepdim)


class Amax(Function):
    """The largest element over dim; equal ones share the gradient evenly (PyTorch)."""

    symbol, domain = "max", (Reals(distinct=True, filled=True), FilledDims, Flag)
    rejects = (*NO_SUCH_DIM, (np.ones((2, 0)), 1, False))

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        refuse_empty(x, dim, "amax", ShapeError)
        return np.max(x, axis=all_dims(dim, x.ndim, "amax"), keepdims=keepdim)

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return -np.min(-x, axis=dim, keepdims=keepdim)

    def dx(g: Any, x: Any, dim: Any, out: Any, keepdim: bool) -> Any:
        return shared_evenly(g, x, dim, out, keepdim)


class Amin(Function):
    """The smallest element over dim; equal ones share the gradient evenly (PyTorch)."""

    symbol, domain, rejects = "min", (Reals(distinct=True, filled=True), FilledDims, Flag), Amax.rejects

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        refuse_empty(x, dim, "amin", ShapeError)
        return np.min(x, axis=all_dims(dim, x.ndim, "amin"), keepdims=keepdim)

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return -np.max(-x, axis=dim, keepdims=keepdim)

    def dx(g: Any, x: Any, dim: Any, out: Any, keepdim: bool) -> Any:
        return shared_evenly(g, x, dim, out, keepdim)


def shared_evenly(g: Any, x: Any, dim: Any, out: Any, keepdim: bool) -> Any:
    """The gradient of a maximum or minimum: divided among the elements that are equal to it, or NaN as it is."""
    extreme = restored(raw(out), x.shape, dim, keepdim)
    ties = raw(x) == extreme
    if np.isnan(extreme).any():
        ties = ties | np.isnan(raw(x)) & np.isnan(extreme)
    number = np.sum(ties, axis=all_dims(dim, x.ndim, "amax"), keepdims=True)
    return select(restored(g, x.shape, dim, keepdim) / number.astype(raw(x).dtype), ties)


def refuse_empty(x: Any, dim: Any, name: str, error: type[Exception]) -> None:
    """Raise where there is no element to choose: `error` over all, DimensionError over a dimension without elements."""
    if x.size:
        return
    if dim is None or dim == ():
        raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0, got shape {x.shape}")
    for d in (dim,) if isinstance(dim, int) else dim:
        if not x.shape[one_dim(d, x.ndim, name)]:
            raise DimensionError(f"{name}(): Expected reduction dim {d} to have non-zero size, got shape {x.shape}")


class Logsumexp(Function):
    """log(sum(exp(x))) over dim, shifted by the maximum so that it cannot overflow."""

    symbol, domain, rejects, to_float = "logsumexp", (Reals(), Dims, Flag), NO_SUCH_DIM, True

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        axis = all_dims(dim, x.ndim, "logsumexp")
        shift = np.max(wide(x), axis=axis, keepdims=True, initial=-np.inf)
        shift = np.where(np.isfinite(shift), shift, 0).astype(shift.dtype)
        out = np.log(np.sum(np.exp(wide(x) - shift), axis=axis, keepdims=True)) + shift
        return (out if keepdim else np.squeeze(out, axis=axis)).astype(x.dtype)[()]

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return np.log(np.sum(np.exp(x), axis=dim, keepdims=keepdim))

    def dx(g: Any, x: Any, dim: Any, out: Any, keepdim: bool) -> Any:
        return restored(g, x.shape, dim, keepdim) * np.exp(x - restored(out, x.shape, dim, keepdim))


def line_of(x: Any, dim: int, name: str) -> int | None:
    """The axis along which x is normalised, None for a scalar. Raises for integers and for a dim out of range."""
    axis = one_dim(dim, x.ndim, name)
    if x.dtype.kind != "f":
        raise DtypeError(f"{name}: not implemented for {x.dtype}, only for floating point; convert with .float()")
    return axis if x.ndim else None


class Softmax(Function):
    """exp(x) over its sum along dim, shifted by the maximum. Book 3.5."""

    symbol, domain, rejects = "softmax", (Reals(), Dim), ((np.ones((2, 3)), 2), (np.ones(3, int), 0))

    def forward(x: Any, dim: int) -> Any:
        axis = line_of(x, dim, "softmax")
        e = wide(x) - np.max(wide(x), axis=axis, keepdims=True, initial=-np.inf)
        e = np.exp(e)
        return (e / np.sum(e, axis=axis, keepdims=True)).astype(x.dtype, copy=False)[()]

    def oracle(x: Any, dim: int) -> Any:
        return np.exp(x) / np.sum(np.exp(x), axis=dim if x.ndim else None, keepdims=True)

    def dx(g: Any, dim: int, out: Any) -> Any:
        return out * (g - Sum.apply(g * out, dim, True))


class LogSoftmax(Function):
    """log(softmax(x)) along dim, without forming the softmax."""

    symbol, domain, rejects = "log_softmax", (Reals(), Dim), ((np.ones((2, 3)), 2), (np.ones(3, int), 0))

    def forward(x: Any, dim: int) -> Any:
        axis = line_of(x, dim, "log_softmax")
        shifted = wide(x) - np.max(wide(x), axis=axis, keepdims=True, initial=-np.inf)
        return (shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))).astype(x.dtype, copy=False)[()]

    def oracle(x: Any, dim: int) -> Any:
        return np.log(Softmax.oracle(x, dim))

    def dx(g: Any, dim: int, out: Any) -> Any:
        return g - np.exp(out) * Sum.apply(g, dim, True)


class Argmax(Function):
    """The index of the largest element, the first of equal ones; over all elements if dim is None."""

    symbol, domain = "argmax", (Reals(distinct=True, filled=True), FilledDim, Flag)
    rejects = (*NO_SUCH_DIM, (np.ones(0), None, False))

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        refuse_empty(x, dim, "argmax", DimensionError)
        axis = None if dim is None else one_dim(dim, x.ndim, "argmax")
        return np.argmax(x, axis=axis if x.ndim else None, keepdims=keepdim)

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return np.argsort(-x, axis=dim).take(0, axis=dim).reshape(Amax.oracle(x, dim, keepdim).shape) if x.ndim else 0


class Argmin(Function):
    """The index of the smallest element, the first of equal ones; over all elements if dim is None."""

    symbol, domain, rejects = "argmin", (Reals(distinct=True, filled=True), FilledDim, Flag), Argmax.rejects

    def forward(x: Any, dim: Any, keepdim: bool) -> Any:
        refuse_empty(x, dim, "argmin", DimensionError)
        axis = None if dim is None else one_dim(dim, x.ndim, "argmin")
        return np.argmin(x, axis=axis if x.ndim else None, keepdims=keepdim)

    def oracle(x: Any, dim: Any, keepdim: bool) -> Any:
        return Argmax.oracle(-x, dim, keepdim)


# ------------------------------------------------------------------ functions


class ValuesIndices(NamedTuple):
    """What `max` and `min` with a dim return, as PyTorch's named tuples."""

    values: Any
    indices: Any


def _dim_of(dim: Any, axis: Any) -> Any:
    return dim if axis is None else axis


def sum(
    input: Tensor,
    dim: Dimensions = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    axis: Dimensions = None,
    keepdims: bool = False,
) -> Tensor:
    """The sum over dim (all elements if None), of elements first converted to dtype. PyTorch: `sum`.

    Raises DimensionError for a dim out of range.
    """
    if dtype is None:
        return Sum.apply(input, _dim_of(dim, axis), keepdim or keepdims)
    wanted = dtypes.as_numpy(dtype)
    return cast(Sum.apply(cast(input, wanted), _dim_of(dim, axis), keepdim or keepdims), wanted)


def mean(
    input: Tensor,
    dim: Dimensions = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
    axis: Dimensions = None,
    keepdims: bool = False,
) -> Tensor:
    """The mean over dim (all elements if None). PyTorch: `mean`. Raises DtypeError for integers."""
    x = input if dtype is None else cast(input, dtypes.as_numpy(dtype))
    return Mean.apply(x, _dim_of(dim, axis), keepdim or keepdims)


def var(
    input: Tensor,
    dim: Dimensions | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dimensions = None,
) -> Tensor:
    """The variance over dim, divided by n - correction (1 by default, 0 if unbiased=False). PyTorch: `var`."""
    return Var.apply(input, *_var_arguments(dim, unbiased, correction, axis), keepdim)


def std(
    input: Tensor,
    dim: Dimensions | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dimensions = None,
) -> Tensor:
    """The square root of `var`. PyTorch: `std`."""
    return Std.apply(input, *_var_arguments(dim, unbiased, correction, axis), keepdim)


def _var_arguments(dim: Any, unbiased: bool | None, correction: float | None, axis: Any) -> tuple[Any, float]:
    """The dims and the correction that the arguments of var and std say."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 0 if unbiased is False else 1
    return _dim_of(dim, axis), correction


def amax(input: Tensor, dim: Dimensions = (), keepdim: bool = False) -> Tensor:
    """The largest element over dim; ties share the gradient. PyTorch: `amax`."""
    only_tensors("amax", input)
    return Amax.apply(input, dim or None if not isinstance(dim, int) else dim, keepdim)


def amin(input: Tensor, dim: Dimensions = (), keepdim: bool = False) -> Tensor:
    """The smallest element over dim; ties share the gradient. PyTorch: `amin`."""
    only_tensors("amin", input)
    return Amin.apply(input, dim or None if not isinstance(dim, int) else dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: int | None = None) -> Any:
    """The largest element; with a dim (values, indices), the gradient to the first of equal ones; of two tensors `maximum`.

    PyTorch: `max`.
    """
    return _extreme(input, _dim_of(dim, axis), keepdim, Amax, Argmax, "maximum")


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: int | None = None) -> Any:
    """The smallest element; with a dim (values, indices), the gradient to the first of equal ones; of two tensors `minimum`.

    PyTorch: `min`.
    """
    return _extreme(input, _dim_of(dim, axis), keepdim, Amin, Argmin, "minimum")


def _extreme(x: Any, dim: Any, keepdim: bool, every: Any, where: Any, pair: str) -> Any:
    if isinstance(dim, TensorCore):
        return getattr(x, pair)(dim)
    if dim is None:
        return every.apply(x, None, False)
    only_tensors(pair[:3], x)
    refuse_empty(raw(x), dim, pair[:3], ShapeError)
    if not np.ndim(raw(x)):
        one_dim(dim, 0, every.__name__.lower())
        return ValuesIndices(x.clone(), wrap(np.int64(0)))
    index = where.forward(raw(x), dim, True)
    values, indices = Gather.apply(x, one_dim(dim, x.ndim, "max"), index), wrap(index)
    return ValuesIndices(values, indices) if keepdim else ValuesIndices(values.squeeze(dim), indices.squeeze(dim))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Tensor:
    """The index of the largest element, int64. PyTorch: `argmax`. Raises DtypeError for booleans."""
    only_tensors("argmax", input)
    if raw(input).dtype.kind == "b":
        raise DtypeError("argmax(): does not support bool input; convert with .int()")
    return Argmax.apply(input, _dim_of(dim, axis), keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Tensor:
    """The index of the smallest element, int64. PyTorch: `argmin`. Raises DtypeError for booleans."""
    only_tensors("argmin", input)
    if raw(input).dtype.kind == "b":
        raise DtypeError("argmin(): does not support bool input; convert with .int()")
    return Argmin.apply(input, _dim_of(dim, axis), keepdim)


def logsumexp(input: Tensor, dim: Dimensions, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over dim, stable. PyTorch: `logsumexp`. Raises TypeError for dim=None."""
    if dim is None:
        raise TypeError("logsumexp(): argument 'dim' must be an int or a tuple of ints, not NoneType")
    return Logsumexp.apply(input, dim, keepdim)


def softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along dim, stable. PyTorch: `softmax`. Book 3.5."""
    return Softmax.apply(input if dtype is None else cast(input, dtypes.as_numpy(dtype)), dim)


def log_softmax(input: Tensor, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
    """log(softmax(input)) along dim, stable. PyTorch: `log_softmax`."""
    return LogSoftmax.apply(input if dtype is None else cast(input, dtypes.as_numpy(dtype)), dim)


def all(input: Tensor, dim: Dimensions = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true (not zero); of uint8 as uint8. PyTorch: `all`."""
    return _truth(np.all, input, dim, keepdim, "all")


def any(input: Tensor, dim: Dimensions = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true (not zero); of uint8 as uint8. PyTorch: `any`."""
    return _truth(np.any, input, dim, keepdim, "any")


def _truth(function: Callable[..., Any], input: Tensor, dim: Any, keepdim: bool, name: str) -> Tensor:
    only_tensors(name, input)
    x = raw(input)
    found = x != 0 if dim == () else function(x, axis=all_dims(dim, x.ndim, name), keepdims=keepdim)
    return wrap(found.astype(np.uint8) if x.dtype == np.uint8 else found)


def count_nonzero(input: Tensor, dim: Dimensions = None) -> Tensor:
    """How many elements are not zero, int64. PyTorch: `count_nonzero`."""
    only_tensors("count_nonzero", input)
    return wrap(np.count_nonzero(raw(input), axis=all_dims(dim, raw(input).ndim, "count_nonzero")) + np.int64(0))


class ReduceMethods:
    """The functions above as methods of Tensor."""

    __slots__ = ()

    sum, mean, var, std, amax, amin, max, min = sum, mean, var, std, amax, amin, max, min
    argmax, argmin, logsumexp, softmax, log_softmax = argmax, argmin, logsumexp, softmax, log_softmax
    all, any, count_nonzero = all, any, count_nonzero
