"""Making tensors: values against formulas and NumPy, and the same calls on PyTorch."""

from __future__ import annotations

import contextvars
import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import minigrad
from minigrad import Tensor

FLOATS = [minigrad.float16, minigrad.float32, minigrad.float64]
INTEGERS = [minigrad.int8, minigrad.int16, minigrad.int32, minigrad.int64, minigrad.uint8]


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, minigrad.boolean])
@pytest.mark.parametrize("name,value", [("zeros", 0), ("ones", 1)])
def test_size_value_and_dtype(name: str, value: int, dtype: Any) -> None:
    make = getattr(minigrad, name)
    for sizes, shape in [((2, 3), (2, 3)), (((2, 3),), (2, 3)), (([2, 3],), (2, 3)), (((),), ()), ((0, 4), (0, 4))]:
        made = make(*sizes, dtype=dtype)
        assert (made.shape, made.dtype, made.requires_grad) == (shape, dtype, False)
        assert np.array_equal(made.numpy(), np.full(shape, value))
    assert make(size=(2,)).shape == make(minigrad.tensor(2)).shape == (2,)


def test_the_default_dtype() -> None:
    def inside() -> None:
        minigrad.set_default_dtype(minigrad.float64)
        made = minigrad.zeros(1), minigrad.arange(2.0), minigrad.full((1,), 0.5), minigrad.rand(1), minigrad.eye(1)
        assert {t.dtype for t in made} == {minigrad.float64}

    contextvars.copy_context().run(inside)
    assert minigrad.ones(1).dtype == minigrad.full((1,), 0.5).dtype == minigrad.float32


@pytest.mark.parametrize("value,dtype", [(True, "bool"), (3, "int64"), (3.5, "float32"), (np.float64(2), "float32")])
def test_full_takes_its_dtype_from_the_value(value: Any, dtype: str) -> None:
    made = minigrad.full((2, 2), value)
    assert made.dtype.name == dtype
    assert made.tolist() == [[value] * 2] * 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_like_another_tensor(order: Any) -> None:
    x = minigrad.zeros(2, 3, 4, dtype=minigrad.int16).permute(order)
    for made, value in [
        (minigrad.zeros_like(x), 0),
        (minigrad.ones_like(x), 1),
        (minigrad.full_like(x, 7), 7),
        (minigrad.empty_like(x).fill_(5), 5),
    ]:
        assert (made.shape, made.dtype) == (x.shape, x.dtype)
        assert made.numpy().strides == x.numpy().strides
        assert (made.numpy() == value).all()
        assert not np.shares_memory(made.numpy(), x.numpy())
    assert minigrad.zeros_like(x, dtype=minigrad.float64).dtype == minigrad.float64
    assert not minigrad.ones_like(minigrad.ones(2, requires_grad=True)).requires_grad


def test_results_that_require_grad_are_leaves() -> None:
    for made in (minigrad.ones(2, requires_grad=True), minigrad.arange(3.0, requires_grad=True)):
        assert made.is_leaf
        made.sum().backward()
        assert made.grad is not None
        assert made.grad.tolist() == [1.0] * len(made)
    with pytest.raises(RuntimeError, match="floating"):
        minigrad.zeros(2, dtype=minigrad.int64, requires_grad=True)


@given(start=st.integers(-50, 50), step=st.integers(-7, 7).filter(bool), count=st.integers(0, 30))
def test_arange_of_integers_is_range(start: int, step: int, count: int) -> None:
    end = start + step * count
    assert minigrad.arange(start, end, step).tolist() == list(range(start, end, step))
    assert minigrad.arange(start, end, step).dtype == minigrad.int64


@given(start=st.floats(-50, 50), step=st.floats(0.01, 7), length=st.floats(0, 30))
def test_arange_of_floats(start: float, step: float, length: float) -> None:
    made = minigrad.arange(start, start + length, step, dtype=minigrad.float64)
    count = math.ceil((start + length - start) / step)
    np.testing.assert_allclose(made.numpy(), [start + i * step for i in range(count)], rtol=1e-12, atol=1e-12)


@given(start=st.floats(-50, 50), end=st.floats(-50, 50), steps=st.integers(0, 30))
def test_linspace_and_logspace(start: float, end: float, steps: int) -> None:
    expected = np.linspace(start, end, steps)
    made = minigrad.linspace(start, end, steps, dtype=minigrad.float64)
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-12, atol=1e-12)
    if steps > 1:
        assert (made[0].item(), made[-1].item()) == (start, end)
    powers = minigrad.logspace(start / 10, end / 10, steps, 2.0, dtype=minigrad.float64)
    np.testing.assert_allclose(powers.numpy(), 2.0 ** (expected / 10), rtol=1e-12)


