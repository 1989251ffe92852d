"""Hooks of modules: when they run, what they see and what they may change, step by step as in PyTorch."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn


def plain(value: Any) -> Any:
    """Tensors as lists, so that both libraries' records can be compared."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return tuple(plain(v) for v in value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def story(lib: Any, register: Any, *, requires_grad: bool = True, several: bool = False) -> Any:
    """Everything that hooks recorded in a forward and backward pass, and all results."""

    class Double(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(lib.tensor([2.0, 3.0]))

        def forward(self, x: Any, other: Any = 1, *, shift: float = 0.0) -> Any:
            out = x * self.weight * other + shift
            return (out, "text", out * 2) if several else out

    module = Double()
    seen: list[Any] = []
    register(module, seen)
    x = lib.tensor([1.0, 4.0]).requires_grad_(requires_grad)
    out = module(x, 5, shift=0.5)
    total = (out[0].sum() + out[2].sum()) if several else out.sum()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        total.backward()
    return plain([seen, out, x.grad, module.weight.grad, [str(w.message)[:30] for w in caught]])


def note(seen: list[Any], name: str, answer: Any = None) -> Any:
    def hook(module: Any, *rest: Any) -> Any:
        seen.append((name, type(module).__name__, *map(plain, rest)))
        return answer(*rest) if answer else None

    return hook


STORIES: dict[str, Any] = {
    "forward hooks in order": lambda m, s: [m.register_forward_hook(note(s, n)) for n in "ab"],
    "forward hook, first": lambda m, s: [
        m.register_forward_hook(note(s, "a")),
        m.register_forward_hook(note(s, "b"), prepend=True),
    ],
    "forward hook with kwargs": lambda m, s: m.register_forward_hook(note(s, "a"), with_kwargs=True),
    "forward hook that changes the output": lambda m, s: [
        m.register_forward_hook(lambda _, args, out: out * 10),
        m.register_forward_hook(note(s, "after")),
    ],
    "pre hook": lambda m, s: m.register_forward_pre_hook(note(s, "a")),
    "pre hook, first": lambda m, s: [
        m.register_forward_pre_hook(note(s, "a")),
        m.register_forward_pre_hook(note(s, "b"), prepend=True),
    ],
    "pre hook that changes the input": lambda m, s: m.register_forward_pre_hook(lambda _, args: (args[0] * 2, 7)),
    "pre hook that gives one value": lambda m, s: m.register_forward_pre_hook(lambda _, args: args[0] * 2),
    "pre hook with kwargs": lambda m, s: m.register_forward_pre_hook(note(s, "a"), with_kwargs=True),
    "pre hook that changes kwargs": lambda m, s: m.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {"shift": 9.0}), with_kwargs=True
    ),
    "always called": lambda m, s: m.register_forward_hook(note(s, "a"), always_call=True),
    "backward hook": lambda m, s: m.register_full_backward_hook(note(s, "a")),
    "backward hooks, one first": lambda m, s: [
        m.register_full_backward_hook(note(s, "a")),
        m.register_full_backward_hook(note(s, "b"), prepend=True),
    ],
    "backward hook that changes the gradient": lambda m, s: [
        m.register_full_backward_hook(note(s, "a", lambda gi, go: tuple(g if g is None else g * 10 for g in gi))),
        m.register_full_backward_hook(note(s, "b")),
    ],
    "backward pre hook": lambda m, s: m.register_full_backward_pre_hook(note(s, "a")),
    "backward pre hook that changes the gradient": lambda m, s: [
        m.register_full_backward_pre_hook(note(s, "a", lambda go: tuple(g if g is None else g * 10 for g in go))),
        m.register_full_backward_pre_hook(note(s, "b"), prepend=True),
        m.register_full_backward_hook(note(s, "c")),
    ],
    "all": lambda m, s: [
        m.register_full_backward_hook(note(s, "backward")),
        m.register_forward_hook(note(s, "forward", lambda args, out: out)),
        m.register_forward_pre_hook(note(s, "pre")),
        m.register_full_backward_pre_hook(note(s, "backward pre")),
    ],
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("several", [False, True])
def test_hooks_see_and_do_what_they_do_in_pytorch(torch: Any, name: str, requires_grad: bool, several: bool) -> None:
    if several and "changes the output" in name:
        return  # the hook multiplies a tensor
    mine, theirs = (
        story(lib, STORIES[name], requires_grad=requires_grad, several=several) for lib in (minigrad, torch)
    )
    assert mine == theirs


def test_nothing_is_made_for_a_module_without_hooks() -> None:
    net = nn.Linear(2, 2)
    net(minigrad.ones(1, 2))
    assert net._hooks is None


def test_a_removed_hook_is_silent() -> None:
    net, seen = nn.ReLU(), []
    handles = [
        net.register_forward_hook(note(seen, "forward")),
        net.register_forward_pre_hook(note(seen, "pre")),
        net.register_full_backward_hook(note(seen, "backward")),
    ]
    for handle in handles:
        handle.remove()
        handle.remove()
    net(minigrad.ones(2, requires_grad=True)).sum().backward()
    assert seen == []
    with net.register_forward_hook(note(seen, "within")):
        net(minigrad.ones(1))
    net(minigrad.ones(1))
    assert [entry[0] for entry in seen] == ["within"]


