"""The graphs that the tests of pages walk through."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import viz


def variable(value: Any) -> minigrad.Tensor:
    return minigrad.tensor(value, dtype=minigrad.float64, requires_grad=True)


def apples(**options: Any) -> tuple[viz.Picture, dict[str, minigrad.Tensor]]:
    """Two apples at 100 with 10 % tax (book, section 5.1)."""
    leaves = {"apple 苹果": variable(100.0), "number 个数": variable(2.0), "tax 消费税": variable(1.1)}
    apple, count, tax = leaves.values()
    price = apple * count * tax
    picture = viz.graph(price, names={**leaves, "price 总价": price}, title="Buying apples · 买苹果", **options)
    return backpropagated(picture, price, leaves)


def softmax_with_loss(**options: Any) -> tuple[viz.Picture, dict[str, minigrad.Tensor]]:
    """Cross entropy of the softmax of three scores, operation by operation (book, appendix A)."""
    leaves = {f"a{i}": variable(v) for i, v in enumerate((0.3, 2.9, 4.0))}
    exponentials = [a.exp() for a in leaves.values()]
    inverse = 1 / (exponentials[0] + exponentials[1] + exponentials[2])
    logs = [(e * inverse).log() * t for e, t in zip(exponentials, (0.0, 0.0, 1.0), strict=True)]
    loss = -(logs[0] + logs[1] + logs[2])
    return backpropagated(viz.graph(loss, names={**leaves, "L": loss}, **options), loss, leaves)


def batch_norm(**options: Any) -> tuple[viz.Picture, dict[str, minigrad.Tensor]]:
    """Batch normalisation, operation by operation (book, figure 6-15)."""
    leaves = {
        "x": variable([[1.0, 2.0], [3.0, 1.0], [-1.0, 0.5], [2.0, 2.0]]),
        "γ": variable([1.0, 2.0]),
        "β": variable([0.0, 0.5]),
    }
    x, gamma, beta = leaves.values()
    with viz.record():
        centred = x - x.mean(0, keepdim=True)
        variance = (centred**2).mean(0, keepdim=True)
        out = centred * (1 / (variance + 1e-5).sqrt()) * gamma + beta
    return backpropagated(viz.graph(out, names={**leaves, "out": out}, **options), out, leaves)


def backpropagated(
    picture: viz.Picture, output: minigrad.Tensor, leaves: dict[str, minigrad.Tensor]
) -> tuple[viz.Picture, dict[str, minigrad.Tensor]]:
    """The picture, and the leaves with the gradients that the engine finds from ones."""
    output.backward(minigrad.ones_like(output))
    return picture, leaves


GRAPHS = {"apples": apples, "softmax_with_loss": softmax_with_loss, "batch_norm": batch_norm}
