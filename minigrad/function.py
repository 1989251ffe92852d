"""What an operation is: forward on arrays, and one derivative rule per differentiable argument.

    class Mul(Binary):
        symbol, forward = "×", np.multiply
        def dx(g, y): return g * y
        def dy(g, x): return g * x

A rule's parameters name what it reads: the upstream gradient first, then arguments of `forward`, `out` (the result) or
`<argument>_shape`. Only what is named is kept, and only while an input needs it. Rules are plain NumPy: given Tensors
the same lines record themselves, which gives the next order. The class is read once, when it is created.

A fused operation may return (result, kept) from `forward` and read `kept`, an array of its own, in a fast rule; the
rule `composed_d<argument>`, which does not read it, then serves the higher orders.

An application that records makes an instance of its class: that instance is the node of the graph.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from minigrad import modes
from minigrad.errors import GraphError, describe

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

Array = np.ndarray[Any, Any]
R = TypeVar("R")

ndarray = np.ndarray
getframe = sys._getframe
new = object.__new__
clock = itertools.count(1).__next__  # numbers nodes and stamps writes: a saved value is stale if written after its node
is_recording = modes.recording.get

UFUNCS: dict[Any, type[Function]] = {}  # NumPy's own functions and the operations that differentiate them
OPERATIONS: list[type[Function]] = []
RESULT, KEPT = -1, -1000  # slots of saved values, see Function._slot


class Leaf:
    """Marks a tensor that the user made and that requires grad: the graph's edge to it is the tensor itself."""

    def __repr__(self) -> str:
        return "LEAF"


LEAF = Leaf()


class TensorCore:
    """The four fields of a tensor. `minigrad.tensor.Tensor` is the class made of it; operations create that one.

    `_data`  a NumPy array, or a NumPy scalar (0-d results stay scalars: twice as fast)
    `_node`  the node that made it, LEAF, or None if it needs no gradient
    `_grad`  its gradient, a Tensor or None
    `_alias` who shares its buffer, and when that was written (`minigrad.memory`); None while nobody does and it was not
    """

    __slots__ = ("__dict__", "__weakref__", "_alias", "_data", "_grad", "_node")
    _data: Any
    _node: Any
    _grad: Any
    _alias: Any
    number: ClassVar[int] = 0  # where a node has its place in the order of creation: leaves come before all of them


_Tensor: type[Tensor]
_share: Callable[..., None]


def tie(tensor_class: type[Tensor], share: Callable[..., None]) -> None:
    """The one knot: operations make Tensors and views of them, and Tensors have operations as methods."""
    global _Tensor, _share
    _Tensor, _share = tensor_class, share


def wrap(data: Any) -> Tensor:
    """A Tensor over this very array (or NumPy scalar): no copy, no gradient."""
    out = new(_Tensor)
    out._data = data
    out._node = out._grad = out._alias = None
    return out


def edge_of(x: TensorCore) -> Any:
    """Where x's gradient goes: its node, itself if it is a leaf, None if it needs none."""
    alias = x._alias
    if alias is not None and alias.base is not None:
        alias.refresh(x)
    node = x._node
    return x if node is LEAF else node


_outside: set[int] = set()  # ids of the globals of modules that are not minigrad's own
_inside: set[int] = set()  # and of those that are


def user_frame(frame: Any = None) -> Any:
    """The frame, outside minigrad, that called the running operation. Only its code and place in it may be kept.

    A frame costs as much to look at as a small array to multiply: `frame` is where to begin, if the caller has one.
    """
    if frame is None:
        frame = getframe(2)
    inside = _inside
    try:
        while True:
            while id(frame.f_globals) in inside:
                frame = frame.f_back
            if id(frame.f_globals) in _outside:
                return frame
            name = frame.f_globals.get("__name__", "")
            (inside if name == "minigrad" or name.startswith("minigrad.") else _outside).add(id(frame.f_globals))
    except AttributeError:  # past the last frame: there is nobody outside
        return getframe(1)


