"""The computations that are drawn in tests: the book's, and others that are hard to draw."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import minigrad
from minigrad import nn


def leaf(value: Any) -> Any:
    return minigrad.tensor(value, requires_grad=True)


def apples() -> dict[str, Any]:
    apple, number, tax = leaf(100.0), leaf(2.0), leaf(1.1)
    return {"apple": apple, "number": number, "tax": tax, "price": apple * number * tax}


def apples_and_oranges() -> dict[str, Any]:
    apple, apples, orange, oranges, tax = leaf(100.0), leaf(2.0), leaf(150.0), leaf(3.0), leaf(1.1)
    price = (apple * apples + orange * oranges) * tax
    return {"apple": apple, "apples": apples, "orange": orange, "oranges": oranges, "tax": tax, "price": price}


def lecture() -> dict[str, Any]:
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    return {"x": x, "y": y, "z": z, "f": (x + y) * z}


def softmax_with_loss() -> dict[str, Any]:
    a = [leaf(v) for v in (0.3, 2.9, 4.0)]
    t = [minigrad.tensor(v) for v in (0.0, 0.0, 1.0)]
    exps = [v.exp() for v in a]
    reciprocal = 1 / (exps[0] + exps[1] + exps[2])
    y = [e * reciprocal for e in exps]
    loss = (y[0].log() * t[0] + y[1].log() * t[1] + y[2].log() * t[2]) * -1
    return {**{f"a{i}": v for i, v in enumerate(a)}, **{f"t{i}": v for i, v in enumerate(t)}, "L": loss}


def sigmoid() -> dict[str, Any]:
    x = leaf(1.0)
    return {"x": x, "y": 1 / ((x * -1).exp() + 1)}


def affine() -> dict[str, Any]:
    x, w, b = (
        minigrad.randn(3, 2, requires_grad=True),
        nn.Parameter(minigrad.randn(2, 3)),
        nn.Parameter(minigrad.randn(3)),
    )
    return {"X": x, "W": w, "B": b, "Y": x @ w + b}


def batch_norm() -> dict[str, Any]:
    x, gamma, beta = (
        minigrad.randn(4, 2, requires_grad=True),
        nn.Parameter(minigrad.ones(2)),
        nn.Parameter(minigrad.zeros(2)),
    )
    centred = x - x.mean(0, keepdim=True)
    spread = ((centred**2).mean(0, keepdim=True) + 1e-5).sqrt()
    return {"x": x, "gamma": gamma, "beta": beta, "out": gamma * (centred * (1 / spread)) + beta}


def rnn(steps: int = 50) -> dict[str, Any]:
    wx, wh, b = (nn.Parameter(minigrad.randn(3, 3) * 0.3) for _ in range(3))
    h = minigrad.zeros(1, 3)
    for _ in range(steps):
        h = (minigrad.randn(1, 3) @ wx + h @ wh + b).tanh()
    return {"wx": wx, "wh": wh, "b": b, "out": h.sum()}


BOOK = (apples, apples_and_oranges, lecture, softmax_with_loss, sigmoid, affine, batch_norm)


# ------------------------------------------------------------------ and any other

UNARY: list[Any] = [
    lambda x: x.sin(),
    lambda x: x.tanh() * 2,
    lambda x: 1 + x,
    lambda x: x - 0.5,
    lambda x: 1 / (x * x + 1),
    lambda x: -x,
    lambda x: x.relu(),
    lambda x: x.sum(),
    lambda x: x.mean(-1, keepdim=True) if x.ndim else x,
    lambda x: x.reshape(-1),
    lambda x: x.softmax(-1) if x.ndim else x,
    lambda x: x.split(1, 0)[-1] if x.ndim else x,
    lambda x: minigrad.cat([x, x.exp()], 0) if x.ndim and x.numel() < 30 else x,
]
BINARY: list[Any] = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x - y,
    lambda x, y: x / (y * y + 1),
    lambda x, y: minigrad.maximum(x, y),
]


class Program:
    """A random computation on a few leaves. `steps` are all its tensors, the leaves first, kept alive."""

    def __init__(self, draw: Any) -> None:
        values = st.floats(-2, 2, width=32)
        self.leaves = [
            minigrad.tensor(draw(st.lists(values, min_size=n, max_size=n)) if n else draw(values), requires_grad=True)
            for n in (0, 3)
        ]
        self.steps = list(self.leaves)
        for _ in range(draw(st.integers(1, 8))):
            x = self.steps[draw(st.integers(0, len(self.steps) - 1))]
            if draw(st.booleans()):
                self.steps.append(draw(st.sampled_from(UNARY))(x))
            else:
                y = self.steps[draw(st.integers(0, len(self.steps) - 1))]
                y = y if y.shape == x.shape else y.sum()
                self.steps.append(draw(st.sampled_from(BINARY))(x, y))
        self.result = (self.steps[-1] * 1.5).sum()


any_program = st.composite(lambda draw: Program(draw))()
