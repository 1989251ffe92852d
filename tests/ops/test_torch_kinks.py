"""Where derivatives do not exist or values are not finite: PyTorch's conventions, as listed in docs/kinks.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

INF, NAN = np.inf, np.nan
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 1e-30, 1e30, INF, -INF, NAN])
PAIRS = np.meshgrid(SPECIAL, SPECIAL)
UNARY = "abs sign floor ceil round trunc exp log sqrt sin cos tanh sigmoid relu neg square".split()


@pytest.mark.parametrize("name", [n for n in UNARY if n != "trunc"])
def test_unary_at_special_values(same: Any, name: str) -> None:
    for x in (SPECIAL, SPECIAL[:8].astype(np.float32), np.array([0.5, 1.5, 2.5, -0.5, -1.5])):
        same(lambda m, x: getattr(m, name)(x), x)


@pytest.mark.parametrize("name", "add sub mul div maximum minimum remainder floor_divide".split())
def test_binary_at_special_values(same: Any, name: str) -> None:
    x, y = (np.array(p) for p in PAIRS)
    same(lambda m, x, y: getattr(m, name)(x, y), x, y, order=2 if name in ("add", "sub", "mul") else 1)
    for number in (0.0, 1.0, -1.0, INF, NAN):
        if name not in ("maximum", "minimum"):
            same(lambda m, x, y: getattr(m, name)(x, y), SPECIAL, number, order=1)


def test_pow_at_special_values(same: Any) -> None:
    x, y = (np.array(p) for p in PAIRS)
    same(lambda m, x, y: m.pow(x, y), x, y, order=1)
    for number in (0, 1, 2, 3, -1, 0.5, -1.5, 0.0, 2.0, INF, NAN):
        # PyTorch takes the square root of -0.0 and -inf for the power 0.5, where C's pow gives 0 and inf.
        same(lambda m, x, y: x**y, SPECIAL[[0, 2, 3, 4, 5, 8, 10]] if number == 0.5 else SPECIAL, number)
        same(lambda m, x, y: y**x, SPECIAL, number, order=1)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_of_two_share_the_gradient(same: Any, name: str) -> None:
    x = np.array([1.0, 2.0, 3.0, NAN])
    same(lambda m, x, y: getattr(m, name)(x, y), x, x.copy())
    same(lambda m, x: getattr(m, name)(x, x), x)
    same(lambda m, x, y: getattr(m, name)(x, y), x, np.array(2.0))


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_ties_of_an_extreme(same: Any, name: str) -> None:
    for x in (np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [3.0, -1.0, -1.0]]), np.zeros((2, 2)), np.full((2, 3), -INF)):
        same(lambda m, x: getattr(m, name)(x), x)
        for dim in (0, 1):
            same(lambda m, x, dim: getattr(m, name)(x, dim), x, dim)
            same(lambda m, x, dim: getattr(m, "arg" + name[-3:])(x, dim), x, dim)


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_is_the_extreme(same: Any, name: str) -> None:
    x = np.array([[1.0, NAN, 3.0, NAN], [1.0, 2.0, 3.0, INF]])
    same(lambda m, x: getattr(m, name)(x), x)
    same(lambda m, x: getattr(m, name)(x, 1), x)
    same(lambda m, x: getattr(m, "arg" + name)(x, 1), x)


def test_amax_gives_a_nan_the_gradient() -> None:
    """Here minigrad parts from PyTorch, whose gradient is then NaN at every element."""
    import minigrad

    x = minigrad.tensor([1.0, NAN, 3.0], requires_grad=True)
    for extreme in (minigrad.amax, minigrad.amin):
        (g,) = minigrad.autograd.grad(extreme(x), x)
        assert g.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "bounds", [(-1.0, 2.0), (None, 1.0), (0.0, None), (2.0, -1.0), (1, 1), (NAN, 1.0), (-INF, INF)]
)
def test_clamp(same: Any, bounds: tuple[Any, Any]) -> None:
    for x in (SPECIAL, SPECIAL.astype(np.float32), np.array([-2, -1, 0, 1, 2, 3])):
        same(lambda m, x: m.clamp(x, *bounds), x)
        same(lambda m, x: x.clamp(min=bounds[0], max=bounds[1]), x)
        same(lambda m, x: m.clip(x, *bounds), x)
    lower, upper = (None if b is None else np.full(SPECIAL.shape, float(b)) for b in bounds)
    same(lambda m, x, a, b: m.clamp(x, a, b), SPECIAL, lower, upper, order=1)


def test_clamp_between_tensors_and_numbers(same: Any) -> None:
    x, lower, upper = SPECIAL[:5], np.array([0.0, 1.0, 1.0, -2.0, 3.0]), np.array([1.0, 1.0, 0.0, -2.0, 2.0])
    same(lambda m, x, a, b: m.clamp(x, a, b), x, lower, upper, order=1)
    same(lambda m, x, a, b: m.clamp(x, a, b), x, np.array(0.5), np.array(1.5), order=1)
    same(lambda m, x, a, b: m.clamp(x, a, b), x.astype(np.float32), np.array(0.5), np.array(1.5), order=1)
    same(lambda m, x, a, b: m.clamp(x, a, b), x.astype(np.float32), lower, None, order=1)
    same(lambda m, x: m.clamp(x), x)
    same(lambda m, x: m.clamp(x, 0.5, 1.5), np.array([0, 1, 2]))
    same(lambda m, x: m.clamp(x, 0, 1), np.array([True, False]))
    same(lambda m, x, a: m.clamp(x, a), np.ones((2, 3)), np.ones((2, 4)))
    same(lambda m, x, a: m.clamp(x, a, 1.0), x, lower)
    same(lambda m, x: m.clamp(x, "a"), x)


@pytest.mark.parametrize("name", ["std", "var"])
def test_spread_of_equal_elements(same: Any, name: str) -> None:
    for x in (np.full(3, 2.0), np.full((2, 3), 0.5), np.array([[1.0, 1.0], [1.0, 2.0]])):
        same(lambda m, x: getattr(m, name)(x), x)
        same(lambda m, x: getattr(m, name)(x, dim=-1), x)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_normalising_huge_and_infinite_numbers(same: Any, name: str) -> None:
    for row in (
        [1e4, -1e4, 0.0],
        [1e30, 1e30, 0.0],
        [-INF, 0.0, 1.0],
        [-INF, -INF, -INF],
        [INF, 0.0, 1.0],
        [NAN, 0.0, 1.0],
    ):
        same(lambda m, x: getattr(m, name)(x, -1), np.array(row), order=1)
    same(lambda m, x: getattr(m, name)(x, -1), np.array([-INF, 0.0, 1.0]))


def test_where_keeps_the_other_branch_out(same: Any) -> None:
    x = np.array([0.0, 1.0, 4.0])
    same(lambda m, x: m.where(x > 0, x, x * 2), x)
    same(lambda m, x: m.where(x > 0, m.sqrt(x), x), x, order=1)  # PyTorch's 0 * inf: NaN
    same(lambda m, x: m.where(x > 0, x, 0.0), x)
    same(lambda m, x: m.where(x > 0, 1, x), x)
    same(lambda m, x: m.where(x > 0, 1.5, 2), x)
    same(lambda m, x: x.where(x > 0, -1.0), x)
    same(lambda m, x, y: m.where(x > 0, x, y), x, np.array([1, 2, 3]))
    same(lambda m, x, y: m.where(x > 0, x, y), x.astype(np.float32), np.array(2.0))
    same(lambda m, x, y: m.where(y, x, x), x, np.array([1, 0, 1]))
    same(lambda m, x, y: m.where(y, x, 0.0), x, np.array([1, 0, 1], np.uint8))
    same(lambda m, x, y: m.where(x, y, y), x, np.array([1, 0, 1]))
    same(lambda m, x, y: m.where(x > 0, y, y), np.ones((2, 3)), np.ones((2, 4)))
    same(lambda m, x: m.where(True, x, x), x)
    same(lambda m, x: m.where(x > 0), x)
    same(lambda m, x: m.where(x > 0, x), x)


def test_integers_divided_by_zero(same: Any) -> None:
    x, zero = np.array([1, -2, 0]), np.array([0, 1, 0])
    same(lambda m, x, y: x // y, x, zero)
    same(lambda m, x, y: x % y, x, zero)
    same(lambda m, x, y: m.remainder(x, y), x, 0)
    same(lambda m, x, y: m.floor_divide(x, y), x, 0)
    same(lambda m, x, y: m.floor_divide(y, x), x, 5)
    same(lambda m, x, y: x / y, x, zero)
    same(lambda m, x: m.pow(x, -1), x)
    same(lambda m, x: m.pow(x, -1.0), x)


@pytest.mark.parametrize("mode", [None, "floor", "trunc", "round"])
def test_rounding_modes_of_division(same: Any, mode: str | None) -> None:
    reals, integers = np.array([7.5, -7.5, 1.0, 0.0]), np.array([7, -7, 9, 2**40 + 1])
    for x in (reals, integers):
        for y in (np.array([2.0, 2.0, 0.1, -1.0]), np.array([2, 2, -4, 3]), 2, -0.5):
            same(lambda m, x, y: m.div(x, y, rounding_mode=mode), x, y)
            same(lambda m, x, y: x.div(y, rounding_mode=mode), x, y)
            same(lambda m, x, y: x // y, x, y)
            same(lambda m, x, y: x % y, x, y)


def test_rounding_to_decimals(same: Any) -> None:
    x = np.array([1.25, 2.345, -1.005, 1234.5])
    for decimals in (0, 1, 2, -2):
        same(lambda m, x, decimals: m.round(x, decimals=decimals), x, decimals)


@pytest.mark.parametrize("name", ["add", "sub"])
def test_alpha(same: Any, name: str) -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    same(lambda m, x, y: getattr(m, name)(x, y, alpha=2), x, y)
    same(lambda m, x, y: getattr(x, name)(y, alpha=0.5), x, y)
    same(lambda m, x, y: getattr(x, name)(3, alpha=0.5), x, y)
    same(lambda m, x, y: getattr(m, name)(x, y, alpha=2), np.array([1, 2]), np.array([3, 4]))
    same(lambda m, x, y: getattr(m, name)(x, y, alpha=0.5), np.array([1, 2]), np.array([3, 4]))
