"""`neurons`: a network of affine layers, neuron by neuron, as the first chapters of books draw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.nn import Linear, Module
from minigrad.viz.form import Cluster, Edge, Form, Node
from minigrad.viz.modules import Run, count_text, counted, family
from minigrad.viz.numbers import number, quantity
from minigrad.viz.picture import Picture

MOST, FIRST = 10, 5  # a layer of more neurons is drawn by its first five and its last
LABELLED = 30  # with more arrows than that no weight is printed

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def neurons(
    network: Module | Sequence[int], x: Any = None, *, bias: bool = False, weights: bool = False, title: str = ""
) -> Picture:
    """Draw a network of affine layers as neurons: a model with `Linear` layers, or just their sizes, such as [2, 3, 2].

    x        an input without a batch dimension: every neuron then shows its value, after its activation
    bias     draw the neuron that is always 1
    weights  print the weights on the arrows, if there are at most 30

    Raises ValueError for a model without Linear layers, or whose layers do not fit one behind the other.
    """
    layers: list[Linear] = []
    if isinstance(network, Module):
        layers = [m for m in network.modules() if isinstance(m, Linear)]
        sizes = [layers[0].in_features, *(m.out_features for m in layers)] if layers else []
        if any(a.out_features != b.in_features for a, b in zip(layers, layers[1:], strict=False)):
            raise ValueError(f"neurons: the Linear layers of {type(network).__name__} do not follow each other")
    else:
        sizes = list(network)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"neurons: expected a model with Linear layers or at least two sizes, got {network!r:.80}")
    values = signals(network, layers, x) if x is not None and isinstance(network, Module) else []
    form = Form(style="neurons", title=title)
    if isinstance(network, Module) and not title:
        total = count_text(counted([network])).replace("param", "parameter")
        form.title = f"{'-'.join(map(str, sizes))}: {total}"
    columns = [column(form, k, sizes, values, bias and k < len(sizes) - 1) for k in range(len(sizes))]
    arrows = sum(len(a) * len(b) for a, b in zip(columns, columns[1:], strict=False))
    for k, (sources, targets) in enumerate(zip(columns, columns[1:], strict=False)):
        for i, source in sources:
            for j, target in targets:
                if target.kind == "constant":
                    continue
                edge = Edge(f"e{len(form.edges)}", source.id, target.id)
                if weights and layers and arrows <= LABELLED and i is not None and j is not None:
                    w = layers[k].weight if i >= 0 else layers[k].bias
                    edge.value = None if w is None else quantity(w._data[j, i] if i >= 0 else w._data[j])
                form.edges.append(edge)
    return Picture(form)


def column(form: Form, k: int, sizes: Sequence[int], values: list[Any], bias: bool) -> list[tuple[int | None, Node]]:
    """One layer's nodes with the number of each neuron: -1 for the one that is always 1, None for those left out."""
    last = k == len(sizes) - 1
    kind, letter = ("variable", "x") if k == 0 else ("output", "y") if last else ("neuron", "h")
    form.clusters.append(Cluster(f"c{k}", f"layer {k}"))
    shown: list[int | None] = [*range(sizes[k])]
    if sizes[k] > MOST:
        shown = [*range(FIRST), None, sizes[k] - 1]
    found: list[tuple[int | None, Node]] = []
    for i in [-1, *shown] if bias else shown:
        node = Node(f"n{len(form.nodes)}", kind, "", cluster=f"c{k}")
        if i == -1:
            node.kind, node.label, node.tooltip = "constant", "1", "always 1: its weights are the biases"
        elif i is None:
            node.kind, node.label, node.tooltip = "more", "⋮", f"{sizes[k]} neurons"
        else:
            node.label = letter + str(i + 1).translate(SUBSCRIPTS)
            node.tooltip = f"layer {k}, neuron {i + 1} of {sizes[k]}"
            if values:
                node.value = quantity(values[k][i])
                node.tooltip += f": {number(values[k][i])}"
        form.nodes.append(node)
        if i is not None:
            found.append((i, node))
    return found


def signals(network: Module, layers: list[Linear], x: Any) -> list[Any]:
    """The values of all layers for one input, behind their activations."""
    run = Run(network, (x,), {})
    calls = [c for c in run.top.below() if not c.children]
    found = [x._data]
    places = [i for i, c in enumerate(calls) if isinstance(c.module, Linear)]
    for i in places:
        call = calls[i]
        follows = calls[i + 1] if i + 1 < len(calls) else None
        active = follows is not None and family(follows.module) == "activation"
        found.append((follows if active and follows is not None else call).outputs[0]._data)
    if len(found) != len(layers) + 1 or any(v.ndim != 1 for v in found):
        raise ValueError(f"neurons: the values need an input without a batch dimension, got shape {tuple(x.shape)}")
    return found
