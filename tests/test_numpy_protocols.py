"""NumPy's functions on tensors: they give what they give for arrays, record themselves, and never lose a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.function import UFUNCS
from minigrad.numpy_protocols import ADAPT, OTHER_UFUNCS, REDUCTIONS
from minigrad.testing import check_grads

A = np.array([[0.55, 1.45, 0.75], [1.25, 1.95, 0.25]])  # off the kinks of floor, round and remainder
B = np.array([[0.95, 0.45, 2.55], [1.85, 1.35, 1.65]])

# function -> calls of it, each on one or two matrices
CALLS: dict[Any, list[Callable[..., Any]]] = {
    np.sum: [np.sum, lambda a: np.sum(a, 0), lambda a: np.sum(a, axis=(0, 1), keepdims=True), lambda a: a.sum(axis=1)],
    np.mean: [np.mean, lambda a: np.mean(a, axis=-1), lambda a: np.mean(a, 0, keepdims=True)],
    np.max: [np.max, lambda a: np.max(a, axis=0)],
    np.amax: [np.amax, lambda a: np.amax(a, 1, keepdims=True)],
    np.min: [np.min, lambda a: np.min(a, axis=0)],
    np.amin: [np.amin, lambda a: np.amin(a, 1, keepdims=True)],
    np.argmax: [np.argmax, lambda a: np.argmax(a, axis=1)],
    np.argmin: [np.argmin, lambda a: np.argmin(a, axis=1, keepdims=True)],
    np.var: [np.var, lambda a: np.var(a, axis=0), lambda a: np.var(a, axis=1, ddof=1, keepdims=True)],
    np.std: [np.std, lambda a: np.std(a, axis=1, ddof=1)],
    np.all: [lambda a: np.all(a > 0.4), lambda a: np.all(a > 0.4, axis=0)],
    np.any: [lambda a: np.any(a > 1.9), lambda a: np.any(a > 1.9, axis=1, keepdims=True)],
    np.shape: [np.shape],
    np.ndim: [np.ndim],
    np.size: [np.size, lambda a: np.size(a, 1)],
    np.reshape: [lambda a: np.reshape(a, (3, 2)), lambda a: np.reshape(a, -1), lambda a: np.reshape(a, (-1, 2))],
    np.ravel: [np.ravel],
    np.transpose: [np.transpose, lambda a: np.transpose(a, (1, 0))],
    np.swapaxes: [lambda a: np.swapaxes(a, 0, 1)],
    np.moveaxis: [lambda a: np.moveaxis(a, 0, -1)],
    np.expand_dims: [lambda a: np.expand_dims(a, 1)],
    np.squeeze: [lambda a: np.squeeze(a[:1]), lambda a: np.squeeze(a[:1], axis=0)],
    np.broadcast_to: [lambda a: np.broadcast_to(a, (2, 2, 3))],
    np.flip: [np.flip, lambda a: np.flip(a, 1)],
    np.concatenate: [lambda a, b: np.concatenate([a, b]), lambda a, b: np.concatenate((a, b), axis=1)],
    np.stack: [lambda a, b: np.stack([a, b]), lambda a, b: np.stack((a, b), axis=-1)],
    np.split: [lambda a: np.split(a, 3, axis=1)[1], lambda a: np.split(a, [1, 2], axis=1)[2]],
    np.take: [lambda a: np.take(a, [0, 5, 0]), lambda a: np.take(a, [2, 0], axis=1), lambda a: np.take(a, 1, axis=-1)],
    np.where: [lambda a, b: np.where(np.array([[True, False, True]]), a, b), lambda a: np.where(a.min() > 9, a, 0.0)],
    np.clip: [
        lambda a: np.clip(a, 0.6, 1.4),
        lambda a: np.clip(a, None, 1.4),
        lambda a: np.clip(a, a_min=1, a_max=None),
    ],
    np.round: [np.round, lambda a: np.round(a - 0.01, 1), lambda a: np.round(a, decimals=0)],
    np.dot: [lambda a, b: np.dot(a, b.T), lambda a, b: np.dot(a[0], b[0])],
    np.einsum: [lambda a, b: np.einsum("ij,kj->ik", a, b), lambda a: np.einsum("ij->j", a)],
    np.outer: [np.outer],
    np.copy: [np.copy],
    np.zeros_like: [np.zeros_like],
    np.ones_like: [np.ones_like],
    np.allclose: [lambda a, b: np.allclose(a, b), lambda a: np.allclose(a, a + 1e-3, atol=1e-2)],
    np.isclose: [lambda a, b: np.isclose(a, b, atol=0.5)],
    np.array_equal: [np.array_equal, lambda a: np.array_equal(a, a)],
    np.nonzero: [lambda a: np.nonzero(a > 1)],
}
SHOWN = {np.array_repr, np.array_str}


def operands(call: Any) -> int:
    if isinstance(call, np.ufunc):
        return call.nin
    return 2 if call in (np.outer, np.array_equal) else max(1, sum(n in ("a", "b") for n in names(call)))


def names(call: Any) -> tuple[str, ...]:
    code = getattr(call, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code is not None and code.co_name == "<lambda>" else ()


def arrays(result: Any) -> Any:
    return tuple(map(arrays, result)) if isinstance(result, tuple) else np.asarray(getattr(result, "_data", result))


def compare(call: Any) -> None:
    """The same values for tensors as for arrays, no graph where nothing needs one, and right gradients elsewhere."""
    given = [A, B][: operands(call)]
    expected, got = call(*given), call(*map(minigrad.tensor, given))
    for e, g in zip(np.atleast_1d(arrays(expected)), np.atleast_1d(arrays(got)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-14)
    if isinstance(expected, np.ndarray):
        assert isinstance(got, minigrad.Tensor) and got.dtype == minigrad.tensor(expected).dtype
    leaves = [minigrad.tensor(a, requires_grad=True) for a in given]
    recorded = call(*leaves)
    if isinstance(recorded, minigrad.Tensor) and recorded.is_floating_point() and recorded.requires_grad:
        check_grads(call, leaves, order=2)


def test_every_function_with_an_operation_is_tried() -> None:
    assert set(ADAPT) == set(CALLS) | SHOWN


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_functions(function: Any) -> None:
    for call in CALLS[function]:
        compare(call)


@pytest.mark.parametrize("ufunc", sorted({*UFUNCS, *OTHER_UFUNCS}, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_ufuncs(ufunc: Any) -> None:
    if ufunc in (np.arcsin, np.arccos, np.arctanh):
        compare(lambda a: ufunc(a / 4))
    elif ufunc is np.arccosh:
        compare(lambda a: ufunc(a + 1))
    elif ufunc is np.matmul:
        compare(lambda a, b: a @ b.T)
        compare(lambda a, b: np.matmul(a, b.T))
    else:
        compare(ufunc)


@pytest.mark.parametrize("ufunc", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions_of_ufuncs(ufunc: Any) -> None:
    compare(lambda a: ufunc.reduce(a))
    compare(lambda a: ufunc.reduce(a, axis=1))
    compare(lambda a: ufunc.reduce(a, axis=None, keepdims=True))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b.T,
}


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_array_beside_a_tensor(symbol: str) -> None:
    """Whichever stands first, the engine computes and records."""
    apply = OPERATORS[symbol]
    for call in (lambda t: apply(A, t), lambda t: apply(t, A)):
        check_grads(call, minigrad.tensor(B, requires_grad=True), order=2)
        got = call(minigrad.tensor(B))
        assert isinstance(got, minigrad.Tensor)
        np.testing.assert_allclose(got.numpy(), call(B), rtol=1e-14)


@pytest.mark.parametrize("number", [np.float32(2), np.float64(2), np.int64(2), np.array(2.0)], ids=repr)
def test_a_numpy_number_beside_a_tensor(number: Any) -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    for y in (number * x, x * number, number + x - number):
        assert isinstance(y, minigrad.Tensor) and y.requires_grad
    (number * x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [2.0, 2.0]
    assert (number * x).dtype == minigrad.float32 or isinstance(number, np.ndarray)


def test_comparisons_give_tensors_of_booleans() -> None:
    t = minigrad.tensor(B)
    for got in (A < t, t > A, A == t, np.greater(A, t)):
        assert isinstance(got, minigrad.Tensor) and got.dtype == minigrad.boolean
    assert (A < t).tolist() == (A < B).tolist()


def test_what_numpy_alone_can_do_works_without_gradients() -> None:
    t = minigrad.tensor(A)
    np.testing.assert_array_equal(np.asarray(np.cumprod(t)), np.cumprod(A))
    np.testing.assert_array_equal(np.asarray(np.percentile(t, 50)), np.percentile(A, 50))
    np.testing.assert_array_equal(np.asarray(np.hypot(t, B)), np.hypot(A, B))
    quotient, remainder = np.divmod(t, 2.0)
    assert isinstance(quotient, minigrad.Tensor)
    np.testing.assert_array_equal(remainder.numpy(), A % 2)
    np.testing.assert_array_equal(np.asarray(np.add.accumulate(t)), np.add.accumulate(A))


LOSES: list[Callable[[Any], Any]] = [
    np.cumprod,
    lambda t: np.percentile(t, 50),
    lambda t: np.hypot(t, 1.0),
    lambda t: np.add.accumulate(t),
    lambda t: np.sum(t, where=A > 1),
    lambda t: np.sum(t, dtype=np.float32),
    lambda t: np.add(t, 1.0, out=np.zeros((2, 3)), where=A > 1),
    lambda t: np.vstack([t, t]),
    lambda t: np.interp(1.0, [0.0, 2.0], t[0, :2]),
    lambda t: np.linalg.norm(t),
]


@pytest.mark.parametrize("call", LOSES)
def test_what_would_lose_a_gradient_is_refused(call: Any) -> None:
    call(A)  # a call that NumPy takes
    t = minigrad.tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match=r"has no gradient in minigrad; pass t\.detach\(\)"):
        call(t)
    with pytest.raises(TypeError):
        call(t * 2)
    call(t.detach())


def test_arrays_are_not_made_of_what_requires_grad() -> None:
    t = minigrad.tensor(A, requires_grad=True)
    for make in (np.asarray, np.array, lambda t: np.zeros((2, 3)).__setitem__(slice(None), t)):
        with pytest.raises(RuntimeError, match="requires grad"):
            make(t)


def test_out_may_be_an_array_but_no_tensor() -> None:
    t, out = minigrad.tensor(A), np.zeros((2, 3))
    assert np.add(t, 1.0, out=out) is out
    np.testing.assert_array_equal(out, A + 1)
    out += t
    np.testing.assert_allclose(out, 2 * A + 1)
    with pytest.raises(TypeError, match="in-place method"):
        np.add(A, 1.0, out=t)
    with pytest.raises(TypeError):
        out += minigrad.tensor(A, requires_grad=True)
    np.testing.assert_allclose(out, 2 * A + 1)


def test_tensors_print_as_themselves() -> None:
    t = minigrad.tensor([1.0, 2.0])
    assert np.array_repr(t) == repr(t)
    assert np.array_str(t) == str(t)
