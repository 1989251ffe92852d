"""Starting values: their distribution, and number by number those of PyTorch for the same seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.nn import init

CALLS: dict[str, Any] = {
    "uniform_": lambda init, t, **g: init.uniform_(t, -2.0, 3.0, **g),
    "normal_": lambda init, t, **g: init.normal_(t, 1.0, 2.0, **g),
    "trunc_normal_": lambda init, t, **g: init.trunc_normal_(t, **g),
    "trunc_normal_, narrow": lambda init, t, **g: init.trunc_normal_(t, 0.5, 2.0, -0.5, 0.25, **g),
    "trunc_normal_, off the side": lambda init, t, **g: init.trunc_normal_(t, 0.0, 1.0, 1.0, 1.75, **g),
    "constant_": lambda init, t: init.constant_(t, 0.3),
    "ones_": lambda init, t: init.ones_(t),
    "zeros_": lambda init, t: init.zeros_(t),
    "eye_": lambda init, t: init.eye_(t),
    "dirac_": lambda init, t: init.dirac_(t),
    "dirac_, groups": lambda init, t: init.dirac_(t, 2),
    "xavier_uniform_": lambda init, t, **g: init.xavier_uniform_(t, 2.0, **g),
    "xavier_normal_": lambda init, t, **g: init.xavier_normal_(t, 0.5, **g),
    "kaiming_uniform_": lambda init, t, **g: init.kaiming_uniform_(t, 0.1, **g),
    "kaiming_uniform_, relu": lambda init, t, **g: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu", **g),
    "kaiming_normal_": lambda init, t, **g: init.kaiming_normal_(t, **g),
    "kaiming_normal_, tanh": lambda init, t, **g: init.kaiming_normal_(t, nonlinearity="tanh", mode="FAN_OUT", **g),
    "kaiming_normal_, no mode": lambda init, t: init.kaiming_normal_(t, mode="fan"),
    "kaiming_normal_, no nonlinearity": lambda init, t: init.kaiming_normal_(t, nonlinearity="gelu"),
    "orthogonal_": lambda init, t, **g: init.orthogonal_(t, **g),
    "orthogonal_, gain": lambda init, t, **g: init.orthogonal_(t, 3.0, **g),
    "sparse_": lambda init, t: init.sparse_(t, 0.3),
}
SHAPES = [(), (5,), (4, 4), (3, 7), (30, 5), (4, 3, 5), (4, 6, 3, 3), (2, 2, 2, 2, 2), (0, 3)]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_the_same_seed_gives_pytorchs_numbers(torch: Any, name: str, shape: Any, dtype: str) -> None:
    found: list[Any] = []
    for lib in (minigrad, torch):
        lib.manual_seed(11)
        t = lib.nn.Parameter(lib.from_numpy(np.zeros(shape, dtype)))
        try:
            assert CALLS[name](lib.nn.init, t) is t
            assert t.requires_grad and t.is_leaf
            found.append((t.detach().numpy(), lib.rand(2).tolist()))
        except Exception as error:
            found.append(error)
    mine, theirs = found
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), (mine, theirs)
        return
    if isinstance(mine, Exception):
        raise mine
    assert mine[0].dtype == theirs[0].dtype
    tolerance = {"float32": 2e-6, "float64": 1e-13}[dtype]
    np.testing.assert_allclose(mine[0], theirs[0], rtol=tolerance, atol=tolerance)
    assert mine[1] == theirs[1]  # as many draws were taken


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_", "orthogonal_"]
)
def test_a_generator_of_ones_own(name: str) -> None:
    t = minigrad.zeros(4, 4)
    state = minigrad.get_rng_state().tolist()
    found = [CALLS[name](init, t, generator=minigrad.Generator().manual_seed(3)).tolist() for _ in range(2)]
    assert found[0] == found[1]
    assert minigrad.get_rng_state().tolist() == state


@given(st.integers(2, 20), st.integers(2, 20), st.floats(0.1, 4), st.integers(0, 2**32))
def test_orthogonal_rows_or_columns(rows: int, columns: int, gain: float, seed: int) -> None:
    minigrad.manual_seed(seed)
    q = init.orthogonal_(minigrad.zeros(rows, columns, dtype=minigrad.float64), gain).numpy()
    product = q @ q.T if rows <= columns else q.T @ q
    np.testing.assert_allclose(product, gain**2 * np.eye(min(rows, columns)), atol=1e-10 * gain**2 * 10)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_he_keeps_the_spread_of_relu(mode: str) -> None:
    minigrad.manual_seed(0)
    weight = init.kaiming_normal_(minigrad.zeros(400, 100), mode=mode, nonlinearity="relu").numpy()
    fan = {"fan_in": 100, "fan_out": 400}[mode]
    assert weight.std() == pytest.approx(math.sqrt(2 / fan), rel=0.02)
    assert abs(weight.mean()) < 0.02


def test_xavier_keeps_the_spread() -> None:
    minigrad.manual_seed(0)
    for fill in (init.xavier_normal_, init.xavier_uniform_):
        assert fill(minigrad.zeros(300, 100)).numpy().std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)


def test_sparse_columns() -> None:
    minigrad.manual_seed(0)
    t = init.sparse_(minigrad.zeros(10, 6), sparsity=0.35, std=2.0).numpy()
    assert (t == 0).sum(0).tolist() == [4] * 6


def test_truncation_holds() -> None:
    minigrad.manual_seed(0)
    t = init.trunc_normal_(minigrad.zeros(2000), std=1.0, a=-0.5, b=1.5).numpy()
    assert t.min() >= -0.5 and t.max() <= 1.5
    with pytest.warns(UserWarning, match="more than 2 std"):
        t = init.trunc_normal_(minigrad.zeros(100), a=3.0, b=3.5).numpy()
    assert t.min() >= 3 and t.max() <= 3.5


@pytest.mark.parametrize("name", [*init.GAINS, "leaky_relu", "gelu"])
@pytest.mark.parametrize("param", [None, 0.2, 1, True, "x"])
def test_gains_as_pytorch(torch: Any, name: str, param: Any) -> None:
    try:
        expected = torch.nn.init.calculate_gain(name, param)
    except Exception as error:
        with pytest.raises(type(error)):
            init.calculate_gain(name, param)
    else:
        assert init.calculate_gain(name, param) == pytest.approx(expected, rel=1e-15)


def test_fans() -> None:
    assert init._calculate_fan_in_and_fan_out(minigrad.zeros(5, 3)) == (3, 5)
    assert init._calculate_fan_in_and_fan_out(minigrad.zeros(5, 3, 2, 4)) == (24, 40)
    with pytest.raises(ValueError, match=r"fewer than 2 dimensions, got shape \[5\]"):
        init._calculate_fan_in_and_fan_out(minigrad.zeros(5))


def test_nothing_to_fill_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(minigrad.zeros(0, 3))


def test_a_write_is_noticed_by_what_saved_the_old_values() -> None:
    for fill in (init.orthogonal_, init.eye_, lambda t: init.sparse_(t, 0.5), init.trunc_normal_, init.ones_):
        w = minigrad.ones(2, 2, requires_grad=True)
        out = (w * w).sum()
        fill(w)
        with pytest.raises(RuntimeError, match="modified by an in-place operation"):
            out.backward()
