"""From a trace to a `Form` in which every operation is a node: book and compact style."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np

from minigrad.families import Variadic
from minigrad.function import Bundle, Function, Output, TensorCore, line_of, raw
from minigrad.nn.parameter import Parameter
from minigrad.viz.form import Edge, Event, Form, Node, Quantity, mark_main_path
from minigrad.viz.local import local_text
from minigrad.viz.names import Names
from minigrad.viz.numbers import number, only_shape, quantity
from minigrad.viz.trace import UNKNOWN, Trace, inputs_of

EXPLAINED = 300  # operations: in larger graphs nobody reads how each gradient comes about
GHOSTS = 3  # a leaf used more often than this is drawn once per use


def line_in_words(n: Function) -> str:
    """'train.py, line 12, in step' for where the operation was called; "" if the node did not keep it."""
    return _line(n.code, n.at) if getattr(n, "code", None) is not None else ""


@functools.lru_cache(4096)
def _line(code: CodeType, at: int) -> str:
    return line_of(SimpleNamespace(code=code, at=at)).replace(
        f'File "{code.co_filename}"', os.path.basename(code.co_filename)
    )


class Constant:
    """An argument that needs no gradient: a number, an array or a tensor; None if it is not known any more."""

    def __init__(self, value: Any, shape: tuple[int, ...] = (), dtype: Any = None) -> None:
        self.value, self.shape, self.dtype = value, shape, dtype


class Wire:
    """One use of a value: `key` (a leaf, a node, an Output or a Constant) enters `target`, an operation or an output."""

    def __init__(self, key: Any, target: Any, argument: int | None, name: str, gradient: Any) -> None:
        self.key, self.target, self.argument, self.name, self.gradient = key, target, argument, name, gradient


def build(found: Trace, roots: Sequence[Any], names: Names, *, shapes: bool = False) -> Form:
    """The form of one trace. Everything is visited in order of creation, so that ids are the same in every run."""
    return Builder(found, roots, names, shapes).build()


class Builder:
    """Lists who uses which value, then adds nodes, then edges, then events."""

    def __init__(self, found: Trace, roots: Sequence[Any], names: Names, shapes: bool) -> None:
        self.found, self.names, self.shapes = found, names, shapes
        self.form = Form()
        self.explains = len(found.nodes) <= EXPLAINED
        self.labels: dict[Function, str] = {}
        self.into: list[list[Wire]] = [self._wires(n) for n in found.nodes]
        for i, (t, key) in enumerate(zip(roots, found.roots, strict=True)):
            self.into.append([Wire(key, (i, t), None, "", None)])
        self.uses: dict[Any, list[Wire]] = {}
        for wires in self.into:
            for w in wires:
                self.uses.setdefault(w.key, []).append(w)
        self.nodes: dict[Any, Node] = {}  # by leaf, constant, operation, (place, root); by wire for ghosts
        self.forks: dict[Any, Node] = {}  # by key
        self.edge_of: dict[Wire, Edge] = {}
        self.edges_of: dict[Any, list[Edge]] = {}  # per key, the edge or stem out of it
        self.keys_of: dict[Function, list[Any]] = {}  # of operations with several results: the results used
        for key in self.uses:
            if isinstance(key, Output):
                self.keys_of.setdefault(key.edges[0], []).append(key)
        self.into_of = dict(zip(found.nodes, self.into, strict=False))
        self.unnamed = {"input": 0, "parameter": 0}
        self.generated: dict[int, str] = {}
        self.quantities: dict[Any, Quantity | None] = {}
        self.gradients: dict[int, Quantity] = {}

    def build(self) -> Form:
        for n, wires in zip(self.found.nodes, self.into, strict=False):
            self._leaves(wires)
            self._operation(n)
        for wires in self._outputs():
            self._leaves(wires)
        for wires in self._outputs():
            self._output(wires[0])
        for wires in self.into:
            for w in wires:
                self._edge(w)
        mark_main_path(self.form)
        self.form.events = list(self._events())
        self.form.notes = list(self.found.notes)
        if any(e.value is None or not e.value.text for e in self.form.edges if e.role != "branch"):
            self.form.notes.append(UNKNOWN)
        return self.form

    def _outputs(self) -> list[list[Wire]]:
        return self.into[len(self.found.nodes) :]

    # ---------------------------------------------------------------- what enters an operation

    def _wires(self, n: Function) -> list[Wire]:
        """The uses of values that one operation makes, in the order of its arguments."""
        known = self.found.arguments[n]
        edges = dict(zip(inputs_of(n), range(len(n.edges)), strict=False))
        self.labels[n] = label = n.symbol if n.symbol != "?" else type(n).__name__
        wires = []
        for i in sorted({*edges, *known}):
            k = edges.get(i)
            key = n.edges[k] if k is not None else None
            value = known.get(i)
            if key is None:
                if k is None and not isinstance(value, (TensorCore, np.ndarray)):
                    continue
                exponent = type(n).__name__ == "Pow" and i == 1
                numerator = type(n).__name__ == "Div" and i == 0
                if isinstance(value, (int, float)) and (exponent or numerator and value == 1):
                    # The book's x ** 2 and 1 / x have one input.
                    self.labels[n] = label + number(value) if exponent else "/"
                    continue
                if value is None and i in known:
                    continue  # an optional argument that was not given: no bias
                key = Constant(value, *self._shape_of_constant(n, i))
            names = n.arguments
            name = names[min(i, len(names) - 1)] if names else ""
            if isinstance(n, Variadic) and names:
                name = f"{name}[{i - len(names) + 1}]"
            wires.append(Wire(key, n, i, name, self.found.contributions.get((n, k)) if k is not None else None))
        return wires

    def _shape_of_constant(self, n: Function, i: int) -> tuple[Any, Any]:
        """Shape and dtype of an argument that is not known itself: as the result has, if it was not broadcast."""
        out = self.found.values.get(n, self.found.totals.get(n))
        if out is None or isinstance(out, Bundle):
            return (), None
        broadcast = n.extra.broadcast if n.extra is not None else None
        return (np.shape(out) if broadcast is None or i >= len(broadcast) else broadcast[i]), out.dtype

    # ---------------------------------------------------------------- nodes

    def _add(self, kind: str, label: str, **more: Any) -> Node:
        node = Node(f"n{len(self.form.nodes)}", kind, label, **more)
        self.form.nodes.append(node)
        return node

    def _leaves(self, wires: list[Wire]) -> None:
        for w in wires:
            if isinstance(w.key, (TensorCore, Constant)):
                self._leaf(w)

    def _leaf(self, w: Wire) -> None:
        key, uses = w.key, self.uses[w.key]
        ghost = len(uses) > GHOSTS and isinstance(key, TensorCore)
        if not ghost and key in self.nodes:
            return
        if isinstance(key, Constant):
            kind, label = "constant", self.names.of(key.value) if isinstance(key.value, TensorCore) else ""
            value = self._value(key)
            label = label or (value.text if key.value is not None and value is not None else "constant")
            node = self._add(kind, label, value=value)
        else:
            kind = "parameter" if isinstance(key, Parameter) else "variable"
            name = self.names.of(key) or self._new_name(key, kind)
            total = self._gradient(self.found.totals.get(key))
            node = self._add(kind, name, value=self._value(key), gradient=total, ghost=ghost)
        node.tooltip = node.label if node.value is None else f"{node.label}: {node.value.full}"
        if ghost:
            node.tooltip += f"\nused {len(uses)} times"
            if node.gradient is not None:
                node.tooltip += f"; its whole gradient is {node.gradient.full}"
            self.nodes[w] = node
        else:
            self.nodes[key] = node
            self._fork(key)

    def _new_name(self, leaf: Any, kind: str) -> str:
        word = "parameter" if kind == "parameter" else "input"
        if id(leaf) not in self.generated:
            self.unnamed[word] += 1
            self.generated[id(leaf)] = f"{word} {self.unnamed[word]}"
        return self.generated[id(leaf)]

    def _operation(self, n: Function) -> None:
        node = self._add("operation", self.labels[n], operation=type(n).__name__)
        node.value, node.gradient = self._value(n), self._gradient(self.found.totals.get(n))
        static = [
            f"{n.arguments[i]}={v}"
            for i, v in sorted(self.found.arguments[n].items())
            if i not in n.inputs and i < len(n.arguments) and not isinstance(raw(v), np.ndarray)
        ]
        node.tooltip = f"{node.label} {node.operation}" + (f" ({', '.join(static)})" if static else "")
        if node.value is not None:
            node.tooltip += f": {node.value.full}"
        node.line = line_in_words(n)
        self.nodes[n] = node
        for key in self.keys_of.get(n, [n]):
            self._fork(key)

    def _output(self, w: Wire) -> None:
        place, t = w.target
        several = len(self.found.roots) > 1
        label = self.names.of(t) or (f"out {place + 1}" if several else "out")
        node = self._add("output", label, value=self._value(w.key))
        node.tooltip = f"{label}: {node.value.full}" if node.value is not None else label
        self.nodes[place, t] = node

    def _fork(self, key: Any) -> None:
        if len(self.uses.get(key, ())) > 1:
            self.forks[key] = self._add("fork", "")

    # ---------------------------------------------------------------- edges

    def _edge(self, w: Wire) -> None:
        key = w.key
        fork = self.forks.get(key)
        source = self.nodes[w] if w in self.nodes else self.nodes[key.edges[0] if isinstance(key, Output) else key]
        output = key.index if isinstance(key, Output) else 0
        target = self.nodes[w.target]
        gradient = w.gradient if isinstance(w.target, Function) else self.found.seeds[w.target[0]]
        if fork is not None and key not in self.edges_of:
            stem = Edge(self._next(), source.id, fork.id, "stem", self._value(key), output=output)
            stem.gradient = self._gradient(self.found.totals.get(key))
            self.form.edges.append(stem)
            self.edges_of[key] = [stem]
        edge = Edge(self._next(), (fork or source).id, target.id, "branch" if fork else "plain", output=output)
        if fork is None:
            edge.value = self._value(key)
            self.edges_of.setdefault(key, []).append(edge)
        edge.gradient, edge.argument, edge.name = self._gradient(gradient), w.argument, w.name
        if isinstance(w.target, Function) and gradient is not None and self.explains:
            names = [self._short_name(u) for u in self.into_of[w.target]]
            edge.local = local_text(w.target, w.argument or 0, self.found.totals.get(w.target), gradient, names)
        self.form.edges.append(edge)
        self.edge_of[w] = edge

    def _short_name(self, w: Wire) -> str:
        return self.nodes[w if w in self.nodes else w.key].label if isinstance(w.key, TensorCore) else w.name

    def _next(self) -> str:
        return f"e{len(self.form.edges)}"

    # ---------------------------------------------------------------- quantities

    def _value(self, key: Any) -> Quantity | None:
        if key not in self.quantities:
            self.quantities[key] = self._quantity(key)
        return self.quantities[key]

    def _quantity(self, key: Any) -> Quantity | None:
        value = raw(key.value) if isinstance(key, Constant) else self.found.values.get(key)
        if value is not None:
            return quantity(value, shapes=self.shapes)
        if isinstance(key, Constant):
            return only_shape(key.shape, key.dtype) if key.shape else None
        total = self.found.totals.get(key)
        return None if total is None or isinstance(total, Bundle) else only_shape(np.shape(total), total.dtype)

    def _gradient(self, g: Any) -> Quantity | None:
        if g is None or isinstance(g, Bundle):
            return None
        if id(g) not in self.gradients:  # a value used once has the gradient of its use; the trace keeps both alive
            self.gradients[id(g)] = quantity(g, shapes=self.shapes)
        return self.gradients[id(g)]

    # ---------------------------------------------------------------- events

    def _events(self) -> Iterator[Event]:
        for n, wires in zip(self.found.nodes, self.into, strict=False):
            shown = [e.id for key in self.keys_of.get(n, [n]) for e in self.edges_of.get(key, ())]
            yield Event("forward", "operation", self.nodes[n].id, [self.edge_of[w].id for w in wires], shown)
        if not self.found.totals:
            return
        for (w,) in self._outputs():
            if w.key is not None and self.edge_of[w].gradient is not None:
                yield Event("backward", "start", self.nodes[w.target].id, [], [self.edge_of[w].id])
        waiting = {key: len(self.uses[key]) for key in self.forks}
        for (w,) in self._outputs():
            yield from self._joined(w, waiting)
        for n, wires in zip(reversed(self.found.nodes), reversed(self.into[: len(self.found.nodes)]), strict=True):
            shown = [self.edge_of[w].id for w in wires if self.edge_of[w].gradient is not None]
            if shown:
                out = [e.id for key in self.keys_of.get(n, [n]) for e in self.edges_of.get(key, ())]
                yield Event("backward", "operation", self.nodes[n].id, out, shown)
            for w in wires:
                yield from self._joined(w, waiting)

    def _joined(self, w: Wire, waiting: dict[Any, int]) -> Iterator[Event]:
        """The event of a fork, when the last of its branches has been reached."""
        if w.key not in waiting:
            return
        waiting[w.key] -= 1
        (stem,) = self.edges_of[w.key]
        if not waiting[w.key] and stem.gradient is not None:
            branches = [self.edge_of[u].id for u in self.uses[w.key] if self.edge_of[u].gradient is not None]
            yield Event("backward", "fork", self.forks[w.key].id, branches, [stem.id])
