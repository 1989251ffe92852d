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
import linecache
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from sys import getrefcount
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from minigrad import dtypes, modes
from minigrad.errors import DimensionError, DtypeError, GraphError, ShapeError, describe, describe_all

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
    np.matmul: operator.matmul,
    np.power: power,
}


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
        cls.apply = staticmethod(make_apply(cls))

    # ---------------------------------------------------------------- the node

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        """The gradients of the differentiable arguments whose edge is not None, from the gradient of the result."""
        found: Sequence[Any] = type(self).by_rules(self, g, edges)
        return found

    def flow(self, g: Any, retain: bool) -> tuple[Any, Sequence[Any]]:
        """The edges and `pull`'s gradients for them; then what was saved is let go, unless it is to be retained."""
        saved, edges = self.saved, self.edges
        if saved is None:
            raise self.freed()
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


def unsaved(node: Function, v: Any, g: Any) -> Any:
    """A saved argument as rules read it beside the gradient g: an array beside an array, a Tensor beside a Tensor."""
    if isinstance(v, TensorCore):
        alias = v._alias
        if alias is not None and alias.version.stamp > node.number:
            raise node.modified(alias.version, describe(v))
        return v if isinstance(g, TensorCore) else v._data
    return v


def holds_arrays(saved: Any) -> bool:
    """Whether freeing these saved values frees memory; shapes and numbers stay, so that the graph can be walked again."""
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


# The general `apply` and `pull`, written out for the arguments and rules of a class: a loop over them, which is what
# stood here, costs as much as the NumPy calls of a small layer. x0, x1, ... are the arguments, a0, a1, ... their arrays,
# e0, e1, ... the edges, and then the gradients, of those that have a rule; s0, s1, ... what was saved.
WRITTEN = """\
def make(cls, forward, rules):
    {rules} = rules

    def apply({arguments}):
        {unwrap}
        if {untouched}:
            return plain(cls, ({arguments}))
        {prepare}
        try:
            {results} = forward({arrays})
        except (ValueError, TypeError, IndexError) as error:
            raise complaint(cls, ({arguments}), error) from error
        out = new(_Tensor)
        out._data = data
        out._node = out._grad = out._alias = None
        {share}
        if ({needed}) and is_recording() and data.dtype.kind == "f":
            node = out._node = cls()
            node.edges = ({edges})
            node.extra = None
            node.saved = ({saved})
            frame = getframe(1)
            if id(frame.f_globals) not in _outside:
                frame = user_frame(frame)
            node.code = frame.f_code
            node.at = frame.f_lasti
            node.number = clock()
            {broadcast}
        return out

    def pull(self, g, edges):
        if isinstance(g, TensorCore):
            return pull_tensors(self, g, edges)
        ({edges}) = edges
        ({slots}) = self.saved
        {read}
        dtype = g.dtype
        {gradients}
        return ({edges})

    return apply, pull
"""

UNWRAP_INPUT = """
if isinstance({x}, TensorCore):
    {a} = {x}._data
    {e} = {x}._node
    alias = {x}._alias
    if alias is not None and alias.base is not None:
        {e} = edge_of({x})
    elif {e} is LEAF:
        {e} = {x}
else:
    {a} = {x}
    {e} = None"""

MEET = """
wanted = meeting_dtype(cls, ({arrays}))
if wanted is not None:
    return apply({cast})"""

SHARE = """
base = data.base
if base is not None and (base is a0 or base is a0.base):
    _share(out, x0, cls, ({static}))"""

BROADCAST = """
if {differ}:
    node.extra = Extra(({shapes}))"""

READ_ARGUMENT = """
if isinstance({s}, TensorCore):
    alias = {s}._alias
    {s} = {s}._data if alias is None or alias.version.stamp < self.number else unsaved(self, {s}, g)"""

