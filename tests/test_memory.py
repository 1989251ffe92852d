"""Writes in place, through views too, against PyTorch; what is said of a value written after it was saved."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import minigrad
from minigrad.errors import GraphError
from minigrad.testing import Kink, check_grads
from tests.agreement import agree, difference, expression, outcome, plain

# -------------------------------------------------------------------- generated programs


def single(x: Any) -> Any:
    """x, whose elements must be one memory location each: PyTorch writes a number into some of an expanded tensor's."""
    if any(n > 1 and stride == 0 for n, stride in zip(x.shape, x.stride(), strict=True)):
        raise RuntimeError("expanded")
    return x


def interleaved(x: Any, y: Any) -> bool:
    """Whether y reads every other element of what a write into x changes: PyTorch does not notice, and reads new values."""
    arrays = [t.detach().numpy() for t in (x, y)]
    return np.shares_memory(*arrays) and not all(a.flags.contiguous for a in arrays)


VIEWS: dict[str, Callable[[Any], Any]] = {
    "x[0]": lambda x: x[0],
    "x[-1:]": lambda x: x[-1:],
    "x[..., ::2]": lambda x: x[..., ::2],
    "x[None]": lambda x: x[None],
    "x[:]": lambda x: x[:],
    "T": lambda x: x.transpose(0, -1),
    "view(-1)": lambda x: x.view(-1),
    "reshape(-1)": lambda x: x.reshape(-1),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: x.squeeze(),
    "narrow": lambda x: x.narrow(0, 1, 1),
    "select": lambda x: x.select(-1, 1),
    "expand": lambda x: x.expand(2, *x.shape),
    "split": lambda x: x.split(1)[0],
    "unbind": lambda x: x.unbind(-1)[-1],
    "detach": lambda x: x.detach(),
    "diagonal of zeros": lambda x: x[..., 1:].view(-1),
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "sin": lambda x, y: x.sin(),
    "exp": lambda x, y: (x * 0.1).exp(),
    "times": lambda x, y: x * y,
    "clone": lambda x, y: x.clone(),
    "double": lambda x, y: x.double(),
    "rows": lambda x, y: x[[0, 1]],
    "sum": lambda x, y: x.sum(-1),
}
WRITES: dict[str, Callable[..., Any]] = {
    "mul_(0.5)": lambda x, y: x.mul_(0.5),
    "add_(y)": lambda x, y: x.add_(y),
    "mul_(y)": lambda x, y: x.mul_(y),
    "sub_(y, alpha)": lambda x, y: x.sub_(y.clone(), alpha=2),
    "sin_": lambda x, y: x.sin_(),
    "tanh_": lambda x, y: x.tanh_(),
    "zero_": lambda x, y: x.zero_(),
    "fill_": lambda x, y: x.fill_(0.25),
    "copy_(y)": lambda x, y: x.copy_(y),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "x[0] = y": lambda x, y: single(x).__setitem__(0, y),
    "x[..., 1:] = 0.1": lambda x, y: single(x).__setitem__((..., slice(1, None)), 0.1),
    "x[[0]] = y": lambda x, y: single(x).__setitem__([0], y.clone()),  # PyTorch refuses a y over x's memory
    "x[x > 0] = 0.3": lambda x, y: single(x).__setitem__(x > 0, 0.3),
}
EVERY = {**VIEWS, **OPERATIONS, **WRITES}
SHAPES = ((), (2,), (3,), (2, 3), (2, 2, 2))


@st.composite
def programs(draw: Any) -> Any:
    """Shapes of the first tensors with whether they require grad, and steps (name, x, y, whether under no_grad)."""
    first = draw(st.lists(st.tuples(st.sampled_from(SHAPES), st.booleans()), min_size=1, max_size=3))
    names = st.one_of(*(st.sampled_from(sorted(table)) for table in (VIEWS, OPERATIONS, WRITES, WRITES)))
    number = st.integers(0, 9)
    steps = draw(st.lists(st.tuples(names, number, number, st.integers(0, 9).map(lambda n: n == 0)), max_size=12))
    return first, steps


def start(L: Any, first: Any) -> Any:
    """The tensors that a program starts from."""
    return [
        L.tensor(np.sin(np.arange(int(np.prod(shape))) + 1.0).reshape(shape), requires_grad=requires_grad)
        for shape, requires_grad in first
    ]