@given(row=st.integers(0, 6), col=st.integers(0, 6), offset=st.integers(-8, 8))
def test_triangles(row: int, col: int, offset: int) -> None:
    places = [(i, j) for i in range(row) for j in range(col)]
    lower = minigrad.tril_indices(row, col, offset)
    upper = minigrad.triu_indices(row, col, offset)
    assert lower.shape[0] == upper.shape[0] == 2
    assert list(map(tuple, lower.numpy().T.tolist())) == [(i, j) for i, j in places if j - i <= offset]
    assert list(map(tuple, upper.numpy().T.tolist())) == [(i, j) for i, j in places if j - i >= offset]


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_meshgrid(indexing: Any) -> None:
    axes = [np.arange(2.0), np.arange(3.0) + 5, np.array([9.0])]
    grids = minigrad.meshgrid(*map(minigrad.from_numpy, axes), indexing=indexing)
    for grid, expected in zip(grids, np.meshgrid(*axes, indexing=indexing), strict=True):
        np.testing.assert_array_equal(grid.numpy(), expected)


def test_grids_pass_gradients_on() -> None:
    x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(3, requires_grad=True)
    first, second = minigrad.meshgrid(x, y)
    (2 * first + 5 * second).sum().backward()
    minigrad.cartesian_prod(x, y).sum().backward()
    assert x.grad is not None and y.grad is not None
    assert x.grad.tolist() == [9.0, 9.0]
    assert y.grad.tolist() == [12.0, 12.0, 12.0]


def test_cartesian_prod() -> None:
    x, y = minigrad.tensor([1, 2]), minigrad.tensor([3, 4, 5])
    assert minigrad.cartesian_prod(x, y).tolist() == [[a, b] for a in (1, 2) for b in (3, 4, 5)]
    assert minigrad.cartesian_prod(x) is x


def test_new_methods_take_the_dtype_of_self() -> None:
    x = minigrad.ones(2, dtype=minigrad.int16)
    made = [x.new_zeros(3), x.new_ones((1, 2)), x.new_full((2,), 7), x.new_empty(size=(4,)), x.new_tensor([1.5, 2])]
    assert [t.tolist() for t in made[:3]] == [[0, 0, 0], [[1, 1]], [7, 7]]
    assert made[4].tolist() == [1, 2]
    assert {t.dtype for t in made} == {minigrad.int16}
    assert x.new_zeros(1, dtype=minigrad.float64, requires_grad=True).requires_grad


