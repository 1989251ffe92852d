"""Operations of one's own, written as in PyTorch: static forward(ctx, ...) and backward(ctx, ...) on Tensors.

For the shorter form, rules on arrays that serve every order, see `minigrad.function`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minigrad import modes
from minigrad.errors import GraphError, ShapeError, describe
from minigrad.function import Bundle, TensorCore, Twice, created, edge_of, output, unsaved, wrap
from minigrad.function import Function as Operation
from minigrad.kernels.sums import sum_to
from minigrad.memory import alias_of, check_inplace, rebase, wrote

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What `forward` and `backward` use to talk to each other. PyTorch: `autograd.function.FunctionCtx`.

    Any other attribute is the user's own; `y.grad_fn` shows them too.
    """

    needs_input_grad: tuple[bool, ...] = ()
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _non_differentiable: tuple[Any, ...] = ()
    _materialize: bool = True
    _node: Any = None  # the node, while its backward runs: the node keeps the ctx, so the reverse would be a cycle

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs and intermediate tensors for backward; each may be None."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorCore):
                raise TypeError(f"save_for_backward can only save tensors, but an argument is {describe(t)}")
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted and ignored: there is no forward mode here."""

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs forward modified in place (and returned)."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs get no gradient."""
        self._non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs without gradient."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved. Raises GraphError if it was freed or has been modified in place since."""
        return self._to_save if self._node is None else self._node.saved_tensors