def perform(L: Any, leaves: Any, steps: Any, look: Callable[[Any], Any] = lambda seen: None) -> Any:
    """Run the steps; `look` is shown each step's exception, or all tensors after it. Returns a weighted sum of them."""
    tensors = [x * 1 if x.requires_grad else x for x in leaves]  # leaves themselves refuse every write
    for name, i, j, without in steps:
        x, y = tensors[i % len(tensors)], tensors[j % len(tensors)]
        if x is y or name in WRITES and interleaved(x, y):
            y = y.clone()  # x.mul_(x) has a gradient here, and none in PyTorch
        try:
            with L.set_grad_enabled(name in VIEWS or not without):  # views under no_grad: see below
                made = VIEWS[name](x) if name in VIEWS else EVERY[name](x, y)
            if name not in WRITES:
                tensors.append(made)
            look([described(t) for t in tensors])
        except Exception as error:  # refused; or, from `described`, a view that its base's write has made useless
            look(error)
    return sum((t * L.tensor(np.cos(np.arange(t.numel())).reshape(t.shape))).sum() for t in tensors if t.requires_grad)


def described(t: Any) -> Any:
    """What can be seen of a tensor now, before later steps write into it."""
    return plain(t), t._version, t._is_view(), t.requires_grad, t.is_leaf


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_programs_of_views_and_writes(torch: Any, program: Any) -> None:
    first, steps = program

    def run(L: Any) -> Any:
        seen: list[Any] = []
        leaves = start(L, first)
        try:
            total = perform(L, leaves, steps, seen.append)
            leaves = [x for x in leaves if x.requires_grad]
            if leaves and isinstance(total, L.Tensor):
                found = L.autograd.grad(total, leaves, allow_unused=True)
                seen.append([(L.zeros_like(x) if g is None else g) for g, x in zip(found, leaves, strict=True)])
        except Exception as error:
            seen.append(error)
        return seen

    expected, got = outcome(run, torch, ()), outcome(run, minigrad, ())
    if expected and isinstance(expected[-1], RuntimeError) and "modified by an inplace operation" in str(expected[-1]):
        # Here an operation in place may have kept a copy of what PyTorch finds overwritten; the next test has an eye on it.
        expected.pop(), got.pop()
    assert not (found := difference(expected, got)), found


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_gradients_of_programs_are_right_or_refused(program: Any) -> None:
    first, steps = program
    steps = [(name, i, j, False) for name, i, j, _ in steps if name != "detach"]
    leaves = start(minigrad, [(shape, True) for shape, _ in first])
    try:
        check_grads(lambda *xs: perform(minigrad, xs, steps) + sum(x.sum() for x in xs), leaves, order=2)
    except Kink:  # of clamp_, or of the choice of x > 0
        assume(False)
    except GraphError as error:
        assert "modified by an in-place operation" in str(error) or "take the view again" in str(error)


