"""A graph too large to draw each operation, and with no modules to go by: runs of operations as cards."""

from __future__ import annotations

from collections import Counter

from minigrad.viz.form import Edge, Form, Node, Quantity, mark_main_path

LEAVES = 40  # of more leaves than that none is drawn


def grouped(form: Form, limit: int) -> Form:
    """The same graph in at most `limit` cards, each a run of operations in the order in which they were called."""
    operations = [n for n in form.nodes if n.kind == "operation"]
    leaves = [n for n in form.nodes if n.kind in ("variable", "parameter")]
    per_card = -(-len(operations) // limit)
    out = Form("module", form.title, notes=list(form.notes))
    card_of: dict[str, Node] = {}

    def add(node: Node) -> Node:
        node.id = f"n{len(out.nodes)}"
        out.nodes.append(node)
        return node

    leaves = [n for n in leaves if not n.ghost]  # what is used everywhere would only tie everything together
    for leaf in leaves if len(leaves) <= LEAVES else ():
        card_of[leaf.id] = add(Node("", leaf.kind, leaf.label, tooltip=leaf.tooltip))
    for i in range(0, len(operations), per_card):
        run = operations[i : i + per_card]
        card = add(Node("", "group", f"{len(run)} operation{'s' if len(run) > 1 else ''}"))
        common = [f"{count} {label}" for label, count in Counter(n.label for n in run).most_common(4)]
        lines = dict.fromkeys(n.line.partition(", in")[0] for n in run if n.line)
        card.details = {"family": "other", "configuration": [", ".join(common)], "parameters": list(lines)[:2]}
        card.tooltip = f"operations {i + 1} to {i + len(run)}"
        card_of.update({n.id: card for n in run})
    for n in form.nodes:
        if n.kind == "output":
            card_of[n.id] = add(Node("", "output", n.label, tooltip=n.tooltip))
    _connect(form, out, card_of)
    mark_main_path(out)
    return out


def _connect(form: Form, out: Form, card_of: dict[str, Node]) -> None:
    """The arrows between cards, one of each."""
    forks = {e.target: e for e in form.edges if e.role == "stem"}
    drawn: set[tuple[str, str]] = set()
    for e in form.edges:
        stem = forks.get(e.source)
        source = card_of.get(stem.source if stem is not None else e.source)
        target = card_of.get(e.target)
        if e.role == "stem" or source is None or target is None or source is target or (source.id, target.id) in drawn:
            continue
        drawn.add((source.id, target.id))
        value = stem.value if stem is not None else e.value
        text = None if value is None else Quantity(str(value.shape), value.shape, value.dtype, value.full)
        out.edges.append(Edge(f"e{len(out.edges)}", source.id, target.id, value=text))