class Node(Operation):
    """The node of a user's operation."""

    __slots__ = ("ctx", "edges", "given", "metas", "results", "saved")
    ctx: Any
    given: tuple[bool, ...]  # which arguments were tensors
    metas: Any  # their shapes and dtypes
    results: Any  # the shape and dtype of each result, None for what is no tensor

    def __getattr__(self, name: str) -> Any:
        if name in Node.__slots__:
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def name(self) -> str:
        """'ExpBackward'."""
        return f"{type(self).__name__}Backward"

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What forward saved. Raises GraphError if it was freed or has been modified in place since."""
        if self.saved is None:
            raise GraphError(f"{self.name()}: its saved tensors have been freed; use retain_graph=True the first time")
        found = []
        for index, value, version in self.saved:
            if version is not None:  # an output of its own
                if version.stamp > self.number:
                    raise self.modified(version, f"its own result, {describe(value)}")
                value = wrap(value)
                value._node = self if index is None else output(self, index)
            found.append(value if value is None else unsaved(self, value, value))
        return tuple(found)

    def pull(self, g: Any, edges: Any) -> Any:
        """Call backward with Tensors; check and unwrap what it gives."""
        upstream = [g.parts.get(i) for i in range(len(self.results))] if isinstance(g, Bundle) else [g]
        tensors = any(isinstance(u, TensorCore) for u in upstream)
        ctx = self.ctx
        for i, (u, result) in enumerate(zip(upstream, self.results, strict=True)):
            if u is None and result is not None and ctx._materialize:
                u = np.zeros(*result)
            upstream[i] = u if u is None or isinstance(u, TensorCore) else wrap(u)
        ctx._node = self
        try:
            rule = ctx.backward if type(ctx).vjp is Function.vjp else ctx.vjp
            answer = rule(ctx, *upstream)
        finally:
            ctx._node = None
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        while len(answers) > len(self.given) and answers[-1] is None:
            answers.pop()
        if len(answers) != len(self.given):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {len(self.given)}, "
                f"got {len(answers)}); give one for each argument of forward, None for those without"
            )
        if any(a is not None for a, is_tensor in zip(answers, self.given, strict=True) if not is_tensor):
            raise RuntimeError(
                f"function {self.name()} returned a gradient for an argument that is no tensor; give None"
            )
        wanted = [a for a, is_tensor in zip(answers, self.given, strict=True) if is_tensor]
        return [
            None if edge is None or a is None else self.fitted(a, meta[0], meta[1], tensors)
            for edge, a, meta in zip(edges, wanted, self.metas, strict=True)
        ]

    def fitted(self, a: Any, shape: Any, dtype: Any, as_tensor: bool) -> Any:
        """A gradient that backward gave, summed and cast to its input. Raises ShapeError if it cannot belong to it."""
        if not isinstance(a, TensorCore):
            raise GraphError(f"function {self.name()}: expected a Tensor or None as gradient, got {describe(a)}")
        if a._data.shape != shape:
            lead = a._data.ndim - len(shape)
            if lead < 0 or any(n not in (1, m) for n, m in zip(shape, a._data.shape[lead:], strict=True)):
                raise ShapeError(
                    f"Function {self.name()} returned an invalid gradient: got {describe(a)} but expected shape {shape}"
                )
            a = sum_to(a, shape)
        if a._data.dtype != dtype:
            a = a.to(dtype)
        return a if as_tensor else a._data


class Function(FunctionCtx):
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

    Call it by `Exp.apply(x)`. `forward(*args)` with `setup_context(ctx, inputs, output)` works too. In forward nothing is
    recorded; in backward the operations are, if a further derivative is wanted.
    """

    symbol: ClassVar[str] = "?"
    _node_class: ClassVar[type[Node]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.backward is not Function.backward and cls.vjp is not Function.vjp:
            raise RuntimeError(f"{cls.__name__}: implement either 'backward' or 'vjp', which is another name for it")
        kind: Any = type(Node)
        cls._node_class = kind(cls.__name__, (Node,), {"symbol": cls.symbol, "__doc__": cls.__doc__})

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The result, a tensor or several, from (ctx, *arguments), or from the arguments alone with `setup_context`."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what backward needs, when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of forward's arguments, in their order; None for arguments without one."""
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`."""
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises RuntimeError: it is `apply` that runs it."""
        raise RuntimeError(f"{type(self).__name__}: call it as {type(self).__name__}.apply(...)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the arguments and record it."""
        ctx = cls()
        edges = [edge_of(a) if isinstance(a, TensorCore) else None for a in args]
        ctx.needs_input_grad = tuple(e is not None for e in edges)
        recording = modes.recording.get() and any(ctx.needs_input_grad)
        with modes.no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            several = isinstance(result, (tuple, list))
            results = list(result) if several else [result]
            dirty = {id(d) for d in ctx._dirty}
            given = {id(a) for a in args if isinstance(a, TensorCore)} - dirty
            # An input that comes back as it is, or a tensor with a history of its own, is returned as a view.
            outs: list[Any] = [
                o.view(o.shape)  # type: ignore[attr-defined]
                if isinstance(o, TensorCore) and id(o) not in dirty and (id(o) in given or o._node)
                else o
                for o in results
            ]
        for d in ctx._dirty:
            if recording:
                check_inplace(d, cls.__name__)
            wrote(d)
        if recording:
            node = created(cls._node_class, [e for e, a in zip(edges, args, strict=True) if isinstance(a, TensorCore)])
            node.ctx, node.given = ctx, tuple(isinstance(a, TensorCore) for a in args)
            node.metas = [(a._data.shape, a._data.dtype) for a in args if isinstance(a, TensorCore)]
            node.results = [(o._data.shape, o._data.dtype) if isinstance(o, TensorCore) else None for o in outs]
            plain = {id(o) for o in ctx._non_differentiable}
            for i, (o, out) in enumerate(zip(results, outs, strict=True)):
                if isinstance(out, TensorCore) and id(o) not in plain and out._data.dtype.kind == "f":
                    place = output(node, i) if several else node
                    if id(o) in dirty:
                        rebase(out, place)
                    else:
                        out._node = place
            own = {id(o): i for i, o in enumerate(results) if id(o) not in given}
            node.saved = [kept(t, outs, own, several) for t in ctx._to_save]
        ctx._to_save = ctx._dirty = ctx._non_differentiable = ()
        return type(result)(outs) if several else outs[0]


def kept(t: Any, outs: list[Any], own: dict[int, int], several: bool) -> tuple[Any, Any, Any]:
    """A saved tensor; of a result the array and its write counter, since the result keeps the node."""
    if t is None or id(t) not in own:
        return None, t, None
    index = own[id(t)]
    return index if several else None, outs[index]._data, alias_of(outs[index]).version


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a backward whose result cannot be differentiated again: order 2 then raises. PyTorch: the same."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        with modes.no_grad():
            answers = backward(ctx, *gradients)
        if not modes.recording.get():
            return answers
        several = isinstance(answers, (tuple, list))
        found = []
        for a in answers if several else [answers]:
            if isinstance(a, TensorCore):
                a = wrap(a._data)
                a._node = created(Twice, (ctx._node,))
                a._node.saved = ()
            found.append(a)
        return tuple(found) if several else found[0]

    return wrapped
