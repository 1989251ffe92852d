"""Hooks against PyTorch: on tensors, on nodes, and after accumulation; when they run, and what they may change."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import minigrad
from tests.agreement import agree, plain

PROGRAMS: dict[str, Any] = {}


def program(function: Any) -> Any:
    """A program of a library L and a log; what it returns and what it logs must be PyTorch's."""
    PROGRAMS[function.__name__] = function
    return function


def leaf(L: Any) -> Any:
    return L.tensor([1.0, 2.0], requires_grad=True)


def noted(log: list[Any], label: str, result: Any = lambda g: None) -> Any:
    """A hook that logs its label and the gradient it gets, and answers result(gradient)."""

    def hook(*args: Any) -> Any:
        log.append([label, *map(plain, args)])
        return result(*args)

    return hook


# -------------------------------------------------------------------- on tensors


@program
def on_a_leaf(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(noted(log, "x"))
    (x * x).sum().backward()
    return x.grad


@program
def on_a_result(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.register_hook(noted(log, "y"))
    (y * y).sum().backward()
    return x.grad


@program
def it_runs_once_with_the_whole_gradient(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.register_hook(noted(log, "y"))
    x.register_hook(noted(log, "x"))
    (y * y + y + x * 3 + x).sum().backward()
    return x.grad


@program
def it_replaces_a_leafs_gradient(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(lambda g: g * 10)
    (x * x).sum().backward()
    return x.grad


@program
def it_replaces_a_results_gradient(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    return x.grad


@program
def several_run_in_order_each_on_what_the_last_gave(L: Any, log: Any) -> Any:
    x = leaf(L)
    for k in (1.0, 2.0, 3.0):
        x.register_hook(noted(log, str(k), lambda g, k=k: g + k))
    (x * x).sum().backward()
    return x.grad


@program
def removed(L: Any, log: Any) -> Any:
    x = leaf(L)
    first = x.register_hook(noted(log, "first"))
    x.register_hook(noted(log, "second"))
    first.remove()
    first.remove()
    (x * x).sum().backward()
    return x.grad


@program
def as_a_context(L: Any, log: Any) -> Any:
    x = leaf(L)
    with x.register_hook(noted(log, "inside")):
        (x * x).sum().backward()
    (x * x).sum().backward()
    return x.grad


@program
def it_removes_itself(L: Any, log: Any) -> Any:
    x = leaf(L)
    handle = x.register_hook(lambda g: (log.append("called"), handle.remove())[1])
    (x * x).sum().backward()
    (x * x).sum().backward()
    return x.grad


@program
def of_a_second_backward(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.register_hook(noted(log, "y"))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return x.grad


@program
def under_grad(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    x.register_hook(noted(log, "x", lambda g: g * 2))
    y.register_hook(noted(log, "y", lambda g: g * 3))
    return L.autograd.grad(y.sum(), x), x.grad


@program
def not_where_the_walk_does_not_lead(L: Any, log: Any) -> Any:
    x, z = leaf(L), leaf(L)
    x.register_hook(noted(log, "x"))
    z.register_hook(noted(log, "z"))
    return L.autograd.grad((x * z).sum(), x)


@program
def of_the_tensor_that_is_asked_for(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.register_hook(noted(log, "y", lambda g: g * 3))
    return L.autograd.grad((y * 2).sum(), y)


@program
def with_create_graph(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = L.autograd.grad((y * y).sum(), x, create_graph=True)
    log.append(g.requires_grad)
    return g.detach(), L.autograd.grad(g.sum(), x)


@program
def what_it_computes_is_recorded_only_with_create_graph(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(lambda g: log.append([L.is_grad_enabled(), g.requires_grad, (g * x).requires_grad]))
    (x**3).sum().backward()
    (x**3).sum().backward(create_graph=True)
    return x.grad.detach()


@program
def its_result_must_fit(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(lambda g: g[:1])
    (x * x).sum().backward()


@program
def its_result_must_be_of_the_dtype(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.register_hook(lambda g: g.double())
    y.sum().backward()


@program
def its_result_must_be_a_tensor(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(lambda g: 3.0)
    (x * x).sum().backward()


@program
def its_exception_comes_through(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(lambda g: 1 / 0)
    (x * x).sum().backward()


@program
def not_on_what_needs_no_gradient(L: Any, log: Any) -> Any:
    L.tensor([1.0]).register_hook(print)


@program
def before_requires_grad_was_switched_on(L: Any, log: Any) -> Any:
    x = L.tensor([1.0, 2.0])
    x.requires_grad_()
    x.register_hook(noted(log, "x"))
    x.sum().backward()
    return x.grad


@program
def of_a_leaf_that_is_a_root(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_hook(noted(log, "x", lambda g: g * 2))
    x.backward(L.tensor([1.0, 3.0]))
    return x.grad


@program
def of_a_result_that_is_a_root(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = (x * x).sum()
    y.register_hook(noted(log, "y", lambda g: g * 2))
    y.backward()
    return x.grad


@program
def on_outputs_of_several(L: Any, log: Any) -> Any:
    x = leaf(L)
    a, b = (x * 2).split(1)
    a.register_hook(noted(log, "a", lambda g: g * 10))
    b.register_hook(noted(log, "b", lambda g: g * 100))
    (a * 3 + b).sum().backward()
    log.sort(key=str)  # which of them is first is PyTorch's own affair
    return x.grad


@program
def before_an_operation_in_place(L: Any, log: Any) -> Any:
    """The hook stays with the value that the tensor had."""
    x = leaf(L)
    y = x * 2
    y.register_hook(noted(log, "before"))
    y.mul_(5)
    y.register_hook(noted(log, "after"))
    y.sum().backward()
    return x.grad


# -------------------------------------------------------------------- retain_grad


@program
def retained(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward()
    return x.grad, y.grad, y.retains_grad


@program
def retained_after_hooks(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    return x.grad, y.grad


@program
def retained_twice(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * 2
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return x.grad, y.grad


@program
def retained_on_leaf_and_constant(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.retain_grad()
    log.append(x.retains_grad)
    L.tensor([1.0]).retain_grad()


@program
def retained_on_one_of_several(L: Any, log: Any) -> Any:
    x = leaf(L)
    a, b = (x * 2).split(1)
    a.retain_grad()
    (a * 3 + b).sum().backward()
    return x.grad, a.grad, a.retains_grad, b.retains_grad


@program
def retained_with_create_graph(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.retain_grad()
    (y**2).sum().backward(create_graph=True)
    return y.grad.requires_grad, L.autograd.grad(y.grad.sum(), x)


# -------------------------------------------------------------------- on nodes


@program
def node_hook(L: Any, log: Any) -> Any:
    x, z = leaf(L), leaf(L)
    y = x * z
    y.grad_fn.register_hook(noted(log, "post", lambda gi, go: None))
    (y * 2).sum().backward()
    return x.grad, z.grad


@program
def node_hook_replaces(L: Any, log: Any) -> Any:
    x, z = leaf(L), leaf(L)
    y = x * z
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, gi[1] * 100))
    y.sum().backward()
    return x.grad, z.grad


@program
def node_hook_of_a_wrong_number(L: Any, log: Any) -> Any:
    y = leaf(L) * leaf(L)
    y.grad_fn.register_hook(lambda gi, go: (gi[0],))
    y.sum().backward()


@program
def node_prehook(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * x
    y.grad_fn.register_prehook(noted(log, "pre", lambda go: (go[0] * 10,)))
    y.grad_fn.register_prehook(noted(log, "second", lambda go: None))
    y.sum().backward()
    return x.grad


@program
def node_hook_without_a_gradient(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x * L.tensor([3.0, 4.0])
    y.grad_fn.register_hook(lambda gi, go: log.append([g is None for g in gi]))
    y.sum().backward()
    return x.grad


@program
def node_hook_removed(L: Any, log: Any) -> Any:
    y = leaf(L) * 2
    y.grad_fn.register_hook(noted(log, "post", lambda gi, go: None)).remove()
    y.grad_fn.register_prehook(noted(log, "pre")).remove()
    y.sum().backward()


@program
def order_of_all_kinds(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = x.exp()
    y.grad_fn.register_hook(lambda gi, go: log.append("post"))
    y.grad_fn.register_prehook(lambda go: log.append("pre"))
    y.register_hook(lambda g: log.append("tensor"))
    x.register_post_accumulate_grad_hook(lambda t: log.append("accumulated"))
    x.register_hook(lambda g: log.append("leaf"))
    (y * 2).sum().backward()


@program
def order_along_the_graph(L: Any, log: Any) -> Any:
    x = leaf(L)
    a = x * 2
    b = a.exp()
    c = a * b
    for name, t in {"a": a, "b": b, "c": c, "x": x}.items():
        t.register_hook(lambda g, name=name: log.append(name))
    c.sum().backward()


# -------------------------------------------------------------------- after accumulation


@program
def post_accumulate(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_post_accumulate_grad_hook(noted(log, "accumulated", lambda t: log.append(plain(t.grad))))
    (x * x).sum().backward()
    (x * x).sum().backward()
    return x.grad


@program
def post_accumulate_may_drop_the_gradient(L: Any, log: Any) -> Any:
    """As an optimiser fused into backward does."""
    x = leaf(L)

    def step(t: Any) -> None:
        with L.no_grad():
            t -= 0.1 * t.grad
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    return x.detach(), x.grad


@program
def post_accumulate_only_on_leaves(L: Any, log: Any) -> Any:
    (leaf(L) * 2).register_post_accumulate_grad_hook(print)


@program
def post_accumulate_not_on_constants(L: Any, log: Any) -> Any:
    L.tensor([1.0]).register_post_accumulate_grad_hook(print)


@program
def post_accumulate_not_under_grad(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_post_accumulate_grad_hook(noted(log, "accumulated"))
    return L.autograd.grad((x * x).sum(), x)


@program
def post_accumulate_removed(L: Any, log: Any) -> Any:
    x = leaf(L)
    x.register_post_accumulate_grad_hook(noted(log, "accumulated")).remove()
    (x * x).sum().backward()
    return x.grad


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(torch: Any, name: str) -> None:
    def run(L: Any) -> Any:
        log: list[Any] = []
        try:
            result = PROGRAMS[name](L, log)
        except Exception as error:
            result = error
        return result, log

    agree(torch, run)


# -------------------------------------------------------------------- minigrad's own


def test_what_cannot_be_called_is_refused_at_once() -> None:
    """PyTorch notices in backward."""
    x = minigrad.ones(2, requires_grad=True)
    for register in (x.register_hook, x.register_post_accumulate_grad_hook, (x * 2).grad_fn.register_hook):
        with pytest.raises(TypeError, match="must be callable, not int"):
            register(3)


def test_hooks_make_no_cycles() -> None:
    gc.disable()
    try:
        x = minigrad.ones(2, requires_grad=True)
        y = x * 2
        y.retain_grad()
        handle = y.register_hook(lambda g: None)
        z = y.sum()
        z.backward()
        references = [weakref.ref(t) for t in (x, y, z, y.grad_fn)]
        del x, y, z
        assert [r() for r in references] == [None] * 4
        handle.remove()
    finally:
        gc.enable()
