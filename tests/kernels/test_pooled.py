"""A convolution and its pool in one pass are the two kernels one after the other, winners and gradients too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import columns, convolution, pooled, pooling
from minigrad.kernels.images import Geometry


@st.composite
def cases(draw: Any) -> Any:
    """(x, weight, bias, geometry, pool, size): whole numbers, whose products are exact and whose windows have ties."""
    dims = draw(st.sampled_from((1, 2, 2, 3)))
    each = st.tuples(*[st.integers(1, 4 if dims == 2 else 3)] * dims)
    window, pool = draw(each), draw(each)
    stride, padding, dilation = (draw(st.tuples(*[st.integers(least, 2)] * dims)) for least in (1, 0, 1))
    if draw(st.booleans()):
        dilation = (1,) * dims
    geometry = Geometry(stride, padding, dilation)
    extent = tuple(f + draw(st.integers(0, 8 if dims < 3 else 3)) for f in geometry.spans(window))
    size = tuple(n // p for n, p in zip(geometry.output(extent, window), pool, strict=True))
    if not all(size):
        pool, size = (1,) * dims, geometry.output(extent, window)
    count, channels, filters = draw(st.integers(1, 5)), draw(st.sampled_from((1, 1, 2, 3))), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    shapes = (count, channels, *extent), (filters, channels, *window), (filters,)
    x, weight, bias = (rng.integers(-2, 3, shape).astype(dtype) for shape in shapes)
    if draw(st.booleans()):
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x, weight, bias if draw(st.booleans()) else None, geometry, pool, size, rng


def one_by_one(case: Any, rectified: bool) -> tuple[Any, Any, Any]:
    """The pool's result, what it read, and its geometry."""
    x, weight, bias, geometry, pool, size, _ = case
    between = convolution.convolve(x, weight, bias, geometry, rectified)
    apart = Geometry(pool, (0,) * len(pool), (1,) * len(pool))
    return pooling.max_pool(between, pool, size, apart), between, apart


@pytest.fixture(scope="module", params=[1 << 9, None], ids=["small blocks", "one block"])
def block(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            patch.setattr(columns, "BLOCK", request.param)
            patch.setattr(columns, "SMALL", 1)
        yield


@pytest.mark.usefixtures("block")
@given(cases(), st.booleans())
def test_one_pass_is_as_one_by_one(case: Any, rectified: bool) -> None:
    *arguments, pool, size, rng = case
    winners = pooling.Winners()
    found = pooled.convolve(*arguments, rectified, pool, size, winners)
    wanted, between, apart = one_by_one(case, rectified)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(pooled.convolve(*arguments, rectified, pool, size), wanted)
    g = rng.integers(-3, 4, found.shape).astype(found.dtype)
    by_one, by_other = (pooling.MaxPoolGradient(g, between, wanted, pool, apart, w) for w in (winners, None))
    np.testing.assert_array_equal(by_one.array(), by_other.array())
    assert by_one.rectify(between)
    assert by_other.rectify(between)
    if rectified:
        np.testing.assert_array_equal(by_one.array(), by_other.array())


@pytest.mark.usefixtures("block")
@given(cases(), st.booleans())
def test_the_gradient_of_a_wide_convolution(case: Any, biased: bool) -> None:
    x, weight, bias, geometry, pool, size, rng = case
    winners = pooling.Winners()
    found = pooled.convolve(x, weight, bias, geometry, True, pool, size, winners)
    assert (winners.wide is None) == (pooled.wide(weight.shape, geometry, pool) is None)
    if winners.wide is None:
        return
    g = rng.integers(-3, 4, found.shape).astype(found.dtype)
    _, between, apart = one_by_one(case, True)
    gradient = pooling.MaxPoolGradient(g, between, found, pool, apart, winners)
    assert gradient.rectify(between)
    by_weight, by_bias = pooled.weight_and_bias_gradient(gradient, winners, x, len(weight), biased)
    wanted = convolution.weight_and_bias_gradient(gradient.array(), x, weight.shape[2:], geometry, biased)
    np.testing.assert_array_equal(by_weight, wanted[0])
    assert by_weight.dtype == x.dtype
    assert (by_bias is None) == (not biased)
    if biased:
        np.testing.assert_array_equal(by_bias, wanted[1])  # type: ignore[arg-type]


@given(cases(), st.sampled_from((np.nan, np.inf, -np.inf)), st.booleans())
def test_what_is_not_finite_stays_where_it_is(case: Any, number: float, rectified: bool) -> None:
    *arguments, pool, size, rng = case
    x = arguments[0]
    x[tuple(rng.integers(x.shape))] = number
    with np.errstate(invalid="ignore"):
        winners = pooling.Winners()
        found = pooled.convolve(*arguments, rectified, pool, size, winners)
        wanted, between, apart = one_by_one(case, rectified)
        np.testing.assert_array_equal(found, wanted)
        g = np.ones_like(found)
        by_one, by_other = (
            pooling.MaxPoolGradient(g, between, wanted, pool, apart, w).array() for w in (winners, None)
        )
        np.testing.assert_array_equal(by_one, by_other)


def test_wide_ones_only_where_they_pay() -> None:
    plain = Geometry((1, 1), (0, 0), (1, 1))
    whole = pooled.wide((30, 1, 5, 5), plain, (2, 2))
    assert whole is not None
    assert whole.window == (6, 6)
    assert whole.geometry.stride == (2, 2)
    assert pooled.wide((30, 2, 5, 5), plain, (2, 2)) is None
    assert pooled.wide((30, 1, 1, 1), plain, (2, 2)) is None
    assert pooled.wide((30, 1, 5, 5), plain._replace(dilation=(2, 2)), (2, 2)) is None
