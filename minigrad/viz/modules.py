"""A run of a model as a `Form`: a card per module, a cluster per container, shapes on the arrows."""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad import modes
from minigrad import random as minigrad_random
from minigrad.engine import reachable
from minigrad.function import LEAF, Function, Output, TensorCore, clock, raw, wrap
from minigrad.viz.form import Cluster, Edge, Form, Node, mark_main_path
from minigrad.viz.numbers import only_shape, shape_text
from minigrad.viz.recording import listening
from minigrad.viz.trace import number

REARRANGING = {"Reshape", "Transpose", "Permute", "Squeeze", "Unsqueeze", "Clone"}  # arrows pass through these


class Call:
    """One call of a module: the operations numbered from `begin` to `end` were recorded in it."""

    def __init__(self, name: str, module: Any, parent: Call | None) -> None:
        self.name, self.module, self.parent = name, module, parent
        self.begin = clock()
        self.end = 0
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.children: list[Call] = []
        self.depth: int = 0 if parent is None else parent.depth + 1
        if parent is not None:
            parent.children.append(self)

    def signature(self) -> Any:
        """Equal for calls that do the same to things of the same shape."""
        own = [(k, p.shape) for k, p in self.module._parameters.items() if p is not None]
        shapes = [[t._data.shape for t in ts] for ts in (self.inputs, self.outputs)]
        return type(self.module), self.module.extra_repr(), own, shapes, [c.signature() for c in self.children]

    def below(self) -> Iterator[Call]:
        """This call and all within it, in order."""
        yield self
        for c in self.children:
            yield from c.below()


class Run:
    """One forward run of a copy of a model, and everything a picture needs of it. The model itself is not touched.

    Random numbers continue as if it had not been. Raises what `forward` raises.
    """

    def __init__(self, model: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.model = copied(model)
        self.inputs: list[Any] = []  # leaves, copies of the tensors among the arguments
        self.names: list[str] = []  # of the arguments of forward
        self.given: list[Any] = []  # what the model is given for them: it may write into it
        names = [*positional(self.model, len(args)), *kwargs]
        own_args, own_kwargs = [self._own(a) for a in args], {k: self._own(v) for k, v in kwargs.items()}
        for name, a in zip(names, (*args, *kwargs.values()), strict=True):
            self.names += [name] * isinstance(a, TensorCore)
        self.shapes: dict[Any, Any] = {}  # (shape, dtype) of every result, by node
        self.fed: list[tuple[Function, int]] = []  # operations that read an input that is in no graph: indices, targets
        self.top: Any = None
        self._open: list[Call] = []
        for name, module in self.model.named_modules(remove_duplicate=True):
            self._watch(name, module)
        self.entries = {t._node: leaf for t, leaf in zip(self.given, self.inputs, strict=True) if t._node is not None}
        token = modes.recording.set(True)
        states = random.getstate(), np.random.get_state()
        try:
            with minigrad_random.fork_rng(), listening(self._heard):
                result = self.model(*own_args, **own_kwargs)
        finally:
            modes.recording.reset(token)
            random.setstate(states[0])
            np.random.set_state(states[1])
        # What the model was given stands for the leaves themselves.
        self.outputs = [self.entries.get(t._node, t) for t in tensors(result)]
        order = reachable([t._node for t in self.outputs if isinstance(t._node, Function)])
        self.nodes = sorted((n for n in order if n not in self.entries), key=number)
        for n in self.nodes:
            n.edges = [self.entries.get(e, e) if isinstance(e, Function) else e for e in n.edges]

    def _own(self, a: Any) -> Any:
        """A copy of an argument; floating-point tensors require grad, so that all that they go through is recorded."""
        if not isinstance(a, TensorCore):
            return a
        leaf = given = wrap(np.array(a._data))
        if leaf._data.dtype.kind == "f":
            leaf._node = LEAF
            with modes.enable_grad():
                given = leaf.clone()
        self.inputs.append(leaf)
        self.given.append(given)
        return given

    def _watch(self, name: str, module: Any) -> None:
        module._hooks = None

        def before(module: Any, args: Any) -> None:
            call = Call(name, module, self._open[-1] if self._open else None)
            call.inputs = list(tensors(args))
            self.top = self.top or call
            self._open.append(call)

        def after(module: Any, args: Any, result: Any) -> None:
            call = self._open.pop()
            call.end = clock()
            call.outputs = list(tensors(result))

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)

    def _heard(self, node: Function, arguments: Sequence[Any], results: Sequence[Any]) -> None:
        for r in results[:1]:
            self.shapes[node] = r.shape, r.dtype
        for i, t in enumerate(self.given):
            if t._node is None and any(is_copy(raw(a), t._data) for a in flat(arguments)):
                self.fed.append((node, i))


