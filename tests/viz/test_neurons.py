"""Networks drawn neuron by neuron."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import nn, viz
from tests.viz.svg_reader import read

SIGNALS = Path(__file__).parents[2] / "gallery" / "graphs" / "plot_fig2_2_signals.py"


def test_signals_are_those_of_the_book() -> None:
    scope = runpy.run_path(str(SIGNALS))
    values = {n.id: n.value.data for n in scope["picture"].form.nodes if n.kind == "output" and n.value}
    assert np.allclose(list(values.values()), [0.31682708, 0.69627909], atol=1e-7)
    hidden = [n.value.data for n in scope["picture"].form.nodes if n.kind == "neuron" and n.value]
    first = 1 / (1 + np.exp(-np.array([0.3, 0.7, 1.1])))
    assert np.allclose(hidden[:3], first)


def test_every_neuron_is_joined_to_every_one_of_the_next_layer() -> None:
    form = viz.neurons([2, 3, 2]).form
    assert [n.label for n in form.nodes] == ["x₁", "x₂", "h₁", "h₂", "h₃", "y₁", "y₂"]
    assert len(form.edges) == 2 * 3 + 3 * 2
    assert [c.label for c in form.clusters] == ["layer 0", "layer 1", "layer 2"]


def test_large_layers_show_some_of_their_neurons() -> None:
    form = viz.neurons([784, 10]).form
    assert [n.label for n in form.nodes][:7] == ["x₁", "x₂", "x₃", "x₄", "x₅", "⋮", "x₇₈₄"]
    assert len(form.edges) == 6 * 10


def test_weights_and_biases_stand_on_their_arrows() -> None:
    model = nn.Linear(2, 2)
    with minigrad.no_grad():
        model.weight.copy_(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
        model.bias.copy_(minigrad.tensor([5.0, 6.0]))
    form = viz.neurons(model, bias=True, weights=True).form
    labels = {n.id: n.label for n in form.nodes}
    found = {(labels[e.source], labels[e.target]): e.value.text for e in form.edges if e.value}
    assert found == {
        **{("1", "y₁"): "5", ("1", "y₂"): "6"},
        **{("x₁", "y₁"): "1", ("x₂", "y₁"): "2", ("x₁", "y₂"): "3", ("x₂", "y₂"): "4"},
    }
    assert form.title == "2-2: 6 parameters"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
def test_layers_are_columns_in_order() -> None:
    picture = viz.neurons([3, 4, 1])
    drawing = read(picture.svg())
    columns = [[drawing.centres[n.id] for n in picture.form.nodes if n.cluster == c.id] for c in picture.form.clusters]
    for column in columns:
        assert len({x for x, _ in column}) == 1
        heights = [y for _, y in column]
        assert heights == sorted(heights)
    assert len({round(sum(y for _, y in c) / len(c)) for c in columns}) == 1, "columns have one middle"
    assert [c[0][0] for c in columns] == sorted(c[0][0] for c in columns)


def test_what_cannot_be_drawn_says_so() -> None:
    with pytest.raises(ValueError, match="at least two sizes"):
        viz.neurons([3])
    with pytest.raises(ValueError, match="expected a model with Linear layers"):
        viz.neurons(nn.ReLU())
    with pytest.raises(ValueError, match="do not follow each other"):
        viz.neurons(nn.ModuleList([nn.Linear(2, 3), nn.Linear(2, 3)]))
    with pytest.raises(ValueError, match="without a batch dimension"):
        viz.neurons(nn.Linear(2, 3), minigrad.randn(5, 2))
