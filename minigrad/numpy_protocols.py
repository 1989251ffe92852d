"""NumPy's functions when they meet a Tensor: `np.exp(t)`, `np.sum(t, axis=0)` reach the engine and record.

A function that has no operation here works on the arrays of tensors that need no gradient, and gives what NumPy gives;
for tensors that need one it raises TypeError, since the gradient would be lost.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.dtypes import BY_NUMPY
from minigrad.function import UFUNCS, TensorCore, edge_of, raw, wrap
from minigrad.ops import copy, elementwise, getitem, index, join, linalg, reduce, shape

REDUCTIONS = {
    np.add: reduce.Sum,
    np.maximum: reduce.Amax,
    np.minimum: reduce.Amin,
}
OTHER_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.matmul: linalg.Matmul.apply,
    np.square: elementwise.square,
    np.floor_divide: elementwise.floor_divide,
}


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """np.ufunc(Tensor, ...), also its `reduce` and `accumulate`. Raises TypeError if a gradient would be lost."""
    if method == "__call__" and not kwargs:
        operation = UFUNCS.get(function)
        if operation is not None:
            return operation.apply(*inputs)
        if function in OTHER_UFUNCS:
            return OTHER_UFUNCS[function](*inputs)
    if method == "reduce" and function in REDUCTIONS and kwargs.keys() <= {"axis", "keepdims"}:
        return REDUCTIONS[function].apply(inputs[0], kwargs.get("axis", 0), kwargs.get("keepdims", False))
    out = kwargs.get("out", ())
    if any(isinstance(o, TensorCore) for o in out):
        raise TypeError(f"np.{function.__name__}: out= cannot be a tensor; use the tensor's in-place method")
    refuse_gradients(function, (inputs, kwargs))
    result = getattr(function, method)(*arrays(inputs), **arrays(kwargs))
    if out:
        return result
    return tuple(map(wrapped, result)) if isinstance(result, tuple) else wrapped(result)


def function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """np.function(Tensor, ...). Raises TypeError if a gradient would be lost."""
    ours = ADAPT.get(function)
    if ours is not None:
        given = {name: value for name, value in kwargs.items() if value is not None}
        if given.keys() <= set(ours.__code__.co_varnames):
            return ours(*args, **given)
    refuse_gradients(function, (args, kwargs))
    return function(*arrays(args), **arrays(kwargs))


def wrapped(result: Any) -> Any:
    return wrap(result) if getattr(result, "dtype", None) in BY_NUMPY else result


def refuse_gradients(function: Any, given: Any) -> None:
    if isinstance(given, TensorCore):
        if edge_of(given) is not None:
            raise TypeError(
                f"np.{function.__name__}, called like this, has no gradient in minigrad; "
                "pass t.detach(), or use a function of minigrad's"
            )
    elif isinstance(given, (list, tuple, dict)):
        for entry in given.values() if isinstance(given, dict) else given:
            refuse_gradients(function, entry)


def arrays(given: Any) -> Any:
    """given with the array of each tensor in it."""
    if isinstance(given, dict):
        return {name: arrays(value) for name, value in given.items()}
    if type(given) in (list, tuple):
        return type(given)(map(arrays, given))
    return raw(given)


def _reduction(operation: Any) -> Callable[..., Any]:
    return lambda a, axis=None, keepdims=False: operation.apply(a, axis, keepdims)


def _var(root: bool) -> Callable[..., Any]:
    def var(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        v = reduce.Var.apply(a, axis, ddof, keepdims)
        return elementwise.Sqrt.apply(v) if root else v

    return var


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),)


def _take(a: Any, indices: Any, axis: Any = None) -> Any:
    picked = getitem.normalised_entry(np.asarray(raw(indices)), "take")
    if axis is None:
        return a.reshape(-1)[picked]
    return a[(slice(None),) * (axis % a.ndim) + (picked,)]


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    length, cuts = ary.shape[axis], indices_or_sections
    if isinstance(cuts, int):
        if length % cuts:
            raise ValueError("array split does not result in an equal division")
        cuts = range(length // cuts, length, length // cuts)
    ends = [0, *cuts, length]
    return list(join.split(ary, [b - a for a, b in zip(ends, ends[1:], strict=False)], axis))


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
    np.all: lambda a, axis=None, keepdims=False: reduce.all(a, axis, keepdims),
    np.any: lambda a, axis=None, keepdims=False: reduce.any(a, axis, keepdims),
    np.shape: lambda a: a._data.shape,
    np.ndim: lambda a: a._data.ndim,
    np.size: lambda a, axis=None: a._data.size if axis is None else a._data.shape[axis],
    np.reshape: lambda a, shape: a.reshape(_shape(shape)),
    np.ravel: lambda a: a.reshape(-1),
    np.transpose: lambda a, axes=None: shape.permute(a, tuple(range(a.ndim))[::-1] if axes is None else axes),
    np.swapaxes: lambda a, axis1, axis2: shape.transpose(a, axis1, axis2),
    np.moveaxis: lambda a, source, destination: shape.movedim(a, source, destination),
    np.expand_dims: lambda a, axis: shape.unsqueeze(a, axis),
    np.squeeze: lambda a, axis=None: shape.squeeze(a, axis),
    np.broadcast_to: lambda array, shape: array.expand(_shape(shape)),
    np.flip: lambda m, axis=None: join.flip(m, tuple(range(m.ndim)) if axis is None else axis),
    np.concatenate: lambda arrays, axis=0: join.Cat.apply(axis, *arrays),
    np.stack: lambda arrays, axis=0: join.Stack.apply(axis, *arrays),
    np.split: _split,
    np.take: _take,
    np.where: elementwise.where,
    np.clip: lambda a, a_min=None, a_max=None: elementwise.Clamp.apply(a, a_min, a_max),
    np.round: lambda a, decimals=0: elementwise.round(a, decimals=decimals),
    np.dot: lambda a, b: linalg.Matmul.apply(a, b),
    np.einsum: lambda equation, *operands, optimize=True: linalg.Einsum.apply(equation, *operands),
    np.outer: lambda a, b: linalg.outer(a.reshape(-1), b.reshape(-1)),
    np.copy: lambda a: copy.Clone.apply(a),
    np.zeros_like: lambda a: wrap(np.zeros_like(raw(a))),
    np.ones_like: lambda a: wrap(np.ones_like(raw(a))),
    np.allclose: lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: np.allclose(raw(a), raw(b), rtol, atol, equal_nan),
    np.isclose: lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: wrap(
        np.isclose(raw(a), raw(b), rtol, atol, equal_nan)
    ),
    np.array_equal: lambda a1, a2: np.array_equal(raw(a1), raw(a2)),
    np.nonzero: lambda a: index.nonzero(a, as_tuple=True),
    np.array_repr: lambda arr: repr(arr),
    np.array_str: lambda a: str(a),
}