GRADIENT = """
if {e} is not None:
    {e} = {rule}({values})
    if {e}.dtype is not dtype and type({e}) is ndarray:
        {e} = {e}.astype(dtype)"""


def listed(names: Iterable[str]) -> str:
    return "".join(f"{name}, " for name in names)


def written(cls: type[Function]) -> str:
    """The source of the class's `apply` and `pull`."""
    count, inputs, slots = range(len(cls.arguments)), cls.inputs, cls.slots
    readers = {s: [i for i in inputs if s in (*cls.reads[i], *cls.composed_reads[i])] for s in slots}

    def kept(s: int) -> str:
        value = f"x{s}" if s >= 0 else {RESULT: "data", KEPT: "kept"}.get(s, f"np.shape(a{-2 - s})")
        some = " or ".join(f"e{i} is not None" for i in readers[s])
        return value if len(readers[s]) == len(inputs) else f"{value} if {some} else None"

    def read(k: int, s: int) -> str:
        if s == RESULT:  # read only where somebody shares or wrote the result
            return f"if self.extra is not None:\n    unsaved_result(self, s{k}, g)"
        return READ_ARGUMENT.format(s=f"s{k}") if s >= 0 else ""

    def gradient(i: int) -> str:
        values = ", ".join(["g", *(f"s{slots.index(s)}" for s in cls.reads[i])])
        return GRADIENT.format(e=f"e{i}", rule=f"rule{i}", values=values)

    arrays = listed(f"a{i}" for i in count)
    meet = MEET.format(arrays=arrays, cast=listed(f"cast(x{i}, wanted)" if i in inputs else f"x{i}" for i in count))
    parts = {
        "rules": listed(f"rule{i}" for i in count),
        "arguments": listed(f"x{i}" for i in count),
        "arrays": arrays,
        "unwrap": "\n".join(
            UNWRAP_INPUT.format(x=f"x{i}", a=f"a{i}", e=f"e{i}")
            if i in inputs
            else f"a{i} = x{i}._data if isinstance(x{i}, TensorCore) else x{i}"
            for i in count
        ),
        "untouched": " and ".join(f"a{i} is x{i}" for i in count),
        "prepare": "a0 = x0._buffer()" if cls.is_view else meet if cls.broadcasts or cls.to_float else "",
        "results": "data, kept" if cls.keeps else "data",
        "share": SHARE.format(static=listed(f"x{i}" for i in count[1:])) if cls.is_view else "",
        "needed": " or ".join(f"e{i} is not None" for i in inputs) or "False",
        "edges": listed(f"e{i}" for i in inputs),
        "saved": listed(map(kept, slots)),
        "slots": listed(f"s{k}" for k in range(len(slots))),
        "broadcast": BROADCAST.format(
            differ=" or ".join(f"np.shape(a{i}) != data.shape" for i in inputs) or "False",
            shapes=listed(f"np.shape(a{i})" for i in inputs),
        )
        if cls.broadcasts
        else "",
        "read": "\n".join(read(k, s) for k, s in enumerate(slots)),
        "gradients": "\n".join(map(gradient, inputs)),
    }
    lines = []
    for line in WRITTEN.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + part for part in line.lstrip().format(**parts).split("\n") if part]
    return "\n".join(lines)


def make_apply(cls: Any) -> Callable[..., Any]:
    """The general `apply`: written out when the operation is first used, as compiling all would take 0.1 s of the import."""

    def first(*args: Any) -> Any:
        if cls.apply is first:
            write_out(cls)
        return cls.apply(*args)

    def first_pull(node: Any, g: Any, edges: Any) -> Any:
        write_out(cls)
        return cls.by_rules(node, g, edges)

    cls.by_rules = first_pull
    return first


