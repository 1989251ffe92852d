"""Which element of a window wins, and that its gradient is the same whether `max_pool` noted it or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import pooling
from minigrad.kernels.images import Geometry


@st.composite
def cases(draw: Any) -> Any:
    """(x, window, size, geometry, rng): few different numbers, so that many windows have several largest; some NaN."""
    dims = draw(st.integers(1, 2))
    each = st.tuples(*[st.integers(1, 3)] * dims)
    window, stride, dilation = draw(each), draw(each), draw(each)
    padding = tuple(draw(st.integers(0, f // 2)) for f in window)
    geometry = Geometry(stride, padding, dilation)
    extent = tuple(f + draw(st.integers(0, 4)) for f in geometry.spans(window))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    x = rng.integers(-1, 3, (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *extent)).astype(np.float32)
    if draw(st.booleans()):
        x[rng.random(x.shape) < 0.1] = np.nan
    return x, window, geometry.output(extent, window), geometry, rng


@given(cases())
def test_what_is_noted_is_what_would_be_found(case: Any) -> None:
    x, window, size, geometry, rng = case
    winners = pooling.Winners()
    out = pooling.max_pool(x, window, size, geometry, winners)
    np.testing.assert_array_equal(out, pooling.max_pool(x, window, size, geometry))
    g = rng.normal(size=out.shape).astype(np.float32)
    noted, found = (pooling.MaxPoolGradient(g, x, out, window, geometry, w).array() for w in (winners, None))
    np.testing.assert_array_equal(noted, found)


@given(cases())
def test_every_window_has_one_winner(case: Any) -> None:
    x, window, size, geometry, rng = case
    winners = pooling.Winners()
    out = pooling.max_pool(x, window, size, geometry, winners)
    assert (winners.found.sum(0) == 1).all()
    back = pooling.MaxPoolGradient(np.ones_like(out), x, out, window, geometry, winners).array()
    wanted = np.zeros((*x.shape[:2], x[0, 0].size), x.dtype)
    index = pooling.max_pool_indices(x, window, size, geometry).reshape(*x.shape[:2], -1)
    images, channels, _ = np.indices(index.shape, sparse=True)
    np.add.at(wanted, (images, channels, index), 1)
    np.testing.assert_array_equal(back, wanted.reshape(x.shape))
