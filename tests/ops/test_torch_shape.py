"""Views, joins and parts against PyTorch, on generated shapes and arguments, bad ones included."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.agreement import agree, differentiated, expression

FLOATS = ("float16", "float32", "float64")
sizes = st.integers(0, 3)
shapes = st.lists(sizes, max_size=4).map(tuple)
anything = st.integers(-5, 4)  # a dim, a size or a position: often right, sometimes out of range


def array(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    return np.sin(np.arange(int(np.prod(shape)), dtype=np.float64) + 1).reshape(shape).astype(dtype)


@st.composite
def regrouped(draw: Any, shape: tuple[int, ...]) -> Any:
    """A shape with as many elements, a -1 in it perhaps, or any other shape."""
    if draw(st.integers(0, 4)) == 0:
        return draw(shapes)
    rest, found = int(np.prod(shape)), []
    while rest > 1 and draw(st.booleans()):
        factor = draw(st.sampled_from([k for k in range(1, rest + 1) if rest % k == 0]))
        found.append(factor)
        rest //= factor
    found.append(rest)
    if draw(st.booleans()):
        found[draw(st.integers(0, len(found) - 1))] = -1
    return tuple(found)


def dims(least: int = 0) -> Any:
    return st.lists(anything, min_size=least, max_size=4).map(tuple)


def near(n: int) -> Any:
    """Positions that exist, or just do not."""
    return st.integers(-n - 1, n)


# name -> (call(L, x, *arguments), strategy of the arguments from x's shape)
ONE: dict[str, Any] = {
    "reshape": (lambda L, x, s: L.reshape(x, s), lambda s: st.tuples(regrouped(s))),
    "Tensor.reshape": (lambda L, x, s: x.reshape(*s), lambda s: st.tuples(regrouped(s))),
    "Tensor.view": (lambda L, x, s: x.view(s), lambda s: st.tuples(regrouped(s))),
    "view of a transpose": (lambda L, x, s: x.T.view(s), lambda s: st.tuples(regrouped(s))),
    "reshape of a transpose": (lambda L, x, s: x.T.reshape(s), lambda s: st.tuples(regrouped(s))),
    "view of a clone": (lambda L, x, s: x.T[..., :2].clone().view(s), lambda s: st.tuples(regrouped(s))),
    "flatten": (lambda L, x, a, b: L.flatten(x, a, b), lambda s: st.tuples(anything, anything)),
    "unflatten": (
        lambda L, x, d, n: x.unflatten(d, n),
        lambda s: near(len(s)).flatmap(lambda d: st.tuples(st.just(d), regrouped(s[d : d + 1] or (1,)))),
    ),
    "squeeze": (lambda L, x: L.squeeze(x), lambda s: st.just(())),
    "squeeze dim": (lambda L, x, d: x.squeeze(d), lambda s: st.tuples(st.one_of(near(len(s)), dims()))),
    "unsqueeze": (lambda L, x, d: x.unsqueeze(d), lambda s: st.tuples(anything)),
    "transpose": (lambda L, x, a, b: x.transpose(a, b), lambda s: st.tuples(near(len(s)), near(len(s)))),
    "t": (lambda L, x: x.t(), lambda s: st.just(())),
    "T": (lambda L, x: x.T, lambda s: st.just(())),
    "mT": (lambda L, x: x.mT, lambda s: st.just(())),
    "H": (lambda L, x: x.H, lambda s: st.just(())),
    "permute": (lambda L, x, p: x.permute(p), lambda s: st.tuples(st.permutations(range(len(s))) | dims())),
    "negative permute": (
        lambda L, x, p: L.permute(x, [d - x.ndim for d in p]),
        lambda s: st.tuples(st.permutations(range(len(s)))),
    ),
    "movedim": (lambda L, x, a, b: L.movedim(x, a, b), lambda s: st.tuples(near(len(s)), near(len(s)))),
    "movedims": (
        lambda L, x, a, b: x.movedim(a, b),
        lambda s: st.tuples(*[st.lists(st.integers(0, max(1, len(s))), unique=True, min_size=1).map(tuple)] * 2),
    ),
    "expand": (
        lambda L, x, lead, tail: x.expand(*lead, *[n if n == 1 or k == 0 else -1 for n, k in zip(x.shape, tail)]),  # noqa: B905
        lambda s: st.tuples(st.lists(sizes, max_size=2), st.lists(sizes, min_size=len(s), max_size=len(s))),
    ),
    "expand to": (
        lambda L, x, s: x.expand(s),
        lambda s: st.tuples(st.lists(st.integers(-1, 3), max_size=5).map(tuple)),
    ),
    "broadcast_to": (lambda L, x, s: L.broadcast_to(x, (2, *s)), lambda s: st.tuples(st.just(s) | shapes)),
    "repeat": (lambda L, x, n: x.repeat(*n), lambda s: st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=5))),
    "flip": (lambda L, x, d: L.flip(x, d), lambda s: st.tuples(st.lists(near(len(s)), max_size=3).map(tuple))),
    "split": (lambda L, x, n, d: L.split(x, n, d), lambda s: st.tuples(st.integers(-1, 4), near(len(s)))),
    "split sizes": (
        lambda L, x, n, d: x.split([*n, max(0, x.shape[d] - sum(n))], d),
        lambda s: st.tuples(st.lists(sizes, max_size=2), st.integers(0, max(0, len(s) - 1))),
    ),
    "chunk": (lambda L, x, n, d: x.chunk(n, d), lambda s: st.tuples(st.integers(0, 4), near(len(s)))),
    "unbind": (lambda L, x, d: L.unbind(x, d), lambda s: st.tuples(near(len(s)))),
    "iteration": (lambda L, x: list(x), lambda s: st.just(())),
    "narrow": (
        lambda L, x, d, a, n: L.narrow(x, d, a, n),
        lambda s: st.tuples(near(len(s)), st.integers(-3, 3), st.integers(-1, 3)),
    ),
    "select": (lambda L, x, d, i: x.select(d, i), lambda s: st.tuples(near(len(s)), st.integers(-4, 3))),
    "contiguous": (lambda L, x: x.T.contiguous(), lambda s: st.just(())),
    "clone": (lambda L, x: x.clone(), lambda s: st.just(())),
    "stride": (lambda L, x: x.T.contiguous().stride() if 0 not in x.shape else 0, lambda s: st.just(())),
    "broadcast_tensors": (
        lambda L, x, s: L.broadcast_tensors(x, L.zeros(s)),
        lambda s: st.tuples(shapes),
    ),
}


@pytest.mark.parametrize("name", ONE)
@given(data=st.data())
def test_one_tensor(torch: Any, name: str, data: Any) -> None:
    call, arguments = ONE[name]
    shape = data.draw(shapes)
    dtype = data.draw(st.sampled_from(FLOATS)) if "broadcast" not in name else "float32"
    args = data.draw(arguments(shape))
    agree(torch, differentiated(lambda L, x: call(L, x, *args)), array(shape, dtype))


@given(
    st.lists(shapes, max_size=3),
    anything,
    st.lists(st.sampled_from(("float32", "float64", "int64", "bool")), min_size=3, max_size=3),
    st.sampled_from(("cat", "stack")),
)
def test_join(torch: Any, found: Any, dim: int, dtypes: Any, name: str) -> None:
    arrays = [array(shape, dtype) for shape, dtype in zip(found, dtypes, strict=False)]
    agree(torch, differentiated(lambda L, *xs: getattr(L, name)(xs, dim)), *arrays)


@given(shapes.filter(len), st.data(), st.sampled_from(("cat", "stack")))
def test_join_of_fitting_shapes(torch: Any, shape: Any, data: Any, name: str) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    found = []
    for _ in range(data.draw(st.integers(1, 3))):
        other = list(shape)
        if name == "cat":
            other[dim] = data.draw(sizes)
        found.append(array(tuple(other)))
    agree(torch, differentiated(lambda L, *xs: getattr(L, name)(xs, dim=dim)), *found)


@given(shapes, st.data())
def test_views_share_memory(torch: Any, shape: Any, data: Any) -> None:
    """What is written through the result is seen in the argument, or not, as in PyTorch."""
    name = data.draw(
        st.sampled_from(sorted(set(ONE) - {"stride", "broadcast_tensors", "expand", "expand to", "broadcast_to"}))
    )
    call, arguments = ONE[name]
    args = data.draw(arguments(shape))

    def program(L: Any) -> Any:
        x = L.tensor(array(shape))
        out = call(L, x, *args)
        for o in out if isinstance(out, (tuple, list)) else [out]:
            o.fill_(7.0)
        return x, x._version

    agree(torch, program)


LINES = """
    L.tensor([[1., 2]]).view(size=(2, 1))
    L.tensor([[1., 2]]).reshape(shape=(2, 1))
    L.reshape(L.tensor([[1., 2]]), shape=(2,))
    L.reshape(L.tensor([[1., 2]]), 2)
    L.reshape(L.tensor([[1., 2]]), 2, 1)
    L.tensor([[1., 2]]).reshape()
    L.tensor([[1.]]).reshape(())
    L.tensor([[1., 2]]).reshape(1.0, 2)
    L.tensor([[1., 2]]).reshape("a")
    L.tensor([[1., 2]]).reshape(L.tensor(2), 1)
    L.tensor([[1., 2], [3, 4]]).view(L.int32)
    L.tensor([[1., 2], [3, 4]]).view(L.int64)
    L.tensor([[1., 2, 3]]).view(L.int64)
    L.tensor(1.).view(L.int64)
    L.tensor([[1., 2], [3, 4]]).view(dtype=L.float32)
    L.tensor([1., 2], requires_grad=True).view(L.float32)
    L.flatten(L.tensor([[[1., 2]]]), start_dim=0, end_dim=1)
    x = L.tensor([1., 2]); x.flatten() is x
    L.ravel(L.tensor([[1., 2]]))
    L.tensor([1., 2, 3, 4]).unflatten(dim=0, sizes=(2, -1))
    L.squeeze(L.tensor([[1., 2]]), dim=-2)
    L.unsqueeze(L.tensor([[1., 2]]), dim=1)
    L.unsqueeze(L.tensor(1.), (0,))
    L.transpose(L.tensor([[1., 2]]), dim0=0, dim1=-1)
    L.swapaxes(L.tensor([[1., 2]]), 0, 1)
    L.tensor([[1., 2]]).swapdims(0, 1)
    L.tensor([[1., 2]]).swapdims(dim0=0, dim1=1)
    L.tensor([[1., 2]]).swapaxes(axis0=0, axis1=1)
    L.swapaxes(L.tensor([[1., 2]]), axis0=0, axis1=1)
    x = L.tensor([[1., 2]]); x.t_() is x, x, x._version
    x = L.tensor([[1., 2]]); x.transpose_(0, 1) is x, x, x._version
    x = L.tensor([[1., 2]]); x.squeeze_() is x, x, x._version
    x = L.tensor([[1., 2]]); x.squeeze_(0), x.unsqueeze_(1), x
    x = L.tensor([[1., 2]]); x.unsqueeze_(5)
    x = L.tensor([[1., 2]], requires_grad=True); y = x * 1; y.t_(); (y * L.tensor([[1.], [5]])).sum().backward(); x.grad
    x = L.tensor([[1., 2]], requires_grad=True); x.t_()
    L.permute(L.tensor([[1., 2]]), dims=(1, 0))
    L.permute(L.tensor([[1., 2]]), 1, 0)
    L.tensor([[1., 2]]).permute(dims=(1, 0))
    L.tensor([[1., 2]]).permute()
    L.moveaxis(L.tensor([[[1., 2]]]), 0, 2)
    L.movedim(L.tensor([[[1., 2]]]), source=0, destination=1)
    L.tensor([1., 2]).expand(size=(3, 2))
    L.tensor([1., 2]).expand()
    L.broadcast_to(L.tensor([1., 2]), size=(3, 2))
    L.broadcast_shapes((2, 1), (3,))
    L.broadcast_shapes((2, 1), (3, 3))
    L.tensor([1., 2]).expand_as(L.tensor([[1., 2]]))
    L.tensor([1., 2]).view_as(L.tensor([[1., 2]]))
    L.tensor([1., 2]).reshape_as(L.tensor([[1., 2]]))
    L.cat(tensors=(L.tensor([1., 2]),), dim=0)
    L.cat([L.tensor([1., 2])], axis=0)
    L.cat(L.tensor([1., 2]))
    L.cat([1, 2])
    L.cat([])
    L.cat([L.tensor([[1., 2]]), L.tensor([])])
    L.cat([L.tensor([[1., 2]]), L.tensor([])], 1)
    L.cat((L.tensor([1], dtype=L.uint8), L.tensor([3], dtype=L.int8)))
    L.concat([L.tensor([1., 2])])
    L.concatenate([L.tensor([1., 2])])
    L.stack([L.tensor([1., 2]), 3])
    L.stack([L.tensor(1.), L.tensor(1)])
    L.split(L.tensor([1., 2, 3]), split_size_or_sections=2, dim=0)
    L.tensor([1., 2, 3]).split(split_size=2)
    L.tensor([]).split(2)
    L.tensor(1.).split(1)
    L.chunk(L.tensor([]), 3)
    L.tensor([[1., 2, 3]]).chunk(chunks=2, dim=1)
    L.tensor([[1., 2, 3]]).flip(0, 1)
    L.tensor([1., 2]).repeat((2, 2))
    L.tensor([[1., 2], [3, 4]]).T.is_contiguous()
    L.tensor([[1., 2], [3, 4]]).T.clone().stride()
    L.tensor([[1., 2], [3, 4]])[:, 0].clone().stride()
    L.tensor([[1., 2], [3, 4]]).T.exp().stride()
    L.tensor([1., 2]).expand(2, 2).clone().stride()
    L.tensor([1., 2]).expand(2, 2).stride()
    L.tensor([[1., 2]]).stride(-1)
    L.tensor([[1., 2]]).stride(2)
    L.tensor([[1., 2], [3, 4]])[:, 1:].storage_offset()
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    agree(torch, expression(line))
