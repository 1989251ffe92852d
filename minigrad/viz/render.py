"""DOT text to SVG, PNG or PDF: by `dot` if it is on the PATH, else by pygraphviz, whose wheels carry Graphviz."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys

from minigrad.errors import MissingExtra

SECONDS = 20.0  # how long Graphviz may lay out one picture

FIXES = (
    "nothing draws DOT here: install Graphviz so that dot is on the PATH (apt, brew or choco install graphviz), "
    'or pip install "minigrad[viz]", or save as .html or .dot, which need neither'
)

PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
engine, options, format = sys.argv[1:]
sys.stdout.buffer.write(graph.draw(format=format, prog=engine, args=options))
"""


class NoRenderer(MissingExtra):
    """Neither `dot` nor pygraphviz is there."""


class TooLarge(RuntimeError):
    """Graphviz did not finish in time, or failed."""


def command(format: str, placed: bool = False) -> list[str]:
    """What turns DOT on its standard input into that format on its standard output. Raises NoRenderer.

    With `placed` the input says where everything is, and is only drawn.
    """
    engine, options = ("neato", "-n2") if placed else ("dot", "")
    dot = shutil.which("dot")
    if dot is not None:
        return [dot, f"-K{engine}", *options.split(), f"-T{format}"]
    if importlib.util.find_spec("pygraphviz") is not None:
        # In a process of its own, since a layout cannot be stopped in this one.
        return [sys.executable, "-c", PYGRAPHVIZ, engine, options, format]
    raise NoRenderer(FIXES)


def render(source: str, format: str, *, dpi: int = 144, seconds: float = SECONDS) -> bytes:
    """The picture of a DOT text as "svg", "png" or "pdf". Raises NoRenderer, and TooLarge if it takes too long."""
    placed = "<HR/>" in source
    if placed:
        source = joined(run(command("dot"), source, seconds).decode())
    if format == "png":
        source = re.sub(r"graph ?\[", lambda m: f"{m[0]}dpi={dpi},", source, count=1)
    return run(command(format, placed), source, seconds)


def run(words: list[str], source: str, seconds: float) -> bytes:
    try:
        done = subprocess.run(words, input=source.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TooLarge(f"Graphviz did not finish within {seconds:g} s") from None
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise TooLarge(f"Graphviz failed: {lines[-1] if lines else f'exit status {done.returncode}'}")
    return done.stdout


# ------------------------------------------------------------------ arrows that meet their labels


NUMBER = r"-?[\d.]+(?:e[-+]?\d+)?"


def joined(layout: str) -> str:
    """A layout in which arrows reach the rules of their labels; Graphviz ends some of them a point short of it."""
    layout = layout.replace("\\\n", "")
    rules: dict[str, tuple[float, float, float]] = {}
    for m in re.finditer(r"^\s*(e\d+)\s*\[(.*?)\];$", layout, flags=re.DOTALL | re.MULTILINE):
        x, y = map(float, attribute(m[2], "pos").split(","))
        half = float(attribute(m[2], "width")) * 36  # inches, and 72 points to one
        rules[m[1]] = x - half, x + half, y

    def mended(arrow: re.Match[str]) -> str:
        way = attribute(arrow[3], "pos")
        better = way
        if arrow[2] in rules:
            left, _, y = rules[arrow[2]]
            better = re.sub(rf"({NUMBER}),({NUMBER})$", lambda p: near(p, left, y), better)
        if arrow[1] in rules:
            _, right, y = rules[arrow[1]]
            better = re.sub(rf"(?<![,\d.])({NUMBER}),({NUMBER})", lambda p: near(p, right, y), better)
        return arrow[0].replace(way, better)

    return re.sub(r"^\s*(\w+)(?::e)?\s*->\s*(\w+)(?::w)?\s*\[(.*?)\];$", mended, layout, flags=re.DOTALL | re.MULTILINE)


def attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="?([^";\]]*?)"?(?:,\s|$|\n)', text)
    return found[1] if found else ""


def near(point: re.Match[str], x: float, y: float) -> str:
    """The point (x, y) if that is at most a little away."""
    close = abs(float(point[1]) - x) <= 1.5 and abs(float(point[2]) - y) <= 1.5
    return f"{x:g},{y:g}" if close else point[0]
