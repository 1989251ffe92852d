"""Run one program on PyTorch and on minigrad, and compare everything that it gives."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad

TOLERANCE = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-10}


class Plain:
    """A tensor of either library, in words that both share."""

    def __init__(self, tensor: Any) -> None:
        self.shape = tuple(tensor.shape)
        self.dtype = str(tensor.dtype).rpartition(".")[2]
        self.requires_grad = bool(tensor.requires_grad)
        self.is_leaf = bool(tensor.is_leaf)
        self.array = np.array(tensor.detach().numpy())

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)} requires_grad={self.requires_grad} leaf={self.is_leaf} {self.array.tolist()}"


def plain(value: Any) -> Any:
    """value without anything of the library that made it."""
    if type(value).__name__ in ("Tensor", "Parameter"):
        return Plain(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if value is None or isinstance(value, (bool, int, float, str, Exception, Plain)):
        return value
    return str(value).replace("torch.", "").replace("minigrad.", "")


def outcome(program: Callable[..., Any], library: Any, args: tuple[Any, ...]) -> Any:
    """What the program gives, or the exception that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(program(library, *args))
        except Exception as error:
            return error


def difference(expected: Any, got: Any, where: str = "result") -> str:
    """What differs between PyTorch's outcome and ours, '' for nothing."""
    if isinstance(expected, Exception):
        if isinstance(got, type(expected)):
            return ""
        return f"{where}: PyTorch raised {type(expected).__name__}({expected}), minigrad gave {got!r:.300}"
    if isinstance(got, Exception):
        return f"{where}: minigrad raised {type(got).__name__}({got}), PyTorch gave {expected!r:.300}"
    if isinstance(expected, Plain) and isinstance(got, Plain):
        for name in ("shape", "dtype", "requires_grad", "is_leaf"):
            if getattr(expected, name) != getattr(got, name):
                return f"{where}.{name}: PyTorch {getattr(expected, name)}, minigrad {getattr(got, name)}"
        tolerance = TOLERANCE.get(expected.dtype, 0)
        if not np.allclose(expected.array, got.array, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"{where}: PyTorch {expected.array.tolist()}, minigrad {got.array.tolist()}"
        return ""
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        parts = (difference(e, g, f"{where}[{i}]") for i, (e, g) in enumerate(zip(expected, got, strict=True)))
        return next(filter(None, parts), "")
    if isinstance(expected, dict) and isinstance(got, dict) and list(expected) == list(got):
        return next(filter(None, (difference(expected[k], got[k], f"{where}[{k!r}]") for k in expected)), "")
    if isinstance(expected, float) and isinstance(got, float):
        return (
            ""
            if np.isclose(expected, got, rtol=1e-6, equal_nan=True)
            else f"{where}: PyTorch {expected}, minigrad {got}"
        )
    same = type(expected) is type(got) and expected == got
    return "" if same else f"{where}: PyTorch {expected!r}, minigrad {got!r}"


def agree(torch: Any, program: Callable[..., Any], *args: Any) -> None:
    """Assert that program(library, *args) gives the same on both, or raises what the same except clause catches."""
    assert not (found := difference(outcome(program, torch, args), outcome(program, minigrad, args))), found


def expression(text: str) -> Callable[..., Any]:
    """The program that a line of text stands for: an expression of the library L, or statements before it, after ';'.

    Tables of such lines keep hundreds of small comparisons readable, and each line names its test.
    """
    *statements, result = map(str.strip, text.split(";"))

    def program(L: Any) -> Any:
        names = {"L": L, "np": np, "copy": copy, "pickle": pickle}
        for statement in statements:
            exec(statement, names)
        return eval(result, names)

    return program


def differentiated(call: Callable[..., Any]) -> Callable[..., Any]:
    """The program that gives the results of call(L, *tensors) and their gradients of orders 1 and 2.

    Floating arrays among its arguments become tensors that require grad. The upstream gradients do so too, so that the
    second order is there for linear operations as well.
    """

    def program(L: Any, *args: Any) -> Any:
        xs = [L.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
        leaves = [x.requires_grad_() for x in xs if isinstance(x, L.Tensor) and x.is_floating_point()]
        result = call(L, *xs)
        outs = [
            o for o in (result if isinstance(result, (tuple, list)) else [result]) if getattr(o, "requires_grad", False)
        ]
        if not outs:
            return result
        upstream = [
            L.tensor(np.cos(np.arange(o.numel())).reshape(o.shape), dtype=o.dtype, requires_grad=True) for o in outs
        ]
        first = L.autograd.grad(outs, leaves, upstream, create_graph=True, allow_unused=True)
        weighted = [
            (g * L.tensor(np.sin(np.arange(g.numel())).reshape(g.shape), dtype=g.dtype)).sum()
            for g in first
            if g is not None
        ]
        total = sum(w for w in weighted if w.requires_grad)
        inputs = [*leaves, *upstream]
        second = [None] * len(inputs)
        if isinstance(total, L.Tensor):
            second = L.autograd.grad(total, inputs, allow_unused=True)
        return result, *([filled(L, g, x) for g, x in zip(found, inputs, strict=False)] for found in (first, second))

    return program


def filled(L: Any, gradient: Any, x: Any) -> Any:
    """A gradient as an array; zeros where there is none, since the two may disagree on which is which."""
    return (L.zeros_like(x) if gradient is None else gradient).detach()
