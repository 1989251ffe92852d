"""Containers folded to one card, and opened again by a click: every layout that a reader can reach, drawn beforehand.

Layouts made beforehand need no code in the page, where Graphviz compiled for browsers is a megabyte of it and would ask
for a wider security policy.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from minigrad.viz.form import Edge, Form, Node, mark_main_path

MOST_LAYOUTS = 16

State = frozenset[str]  # ids of the clusters that are folded; none of them inside another


def collapsed(form: Form, folded: State) -> Form:
    """The form with these clusters as cards, and arrows to the cards for arrows to what is in them."""
    around = {c.id: c.parent for c in form.clusters}
    clusters = {c.id: c for c in form.clusters}

    def cover(id: str) -> str:
        """The folded cluster that hides what is in this one, or ""."""
        found = ""
        while id:
            found = id if id in folded else found
            id = around[id]
        return found

    cards: dict[str, Node] = {}
    stands_for: dict[str, str] = {}
    nodes: list[Node] = []
    for n in form.nodes:
        id = cover(n.cluster)
        if not id:
            nodes.append(replace(n, main=False))
        elif id not in cards:
            c = clusters[id]
            inside = sum(cover(m.cluster) == id and m.kind == "module" for m in form.nodes)
            details = {
                "family": "other",
                "configuration": [f"{inside} modules {c.details.get('repeats', '').strip(',')}".strip()],
                "count": c.details.get("count", ""),
            }
            cards[id] = Node(f"card_{id}", "module", c.label, cluster=c.parent, details=details)
            nodes.append(cards[id])
        stands_for[n.id] = cards[id].id if id else n.id
    edges: dict[tuple[str, str], Edge] = {}
    for e in form.edges:
        ends = stands_for[e.source], stands_for[e.target]
        if ends[0] != ends[1]:
            edges.setdefault(ends, replace(e, source=ends[0], target=ends[1], main=False))
    kept = [c for c in form.clusters if not cover(c.id)]
    small = replace(form, nodes=nodes, edges=list(edges.values()), clusters=kept)
    place = {n.id: i for i, n in enumerate(nodes)}
    if all(place[e.source] < place[e.target] for e in small.edges):  # a container may be left and entered again
        mark_main_path(small)
    return small


def states(form: Form) -> list[State]:
    """Every state that a reader can reach, the open one first, the one with everything folded last.

    Where they would be too many, containers are folded one at a time or all at once.
    """
    top: list[str] = [c.id for c in form.clusters if not c.parent]
    inner: dict[str, list[str]] = {}
    for c in form.clusters:
        inner.setdefault(c.parent, []).append(c.id)

    def ways(ids: list[str]) -> Iterator[State]:
        """Each of these clusters open, with what is in it in any state, or folded."""
        if not ids:
            yield frozenset()
            return
        for rest in ways(ids[1:]):
            for inside in ways(inner.get(ids[0], [])):
                yield inside | rest
            yield rest | {ids[0]}

    found: list[State] = []
    for state in ways(top):
        found.append(state)
        if len(found) > MOST_LAYOUTS:
            single = [frozenset({c.id}) for c in form.clusters][: MOST_LAYOUTS - 2]
            return [frozenset(), *single, frozenset(top)]
    return [frozenset(), *(s for s in found if s and s != frozenset(top)), *([frozenset(top)] if top else [])]


def layouts(form: Form, draw: Callable[[Form], str]) -> list[str]:
    """The SVG of each state. What can be clicked is a button with `data-to`, the number of the layout it leads to."""
    known = states(form)
    number = {state: i for i, state in enumerate(known)}
    around = {c.id: c.parent for c in form.clusters}
    inside: dict[str, set[str]] = {c.id: set() for c in form.clusters}
    for c in form.clusters:
        parent = c.parent
        while parent:
            inside[parent].add(c.id)
            parent = around[parent]
    labels = {c.id: c.label for c in form.clusters}
    found = []
    for state in known:
        svg = draw(collapsed(form, state))

        def button(m: re.Match[str], state: State = state) -> str:
            kind, id = m[1], m[2]
            wanted = state - {id} if kind == "card" else (state - inside[id]) | {id}
            fallback = frozenset() if kind == "card" else frozenset({id})
            to = number.get(wanted, number.get(fallback))
            if to is None:
                return m[0]
            name, state_now = html.escape(labels[id]), "false" if kind == "card" else "true"
            named = f'role="button" tabindex="0" aria-label="{name}" aria-expanded="{state_now}"'
            return f'<g data-cluster="{id}" data-to="{to}" {named}'

        svg = re.sub(r'<g id="(card|cluster)_(c\d+)"', button, svg)
        found.append(re.sub(r' id="[^"]*"', "", svg).replace('role="img"', 'role="group"', 1))
    return found
