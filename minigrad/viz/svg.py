"""Graphviz's SVG made fit for pages: no fixed size, fonts with fallbacks, no links, rules joined to their arrows."""

from __future__ import annotations

import html
import re

FONTS = "Arial,Liberation Sans,Helvetica,PingFang SC,Microsoft YaHei,Noto Sans CJK SC,WenQuanYi Micro Hei,sans-serif"
NUMBER = r"-?[\d.]+"


def tidy(svg: str, title: str) -> str:
    """The `<svg>` element alone, scaling with the page; `title` is what a screen reader says."""
    svg = svg[svg.index("<svg") :].strip() + "\n"
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    size = re.match(rf'<svg width="({NUMBER})pt" height="{NUMBER}pt"', svg)
    width = round(float(size[1]) * 4 / 3) if size else 0  # CSS pixels
    svg = re.sub(
        rf'<svg width="{NUMBER}pt" height="{NUMBER}pt"',
        f'<svg role="img" aria-label="{html.escape(title)}" style="width:{width}px;max-width:100%;height:auto"',
        svg,
        count=1,
    )
    svg = svg.replace('font-family="Arial"', f'font-family="{FONTS}"')
    svg = re.sub(r' xlink:href="[^"]*"', "", svg)
    return joined(svg)


def joined(svg: str) -> str:
    """Arrows drawn up to the rule of an edge's label, which Graphviz ends one point short, and texts centred on it.

    Graphviz places texts by the widths of its own fonts; a page may have others.
    """
    rules: dict[str, tuple[float, float, float]] = {}

    def centred(label: re.Match[str]) -> str:
        corners = re.search(
            rf'<polygon [^>]*points="({NUMBER}),({NUMBER}) [^"]*?({NUMBER}),{NUMBER} {NUMBER},{NUMBER}"', label[0]
        )
        if corners is None:
            return label[0]
        left, right = float(corners[1]), float(corners[3])
        rules[label[1]] = left, right, float(corners[2])
        middle = f'text-anchor="middle" x="{(left + right) / 2:g}"'
        return re.sub(rf'text-anchor="start" x="{NUMBER}"', middle, label[0])

    def mended(arrow: re.Match[str]) -> str:
        source, target, path = arrow[1], arrow[2], arrow[3]
        if target in rules:
            left, _, y = rules[target]
            path = re.sub(rf"({NUMBER}),({NUMBER})$", lambda p: near(p, left, y), path)
        if source in rules:
            _, right, y = rules[source]
            path = re.sub(rf"(?<=^M)({NUMBER}),({NUMBER})", lambda p: near(p, right, y), path)
        return arrow[0].replace(arrow[3], path)

    svg = re.sub(r'<g id="(e\d+)" class="node">.*?(?=<g id="\w+" class=|\Z)', centred, svg, flags=re.DOTALL)
    return re.sub(r'<title>(\w+)(?::e)?&#45;&gt;(\w+)(?::w)?</title>\n<path [^>]* d="([^"]*)"', mended, svg)


def near(point: re.Match[str], x: float, y: float) -> str:
    """The point (x, y) if that is at most a little away."""
    close = abs(float(point[1]) - x) <= 1.5 and abs(float(point[2]) - y) <= 1.5
    return f"{x:g},{y:g}" if close else point[0]
