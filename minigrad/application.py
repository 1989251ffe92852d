"""How an operation is applied: the general `apply` and `pull`, for any number of arguments, written out for each class.

`minigrad.families` has shorter ones for element-wise operations, and those for operations on many tensors or with many
results.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minigrad import function, operands
from minigrad.function import KEPT, RESULT, Function
from minigrad.operands import ARRAYS, refuse

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
    scope = {**vars(function), **vars(operands), **globals()}
    exec(compile(source, name, "exec"), scope, made)
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
