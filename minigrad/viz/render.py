"""DOT text to SVG, PNG or PDF: by `dot` if it is on the PATH, else by pygraphviz, whose wheels carry Graphviz."""

from __future__ import annotations

import importlib.util
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
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""


class NoRenderer(MissingExtra):
    """Neither `dot` nor pygraphviz is there."""


class TooLarge(RuntimeError):
    """Graphviz did not finish in time, or failed."""


def command(format: str) -> list[str]:
    """What turns DOT on its standard input into that format on its standard output. Raises NoRenderer."""
    dot = shutil.which("dot")
    if dot is not None:
        return [dot, f"-T{format}"]
    if importlib.util.find_spec("pygraphviz") is not None:
        # In a process of its own, since a layout cannot be stopped in this one.
        return [sys.executable, "-c", PYGRAPHVIZ, format]
    raise NoRenderer(FIXES)


def render(source: str, format: str, *, dpi: int = 144, seconds: float = SECONDS) -> bytes:
    """The picture of a DOT text as "svg", "png" or "pdf". Raises NoRenderer, and TooLarge if it takes too long."""
    if format == "png":
        source = source.replace("graph[", f"graph[dpi={dpi},", 1)
    try:
        done = subprocess.run(command(format), input=source.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TooLarge(f"Graphviz did not finish within {seconds:g} s") from None
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise TooLarge(f"Graphviz failed: {lines[-1] if lines else f'exit status {done.returncode}'}")
    return done.stdout
