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
    """Arrows that Graphviz ends one point short of the rule of an edge's label, drawn up to it."""
    rules: dict[str, tuple[float, float, float]] = {}
    for part in re.finditer(r'<g id="(e\d+)" class="node">(.*?)(?=<g id="\w+" class=|\Z)', svg, flags=re.DOTALL):
        corners = re.search(
            rf'<polygon [^>]*points="({NUMBER}),({NUMBER}) [^"]*?({NUMBER}),{NUMBER} {NUMBER},{NUMBER}"', part[2]
        )
        if corners:
            rules[part[1]] = float(corners[1]), float(corners[3]), float(corners[2])

    def mended(m: re.Match[str]) -> str:
        path = m[4]
        if m[2] in rules:  # into the label, at its left end
            left, _, y = rules[m[2]]
            path = re.sub(rf"({NUMBER}),({NUMBER})$", lambda p: near(p, left, y), path)
        elif m[1] in rules:
            _, right, y = rules[m[1]]
            path = re.sub(rf"(?<=^M)({NUMBER}),({NUMBER})", lambda p: near(p, right, y), path)
        return m[0].replace(m[4], path)

    return re.sub(r'<title>(\w+)(?::e)?&#45;&gt;(\w+)(?::w)?</title>\n<path ([^>]*) d="([^"]*)"', mended, svg)


def near(point: re.Match[str], x: float, y: float) -> str:
    """The point (x, y) if that is at most a little away."""
    close = abs(float(point[1]) - x) <= 1.5 and abs(float(point[2]) - y) <= 1.5
    return f"{x:g},{y:g}" if close else point[0]