def test_new_tensor_copies() -> None:
    x = minigrad.ones(2)
    other = x.new_tensor(x)
    other += 1
    assert x.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "make,error,message",
    [
        (lambda: minigrad.zeros(), TypeError, "zeros: 'size' is missing"),
        (lambda: minigrad.zeros(2.0), TypeError, "zeros: 'size' must be an int, not float 2.0"),
        (lambda: minigrad.ones(2, -1), RuntimeError, "ones: 'size' must not be negative, got -1"),
        (lambda: minigrad.full(2, 1), TypeError, "full: 'size' must be a tuple of ints, not int 2"),
        (lambda: minigrad.full((2,), "a"), TypeError, "full: 'fill_value' must be a number"),
        (lambda: minigrad.full((2,), 300, dtype=minigrad.uint8), RuntimeError, "full: value 300 cannot .* uint8"),
        (lambda: minigrad.zeros_like([1.0]), TypeError, "zeros_like: 'input' must be a Tensor, not list"),
        (lambda: minigrad.empty(2, device="cuda"), RuntimeError, "empty: .*cuda"),
        (lambda: minigrad.arange(1, 5, 0), RuntimeError, "arange: step must be nonzero"),
        (lambda: minigrad.arange(5, 1), RuntimeError, "arange: a step of 1 does not lead from 5 to 1"),
        (lambda: minigrad.arange(math.nan), RuntimeError, "arange: .*finite"),
        (lambda: minigrad.linspace(0, 1, -2), RuntimeError, "linspace: 'steps' must not be negative, got -2"),
        (lambda: minigrad.arange(2, dtype=minigrad.boolean), RuntimeError, "arange: not possible for bool"),
        (lambda: minigrad.meshgrid(), RuntimeError, "meshgrid: expects at least one"),
        (lambda: minigrad.meshgrid(minigrad.ones(2, 2)), RuntimeError, r"meshgrid: .*\(2, 2\)"),
        (lambda: minigrad.meshgrid(minigrad.ones(1), indexing="yx"), RuntimeError, "meshgrid: indexing .*'yx'"),
        (lambda: minigrad.tril_indices(3, 3, dtype=minigrad.float32), RuntimeError, "tril_indices: .*float32"),
    ],
)
def test_errors_say_what_is_wrong(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# The same calls on PyTorch --------------------------------------------------------------------------------------------

CALLS = """
zeros(2, 3) | zeros((2, 3)) | zeros([2]) | zeros(size=(2,)) | zeros(()) | zeros([]) | zeros((t.tensor(2), 3))
zeros() | zeros((2,), (3,)) | zeros(2.0) | zeros(-1) | zeros("a") | zeros(True) | zeros(None) | zeros((2, 3), 4)
zeros(2, dtype=int) | zeros(2, dtype=bool) | zeros(2, dtype=t.int64, requires_grad=True) | zeros(2, requires_grad=True)
zeros(1).new_zeros(3, 2) | ones(2, dtype=t.bool) | ones(0, 3) | empty(0, 2) | empty(-2) | empty()
full((2,), 1) | full((2,), 1.5) | full((2,), True) | full(2, 1) | full((), 3) | full((2,), t.tensor(3))
full((2,), t.tensor(3.5, dtype=t.float64)) | full((2,), t.tensor([3.5])) | full((2,), 300, dtype=t.uint8)
full((2,), -1, dtype=t.uint8) | full((2,), -255, dtype=t.uint8) | full((2,), -256, dtype=t.uint8)
full((2,), -129, dtype=t.int8) | full((2,), -1.5, dtype=t.uint8) | full((2,), 1.5, dtype=t.int64)
full((2,), inf, dtype=t.int64) | full((2,), nan, dtype=t.bool) | full((2,), nan) | full((2,), "a")
full((2,), inf, dtype=t.float16) | full((2,), 70000.0, dtype=t.float16) | full((2,), 2**63) | full((2,), None)
full((2,), t.tensor(2.0, requires_grad=True)) | full((2,), 2**40, dtype=t.int32) | full((2,), 1e300) | full((2,), 1, requires_grad=True) | full((2,), t.tensor(True))
eye(2) | eye(2, 3) | eye(3, 2, dtype=t.bool) | eye(-1) | eye(2, -1) | eye(0) | eye(n=2, m=1) | eye(2.0) | eye(True)
arange(5) | arange(5.0) | arange(1, 4) | arange(1, 4, 0.5) | arange(5, 1) | arange(5, 1, -1) | arange(1, 5, 0)
arange(start=1, end=3) | arange(end=3) | arange(0, 1, 0.1) | arange(0, 5, 2, dtype=t.float32) | arange(2, 2)
arange(0.5, 5, 2, dtype=t.int64) | arange(0.5, 6, 1.7, dtype=t.int32) | arange(-0.9, 2.9, 1, dtype=t.int64)
arange(-0.9, 2.9, 1, dtype=t.int32) | arange(0.5, 6, 0.7, dtype=t.int32) | arange(nan) | arange(inf) | arange(True)
arange(t.tensor(3)) | arange(t.tensor(3.0)) | arange(5, dtype=t.bool) | arange(5, dtype=t.uint8) | arange("a")
arange(300, dtype=t.uint8) | arange(3, requires_grad=True) | arange(3.0, requires_grad=True) | arange(10, 0, -3)
arange(0, -3) | arange(2**62, 2**62 + 3) | arange(0, 10, 0.3, dtype=t.float16) | arange(None) | arange()
linspace(0, 1, 5) | linspace(0, 10, steps=3) | linspace(0, 10) | linspace(0, 10, 1) | linspace(0, 10, 0)
linspace(0, 10, -1) | linspace(0, 10, 4, dtype=t.int64) | linspace(-10, 10, 7, dtype=t.int64) | linspace(0, 10, 5.0)
linspace(10, 0, 4, dtype=t.uint8) | linspace(0, 300, 3, dtype=t.uint8) | linspace(0.5, 10.5, 3, dtype=t.int64)
linspace(t.tensor(0.0), t.tensor(2.0), 3) | linspace(0, 1, 2, requires_grad=True) | linspace(0, 3, 4, dtype=t.bool)
linspace(0, 1, 3, dtype=t.float16) | linspace(0, nan, 3) | linspace("a", 1, 3) | linspace(-3, 17, 100)
logspace(0, 2, 3) | logspace(0, 2, 3, base=2) | logspace(0, 2, 1) | logspace(0, 2, 5, dtype=t.int64)
logspace(0, 3, 4, base=-2) | logspace(0, 3, -4) | logspace(0, 1, 3, base=0.0) | logspace(0, 1, 3, dtype=t.bool)
zeros_like(t.ones(2, dtype=t.int32)) | zeros_like(t.ones(2), dtype=t.int64) | zeros_like(t.ones(2, requires_grad=True))
ones_like(t.ones(2), requires_grad=True) | zeros_like(3) | zeros_like(input=t.ones(2)) | full_like(t.ones(2), True)
full_like(t.ones(2, dtype=t.int64), 1.5) | full_like(t.ones(2, dtype=t.bool), 2) | full_like(t.ones(2), 3.5)
full_like(t.ones(2, dtype=t.uint8), 300) | full_like(t.ones(2), t.tensor(3.0))
empty_like(t.ones(0), dtype=t.int64, requires_grad=True)
tril_indices(3, 3) | tril_indices(2, 3, 1) | tril_indices(3, 2, offset=-1) | tril_indices(3, -1) | tril_indices(0, 3)
triu_indices(3, 3) | triu_indices(2, 3, 1) | triu_indices(3, 2, -1, dtype=t.int32) | triu_indices(-1, 3)
tril_indices(3, 3, 10) | tril_indices(3, 3, -10) | triu_indices(3, 3, -10) | triu_indices(3, 3, 10)
tril_indices(3, 3, dtype=t.float32) | tril_indices(3, 3, dtype=t.int16) | tril_indices(3.0, 3)
meshgrid(t.arange(2), t.arange(3), indexing="ij") | meshgrid(t.arange(2), t.arange(3), indexing="xy") | meshgrid()
meshgrid([t.arange(2), t.tensor(3)], indexing="ij") | meshgrid(t.ones(2, 2), t.ones(2)) | meshgrid(t.ones(2), 3)
meshgrid(t.ones(2), t.ones(2).double()) | meshgrid(t.ones(2), indexing="z") | meshgrid(t.arange(2), indexing="xy")
cartesian_prod(t.arange(2), t.arange(2)) | cartesian_prod(t.arange(2)) | cartesian_prod() | cartesian_prod(t.ones(2, 2))
ones(2).new_zeros(()) | ones(2, dtype=t.int32).new_ones(2) | ones(2, dtype=t.int32).new_ones(2, dtype=t.float32)
ones(2).new_ones() | ones(2).new_full((2,), 3) | ones(2, dtype=t.int64).new_full((2,), 3.5) | ones(2).new_full(2, 3)
ones(2, dtype=t.int32).new_tensor([1.5, 2]) | ones(2).new_tensor(t.tensor([1, 2])) | ones(2).new_tensor("a")
"""


def outcome(library: Any, call: str) -> Any:
    try:
        return eval(f"t.{call}", {"t": library, "nan": math.nan, "inf": math.inf})
    except Exception as error:
        return error


@pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning", "ignore:To copy construct:UserWarning")
@pytest.mark.parametrize("call", [call.strip() for line in CALLS.strip().split("\n") for call in line.split(" | ")])
def test_torch(torch: Any, call: str) -> None:
    ours, theirs = outcome(minigrad, call), outcome(torch, call)
    if isinstance(theirs, Exception):
        # What PyTorch has not implemented for a dtype is a DtypeError here, and both are RuntimeErrors.
        expected = RuntimeError if isinstance(theirs, NotImplementedError) else type(theirs)
        assert isinstance(ours, expected), (ours, theirs)
        return
    parts = list(zip(ours, theirs, strict=True)) if isinstance(theirs, tuple) else [(ours, theirs)]
    for mine, other in parts:
        assert isinstance(mine, Tensor), mine
        assert (mine.dtype.name, tuple(mine.shape)) == (str(other.dtype).split(".")[1], tuple(other.shape))
        assert mine.requires_grad == other.requires_grad
        tolerance = {"float16": 1e-3, "float32": 1e-6}.get(mine.dtype.name, 0)
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance)
