"""Pictures as files, in notebooks and from the command line, with and without anything installed that draws."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import cli, viz
from minigrad.viz import picture as picture_module
from minigrad.viz.form import Form
from minigrad.viz.render import NoRenderer, TooLarge, render
from tests.viz import programs
from tests.viz.svg_reader import read

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
needs_pygraphviz = pytest.mark.skipif(
    importlib.util.find_spec("pygraphviz") is None, reason="pygraphviz (the extra viz) is not installed"
)


@pytest.fixture
def picture() -> viz.Picture:
    tensors = programs.apples()
    return viz.graph(tensors["price"], names=tensors)


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def nothing_installed(empty_path: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "pygraphviz" else found(name, *a))
    yield


# ------------------------------------------------------------------ renderers


@needs_dot
def test_files_are_what_their_ending_says(picture: viz.Picture, tmp_path: Path) -> None:
    for ending, begin in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<svg"), ("dot", b"digraph"), ("json", b"{")):
        path = picture.save(tmp_path / f"apples.{ending}")
        assert path.read_bytes().startswith(begin)
    html = picture.save(tmp_path / "apples.html").read_text()
    assert html.startswith("<!doctype html>") and "2.2" in html
    with pytest.raises(ValueError, match=r"\.svg, \.png"):
        picture.save(tmp_path / "apples.gif")


@needs_dot
def test_svg_scales_with_the_page(picture: viz.Picture) -> None:
    svg = picture.svg()
    begin = svg[: svg.index(">")]
    assert "viewBox=" in begin and "max-width:100%" in begin and "pt" not in begin
    assert "computational graph of price: 2 operations, 3 inputs" in begin
    assert "href" not in svg.replace("http://www.w3.org/1999/xlink", "")
    ET.fromstring(svg)


@needs_pygraphviz
@pytest.mark.usefixtures("empty_path")
def test_pygraphviz_draws_without_anything_on_the_path(picture: viz.Picture) -> None:
    drawing = read(picture.svg())
    texts = {t.content for t in drawing.texts}
    assert {"100", "2.2", "2", "110", "1.1", "200", "220", "1"} <= texts
    assert picture.render("png").startswith(b"\x89PNG")


@pytest.mark.usefixtures("nothing_installed")
def test_with_nothing_installed_there_is_text_and_one_line(picture: viz.Picture, tmp_path: Path) -> None:
    bundle = picture._repr_mimebundle_()
    line, _, dot = bundle["text/plain"].partition("\n\n")
    assert bundle.keys() == {"text/plain"} and dot == picture.source
    assert "\n" not in line
    for fix in ("install graphviz", 'pip install "minigrad[viz]"', "save as .html"):
        assert fix in line
    with pytest.raises(NoRenderer, match="apt, brew or choco"):
        picture.svg()
    with pytest.warns(UserWarning, match="wrote apples.dot instead: nothing draws DOT here"):
        path = picture.save(tmp_path / "apples.svg")
    assert path == tmp_path / "apples.dot" and path.read_text() == picture.source
    assert "2.2" in picture.save(tmp_path / "apples.html").read_text()
    assert json.loads(picture.save(tmp_path / "apples.json").read_text())["style"] == "book"


def test_a_layout_that_takes_too_long_is_tried_with_less_detail(
    picture: viz.Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def slow(source: str, format: str, **_: Any) -> bytes:
        tried.append(source)
        if len(tried) < 3:
            raise TooLarge("slow")
        return b"<svg></svg>"

    monkeypatch.setattr(picture_module, "render", slow)
    assert picture.render("svg") == b"<svg></svg>"
    assert "<HR/>" in tried[0] and "<HR/>" not in tried[1] and "splines=false" in tried[2]
    picture.render("svg")
    assert len(tried) == 3, "what was drawn is kept"


def test_a_layout_that_never_ends_is_stopped(picture: viz.Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.viz.render.command", lambda *_, **__: [sys.executable, "-c", "while True: pass"])
    with pytest.raises(TooLarge, match=r"within 0\.2 s"):
        render(picture.source, "svg", seconds=0.2)
    picture.seconds = 0.2
    bundle = picture._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Graphviz did not finish within 0.2 s\n\ndigraph")


def test_a_dot_that_cannot_be_run_is_no_traceback(
    picture: viz.Picture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dot").write_text("not a program")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setattr("minigrad.viz.render.command", lambda *_, **__: [str(tmp_path / "dot")])
    assert picture._repr_mimebundle_()["text/plain"].startswith("Graphviz failed: ")


@needs_dot
def test_graphviz_complaints_are_one_line() -> None:
    with pytest.raises(TooLarge, match="Graphviz failed: .*syntax error"):
        render("digraph { a -> ", "svg")


# ------------------------------------------------------------------ notebooks, Graphviz objects, JSON


@needs_dot
def test_what_a_notebook_gets(picture: viz.Picture) -> None:
    bundle = picture._repr_mimebundle_(include=None, exclude=None)
    assert bundle["image/svg+xml"] == picture.svg()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == repr(picture) == "<computational graph of price: 2 operations, 3 inputs; book style>"


def test_digraph_is_graphvizs_own_and_can_be_added_to(picture: viz.Picture) -> None:
    graphviz = pytest.importorskip("graphviz")
    digraph = picture.digraph()
    assert isinstance(digraph, graphviz.Digraph)
    assert digraph.source == picture.source
    digraph.node("extra")
    assert "extra" in digraph.source and "extra" not in picture.source


def test_json_and_back(picture: viz.Picture) -> None:
    assert Form.from_dict(json.loads(picture.form.json())) == picture.form
    x = minigrad.tensor(float("inf"), requires_grad=True)
    assert json.loads(viz.graph(x * 0).form.json())["edges"][0]["value"]["data"] is None


def test_names_are_the_callers_variables() -> None:
    weights = {"W1": programs.leaf(2.0)}
    net = minigrad.nn.Linear(1, 1)
    layers = [programs.leaf(3.0)]
    unnamed = (lambda: programs.leaf(5.0) * weights["W1"])()
    loss = (net(layers[0].reshape(1)).sum() * unnamed).tanh()
    labels = [n.label for n in loss.graph().form.nodes if n.kind in ("variable", "parameter", "output")]
    assert sorted(labels) == ["W1", "bias", "input 1", "layers[0]", "loss", "weight"]


def test_names_are_found_in_objects_and_not_searched_for_without_end() -> None:
    class Layers:
        def __init__(self) -> None:
            self.params = {"W1": programs.leaf(2.0)}
            self.itself = self

    layers = Layers()
    numbers = [[list(range(1000))] * 1000] * 1000  # a thousand million: not looked through
    y = layers.params["W1"] * 3
    labels = {n.label for n in viz.graph(y).form.nodes}
    assert {"W1", "y"} <= labels and numbers


def test_given_names_come_first() -> None:
    x = programs.leaf(2.0)
    y = x * x
    labels = {n.label for n in viz.graph(y, names={"苹果": x, "price": y}).form.nodes}
    assert {"苹果", "price"} <= labels and "x" not in labels
    with pytest.raises(TypeError, match="names: expected a dict of names and tensors"):
        viz.graph(y, names={"x": 1})


def test_options_are_checked() -> None:
    y = programs.leaf(2.0) * 2
    for options in ({"style": "pretty"}, {"grads": "none"}, {"values": "all"}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be one of"):
            viz.graph(y, **options)  # type: ignore[arg-type]
    for outputs in ([1.0], 1.0, None):
        with pytest.raises(TypeError, match="expected a tensor"):
            viz.graph(outputs)
    with pytest.raises(ValueError, match="no tensors"):
        viz.graph([])


def walked(fn: Any, seen: dict[Any, str]) -> None:
    """As viewers written for PyTorch walk: by `next_functions`, `name()`, and `variable` of the leaves."""
    stack = [fn]
    while stack:
        f = stack.pop()
        if f is None or f in seen:
            continue
        variable = getattr(f, "variable", None)
        seen[f] = f.name() if variable is None else str(tuple(variable.size()))
        stack += [g for g, _ in f.next_functions]


def test_a_viewer_written_for_pytorch_walks_the_graph(torch: Any) -> None:
    def program(m: Any) -> Any:
        x, w = m.ones(2, 3, requires_grad=True), m.ones(3, 4, requires_grad=True)
        a, b = (x @ w).tanh().split(2, 1)
        return ((a * b).exp() + 1).sum() - x.mean()

    found: list[Any] = []
    for m in (minigrad, torch):
        seen: dict[Any, str] = {}
        walked(program(m).grad_fn, seen)
        found.append(sorted(re.sub(r"Mm|Matmul", "MM", s) for s in seen.values()))
    assert found[0] == found[1]


# ------------------------------------------------------------------ the command


MODEL = """
import minigrad
from minigrad import nn
apple, number = (minigrad.tensor(v, requires_grad=True) for v in (100.0, 2.0))
price = apple * number
net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
text = "no tensor"
def both():
    return [price, price * 2]
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def test_command_draws_tensors_models_and_functions(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert cli.main(["graph", f"{model}:price", "-o", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"wrote {out}: <computational graph of price")
    assert [n["label"] for n in json.loads(out.read_text())["nodes"]] == ["apple", "number", "×", "price"]
    assert cli.main(["graph", f"{model}:net", "-o", str(out), "--input", "5,4", "--title", "My net"]) == 0
    form = json.loads(out.read_text())
    assert form["title"] == "My net" and [n["label"] for n in form["nodes"]] == ["input", "Linear", "ReLU", "output"]
    assert cli.main(["graph", f"{model}:both", "-o", str(tmp_path / "out.dot"), "--grads", "none"]) == 0


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("price", "expected FILE:OBJECT"),
        ("{model}:none", "has no 'none'"),
        ("{model}:text", "text is a str: expected a tensor"),
        ("{model}:net", "give the shape of its input"),
        ("missing.py:x", "missing.py: no such file"),
    ],
)
def test_command_says_what_is_wrong(
    model: Path, tmp_path: Path, place: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["graph", place.format(model=model), "-o", str(tmp_path / "x.dot")]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_command_refuses_other_endings(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["graph", f"{model}:price", "-o", "x.gif"]) == 1
    assert "should end in one of .svg" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_installed")
def test_command_without_a_renderer_writes_dot_and_fails(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["graph", f"{model}:price", "-o", str(tmp_path / "x.svg")]) == 1
    assert (tmp_path / "x.dot").read_text().startswith("digraph")
    assert "minigrad[viz]" in capsys.readouterr().err


@needs_dot
def test_command_in_a_process_of_its_own(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    subprocess.run(
        [sys.executable, "-m", "minigrad", "graph", f"{model}:price", "-o", str(out)],
        check=True,
        env=os.environ,
        cwd=Path(__file__).parents[2],
    )
    assert "</svg>" in out.read_text()
