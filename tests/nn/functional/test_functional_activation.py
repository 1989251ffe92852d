"""Activations: against their formulas, and call by call against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from tests.agreement import agree, difference, differentiated, expression, outcome

POINTS = np.array([-50.0, -3.0, -1e-3, -0.0, 0.0, 1e-3, 1.0, 9.0, 11.0, 50.0])

CALLS = {
    "relu": lambda F, x: F.relu(x),
    "relu, in place": lambda F, x: F.relu(x * 1, inplace=True),
    "relu_": lambda F, x: F.relu_(x * 1),
    "leaky_relu": lambda F, x: F.leaky_relu(x),
    "leaky_relu, steep": lambda F, x: F.leaky_relu(x, 2.0),
    "leaky_relu, in place": lambda F, x: F.leaky_relu(x * 1, 0.2, inplace=True),
    "sigmoid": lambda F, x: F.sigmoid(x),
    "tanh": lambda F, x: F.tanh(x),
    "softplus": lambda F, x: F.softplus(x),
    "softplus, sharp": lambda F, x: F.softplus(x, beta=2, threshold=15),
    "softmax": lambda F, x: F.softmax(x, 0),
    "softmax, double": lambda F, x: F.softmax(x, dim=-1, dtype=None),
    "log_softmax": lambda F, x: F.log_softmax(x, dim=-1),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_as_pytorch(compare: Any, name: str, dtype: str) -> None:
    compare(lambda lib, x: CALLS[name](lib.nn.functional, x), POINTS.astype(dtype))
    compare(lambda lib, x: CALLS[name](lib.nn.functional, x), POINTS.astype(dtype).reshape(5, 2))
    compare(lambda lib, x: CALLS[name](lib.nn.functional, x), np.zeros((2, 0), dtype))


@pytest.mark.parametrize("name", CALLS)
def test_integers_as_pytorch(compare: Any, name: str) -> None:
    compare(lambda lib, x: CALLS[name](lib.nn.functional, x), np.array([-2, 0, 3]))


@pytest.mark.parametrize("name", CALLS)
def test_half_precision_stays(name: str) -> None:
    x = minigrad.tensor([-2.0, 0.5, 3.0], dtype=minigrad.float16, requires_grad=True)
    out = CALLS[name](F, x)
    out.sum().backward()
    assert out.dtype is x.grad.dtype is minigrad.float16


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (2, 3, 2), (1, 2, 3, 2)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_missing_dim_is_chosen_as_pytorch_does_with_its_warning(compare: Any, name: str, shape: Any) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    compare(lambda lib, x: getattr(lib.nn.functional, name)(x), x)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_warning_points_at_the_call(name: str) -> None:
    x = minigrad.tensor([1.0, 2.0])
    with pytest.warns(UserWarning, match="Implicit dimension choice") as caught:
        getattr(F, name)(x)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dtype_converts_first(name: str) -> None:
    x = minigrad.tensor([1, 2])
    found = getattr(F, name)(x, 0, dtype=minigrad.float64)
    assert found.dtype is minigrad.float64
    p = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    np.testing.assert_allclose(found.numpy(), p if name == "softmax" else np.log(p), rtol=1e-12)


@given(st.floats(-60, 60), st.sampled_from([0.5, 1.0, 3.0]))
def test_softplus_is_exact_far_from_zero(x: float, beta: float) -> None:
    found = F.softplus(minigrad.tensor([x], dtype=minigrad.float64), beta=beta).item()
    expected = x if beta * x > 20 else math.log1p(math.exp(beta * x)) / beta
    assert found == pytest.approx(expected, rel=1e-12)


def test_softplus_has_a_second_derivative() -> None:
    x = minigrad.tensor([0.0, 1.0], dtype=minigrad.float64, requires_grad=True)
    (g,) = minigrad.autograd.grad(F.softplus(x).sum(), x, create_graph=True)
    (h,) = minigrad.autograd.grad(g.sum(), x)
    s = 1 / (1 + np.exp(-x.detach().numpy()))
    np.testing.assert_allclose(h.numpy(), s * (1 - s), rtol=1e-12)


def test_in_place_activations_overwrite_their_input() -> None:
    for call in (F.relu, F.leaky_relu):
        x = minigrad.tensor([-1.0, 2.0])
        assert call(x, inplace=True) is x
        assert x[0].item() > -1


KINKS = np.array([-20, -4, -3, -2.5, -1, -0.5, 0, 0.5, 1, 2.5, 3, 4, 6, 7, 20.0])
SETTINGS: dict[str, Any] = {"hardtanh": {"min_val": -2.5, "max_val": 3}, "elu": {"alpha": 0.7}, "celu": {"alpha": 2.0}}


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("name", "relu6 hardtanh elu selu celu silu hardswish mish".split())
def test_activations_agree_to_order_2_kinks_included(torch: Any, name: str, inplace: bool) -> None:
    options = {**SETTINGS.get(name, {}), "inplace": inplace}
    agree(torch, differentiated(lambda L, x: getattr(L.nn.functional, name)(x * 1, **options)), KINKS)


@pytest.mark.parametrize(
    "line", ["softsign(x)", "tanhshrink(x)", "logsigmoid(x)", "gelu(x)", "gelu(x, approximate='tanh')"]
)
def test_activations_without_kinks_agree_to_order_2(torch: Any, line: str) -> None:
    agree(torch, differentiated(lambda L, x: eval(f"F.{line}", {"F": L.nn.functional, "x": x})), KINKS)


def test_prelu_agrees_to_order_2(torch: Any) -> None:
    x, weights = KINKS[KINKS != 0][:12].reshape(1, 3, 4), np.array([0.25, -0.5, 2])
    agree(torch, differentiated(lambda L, x, w: L.nn.functional.prelu(x, w)), x, weights)
    agree(torch, differentiated(lambda L, x, w: L.nn.functional.prelu(x, w)), x, weights[:1])


@pytest.mark.parametrize("inplace", [False, True])
def test_hardsigmoid_agrees(torch: Any, inplace: bool) -> None:
    def program(L: Any) -> Any:
        x = L.tensor(KINKS, dtype=L.float32, requires_grad=True)  # in float64 PyTorch has a sixth of float32
        y = L.nn.functional.hardsigmoid(x * 1, inplace)
        y.sum().backward()
        return y, x.grad

    agree(torch, program)


REFUSED = [
    "L.nn.functional.relu6(L.tensor([1, 2]) > 1)",
    "L.nn.functional.elu(L.tensor([1, 2]))",
    "L.nn.functional.silu(L.tensor([1, 2]))",
    "L.nn.functional.gelu(L.tensor([1, 2]))",
    "L.nn.functional.gelu(L.ones(2), approximate='erf')",
    "L.nn.functional.celu(L.ones(2), alpha=0)",
    "L.nn.functional.hardtanh(L.ones(2), 1.0, -1.0)",
    "L.nn.functional.prelu(L.ones(2, 3), L.ones(2))",
]


@pytest.mark.parametrize("line", REFUSED)
def test_activations_refuse_what_pytorch_refuses(torch: Any, line: str) -> None:
    theirs = outcome(expression(line), torch, ())
    assert isinstance(theirs, Exception), f"PyTorch gave {theirs!r:.200}"
    assert not (found := difference(theirs, outcome(expression(line), minigrad, ()))), found
