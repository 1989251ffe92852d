"""A notebook that draws, executed and exported: pictures in full, no traceback, whatever is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from minigrad.viz.player import size_of
from tests.viz.browser import Browser
from tests.viz.test_picture import needs_dot

nbformat = pytest.importorskip("nbformat", reason="nbformat, nbclient, nbconvert and ipykernel are not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

SETUP = "import minigrad as mg\nfrom minigrad import nn, viz"
CELLS = {
    "graph": "apple, number, tax = (mg.tensor(v, requires_grad=True) for v in (100.0, 2.0, 1.1))\n"
    "price = apple * number * tax\nprice.graph()",
    "wide": "x = mg.tensor(0.5, requires_grad=True)\ny = x\nfor _ in range(12):\n    y = (y * 1.1).tanh()\ny.graph()",
    "module": "model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2))\n"
    "model.graph(mg.rand(3, 4))",
    "summary": "viz.summary(model, (3, 4))",
    "play": "viz.play_max_pool([[1, 2], [4, 3]])",
}
NOTHING_DRAWS = "import os, sys\nos.environ['PATH'] = ''\nsys.modules['pygraphviz'] = None"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter writes nothing into the user's folders."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(name)))


def executed(*before: str) -> tuple[Any, dict[str, list[Any]]]:
    """The notebook after it ran, and each cell's outputs. Raises for a cell with a traceback."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in (*before, SETUP, *CELLS.values())]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = {name: cell.outputs for name, cell in zip(CELLS, notebook.cells[-len(CELLS) :], strict=True)}
    assert all(o.output_type != "error" and o.get("name") != "stderr" for os in outputs.values() for o in os)
    return notebook, outputs


@needs_dot
def test_a_notebook_shows_every_picture_in_full(browser: Browser, tmp_path: Path) -> None:
    notebook, outputs = executed()
    for name in ("graph", "wide", "module"):
        (output,) = outputs[name]
        assert {*output.data} == {"image/svg+xml", "image/png", "text/plain"}
        assert not re.search(r'(width|height)="[\d.]+pt"', output.data["image/svg+xml"])
    (table,) = outputs["summary"]  # shown once, not printed too
    assert "Total params: 58" in table.data["text/plain"]

    exporter = nbconvert.HTMLExporter(mathjax_url="", require_js_url="", mermaid_js_url="")
    file = tmp_path / "notebook.html"
    file.write_text(exporter.from_notebook_node(notebook)[0], encoding="utf-8")
    shapes = [size_of(outputs[name][0].data["image/svg+xml"]) for name in ("graph", "wide", "module")]
    for width in (480, 1280):
        browser.open(file, width=width)
        shown = browser.run(SHOWN)
        for picture, (w, h) in zip(shown, shapes, strict=True):
            assert picture["cut"] == [], "something around the picture cuts it off"
            # The whole viewBox, neither cropped nor squeezed, and it has loaded at all.
            assert picture["width"] / picture["height"] == pytest.approx(w / h, rel=0.03)
            assert picture["natural"] > 0
        assert browser.run("return document.querySelectorAll('iframe').length") == 1


# The size of every SVG in the page, and what it sticks out of: the window, or an element that cuts off.
SHOWN = """
const found = []
for (const e of document.querySelectorAll('img[src^="data:image/svg"], svg[role=img]')) {
  const r = e.getBoundingClientRect(), cut = []
  if (r.left < -1 || r.right > innerWidth + 1) cut.push('window')
  for (let a = e.parentElement; a && a != document.body; a = a.parentElement) {
    const b = a.getBoundingClientRect()
    if (getComputedStyle(a).overflow == 'visible') continue
    if (r.left < b.left - 1 || r.right > b.right + 1 || r.top < b.top - 1 || r.bottom > b.bottom + 1) cut.push(a.className)
  }
  found.push({width: r.width, height: r.height, natural: e.naturalWidth ?? 1, cut})
}
return found
"""


def test_without_anything_that_draws_there_is_text_and_no_traceback() -> None:
    _, outputs = executed(NOTHING_DRAWS)
    for name in ("graph", "wide", "module"):
        (output,) = outputs[name]
        first, _, source = output.data["text/plain"].partition("\n")
        assert "pip install" in first and "minigrad[viz]" in first and "graphviz" in first
        assert source.strip().startswith("digraph")
    assert "text/html" in outputs["play"][0].data
