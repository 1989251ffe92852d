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
    if lang not in ("en", "zh"):
        raise ValueError(f"lang must be 'en' or 'zh', got {lang!r}")
    there = set(re.findall(r'\bid="([^"]*)"', figure))
    missing = {id for step in steps for id in (*step.show, *step.on)} - there
    if missing:
        raise ValueError(f"the figure has no elements {sorted(missing)}")
    parts = [{"text": s.text, "show": s.show, "on": s.on, "phase": s.phase} for s in [Step(start), *steps]]
    data = json.dumps({"start": parts[0], "steps": parts[1:]}, ensure_ascii=False).replace("</", "<\\/")
    data = data.replace("<!--", "<\\u0021--")
    script = _squeezed((STATIC / "player.js").read_text(encoding="utf-8"))
    css = _squeezed((STATIC / "player.css").read_text(encoding="utf-8"))
    css += "\n" + _squeezed(style)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(script)}; style-src {_hash(css)}"
    )
    keys = " · ".join(f'<span class="{name}">{_both(text)}</span>' for name, text in legend)
    remarks = "".join(f'<p class="note">{html.escape(note)}</p>\n' for note in notes)
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title[0])}</title>
<link rel="icon" href="data:,">
<style>{css}</style></head>
<body><main>
<header><h1>{_both(title)}</h1>
<button id="language" hidden><span class="en" lang="zh">中文</span><span class="zh" lang="en">English</span></button></header>
<p class="legend">{keys}</p>
<div id="figure" role="group" tabindex="0" aria-label="{html.escape(" · ".join(dict.fromkeys(title)))}">
{figure}
</div>
{remarks}<div id="bar" hidden>
<button id="back"><span aria-hidden="true">◀</span> {_both(("back", "后退"))}</button>
<button id="next"><span aria-hidden="true">▶</span> {_both(("step", "步进"))}</button>
<button id="play"><span class="still">{_both(("play", "播放"))}</span><span class="moving">{_both(("pause", "暂停"))}</span></button>
<label>{_both(("steps", "步骤"))} <input id="slider" type="range" min="0" max="{len(steps)}" value="0"></label>
<span id="count"></span>
</div>
<p id="text" role="status" aria-live="polite" hidden></p></main>
<script type="application/json" id="steps">{data}</script>
<script>{script}</script>
</body></html>
"""


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG's viewBox. Raises ValueError without one."""
    found = re.search(r'viewBox="\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)', svg)
    if found is None:
        raise ValueError("the figure has no viewBox")
    return float(found[1]), float(found[2])


def _both(text: Text) -> str:
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
