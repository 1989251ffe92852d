"""The intermediate form of a picture: everything that the writers (DOT, HTML, JSON, text) read, and nothing else.

A `Form` is plain data: it holds no tensor, and the same program gives the same form, ids included, under any hash seed.
Ids count up in topological order: nodes `n0`, `n1`, ...; edges `e0`, `e1`, ...; clusters `c0`, `c1`, ...

Values flow along the edges. Where a value is used several times, its node has one edge of role "stem" to a node of kind
"fork", and the fork one edge of role "branch" for each use:

    x --stem: value, summed gradient--> fork --branch: gradient by this use--> operation

Every other edge has role "plain". So the gradient of each edge is what flows back along it, and a stem's is the sum of
its branches'. `x * x` is a stem and two branches into one operation.

In every SVG the element of node n2 has the id "n2", the value above edge e5 the id "a_fw_e5" and the gradient below it
"a_bw_e5"; a part that is not known or not there has no element. `Form.events` tells in which order they appear when a
reader steps forward and then backward.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Quantity:
    """What stands above an arrow (a value) or below it (a gradient)."""

    text: str  # as printed: "2.2", "[1, 2]", or the shape "(3, 2)" of more than four elements
    shape: tuple[int, ...]
    dtype: str
    full: str = ""  # for a tooltip: shape, dtype and the values as far as there is room
    data: Any = None  # the numbers, in nested lists; None if there are more than `DATA_LIMIT` or if they are not known


DATA_LIMIT = 400


@dataclass
class Node:
    """Something that is drawn.

    kind       label                          more
    variable   its name                       a tensor that the user made
    parameter  its name                       the same, an `nn.Parameter` or a model's own
    constant   its name or number             needs no gradient
    operation  the operation's symbol         `operation` is the class's name: "Mul"
    output     its name                       the tensor that was drawn; one edge comes in
    fork       ""                             where a value branches
    module     "Linear"                       module style: a card; `details` has its lines
    group      "12 operations"                module style: a run of operations that belong to no module
    neuron     "h₁"                           neurons; "more" is what stands for those that are left out
    """

    id: str
    kind: str
    label: str
    operation: str = ""
    module: str = ""  # dotted name of the module that ran it or owns it: "features.0"
    cluster: str = ""  # id of the cluster that it stands in
    value: Quantity | None = None
    gradient: Quantity | None = None  # of the whole: the sum over all uses
    tooltip: str = ""
    main: bool = False  # on the longest path, which is drawn straight
    ghost: bool = False  # one of several drawings of the same leaf
    line: str = ""  # "train.py, line 12, in step", where the operation was called, if that is known
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Edge:
    """One arrow from `source` to `target`, ids of nodes."""

    id: str
    source: str
    target: str
    role: str = "plain"  # or "stem", "branch"
    value: Quantity | None = None  # None on a branch: the stem shows it; or if it is not known any more
    gradient: Quantity | None = None  # what flows back along this edge; None if nothing does
    argument: int | None = None  # which argument of the operation it enters it as
    name: str = ""  # the name of that argument: "x", "weight"
    output: int = 0  # which result of an operation with several it carries
    local: str = ""  # how the gradient comes about: "1.1 × 2", "dY · Wᵀ"; empty where no short formula says it
    main: bool = False


@dataclass
class Cluster:
    """A frame around the nodes of one container module."""

    id: str
    label: str
    parent: str = ""  # id of the cluster around it
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Event:
    """One step of a reader who walks forward and then backward.

    phase     kind        node           reads                    shows
    forward   operation   the operation  the edges into it        the value of its result
    backward  start       the output     nothing                  the first upstream gradient, on the edge into it
    backward  fork        the fork       the branches             the stem's gradient: their sum
    backward  operation   the operation  the edge out of it       the gradients of the edges into it

    `reads` and `shows` are ids of edges. Before the first event the values of all edges from leaves are visible. Edges
    out of forks show no value of their own: look at the edge into the fork.
    """

    phase: str
    kind: str
    node: str
    reads: list[str] = field(default_factory=list)
    shows: list[str] = field(default_factory=list)


@dataclass
class Form:
    """A picture. `style` is the one that was chosen: "book", "compact", "module" or "neurons"."""

    style: str = "book"
    title: str = ""
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the picture lacks and how to get it, in words

    def node(self, id: str) -> Node:
        """The node with this id. Raises KeyError."""
        return self._by_id("nodes", id)  # type: ignore[no-any-return]

    def edge(self, id: str) -> Edge:
        """The edge with this id. Raises KeyError."""
        return self._by_id("edges", id)  # type: ignore[no-any-return]

    def into(self, node: str) -> list[Edge]:
        """The edges into a node, in the order of the operation's arguments."""
        return [e for e in self.edges if e.target == node]

    def out_of(self, node: str) -> list[Edge]:
        """The edges out of a node."""
        return [e for e in self.edges if e.source == node]

    def _by_id(self, kind: str, id: str) -> Any:
        found = {x.id: x for x in getattr(self, kind)}
        return found[id]

    def as_dict(self) -> dict[str, Any]:
        """The form in dicts, lists, strings and numbers."""
        return asdict(self)

    def json(self) -> str:
        """The form as JSON text. NaN and infinities become null, since JSON has none."""
        return json.dumps(_finite(self.as_dict()), ensure_ascii=False, indent=1, allow_nan=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Form:
        """The form that `as_dict` (or JSON read back) describes."""
        kinds = {"nodes": Node, "edges": Edge, "clusters": Cluster, "events": Event}
        parts: dict[str, Any] = {
            k: [kinds[k](**{n: _quantity(n, v) for n, v in x.items()}) for x in data[k]] if k in kinds else data[k]
            for k in data
        }
        return cls(**parts)


def _quantity(name: str, value: Any) -> Any:
    if name not in ("value", "gradient") or value is None:
        return value
    return Quantity(**{**value, "shape": tuple(value["shape"])})


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _finite(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(v) for v in data]
    return None if isinstance(data, float) and data - data != 0 else data


def mark_main_path(form: Form) -> None:
    """Mark the longest path to the first output; of equally long ones that through the first arguments."""
    into: dict[str, list[Edge]] = {}
    for e in form.edges:
        into.setdefault(e.target, []).append(e)
    length: dict[str, int] = {}
    for node in form.nodes:  # in topological order
        length[node.id] = max((length[e.source] for e in into.get(node.id, ())), default=0) + 1
    nodes = {n.id: n for n in form.nodes}
    place = next((n for n in form.nodes if n.kind == "output"), None)
    while place is not None:
        place.main = True
        edges = into.get(place.id)
        if not edges:
            return
        edge = max(edges, key=lambda e: length[e.source])  # the first of the longest
        edge.main = True
        place = nodes[edge.source]
