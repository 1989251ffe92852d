"""The three kernels of a convolution are adjoint to each other, and computing both gradients at once changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels import columns, threads
from minigrad.kernels import convolution as kernel
from minigrad.kernels.images import Geometry


@st.composite
def cases(draw: Any) -> Any:
    """(x, weight, geometry, rng): strides above the window and those that share a divisor with the dilation included."""
    dims = draw(st.integers(1, 2))
    groups = draw(st.sampled_from((1, 1, 2)))
    each = st.tuples(*[st.integers(1, 4)] * dims)
    window, stride, dilation = draw(each), draw(each), draw(each)
    padding = draw(st.tuples(*[st.integers(0, 4)] * dims))
    geometry = Geometry(stride, padding, dilation, groups)
    spans = geometry.spans(window)
    size = tuple(max(1, f - 2 * p) + draw(st.integers(0, 5)) for f, p in zip(spans, padding, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    count, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x = rng.normal(size=(count, groups * inputs, *size))
    return x, rng.normal(size=(groups * outputs, inputs, *window)), geometry, rng


@given(cases())
@settings(max_examples=200)
def test_gradients_are_the_adjoints(case: Any) -> None:
    x, weight, geometry, rng = case
    y = kernel.convolve(x, weight, None, geometry)
    g = rng.normal(size=y.shape)
    back = kernel.input_gradient(g, weight, x.shape[2:], geometry)
    by_weight = kernel.weight_gradient(g, x, weight.shape[2:], geometry)
    assert (back.shape, by_weight.shape) == (x.shape, weight.shape)
    np.testing.assert_allclose(
        [(back * x).sum(), (by_weight * weight).sum()], [(y * g).sum()] * 2, rtol=1e-9, atol=1e-9
    )


@given(cases())
@settings(max_examples=200)
def test_gradients_at_once_are_those_one_by_one(case: Any) -> None:
    x, weight, geometry, rng = case
    g = rng.normal(size=kernel.convolve(x, weight, None, geometry).shape)
    back, by_weight, by_bias = kernel.gradients(g, x, weight, geometry, biased=True)
    np.testing.assert_allclose(back, kernel.input_gradient(g, weight, x.shape[2:], geometry), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        by_weight, kernel.weight_gradient(g, x, weight.shape[2:], geometry), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(by_bias, g.sum(axis=(0, *range(2, g.ndim))), rtol=1e-9, atol=1e-9)
    assert kernel.gradients(g, x, weight, geometry, biased=False)[2] is None


@given(cases(), st.sampled_from((1, 300, 1 << 20)), st.integers(1, 3))
@settings(max_examples=100)
def test_blocks_and_threads_change_nothing(case: Any, block: int, available: int) -> None:
    x, weight, geometry, rng = case
    bias = rng.normal(size=len(weight))
    g = rng.normal(size=kernel.convolve(x, weight, None, geometry).shape)

    def every() -> list[Any]:
        return [
            kernel.convolve(x, weight, bias, geometry, rectified=True),
            kernel.input_gradient(g, weight, x.shape[2:], geometry),
            *kernel.weight_and_bias_gradient(g, x, weight.shape[2:], geometry, biased=True),
            *kernel.gradients(g, x, weight, geometry, biased=True),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads.blas, "threads", lambda: 1)
        expected = every()
        patch.setattr(threads.blas, "threads", lambda: available)
        patch.setattr(columns, "BLOCK", block)
        patch.setattr(columns, "SMALL", 1)
        found, again = every(), every()
    for a, b, c in zip(expected, found, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(b, c)  # whichever thread did what


@given(cases(), st.booleans())
def test_rectified_is_the_relu_of_the_convolution(case: Any, biased: bool) -> None:
    x, weight, geometry, rng = case
    bias = rng.normal(size=len(weight)) if biased else None
    plain = kernel.convolve(x, weight, bias, geometry)
    np.testing.assert_array_equal(kernel.convolve(x, weight, bias, geometry, True), np.maximum(plain, 0))
