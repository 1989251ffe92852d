"""The hooks of a module: before and after forward, around backward, around its state dict.

A module without hooks has no table at all, so that calling it costs one look.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.autograd import Function
from minigrad.hooks import HookTable, RemovableHandle
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module


class Hook(NamedTuple):
    """One registered hook and how it wants to be called."""

    call: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class ModuleHooks:
    """Every hook of one module, a table per occasion."""

    def __init__(self) -> None:
        self.forward_pre = HookTable()
        self.forward = HookTable()
        self.backward_pre = HookTable()
        self.backward = HookTable()
        self.state_dict_pre = HookTable()
        self.state_dict_post = HookTable()
        self.load_pre = HookTable()
        self.load_post = HookTable()


def register(table: HookTable, hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Put a hook into a table, at its end or at its front. Raises TypeError if it cannot be called."""
    if not callable(hook.call):
        raise TypeError(f"register hook: the hook must be callable, got {type(hook.call).__name__}")
    handle = RemovableHandle(table)
    others = dict(table) if prepend else {}
    if prepend:
        table.clear()
    table[handle.id] = hook
    table.update(others)
    return handle


def call_with_hooks(module: Module, hooks: ModuleHooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with everything that was registered around it, in PyTorch's order."""
    result = None
    started: set[int] = set()
    try:
        for hook in list(hooks.forward_pre.values()):
            args, kwargs = _before(module, hook, args, kwargs)
        boundary = Boundary(module, hooks) if hooks.backward or hooks.backward_pre else None
        if boundary is not None:
            args = boundary.around_inputs(args)
        result = module.forward(*args, **kwargs)
        for number, hook in list(hooks.forward.items()):
            started.add(number)
            changed = hook.call(module, args, kwargs, result) if hook.with_kwargs else hook.call(module, args, result)
            if changed is not None:
                result = changed
        return result if boundary is None else boundary.around_outputs(result)
    except Exception:
        for number, hook in list(hooks.forward.items()):
            if hook.always_call and number not in started:
                try:
                    if hook.with_kwargs:
                        hook.call(module, args, kwargs, result)
                    else:
                        hook.call(module, args, result)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error}",
                        stacklevel=3,
                    )
        raise


def _before(
    module: Module, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not hook.with_kwargs:
        changed = hook.call(module, args)
        if changed is None:
            return args, kwargs
        return (changed if isinstance(changed, tuple) else (changed,)), kwargs
    changed = hook.call(module, args, kwargs)
    if changed is None:
        return args, kwargs
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed
    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}.")


class Boundary:
    """Watches the gradients that enter and leave one call of a module, by an identity on each side of it."""

    def __init__(self, module: Module, hooks: ModuleHooks) -> None:
        self.module = module
        self.before = [hook.call for hook in hooks.backward_pre.values()]
        self.after = [hook.call for hook in hooks.backward.values()]
        self.inputs_need_grad = False
        self.n_inputs = 0
        self.input_places: list[int] = []
        self.n_outputs = 0
        self.output_places: list[int] = []
        self.grad_output: tuple[Any, ...] = ()

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.n_inputs = len(args)
        self.input_places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        changed = list(args)
        tensors = [args[i] for i in self.input_places]
        passed = _through(self.on_grad_input, tensors)
        if passed is not None:
            self.inputs_need_grad = True
            for i, t in zip(self.input_places, passed, strict=True):
                changed[i] = t
        return tuple(changed)

    def around_outputs(self, result: Any) -> Any:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors"
                f" but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs = list(result) if isinstance(result, tuple) else [result]
        self.n_outputs = len(outputs)
        self.output_places = [i for i, o in enumerate(outputs) if isinstance(o, Tensor)]
        passed = _through(self.on_grad_output, [outputs[i] for i in self.output_places])
        if passed is not None:
            for i, t in zip(self.output_places, passed, strict=True):
                outputs[i] = t
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]

    def on_grad_output(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output = _spread(gradients, self.output_places, self.n_outputs)
        for hook in self.before:
            changed = hook(self.module, grad_output)
            if changed is not None:
                grad_output = _same_number("pre ", "grad_output", changed, self.n_outputs)
        self.grad_output = grad_output
        if not self.inputs_need_grad:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
                f"of {type(self.module).__name__} require gradients: its grad_input is None.",
                stacklevel=5,
            )
            if any(g is not None for g in self.run_after((None,) * self.n_inputs)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    f"all gradients: {type(self.module).__name__}"
                )
        return tuple(grad_output[i] for i in self.output_places)

    def on_grad_input(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_input = self.run_after(_spread(gradients, self.input_places, self.n_inputs))
        return tuple(grad_input[i] for i in self.input_places)

    def run_after(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output, self.grad_output = self.grad_output, ()
        for hook in self.after:
            changed = hook(self.module, grad_input, grad_output)
            if changed is not None:
                grad_input = _same_number("", "grad_input", changed, self.n_inputs)
        return grad_input


def _spread(gradients: tuple[Any, ...], places: list[int], n: int) -> tuple[Any, ...]:
    """Gradients at the places of their tensors, None for what is no tensor."""
    spread: list[Any] = [None] * n
    for i, g in zip(places, gradients, strict=True):
        spread[i] = g
    return tuple(spread)


def _same_number(kind: str, what: str, changed: Any, n: int) -> tuple[Any, ...]:
    found = changed if isinstance(changed, tuple) else (changed,)
    if len(found) != n:
        raise RuntimeError(
            f"Backward {kind}hook returned an invalid number of {what}, got {len(found)}, but expected {n}"
        )
    return found


def _through(callback: Callable[..., Any], tensors: list[Any]) -> tuple[Any, ...] | None:
    """The tensors behind one node that calls back with their gradients; None where no gradient will come."""
    from minigrad import is_grad_enabled

    if not is_grad_enabled() or not any(t.requires_grad for t in tensors):
        return None
    passed: tuple[Any, ...] = Watch.apply(callback, *tensors)
    return passed


class Watch(Function):
    """The identity; its backward calls back with the gradients and passes on what it is given."""

    @staticmethod
    def forward(ctx: Any, callback: Callable[..., Any], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.callback = callback
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        return None, *ctx.callback(gradients)
