"""Book style, read back from the SVG: the numbers, and where they stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

import minigrad
from minigrad import viz
from minigrad.viz.numbers import number as printed
from tests.viz import programs
from tests.viz.geometry import check_geometry
from tests.viz.svg_reader import Drawing, number, read

pytestmark = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")


def drawn(program: Any, **options: Any) -> tuple[dict[str, Any], viz.Picture, Drawing]:
    tensors = program()
    picture = viz.graph(list(tensors.values())[-1], names=tensors, **options)
    return tensors, picture, read(picture.svg())


def shown(picture: viz.Picture, drawing: Drawing, name: str) -> tuple[str, str]:
    """Value and gradient as they stand in the SVG beside the arrow out of a leaf, or into the output."""
    (node,) = [n for n in picture.form.nodes if n.label == name]
    (edge,) = [e for e in picture.form.edges if node.id in (e.source, e.target)]
    label = drawing.labels[edge.id]
    return label.value.content if label.value else "", label.gradient.content if label.gradient else ""


# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("program", "numbers"),
    [
        (programs.apples, {"apple": (100, 2.2), "number": (2, 110), "tax": (1.1, 200), "price": (220, 1)}),
        (
            programs.apples_and_oranges,
            {
                "apple": (100, 2.2),
                "apples": (2, 110),
                "orange": (150, 3.3),
                "oranges": (3, 165),
                "tax": (1.1, 650),
                "price": (715, 1),
            },
        ),
        (programs.lecture, {"x": (-2, -4), "y": (5, -4), "z": (-4, 3), "f": (-12, 1)}),
        (programs.sigmoid, {"x": (1, 0.1966), "y": (0.7311, 1)}),
    ],
)
def test_numbers_of_the_book(program: Any, numbers: dict[str, tuple[float, float]]) -> None:
    tensors, picture, drawing = drawn(program)
    for name, (value, gradient) in numbers.items():
        texts = shown(picture, drawing, name)
        assert tuple(map(number, texts)) == (value, gradient)
    list(tensors.values())[-1].backward()
    for name in numbers:
        t = tensors[name]
        if t.is_leaf:
            assert shown(picture, drawing, name) == (printed(t.item()), printed(t.grad.item()))


def test_numbers_between() -> None:
    _, picture, drawing = drawn(programs.apples_and_oranges)
    texts = {
        (label.value.content, label.gradient.content)
        for label in drawing.labels.values()
        if label.value and label.gradient
    }
    assert {("200", "1.1"), ("450", "1.1"), ("650", "1.1")} <= texts


def test_softmax_with_loss() -> None:
    tensors, picture, drawing = drawn(programs.softmax_with_loss)
    a = np.array([0.3, 2.9, 4.0])
    y = np.exp(a) / np.exp(a).sum()
    gradients = [number(shown(picture, drawing, f"a{i}")[1]) for i in range(3)]
    assert np.allclose(gradients, y - [0, 0, 1], rtol=1e-3)
    logs = [n.id for n in picture.form.nodes if n.operation == "Log"]
    values = [number(drawing.labels[picture.form.into(id)[0].id].value.content) for id in logs]  # type: ignore[union-attr]
    assert np.allclose(values, y, rtol=1e-3)
    tensors["L"].backward()
    assert gradients == [number(printed(tensors[f"a{i}"].grad.item())) for i in range(3)]


@pytest.mark.parametrize("program", [programs.softmax_with_loss, lambda: programs.rnn(2), programs.batch_norm])
def test_every_stem_is_the_sum_of_its_branches(program: Any) -> None:
    _, picture, drawing = drawn(program)
    form = picture.form
    stems = [e for e in form.edges if e.role == "stem"]
    assert stems
    for stem in stems:
        branches = form.out_of(stem.target)
        assert len(branches) > 1 and {b.role for b in branches} == {"branch"}
        parts = [np.array(b.gradient.data) for b in branches if b.gradient]
        assert np.allclose(stem.gradient.data, sum(parts), rtol=1e-6, atol=1e-7)  # type: ignore[union-attr]
        if stem.gradient.shape == ():  # type: ignore[union-attr]
            texts = [number(drawing.labels[b.id].gradient.content) for b in branches]  # type: ignore[union-attr]
            total = number(drawing.labels[stem.id].gradient.content)  # type: ignore[union-attr]
            assert abs(total - sum(texts)) <= 1e-3 * max(map(abs, [total, *texts]))
        assert all(drawing.labels[b.id].value is None for b in branches)


def test_second_order() -> None:
    x = programs.leaf(3.0)
    (d,) = minigrad.autograd.grad(x**3, x, create_graph=True)
    picture = viz.graph(d, names={"x": x, "dy": d})
    drawing = read(picture.svg())
    assert shown(picture, drawing, "dy") == ("27", "1")
    total = next(n.gradient for n in picture.form.nodes if n.label == "x")
    assert total is not None and total.data == 18  # 6x


def test_local_derivatives() -> None:
    _, picture, drawing = drawn(programs.apples, grads="local")
    texts = {t.content for t in drawing.texts}
    assert {"= 1.1 × 2", "= 1.1 × 100", "= 1 × 1.1", "= 1 × 200"} <= texts
    _, picture, drawing = drawn(programs.affine, grads="local")
    assert {"= dY · Wᵀ", "= Xᵀ · dY", "= Σ dY"} <= {t.content for t in drawing.texts}


def test_without_gradients_nothing_is_below() -> None:
    _, _, drawing = drawn(programs.apples, grads=False)
    assert all(label.value and not label.gradient for label in drawing.labels.values())


def test_what_needs_no_gradient_has_nothing_below() -> None:
    _, picture, drawing = drawn(programs.sigmoid)
    constants = [n for n in picture.form.nodes if n.kind == "constant"]
    assert [n.label for n in constants] == ["−1", "1"]
    for n in constants:
        (edge,) = picture.form.out_of(n.id)
        assert drawing.labels[edge.id].gradient is None


def test_more_than_four_elements_are_a_shape() -> None:
    _, picture, drawing = drawn(programs.affine)
    assert shown(picture, drawing, "X") == ("(3, 2)", "(3, 2)")
    value = picture.form.edges[0].value
    assert value is not None and "float32 (3, 2): [[" in value.full and value.full in picture.svg()


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (-0.0, "0"),
        (-1.0, "−1"),
        (1e-5, "1e−05"),
        (1234567.0, "1.235e06"),
        (True, "True"),
        (7, "7"),
        (float("nan"), "nan"),
    ],
)
def test_how_numbers_are_printed(x: Any, text: str) -> None:
    assert printed(x) == text


# ------------------------------------------------------------------ geometry


@pytest.mark.parametrize("program", programs.BOOK)
@pytest.mark.parametrize("options", [{}, {"grads": "local"}, {"values": "shapes"}])
def test_geometry(program: Any, options: dict[str, Any]) -> None:
    _, picture, drawing = drawn(program, **options)
    check_geometry(picture, drawing)


@settings(max_examples=5)
@given(programs.any_program)
def test_geometry_of_any_graph(program: programs.Program) -> None:
    picture = viz.graph(program.result)
    check_geometry(picture, read(picture.svg()))


def test_names_in_any_script_stay_inside() -> None:
    x = programs.leaf(2.0)
    picture = viz.graph(x * x, names={'<b>&"苹果" の数': x})
    drawing = read(picture.svg())
    assert '<b>&"苹果" の数' in {t.content for t in drawing.texts}
    check_geometry(picture, drawing)


@settings(max_examples=10)
@given(st.lists(st.text(), min_size=4, max_size=4, unique=True), st.sampled_from(["book", "compact", "module"]))
@example(["node", "edge", "strict", "Graph"], "compact")
@example(["", " ", "<B>", "\\"], "book")
@example(["\x00", "\\N", '"', "&amp;]]>"], "compact")
@example(["{width}", "];", "e0:w", "%s\n"], "book")
def test_any_text_is_a_name(names: list[str], style: Any) -> None:
    x, y = programs.leaf(2.0), programs.leaf([1.0, 2.0])
    z = (x * y).sum()
    picture = viz.graph(z, names=dict(zip(names, (x, y, z), strict=False)), style=style, title=names[3], grads="local")
    svg = picture.svg()
    texts = "".join(t.content for t in read(svg).texts) if style == "book" else svg
    for name in names[:3]:
        words = "".join(c for c in name if c.isprintable()).split()
        assert style != "book" or all(word in texts for word in words)
    assert "×" in texts or style == "module"


# ------------------------------------------------------------------ what is drawn how


def test_x_times_x_is_two_edges() -> None:
    x = programs.leaf(3.0)
    picture = viz.graph(x * x, names={"x": x})
    assert [e.role for e in picture.form.edges] == ["stem", "branch", "branch", "plain"]
    assert [e.gradient.data for e in picture.form.edges] == [6, 3, 3, 1]  # type: ignore[union-attr]
    assert len(read(picture.svg()).labels) == 4


def test_several_outputs() -> None:
    x = programs.leaf(3.0)
    y = x * 2
    z = y.exp()
    picture = viz.graph([y, z, x], names={"x": x, "y": y, "z": z})
    assert [n.label for n in picture.form.nodes if n.kind == "output"] == ["y", "z", "x"]
    stems = [e.gradient.data for e in picture.form.edges if e.role == "stem" and e.gradient]
    assert np.allclose(stems, [2 * np.exp(6) + 2 + 1, np.exp(6) + 1])
    check_geometry(picture, read(picture.svg()))


def test_leaves_used_often_are_ghosts() -> None:
    x = programs.leaf(3.0)
    form = viz.graph(x * x * x * x, names={"x": x}).form
    ghosts = [n for n in form.nodes if n.label == "x"]
    assert len(ghosts) == 4 and all(n.ghost for n in ghosts)
    assert sum(e.gradient.data for n in ghosts for e in form.out_of(n.id) if e.gradient) == 108  # 4 x ** 3
    form = viz.graph(x * x * x, names={"x": x}).form
    assert [n.kind for n in form.nodes if n.kind == "fork"] == ["fork"] and not any(n.ghost for n in form.nodes)


def test_several_results_of_one_operation() -> None:
    x = programs.leaf([1.0, 2.0, 3.0])
    a, b = x.split([1, 2])
    picture = viz.graph((a * 2).sum() + (b * 3).sum())
    (split,) = [n for n in picture.form.nodes if n.operation == "Split"]
    assert [e.output for e in picture.form.out_of(split.id)] == [0, 1]
    (edge,) = picture.form.into(split.id)
    assert edge.gradient is not None and edge.gradient.data == [2, 3, 3]


def test_a_symbol_of_ones_own() -> None:
    class Twice(minigrad.autograd.Function):
        symbol = "2·"

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = programs.leaf(3.0)
    picture = viz.graph(Twice.apply(x) * 1.0)
    assert [n.label for n in picture.form.nodes if n.kind == "operation"] == ["2·", "×"]
    assert picture.form.edges[0].gradient.data == 2  # type: ignore[union-attr]


def test_events_go_forward_and_then_backward() -> None:
    tensors = programs.softmax_with_loss()
    form = viz.graph(tensors["L"], names=tensors).form
    visible = {e.id for n in form.nodes if n.kind in ("variable", "constant") for e in form.out_of(n.id)}
    stems = {e.target: e.id for e in form.edges if e.role == "stem"}
    known: set[str] = set()
    for event in form.events:
        for id in event.reads:
            edge = form.edge(id)
            if event.phase == "forward":
                assert stems.get(edge.source, id) in visible
            else:
                assert id in known
        (visible if event.phase == "forward" else known).update(event.shows)
    assert visible == {e.id for e in form.edges if e.role != "branch"}
    assert known == {e.id for e in form.edges if e.gradient is not None}
    assert len({id for e in form.events for id in e.shows if e.phase == "backward"}) == len(known)


def test_the_same_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import sys, hashlib\nfrom minigrad import viz\nfrom tests.viz import programs\n"
        "for program in programs.BOOK[:5]:\n"
        "    t = program()\n    p = viz.graph(list(t.values())[-1], names=t, grads='local')\n"
        "    print(hashlib.sha256((p.source + p.form.json() + p.svg()).encode()).hexdigest())\n"
    )
    root = Path(__file__).parents[2]
    outs = {
        subprocess.run(
            [sys.executable, str(script)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PATH": str(Path(shutil.which("dot") or "").parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(outs) == 1 and len(outs.pop().split()) == 5


# ------------------------------------------------------------------ size


def test_forty_doublings_and_long_chains() -> None:
    x = programs.leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    form = viz.graph(y).form
    assert sum(n.kind == "operation" for n in form.nodes) == 40
    assert form.edges[0].gradient is not None and form.edges[0].gradient.data == 2.0**40
    y = x
    for _ in range(10_000):
        y = y * 1.0
    picture = viz.graph(y)
    assert picture.form.style == "module" and 0 < len(picture.form.nodes) <= 160
    assert "<svg" in picture.svg()


@pytest.mark.parametrize("style", ["auto", "book"])
def test_an_unrolled_rnn_is_laid_out(style: Any) -> None:
    picture = viz.graph(programs.rnn()["out"], style=style, seconds=60)
    assert picture.form.style == ("compact" if style == "auto" else "book")
    drawing = read(picture.svg())
    assert {n.id for n in picture.form.nodes if n.kind == "operation"} <= drawing.centres.keys()


def test_the_style_follows_the_size() -> None:
    x = programs.leaf(1.0)
    styles = {}
    for operations in (100, 149, 150, 400, 749, 751):
        y = x
        for _ in range(operations):
            y = y * 1.5  # an operation and a constant: two nodes
        styles[operations] = viz.graph(y).form.style
    assert styles == {100: "book", 149: "book", 150: "compact", 400: "compact", 749: "compact", 751: "module"}