def write_out(cls: Any) -> None:
    """Give the class its `apply` and `pull`, for any number of arguments, arrays and static ones."""
    source, name = written(cls), f"<{cls.__module__}.{cls.__qualname__}.apply>"
    made: dict[str, Any] = {}
    exec(compile(source, name, "exec"), globals(), made)
    linecache.cache[name] = len(source), None, source.splitlines(True), name  # so that tracebacks show its lines
    apply, cls.by_rules = made["make"](cls, cls.forward, cls.rules)
    apply.__defaults__ = cls.forward.__defaults__ if inspect.isfunction(cls.forward) else None
    cls.apply = staticmethod(apply)
    if "pull" not in cls.__dict__:
        cls.pull = cls.by_rules


def plain(cls: type[Function], args: Sequence[Any]) -> Any:
    """The operation on arrays alone, where there is nothing to record."""
    if cls.inputs and not any(isinstance(args[i], ARRAYS) for i in cls.inputs):
        return refuse(cls, args[cls.inputs[0]])
    return cls.forward(*args)[0] if cls.keeps else cls.forward(*args)


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

    def flow(self: Any, g: Any, retain: bool) -> Any:
        if self.kept_out is RELEASED:
            raise self.freed()
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


# -------------------------------------------------------------------- dtypes and complaints


def weak(x: Any) -> Any:
    """A NumPy scalar of the user's as the Python number it stands for, which promotes nothing within its category."""
    return x.item() if isinstance(x, np.generic) else x


def meeting_dtype(cls: type[Function], arrays: Sequence[Any]) -> np.dtype[Any] | None:
    """The dtype to which the differentiable arguments must be cast before the operation runs; None if they all have it."""
    values = arrays if issubclass(cls, Variadic) else [arrays[i] for i in cls.inputs]
    if cls.refuses_bool is not None and cls.refuses_bool(
        getattr(v, "dtype", np.dtype(type(v))).kind == "b" for v in values
    ):
        raise DtypeError(f"{cls.__name__.lower()}: not defined for booleans, got {describe_all(values)}")
    wanted = dtypes.common(values)
    if cls.to_float and wanted.kind != "f":
        wanted = dtypes.as_numpy(None)
    if all(getattr(v, "dtype", wanted) == wanted for v in values):
        return None
    return wanted


def cast(x: Any, wanted: np.dtype[Any]) -> Any:
    """x in another dtype, recorded; Python scalars stay weak, but integers meeting floats become floats."""
    if isinstance(x, TensorCore):
        if x._data.dtype == wanted:
            return x
        from minigrad.ops.copy import Cast

        return Cast.apply(x, wanted)
    if isinstance(x, (ndarray, np.generic)):
        return x.astype(wanted)
    return x


ARRAYS = (ndarray, np.generic)
OPERANDS = (ndarray, np.generic, float, int)  # what may stand beside a tensor


def refuse(cls: type[Function], x: Any) -> Any:
    """Raise TypeError for an operand that is no tensor, array or number."""
    raise TypeError(f"{cls.__name__.lower()}: expected a tensor, an array or a number, got {describe(x)}")


def complaint(cls: type[Function], args: Sequence[Any], error: Exception) -> Exception:
    """The error of a failed forward, with the operation, shapes and dtypes."""
    label = f"{cls.__name__.lower()}({describe_all(args)})"
    if type(error) is IndexError or isinstance(error, np.exceptions.AxisError):
        return DimensionError(f"{label}: {error}")
    if isinstance(error, (ShapeError, DtypeError, IndexError)):
        return type(error)(f"{label}: {error}") if cls.__name__.lower() not in str(error) else error
    if isinstance(error, TypeError):
        return DtypeError(f"{label}: {error}")
    shapes = [np.shape(raw(a)) for a in args if isinstance(raw(a), ndarray)]
    if "broadcast" in str(error) and len(shapes) > 1:
        return ShapeError(
            f"{label}: shapes {' and '.join(map(str, shapes))} cannot be broadcast together; compared from the right, "
            "sizes must be equal or 1. Use unsqueeze() or view() to line them up."
        )
    return ShapeError(f"{label}: {error}")
