"""Every script of the gallery of graphs runs, and shows what the book says."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad import viz
from tests.viz.geometry import check_geometry
from tests.viz.svg_reader import read

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "gallery" / "graphs").glob("plot_*.py"))

# By script and node: the value and the whole gradient as printed.
APPLES = {
    "apple 苹果": ("100", "2.2"),
    "number 个数": ("2", "110"),
    "tax 消费税": ("1.1", "200"),
    "price 总价": ("220", ""),
}
FRUIT = {
    "apple 苹果": ("100", "2.2"),
    "apples 个数": ("2", "110"),
    "orange 橘子": ("150", "3.3"),
    "oranges 个数": ("3", "165"),
    "tax 消费税": ("1.1", "650"),
    "price 总价": ("715", ""),
}
NUMBERS: dict[str, dict[str, tuple[str, str]]] = {
    "fig2_2_signals": {"x₁": ("1", ""), "x₂": ("0.5", ""), "y₁": ("0.3168", ""), "y₂": ("0.6963", "")},
    "fig4_1_apples": {"apple 苹果": ("100", ""), "price 总价": ("220", "")},
    "fig4_2_shopping": {name: (value, "") for name, (value, _) in FRUIT.items()},
    "fig4_3_add": {"x": ("10", "1.3"), "y": ("5", "1.3")},
    "fig4_4_mul": {"x": ("10", "6.5"), "y": ("5", "13")},
    "fig4_5_apples": APPLES,
    "fig4_5_apples_local": APPLES,
    "sec4_4_apples_oranges": FRUIT,
    "sec4_2_square_of_sum": {"x": ("2", "10"), "y": ("3", "10"), "z": ("25", "")},
    "sec4_5_1_relu": {"x": ("[1, −0.5, −2, 3]", "[1, 0, 0, 1]")},
    "fig4_6_sigmoid": {"x": ("1", "0.1966"), "y": ("0.7311", "")},
    "fig4_6_sigmoid_layer": {"x": ("1", "0.1966"), "y": ("0.7311", "")},
    "fig4_7_affine": {"X": ("(2,)", "(2,)"), "W": ("(2, 3)", "(2, 3)"), "B": ("(3,)", "(3,)")},
    "fig4_8_affine_batch": {"X": ("(3, 2)", "(3, 2)"), "W": ("(2, 3)", "(2, 3)"), "B": ("(3,)", "(3,)")},
    "fig4_10_softmax_with_loss": {"a": ("[[0.3, 2.9, 4]]", "[[0.01821, 0.2452, −0.2634]]"), "L": ("0.3057", "")},
    "figA_1_softmax_with_loss": {"a₁": ("0.3", "0.01821"), "a₂": ("2.9", "0.2452"), "a₃": ("4", "−0.2634")},
    "secA_1_2_branch": {"x": ("3", "7"), "y": ("12", "")},
    "fig5_8_batch_norm": {"x": ("(4, 2)", "(4, 2)"), "γ": ("(2,)", "(2,)"), "β": ("(2,)", "(2,)")},
    "lecture_fig9": {"x": ("−2", "−4"), "y": ("5", "−4"), "z": ("−4", "3"), "f": ("−12", "")},
    "second_order": {"x": ("3", "18"), "dy": ("27", "")},
}


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda path: path.stem[5:])
def figure(request: pytest.FixtureRequest) -> tuple[str, viz.Picture]:
    return request.param.stem[5:], runpy.run_path(str(request.param))["picture"]


def test_every_figure_says_what_the_book_says(figure: tuple[str, viz.Picture]) -> None:
    name, picture = figure
    assert not picture.notes, "something is missing in the picture"
    nodes = {n.label: n for n in picture.form.nodes}
    for label, (value, gradient) in NUMBERS.get(name, {}).items():
        node = nodes[label]
        assert node.value is not None and node.value.text == value
        assert (node.gradient.text if node.gradient is not None else "") == gradient
    without_numbers = picture.form.style in ("module", "neurons") or name in ("unrolled_rnn", "lecture_fig10_network")
    assert name in NUMBERS or without_numbers


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
def test_every_figure_is_well_drawn(figure: tuple[str, viz.Picture]) -> None:
    _, picture = figure
    drawing = read(picture.svg())
    if picture.form.style == "book":
        check_geometry(picture, drawing)
    for e in picture.form.edges:
        if e.role == "stem" and e.gradient is not None and e.gradient.data is not None:
            branches: list[Any] = [b.gradient.data for b in picture.form.out_of(e.target) if b.gradient]
            assert np.allclose(e.gradient.data, np.sum([np.array(b) for b in branches], 0), atol=1e-6)


def test_every_figure_is_in_the_documentation(figure: tuple[str, viz.Picture]) -> None:
    assert (ROOT / "docs" / "pictures" / f"{figure[0]}.png").is_file()


def test_simple_conv_net() -> None:
    (script,) = [s for s in SCRIPTS if "simple_conv_net" in s.stem]
    form = runpy.run_path(str(script))["picture"].form
    assert form.title == "SimpleConvNet — 433,890 parameters"
    counts = [n.details["count"] for n in form.nodes if n.kind == "module" and n.details.get("count")]
    assert counts == ["780 params", "432,100 params", "1,010 params"]
    shapes = [e.value.text for e in form.edges if e.main]
    assert shapes == [
        "(N, 1, 28, 28)",
        "(N, 30, 24, 24)",
        "(N, 30, 24, 24)",
        "(N, 30, 12, 12)",
        "(N, 100)",
        "(N, 100)",
        "(N, 10)",
        "()",
    ]
    assert [(c.label, c.details["count"]) for c in form.clusters] == [
        ("features", "780 params"),
        ("classifier", "433,110 params"),
    ]


def test_network_of_the_lecture() -> None:
    """The lecture's equations 13 to 16, by hand: L = (prediction - y)² / 2 behind a sigmoid layer."""
    (script,) = [s for s in SCRIPTS if "lecture_fig10_network" in s.stem]
    scope = runpy.run_path(str(script))
    x, y, w1, w2 = (scope[k].detach().numpy().astype(np.float64) for k in ("x", "y", "W1", "W2"))
    h = 1 / (1 + np.exp(-w1.T @ x))
    error = w2.T @ h - y
    nodes = {n.label: n for n in scope["picture"].form.nodes}
    assert np.allclose(nodes["W₂"].gradient.data, error * h, rtol=1e-5)
    assert np.allclose(nodes["W₁"].gradient.data, x @ (error * w2 * h * (1 - h)).T, rtol=1e-5)
