"""backward and grad against PyTorch: their arguments, what they refuse, and what they leave alone."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.errors import GraphError, ShapeError
from tests.agreement import agree, expression

LINES = """
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); x.grad.requires_grad, x.grad.is_leaf, x.grad.grad_fn
    x = L.tensor(2., requires_grad=True); x.backward(); x.grad
    x = L.tensor([2.], requires_grad=True); (x * 3).backward(); x.grad
    x = L.tensor([[[2.]]], requires_grad=True); (x * 3).backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); x.backward(L.tensor([3., 4])); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor([1., 10])); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(gradient=L.tensor([1., 10])); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward()
    x = L.tensor([1., 2], requires_grad=True); L.zeros(0).backward()
    x = L.zeros(0, requires_grad=True); (x * 2).backward()
    x = L.zeros(0, requires_grad=True); (x * 2).sum().backward(); x.grad
    x = L.tensor([1., 2]); x.sum().backward()
    x = L.tensor([1, 2]); x.sum().backward()
    x = L.tensor([1., 2], requires_grad=True); x.detach().sum().backward()
    x = L.tensor([1., 2], requires_grad=True); x.argmax().backward()
    x = L.tensor([1., 2], requires_grad=True); (x > 1).sum().backward()
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor([1.]))
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor(1.))
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor([[1., 2]]))
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(L.tensor([1.]))
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward([1., 2])
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(3.)
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(2)
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(np.array([1., 2]))
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); y.backward(); y.backward()
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); y.backward(retain_graph=True); y.backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); y.backward(None, True); y.backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); y.backward(retain_graph=True); y.backward(); y.backward()
    x = L.ones(3, requires_grad=True); y = ((1 - x) + 1.5 - x).sum(); y.backward(); y.backward(); x.grad
    x = L.ones(3, requires_grad=True); y = ((1 - x) + 1.5 - x).sum(); L.autograd.grad(y, x), L.autograd.grad(y, x)
    x = L.ones(3, requires_grad=True); y = (x * 2).sum(); L.autograd.grad(y, x), L.autograd.grad(y, x)
    x = L.tensor([1., 2], requires_grad=True); y = (x + x).sum(); y.backward(); y.backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = x.exp(); y.sum().backward(); (y * 2).sum().backward()
    x = L.tensor([1., 2], requires_grad=True); y = x.exp(); L.autograd.grad(y.sum(), x); L.autograd.grad(y.sum(), x)
    x = L.tensor([1., 2], requires_grad=True); y = x.exp(); L.autograd.grad(y.sum(), x, create_graph=True); L.autograd.grad(y.sum(), x)
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(create_graph=True); x.grad.requires_grad, x.grad
    x = L.tensor([1., 2], requires_grad=True); (x ** 3).sum().backward(create_graph=True); g = x.grad; x.grad = None; g.sum().backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); (x * x).sum().backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); g = x.grad; (x * x).sum().backward(); x.grad is g, g
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); x.grad.zero_(); (x * x).sum().backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor([3., 4], requires_grad=True); (x * y).sum().backward(inputs=[x]); x.grad, y.grad
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor([3., 4], requires_grad=True); (x * y).sum().backward(inputs=x); x.grad, y.grad
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; (y * y).sum().backward(inputs=[y]); x.grad, y.grad
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; (y * y).sum().backward(inputs=[y, x]); x.grad, y.grad
    x = L.tensor([1., 2], requires_grad=True); (x * 2).sum().backward(inputs=[])
    x = L.tensor([1., 2], requires_grad=True); (x * 2).sum().backward(inputs=[L.tensor([1.])])
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(3., requires_grad=True); (x * 2).sum().backward(inputs=[y]); x.grad, y.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward((x * 2).sum()); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([(x * 2).sum(), (x * x).sum()]); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = (x * 2).sum(); L.autograd.backward([y, y]); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([x * 2, x.sum()], [L.tensor([1., 3]), None]); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([x * 2, x.sum()], grad_tensors=[L.tensor([1., 3]), L.tensor(2.)]); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([x * 2, x.sum()], [L.tensor([1., 3])])
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([x * 2, x.sum()], [None, None])
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([x.sum(), L.tensor(1.)])
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward([]); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward(x * 2, L.tensor([1., 3])); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); L.autograd.backward(y, retain_graph=True); L.autograd.backward(y); x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.backward((x * x).sum(), create_graph=True, inputs=[x]); x.grad.requires_grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad((x * x).sum(), x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad((x * x).sum(), [x]), x.grad
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad([(x * x).sum(), (x * 3).sum()], x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x * x, x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x * x, x, L.tensor([1., 10]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x * x, x, grad_outputs=[L.tensor([1., 10])])
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x * x, x, grad_outputs=L.tensor([1.]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), x, grad_outputs=L.tensor(5.))
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(1., requires_grad=True); L.autograd.grad(x.sum(), [x, y])
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(1., requires_grad=True); L.autograd.grad(x.sum(), [x, y], allow_unused=True)
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(1., requires_grad=True); L.autograd.grad(x.sum(), [x, y], materialize_grads=True)
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(1., requires_grad=True); L.autograd.grad(x.sum(), [y], allow_unused=False, materialize_grads=True)
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor(1., requires_grad=True); L.autograd.grad(x.sum(), [y], allow_unused=True, materialize_grads=True)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), L.tensor([1.]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), L.tensor([1]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(L.tensor(1.), x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(L.tensor(1.), x, allow_unused=True)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad([], x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), [])
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(3., x)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), 3.)
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), x, only_inputs=True)
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; L.autograd.grad((y * y).sum(), y)
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; L.autograd.grad((y * y).sum(), [x, y])
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; L.autograd.grad(y, y, L.tensor([5., 6]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x, x, L.tensor([5., 6]))
    x = L.tensor([1., 2], requires_grad=True); L.autograd.grad(x.sum(), [x, x])
    x = L.tensor([1., 2], requires_grad=True); y = x[0]; L.autograd.grad(x.sum(), y)
    x = L.tensor([1., 2], requires_grad=True); y = x[0]; L.autograd.grad(x.sum(), y, allow_unused=True)
    x = L.tensor([1., 2], requires_grad=True); a, b = (x * 2).split(1); L.autograd.grad(b.sum(), [a, b, x], allow_unused=True)
    x = L.tensor([1., 2], requires_grad=True); a, b = (x * 2).unbind(0); (a * b).backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); a, b = (x * 2).unbind(0); a.backward(); b.backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); m = (x * 2).max(0); m.values.backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); g, = L.autograd.grad((x ** 3).sum(), x, create_graph=True); L.autograd.grad(g.sum(), x)
    x = L.tensor([1., 2], requires_grad=True); g, = L.autograd.grad((x ** 3).sum(), x); g.requires_grad
    x = L.tensor([1., 2], requires_grad=True); g, = L.autograd.grad((x ** 3).sum(), x); L.autograd.grad(g.sum(), x)
    x = L.tensor([1., 2], requires_grad=True); g, = L.autograd.grad((x * 3).sum(), x, create_graph=True); g.requires_grad
    x = L.tensor([1., 2], requires_grad=True); v = L.tensor([1., 1], requires_grad=True); g, = L.autograd.grad(x * x, x, v, create_graph=True); L.autograd.grad(g.sum(), v)
    x = L.tensor([1., 2], requires_grad=True); x.requires_grad_(False); L.autograd.grad(x.sum(), x)
    x = L.tensor([1., 2], requires_grad=True); y = (x * x).sum(); x.requires_grad_(False); y.backward(); x.grad
    x = L.tensor([1., 2], dtype=L.float16, requires_grad=True); (x.double() * 3).sum().backward(); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor([1, 2])); x.grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).backward(L.tensor([1., 2], dtype=L.float64)); x.grad
    x = L.tensor([1., 2], requires_grad=True); g = L.tensor([1., 2]); (x.view(2) + x).backward(g); g, x.grad
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor([1., 2], requires_grad=True); (x + y).sum().backward(); x.grad.add_(1); y.grad
    x = L.tensor([1., 2], requires_grad=True); x.sum().backward(); x.grad[0] = 5; x.grad
    x = L.tensor([1., 2], requires_grad=True); x.expand(3, 2).sum().backward(); x.grad[0] = 5; x.grad
    x = L.tensor(1., requires_grad=True); (x * L.ones(2, 3)).sum().backward(); x.grad
    L.tensor([1, 2], requires_grad=True)
    L.ones(2, dtype=L.int32).requires_grad_()
    L.ones(2, 2, requires_grad=True).sum(2).sum().backward()
    L.ones(2, 2, requires_grad=True).sum(-3).sum().backward()
    L.ones(2, 2, requires_grad=True).mean((0, 0)).sum().backward()
    L.ones(2, 2, requires_grad=True).transpose(0, 2).sum().backward()
    L.ones(2, 2, requires_grad=True).softmax(2).sum().backward()
    L.ones(2, 2, requires_grad=True).max(2).values.sum().backward()
    L.cat([L.ones(2, requires_grad=True)], 1).sum().backward()
    (L.ones(2, requires_grad=True) + L.ones(3)).sum().backward()
    (L.ones(2, 3, requires_grad=True) @ L.ones(2, 3)).sum().backward()
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- one clear message each


