"""Families of operations with an `apply` of their own: `Unary` and `Binary` (element by element), `Variadic`, `Several`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import function
from minigrad.application import make_apply
from minigrad.function import (
    LEAF,
    RESULT,
    Extra,
    Function,
    TensorCore,
    _outside,
    clock,
    created,
    edge_of,
    getframe,
    is_recording,
    new,
    output,
    unsaved,
    unsaved_result,
    user_frame,
    wrap,
)
from minigrad.operands import ARRAYS, OPERANDS, cast, complaint, meeting_dtype, refuse, weak

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

ndarray = np.ndarray
_Tensor: type[Tensor]


def tie(tensor_class: type[Tensor], share: Callable[..., None]) -> None:
    """The one knot: operations make Tensors and views of them, and Tensors have operations as methods."""
    global _Tensor
    _Tensor = tensor_class
    function.tie(tensor_class, share)


def power(x: Any, y: Any) -> Any:
    """x ** y; by the operator, which squares and inverts without a general power, if y is a Python number."""
    if type(y) is int or type(y) is float or isinstance(x, TensorCore) or isinstance(y, TensorCore):
        return x**y
    return np.power(x, y)


# The same loops as the ufuncs, without the ufunc machinery: ten times faster on NumPy scalars.
OPERATORS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.power: power,
}


class Released:
    """Takes the place of a saved value that was freed."""

    def __repr__(self) -> str:
        return "RELEASED"


RELEASED = Released()


class Pointwise(Function):
    """Element by element. A node's edges and saved values have slots of their own, in place of two tuples.

    The garbage collector visits every tuple that lives: a quarter of a scalar operation's time. A class that is not
    `pointwise`, since only the general `apply` serves it, has its tuples in the first of the slots.
    """

    __slots__ = ("kept_out", "kept_x", "kept_y", "left", "right")
    left: Any
    right: Any
    kept_x: Any
    kept_y: Any
    kept_out: Any  # RELEASED when all three were freed

    @property
    def edges(self) -> Any:
        return (self.left, self.right)[: len(self.inputs)] if self.pointwise else self.left

    @edges.setter
    def edges(self, edges: Any) -> None:
        self.left, self.right = (*edges, None)[:2] if self.pointwise else (edges, None)

    @property
    def saved(self) -> Any:
        if not self.pointwise:
            return self.kept_x
        if self.kept_out is RELEASED:
            return None
        return (self.kept_x, *(self.kept_y,) * (len(self.inputs) - 1), self.kept_out)

    @saved.setter
    def saved(self, values: Any) -> None:
        self.kept_x = values
        if self.pointwise:
            self.kept_x, *others = (None, RELEASED) if values is None else values or (None, None)
            self.kept_y, self.kept_out = (None, *others)[-2:]


def make_pointwise(cls: Any, apply: Any, pull: Any, keeps: bool) -> Any:
    """Give the class its `pull` and `flow`; gives back its `apply`. Each has code of its own, see `own`."""

    def flow(self: Any, g: Any, edges: Any, retain: bool) -> Any:
        if self.kept_out is RELEASED:
            raise self.freed()
        if edges is None:
            edges = self.left, self.right
        gradients = pull(self, g, edges)
        if keeps and not retain:
            self.kept_x = self.kept_y = None
            self.kept_out = RELEASED
        return edges, gradients

    pull = cls.by_rules = own(pull)
    if "pull" in cls.__dict__:
        pull = cls.pull
    else:
        cls.pull = pull
    cls.pointwise, cls.flow = True, own(flow)
    return own(apply)


def own(function: Any) -> Any:
    """The function with a code object of its own: the interpreter tunes code to the types that it meets.

    Operations that share theirs meet each other's nodes, and each access to a slot then takes five times as long.
    """
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


class Unary(Pointwise):
    """Element by element, one array in, one out: forward(x), rule dx."""

    arguments = ("x",)

    @classmethod
    def prepare(cls) -> None:
        cls.apply = staticmethod(make_unary(cls))


class Binary(Pointwise):
    """Element by element with broadcasting, two arrays in, one out: forward(x, y), rules dx and dy."""

    arguments = ("x", "y")
    broadcasts = True

    @classmethod
    def prepare(cls) -> None:
        cls.apply = staticmethod(make_binary(cls, refuse))
        cls.operator = staticmethod(make_binary(cls, lambda cls, x: NotImplemented))  # gives the other side a chance


def make_unary(cls: Any) -> Callable[[Any], Any]:
    """`apply` for one array, straight-line: what `make_apply` does, at a third of its cost."""
    forward = OPERATORS.get(cls.forward, cls.forward)
    rule, reads = cls.rules[0], cls.reads[0]
    if rule is None or cls.order == 1 or not set(reads) <= {0, -1}:
        return make_apply(cls)
    keeps_x, keeps_out = 0 in reads, -1 in reads
    cls.slots = (0, RESULT)

    def apply(x: Any) -> Any:
        if type(x) is not _Tensor and not isinstance(x, TensorCore):
            return forward(x) if isinstance(x, ARRAYS) else refuse(cls, x)
        a = x._data
        try:
            data = forward(a)
        except (TypeError, ValueError) as error:
            raise complaint(cls, (x,), error) from error
        kind = type(data)
        if (kind is ndarray or kind is not type(a)) and data.dtype is not a.dtype:
            return apply(cast(x, meeting_dtype(cls, (a,)) or data.dtype))
        out = new(_Tensor)
        out._data = data
        out._grad = out._alias = None
        edge = x._node
        if edge is LEAF or x._alias is not None:
            edge = edge_of(x)
        if edge is not None and is_recording():
            node = out._node = cls()
            node.left = edge
            node.right = node.extra = node.kept_y = None
            node.kept_x = x if keeps_x else None
            node.kept_out = data if keeps_out else None
            if reads:
                frame = getframe(1)
                if id(frame.f_globals) not in _outside:
                    frame = user_frame(frame)
                node.code = frame.f_code
                node.at = frame.f_lasti
            node.number = clock()
        else:
            out._node = None
        return out

    def pull(self: Function, g: Any, edges: Any) -> Any:
        return (rule(g),)

    def pull_saved(self: Any, g: Any, edges: Any) -> Any:
        x, out = self.kept_x, self.kept_out
        if keeps_x:
            x = unsaved(self, x, g)
        if keeps_out:
            out = unsaved_result(self, out, g)
        return (rule(g, *[x if s == 0 else out for s in reads]),)

    made: Callable[[Any], Any] = make_pointwise(cls, apply, pull_saved if reads else pull, bool(reads))
    return made


def make_binary(cls: Any, refuse: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`apply` for two arrays, straight-line. Saves (x, y, out), each only while a rule that is needed reads it."""
    forward = OPERATORS.get(cls.forward, cls.forward)
    (dx, dy), (reads_x, reads_y) = cls.rules, cls.reads
    if dx is None or dy is None or cls.order == 1 or not set(reads_x) | set(reads_y) <= {0, 1, -1}:
        return make_apply(cls)
    keeps = bool(reads_x or reads_y)
    cls.slots = (0, 1, RESULT)
    dx_keeps_x, dx_keeps_y, dx_keeps_out = 0 in reads_x, 1 in reads_x, -1 in reads_x
    dy_keeps_x, dy_keeps_y, dy_keeps_out = 0 in reads_y, 1 in reads_y, -1 in reads_y

    def apply(x: Any, y: Any) -> Any:
        ex = ey = None
        if type(x) is _Tensor or isinstance(x, TensorCore):
            a = x._data
            ex = x._node
            if ex is LEAF or x._alias is not None:
                ex = edge_of(x)
            if type(y) is _Tensor or isinstance(y, TensorCore):
                b = y._data
                ey = y._node
                if ey is LEAF or y._alias is not None:
                    ey = edge_of(y)
            elif isinstance(y, OPERANDS):
                b = y if type(y) is float or type(y) is int or type(y) is ndarray else weak(y)
            else:
                return refuse(cls, y)
        elif not isinstance(x, OPERANDS):
            return refuse(cls, x)
        elif isinstance(y, TensorCore):
            a = x if type(x) is float or type(x) is int or type(x) is ndarray else weak(x)
            b = y._data
            ey = y._node
            if ey is LEAF or y._alias is not None:
                ey = edge_of(y)
        else:
            return forward(x, y) if isinstance(y, OPERANDS) else refuse(cls, y)
        try:
            data = forward(a, b)
        except (TypeError, ValueError, OverflowError) as error:
            raise complaint(cls, (x, y), error) from error
        kind = type(data)
        if kind is ndarray or kind is not type(a) or kind is not type(b):
            found = data.dtype
            if (
                type(a) is float
                or type(a) is int
                or type(a) is bool
                or a.dtype is not found
                or type(b) is not float
                and type(b) is not int
                and type(b) is not bool
                and b.dtype is not found
            ) and (wanted := meeting_dtype(cls, (a, b))) is not None:
                return apply(cast(x, wanted), cast(y, wanted))
        out = new(_Tensor)
        out._data = data
        out._grad = out._alias = None
        if (ex is not None or ey is not None) and is_recording():
            node = out._node = cls()
            node.left = ex
            node.right = ey
            node.extra = None
            if keeps:
                node.kept_x = x if (dx_keeps_x and ex is not None) or (dy_keeps_x and ey is not None) else None
                node.kept_y = y if (dx_keeps_y and ex is not None) or (dy_keeps_y and ey is not None) else None
                node.kept_out = data if (dx_keeps_out and ex is not None) or (dy_keeps_out and ey is not None) else None
                frame = getframe(1)
                if id(frame.f_globals) not in _outside:
                    frame = user_frame(frame)
                node.code = frame.f_code
                node.at = frame.f_lasti
            else:
                # No rule reads a number that was added, but pictures show it.
                node.kept_x = x if type(x) is float or type(x) is int else None
                node.kept_y = y if type(y) is float or type(y) is int else None
                node.kept_out = None
            if kind is ndarray:
                shape = data.shape
                if (ex is not None and a.shape != shape) or (ey is not None and b.shape != shape):
                    node.extra = Extra((np.shape(a), np.shape(b)))
            node.number = clock()
        else:
            out._node = None
        return out

    def pull(self: Function, g: Any, edges: Any) -> Any:
        ex, ey = edges
        return None if ex is None else dx(g), None if ey is None else dy(g)

    def pull_other(self: Any, g: Any, edges: Any) -> Any:
        # Each rule reads the other argument, or nothing: products.
        ex, ey = edges
        x, y = self.kept_x, self.kept_y
        if ex is not None:
            if type(y) is _Tensor or isinstance(y, TensorCore):
                y = y._data if y._alias is None and type(g) is type(y._data) else unsaved(self, y, g)
            ex = dx(g, y) if dx_keeps_y else dx(g)
        if ey is not None:
            if type(x) is _Tensor or isinstance(x, TensorCore):
                x = x._data if x._alias is None and type(g) is type(x._data) else unsaved(self, x, g)
            ey = dy(g, x) if dy_keeps_x else dy(g)
        return ex, ey

    def pull_any(self: Function, g: Any, edges: Any) -> Any:
        return [
            None
            if edge is None
            else rule(g, *[(unsaved_result if s == RESULT else unsaved)(self, self.saved[s], g) for s in reads])
            for edge, rule, reads in zip(edges, (dx, dy), (reads_x, reads_y), strict=True)
        ]

    way = pull if not keeps else pull_other if set(reads_x) <= {1} and set(reads_y) <= {0} else pull_any
    made: Callable[[Any, Any], Any] = make_pointwise(cls, apply, way, keeps)
    return made


