"""NumPy's functions when they meet a Tensor: `np.exp(t)`, `np.sum(t, axis=0)` reach the engine and record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.function import UFUNCS, TensorCore, raw, wrap
from minigrad.ops import copy, elementwise, index, linalg, reduce, shape

REDUCTIONS = {
    np.add: reduce.Sum,
    np.maximum: reduce.Amax,
    np.minimum: reduce.Amin,
}


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """np.ufunc(Tensor, ...): the operation of that ufunc; `out=` of an array or Tensor is refused with the reason."""
    if method == "reduce" and function in REDUCTIONS:
        axis = kwargs.get("axis", 0)
        return REDUCTIONS[function].apply(inputs[0], axis, kwargs.get("keepdims", False))
    if kwargs.get("out") is not None:
        raise TypeError(f"np.{function.__name__}: out= is not supported with tensors; use the tensor's in-place method")
    if method != "__call__" or kwargs:
        return NotImplemented
    operation = UFUNCS.get(function)
    if operation is not None:
        return operation.apply(*inputs)
    if any(isinstance(x, TensorCore) and x._node is not None for x in inputs):
        raise TypeError(f"np.{function.__name__} has no gradient here; use detach() if none is needed")
    result = function(*map(raw, inputs))
    return tuple(map(wrap, result)) if isinstance(result, tuple) else wrap(result)


def function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """np.function(Tensor, ...). Raises TypeError for functions that have no operation."""
    ours = ADAPT.get(function)
    if ours is None:
        return NotImplemented
    return ours(*args, **kwargs)


def _reduction(operation: Any) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: operation.apply(x, axis, keepdims)


def _var(root: bool) -> Callable[..., Any]:
    def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        v = reduce.Var.apply(x, axis, ddof, keepdims)
        return elementwise.Sqrt.apply(v) if root else v

    return var


ADAPT: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(reduce.Sum),
    np.mean: _reduction(reduce.Mean),
    np.max: _reduction(reduce.Amax),
    np.amax: _reduction(reduce.Amax),
    np.min: _reduction(reduce.Amin),
    np.amin: _reduction(reduce.Amin),
    np.argmax: _reduction(reduce.Argmax),
    np.argmin: _reduction(reduce.Argmin),
    np.var: _var(False),
    np.std: _var(True),
    np.all: lambda x, axis=None, keepdims=False: reduce.all(x, axis, keepdims),
    np.any: lambda x, axis=None, keepdims=False: reduce.any(x, axis, keepdims),
    np.shape: lambda x: x._data.shape,
    np.ndim: lambda x: x._data.ndim,
    np.size: lambda x: x._data.size,
    np.reshape: lambda x, shape: shape_of(x, shape),
    np.ravel: lambda x: shape_of(x, -1),
    np.transpose: lambda x, axes=None: shape.Permute.apply(
        x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes)
    ),
    np.swapaxes: shape.Transpose.apply,
    np.moveaxis: shape.movedim,
    np.expand_dims: shape.Unsqueeze.apply,
    np.squeeze: lambda x, axis=None: shape.Squeeze.apply(x, axis),
    np.broadcast_to: lambda x, shape_: shape.Expand.apply(x, tuple(shape_)),
    np.concatenate: lambda xs, axis=0: shape.Cat.apply(axis, *xs),
    np.stack: lambda xs, axis=0: shape.Stack.apply(axis, *xs),
    np.where: elementwise.where,
    np.clip: elementwise.Clamp.apply,
    np.round: elementwise.Round.apply,
    np.dot: linalg.Matmul.apply,
    np.einsum: lambda equation, *xs, optimize=True: linalg.Einsum.apply(equation, *xs),
    np.outer: linalg.outer,
    np.copy: copy.Clone.apply,
    np.zeros_like: lambda x: wrap(np.zeros_like(raw(x))),
    np.ones_like: lambda x: wrap(np.ones_like(raw(x))),
    np.allclose: lambda a, b, **kw: np.allclose(raw(a), raw(b), **kw),
    np.isclose: lambda a, b, **kw: wrap(np.isclose(raw(a), raw(b), **kw)),
    np.array_equal: lambda a, b: np.array_equal(raw(a), raw(b)),
    np.nonzero: lambda x: index.nonzero(x, as_tuple=True),
    np.array_repr: lambda x, *a: repr(x),
    np.array_str: lambda x, *a: repr(x),
}


def shape_of(x: Any, new: Any) -> Any:
    return shape.reshape(x, new)
