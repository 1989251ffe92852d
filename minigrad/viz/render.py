"""DOT text to SVG, PNG or PDF: by `dot` if it is on the PATH, else by pygraphviz, whose wheels carry Graphviz."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import sys

from minigrad.errors import MissingExtra

SECONDS = 20.0  # how long Graphviz may lay out one picture
PIXELS = 12_000  # the widest PNG: larger pictures have fewer pixels per point

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


def command(format: str, only_draw: bool = False) -> list[str]:
    """What turns DOT on its standard input into that format on its standard output. Raises NoRenderer.

    With `only_draw` the input says where everything is.
    """
    engine, options = ("neato", "-n2") if only_draw else ("dot", "")
    dot = shutil.which("dot")
    if dot is not None:
        return [dot, f"-K{engine}", *options.split(), f"-T{format}"]
    if importlib.util.find_spec("pygraphviz") is not None:
        # In a process of its own, since a layout cannot be stopped in this one.
        return [sys.executable, "-c", PYGRAPHVIZ, engine, options, format]
    raise NoRenderer(FIXES)


def render(source: str, format: str, *, dpi: int = 144, seconds: float = SECONDS) -> bytes:
    """The picture of a DOT text as "svg", "png" or "pdf". Raises NoRenderer, and TooLarge if it takes too long."""
    layout = placed(source, seconds)
    if format == "png":
        size = attribute(layout, "bb").split(",")[2:]
        largest = max([1.0, *map(float, size)]) / 72  # inches
        dpi = max(24, min(dpi, int(PIXELS / largest)))
        layout = re.sub(r"graph\s*\[", lambda m: f"{m[0]}dpi={dpi},", layout, count=1)
    return run(command(format, only_draw=True), layout, seconds)


@functools.lru_cache(4)
def placed(source: str, seconds: float) -> str:
    """The DOT text with a place for everything. Kept, since a notebook asks for the same picture in two formats."""
    if ",layout=neato," in source.partition("label=")[0]:
        return source  # neurons have their places already
    return joined(run(command("dot"), source, seconds).decode())


def run(words: list[str], source: str, seconds: float) -> bytes:
    try:
        done = subprocess.run(words, input=source.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TooLarge(f"Graphviz did not finish within {seconds:g} s") from None
    except OSError as error:
        raise TooLarge(f"Graphviz failed: {error}") from error
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise TooLarge(f"Graphviz failed: {lines[-1] if lines else f'exit status {done.returncode}'}")
    return done.stdout


# ------------------------------------------------------------------ arrows that meet their labels


def joined(layout: str) -> str:
    """A layout in which arrows reach the rules of their labels; Graphviz ends some of them a point short of it."""
    layout = layout.replace("\\\n", "")
    rules: dict[str, tuple[float, float, float]] = {}
    for m in re.finditer(r"^\s*(e\d+)\s*\[(.*?)\];$", layout, flags=re.DOTALL | re.MULTILINE):
        x, y = map(float, attribute(m[2], "pos").split(","))
        half = float(attribute(m[2], "width")) * 36  # inches, and 72 points to one
        rules[m[1]] = x - half, x + half, y

    def mended(arrow: re.Match[str]) -> str:
        way = attribute(arrow[3], "pos")  # "e,<tip> <point> <point> ...", the tip only where there is an arrowhead
        points = way.split()
        first = int(bool(points) and points[0].startswith("e,"))
        if arrow[1] in rules:
            _, right, y = rules[arrow[1]]
            points[first] = near(points[first], right, y)
        if arrow[2] in rules:
            left, _, y = rules[arrow[2]]
            points[-1] = near(points[-1], left, y)
        return arrow[0].replace(way, " ".join(points)) if points else arrow[0]

    return re.sub(r"^\s*(\w+)(?::e)?\s*->\s*(\w+)(?::w)?\s*\[(.*?)\];$", mended, layout, flags=re.DOTALL | re.MULTILINE)


def attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="?([^";\]]*?)"?(?:,\s|$|\n)', text)
    return found[1] if found else ""


def near(point: str, x: float, y: float) -> str:
    """The point (x, y) if `point` is at most a little away from it."""
    px, py = map(float, point.split(","))
    return f"{x:g},{y:g}" if abs(px - x) <= 1.5 and abs(py - y) <= 1.5 else point