def test_a_handle_outlives_its_module() -> None:
    net = nn.ReLU()
    handle = net.register_forward_hook(lambda *_: None)
    reference = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert reference() is None
    finally:
        gc.enable()
    handle.remove()


def test_a_hook_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="must be callable, got int"):
        nn.ReLU().register_forward_hook(3)  # type: ignore[arg-type]


def test_a_hook_may_remove_itself_while_it_runs() -> None:
    net, seen = nn.ReLU(), []

    def once(*_: Any) -> None:
        seen.append(1)
        handle.remove()

    handle = net.register_forward_hook(once)
    net(minigrad.ones(1))
    net(minigrad.ones(1))
    assert seen == [1]


class Fails(nn.Module):
    def forward(self, x: Any) -> Any:
        raise OSError("forward failed")


def test_always_call_runs_after_a_failure_and_the_failure_is_raised() -> None:
    net, seen = Fails(), []
    net.register_forward_hook(note(seen, "never"))
    net.register_forward_hook(note(seen, "always"), always_call=True)
    net.register_forward_hook(note(seen, "with kwargs"), always_call=True, with_kwargs=True)
    with pytest.raises(OSError, match="forward failed"):
        net(3)
    assert seen == [("always", "Fails", (3,), None), ("with kwargs", "Fails", (3,), {}, None)]


def test_a_hook_that_fails_after_a_failure_is_only_warned_of() -> None:
    net = Fails()
    net.register_forward_hook(lambda *_: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="silenced.*division by zero"), pytest.raises(OSError, match="forward failed"):
        net(3)


def test_a_hook_that_failed_itself_is_not_called_again() -> None:
    net, seen = nn.ReLU(), []

    def fails(*_: Any) -> None:
        seen.append(1)
        raise ZeroDivisionError

    net.register_forward_hook(fails, always_call=True)
    with pytest.raises(ZeroDivisionError):
        net(minigrad.ones(1))
    assert seen == [1]


def test_answers_of_the_wrong_form_raise() -> None:
    net = nn.ReLU()
    with (
        net.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True),
        pytest.raises(RuntimeError, match="None or a tuple of"),
    ):
        net(minigrad.ones(1))
    x = minigrad.ones(1, requires_grad=True)
    with net.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])):
        out = net(x)
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        out.sum().backward()
    with net.register_full_backward_pre_hook(lambda m, go: ()):
        out = net(x)
    with pytest.raises(RuntimeError, match="invalid number of grad_output, got 0, but expected 1"):
        out.sum().backward()


def test_a_gradient_for_inputs_that_want_none_raises() -> None:
    net = nn.Linear(1, 1)
    net.register_full_backward_hook(lambda m, gi, go: (minigrad.ones(1),))
    with (
        pytest.warns(UserWarning, match="no inputs of Linear"),
        pytest.raises(RuntimeError, match="always return None"),
    ):
        net(minigrad.ones(1)).sum().backward()


class Named(nn.Module):
    def forward(self, x: Any) -> Any:
        return {"out": x}


def test_backward_hooks_warn_of_an_output_they_cannot_watch() -> None:
    net = Named()
    net.register_full_backward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="Tensor or a tuple of Tensors but received <class 'dict'>"):
        net(minigrad.ones(1, requires_grad=True))


def test_backward_hooks_need_a_graph() -> None:
    net, seen = nn.ReLU(), []
    net.register_full_backward_hook(note(seen, "a"))
    with minigrad.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not net(minigrad.ones(1, requires_grad=True)).requires_grad
    assert seen == []


def test_a_second_backward_calls_the_hooks_again() -> None:
    net, seen = nn.ReLU(), []
    net.register_full_backward_hook(note(seen, "a"))
    out = net(minigrad.ones(2, requires_grad=True))
    out.sum().backward(retain_graph=True)
    (out * 3).sum().backward()
    assert seen == [("a", "ReLU", ([1.0, 1.0],), ([1.0, 1.0],)), ("a", "ReLU", ([3.0, 3.0],), ([3.0, 3.0],))]


def test_second_order_passes_through_backward_hooks() -> None:
    class Cube(nn.Module):
        def forward(self, x: Any) -> Any:
            return x**3

    net, x = Cube(), minigrad.tensor([2.0, -1.0], requires_grad=True)
    net.register_full_backward_hook(lambda *_: None)
    (g,) = minigrad.autograd.grad(net(x).sum(), x, create_graph=True)
    (h,) = minigrad.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), [12.0, -6.0], rtol=1e-6)


def test_the_graph_dies_with_its_last_reference() -> None:
    net = nn.Linear(2, 2)
    net.register_full_backward_hook(lambda *_: None)
    net.register_full_backward_pre_hook(lambda *_: None)
    gc.collect()
    gc.disable()
    try:
        x = minigrad.ones(1, 2, requires_grad=True)
        out = net(x)
        node = weakref.ref(out.grad_fn)
        del out, x
        assert node() is None
    finally:
        gc.enable()


def test_copies_have_the_hooks_of_the_original_and_their_own_tables() -> None:
    net, seen = nn.ReLU(), []
    handle = net.register_forward_hook(note(seen, "a"))
    other = copy.deepcopy(net)
    handle.remove()
    net(minigrad.ones(1))
    assert seen == []
    assert len(other._hooks.forward) == 1  # type: ignore[union-attr]
