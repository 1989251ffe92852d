"""Reads pictures back from their SVG: the numbers beside the arrows, and where everything stands."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

SVG = "{http://www.w3.org/2000/svg}"

# Advance widths of Arial (and of its metric equals), per 1000 of the font size.
REGULAR = {" ": 278, ".": 278, ",": 278, "(": 333, ")": 333, "[": 278, "]": 278, "−": 584, "e": 556, "+": 584}
BOLD = {**REGULAR, "(": 333, ")": 333, "[": 333, "]": 333}


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@dataclass
class Text:
    """One text: what it says and the box around it, in points, y downwards."""

    content: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    def overlaps(self, other: Text) -> bool:
        return (
            min(self.right, other.right) - max(self.left, other.left) > 0.5
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.5
        )


@dataclass
class Label:
    """The label of an edge: value, rule from `left` to `right` at `y`, gradient."""

    left: float
    right: float
    y: float
    value: Text | None = None
    gradient: Text | None = None


@dataclass
class Drawing:
    labels: dict[str, Label] = field(default_factory=dict)  # by edge
    centres: dict[str, tuple[float, float]] = field(default_factory=dict)  # of circles, pills, dots and names, by node
    texts: list[Text] = field(default_factory=list)
    points: list[tuple[float, float]] = field(default_factory=list)  # corners of all shapes and ends of all curves
    arrows: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    view: tuple[float, float, float, float] = (0, 0, 0, 0)  # left, top, right, bottom in the same coordinates


def width(text: str, size: float, bold: bool) -> float:
    table = BOLD if bold else REGULAR
    return size / 1000 * sum(table.get(c, 1000 if ord(c) > 0x2E80 else 611 if bold else 556) for c in text)


def coordinates(text: str) -> list[tuple[float, float]]:
    found = [float(n) for n in re.findall(r"-?[\d.]+", text)]
    return list(zip(found[::2], found[1::2], strict=True))


def text_of(element: Any) -> Text:
    size, x, y = (float(element.get(k)) for k in ("font-size", "x", "y"))
    content = "".join(element.itertext())
    w = width(content, size, element.get("font-weight") == "bold")
    left = x - w / 2 if element.get("text-anchor") == "middle" else x
    return Text(content, left, left + w, y - 0.72 * size, y + 0.05 * size)


def read(svg: str) -> Drawing:
    root = ET.fromstring(svg)
    drawing = Drawing()
    x, y, w, h = (float(n) for n in root.get("viewBox", "").split())
    (graph,) = (g for g in root if g.get("class") == "graph")
    dx, dy = coordinates(re.search(r"translate\(([^)]*)\)", graph.get("transform", ""))[1])[0]  # type: ignore[index]
    drawing.view = x - dx, y - dy, x + w - dx, y + h - dy
    for group in graph:
        if group.tag != SVG + "g":
            continue
        id = group.get("id", "")
        texts = [text_of(t) for t in group.iter(SVG + "text") if "".join(t.itertext()).strip()]
        drawing.texts += texts
        for shape in group.iter():
            if shape.tag == SVG + "polygon":
                drawing.points += coordinates(shape.get("points", ""))
            elif shape.tag == SVG + "path":
                drawing.points += coordinates(shape.get("d", ""))
            elif shape.tag == SVG + "ellipse":
                cx, cy, rx, ry = (float(shape.get(k, "")) for k in ("cx", "cy", "rx", "ry"))
                drawing.points += [(cx - rx, cy - ry), (cx + rx, cy + ry)]
        if group.get("class") == "edge":
            source, target = re.findall(
                r"\w+", (group.findtext(SVG + "title") or "").replace(":e", "").replace(":w", "")
            )
            drawing.arrows[source, target] = coordinates(group.find(SVG + "path").get("d", ""))  # type: ignore[union-attr]
        elif re.fullmatch(r"e\d+", id):
            corners = coordinates(next(group.iter(SVG + "polygon")).get("points", ""))
            label = Label(min(c[0] for c in corners), max(c[0] for c in corners), corners[0][1])
            for part in group.iter(SVG + "g"):
                if part.get("id") == f"a_fw_{id}":
                    label.value = text_of(next(part.iter(SVG + "text")))
                elif part.get("id") == f"a_bw_{id}":
                    label.gradient = text_of(next(part.iter(SVG + "text")))
            drawing.labels[id] = label
        elif group.get("class") == "node":
            ellipse = next(group.iter(SVG + "ellipse"), None)
            if ellipse is not None:
                drawing.centres[id] = float(ellipse.get("cx", "")), float(ellipse.get("cy", ""))
            elif texts:
                middle = sum(t.middle for t in texts) / len(texts)
                drawing.centres[id] = middle, sum((t.top + t.bottom) / 2 for t in texts) / len(texts)
    return drawing
