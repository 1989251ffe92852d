"""Products cut into pieces are the products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import products
from minigrad.kernels.threads import blas


@st.composite
def matrices(draw: Any) -> Any:
    """a (n, k), b (k, m), c (n, m) of whole numbers, whose products are exact; rows or columns first in memory."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    n, k, m = draw(st.integers(1, 200)), draw(st.integers(1, 12)), draw(st.integers(1, 12))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    found = [rng.integers(-9, 10, shape).astype(dtype) for shape in ((n, k), (k, m), (n, m))]
    return [np.asfortranarray(x) if draw(st.booleans()) else x for x in found]


@pytest.fixture(scope="module", params=[True, False], ids=["in pieces", "whole"])
def small(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "has_small_products", request.param)
        patch.setattr(products, "MOST", 300)
        patch.setattr(products, "FEWEST", 2)
        patch.setattr(products, "COLUMNS", 2)
        yield request.param


@given(matrices())
def test_tall(small: bool, case: Any) -> None:
    a, b, out = case
    wanted = np.einsum("nk,km->nm", a, b)
    assert products.tall(a, b, out) is out
    np.testing.assert_array_equal(out, wanted)


@given(matrices())
def test_crossed(small: bool, case: Any) -> None:
    a, _, c = case
    found = products.crossed(a, c)
    np.testing.assert_array_equal(found, np.einsum("nk,nm->km", a, c))
    assert found.dtype == a.dtype


def test_pieces_have_at_most_so_many_multiplications(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    original = np.matmul

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

        def matmul(self, a: Any, b: Any, **options: Any) -> Any:
            seen.append((*a.shape, b.shape[-1]))
            return original(a, b, **options)

    monkeypatch.setattr(products, "np", Watched())
    monkeypatch.setattr(products, "MOST", 10**6)
    monkeypatch.setattr(products, "FEWEST", 16)
    monkeypatch.setattr(products, "COLUMNS", 16)
    a, b, c = np.ones((2352, 145), np.float32), np.ones((145, 16), np.float32), np.ones((2352, 16), np.float32)
    for is_small in (True, False):
        monkeypatch.setattr(blas, "has_small_products", is_small)
        products.tall(a, b, c)
        products.crossed(a, c)
    assert all(np.prod(shape[-3:]) <= products.MOST for shape in seen[:2])
    assert seen[2:] == [(2352, 145, 16), (145, 2352, 16)]
    assert (c == 145).all()
