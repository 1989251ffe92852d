"""What the step page says: the rules in words, with their numbers, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

import minigrad
from minigrad import viz
from minigrad.function import OPERATIONS
from minigrad.viz import words
from minigrad.viz.words import steps
from tests.viz.graphs import GRAPHS
from tests.viz.programs import leaf


def test_words_are_of_operations_that_exist() -> None:
    assert {*words.RULES} <= {operation.__name__ for operation in OPERATIONS}


@pytest.mark.parametrize("name", GRAPHS)
def test_words_are_in_their_language(name: str) -> None:
    picture, leaves = GRAPHS[name]()
    names = "|".join(map(re.escape, [*leaves, "price 总价"]))
    for step in steps(picture.form):
        english, chinese = (re.sub(names, "", text) for text in step.text)
        assert not re.search("[\u4e00-\u9fff]", english)
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert re.findall(r"[\d.]+", english) == re.findall(r"[\d.]+", chinese)  # the same numbers


def said(output: Any, **names: Any) -> list[tuple[str, str]]:
    return [step.text for step in steps(viz.graph(output, names=names).form)]


def test_every_kind_of_step() -> None:
    x, y = leaf(3.0), leaf(-2.0)
    assert said(x * y + x, x=x, y=y) == [
        ("Forward ×: 3 × (−2) = −6", "正向传播 ×：3 × (−2) = −6"),
        ("Forward +: (−6) + 3 = −3", "正向传播 +：(−6) + 3 = −3"),
        ("Backward starts at output with ∂L/∂L = 1", "反向传播从 output 开始，∂L/∂L = 1"),
        (
            "Backward +: passes the upstream gradient 1 on unchanged: 1, 1",
            "反向传播 +：把上游梯度 1 原样传下去：1，1",
        ),
        (
            "Backward ×: upstream 1 times the swapped inputs: −2 = 1 × (−2), 3 = 1 × 3",
            "反向传播 ×：上游 1 乘以翻转后的输入：−2 = 1 × (−2)，3 = 1 × 3",
        ),
        ("Gradients from 2 branches add: −1 = (−2) + 1", "2 条分支的梯度相加：−1 = (−2) + 1"),
    ]


def backward(output: Any) -> list[str]:
    return [english for english, _ in said(output) if english.startswith("Backward ") and "starts" not in english]


def test_formulas_of_single_numbers() -> None:
    x = leaf(4.0)
    assert backward(x.sqrt()) == ["Backward √: upstream 1 divided by twice the output: 0.25 = 1 × 0.25"]
    assert backward(1 / x) == ["Backward /: upstream 1 times −1 / x²: −0.0625 = 1 × (−0.0625)"]
    assert said(x**2)[0][0] == "Forward ^2: 4^2 = 16"
    assert said(1 / x)[0][0] == "Forward /: 1 / 4 = 0.25"
    assert backward(x * 0 * x)[0] == "Backward ×: upstream 1 times the swapped inputs: 4 = 1 × 4, 0 = 1 × 0"
    assert backward(x * 0 * x)[1] == "Backward ×: upstream 4 times the swapped inputs: 0 = 4 × 0"


def test_arrays_are_said_by_their_shapes() -> None:
    x, w, b = (minigrad.ones(*s, requires_grad=True) for s in ((4, 3), (3, 5), (5,)))
    texts = said(x @ w + b, X=x, W=w, b=b)
    assert texts[0][0] == "Forward @: (4, 3) @ (3, 5) → (4, 5)"
    assert texts[2][0] == "Backward starts at output with a gradient of 1 everywhere, shape (4, 5)"
    assert texts[3] == (
        "Backward +: passes the upstream gradient (4, 5) on unchanged: (4, 5), (5,) (summed over the broadcast dimensions)",
        "反向传播 +：把上游梯度 (4, 5) 原样传下去：(4, 5)，(5,)（对广播的维度求和）",
    )
    assert texts[4][0].endswith("(4, 3) = dY · Wᵀ, (3, 5) = Xᵀ · dY")


def test_a_number_times_an_array_is_not_said_as_a_product_of_numbers() -> None:
    x, k = minigrad.ones(6, requires_grad=True), leaf(2.0)
    assert backward(x * k) == [
        "Backward ×: upstream (6,) times the swapped inputs: (6,), 6 (summed over the broadcast dimensions)"
    ]


def test_operations_with_several_results_and_without_words() -> None:
    x = minigrad.ones(6, requires_grad=True)
    a, b = x.split(3)
    texts = said((a * b).sum())
    assert texts[0][0] == "Forward split: (6,) → [1, 1, 1], [1, 1, 1]"
    assert texts[-1] == (
        "Backward split: puts the gradients of the pieces together: (6,)",
        "反向传播 split：把各段的梯度拼在一起：(6,)",
    )
    assert "Logsumexp" not in words.RULES
    assert backward(x.logsumexp(0)) == ["Backward logsumexp: upstream 1 times the derivative: (6,)"]


class Blind(minigrad.autograd.Function):
    """Passes nothing back."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return None


def test_a_branch_without_a_gradient_is_not_counted() -> None:
    x = leaf(2.0)
    assert said(x * 3 + Blind.apply(x))[-1] == ("Only 1 branch has a gradient: 3", "只有 1 条分支有梯度：3")
