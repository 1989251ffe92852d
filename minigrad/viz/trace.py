"""The recorded graph as a picture needs it: every value, and the gradient that flows back along every edge.

`trace` walks backwards as the engine does, but keeps each edge's contribution and changes nothing: no `.grad`, no saved
value is freed, no hook is called, nothing is recorded.

Nodes keep only what their rules read, so the other values are found again: from the tensors that were drawn or that the
caller's variables still hold, from what the neighbours saved, and by running forward again. Under `record()` everything
is kept from the start.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad import modes
from minigrad.engine import reachable
from minigrad.errors import GraphError, describe
from minigrad.families import Binary, Several, Unary, Variadic
from minigrad.function import RESULT, Bundle, Function, Output, TensorCore, edge_of, keep, live_slots, new, raw
from minigrad.kernels.sums import sum_to
from minigrad.viz.form import DATA_LIMIT
from minigrad.viz.recording import recorded

FREED = (
    "Gradients are missing: backward() has freed the values they need. Draw before backward(), "
    "call backward(retain_graph=True), or compute inside 'with viz.record():'."
)
UNKNOWN = "Values are missing: the graph keeps only what derivatives read. Compute inside 'with viz.record():'."
COSTLY = 1 << 20  # elements: no operation on more is run again for its value

Key = Any  # what has one value and one gradient: a leaf Tensor, a node, or one Output of a node with several results
number = operator.attrgetter("number")


class Trace:
    """What `trace` found."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self.roots: list[Key] = [edge_of(t) for t in roots]
        self.seeds: list[Any] = [None] * len(roots)  # the gradients that the walk starts from
        self.order = reachable([e for e in self.roots if e is not None])
        self.order.sort(key=number)
        self.nodes: list[Function] = [n for n in self.order if not isinstance(n, Output)]
        self.arguments: dict[Function, dict[int, Any]] = {}  # per node, the arguments known: tensors, arrays, numbers
        self.values: dict[Key, Any] = {}
        self.totals: dict[Key, Any] = {}
        self.contributions: dict[tuple[Function, int], Any] = {}  # by node and position among its edges
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def trace(roots: Sequence[Any], *, gradients: bool = True, alive: Iterable[Any] = ()) -> Trace:
    """The graph of these tensors. `alive` are other tensors, whose values are known if they are in it."""
    found = Trace(roots)
    for t, key in zip(roots, found.roots, strict=True):
        if key is None:
            raise GraphError(
                f"graph: {describe(t)} has no graph: it does not require grad and was not computed from a tensor that does. "
                "Set requires_grad=True on an input, and compute outside no_grad()."
            )
    token = modes.recording.set(False)
    try:
        find_values(found, roots, alive)
        if gradients:
            walk_back(found, roots)
    finally:
        modes.recording.reset(token)
    return found


# ------------------------------------------------------------------ what nodes keep


def kept_by(n: Function) -> dict[int, Any]:
    """What a node saved, by slot: arguments 0, 1, ...; its result -1. Nothing if it was freed."""
    saved = n.saved
    if not saved:
        return {}
    slots: dict[int, Any] = {}
    if isinstance(n, Variadic):
        fixed = len(n.arguments) - 1
        for slot, (entry, is_inputs) in zip(n.reads[-1], saved, strict=True):
            slots.update({fixed + i: v for i, v in enumerate(entry)} if is_inputs else {slot: entry})
    elif isinstance(n, Several):
        slots.update(zip(n.reads[0], saved[2], strict=True))
    elif n.slots:
        live = live_slots(n, n.edges)
        slots.update((slot, v) for slot, v in zip(n.slots, saved, strict=False) if slot in live)
    return {slot: v for slot, v in slots.items() if slot >= RESULT}


def inputs_of(n: Function) -> Sequence[int]:
    """For each edge of a node, which argument it belongs to."""
    if isinstance(n, Variadic):
        fixed = len(n.arguments) - 1
        return range(fixed, fixed + len(n.edges))
    return n.inputs or range(len(n.edges))


def written_since(v: Any, moment: int) -> bool:
    """Whether a tensor's buffer was written in place after that moment."""
    return v._alias is not None and v._alias.version.stamp > moment


# ------------------------------------------------------------------ values


def find_values(found: Trace, roots: Sequence[Any], alive: Iterable[Any]) -> None:
    values = found.values
    in_graph = set(found.order)
    for t in alive:
        if t._node in in_graph and not written_since(t, t._node.number):
            values[t._node] = t._data
    for t, key in zip(roots, found.roots, strict=True):
        values[key] = t._data
    find_leaves(found)
    for n in found.nodes:
        find_kept(found, n)
    for n in found.nodes:
        run_again(found, n)
    for n in reversed(found.nodes):
        recover_constant(found, n)


def find_leaves(found: Trace) -> None:
    for n in found.nodes:
        for e in n.edges:
            if isinstance(e, TensorCore) and e not in found.values:
                if written_since(e, n.number):
                    found.note(
                        f"{describe(e)}: modified in place after the graph was made. Its old value is not known; "
                        "draw before the optimizer's step."
                    )
                else:
                    found.values[e] = e._data


