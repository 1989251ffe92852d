"""A form as DOT text, the language of Graphviz."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from typing import Any

from minigrad.viz.form import Cluster, Edge, Form, Node, Quantity

INK, LINE, MUTED, FAINT = "#1F2937", "#475467", "#667085", "#98A2B3"
VALUE, GRADIENT, LOCAL, OUTPUT, PARAMETER = "#0B4F9E", "#B42318", "#667085", "#05603A", "#93370D"
BOLD = ("parameter", "output")
NAMES = {"variable": LINE, "parameter": PARAMETER, "constant": FAINT, "output": OUTPUT}

# Header and background of a module's card, by what its kind does.
CARDS = {
    "convolution": ("#1F5FA8", "#DCEBFA"),
    "affine": ("#5B3A9E", "#EAE2F8"),
    "activation": ("#8A6100", "#FFF3CC"),
    "pooling": ("#1B6B3A", "#DDF3E4"),
    "normalization": ("#0E6A75", "#D9F1F3"),
    "loss": ("#A32A1B", "#FBE0DD"),
    "other": ("#475467", "#F2F4F7"),
}

NEURONS = {
    "variable": ("#F2F4F7", "#475467"),
    "neuron": ("#DCEBFA", "#1F5FA8"),
    "output": ("#DDF3E4", "#1B6B3A"),
    "constant": ("#FFFFFF", FAINT),
}

ROW = 18  # points: both rows of an edge's label have this height, so that its rule meets the arrow
NARROWEST = 36


def dot(form: Form, *, local: bool = False, detail: bool = True) -> str:
    """The DOT text of a form. `local` adds how each gradient comes about; without `detail` there are no edge labels."""
    if form.style == "neurons":
        body = _neurons(form)
    elif form.style == "module":
        body = _modules(form)
    else:
        body = _book(form, local) if form.style == "book" and detail else _compact(form)
    return "digraph g {\n" + "".join(f"  {line}\n" for line in body) + "}\n"


# ------------------------------------------------------------------ text


class Html(str):
    """An HTML-like label, with its angle brackets."""


def quoted(text: str) -> str:
    """A DOT string, without characters that XML forbids."""
    text = "".join(c for c in text if c.isprintable() or c == "\n")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def escaped(text: str) -> str:
    """Text inside an HTML-like label, without characters that XML forbids."""
    return html.escape("".join(c for c in text if c.isprintable()))


def font(text: str, color: str, size: int, bold: bool = False) -> str:
    inside = escaped(text)
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{f"<B>{inside}</B>" if bold else inside}</FONT>'


def attributes(**given: Any) -> str:
    """The attributes in brackets; None is left out."""
    parts = []
    for name, value in given.items():
        if value is not None:
            text = str(value)
            plain = isinstance(value, (int, float, Html)) or text.isascii() and text.isidentifier()
            parts.append(f"{name}={text if plain else quoted(text)}")
    return "[" + ",".join(parts) + "]"


def width_of(text: str, size: int = 13) -> float:
    """About how wide Arial prints a text, in points; a wide guess, since Graphviz widens what does not fit."""
    narrow = {" ": 0.28, ".": 0.28, ",": 0.28, "(": 0.34, ")": 0.34, "[": 0.34, "]": 0.34, "i": 0.23, "l": 0.23}
    return size * sum(narrow.get(c, 1.0 if ord(c) > 0x2E80 else 0.6) for c in text)


# ------------------------------------------------------------------ book style


def _head(form: Form, nodesep: float, ranksep: float, **more: Any) -> Iterator[str]:
    look = {"rankdir": "LR", "bgcolor": "white", "nodesep": nodesep, "ranksep": ranksep, "pad": 0.25, "splines": "true"}
    caption = {"label": _caption(form), "labelloc": "t" if form.title else "b"} if form.title or form.notes else {}
    yield "graph" + attributes(**{**look, "fontname": "Arial", **more, **caption})
    yield "node" + attributes(fontname="Arial", fontsize=15, color=INK, fontcolor=INK)


def _caption(form: Form) -> Html:
    """The title, and what the picture lacks in lines that are not too long."""
    lines = [font(form.title, INK, 15, bold=True)] if form.title else []
    for note in form.notes:
        lines += [font(line, MUTED, 11) for line in textwrap.wrap(note, 72)]
    return Html(f"<{'<BR/>'.join(lines)}>")


def _book(form: Form, local: bool) -> Iterator[str]:
    yield from _head(form, 0.22, 0.12, ordering="in")
    yield "edge" + attributes(fontname="Arial", fontsize=12, color=LINE, arrowsize=0.75, penwidth=1)
    yield from _in_clusters(form, _book_node)
    nodes = {n.id: n for n in form.nodes}
    for e in form.edges:
        group = "main" if e.main else None
        weight = 12 if e.main or e.role == "stem" else 2
        yield e.id + attributes(id=e.id, shape="plain", color=LINE, label=_edge_label(e, local), group=group) + ";"
        head = attributes(weight=weight, dir="none" if nodes[e.target].kind == "fork" else None)
        yield f"{e.source}->{e.id}:w{attributes(dir='none', weight=weight)};{e.id}:e->{e.target}{head};"


def _book_node(n: Node) -> str:
    group = "main" if n.main else None
    if n.kind == "fork":
        return n.id + attributes(id=n.id, shape="point", width=0.09, color=LINE, group=group) + ";"
    if n.kind == "operation":
        return n.id + attributes(id=n.id, **_symbol(n.label), tooltip=n.tooltip, group=group) + ";"
    bold = n.kind in BOLD
    margin = "0.06,0.02" if n.kind == "output" else "0.05,0.02"
    label = Html(f"<{font(n.label, NAMES[n.kind], 14, bold)}>")
    frame: dict[str, Any] = {"shape": "plaintext"}
    if n.ghost:
        frame, margin = {"shape": "box", "style": "rounded,dashed", "color": FAINT}, "0.09,0.05"
    return (
        n.id
        + attributes(id=n.id, **frame, margin=margin, width=0, height=0, label=label, tooltip=n.tooltip, group=group)
        + ";"
    )


def _symbol(label: str) -> dict[str, Any]:
    """A circle around a symbol of at most three characters, else a pill."""
    look = {"label": label, "penwidth": 1.6, "fillcolor": "#FFFFFF"}
    if len(label) > 3:
        return {
            "shape": "box",
            "height": 0.42,
            "width": 0.5,
            "margin": "0.12,0.03",
            "style": "filled,rounded",
            "fontsize": 14,
            **look,
        }
    width = 0.5 if width_of(label, 14) <= 22 else 0.58
    return {
        "shape": "circle",
        "fixedsize": "true",
        "width": width,
        "style": "filled",
        "fontsize": 20 if len(label) == 1 else 14,
        **look,
    }


def _edge_label(e: Edge, local: bool) -> Html:
    """Value, rule, gradient, in two rows of the same height and an even width: the rule continues the arrow."""
    shown = [q.text for q in (e.value, e.gradient) if q is not None]
    rows = [_cell("fw_" + e.id, e.value, VALUE), "<HR/>", _cell("bw_" + e.id, e.gradient, GRADIENT)]
    if local:
        text = f"= {e.local}" if e.local else ""
        shown.append(text)
        rows = [_cell("", None, LOCAL), *rows, _cell("", Quantity(text, (), "") if text else None, LOCAL)]
    width = max([NARROWEST, *(2 * round(width_of(t) / 2 + 1) for t in shown)])
    cells = "".join(row if row == "<HR/>" else f"<TR>{row.format(width=width)}</TR>" for row in rows)
    return Html(f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cells}</TABLE>>')


def _cell(id: str, q: Quantity | None, color: str) -> str:
    named = ""
    if q is not None and id:  # an element gets an id only where there is a link too
        named = f' ID="{id}" HREF="#{id}" TITLE="{escaped(q.full)}"'
    text = (
        font(q.text, color, 11 if color == LOCAL else 13, bold=color == GRADIENT)
        if q is not None and q.text
        else font(" ", LINE, 13)
    )
    text = text.replace("{", "{{").replace("}", "}}")
    return f'<TD WIDTH="{{width}}" HEIGHT="{ROW}" CELLPADDING="0" VALIGN="MIDDLE"{named}>{text}</TD>'.replace(
        "{{width}}", "{width}"
    )


def _in_clusters(form: Form, draw: Any) -> Iterator[str]:
    """The nodes, each in its cluster, and clusters in clusters."""
    inside: dict[str, list[Node]] = {}
    for n in form.nodes:
        inside.setdefault(n.cluster, []).append(n)
    below: dict[str, list[Cluster]] = {}
    for c in form.clusters:
        below.setdefault(c.parent, []).append(c)
    stack: list[Any] = [""]
    while stack:
        top = stack.pop()
        if isinstance(top, Cluster):
            yield f"subgraph cluster_{top.id} {{" + _cluster_attributes(top)
            stack.append(None)
            top = top.id
        if top is None:
            yield "}"
            continue
        for n in inside.get(top, ()):
            yield draw(n)
        stack += reversed(below.get(top, []))


def _cluster_attributes(c: Cluster) -> str:
    more = " ".join(str(c.details[k]) for k in ("repeats", "count") if c.details.get(k))
    label = Html(f"<{font(c.label, LINE, 12, bold=True)}{'  ' + font(more, FAINT, 12) if more else ''}>")
    parts = attributes(
        id="cluster_" + c.id,
        style="rounded,dashed",
        color=FAINT,
        bgcolor="#FBFCFD",
        margin=12,
        labeljust="l",
        label=label,
    )
    return "graph" + parts + ";"


# ------------------------------------------------------------------ compact style


def _compact(form: Form) -> Iterator[str]:
    """Plain labels, forks left out: for graphs that would be too many tables for Graphviz and too many numbers to read."""
    yield from _head(form, 0.15, 0.25)
    yield "edge" + attributes(color=LINE, arrowsize=0.6, penwidth=0.8)
    yield from (line for line in _in_clusters(form, _compact_node) if line)
    forks = {n.id for n in form.nodes if n.kind == "fork"}
    stems = {e.target: e.source for e in form.edges if e.target in forks}
    for e in form.edges:
        if e.target not in forks:
            yield f"{stems.get(e.source, e.source)}->{e.target};"


def _compact_node(n: Node) -> str:
    if n.kind == "fork":
        return ""
    if n.kind != "operation":
        return (
            n.id
            + attributes(
                id=n.id,
                shape="plaintext",
                margin="0.04,0.02",
                width=0,
                height=0,
                fontsize=12,
                fontcolor=NAMES[n.kind],
                label=n.label,
                tooltip=n.tooltip,
            )
            + ";"
        )
    label = n.label + (f"\n{n.value.text}" if n.value is not None and n.value.text else "")
    tooltip = n.tooltip + (f"\ngradient {n.gradient.full}" if n.gradient is not None else "")
    return (
        n.id
        + attributes(
            id=n.id,
            shape="box",
            style="filled,rounded",
            fillcolor="#FFFFFF",
            margin="0.06,0.03",
            width=0.3,
            height=0.3,
            fontsize=11,
            label=label,
            tooltip=tooltip,
        )
        + ";"
    )


# ------------------------------------------------------------------ module style


def _modules(form: Form) -> Iterator[str]:
    yield from _head(form, 0.3, 0.35)
    yield "edge" + attributes(fontname="Arial", fontsize=11, color=LINE, fontcolor=VALUE, arrowsize=0.75)
    yield from _in_clusters(form, _card)
    for e in form.edges:
        label = f" {e.value.text} " if e.value is not None else None
        yield f"{e.source}->{e.target}{attributes(id=e.id, label=label, weight=12 if e.main else None)};"


def _card(n: Node) -> str:
    if n.kind in NAMES:
        label = Html(f"<{font(n.label, NAMES[n.kind], 14, bold=n.kind in BOLD)}>")
        return n.id + attributes(id=n.id, shape="plaintext", label=label) + ";"
    if n.kind == "operation":
        return n.id + attributes(id=n.id, **_symbol(n.label), tooltip=n.tooltip) + ";"
    dark, light = CARDS[n.details.get("family", "other")]
    rows = [f'<TR><TD BGCOLOR="{dark}" CELLPADDING="5">{font(f" {n.label} ", "#FFFFFF", 13, bold=True)}</TD></TR>']
    lines = [(n.details.get("name"), dark, 12, True)]
    lines += [(t, "#344054", 11, False) for t in n.details.get("configuration", ())]
    lines += [(t, MUTED, 10, False) for t in n.details.get("parameters", ())]
    lines += [(n.details.get("count"), "#344054", 11, False)]
    rows += [
        f'<TR><TD CELLPADDING="2">{font(f" {t} ", color, size, bold)}</TD></TR>' for t, color, size, bold in lines if t
    ]
    table = f'<TABLE BORDER="1" COLOR="{dark}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" BGCOLOR="{light}">{"".join(rows)}</TABLE>'
    return n.id + attributes(id=n.id, shape="plain", label=Html(f"<{table}>"), tooltip=n.tooltip or None) + ";"


# ------------------------------------------------------------------ neurons


def _neurons(form: Form) -> Iterator[str]:
    """A column of circles per layer, every one joined to every one of the next, each where it is said to be."""
    yield from _head(form, 0.16, 1.0, splines="line", layout="neato", inputscale=72)
    yield "edge" + attributes(
        fontname="Arial", fontsize=10, color="#B5BDCA", fontcolor=VALUE, arrowsize=0.5, penwidth=0.7
    )
    for k, c in enumerate(form.clusters):
        inside = [n for n in form.nodes if n.cluster == c.id]
        x, top = 130 * k, 30 * (len(inside) - 1)
        caption = Html(f"<{font(c.label, MUTED, 11)}>")
        yield f"{c.id}" + attributes(shape="plaintext", label=caption, pos=f"{x},{top + 46}!") + ";"
        for i, n in enumerate(inside):
            yield _neuron(n, f"{x},{top - 60 * i}!")
    for e in form.edges:
        label = f" {e.value.text} " if e.value is not None else None
        yield f"{e.source}->{e.target}{attributes(id=e.id, label=label)};"


def _neuron(n: Node, place: str) -> str:
    if n.kind == "more":
        look = attributes(id=n.id, shape="plaintext", label=n.label, tooltip=n.tooltip, fontcolor=MUTED, pos=place)
        return n.id + look + ";"
    fill, rim = NEURONS[n.kind]
    value = "" if n.value is None else f"<BR/>{font(n.value.text, VALUE, 11)}"
    look = attributes(
        id=n.id,
        shape="circle",
        fixedsize="true",
        width=0.72 if value else 0.5,
        style="filled,dashed" if n.kind == "constant" else "filled",
        fillcolor=fill,
        color=rim,
        penwidth=1.4,
        label=Html(f"<{font(n.label, INK, 13, bold=n.kind == 'output')}{value}>"),
        tooltip=n.tooltip,
        pos=place,
    )
    return n.id + look + ";"
