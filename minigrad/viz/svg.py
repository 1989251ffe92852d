"""Graphviz's SVG made fit for pages: no fixed size, fonts with fallbacks, no links, numbers centred."""

from __future__ import annotations

import re

from minigrad.viz.dot import escaped

FONTS = "Arial,Liberation Sans,Helvetica,PingFang SC,Microsoft YaHei,Noto Sans CJK SC,WenQuanYi Micro Hei,sans-serif"
NUMBER = r"-?[\d.]+"


def tidy(svg: str, title: str) -> str:
    """The `<svg>` element alone, scaling with the page; `title` is what a screen reader says."""
    svg = svg[svg.index("<svg") :].strip() + "\n"
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    size = re.match(rf'<svg width="({NUMBER})pt" height="{NUMBER}pt"', svg)
    if size:
        pixels = round(float(size[1]) * 4 / 3)
        look = f'role="img" aria-label="{escaped(title)}" style="width:{pixels}px;max-width:100%;height:auto"'
        svg = f"<svg {look}{svg[size.end() :]}"
    svg = svg.replace('font-family="Arial"', f'font-family="{FONTS}"')
    svg = re.sub(r' xlink:href="[^"]*"', "", svg)
    return centred(svg)


def centred(svg: str) -> str:
    """Texts centred on the rules of the edges' labels: Graphviz places them by its own fonts, a page may have others."""

    def middle(label: re.Match[str]) -> str:
        rule = re.search(
            rf'<polygon [^>]*points="({NUMBER}),{NUMBER} [^"]*?({NUMBER}),{NUMBER} {NUMBER},{NUMBER}"', label[0]
        )
        if rule is None:
            return label[0]
        x = (float(rule[1]) + float(rule[2])) / 2
        return re.sub(rf'text-anchor="start" x="{NUMBER}"', f'text-anchor="middle" x="{x:g}"', label[0])

    return re.sub(r'<g id="e\d+" class="node">.*?(?=<g id="\w+" class=|\Z)', middle, svg, flags=re.DOTALL)