def is_copy(a: Any, data: Any) -> bool:
    """Whether an argument of an operation is this array of indices, which operations may copy."""
    return a is data or isinstance(a, np.ndarray) and a.dtype.kind in "iub" and np.array_equal(a, data)


def copied(model: Any) -> Any:
    """A copy whose run changes nothing of the model, without its hooks."""
    try:
        return copy.deepcopy(model)
    except RuntimeError as error:
        raise RuntimeError(
            f"graph: {type(model).__name__} cannot be copied, and drawing must not change it: {error}"
        ) from error


def positional(model: Any, count: int) -> list[str]:
    """The names of forward's first arguments."""
    names: list[str] = []
    for p in inspect.signature(model.forward).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(count - len(names))]
        elif p.kind is not p.KEYWORD_ONLY:
            names.append(p.name)
    return (names + [f"input {i + 1}" for i in range(len(names), count)])[:count]


def flat(value: Any) -> Iterator[Any]:
    """What is in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from flat(v)
    else:
        yield value


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in nested tuples, lists and dicts."""
    return (v for v in flat(value) if isinstance(v, TensorCore))


# ------------------------------------------------------------------ cards


def family(module: Any) -> str:
    """What a module does, which gives its card a colour."""
    name = type(module).__name__
    place = type(module).__module__
    for word, found in (("Conv", "convolution"), ("Pool", "pooling"), ("Norm", "normalization"), ("Loss", "loss")):
        if word in name:
            return found
    if place == "minigrad.nn.activation":
        return "activation"
    return "affine" if hasattr(module, "weight") else "other"


def configuration(module: Any) -> list[str]:
    """What a card says below the name: "4320 → 100", "30 @ 5×5, stride 1, pad 0"."""
    get = module.__dict__.get
    if get("in_features") and get("out_features"):
        return [f"{get('in_features')} → {get('out_features')}"]
    kernel = get("kernel_size")
    if kernel is not None:
        size = "×".join(map(str, kernel)) if isinstance(kernel, tuple) else f"{kernel}×{kernel}"
        lead = f"{get('out_channels')} @ " if get("out_channels") else ""
        parts = [
            f"{word} {one(get(key))}"
            for word, key in (("stride", "stride"), ("pad", "padding"))
            if get(key) is not None
        ]
        if not lead and parts and parts[-1] == "pad 0":
            parts.pop()
        return [", ".join([lead + size, *parts])]
    text = module.extra_repr().replace("\n", " ")
    if family(module) == "normalization":
        return [text.partition(", eps")[0]]
    return [text] if text and len(text) <= 40 else [p.strip() for p in text.split(", ")][:4] if text else []


def one(value: Any) -> str:
    """(2, 2) as "2"."""
    same = isinstance(value, tuple) and len(set(value)) == 1
    return str(value[0] if same else value).replace(", ", "×").strip("()")


def counted(modules: Sequence[Any]) -> int:
    """The parameters of these modules, shared ones counted once."""
    return sum({id(p): p.numel() for m in modules for p in m.parameters()}.values())


def count_text(n: int) -> str:
    return f"{n:,} param{'s' if n != 1 else ''}" if n else ""


SHORT = {"weight": "W", "bias": "b"}


def card(call: Call) -> dict[str, Any]:
    module = call.module
    own_parameters = [
        f"{SHORT.get(k, k)} {shape_text(tuple(p.shape))}" for k, p in module._parameters.items() if p is not None
    ]
    return {
        "family": family(module),
        "name": call.name.rpartition(".")[2],
        "configuration": configuration(module),
        "parameters": ["  ".join(own_parameters)] if own_parameters else [],
        "count": count_text(counted([module])),
    }


# ------------------------------------------------------------------ the form


def module_form(run: Run, *, depth: int | None, limit: int) -> Form:
    """Cards down to this depth of modules, or as deep as gives at most `limit` cards and single operations."""
    deepest = max(c.depth for c in run.top.below())
    for d in range(deepest, -1, -1) if depth is None else (depth,):
        cards = Cards(run, d)
        if len(cards.units) <= limit:
            break
    return cards.form()