def find_kept(found: Trace, n: Function) -> None:
    """The arguments and the result of one node, as far as it saved them or they were recorded."""
    arguments, results, _ = recorded(n)
    known = found.arguments[n] = dict(arguments)
    for o in found.order if len(results) > 1 else ():
        if isinstance(o, Output) and o.edges[0] is n:
            found.values.setdefault(o, results[o.index])
    if len(results) == 1:
        found.values.setdefault(n, results[0])
    for slot, v in kept_by(n).items():
        if slot == RESULT:
            version = n.extra.version if n.extra is not None else None
            if version is None or version.stamp <= n.number:
                found.values.setdefault(n, v)
        elif not (isinstance(v, TensorCore) and written_since(v, n.number)):
            known.setdefault(slot, v)
    operands = (n.kept_x, n.kept_y) if isinstance(n, Binary) and n.pointwise else ()
    for e, i in zip(n.edges, inputs_of(n), strict=False):
        if e is None and operands and isinstance(operands[i], (int, float)):
            known.setdefault(i, operands[i])
        if e is not None and i in known:
            found.values.setdefault(e, raw(known[i]))


def all_arguments(found: Trace, n: Function) -> list[Any] | None:
    """The arguments that forward was given, as arrays; None if one is not known."""
    known = {i: raw(v) for i, v in found.arguments[n].items()}
    for e, i in zip(n.edges, inputs_of(n), strict=False):
        if e is not None and e in found.values:
            known[i] = found.values[e]
    count = len(n.edges) + len(n.arguments) - 1 if isinstance(n, Variadic) else len(n.arguments)
    return [known[i] for i in range(count)] if count and all(i in known for i in range(count)) else None


def run_again(found: Trace, n: Function) -> None:
    """The value of a result that nobody keeps, from the values of the arguments."""
    if n in found.values or isinstance(n, Several):
        return
    arguments = all_arguments(found, n)
    if arguments is None or sum(np.size(a) for a in arguments if isinstance(a, np.ndarray)) > COSTLY:
        return
    result = type(n).forward(*arguments)
    found.values[n] = result[0] if n.keeps else result


def recover_constant(found: Trace, n: Function) -> None:
    """The constant array of a sum or difference, which no rule reads, from the result; if four digits of it are sure."""
    if n.symbol not in ("+", "−") or len(n.edges) != 2 or n not in found.values:
        return
    out = found.values[n]
    for here, other in ((0, 1), (1, 0)):
        x = found.values.get(n.edges[other])
        if n.edges[here] is None and here not in found.arguments[n] and x is not None and np.size(out) <= DATA_LIMIT:
            if n.extra is not None and n.extra.broadcast is not None and n.extra.broadcast[here] != np.shape(out):
                return
            wide, operand = np.asarray(out, np.float64), np.asarray(x, np.float64)
            c = wide - operand if n.symbol == "+" else wide + operand if here == 0 else operand - wide
            noise = 2 * np.finfo(out.dtype).eps * np.maximum(np.abs(wide), np.abs(operand))
            c = np.where(np.abs(c) <= noise, 0, c)
            if np.all((c == 0) | (noise < 1e-4 * np.abs(c))):
                found.arguments[n][here] = rounded(c).astype(out.dtype)[()]


def rounded(c: Any) -> Any:
    """The numbers with five significant digits: what rounding added to a recovered constant is off."""
    return np.vectorize(lambda v: float(f"{v:.5g}"), otypes=[float])(c)


# ------------------------------------------------------------------ gradients


def walk_back(found: Trace, roots: Sequence[Any]) -> None:
    """`engine.walk` from ones, with every contribution kept and everything left as it is."""
    table = found.totals
    for i, (t, key) in enumerate(zip(roots, found.roots, strict=True)):
        one = t._data.dtype.type(1)
        found.seeds[i] = g = np.full(t._data.shape, one) if t._data.ndim else one
        table[key] = table[key] + g if key in table else g
    for n in reversed(found.order):
        g = table.get(n)
        if g is None:
            continue
        node: Any = n
        if n.saved is None:
            node = rebuilt(found, n)
            if node is None:
                found.note(FREED)
                continue
        try:
            gradients = node.pull(g, n.edges)
        except GraphError as error:
            found.note(str(error).partition("\n")[0])
            continue
        if n.extra is not None and n.extra.broadcast is not None:
            gradients = [d if d is None else sum_to(d, s) for d, s in zip(gradients, n.extra.broadcast, strict=True)]
        for k, (e, d) in enumerate(zip(n.edges, gradients, strict=True)):
            if e is not None and d is not None:
                table[e] = table[e] + d if e in table else d
                if not isinstance(d, Bundle):
                    found.contributions[n, k] = d


def rebuilt(found: Trace, n: Function) -> Function | None:
    """A stand-in for a freed node, with what it had saved computed again; None if that is not known any more."""
    node: Any = new(type(n))
    node.edges, node.number, node.extra = n.edges, n.number, None
    node.saved = recorded(n).saved
    if node.saved is not None:
        return node  # type: ignore[no-any-return]
    arguments = all_arguments(found, n)
    if arguments is None or isinstance(n, (Variadic, Several)):
        return None
    if isinstance(n, (Unary, Binary)) and n in found.values:
        data, kept = found.values[n], None
    else:
        result = type(n).forward(*arguments)
        data, kept = result if n.keeps else (result, None)
    node.saved = keep(type(n), n.edges, arguments, found.values.get(n, data), kept)
    return node  # type: ignore[no-any-return]