def line_of(place: Any) -> str:
    """'File "train.py", line 12, in step' for a node or version that kept where the user's code called."""
    code = getattr(place, "code", None)
    if code is None:
        return "an unknown line"
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= place.at < end and number is not None:
            line = number
    return f'File "{code.co_filename}", line {line}, in {code.co_name}'


class Extra:
    """What only few nodes have: shapes to sum gradients back to, hooks, the saved result's write counter, metadata."""

    __slots__ = ("broadcast", "hooks", "metadata", "version")

    def __init__(self, broadcast: Any = None) -> None:
        self.broadcast = broadcast  # shapes of the differentiable arguments, where some differ from the result's
        self.hooks: Any = None
        self.version: Any = None
        self.metadata: dict[str, Any] = {}


class Slotted(type):
    """Gives every operation `__slots__`, so that its nodes have no dict: 0.05 us less per scalar operation."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Slotted:
        namespace.setdefault("__slots__", ("edges", "saved") if globals().get("Function") in bases else ())
        return super().__new__(mcs, name, bases, namespace, **kwargs)


class Function(metaclass=Slotted):
    """Base of every operation. See the module's text for how one is defined, and `docs/adding-an-operation.md`.

    A subclass may instead define static `forward(ctx, ...)` and `backward(ctx, ...)` as PyTorch's `autograd.Function`.
    """

    __slots__ = ("__weakref__", "at", "code", "extra", "number")  # and edges and saved, which `Pointwise` has elsewhere
    edges: Any  # per differentiable argument: a node, a leaf Tensor, or None
    saved: Any  # what the rules read, in the order of the class's slots; None when freed
    number: int  # in order of creation
    code: Any  # where the user called an operation that saves something: code object and instruction
    at: int
    extra: Any  # None, or what only few nodes have: an Extra

    symbol: ClassVar[str] = "?"
    domain: ClassVar[Any] = None
    oracle: ClassVar[Any] = None  # the textbook formula in float64, where forward is not NumPy's own
    rejects: ClassVar[Any] = ()  # arguments that must raise
    is_view: ClassVar[bool] = False  # forward may return a view of its first argument
    variadic: ClassVar[bool] = False  # the last argument of forward stands for any number of tensors
    broadcasts: ClassVar[bool] = False  # array arguments broadcast: the engine sums gradients back
    to_float: ClassVar[bool] = False  # integers are first made the default dtype
    refuses_bool: ClassVar[Any] = None  # all: raise if every argument is boolean; any: if one is
    reads_deferred: ClassVar[bool] = False  # pull takes a gradient that is computed while it is read: `Deferred`
    order: ClassVar[int | None] = None  # 1: once differentiable, order 2 raises
    arguments: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[int, ...]] = ()
    rules: ClassVar[tuple[Any, ...]] = ()
    composed: ClassVar[tuple[Any, ...]] = ()  # the rules for higher orders
    keeps: ClassVar[bool] = False  # forward returns (result, kept)
    reads: ClassVar[tuple[tuple[int, ...], ...]] = ()
    composed_reads: ClassVar[tuple[tuple[int, ...], ...]] = ()
    pointwise: ClassVar[bool] = False  # edges and saved values are in slots: see `Pointwise`
    slots: ClassVar[tuple[int, ...]] = ()  # of what a node saves, in its order
    by_rules: ClassVar[Any]  # `pull` as written out from the rules
    forward: ClassVar[Any]
    apply: ClassVar[Any]
    operator: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        forward = cls.__dict__.get("forward")
        if forward is None:
            return
        if "backward" in cls.__dict__ or "setup_context" in cls.__dict__:
            return  # PyTorch's form: minigrad.autograd.Function reads it
        if isinstance(forward, np.ufunc):
            UFUNCS[forward] = cls
        elif not isinstance(forward, staticmethod):
            cls.forward = staticmethod(forward)
            cls.arguments = tuple(inspect.signature(forward).parameters)
        cls.rules = tuple(cls._rule("d" + name) for name in cls.arguments)
        cls.composed = tuple(
            cls._rule("composed_d" + name) or rule for name, rule in zip(cls.arguments, cls.rules, strict=True)
        )
        cls.inputs = tuple(i for i, rule in enumerate(cls.rules) if rule is not None)
        cls.reads = tuple(map(cls._reads, cls.rules))
        cls.keeps = any(KEPT in slots for slots in cls.reads)
        cls.composed_reads = tuple(map(cls._reads, cls.composed))
        cls.slots = tuple(sorted({s for reads in (*cls.reads, *cls.composed_reads) for s in reads}, reverse=True))
        cls.prepare()
        OPERATIONS.append(cls)

    @classmethod
    def _rule(cls, name: str) -> Any:
        rule = cls.__dict__.get(name)
        if rule is None or isinstance(rule, staticmethod):
            return rule and rule.__func__
        setattr(cls, name, staticmethod(rule))
        return rule

    @classmethod
    def _reads(cls, rule: Any) -> tuple[int, ...]:
        return tuple(map(cls._slot, list(inspect.signature(rule).parameters)[1:])) if rule else ()

    @classmethod
    def _slot(cls, name: str) -> int:
        """Where a rule's parameter is found: an argument 0, 1, ...; the result -1; an argument's shape -2, -3, ..."""
        if name == "out":
            return RESULT
        if name == "kept":
            return KEPT
        if name in cls.arguments:
            return cls.arguments.index(name)
        if name.endswith("_shape") and name[:-6] in cls.arguments:
            return -2 - cls.arguments.index(name[:-6])
        raise TypeError(
            f"{cls.__name__}: a rule reads {name!r}, which is neither an argument of forward "
            f"({', '.join(cls.arguments)}), nor 'out', nor '<argument>_shape'"
        )

    @classmethod
    def prepare(cls) -> None:
        """Make `apply` (and `pull`) for a class just read. Families with a faster form override it."""
        from minigrad.application import make_apply

        cls.apply = staticmethod(make_apply(cls))

    # ---------------------------------------------------------------- the node

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        """The gradients of the differentiable arguments whose edge is not None, from the gradient of the result."""
        found: Sequence[Any] = type(self).by_rules(self, g, edges)
        return found

    def flow(self, g: Any, edges: Any, retain: bool) -> tuple[Any, Sequence[Any]]:
        """The edges (all, if None are given) and `pull`'s gradients for them; then what was saved is let go.

        Unless it is to be retained, or is nothing but shapes and numbers: then the graph can be walked again.
        """
        saved = self.saved
        if saved is None:
            raise self.freed()
        if edges is None:
            edges = self.edges
        gradients = self.pull(g, edges)
        if saved and not retain and holds_arrays(saved):
            self.saved = None
        return edges, gradients

    def freed(self) -> GraphError:
        return GraphError(
            f"{self.name()}: trying to backward through the graph a second time, but its saved values have been freed. "
            f"Specify retain_graph=True the first time (recorded at {line_of(self)})."
        )

    def once(self, g: Any, edges: Any) -> Sequence[Any]:
        """The gradients of an operation that is differentiable once: arrays, behind nodes that raise when walked."""
        found = []
        for d in self.pull(g._data, edges):
            if d is not None:
                d = wrap(d)
                d._node = created(Twice, (self,))
                d._node.saved = ()
            found.append(d)
        return found

    def modified(self, version: Any, what: str) -> GraphError:
        return GraphError(
            f"{self.name()}: a value needed for gradient computation has been modified by an in-place operation: {what}."
            f"\n  saved by {type(self).__name__} at {line_of(self)}"
            f"\n  then modified ({version.count} writes in all) at {line_of(version)}"
            "\nWrite out of place, or clone() the value before it is modified."
        )

    def name(self) -> str:
        """PyTorch's name for the node: 'MulBackward0'."""
        return f"{type(self).__name__}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the differentiable inputs with the index of the output used, as in PyTorch."""
        return tuple(public_edge(e) for e in self.edges)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary of the user's own, as in PyTorch."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra.metadata  # type: ignore[no-any-return]

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call hook(grad_inputs, grad_outputs) after the node ran; a returned tuple replaces grad_inputs."""
        from minigrad.hooks import add_hook

        return add_hook(self, "post", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call hook(grad_outputs) before the node runs; a returned tuple replaces grad_outputs."""
        from minigrad.hooks import add_hook

        return add_hook(self, "pre", hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class Recomputed:
    """A saved value that was never whole in memory: `compute` gives it anew, from the arrays of tensors, if a rule reads it.

    The rule must not want the value's own derivative: it is behind no node.
    """

    __slots__ = ("compute", "dtype", "shape", "tensors")

    def __init__(self, shape: tuple[int, ...], dtype: Any, compute: Callable[..., Array], *tensors: Any) -> None:
        self.shape, self.dtype, self.compute, self.tensors = shape, dtype, compute, tensors

    def array(self, node: Function) -> Array:
        """The value that `node` saved. Raises GraphError if a tensor it is computed from was modified since."""
        return self.compute(*(unsaved(node, t, None) for t in self.tensors))


def unsaved(node: Function, v: Any, g: Any) -> Any:
    """A saved argument as rules read it beside the gradient g: an array beside an array, a Tensor beside a Tensor."""
    if isinstance(v, TensorCore):
        alias = v._alias
        if alias is not None and alias.version.stamp > node.number:
            raise node.modified(alias.version, describe(v))
        return v if isinstance(g, TensorCore) else v._data
    if v.__class__ is Recomputed:
        found = v.array(node)
        return wrap(found) if isinstance(g, TensorCore) else found
    return v


def holds_arrays(saved: Any) -> bool:
    """Whether there is more than shapes and numbers among saved values."""
    for v in saved:
        kind = type(v)
        if v is not None and kind is not tuple and kind is not int and kind is not bool:
            return True
        if kind is tuple and holds_arrays(v):
            return True
    return False


def references(edges: Sequence[Any]) -> int:
    """How many references there are to the first node of these edges, theirs and this call's included."""
    return getrefcount(edges[0])


ONCE = references((object(),))


def may_defer(node: Function, edges: Sequence[Any], saved: Any = None) -> bool:
    """Whether the first of the node's edges may be handed a gradient that is computed while it is read (`Deferred`).

    That one must know how, and nothing else may add to the gradient: no other node reads its result. This shows in the
    number of references to it; `saved` is its result if the node saved that, which refers to it too. Hooks get an array.
    """
    if references(edges) > ONCE + node.pointwise + (saved is not None and saved._node is edges[0]):
        return False
    edge = edges[0]
    return isinstance(edge, Function) and edge.reads_deferred and not modes.anomaly.get()


def unsaved_result(node: Function, v: Any, g: Any) -> Any:
    """A node's saved result as rules read it; tied back to the node only here, so that the two are no cycle."""
    extra = node.extra
    if extra is not None and extra.version is not None and extra.version.stamp > node.number:
        raise node.modified(extra.version, f"its own result, {describe(v)}")
    if v.__class__ is Recomputed:
        v = v.array(node)
    if isinstance(g, TensorCore):
        out = wrap(v)
        out._node = node
        return out
    return v


def created(cls: type[Any], edges: Any) -> Any:
    """A new node, its `saved` still to be set."""
    node = new(cls)
    node.edges, node.extra, node.number = edges, None, clock()
    frame = user_frame()
    node.code, node.at = frame.f_code, frame.f_lasti
    return node


def output(node: Function, index: int) -> Output:
    """The place of one of a node's several results in the graph."""
    pick = Output()
    pick.edges, pick.saved, pick.extra, pick.index, pick.number = (node,), (), None, index, clock()
    return pick


class Output(Function):
    """One output of a node that has several: passes its gradient on under its index."""

    __slots__ = ("edges", "index", "saved")
    index: int

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        return (Bundle({self.index: g}),)


class Twice(Function):
    """Where a second derivative of an operation that is differentiable once would begin: raises."""

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        raise GraphError(f"{edges[0].name()}: trying to differentiate twice an operation that is differentiable once")


class Bundle:
    """Gradients of a node with several outputs, by index; they add as gradients do."""

    __slots__ = ("parts",)

    def __init__(self, parts: dict[int, Any]) -> None:
        self.parts = parts

    def __add__(self, other: Bundle) -> Bundle:
        parts = dict(self.parts)
        for i, g in other.parts.items():
            parts[i] = parts[i] + g if i in parts else g
        return Bundle(parts)


class AccumulateGrad:
    """How a leaf looks to a walk over `next_functions`: PyTorch's node that adds into `variable.grad`."""

    __slots__ = ("__weakref__", "variable")
    next_functions: tuple[Any, ...] = ()

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


def public_edge(edge: Any) -> tuple[Any, int]:
    if edge is None:
        return None, 0
    if isinstance(edge, Output):
        return edge.edges[0], edge.index
    if isinstance(edge, TensorCore):
        return accumulator(edge), 0
    return edge, 0


def accumulator(leaf: TensorCore) -> AccumulateGrad:
    """The leaf's AccumulateGrad: the same object as long as anyone holds it."""
    import weakref

    reference = leaf.__dict__.get("_accumulator")
    found = reference() if reference is not None else None
    if found is None:
        found = AccumulateGrad(leaf)
        leaf.__dict__["_accumulator"] = weakref.ref(found)
    return found


# -------------------------------------------------------------------- applying an operation


def live_slots(cls: Any, edges: Sequence[Any]) -> set[int]:
    """What the rules read, at any order, of those inputs that have an edge."""
    ways = zip(cls.inputs, edges, strict=True)
    return {s for i, edge in ways if edge is not None for s in (*cls.reads[i], *cls.composed_reads[i])}


def keep(cls: Any, edges: Sequence[Any], args: Sequence[Any], data: Any, kept: Any) -> tuple[Any, ...]:
    """What a node saves, in the order of the class's slots: None for what no rule will read."""
    live = live_slots(cls, edges)
    special = {RESULT: data, KEPT: kept}
    return tuple(
        None if s not in live else args[s] if s >= 0 else special[s] if s in special else np.shape(raw(args[-2 - s]))
        for s in cls.slots
    )


def pull_tensors(node: Any, g: Any, edges: Any) -> Sequence[Any]:
    """What `pull` gives where the gradient is a Tensor: the rules for higher orders, which record themselves."""
    if node.order == 1:
        return node.once(g, edges)  # type: ignore[no-any-return]
    cls = type(node)
    values = {
        s: (unsaved_result if s == RESULT else unsaved)(node, v, g)
        for s, v in zip(cls.slots, node.saved, strict=True)
        if v is not None
    }
    return [
        None if edge is None else cls.composed[i](g, *map(values.get, cls.composed_reads[i]))
        for i, edge in zip(cls.inputs, edges, strict=True)
    ]


def record(cls: type[Function], args: Sequence[Any], edges: Sequence[Any], data: Any) -> Function | None:
    """A node for an application whose result `data` is already computed (in-place operations); None if none is needed."""
    if not is_recording() or all(e is None for e in edges):
        return None
    node = created(cls, edges)
    node.saved = keep(cls, edges, args, data, None)
    return node  # type: ignore[no-any-return]


def raw(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._data if isinstance(x, TensorCore) else x
