"""One HTML file that plays a figure step by step: forward, back, by slider, by keyboard, by itself.

The file asks for nothing: no library, no font, no request. Its content security policy allows its own script and style
by their hashes and nothing else. Without JavaScript it shows the finished figure.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

STATIC = Path(__file__).with_name("static")
Text = tuple[str, str]  # English, Chinese


@dataclass
class Step:
    """One step: what the page says, the elements of the SVG that appear and stay, and those lit up meanwhile."""

    text: Text
    show: list[str] = field(default_factory=list)
    on: list[str] = field(default_factory=list)
    phase: str = ""  # "forward" and "backward" give the text their colour


def player(
    figure: str,
    steps: Sequence[Step],
    *,
    title: Text,
    start: Text,
    legend: Sequence[tuple[str, Text]] = (),
    notes: Sequence[str] = (),
    style: str = "",
    lang: str = "en",
) -> str:
    """The HTML file for a figure, an SVG or other HTML, and its steps.

    `title` and `start`, what is said before the first step, are in English and Chinese. `legend` are words with a class
    each, `notes` lines below the figure, `style` is more CSS. The page begins in `lang`, "en" or "zh". Raises
    ValueError for another language, and for a step whose elements the figure lacks.
    """
    there = set(re.findall(r'\bid="([^"]*)"', figure))
    missing = {id for step in steps for id in (*step.show, *step.on)} - there
    if missing:
        raise ValueError(f"the figure has no elements {sorted(missing)}")
    parts = [{"text": s.text, "show": s.show, "on": s.on, "phase": s.phase} for s in [Step(start), *steps]]
    data = json.dumps({"start": parts[0], "steps": parts[1:]}, ensure_ascii=False).replace("</", "<\\/")
    data = data.replace("<!--", "<\\u0021--")
    keys = " · ".join(f'<span class="{name}">{both(text)}</span>' for name, text in legend)
    body = f"""{f'<p class="legend">{keys}</p>' if keys else ""}
{frame(figure, title)}
{remarks(notes)}
<div id="bar" hidden>
<button id="back"><span aria-hidden="true">◀</span> {both(("back", "后退"))}</button>
<button id="next"><span aria-hidden="true">▶</span> {both(("step", "步进"))}</button>
<button id="play"><span class="still">{both(("play", "播放"))}</span><span class="moving">{both(("pause", "暂停"))}</span></button>
<label>{both(("steps", "步骤"))} <input id="slider" type="range" min="0" max="{len(steps)}" value="0"></label>
<span id="count"></span>
</div>
<p id="text" role="status" aria-live="polite" hidden></p>
<script type="application/json" id="steps">{data}</script>"""
    return document(body, "player.js", title=title, style=style, lang=lang)


def document(body: str, script: str, *, title: Text, style: str, lang: str) -> str:
    """A page with this body, a script of this package and more CSS. Raises ValueError for an unknown language."""
    if lang not in ("en", "zh"):
        raise ValueError(f"lang must be 'en' or 'zh', got {lang!r}")
    code = _squeezed((STATIC / script).read_text(encoding="utf-8"))
    css = _squeezed((STATIC / "page.css").read_text(encoding="utf-8") + style)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(code)}; style-src {_hash(css)}"
    )
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title[lang == "zh"])}</title>
<link rel="icon" href="data:,">
<style>{css}</style></head>
<body><main>
<header><h1>{both(title)}</h1>
<button id="language" hidden><span class="en" lang="zh">中文</span><span class="zh" lang="en">English</span></button></header>
{body}
</main>
<script>{code}</script>
</body></html>
"""


def frame(figure: str, title: Text) -> str:
    """The part of the page that scrolls if the figure is wider."""
    name = html.escape(" · ".join(dict.fromkeys(title)))
    return f'<div id="figure" role="group" tabindex="0" aria-label="{name}">\n{figure}\n</div>'


def remarks(notes: Sequence[str]) -> str:
    return "".join(f'<p class="note">{html.escape(note)}</p>\n' for note in notes)


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG's viewBox. Raises ValueError without one."""
    found = re.search(r'viewBox="\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)', svg)
    if found is None:
        raise ValueError("the figure has no viewBox")
    return float(found[1]), float(found[2])


def both(text: Text) -> str:
    """A text in both languages, of which the page shows one; once if they are the same."""
    english, chinese = map(html.escape, text)
    if english == chinese:
        return english
    return f'<span class="en" lang="en">{english}</span><span class="zh" lang="zh">{chinese}</span>'


def _squeezed(code: str) -> str:
    """CSS or JavaScript without its indentation."""
    return "\n".join(line.strip() for line in code.strip().split("\n"))


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