class Variadic(Function):
    """Operations on any number of tensors: `forward(static, ..., *tensors)`.

    One rule `d<tensors>(g, ...)` gives the list of all their gradients; it may read `<tensors>` and `<tensors>_shape`,
    which are then tuples, one entry a tensor.
    """

    variadic = True

    @classmethod
    def prepare(cls) -> None:
        cls.apply = staticmethod(make_variadic(cls))

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        values = [tuple(unsaved(self, v, g) for v in entry) if is_inputs else entry for entry, is_inputs in self.saved]
        found: Sequence[Any] = type(self).rules[-1](g, *values)
        return found


def make_variadic(cls: type[Function]) -> Callable[..., Any]:
    forward, reads = cls.forward, cls.reads[-1]
    fixed = len(cls.arguments) - 1

    def apply(*args: Any) -> Any:
        static, xs = args[:fixed], args[fixed:]
        if not any(isinstance(x, TensorCore) for x in xs):
            return forward(*args)
        arrays = [x._data if isinstance(x, TensorCore) else x for x in xs]
        wanted = meeting_dtype(cls, arrays)
        if wanted is not None:
            return apply(*static, *(cast(x, wanted) for x in xs))
        try:
            data = forward(*static, *arrays)
        except (ValueError, TypeError, IndexError) as error:
            raise complaint(cls, xs, error) from error
        out = wrap(data)
        if is_recording() and data.dtype.kind == "f":
            edges = [edge_of(x) if isinstance(x, TensorCore) else None for x in xs]
            if any(e is not None for e in edges):
                node = created(cls, edges)
                node.saved = [
                    (args[s], False)
                    if 0 <= s < fixed
                    else (xs, True)
                    if s == fixed
                    else (tuple(map(np.shape, arrays)), False)
                    for s in reads
                ]
                out._node = node
        return out

    return apply


