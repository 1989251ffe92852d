"""Indexing against PyTorch: generated indices of every kind, reading, writing and their gradients."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from tests.agreement import agree, differentiated, expression, outcome

sizes = st.integers(0, 3)
shapes = st.lists(sizes, max_size=4).map(tuple)


def array(shape: Any, dtype: str = "float64") -> Any:
    return np.sin(np.arange(int(np.prod(shape)), dtype=np.float64) + 1).reshape(shape).astype(dtype)


@st.composite
def integers(draw: Any, n: int, shape: Any = None, bold: bool = True) -> Any:
    """An array of positions, seldom out of range, which PyTorch may not notice where the result is empty."""
    shape = draw(st.sampled_from([(), (1,), (2,), (3,), (0,), (2, 1), (2, 2)])) if shape is None else shape
    off = int(bold and draw(st.integers(0, 19)) == 0)
    count = int(np.prod(shape))
    low, high = -n - off, n - 1 + off
    if low > high:
        return np.zeros(shape, np.int64)[..., :0] if shape else np.zeros((0,), np.int64)
    return np.array(draw(st.lists(st.integers(low, high), min_size=count, max_size=count)), np.int64).reshape(shape)


@st.composite
def masks(draw: Any, shape: Any) -> Any:
    count = int(np.prod(shape))
    return np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool).reshape(shape)


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> list[Any]:
    """What stands between the brackets, arrays to be made tensors."""
    entries: list[Any] = []
    left = list(shape)
    arrays = 0
    while left and draw(st.integers(0, 5)):
        n = left.pop(0)
        kind = draw(st.sampled_from(("slice", "int", "array", "list", "mask", "mask2", "new", "all", "tensor", "dots")))
        if kind == "new":
            entries.append(None)
        elif kind == "dots" and Ellipsis not in [e for e in entries if not isinstance(e, np.ndarray)]:
            entries.append(Ellipsis)
            left = left[draw(st.integers(0, len(left))) :]
            continue
        if kind == "int":
            entries.append(draw(st.integers(-n - (draw(st.integers(0, 9)) == 0), max(0, n - 1))))
        elif kind == "tensor":
            entries.append(np.array(draw(st.integers(-n, max(0, n - 1)))))
        elif kind in ("array", "list") and arrays < 3:
            arrays += 1
            found = draw(integers(n, bold=all(shape)))
            entries.append(found.tolist() if kind == "list" and found.ndim else found)
        elif kind == "mask" and arrays < 3:
            arrays += 1
            entries.append(draw(masks((n,))))
        elif kind == "mask2" and left and arrays < 3:
            arrays += 1
            entries.append(draw(masks((n, left.pop(0)))))
        elif kind == "slice":
            bounds = st.none() | st.integers(-4, 4)
            entries.append(slice(draw(bounds), draw(bounds), draw(st.none() | st.integers(1, 3))))
        else:
            entries.append(slice(None))
    return entries


def brackets(L: Any, entries: list[Any]) -> Any:
    made = tuple(L.tensor(e) if isinstance(e, np.ndarray) else e for e in entries)
    return made[0] if len(made) == 1 else made


@given(st.data())
def test_getitem(torch: Any, data: Any) -> None:
    shape = data.draw(shapes)
    entries = data.draw(indices(shape))
    agree(torch, differentiated(lambda L, x: x[brackets(L, entries)]), array(shape))


@given(st.data())
def test_getitem_is_a_view_where_pytorch_s_is(torch: Any, data: Any) -> None:
    shape = data.draw(shapes)
    entries = data.draw(indices(shape))

    def program(L: Any) -> Any:
        x = L.tensor(array(shape))
        y = x[brackets(L, entries)]
        y.fill_(7.0)
        return x, y, x._version, y._is_view()

    agree(torch, program)


def test_setitem_looks_at_the_index_before_the_value(torch: Any) -> None:
    def call(L: Any, x: Any, value: Any) -> Any:
        x[[0], [0]] = value
        return x

    agree(torch, call, array((1, 0)), array((2, 1, 0)))
    agree(torch, call, array((1, 2)), array((2, 1, 0)))


@given(st.data())
def test_setitem(torch: Any, data: Any) -> None:
    shape = data.draw(shapes)
    entries = data.draw(indices(shape))
    try:
        taken = np.empty(shape)[tuple(entries)].shape
    except IndexError:
        taken = ()
    kind = data.draw(st.sampled_from(("number", "same", "broadcast", "lead", "any")))
    if kind == "number":
        value: Any = 2.5
    elif kind == "broadcast":
        value = array(tuple(data.draw(st.sampled_from((1, n))) for n in taken[data.draw(st.integers(0, len(taken))) :]))
    else:
        value = array(taken if kind == "same" else (1, *taken) if kind == "lead" else data.draw(shapes))

    def call(L: Any, x: Any, *values: Any) -> Any:
        y = x.clone()
        y[brackets(L, entries)] = values[0] if values else value
        return y

    agree(torch, differentiated(call), array(shape), *([value] if kind != "number" else []))


@given(st.data())
def test_setitem_of_several_dtypes(torch: Any, data: Any) -> None:
    dtypes = st.sampled_from(("float64", "float32", "int64", "bool"))
    a, b, key = (
        data.draw(dtypes),
        data.draw(dtypes),
        data.draw(st.sampled_from((0, slice(1, 3), [0, 1], [True, False, True]))),
    )

    def program(L: Any) -> Any:
        x, y = L.tensor(array((3,)) * 3).to(getattr(L, a)), L.tensor(array(()) * 3).to(getattr(L, b))
        x[key] = y
        return x

    agree(torch, program)


def lines(draw: Any, shape: Any, dim: int) -> Any:
    """An index for gather and scatter: as many dimensions, no larger but along dim."""
    found = [draw(st.integers(0, n)) for n in shape]
    if found:  # larger than allowed now and then
        if draw(st.integers(0, 19)) == 0:
            found[-1] += 1
        n = shape[dim]
        found[dim] = draw(st.integers(0, 4)) if n else 0
        index = draw(integers(n, tuple(found)))
        return index if draw(st.integers(0, 9)) == 0 else np.abs(index) % max(1, n)
    return np.zeros((), np.int64)


def vector(draw: Any, n: int) -> Any:
    index = draw(integers(n, draw(st.sampled_from(((), (0,), (1,), (3,))))))
    if n == 0:
        return np.zeros((0,), np.int64)
    return index if draw(st.integers(0, 9)) == 0 else np.abs(index) % n


def _gather(draw: Any, shape: Any, dim: int) -> Any:
    return (lines(draw, shape, dim),), lambda L, x, d, i: L.gather(x, d, i)


def _take(draw: Any, shape: Any, dim: int) -> Any:
    index = lines(draw, shape, dim)
    index %= max(1, (shape or (1,))[dim])  # PyTorch lets some positions out of range pass, as multiples of the size
    return (index,), lambda L, x, d, i: L.take_along_dim(x, i, d)


def _source(draw: Any, shape: Any, dim: int) -> Any:
    """An index and a source of its shape: PyTorch cannot differentiate scatter with a larger source."""
    index = lines(draw, shape, dim)
    source = draw(shapes) if index.size and draw(st.integers(0, 9)) == 0 else index.shape
    same = len(source or (1,)) == len(index.shape or (1,))  # with fewer, PyTorch raises now this, now that
    if not same or all(n >= m for n, m in zip(source, index.shape, strict=False)):
        source = index.shape
    return index, array(source)


def _scatter(draw: Any, shape: Any, dim: int) -> Any:
    index, source = _source(draw, shape, dim)
    if index.ndim and index.size:  # one element for each position: with several, which of them stays is not defined
        moved = np.moveaxis(index, dim, 0)
        moved[:] = (np.arange(len(moved)) % max(1, shape[dim])).reshape(-1, *(1,) * (index.ndim - 1))
        keep = tuple(slice(0, shape[dim]) if i == dim % len(shape) else slice(None) for i in range(index.ndim))
        source = source[keep] if source.shape == index.shape else source
        index = index[keep]
    return (index, source), lambda L, x, d, i, s: x.scatter(d, i, s)


def _scatter_value(draw: Any, shape: Any, dim: int) -> Any:
    return (lines(draw, shape, dim),), lambda L, x, d, i: L.scatter(x, d, i, 3.5)


def _scatter_add(draw: Any, shape: Any, dim: int) -> Any:
    return _source(draw, shape, dim), lambda L, x, d, i, s: L.scatter_add(x, d, i, s)


def _slices(draw: Any, shape: Any, dim: int) -> Any:
    index = vector(draw, shape[dim] if shape else 1)
    grown = tuple(index.size if i == dim % len(shape) else n for i, n in enumerate(shape))
    return index, array(grown if draw(st.integers(0, 9)) else draw(shapes))


def _index_add(draw: Any, shape: Any, dim: int) -> Any:
    return _slices(draw, shape, dim), lambda L, x, d, i, s: x.index_add(d, i, s, alpha=2)


def _index_copy(draw: Any, shape: Any, dim: int) -> Any:
    index, source = _slices(draw, shape, dim)
    if len(np.unique(index)) != index.size:
        index, source = (
            index.reshape(-1)[:1],
            source[tuple(slice(0, 1) if i == dim % len(shape) else slice(None) for i in range(source.ndim))]
            if shape and source.ndim
            else source,
        )
    return (index, source), lambda L, x, d, i, s: L.index_copy(x, d, i, s)


def _index_fill(draw: Any, shape: Any, dim: int) -> Any:
    index = np.abs(vector(draw, shape[dim])) if shape else np.zeros((1,), np.int64)
    if 0 in shape:  # PyTorch does not look at an index where there is nothing to fill
        index = index[index < shape[dim]]
    value = draw(st.sampled_from((2.5, array(()), array((1,)))))
    if isinstance(value, float):
        return (index,), lambda L, x, d, i: x.index_fill(d, i, value)
    return (index, value), lambda L, x, d, i, v: L.index_fill(x, d, i, v)


def _index_select(draw: Any, shape: Any, dim: int) -> Any:
    return (vector(draw, shape[dim] if shape else 1),), lambda L, x, d, i: L.index_select(x, d, i)


def _masked_fill(draw: Any, shape: Any, dim: int) -> Any:
    mask = draw(
        masks(draw(st.sampled_from((shape, shape[1:], (2, *shape), ()))) if draw(st.integers(0, 9)) else draw(shapes))
    )
    return (mask, array(())), lambda L, x, d, m, v: L.masked_fill(x, m, v) if dim else x.masked_fill(m, 2.5)


def _masked_fill_(draw: Any, shape: Any, dim: int) -> Any:
    mask = draw(masks(shape if draw(st.booleans()) else draw(st.sampled_from((shape[1:], (1, *shape), (), (2,))))))
    return (mask, array(())), lambda L, x, d, m, v: x.clone().masked_fill_(m, v if dim else 1.5)


def _masked_select(draw: Any, shape: Any, dim: int) -> Any:
    mask = draw(masks(draw(st.sampled_from((shape, shape[1:], (2, *shape), ())))))
    return (mask,), lambda L, x, d, m: L.masked_select(x, m)


def _masked_scatter(draw: Any, shape: Any, dim: int) -> Any:
    mask = draw(masks(shape))
    return (mask, array((draw(st.integers(0, 9)),))), lambda L, x, d, m, s: L.masked_scatter(x, m, s)


def _index_put(draw: Any, shape: Any, dim: int) -> Any:
    count = draw(st.integers(0, 3)) if all(shape) else 0
    index = [draw(integers(n, (count,))) for n in shape[: draw(st.integers(1, 3))]] or [np.zeros((), np.int64)]
    values = array((count, *shape[len(index) :])[draw(st.integers(0, 2)) :])
    accumulate = draw(st.booleans())
    if not accumulate and len({*zip(*(i.ravel().tolist() for i in index), strict=True)}) != count:
        accumulate = True
    return (*index, values), lambda L, x, d, *r: L.index_put(x, r[:-1], r[-1], accumulate)


PLACES = (
    _gather, _take, _scatter, _scatter_value, _scatter_add, _index_add, _index_copy, _index_fill, _index_select,
    _masked_fill, _masked_fill_, _masked_select, _masked_scatter, _index_put,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__[1:])
@given(data=st.data())
def test_places(torch: Any, place: Any, data: Any) -> None:
    shape = data.draw(shapes)
    dim = data.draw(st.integers(-len(shape), max(0, len(shape) - 1)))
    args, call = place(data.draw, shape, dim)
    program = differentiated(lambda L, x, *rest: call(L, x, dim, *rest))
    # PyTorch's scatter cannot be differentiated by a source that is larger than its index.
    assume("returned an invalid gradient" not in str(outcome(program, torch, (array(shape), *args))))
    agree(torch, program, array(shape), *args)


@given(st.data(), st.sampled_from(("float16", "float32", "float64")), st.integers(1, 2000))
def test_repeated_indices_add_up(data: Any, dtype: str, count: int) -> None:
    """Against a loop in float64: exact but for the rounding of the result."""
    import minigrad

    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    rows, width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 4))
    index, values = rng.integers(-rows, rows, count), rng.integers(-8, 8, (count, width)).astype(dtype)
    expected = np.zeros((rows, width))
    for i, v in zip(index, values, strict=True):
        expected[i] += v
    x = minigrad.zeros(rows, width, dtype=getattr(minigrad, dtype), requires_grad=True)
    x[minigrad.tensor(index)].backward(minigrad.tensor(values))
    assert x.grad is not None
    assert str(x.grad.dtype) == f"minigrad.{dtype}"
    assert np.array_equal(x.grad.numpy(), expected.astype(dtype))


LINES = """
    L.tensor(5.)[()]
    L.tensor(5.)[...]
    L.tensor(5.)[None]
    L.tensor(5.)[0]
    L.tensor(5.)[True]
    L.tensor(5.)[L.tensor(False)]
    L.tensor([1., 2])[[True, False]]
    L.tensor([1., 2])[[L.tensor(0), L.tensor(1)]]
    L.tensor([1., 2])[np.array([0, 1])]
    L.tensor([1., 2])[np.array([True, False])]
    L.tensor([1., 2])[np.int64(1)]
    L.tensor([1., 2])[np.array(1)]
    L.tensor([1., 2])[range(2)]
    L.tensor([1., 2])[1.0]
    L.tensor([1., 2])["a"]
    L.tensor([1., 2])[{0}]
    L.tensor([1., 2])[L.tensor(1.)]
    L.tensor([1., 2])[L.tensor([1.])]
    L.tensor([1., 2])[::-1]
    L.tensor([1., 2])[::0]
    L.tensor([1., 2])[L.tensor(0):L.tensor(1)]
    L.tensor([1., 2])[0.5:1]
    L.tensor([[1., 2], [3, 4]])[[[0, 1], [1, 0]]]
    L.tensor([[1., 2], [3, 4]])[[slice(0, 1), 1]]
    L.tensor([[1., 2], [3, 4]])[[0, None]]
    L.tensor([[1., 2], [3, 4]])[[[0, 1], [0]]]
    L.tensor([[1., 2], [3, 4]])[[]]
    L.tensor([[1., 2], [3, 4]])[[[]]]
    L.tensor([[1., 2], [3, 4]])[L.tensor([1, 0], dtype=L.uint8)]
    L.tensor([[1., 2], [3, 4]])[L.tensor([1, 0], dtype=L.int32)]
    L.tensor([[1., 2], [3, 4]])[L.tensor([1, 0], dtype=L.int16)]
    L.tensor([[1., 2], [3, 4]])[True, [0, 1]]
    L.tensor([[1., 2], [3, 4]])[True, False]
    x = L.tensor([1., 2, 3]); x[0] = L.tensor([[5]]); x
    x = L.tensor([1., 2, 3]); x[:2] = [5, 6]; x
    x = L.tensor([1., 2, 3]); x[:2] = "ab"; x
    x = L.tensor([1., 2, 3]); x[:2] = None; x
    x = L.tensor([1., 2, 3]); x[[0, 1]] = L.tensor(5); x
    x = L.tensor([1, 2, 3]); x[0] = 5.5; x
    x = L.tensor([1, 2, 3]); x[0] = float('inf'); x
    x = L.tensor([1, 2, 3], dtype=L.uint8); x[0] = 300; x
    x = L.tensor([1, 2, 3], dtype=L.uint8); x[0] = -1; x
    x = L.tensor([1., 2, 3]); x[[0, 0]] += 1; x
    x = L.tensor([1., 2, 3]); x[True] = 0; x
    x = L.tensor([1., 2, 3]); x[False] = 0; x
    x = L.tensor(1.); x[()] = 4; x
    x = L.tensor(1.); x[None] = 4; x
    x = L.tensor(1.); x[0] = 4; x
    x = L.tensor(1.); x[L.tensor(False)] = 4; x
    L.index_select(L.tensor([[1., 2], [3, 4]]), dim=1, index=L.tensor([1]))
    L.index_select(L.tensor([[1., 2], [3, 4]]), 1, L.tensor([1.]))
    L.index_select(L.tensor([[1., 2], [3, 4]]), 1, L.tensor([[1]]))
    L.index_select(L.tensor([[1., 2], [3, 4]]), 1, [1])
    L.gather(L.tensor([[1., 2], [3, 4]]), dim=1, index=L.tensor([[1], [0]]))
    L.gather(L.tensor([[1., 2], [3, 4]]), 1, L.tensor([[1.], [0]]))
    L.gather(L.tensor([[1., 2], [3, 4]]), 1, L.tensor([[1], [0]], dtype=L.int32))
    L.gather(L.tensor([[1., 2], [3, 4]]), 1, [[1]])
    L.gather(L.tensor([1., 2]), 0, L.tensor(1))
    L.gather(L.tensor(1.), 0, L.tensor([0, 0]))
    L.take_along_dim(L.tensor([[1., 2], [3, 4]]), L.tensor([[1]]), dim=1)
    L.take_along_dim(L.tensor([[1., 2], [3, 4]]), L.tensor([3, 0]))
    L.masked_fill(L.tensor([1, 2]), L.tensor([True, False]), 5.5)
    L.masked_fill(L.tensor([1., 2]), L.tensor([1, 0]), 5)
    L.masked_fill(L.tensor([1., 2]), L.tensor([True, False]), float('-inf'))
    L.masked_fill(L.tensor([1., 2]), L.tensor([True, False]), L.tensor([5.]))
    L.masked_fill(L.tensor([1., 2]), L.tensor([True, False]), L.tensor(5., dtype=L.float64))
    L.tensor([1., 2]).masked_fill(mask=L.tensor(True), value=0)
    L.masked_select(L.tensor([1., 2]), mask=L.tensor([[True, False], [False, True]]))
    L.masked_select(L.tensor([1., 2]), L.tensor([1, 0]))
    L.nonzero(L.tensor([[1., 0], [0, 2]]))
    L.nonzero(L.tensor([[1., 0], [0, 2]]), as_tuple=True)
    L.nonzero(L.tensor(1.))
    L.nonzero(L.tensor(0.))
    L.nonzero(L.tensor(0.), as_tuple=True)
    L.argwhere(L.tensor([[1., 0], [0, 2]]))
    L.scatter(input=L.tensor([1., 2, 3]), dim=0, index=L.tensor([0, 2]), src=L.tensor([5., 6]))
    L.tensor([1., 2, 3]).scatter_(0, L.tensor([0, 2]), value=7)
    L.tensor([[1., 2, 3]]).scatter_(1, L.tensor([[0, 1]]), L.tensor([[5, 6]]))
    L.tensor([[1., 2, 3]]).scatter_(1, L.tensor([0, 1]), 3)
    L.tensor([[1., 2, 3]]).scatter_add_(1, L.tensor([[0, 0]]), 5.)
    L.index_add(L.tensor([1., 2, 3]), dim=0, index=L.tensor([0, 0]), source=L.tensor([5., 6]))
    L.tensor([1., 2, 3]).index_add_(0, L.tensor([0, 1]), L.tensor([5, 6]))
    L.tensor([1., 2, 3]).index_put_((L.tensor([0, 0]),), L.tensor([9., 8]), accumulate=True)
    L.tensor([[1., 2, 3]]).index_put_((None, L.tensor([1])), L.tensor(9.))
    L.tensor([1., 2, 3]).masked_scatter_(L.tensor([True, False, True]), L.tensor([5., 6]))
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    agree(torch, expression(line))