def ones(**kwargs: Any) -> Any:
    return minigrad.ones(2, 3, requires_grad=True, **kwargs)


def second_backward() -> None:
    y = ones().exp().sum()
    y.backward()
    y.backward()


MESSAGES: list[tuple[Any, Any, str]] = [
    (
        lambda: minigrad.ones(2, dtype=minigrad.int64).requires_grad_(),
        RuntimeError,
        r"int64 tensor of shape \(2,\).*\.float\(\)",
    ),
    (
        second_backward,
        GraphError,
        rf"SumBackward0|ExpBackward0.*second time.*retain_graph=True.*{__name__.rpartition('.')[2]}",
    ),
    (
        lambda: (ones() * 2).backward(),
        GraphError,
        r"only for scalar outputs, not for a float32 tensor of shape \(2, 3\)",
    ),
    (lambda: (ones() * 2).backward(minigrad.ones(3)), ShapeError, r"gradient has shape \(3,\) and the output \(2, 3\)"),
    (lambda: ones().detach().sum().backward(), GraphError, r"does not require grad.*requires_grad=True"),
    (
        lambda: minigrad.autograd.grad(ones().sum(), ones()),
        GraphError,
        r"not have been used in the graph.*allow_unused",
    ),
    (lambda: ones().sum(2), IndexError, r"sum: Dimension out of range .*\[-2, 1\], but got 2"),
    (lambda: ones().softmax(5), IndexError, r"softmax: Dimension out of range .*\[-2, 1\], but got 5"),
    (
        lambda: ones() + minigrad.ones(2),
        ShapeError,
        r"add\(float32 tensor of shape \(2, 3\), float32 tensor of shape \(2,\)\)",
    ),
    (lambda: ones() @ minigrad.ones(2), ShapeError, r"matmul.*\(2, 3\).*\(2,\)"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES)
def test_messages(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        call()


# -------------------------------------------------------------------- nothing shared, nothing changed


def test_gradients_are_no_ones_else_s_memory() -> None:
    """Where PyTorch makes the upstream gradient itself the leaf's: no two `.grad`, and neither a `.grad` and the upstream gradient or a saved value, share an array."""
    xs = [minigrad.ones(3, requires_grad=True) for _ in range(3)]
    upstream = minigrad.tensor([1.0, 2.0, 3.0])
    y = xs[0] + xs[1].view(3) + xs[2].clone()
    y = y + xs[0].expand(2, 3).sum(0)
    y.backward(upstream)
    arrays = [x.grad.numpy() for x in xs] + [upstream.numpy()] + [x.detach().numpy() for x in xs]
    for i, a in enumerate(arrays):
        for b in arrays[:i]:
            assert not np.shares_memory(a, b)
    assert upstream.tolist() == [1.0, 2.0, 3.0] and upstream._version == 0


def test_gradients_can_be_written() -> None:
    """Also where the rule answers with a broadcast or read-only array."""
    for make in (
        lambda x: x.sum(),
        lambda x: x.expand(2, 3).sum(),
        lambda x: x.mean(),
        lambda x: x[:1].expand(4).sum(),
    ):
        x = minigrad.ones(3, requires_grad=True)
        make(x).backward()
        x.grad.mul_(0)
        assert x.grad.tolist() == [0.0] * 3
        x.grad = None
        (g,) = minigrad.autograd.grad(make(x), x)
        g.mul_(0)
        assert g.tolist() == [0.0] * 3


def test_a_failed_backward_leaves_grad_mode_as_it_was() -> None:
    class Fails(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ZeroDivisionError

    for create_graph in (False, True):
        x = minigrad.ones(3, requires_grad=True)
        with pytest.raises(ZeroDivisionError):
            Fails.apply(x).sum().backward(create_graph=create_graph)
        assert minigrad.is_grad_enabled() and x.grad is None
        with minigrad.no_grad(), pytest.raises(ZeroDivisionError):
            minigrad.autograd.grad(Fails_applied(Fails, x), x, create_graph=create_graph)
        assert minigrad.is_grad_enabled()


def Fails_applied(function: Any, x: Any) -> Any:
    with minigrad.enable_grad():
        return function.apply(x).sum()


def test_backward_runs_under_no_grad(torch: Any) -> None:
    def program(L: Any) -> Any:
        x = L.tensor([1.0, 2.0], requires_grad=True)
        y = (x**3).sum()
        with L.no_grad():
            (g,) = L.autograd.grad(y, x, create_graph=True)
            mode = L.is_grad_enabled()
        return g.requires_grad, mode, L.autograd.grad(g.sum(), x)

    agree(torch, program)


# -------------------------------------------------------------------- the graph as a viewer sees it


def walked(root: Any) -> list[Any]:
    """The graph as the usual viewers of PyTorch graphs walk it: names, the leaves' shapes, and the edges between them."""
    seen: dict[Any, int] = {}
    stack, found = [root], []
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen[node] = len(seen)
        stack.extend(child for child, _ in reversed(node.next_functions))
    for node in seen:
        shape = tuple(node.variable.shape) if hasattr(node, "variable") else None
        found.append(
            [
                node.name().rpartition("::")[2].replace("Mm", "Matmul"),
                shape,
                [(seen.get(child, -1), k) for child, k in node.next_functions],
            ]
        )
    return found


GRAPHS = [
    lambda L, x, y: (x * y + x).sum(),
    lambda L, x, y: ((x.exp() * y).sin() / x).sum(),
    lambda L, x, y: (x @ y.transpose(0, 1)).tanh().sum(),
    lambda L, x, y: (x * 2 + y.detach()).sum(),
    lambda L, x, y: L.where(x > y, x, y).sum(),
    lambda L, x, y: (lambda a: (a * a).sum())(x.sigmoid()),
]


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_graphs_look_the_same(torch: Any, number: int) -> None:
    def program(L: Any) -> Any:
        x, y = (L.tensor(np.arange(6.0).reshape(2, 3) + k, requires_grad=True) for k in (1, 2))
        return walked(GRAPHS[number](L, x, y).grad_fn)

    agree(torch, program)


def test_nodes_can_be_keys_and_are_the_same_each_time() -> None:
    x = minigrad.ones(2, requires_grad=True)
    y = x * x
    (a, _), (b, _) = y.grad_fn.next_functions
    assert a is b and a is (x * 2).grad_fn.next_functions[0][0] and a.variable is x
    assert y.grad_fn is y.grad_fn and {y.grad_fn: 1}[y.grad_fn] == 1
    assert y.grad_fn.metadata is y.grad_fn.metadata
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


def test_values_that_nothing_reads_die_at_once() -> None:
    gc.disable()
    try:
        x = minigrad.ones(3, requires_grad=True)
        middle = x * 2
        reference = weakref.ref(middle)
        y = middle + 1
        del middle
        assert reference() is None
        y.sum().backward()
        assert x.grad.tolist() == [2.0] * 3
    finally:
        gc.enable()


def test_a_gradient_that_nobody_else_holds_becomes_grad_without_a_copy() -> None:
    rows = minigrad.ones(3, 4)
    weight = minigrad.ones(4, 5).requires_grad_()
    addresses: list[int] = []

    def made(grad_inputs: Any, grad_outputs: Any) -> None:
        addresses.append(grad_inputs[1].data_ptr())

    out = rows @ weight
    assert out.grad_fn is not None
    out.grad_fn.register_hook(made)
    out.sum().backward()
    assert weight.grad is not None
    assert [weight.grad.data_ptr()] == addresses


def test_a_gradient_that_a_hook_keeps_is_copied() -> None:
    weight = minigrad.ones(4, 5).requires_grad_()
    kept: list[Any] = []
    out = minigrad.ones(3, 4) @ weight
    assert out.grad_fn is not None
    out.grad_fn.register_hook(lambda grad_inputs, grad_outputs: kept.append(grad_inputs[1].numpy()))
    out.sum().backward()
    assert weight.grad is not None
    assert not np.shares_memory(weight.grad.numpy(), kept[0])
