"""Operations of one's own against PyTorch's autograd.Function: the same class written for both libraries."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad
from tests.agreement import agree, plain

PROGRAMS: dict[str, Any] = {}


def program(function: Any) -> Any:
    """A program of a library L and a log; what it returns and what it logs must be PyTorch's."""
    PROGRAMS[function.__name__] = function
    return function


def leaf(L: Any, *values: float) -> Any:
    return L.tensor(values or (1.0, 2.0), requires_grad=True)


def make(L: Any, forward: Any, backward: Any = None, **methods: Any) -> Any:
    """A subclass of L's Function with these static methods."""
    found = {"forward": forward, "backward": backward, **methods}
    return type("Custom", (L.autograd.Function,), {k: staticmethod(v) for k, v in found.items() if v is not None})


def square(L: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 2 * x

    return make(L, forward, backward)


@program
def saved_inputs(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = square(L).apply(x)
    log.append([y.requires_grad, y.is_leaf, y.grad_fn.name(), len(y.grad_fn.next_functions)])
    y.sum().backward()
    return x.grad


@program
def twice_and_thrice(L: Any, log: Any) -> Any:
    x = leaf(L)
    (g,) = L.autograd.grad((square(L).apply(x) * x).sum(), x, create_graph=True)
    (h,) = L.autograd.grad(g.sum(), x, create_graph=True)
    return g.detach(), h.detach(), L.autograd.grad(h.sum(), x)


@program
def saved_outputs(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    x = leaf(L)
    function = make(L, forward, lambda ctx, g: g * ctx.saved_tensors[0])
    (g,) = L.autograd.grad(function.apply(x).sum(), x, create_graph=True)
    return g.detach(), L.autograd.grad(g.sum(), x)


@program
def freed(L: Any, log: Any) -> Any:
    y = square(L).apply(leaf(L)).sum()
    y.backward()
    y.backward()


@program
def saved_then_written(L: Any, log: Any) -> Any:
    x = leaf(L)
    z = x * 1
    y = square(L).apply(z)
    z.add_(1)
    y.sum().backward()


@program
def saved_output_then_written(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    y = make(L, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(leaf(L))
    y.mul_(2)
    y.sum().backward()


@program
def only_tensors_are_saved(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, 3)
        return x * 1

    make(L, forward, lambda ctx, g: g).apply(leaf(L))


@program
def none_may_be_saved(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(None, x)
        return x * 1

    def backward(ctx: Any, g: Any) -> Any:
        log.append([t is None for t in ctx.saved_tensors])
        return g

    make(L, forward, backward).apply(leaf(L)).sum().backward()


@program
def what_needs_a_gradient(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any, n: int, z: Any) -> Any:
        log.append([list(ctx.needs_input_grad), x.requires_grad])
        return x * n + z

    def backward(ctx: Any, g: Any) -> Any:
        log.append(list(ctx.needs_input_grad))
        return g * 2, None, g * 3

    function = make(L, forward, backward)
    x, z = leaf(L), leaf(L)
    function.apply(x, 2, z.detach()).sum().backward()
    function.apply(x.detach(), 2, z).sum().backward()
    log.append(function.apply(x.detach(), 2, z.detach()).requires_grad)
    with L.no_grad():
        log.append(function.apply(x, 2, z).requires_grad)
    return x.grad, z.grad


@program
def modes_inside(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        log.append([L.is_grad_enabled(), (x * 2).requires_grad])
        return x * 2

    def backward(ctx: Any, g: Any) -> Any:
        log.append([L.is_grad_enabled(), g.requires_grad])
        return g * 2

    x = leaf(L)
    function = make(L, forward, backward)
    function.apply(x).sum().backward()
    L.autograd.grad(function.apply(x).sum(), x, create_graph=True)


@program
def attributes_of_ctx(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any, power: int) -> Any:
        ctx.power, ctx.shape = power, x.shape
        ctx.save_for_backward(x)
        return x**power

    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        log.append(tuple(ctx.shape))
        return g * ctx.power * x ** (ctx.power - 1), None

    x = leaf(L)
    y = make(L, forward, backward).apply(x, 3)
    log.append(y.grad_fn.power)
    y.sum().backward()
    return x.grad


@program
def several_outputs(L: Any, log: Any) -> Any:
    def backward(ctx: Any, a: Any, b: Any) -> Any:
        log.append([plain(a), plain(b)])
        return a * 2 + b * 3

    function = make(L, lambda ctx, x: (x * 2, x * 3), backward)
    x = leaf(L)
    a, b = function.apply(x)
    log.append([a.output_nr, b.output_nr, a.grad_fn is b.grad_fn])
    (a + b * b).sum().backward()
    function.apply(x)[1].sum().backward()  # the other gets zeros
    return x.grad


@program
def none_for_what_has_no_gradient(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx: Any, a: Any, b: Any) -> Any:
        log.append([a is None, b is None])
        return b * 3

    x = leaf(L)
    make(L, forward, backward).apply(x)[1].sum().backward()
    return x.grad


@program
def outputs_that_are_no_tensors(L: Any, log: Any) -> Any:
    function = make(L, lambda ctx, x: (x * 2, "text", None), lambda ctx, a, b, c: a * 2)
    x = leaf(L)
    y, text, nothing = function.apply(x)
    y.sum().backward()
    return text, nothing, x.grad


@program
def outputs_without_gradient(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        order = x.argmax()
        rounded = x.round()
        ctx.mark_non_differentiable(order, rounded)
        return x * 2, order, rounded

    def backward(ctx: Any, a: Any, b: Any, c: Any) -> Any:
        log.append(plain(a))
        return a * 2

    x = leaf(L)
    y, order, rounded = make(L, forward, backward).apply(x)
    log.append([y.requires_grad, order.requires_grad, rounded.requires_grad])
    y.sum().backward()
    return x.grad


@program
def integer_outputs(L: Any, log: Any) -> Any:
    function = make(L, lambda ctx, x: (x * 2, x.long()), lambda ctx, a, b: a * 2)
    y, whole = function.apply(leaf(L))
    return y.requires_grad, whole.requires_grad


@program
def the_input_itself_returned(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = make(L, lambda ctx, x: x, lambda ctx, g: g * 5).apply(x)
    log.append([y is x, y.is_leaf])
    y.sum().backward()
    return x.grad


@program
def a_view_of_the_input_returned(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = make(L, lambda ctx, x: x.view(2, 1), lambda ctx, g: g.view(2) * 5).apply(x)
    y.sum().backward()
    return y, x.grad


@program
def reversed_gradient(L: Any, log: Any) -> Any:
    """The best known of them: domain-adversarial training."""

    def forward(ctx: Any, x: Any, alpha: float) -> Any:
        ctx.alpha = alpha
        return x.view_as(x)

    x = leaf(L)
    y = make(L, forward, lambda ctx, g: (g.neg() * ctx.alpha, None)).apply(x * 2, 0.5)
    (y * y).sum().backward()
    return y, x.grad


@program
def dirty(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    x = leaf(L)
    z = x * 1
    y = make(L, forward, lambda ctx, g: g * 3).apply(z)
    log.append([y is z, z._version])
    (y * y).sum().backward()
    return z, x.grad


@program
def dirty_leaf(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    make(L, forward, lambda ctx, g: g * 3).apply(leaf(L))


@program
def none_for_an_input(L: Any, log: Any) -> Any:
    x, z = leaf(L), leaf(L)
    make(L, lambda ctx, x, z: x * z.detach(), lambda ctx, g: (g, None)).apply(x, z).sum().backward()
    return x.grad, z.grad


@program
def too_few_gradients(L: Any, log: Any) -> Any:
    make(L, lambda ctx, x, z: x * z, lambda ctx, g: g).apply(leaf(L), leaf(L)).sum().backward()


@program
def too_many_gradients(L: Any, log: Any) -> Any:
    make(L, lambda ctx, x: x * 2, lambda ctx, g: (g, g)).apply(leaf(L)).sum().backward()


@program
def too_many_gradients_that_are_none(L: Any, log: Any) -> Any:
    x = leaf(L)
    make(L, lambda ctx, x: x * 2, lambda ctx, g: (g, None, None)).apply(x).sum().backward()
    return x.grad


@program
def a_gradient_for_a_number(L: Any, log: Any) -> Any:
    make(L, lambda ctx, x, n: x * n, lambda ctx, g: (g, g)).apply(leaf(L), 2).sum().backward()


@program
def a_gradient_of_a_wrong_shape(L: Any, log: Any) -> Any:
    make(L, lambda ctx, x: x * 2, lambda ctx, g: L.ones(3)).apply(leaf(L)).sum().backward()


@program
def a_gradient_that_must_be_summed(L: Any, log: Any) -> Any:
    x = leaf(L)
    make(L, lambda ctx, x: x * L.ones(3, 2), lambda ctx, g: g).apply(x).sum().backward()
    return x.grad


@program
def a_gradient_of_another_dtype(L: Any, log: Any) -> Any:
    x = leaf(L)
    make(L, lambda ctx, x: x * 2, lambda ctx, g: g.double() * 2).apply(x).sum().backward()
    return x.grad


@program
def a_gradient_that_is_no_tensor(L: Any, log: Any) -> Any:
    make(L, lambda ctx, x: x * 2, lambda ctx, g: 3.0).apply(leaf(L)).sum().backward()


@program
def no_backward(L: Any, log: Any) -> Any:
    y = make(L, lambda ctx, x: x * 2).apply(leaf(L))
    log.append(y.requires_grad)
    y.sum().backward()


@program
def no_forward(L: Any, log: Any) -> Any:
    type("Custom", (L.autograd.Function,), {}).apply(leaf(L))


@program
def called_or_instantiated(L: Any, log: Any) -> Any:
    square(L)()(leaf(L))


@program
def once(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @L.autograd.function.once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2 * ctx.saved_tensors[0]

    x = leaf(L)
    function = make(L, forward, backward)
    function.apply(x).sum().backward()
    log.append(plain(x.grad))
    (g,) = L.autograd.grad(function.apply(x).sum(), x, create_graph=True)
    log.append(plain(g.detach()))
    g.sum().backward()


@program
def context_set_up_apart(L: Any, log: Any) -> Any:
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, n = inputs
        ctx.n = n
        ctx.save_for_backward(x, output)
        log.append(list(ctx.needs_input_grad))

    def backward(ctx: Any, g: Any) -> Any:
        x, y = ctx.saved_tensors
        return g * ctx.n * y / x, None

    x = leaf(L)
    function = make(L, lambda x, n: x**n, backward, setup_context=setup_context)
    (g,) = L.autograd.grad(function.apply(x, 3).sum(), x, create_graph=True)
    return g.detach(), L.autograd.grad(g.sum(), x)


@program
def vjp_is_another_name(L: Any, log: Any) -> Any:
    x = leaf(L)
    make(L, lambda ctx, x: x * 2, vjp=lambda ctx, g: g * 7).apply(x).sum().backward()
    return x.grad


@program
def both_names(L: Any, log: Any) -> Any:
    function = make(L, lambda ctx, x: x * 2, lambda ctx, g: g, vjp=lambda ctx, g: g)
    function.apply(leaf(L)).sum().backward()


@program
def through_numpy(L: Any, log: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return L.from_numpy(np.sin(x.detach().numpy()))

    def backward(ctx: Any, g: Any) -> Any:
        return g * L.from_numpy(np.cos(ctx.saved_tensors[0].detach().numpy()))

    x = leaf(L)
    make(L, forward, backward).apply(x).sum().backward()
    return x.grad


@program
def a_graph_inside_backward(L: Any, log: Any) -> Any:
    """As checkpointing does: backward runs another backward."""

    def backward(ctx: Any, g: Any) -> Any:
        with L.enable_grad():
            x = ctx.saved_tensors[0].detach().requires_grad_()
            y = x.exp() * x
        y.backward(g)
        return x.grad

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.exp() * x

    x = leaf(L)
    make(L, forward, backward).apply(x * 1).sum().backward()
    return x.grad


@program
def written_before_the_graph_goes_on(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = square(L).apply(x)
    y += 1
    (y * y).sum().backward()
    return x.grad


@program
def hooks_on_it(L: Any, log: Any) -> Any:
    x = leaf(L)
    y = square(L).apply(x)
    y.grad_fn.register_hook(lambda gi, go: log.append([plain(gi[0]), plain(go[0])]))
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
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


def test_the_graph_of_a_custom_function_is_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(minigrad)
        y = square(minigrad).apply(x)
        references = [weakref.ref(y), weakref.ref(y.grad_fn)]
        del y
        assert [r() for r in references] == [None, None]
    finally:
        gc.enable()


def test_gradcheck_takes_them() -> None:
    x = minigrad.tensor([0.5, 1.5], dtype=minigrad.float64, requires_grad=True)
    assert minigrad.autograd.gradcheck(square(minigrad).apply, x)
    assert minigrad.autograd.gradgradcheck(square(minigrad).apply, x)