LINES = """
    x = L.ones(3, requires_grad=True); x.add_(1)
    x = L.ones(3, requires_grad=True); x[0] = 1
    x = L.ones(3, requires_grad=True); x += 1
    x = L.ones(3, requires_grad=True); x[1:].mul_(2)
    x = L.ones(3, requires_grad=True); x[1:][0] = 2
    x = L.ones(3, requires_grad=True); x.detach()[1:].mul_(2); x
    x = L.ones(3, requires_grad=True); x.data.mul_(2); x
    x = L.ones(3); x.mul_(L.ones(3, requires_grad=True)); x.requires_grad, x.is_leaf
    x = L.ones(3); x[1] = L.tensor(2., requires_grad=True); x.requires_grad, x.is_leaf
    x = L.ones(3); x[1:].mul_(L.ones(2, requires_grad=True)); x.requires_grad, x.is_leaf
    x = L.ones(3); v = x[1:]; x.mul_(L.ones(3, requires_grad=True)); v.requires_grad
    x = L.ones(3); d = x.detach(); x.mul_(L.ones(3, requires_grad=True)); d.requires_grad, d
    x = L.ones(3, requires_grad=True); y = x * 1; d = y.detach(); d.mul_(3); y.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); y = x * 1; z = y * y; y.detach().mul_(3); z.sum().backward()
    x = L.ones(3, requires_grad=True); y = x * 1; z = y * 2; y.detach().mul_(3); z.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); z = x * x; x.detach().mul_(3); z.sum().backward()
    x = L.ones(3, requires_grad=True); y = x.exp(); y.detach().zero_(); y.sum().backward()
    x = L.ones(3, requires_grad=True); y = x.exp(); y[0] = 0; y.sum().backward()
    x = L.ones(3, requires_grad=True); y = x.exp(); y[1:].zero_(); y.sum().backward()
    x = L.ones(3, requires_grad=True); y = x.sin(); y[1:].zero_(); y.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x * w; w.add_(1); y.sum().backward()
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x * w; w[0] = 1; y.sum().backward()
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x * w; w.view(3, 1).mul_(1); y.sum().backward()
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x * w[:2].sum(); w.add_(1); y.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x[:2] * w[:2]; w[2] = 5; y.sum().backward()
    x = L.ones(3, requires_grad=True); w = L.ones(3); y = x + w; w.add_(1); y.sum().backward(); x.grad
    x = L.ones(2, 2, requires_grad=True); w = L.ones(2, 2); y = x @ w; w.mul_(2); y.sum().backward()
    x = L.ones(3, requires_grad=True); v = (x * 1).unbind(0); v[0].add_(1)
    x = L.ones(3, requires_grad=True); v = (x * 1).split(1); v[0].add_(1)
    x = L.ones(3, requires_grad=True); v = (x * 1).chunk(2); v[0].add_(1)
    x = L.ones(3); v = x.unbind(0); v[0].add_(1); x
    x = L.ones(3); v = x.split(1); v[0].add_(1); x
    x = L.ones(3).expand(2, 3); x.add_(1)
    x = L.ones(3).expand(2, 3); x.copy_(L.ones(2, 3))
    x = L.ones(3).expand(2, 3); x[0] = L.ones(3); x
    x = L.ones(3).expand(2, 3); x.zero_(); x
    x = L.ones(()).expand(2); x.copy_(L.tensor(3.))
    x = L.ones(()).expand(2); x[:] = L.tensor(3.)
    x = L.arange(4.); x[1:].add_(x[:-1])
    x = L.arange(4.); x[1:].copy_(x[:-1])
    x = L.arange(4.); x.add_(x); x
    x = L.arange(4.); x.add_(x.flip(0)); x
    x = L.arange(4.); x.copy_(x); x, x._version
    x = L.arange(4.); x[:] = x; x
    x = L.arange(4.).view(2, 2); x.add_(x.T)
    x = L.ones(2); x.add_(L.ones(3))
    x = L.ones(2); x.add_(L.ones(2, 2))
    x = L.ones(2, dtype=L.int64); x.add_(1.5)
    x = L.ones(2, dtype=L.int64); x.div_(2)
    x = L.ones(2, dtype=L.int64); x /= 2
    x = L.ones(2, dtype=L.bool); x.add_(1)
    x = L.ones(2); x._version, x.add_(1)._version, x[0].zero_()._version, x._version
    x = L.ones(2); y = x.view(1, 2); x.add_(1); y._version, x.detach()._version, x.clone()._version
    x = L.ones(2); y = x.numpy(); y[0] = 5; x, x._version
    x = L.ones(2, requires_grad=True); y = x * 2; y += 1; y *= y.detach(); y.sum().backward(); x.grad
    x = L.ones(2, requires_grad=True); y = x * 2; y.mul_(3); y.grad_fn.next_functions[0][0] is not None
    x = L.ones(3, requires_grad=True); b = x * 1; v = b[1:]; v.mul_(L.tensor([2., 3])); b.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); b = x * 1; v = b[1:]; b.mul_(2); v.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); b = x * 1; v = b[1:]; w = v[1:]; w.zero_(); (v * v).sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); b = x * 1; v = b[:2]; w = b[1:]; v.mul_(w.clone()); w.sum().backward(); x.grad
    x = L.ones(3, requires_grad=True); y = L.ones(3, requires_grad=True); b = x * 1; b.copy_(y); b.sum().backward(); x.grad, y.grad
    x = L.ones(3, requires_grad=True); b = x.double(); b.mul_(2); b.sum().backward(); x.grad
    x = L.zeros(3); x[0].add_(5); x
    x = L.zeros(2, 2); x[:, 0][1] = 5; x
    x = L.zeros(2, 2); x.T[0, 1] = 5; x
    x = L.zeros(2, 2); x.reshape(4)[3] = 5; x
    x = L.zeros(2, 2); x.T.reshape(4)[3] = 5; x
    x = L.zeros(2, 2); x[[0]][0] = 5; x
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    agree(torch, expression(line))


def test_a_view_taken_under_no_grad(torch: Any) -> None:
    """Neither it nor its base may then be written with gradients on: PyTorch."""

    def program(L: Any, write: str) -> Any:
        x = L.ones(3, requires_grad=True) * 1
        with L.no_grad():
            view = x[1:]
        if write == "view":
            view.mul_(2)
        elif write == "base":
            x.mul_(2)
            return (view * 2).grad_fn.name()
        elif write == "both under no_grad":
            with L.no_grad():
                view.mul_(2)
        return x

    for write in ("view", "base", "both under no_grad", "none"):
        agree(torch, program, write)


# -------------------------------------------------------------------- what the error says


def here() -> int:
    """The line that calls this."""
    return sys._getframe(1).f_lineno


def fails(y: Any, operation: str, saved: int, written: int) -> None:
    """y.backward() must name the operation, and the lines of this file where it saved and where the write was."""
    with pytest.raises(GraphError) as caught:
        y.sum().backward()
    message = str(caught.value)
    caller = sys._getframe(1).f_code.co_name
    assert message.startswith(f"{operation}Backward")
    assert f'saved by {operation} at File "{__file__}", line {saved}, in {caller}' in message
    assert f'at File "{__file__}", line {written}, in {caller}' in message.partition("then modified")[2]


def leaf() -> Any:
    return minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)


def test_a_written_argument_is_named() -> None:
    x, w = leaf(), minigrad.ones(3)
    saved = here() + 1
    y = x * w
    written = here() + 1
    w.add_(1)
    fails(y, "Mul", saved, written)


def test_a_written_result_is_named() -> None:
    saved = here() + 1
    y = leaf().exp()
    written = here() + 1
    y[0] = 1
    fails(y, "Exp", saved, written)


def test_a_write_through_a_view_is_named() -> None:
    x, w = leaf(), minigrad.ones(3, 1)
    view = w[1:].view(-1)
    saved = here() + 1
    y = x * w
    written = here() + 1
    view.zero_()
    fails(y, "Mul", saved, written)


@pytest.mark.parametrize("share", [lambda w: w.detach(), lambda w: w.data, lambda w: minigrad.as_tensor(w)])
def test_a_write_through_another_tensor_over_the_memory_is_named(share: Any) -> None:
    x, w = leaf(), leaf()
    with minigrad.no_grad():
        other = share(w)
    saved = here() + 1
    y = x * w
    with minigrad.no_grad():
        written = here() + 1
        other.mul_(2)
    fails(y, "Mul", saved, written)


def test_a_write_to_a_value_that_several_operations_saved() -> None:
    x, w = leaf(), minigrad.ones(3)
    saved = here() + 1
    y = (x * w).sin() * w
    w.add_(1)
    written = here() + 1
    w.add_(2)
    fails(y, "Mul", saved, written)


def test_a_matrix_product_and_a_fused_operation() -> None:
    x, w = minigrad.ones(2, 3, requires_grad=True), minigrad.ones(3, 2)
    saved = here() + 1
    y = x @ w
    written = here() + 1
    w.t().mul_(2)
    fails(y, "Matmul", saved, written)


@pytest.mark.parametrize("make", [lambda p: minigrad.optim.SGD(p, lr=0.1), lambda p: minigrad.optim.Adam(p)])
def test_an_optimisers_step_is_named(make: Any) -> None:
    w = leaf()
    optimizer = make([w])
    (w * 2).sum().backward()
    saved = here() + 1
    y = w * w
    written = here() + 1
    optimizer.step()
    fails(y, "Mul", saved, written)


def test_a_write_before_saving_is_no_matter() -> None:
    x, w = leaf(), minigrad.ones(3)
    w.add_(1)
    (x * w).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


INDEXED: list[Callable[..., Any]] = [
    lambda x, i, m: x[i],
    lambda x, i, m: x[i, i],
    lambda x, i, m: x[m],
    lambda x, i, m: x.index_select(0, i),
    lambda x, i, m: x.gather(0, i.expand(2, 2)),
    lambda x, i, m: x.take_along_dim(i[:, None], 0),
    lambda x, i, m: x.take_along_dim(i),
    lambda x, i, m: x.masked_select(m),
    lambda x, i, m: x.masked_fill(m, 0.0),
    lambda x, i, m: (x * 1).masked_fill_(m, 0.0),
    lambda x, i, m: (x * 1).masked_scatter_(m, x * 2),
    lambda x, i, m: (x * 1).index_fill_(0, i[:1], 0.0),
    lambda x, i, m: minigrad.zeros(2, 2).index_add_(0, i, x),
    lambda x, i, m: minigrad.zeros(2, 2).index_copy_(0, i, x),
    lambda x, i, m: minigrad.zeros(2, 2).scatter_(0, i.expand(2, 2).t(), x),
    lambda x, i, m: minigrad.zeros(2, 2).scatter_add_(0, i.expand(2, 2).t(), x),
    lambda x, i, m: minigrad.zeros(2, 2).index_put_((i,), x),
]


@pytest.mark.parametrize("call", INDEXED)
def test_an_index_written_later_does_not_mislead_the_gradient(call: Any) -> None:
    """PyTorch notices the write and raises; here the index was copied."""
    found = []
    for write in (False, True):
        x = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        i, m = minigrad.tensor([1, 0]), minigrad.tensor([[True, False], [True, True]])
        y = call(x, i, m)
        if write:
            i.zero_()
            m.numpy()[...] = False  # unnoticed, as NumPy's writes are
        (y * y.detach()).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]


def test_a_second_order_reads_what_the_first_saved() -> None:
    x = leaf()
    y = x.exp()
    (g,) = minigrad.autograd.grad(y.sum(), x, create_graph=True)
    y.detach().mul_(2)
    with pytest.raises(GraphError, match="modified by an in-place operation"):
        g.sum().backward()


def test_nothing_is_half_written() -> None:
    """A backward that fails for a modified value has touched no `.grad` of a leaf."""
    x, w = leaf(), minigrad.ones(3)
    y = (x * w).sum() + x.sum()
    w.add_(1)
    with pytest.raises(GraphError):
        y.backward()
    assert x.grad is None


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.copy_(minigrad.zeros(3)),
        lambda x: x.zero_(),
        lambda x: x.fill_(2),
        lambda x: x.__setitem__(0, 2.0),
        lambda x: x.__setitem__([0, 1], 2.0),
        lambda x: x[1:].mul_(2),
        lambda x: x.uniform_(),
        lambda x: x.clamp_(0, 1),
        lambda x: x.index_add_(0, minigrad.tensor([0]), minigrad.ones(1, dtype=minigrad.float64)),
        lambda x: x.scatter_(0, minigrad.tensor([0]), 1.0),
        lambda x: x.masked_fill_(x > 0, 1.0),
    ],
)
def test_read_only_arrays_are_not_written(write: Any) -> None:
    array = np.array([1.0, 2.0, 3.0])
    array.flags.writeable = False
    x = minigrad.from_numpy(array)
    with pytest.raises(RuntimeError, match="read-only"):
        write(x)
    assert x.tolist() == [1.0, 2.0, 3.0] and x._version == 0
    write(x.clone())


def test_views_and_writes_leave_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        base = x * 1
        view = base[1:]
        view.mul_(2)
        base[0].zero_()
        nodes = [weakref.ref(base.grad_fn), weakref.ref(view.grad_fn), weakref.ref(base), weakref.ref(view)]
        del base, view
        assert [n() for n in nodes] == [None] * 4
    finally:
        gc.enable()


def test_a_view_keeps_its_base_alive() -> None:
    base = leaf() * 1
    reference = weakref.ref(base)
    view = base[1:]
    del base
    assert reference() is not None and view._base is reference()
