"""Operations of one's own, written as in PyTorch: static forward(ctx, ...) and backward(ctx, ...) on Tensors.

The node of the graph is the ctx. For the shorter form, rules on arrays that serve every order, see `minigrad.function`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import modes
from minigrad.errors import GraphError, ShapeError, describe
from minigrad.function import (
    LEAF,
    Bundle,
    TensorCore,
    clock,
    created,
    edge_of,
    output,
    unsaved,
    wrap,
)
from minigrad.function import Function as Operation
from minigrad.kernels.sums import sum_to
from minigrad.memory import alias_of, rebase


class FunctionCtx:
    """What `forward` and `backward` use to talk to each other. PyTorch: `autograd.function.FunctionCtx`."""

    _tensors: tuple[Any, ...] = ()
    _outputs: Any = ()
    _dirty: tuple[Any, ...] = ()
    _nondifferentiable: tuple[Any, ...] = ()
    _materialize: bool = True
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs and intermediate tensors for backward; each may be None."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorCore):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted and ignored: there is no forward mode here."""

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs forward modified in place (and returned)."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs get no gradient."""
        self._nondifferentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs without gradient."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved, checked to be unmodified since."""
        raise NotImplementedError


class Function(Operation, FunctionCtx):
    """Base of operations of one's own. PyTorch: `autograd.Function`.

        class Exp(Function):
            @staticmethod
            def forward(ctx, x):
                y = x.exp()
                ctx.save_for_backward(y)
                return y

            @staticmethod
            def backward(ctx, g):
                (y,) = ctx.saved_tensors
                return g * y

    Call it by `Exp.apply(x)`. `forward(*args)` with `setup_context(ctx, inputs, output)` works too.
    """

    __slots__ = ("__dict__",)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what backward needs, when forward takes no ctx."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of forward's arguments, in their order; None for arguments without one."""
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the arguments and record it."""
        ctx: Any = created(cls, ())
        edges = [edge_of(a) if isinstance(a, TensorCore) else None for a in args]
        recording = modes.recording.get() and any(e is not None for e in edges)
        ctx.needs_input_grad = tuple(e is not None for e in edges)
        ctx.edges = [e for e, a in zip(edges, args, strict=True) if isinstance(a, TensorCore)]
        ctx.saved, ctx.number = (), 0
        with modes.no_grad():
            if cls.setup_context is not Function.setup_context:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
        several = isinstance(out, (tuple, list))
        outs = list(out) if several else [out]
        ctx._given = [isinstance(a, TensorCore) for a in args]
        ctx._inputs = [(a._data.shape, a._data.dtype) for a in args if isinstance(a, TensorCore)]
        ctx._results = [(o._data.shape, o._data.dtype) if isinstance(o, TensorCore) else None for o in outs]
        saved = ctx._tensors
        ctx._tensors = ()
        ctx.number = clock()
        dirty = {id(d) for d in ctx._dirty}
        for d in ctx._dirty:
            if recording and d._node is LEAF:
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
            alias_of(d).version.stamp = ctx.number - 1
        plain = {id(o) for o in ctx._nondifferentiable}
        results = []
        own: dict[int, int] = {}  # id of a result -> its index, to keep node and result from being a cycle
        for i, o in enumerate(outs):
            if not isinstance(o, TensorCore):
                results.append(o)
                continue
            if id(o) in dirty:
                fresh: Any = o
            elif any(o is a for a in args) or o._node is not None:
                fresh = wrap(o._data)
            else:
                fresh = o
            own[id(o)] = i
            if recording and id(o) not in plain and o._data.dtype.kind == "f":
                node: Any = ctx
                if several:
                    node = output(ctx, i)
                if id(o) in dirty:
                    rebase(o, node)
                else:
                    fresh._node = node
            results.append(fresh)
        ctx._several = several
        if recording:
            inputs = {id(a) for a in args if isinstance(a, TensorCore)}
            ctx.saved = [
                (own[id(t)], t._data) if t is not None and id(t) in own and id(t) not in inputs else (None, t)
                for t in saved
            ] or ()
            ctx._had = bool(saved)
        return type(out)(results) if several else results[0]

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved, checked to be unmodified since."""
        if self.saved is None:
            raise GraphError(
                f"{self.name()}: trying to read saved tensors after they have been freed; "
                "specify retain_graph=True the first time"
            )
        if self.number == 0:
            return self._tensors
        found = []
        for index, t in self.saved:
            if index is None:
                found.append(t if t is None else unsaved(self, t, t))
            else:
                out = wrap(unsaved(self, t, t))
                if self.__dict__["_several"]:
                    out._node = output(self, index)
                else:
                    out._node = self
                found.append(out)
        return tuple(found)

    saved_variables = saved_tensors

    @property
    def _saved_nothing(self) -> bool:
        return not self.saved

    def pull(self, g: Any, edges: Any) -> Any:
        """Call backward with Tensors; check and unwrap what it gives."""
        state = self.__dict__
        results = state["_results"]
        parts = [g.parts.get(i) for i in range(len(results))] if isinstance(g, Bundle) else [g]
        arrays = not any(isinstance(p, TensorCore) for p in parts)
        given: list[Any] = []
        for p, result in zip(parts, results, strict=True):
            if p is None and self._materialize and result is not None:
                p = np.zeros(*result)
            given.append(p if p is None or isinstance(p, TensorCore) else wrap(p))
        answer = type(self).backward(self, *given)
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        expected = len(state["_given"])
        while len(answers) > expected and answers[-1] is None:
            answers.pop()
        if len(answers) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {len(answers)})"
            )
        found: list[Any] = []
        metas = iter(state["_inputs"])
        live = iter(edges)
        for a, is_tensor in zip(answers, state["_given"], strict=True):
            if not is_tensor:
                if a is not None:
                    raise RuntimeError(
                        f"function {self.name()} returned a gradient for an argument that is not a Tensor; return None"
                    )
                continue
            shape, dtype = next(metas)
            if next(live) is None or a is None:
                found.append(None)
                continue
            if not isinstance(a, TensorCore):
                raise TypeError(
                    f"function {self.name()}: expected a Tensor or None as gradient, got {type(a).__name__}"
                )
            if a._data.shape != shape:
                try:
                    fits = np.broadcast_shapes(a._data.shape, shape) == a._data.shape
                except ValueError:
                    fits = False
                if not fits:
                    raise ShapeError(
                        f"Function {self.name()} returned an invalid gradient: got {describe(a)} but expected shape "
                        f"compatible with {shape}"
                    )
                a = sum_to(a, shape)
            if a._data.dtype != dtype:
                a = a.to(dtype)
            found.append(a._data if arrays else a)
        return found

    def name(self) -> str:
        """'ExpBackward'."""
        return f"{type(self).__name__}Backward"


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a backward whose result cannot be differentiated again: order 2 then raises. PyTorch: the same."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        if not modes.recording.get():
            return backward(ctx, *gradients)
        with modes.no_grad():
            answers = backward(ctx, *gradients)
        several = isinstance(answers, (tuple, list))
        requires = any(isinstance(g, TensorCore) and g._node is not None for g in gradients) or any(
            ctx.needs_input_grad
        )
        if not requires:
            return answers
        found = [
            a if not isinstance(a, TensorCore) else Once.apply(ctx.name(), a.detach().requires_grad_())  # type: ignore[attr-defined]
            for a in (answers if several else [answers])
        ]
        return tuple(found) if several else found[0]

    return wrapped


class Once(Function):
    """Passes a value on and raises when its gradient is asked for."""

    @staticmethod
    def forward(ctx: Any, name: str, x: Any) -> Any:
        ctx.of = name
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise GraphError(
            f"trying to differentiate twice a function that was marked with @once_differentiable: {ctx.of}"
        )