class Several(Function):
    """Operations with several results: `forward` gives a list, the rule `dx` takes the list of their gradients.

    Each result is a view if forward makes it one; writing into such a view is refused, as in PyTorch.
    """

    is_view = True

    @classmethod
    def prepare(cls) -> None:
        cls.apply = staticmethod(make_several(cls))

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        shapes, dtype, values = self.saved
        parts = [g.parts.get(i) for i in range(len(shapes))]
        tensors = any(isinstance(p, TensorCore) for p in parts)
        for i, shape in enumerate(shapes):
            if parts[i] is None:
                parts[i] = wrap(np.zeros(shape, dtype)) if tensors else np.zeros(shape, dtype)
        return (type(self).rules[0](parts, *values),)


def make_several(cls: type[Function]) -> Callable[..., Any]:
    forward, reads = cls.forward, cls.reads[0]

    def apply(x: Any, *static: Any) -> Any:
        if not isinstance(x, TensorCore):
            return forward(x, *static)
        from minigrad.memory import Alias, alias_of

        a = x._buffer()  # type: ignore[attr-defined]
        try:
            parts = forward(a, *static)
        except (ValueError, TypeError, IndexError) as error:
            raise complaint(cls, (x, *static), error) from error
        outs = [wrap(p) for p in parts]
        source = alias_of(x)
        base = x if source.base is None else source.base
        for out in outs:
            out._alias = Alias(source.version, base, (), "several")
        edge = edge_of(x)
        if edge is not None and is_recording():
            node = created(cls, (edge,))
            values = [a.shape if s == -2 else static[s - 1] for s in reads]
            node.saved = [p.shape for p in parts], a.dtype, values
            for i, out in enumerate(outs):
                out._node = output(node, i)
        return tuple(outs)

    return apply
