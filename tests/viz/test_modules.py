"""Module style: cards, clusters, shapes, repetitions; and that the model is as it was."""

from __future__ import annotations

import random
import re
import shutil
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, viz
from minigrad.viz.form import Form


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act, self.b = nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        return x + self.b(self.act(self.a(x)))


class Net(nn.Module):
    """A stem, twelve like blocks with skips, a head, and an operation outside of any module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 16)
        self.blocks = nn.Sequential(*[Block() for _ in range(12)])
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.stem(x.reshape(len(x), -1)))).softmax(1)


def arrows(form: Form) -> dict[tuple[str, str], str]:
    """Shapes by the modules (or labels) that an arrow joins."""
    names = {n.id: n.module if n.kind == "module" and n.module else n.label for n in form.nodes}
    return {(names[e.source], names[e.target]): e.value.text if e.value else "" for e in form.edges}


def test_a_plain_network() -> None:
    net = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    form = net.graph(minigrad.randn(5, 784)).form
    assert form.title == "Sequential — 79,510 parameters"
    assert arrows(form) == {
        ("input", "0"): "(N, 784)",
        ("0", "1"): "(N, 100)",
        ("1", "2"): "(N, 100)",
        ("2", "output"): "(N, 10)",
    }
    first = next(n for n in form.nodes if n.module == "0")
    assert first.label == "Linear" and first.details == {
        "family": "affine",
        "name": "0",
        "configuration": ["784 → 100"],
        "parameters": ["W (100, 784)  b (100,)"],
        "count": "78,500 params",
    }


def test_repetitions_are_folded_and_skips_drawn() -> None:
    picture = Net().graph(minigrad.randn(5, 2, 4))
    form = picture.form
    assert [(c.label, c.parent, c.details.get("repeats"), c.details["count"]) for c in form.clusters] == [
        ("blocks", "", None, "6,528 params"),
        ("0", "c0", "×12,", "544 params each"),
        ("head", "", None, "68 params"),
    ]
    assert arrows(form) == {
        ("x", "stem"): "(N, 2, 4)",
        ("stem", "blocks.0.a"): "(N, 16)",
        ("blocks.0.a", "blocks.0.act"): "(N, 16)",
        ("blocks.0.act", "blocks.0.b"): "(N, 16)",
        ("stem", "+"): "(N, 16)",
        ("blocks.0.b", "+"): "(N, 16)",
        ("+", "head.0"): "(N, 16)",
        ("head.0", "head.1"): "(N, 16)",
        ("head.1", "softmax"): "(N, 4)",
        ("softmax", "output"): "(N, 4)",
    }
    assert "×12" in picture.source


def test_depth() -> None:
    labels = {d: [n.label for n in Net().graph(minigrad.randn(5, 8), depth=d).form.nodes] for d in (1, 2)}
    assert labels[1] == ["x", "Linear", "Sequential", "Sequential", "softmax", "output"]
    assert labels[2] == ["x", "Linear", "Block  ×12", "ReLU", "Linear", "softmax", "output"]


def test_at_most_150_cards() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3)) for _ in range(100)])

        def forward(self, x: Any) -> Any:
            return minigrad.cat([part(x) for part in self.parts], 1)

    form = Wide().graph(minigrad.randn(1, 2)).form
    assert sum(n.kind == "module" for n in form.nodes) == 101  # the input too


def test_shared_weights_are_counted_once() -> None:
    layer = nn.Linear(4, 4)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    form = net.graph(minigrad.randn(2, 4)).form
    assert form.title == "Sequential — 20 parameters"
    assert [n.label for n in form.nodes] == ["input", "Linear", "ReLU", "Linear", "output"]


def test_several_inputs_and_outputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(4, 2)

        def forward(self, x: Any, y: Any, *, scale: Any) -> Any:
            return {"sum": (self.a(x) + self.b(y)) * scale, "x": x}

    form = Two().graph(minigrad.randn(5, 3), minigrad.randn(5, 4), scale=minigrad.tensor(2.0)).form
    assert arrows(form) == {
        ("x", "a"): "(N, 3)",
        ("y", "b"): "(N, 4)",
        ("a", "+"): "(N, 2)",
        ("b", "+"): "(N, 2)",
        ("scale", "×"): "()",
        ("+", "×"): "(N, 2)",
        ("×", "output 1"): "(N, 2)",
        ("x", "output 2"): "(N, 3)",
    }


class Restless(nn.Module):
    """Changes all that a forward run can change."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("running", minigrad.zeros(3))
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.running += x.detach().mean(0)
        x += 0.0 * np.random.random() * random.random()
        return self.dropout(self.linear(x))


@pytest.mark.parametrize("style", ["module", "book", "compact", "auto"])
def test_drawing_a_model_changes_nothing(style: Any) -> None:
    net = Restless()
    fired: list[Any] = []
    net.linear.register_forward_hook(lambda *a: fired.append(a))
    net.linear.weight.register_hook(fired.append)
    net(minigrad.randn(4, 3)).sum().backward()
    fired.clear()
    x = minigrad.randn(4, 3)
    np.random.seed(5)
    random.seed(5)

    def everything() -> Any:
        tensors = {**dict(net.named_parameters()), **dict(net.named_buffers()), "x": x}
        return (
            {k: (id(t), t.detach().numpy().tobytes(), t._version) for k, t in tensors.items()},
            [p.grad.numpy().tobytes() for p in net.parameters() if p.grad is not None],
            minigrad.get_rng_state().numpy().tobytes(),
            np.random.get_state()[1].tobytes(),  # type: ignore[index, union-attr]
            random.getstate(),
            net.calls,
            net.training,
            net.linear._hooks and len(net.linear._hooks.forward),
            minigrad.is_grad_enabled(),
        )

    before = everything()
    with minigrad.no_grad():
        assert net.graph(x, style=style).source
    assert everything() == before and not fired


def test_operations_of_a_model_in_book_style() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    form = net.graph(minigrad.randn(5, 3), style="book").form
    assert [n.label for n in form.nodes] == ["input", "0.weight", "0.bias", "affine", "tanh", "out"]
    assert [n.kind for n in form.nodes][1:3] == ["parameter", "parameter"]


def test_auto_draws_modules_where_operations_are_too_many() -> None:
    class Long(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            x = self.linear(x)
            for _ in range(1500):
                x = x.tanh()
            return x

    long = nn.Sequential(Long(), nn.ReLU())
    assert [n.label for n in long.graph(minigrad.randn(1, 2), style="auto", depth=1).form.nodes] == [
        *("input", "Long", "ReLU", "output")
    ]
    assert nn.Linear(2, 2).graph(minigrad.randn(1, 2), style="auto").form.style == "book"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
def test_cards_and_clusters_in_the_svg() -> None:
    svg = Net().graph(minigrad.randn(5, 8)).svg()
    texts = [t.strip() for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    for text in (
        "Net — 6,740 parameters",
        "stem",
        "8 → 16",
        "W (16, 8)  b (16,)",
        "144 params",
        "×12, 544 params each",
    ):
        assert any(
            text.replace(" ", "") == t.replace("\xa0", "").replace("&#160;", "").replace(" ", "") for t in texts
        ), text
    assert svg.count('class="cluster"') == 3


def test_a_model_that_cannot_be_copied_says_so() -> None:
    net = nn.Linear(2, 2)
    net.cached = net(minigrad.randn(1, 2))  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="Linear cannot be copied, and drawing must not change it"):
        viz.graph  # noqa: B018
        net.graph(minigrad.randn(1, 2))
