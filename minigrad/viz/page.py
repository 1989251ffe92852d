"""The step page of a graph: the figure, and backpropagation told step by step over it."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Callable
from dataclasses import replace

from minigrad.viz import dot
from minigrad.viz.folding import layouts
from minigrad.viz.form import Edge, Form, Quantity
from minigrad.viz.player import Step, Text, both, document, frame, player, remarks, size_of
from minigrad.viz.render import NoRenderer, TooLarge
from minigrad.viz.words import steps

START: Text = ("The inputs are known. Press step, or the right arrow key.", "输入已知。请按“步进”，或按右方向键。")
FOLD: Text = ("Click a frame to fold it into a card, and the card to open it.", "点击框可折叠成卡片，点击卡片可展开。")
LEGEND = (
    ("forward", ("above the arrow: value", "箭头上方：值")),
    ("backward", ("below: gradient", "下方：梯度")),
)


def html(form: Form, draw: Callable[[Form], str], lang: str = "en") -> str:
    """The page for a form, whose SVG `draw` gives. Where that raises NoRenderer or TooLarge, the figure is a table.

    A form without steps is a model's: its containers fold and open by a click. Raises ValueError for a `lang` other than
    "en" or "zh".
    """

    def bare(form: Form) -> str:
        return _plain(draw(replace(form, title="", notes=[])))  # the page has them as text that wraps

    outputs = ", ".join(n.label for n in form.nodes if n.kind == "output")
    title = (form.title, form.title) if form.title else (f"The graph of {outputs}", f"{outputs} 的计算图")
    notes = list(form.notes)
    try:
        figures = [bare(form)] if form.events else layouts(form, bare)
        style = "".join(_scale(svg, i) for i, svg in enumerate(figures, 1)) + _theme(figures[0])
    except (NoRenderer, TooLarge) as error:
        figures, style = [_table(form)], TABLE
        notes.append(str(error))
    figure = "\n".join(f'<div class="layout"{" hidden" if i else ""}>\n{svg}\n</div>' for i, svg in enumerate(figures))
    if not form.events:
        hint = f'<p class="legend" id="hint" hidden>{both(FOLD)}</p>\n' if len(figures) > 1 else ""
        body = f"{hint}{frame(figure, title)}\n{remarks(notes)}"
        return document(body, "folding.js", title=title, style=style, lang=lang)
    there = set(re.findall(r'\bid="([^"]*)"', figure))
    shown = [
        Step(s.text, [id for id in s.show if id in there], [id for id in s.on if id in there], s.phase)
        for s in steps(form)
    ]
    legend = LEGEND if style != TABLE and form.style == "book" else ()
    return player(figure, shown, title=title, start=START, legend=legend, notes=notes, style=style, lang=lang)


def _plain(svg: str) -> str:
    """The SVG without what the page's policy or its tooltips would trip over: styles of elements, Graphviz's titles."""
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?) style="[^"]*"', r"\1", svg, count=1)
    tipped = re.sub(r'<a xlink:title="([^"]*)">', r"<g><title>\1</title>", svg)
    return tipped.replace("<a>", "<g>").replace("</a>", "</g>").strip()


def _table(form: Form) -> str:
    """Every arrow in a row, for where nothing can draw: what it leads from and to, its value and its gradient."""
    nodes = {n.id: n for n in form.nodes}
    stems = {e.target: e.source for e in form.edges if e.role == "stem"}
    groups: dict[str, list[Edge]] = {}
    for e in form.edges:
        groups.setdefault(e.target, []).append(e)
    bodies = []
    for target, edges in groups.items():
        rows = "".join(
            f"<tr><td>{_label(nodes[stems.get(e.source, e.source)].label)} → {_label(nodes[target].label or '●')}</td>"
            f"{_cell('fw', e, e.value)}{_cell('bw', e, e.gradient)}</tr>"
            for e in edges
        )
        bodies.append(f'<tbody id="{target}">{rows}</tbody>')
    names = "".join(f"<th>{both(name)}</th>" for name in (("arrow", "箭头"), ("value", "值"), ("gradient", "梯度")))
    return f"<table><thead><tr>{names}</tr></thead>{''.join(bodies)}</table>"


def _cell(kind: str, e: Edge, q: Quantity | None) -> str:
    name = {"fw": "forward", "bw": "backward"}[kind]
    return f'<td class="{name}"><span id="a_{kind}_{e.id}">{_label(q.text) if q is not None else ""}</span></td>'


def _label(text: str) -> str:
    return escaping.escape(text)


# -------------------------------------------------------------------- colours

TABLE = "#figure table { margin: 0 auto; } #figure :is(td, th) { padding: 0 10px; text-align: start; } #figure .on td { background: var(--on); }"

ROLES = {
    dot.INK: "ink",
    dot.LINE: "line",
    dot.MUTED: "muted",
    dot.FAINT: "muted",
    dot.VALUE: "forward",
    dot.GRADIENT: "backward",
    dot.OUTPUT: "output",
    dot.PARAMETER: "parameter",
    "#344054": "ink",
    "#FBFCFD": "cluster",
    "white": "page",
}
PAGE = "#10141B"  # the page in dark mode


def _theme(svg: str) -> str:
    """The figure's colours by the page's variables, so that they follow light and dark mode."""
    rules = []
    for color, role in ROLES.items():
        for property in ("fill", "stroke"):
            rules.append(f'#figure [{property}="{color.lower()}"] {{ {property}: var(--{role}); }}')
    rules.append('#figure :is(ellipse, path, polygon)[fill="#ffffff"] { fill: var(--page); }')
    dark = []
    for strong, pale in dot.CARDS.values():
        # A header keeps its colour under its white letters; Graphviz draws it without a line around.
        rules.append(
            f'#figure polygon[fill="{strong.lower()}"]:is([stroke="transparent"], [stroke="none"]) {{ fill: {strong}; }}'
        )
        dark.append(f'#figure [fill="{pale.lower()}"] {{ fill: {_mixed(strong, PAGE, 0.35)}; }}')
        if strong not in ROLES:
            dark.append(f'#figure text[fill="{strong.lower()}"] {{ fill: {_mixed(strong, "#FFFFFF", 0.35)}; }}')
    rules += ["@media (prefers-color-scheme: dark) {", *dark, "}"]
    return "\n".join(rule for rule in rules if _used(rule, svg))


def _scale(svg: str, i: int) -> str:
    """How large the figure's layout i is: letters are hardly ever smaller than drawn, a wide figure scrolls within its frame."""
    width, _ = size_of(svg)
    limits = f"min-width: {0.85 * width:.0f}px; max-width: {1.6 * width:.0f}px"
    return f"#figure .layout:nth-child({i}) svg {{ width: 100%; {limits}; }}\n"


def _used(rule: str, svg: str) -> bool:
    """Whether a rule's colour, if it has one, is in the figure."""
    attribute = re.search(r'(fill|stroke)="(#\w+|white)"', rule)
    return attribute is None or attribute[0] in svg


def _mixed(a: str, b: str, share: float) -> str:
    """A colour between two."""
    parts = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in parts)