def cards_at(call: Call, depth: int) -> list[Call]:
    """The calls that are drawn as cards: those at the depth, and those above that call no module."""
    if call.depth >= depth or not call.children:
        return [call]
    return [c for child in call.children for c in cards_at(child, depth)]


class Cards:
    """A run at one depth: `units` are what is drawn, cards and the operations outside of any, in order."""

    def __init__(self, run: Run, depth: int) -> None:
        self.run = run
        self.cards = cards_at(run.top, depth)
        self.stand_in, self.repeats = folded(run.top, set(self.cards))
        self.form_ = Form(style="module")
        self.clusters: dict[Call, Cluster] = {}
        self.nodes: dict[Any, Node] = {}
        self.unit_of: dict[Function, Any] = {}
        self.loose: dict[Call, list[Function]] = {}  # the operations outside of all cards, by the call that they ran in
        self.place_of: dict[Function, tuple[Call, int]] = {}  # and for each its call and its place there
        found = self._units()
        self.units = [u for u in found if self._representative(u) is u]

    def form(self) -> Form:
        run, form = self.run, self.form_
        total = count_text(counted([run.model])).replace("param", "parameter")
        form.title = type(run.model).__name__ + (f" — {total}" if total else "")
        for i, t in enumerate(run.inputs):
            node = self._add("module", run.names[i], ("input", i), "")
            node.details = {"family": "other", "configuration": [self._shape(t._data.shape)]}
            node.tooltip = f"{t._data.dtype} {shape_text(t._data.shape)}"
        for unit in self.units:
            self._draw(unit)
        losses = [t for c in run.top.below() if family(c.module) == "loss" for t in c.outputs]
        for i, t in enumerate(run.outputs):
            several = len(run.outputs) > 1
            name = "loss" if any(t is x for x in losses) else f"output {i + 1}" if several else "output"
            self._add("output", name, ("output", i), "")
        self._arrows()
        mark_main_path(form)
        return form

    def _add(self, kind: str, label: str, key: Any, cluster: str) -> Node:
        node = Node(f"n{len(self.form_.nodes)}", kind, label, cluster=cluster)
        self.form_.nodes.append(node)
        self.nodes[key] = node
        return node

    # ---------------------------------------------------------------- units: cards, and operations outside of any

    def _units(self) -> list[Any]:
        spans = sorted(self.cards, key=lambda c: c.begin)
        place = 0
        found: list[Any] = []
        for n in self.run.nodes:
            while place < len(spans) and spans[place].end < n.number:
                place += 1
            if place < len(spans) and spans[place].begin < n.number:
                self.unit_of[n] = spans[place]
                if not found or found[-1] is not spans[place]:
                    found.append(spans[place])
            elif isinstance(n, Output) or type(n).__name__ in REARRANGING:
                self.unit_of[n] = None  # arrows go through
            else:
                self.unit_of[n] = n
                caller = self._caller(n)
                others = self.loose.setdefault(caller, [])
                self.place_of[n] = caller, len(others)
                others.append(n)
                found.append(n)
        return found

    def _representative(self, unit: Any) -> Any:
        """The unit that is drawn for this one: itself, or its like in the first of several repetitions."""
        if isinstance(unit, Call):
            while unit in self.stand_in:
                unit = self.stand_in[unit]
            return unit
        caller, place = self.place_of[unit]
        drawn = self.loose.get(self._representative(caller), ())
        return drawn[place] if place < len(drawn) else unit

    def _draw(self, unit: Any) -> None:
        if isinstance(unit, Call):
            node = self._add("module", type(unit.module).__name__, unit, self._cluster(unit.parent))
            node.module, node.details = unit.name, card(unit)
            node.tooltip = f"{unit.name}: {unit.module!r}"[:400]
            if unit in self.repeats:
                node.label += f"  ×{self.repeats[unit]}"
            return
        caller, _ = self.place_of[unit]
        label = unit.symbol if unit.symbol != "?" else type(unit).__name__
        node = self._add("operation", label, unit, self._cluster(caller))
        node.operation, node.module, node.tooltip = type(unit).__name__, caller.name, f"{label} {type(unit).__name__}"

    def _caller(self, n: Function) -> Call:
        """The innermost call in which an operation outside of all cards ran."""
        call: Call = self.run.top
        while True:
            inner = next((c for c in call.children if c.begin < n.number < c.end), None)
            if inner is None:
                return call
            call = inner

    def _cluster(self, call: Call | None) -> str:
        """The cluster of a container, made when first needed; the whole model has none."""
        if call is None or call.parent is None:
            return ""
        if call not in self.clusters:
            parent = self._cluster(call.parent)
            details = {"count": count_text(counted([call.module]))}
            if call in self.repeats:
                details = {"repeats": f"×{self.repeats[call]},", "count": f"{details['count']} each".strip()}
            label = call.name.rpartition(".")[2]
            self.clusters[call] = cluster = Cluster(f"c{len(self.form_.clusters)}", label, parent, details)
            self.form_.clusters.append(cluster)
        return self.clusters[call].id

    # ---------------------------------------------------------------- arrows

    def _arrows(self) -> None:
        drawn: dict[tuple[str, str], Edge] = {}
        places = {n.id: i for i, n in enumerate(self.form_.nodes)}

        def arrow(source: Any, target: Any, shape: Any, dtype: Any) -> None:
            a, b = self.nodes.get(source), self.nodes.get(target)
            if a is None or b is None or places[a.id] >= places[b.id] or (a.id, b.id) in drawn:
                return  # within one card, or from a repetition back to the first
            value = only_shape(shape, dtype)
            value.text = self._shape(value.shape)
            drawn[a.id, b.id] = edge = Edge(f"e{len(drawn)}", a.id, b.id, value=value)
            self.form_.edges.append(edge)

        for n in self.run.nodes:
            unit = self.unit_of[n]
            if unit is not None:
                for e in n.edges:
                    for source, shape in self._sources(e):
                        arrow(source, self._representative(unit), *shape)
        for i, t in enumerate(self.run.outputs):
            for source, shape in self._sources(t if t._node is LEAF else t._node):
                arrow(source, ("output", i), *shape)
        reached = {e.target for e in self.form_.edges}
        for n, i in self.run.fed:
            t, unit = self.run.inputs[i], self.unit_of.get(n)
            if unit is not None:
                arrow(("input", i), self._representative(unit), t._data.shape, t._data.dtype)
        for call in self.cards:
            unit = self._representative(call)
            for i, t in enumerate(self.run.given):
                if unit in self.nodes and any(t is x for x in call.inputs):
                    if t._node is None or self.nodes[unit].id not in reached:  # a card that recorded nothing of it
                        arrow(("input", i), unit, t._data.shape, t._data.dtype)

    def _sources(self, edge: Any) -> Iterator[tuple[Any, Any]]:
        """What is drawn that an edge of the graph comes from, with the shape that leaves it."""
        stack = [edge]
        while stack:
            e = stack.pop()
            if isinstance(e, TensorCore):
                for i, t in enumerate(self.run.inputs):
                    if t is e:
                        yield ("input", i), (t._data.shape, t._data.dtype)
            elif e is not None and self.unit_of[e] is None:
                stack += reversed(list(e.edges))
            elif e is not None:
                yield self._representative(self.unit_of[e]), self.run.shapes.get(e, ((), None))

    def _shape(self, shape: Sequence[int]) -> str:
        """A shape, its first dimension as N if that is the number of examples."""
        first: Sequence[int] = self.run.inputs[0]._data.shape if self.run.inputs else ()
        text = shape_text(tuple(shape))
        if len(first) > 1 and shape and shape[0] == first[0]:
            return text.replace(f"({shape[0]},", "(N,", 1)
        return text


def folded(top: Call, cards: set[Call]) -> tuple[dict[Call, Call], dict[Call, int]]:
    """Runs of the same module one after the other: by each later call the first that stands for it, and how many."""
    stand_in: dict[Call, Call] = {}
    repeats: dict[Call, int] = {}
    stack = [top]
    while stack:
        call = stack.pop()
        if call in cards:
            continue
        stack += call.children
        first: Call | None = None
        for before, child in zip([None, *call.children], call.children, strict=False):
            follows = before is not None and any(t is o for t in child.inputs for o in before.outputs)
            if follows and first is not None and child.signature() == first.signature():
                repeats[first] = repeats.get(first, 1) + 1
                stand_in.update(zip(child.below(), first.below(), strict=True))
            else:
                first = child
    return stand_in, repeats
