"""Pictures of the programs, with the gradients that the engine finds: what the tests of pages walk through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad
from minigrad import viz
from tests.viz import programs

CHINESE = {"apple": "apple 苹果", "number": "number 个数", "tax": "tax 消费税", "price": "price 总价"}


def drawn(program: Callable[[], dict[str, Any]], **options: Any) -> tuple[viz.Picture, dict[str, Any]]:
    """The picture of a program's last tensor, and its leaves with their gradients, by their names in the picture."""
    made = {CHINESE.get(name, name): t for name, t in program().items()}
    (*_, output) = made.values()
    picture = viz.graph(output, names=made, **options)
    output.backward(minigrad.ones_like(output))
    return picture, {name: t for name, t in made.items() if t.is_leaf and t.requires_grad}


def apples(**options: Any) -> tuple[viz.Picture, dict[str, Any]]:
    return drawn(programs.apples, title="Buying apples · 买苹果", **options)


def softmax_with_loss(**options: Any) -> tuple[viz.Picture, dict[str, Any]]:
    return drawn(programs.softmax_with_loss, **options)


def batch_norm(**options: Any) -> tuple[viz.Picture, dict[str, Any]]:
    return drawn(programs.batch_norm, **options)


GRAPHS = {"apples": apples, "softmax_with_loss": softmax_with_loss, "batch_norm": batch_norm}
