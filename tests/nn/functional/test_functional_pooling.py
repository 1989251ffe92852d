"""Pooling against PyTorch: generated geometries, dtypes, layouts and ties, values, indices, orders 1 and 2."""

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
def pools(draw: Any) -> Any:
    """(number of dimensions, images of few different numbers, window, options that both kinds of pool take)."""
    dims = draw(st.sampled_from([1, 2, 2, 2, 3]))
    window = tuple(draw(st.integers(1, 3)) for _ in range(dims))
    stride = draw(st.one_of(st.none(), st.tuples(*[st.integers(1, 3)] * dims)))
    padding = tuple(draw(st.integers(0, f // 2)) for f in window)
    size = [f + draw(st.integers(0, 4)) for f in window]
    shape = (draw(st.sampled_from([1, 2, 0])), draw(st.integers(1, 3)), *size)
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    x = random.integers(-2, 3, shape).astype(draw(st.sampled_from(["float64", "float32"])))
    if draw(st.booleans()):
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
    return dims, x, window, {"stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}


@generated
@given(pools(), st.data())
def test_max_pool_agrees_to_order_2_ties_included(torch: Any, drawn: Any, data: Any) -> None:
    dims, x, window, options = drawn
    dilation = data.draw(st.sampled_from([1, 1, 2]))
    assume(all(n + 2 * p > dilation * (f - 1) for n, p, f in zip(x.shape[2:], options["padding"], window, strict=True)))

    def call(L: Any, x: Any) -> Any:
        pool = getattr(L.nn.functional, f"max_pool{dims}d")
        indexed = pool(x, window, dilation=dilation, return_indices=True, **options)
        return pool(x, window, dilation=dilation, **options), *indexed

    agree(torch, differentiated(call), x)


@generated
@given(pools(), st.booleans(), st.sampled_from([None, 1, 5]))
def test_avg_pool_agrees_to_order_2(torch: Any, drawn: Any, counted: bool, divisor: Any) -> None:
    dims, x, window, options = drawn
    options = {**options, "count_include_pad": counted, **({"divisor_override": divisor} if dims > 1 else {})}
    agree(torch, differentiated(lambda L, x: getattr(L.nn.functional, f"avg_pool{dims}d")(x, window, **options)), x)


@generated
@given(pools(), st.data())
def test_adaptive_pools_agree_to_order_2(torch: Any, drawn: Any, data: Any) -> None:
    dims, x, _, _ = drawn
    size = [data.draw(st.sampled_from([1, 2, 3, n, 2 * n])) for n in x.shape[2:]]

    def call(L: Any, x: Any) -> Any:
        average = getattr(L.nn.functional, f"adaptive_avg_pool{dims}d")(x, size)
        return average, *getattr(L.nn.functional, f"adaptive_max_pool{dims}d")(x, size, return_indices=True)

    agree(torch, differentiated(call), x)


@generated
@given(pools(), st.integers(0, 2))
def test_unpooling_agrees_to_order_2(torch: Any, drawn: Any, gap: int) -> None:
    dims, x, window, _ = drawn
    x = x if len(x) else np.ones((1, *x.shape[1:]))  # of no images PyTorch's result has a history, ours none
    x = x + np.random.default_rng(0).permutation(x.size).reshape(x.shape).astype(x.dtype) / 1000  # no ties
    stride = tuple(f + gap for f in window)  # windows apart: no place is given twice

    def call(L: Any, x: Any) -> Any:
        pooled, indices = getattr(L.nn.functional, f"max_pool{dims}d")(x, window, stride, return_indices=True)
        return getattr(L.nn.functional, f"max_unpool{dims}d")(pooled, indices, window, stride, output_size=x.shape)

    agree(torch, differentiated(call), x)


def test_nan_wins(torch: Any) -> None:
    x = np.array([[[1.0, np.nan, 3.0, 4.0, np.nan, np.nan, -np.inf, -np.inf]]])
    agree(torch, lambda L, x: L.nn.functional.max_pool1d(L.tensor(x), 2, return_indices=True), x)
    agree(torch, lambda L, x: L.nn.functional.max_pool1d(L.tensor(x), 3, 2, 1, return_indices=True), x)


def test_large_pools_go_over_several_blocks(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from minigrad.kernels import images

    monkeypatch.setattr(images, "BLOCK", 1)
    x = np.random.default_rng(0).integers(-2, 3, (5, 3, 6, 7)).astype(float)
    for stride, padding in ((2, 0), (1, 1), (3, 1)):
        agree(torch, differentiated(lambda L, x, s=stride, p=padding: L.nn.functional.max_pool2d(x, 2, s, p)), x)
        agree(torch, differentiated(lambda L, x, s=stride, p=padding: L.nn.functional.avg_pool2d(x, 2, s, p)), x)


ZEROS = "x = L.zeros(2, 3, 5, 5); "
REFUSED = [
    ZEROS + "L.nn.functional.max_pool2d(x, 6)",
    ZEROS + "L.nn.functional.max_pool2d(x, 2, padding=2)",
    ZEROS + "L.nn.functional.max_pool2d(x, 2, stride=0)",
    ZEROS + "L.nn.functional.max_pool2d(x, 0)",
    ZEROS + "L.nn.functional.max_pool2d(x, 2, padding=-1)",
    ZEROS + "L.nn.functional.max_pool2d(x, (2, 2, 2))",
    ZEROS + "L.nn.functional.max_pool2d(x[0, 0], 2)",
    ZEROS + "L.nn.functional.max_pool2d(x > 0, 2)",
    ZEROS + "L.nn.functional.max_pool2d(x[:, :0], 2)",
    ZEROS + "L.nn.functional.avg_pool2d(x, 6)",
    ZEROS + "L.nn.functional.avg_pool2d(x, 2, divisor_override=0)",
    ZEROS + "L.nn.functional.avg_pool2d(x, 2, padding=2)",
    ZEROS + "L.nn.functional.adaptive_avg_pool2d(x, (2, 2, 2))",
    ZEROS + "L.nn.functional.adaptive_avg_pool2d(x, -1)",
    ZEROS + "L.nn.functional.adaptive_max_pool2d(x[:, :, :0], 2)",
    ZEROS + "L.nn.functional.max_unpool2d(x, x.long()[0], 2)",
    ZEROS + "L.nn.functional.max_unpool2d(x, x.long() + 1000, 2)",
    ZEROS + "L.nn.functional.max_unpool2d(x, x.long(), 2, output_size=(20, 20))",
]


@pytest.mark.parametrize("line", REFUSED)
def test_refuses_what_pytorch_refuses(torch: Any, line: str) -> None:
    theirs = outcome(expression(line), torch, ())
    assert isinstance(theirs, Exception), f"PyTorch gave {theirs!r:.200}"
    assert not (found := difference(theirs, outcome(expression(line), minigrad, ()))), found
