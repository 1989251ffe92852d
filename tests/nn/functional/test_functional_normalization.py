"""Normalisation, borders and resizing against PyTorch: generated shapes, dtypes and layouts, orders 1 and 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import minigrad
from tests.agreement import agree, difference, differentiated, expression, outcome

generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@st.composite
def samples(draw: Any, least: int = 0) -> Any:
    """(x (N, C, ...), weight (C), bias (C)) of one dtype, in one of two memory layouts."""
    channels = draw(st.sampled_from([1, 2, 4]))
    shape = (draw(st.integers(2, 4)), channels, *draw(st.lists(st.integers(1, 4), min_size=least, max_size=3)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    x, weight, bias = (random.normal(1, 2, s).astype(dtype) for s in (shape, channels, channels))
    if draw(st.booleans()):
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
    return x, weight, bias


@generated
@given(samples(), st.booleans(), st.sampled_from([0.0, 0.1, 1.0]))
def test_batch_norm_agrees_to_order_2(torch: Any, drawn: Any, affine: bool, momentum: float) -> None:
    x, weight, bias = drawn

    def call(L: Any, x: Any, w: Any, b: Any) -> Any:
        mean, var = L.zeros(x.shape[1], dtype=x.dtype), L.ones(x.shape[1], dtype=x.dtype)
        pair = (w, b) if affine else (None, None)
        trained = L.nn.functional.batch_norm(x, mean, var, *pair, True, momentum, 0.1)
        return trained, L.nn.functional.batch_norm(x, mean.clone(), var.clone(), *pair, False), mean, var

    agree(torch, differentiated(call), x, weight, bias)


@generated
@given(samples(1), st.data())
def test_layer_and_group_norm_agree_to_order_2(torch: Any, drawn: Any, data: Any) -> None:
    x, weight, bias = drawn
    assume(x.shape[-1] > 1)
    groups = data.draw(st.sampled_from([n for n in (1, 2, 4) if x.shape[1] % n == 0]))
    row = np.random.default_rng(0).normal(size=(2, x.shape[-1])).astype(x.dtype)

    def call(L: Any, x: Any, w: Any, b: Any, row: Any) -> Any:
        layered = L.nn.functional.layer_norm(x, x.shape[-1:], row[0], row[1], 0.1)
        return layered, L.nn.functional.group_norm(x, groups, w, b, 0.1)

    agree(torch, differentiated(call), x, weight, bias, row)


@generated
@given(samples(1), st.integers(1, 5))
def test_local_response_norm_agrees_to_order_2(torch: Any, drawn: Any, size: int) -> None:
    call = lambda L, x: L.nn.functional.local_response_norm(x, size, alpha=0.3, beta=0.6, k=1.5)  # noqa: E731
    agree(torch, differentiated(call), drawn[0])


def test_batch_norm_keeps_precision_far_from_zero(torch: Any) -> None:
    x = np.random.default_rng(0).normal(1000, 1, (64, 3, 8, 8))
    exact = torch.nn.functional.batch_norm(torch.tensor(x), None, None, None, None, True).numpy()
    x = minigrad.tensor(x, dtype=minigrad.float32)
    assert np.abs(minigrad.nn.functional.batch_norm(x, None, None, training=True).numpy() - exact).max() < 2e-3


@generated
@given(samples(1), st.sampled_from(["constant", "reflect", "replicate", "circular"]), st.data())
def test_pad_agrees_to_order_2(torch: Any, drawn: Any, mode: str, data: Any) -> None:
    x = drawn[0]
    dims = data.draw(st.integers(1, min(3, x.ndim - 2)))
    widths = data.draw(st.lists(st.integers(-1, 3), min_size=2 * dims, max_size=2 * dims))
    if mode != "constant":  # PyTorch's other borders take negative widths, but not everywhere
        widths = [max(0, w) for w in widths]
    agree(torch, differentiated(lambda L, x: L.nn.functional.pad(x, widths, mode)), x)


@generated
@given(samples(2), st.sampled_from(["nearest", "bilinear"]), st.booleans(), st.data())
def test_interpolate_agrees_to_order_2(torch: Any, drawn: Any, mode: str, corners: bool, data: Any) -> None:
    x = drawn[0]
    assume(x.ndim == 4)
    if data.draw(st.booleans()):
        options: dict[str, Any] = {"size": [data.draw(st.integers(1, 7)) for _ in range(2)]}
    else:
        options = {"scale_factor": data.draw(st.sampled_from([2, 3.0, 1.5, (2, 1), (1, 2.5)]))}
    if mode == "bilinear":
        options["align_corners"] = corners
    agree(torch, differentiated(lambda L, x: L.nn.functional.interpolate(x, mode=mode, **options)), x)


ZEROS = "x = L.zeros(2, 4, 5, 5); "
REFUSED = [
    ZEROS + "L.nn.functional.batch_norm(x, None, None)",
    ZEROS + "L.nn.functional.batch_norm(x, L.zeros(3), L.ones(4), training=True)",
    ZEROS + "L.nn.functional.batch_norm(x, None, None, L.zeros(3), training=True)",
    ZEROS + "L.nn.functional.batch_norm(x[:1, :, 0, 0], None, None, training=True)",
    ZEROS + "L.nn.functional.batch_norm(x.long(), None, None, training=True)",
    ZEROS + "L.nn.functional.layer_norm(x, (4,))",
    ZEROS + "L.nn.functional.layer_norm(x, (5,), L.zeros(4))",
    ZEROS + "L.nn.functional.group_norm(x, 3)",
    ZEROS + "L.nn.functional.local_response_norm(x[0, 0], 2)",
    ZEROS + "L.nn.functional.pad(x, (1, 1, 1))",
    ZEROS + "L.nn.functional.pad(x, (1,) * 10)",
    ZEROS + "L.nn.functional.pad(x, (1, 1), 'mirror')",
    ZEROS + "L.nn.functional.pad(x, (5, 1), 'reflect')",
    ZEROS + "L.nn.functional.pad(x, (6, 1), 'circular')",
    ZEROS + "L.nn.functional.pad(x, (-3, -3))",
    ZEROS + "L.nn.functional.interpolate(x)",
    ZEROS + "L.nn.functional.interpolate(x, 3, 2)",
    ZEROS + "L.nn.functional.interpolate(x, (3, 3, 3))",
    ZEROS + "L.nn.functional.interpolate(x, 3, mode='linear')",
    ZEROS + "L.nn.functional.interpolate(x, 3, align_corners=True)",
    ZEROS + "L.nn.functional.interpolate(x, 0)",
    ZEROS + "L.nn.functional.dropout2d(x, 1.5)",
    ZEROS + "L.nn.functional.dropout1d(x)",
]


@pytest.mark.parametrize("line", REFUSED)
def test_refuses_what_pytorch_refuses(torch: Any, line: str) -> None:
    theirs = outcome(expression(line), torch, ())
    assert isinstance(theirs, Exception), f"PyTorch gave {theirs!r:.200}"
    assert not (found := difference(theirs, outcome(expression(line), minigrad, ()))), found


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_channel_dropout_draws_as_pytorch(torch: Any, name: str) -> None:
    shape = (3, 8, *(2,) * int(name[-2]))

    def call(L: Any) -> Any:
        L.manual_seed(3)
        drop = getattr(L.nn.functional, name)
        return drop(L.ones(shape), 0.3), drop(L.ones(shape), 0.5, training=False), drop(L.ones(shape), 1.0)

    agree(torch, call)
