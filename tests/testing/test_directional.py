"""check_grads: any order, with the argument at fault named and kinks told from mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.domains import Reals
from minigrad.errors import DtypeError
from minigrad.families import Unary
from minigrad.testing import GradcheckError, Kink, check_grads


def leaf(*values: float) -> Any:
    return minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)


class HalfRight(Unary):
    """exp(x): the gradient is right, but is not seen to depend on x."""

    symbol, domain = "half", (Reals(),)

    def forward(x: Any) -> Any:
        return np.exp(x)

    def dx(g: Any, x: Any) -> Any:
        return g * np.exp(x.detach() if isinstance(x, minigrad.Tensor) else x)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_right_gradients_pass(order: int) -> None:
    check_grads(lambda x, y: (x * y).sin() / (1 + x * x), (leaf(0.5, -1.0), leaf(0.3, 2.0)), order)
    check_grads(minigrad.exp, leaf(0.5), order)


def test_several_results_and_other_arguments() -> None:
    check_grads(lambda x, n, y: (x**n, (x * y).sum(), x > 0), (leaf(0.5, 1.5), 3, minigrad.tensor(2.0)))


def test_a_wrong_first_order_names_the_argument() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y + (y.detach() - y) * 0.5

    with pytest.raises(GradcheckError) as caught:
        check_grads(f, (leaf(1.0, 2.0), leaf(3.0, 4.0)), name="crooked")
    lines = str(caught.value).splitlines()
    assert "crooked: gradient of order 1 differs" in lines[0]
    assert [line for line in lines if line.endswith("<-- wrong")] == [
        line for line in lines if "along argument 1" in line
    ]


def test_a_wrong_second_order_says_so() -> None:
    check_grads(HalfRight.apply, leaf(0.5), order=1)
    with pytest.raises(GradcheckError, match="gradient of order 2 differs"):
        check_grads(HalfRight.apply, leaf(0.5))


def test_a_forgotten_upstream_gradient_is_found_at_order_2() -> None:
    """The first order looks right, but its dependence on the upstream gradient is lost."""

    class Deaf(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g.detach() * 2

    check_grads(Deaf.apply, leaf(1.0), order=1)
    with pytest.raises(GradcheckError, match=r"upstream gradient 0 of order 1.*<-- wrong"):
        check_grads(Deaf.apply, leaf(1.0))


@pytest.mark.parametrize("at", [0.0, 1e-5, -1e-5])
@pytest.mark.parametrize("f", [minigrad.relu, minigrad.abs, minigrad.floor, minigrad.sign])
def test_kinks_are_rejected_not_failed(f: Any, at: float) -> None:
    with pytest.raises(Kink, match="no derivative near"):
        check_grads(f, leaf(at))


def test_a_kink_of_the_gradient_is_one_too() -> None:
    check_grads(lambda x: x * x.relu(), leaf(0.0), order=1)
    with pytest.raises(Kink):
        check_grads(lambda x: x * x.relu(), leaf(0.0), order=2)


def test_poles_are_rejected() -> None:
    with pytest.raises(Kink):
        check_grads(lambda x: x.log(), leaf(0.0))


def test_away_from_kinks_nothing_is_rejected() -> None:
    for at in (0.01, -0.01, 2.5):
        check_grads(minigrad.relu, leaf(at))
        check_grads(minigrad.abs, leaf(at))


def test_what_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="none of the arguments requires grad"):
        check_grads(minigrad.exp, minigrad.ones(2))
    with pytest.raises(DtypeError, match="argument 0 must be float64"):
        check_grads(minigrad.exp, minigrad.ones(2, requires_grad=True))


def test_results_without_gradient_must_not_vary() -> None:
    check_grads(lambda x: x.detach() * 0 + 1, leaf(1.0))
    with pytest.raises(GradcheckError, match="computed 0, numerical"):
        check_grads(lambda x: x.detach() * 2, leaf(1.0))
