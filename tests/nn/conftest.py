"""`compare`: one call made on minigrad and on PyTorch, whose results, gradients, warnings or errors must agree."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad

TOLERANCE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}


class Outcome:
    """What one library made of a call."""

    def __init__(self, library: Any, call: Callable[..., Any], arrays: tuple[Any, ...]) -> None:
        self.error: Exception | None = None
        self.value: Any = None
        self.gradients: list[Any] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of NaN and infinities that both libraries give
            try:
                self.run(library, call, arrays)
            except Exception as error:
                self.error = error
        self.warned = {w.category for w in caught}

    def run(self, library: Any, call: Callable[..., Any], arrays: tuple[Any, ...]) -> None:
        tensors = []
        for a in arrays:
            t = library.from_numpy(np.array(a))
            tensors.append(t.requires_grad_() if t.is_floating_point() else t)
        out = call(library, *tensors)
        self.value = out.detach().numpy()
        if out.requires_grad:
            upstream = np.random.default_rng(0).uniform(0.5, 1.5, self.value.shape).astype(self.value.dtype)
            out.backward(library.from_numpy(np.asarray(upstream)))
        self.gradients = [None if t.grad is None else t.grad.numpy() for t in tensors]


def check_equal(mine: Any, theirs: Any, tolerance: float) -> None:
    assert (mine is None) == (theirs is None)
    if mine is not None:
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="session")
def compare(torch: Any) -> Callable[..., None]:
    """compare(call, *arrays): `call(library, *tensors)` on both; floating-point tensors want gradients.

    The tolerance is that of the least precise array, unless given.
    """

    def run(call: Callable[..., Any], *arrays: Any, tolerance: float | None = None) -> None:
        mine, theirs = Outcome(minigrad, call, arrays), Outcome(torch, call, arrays)
        if theirs.error is not None:
            assert mine.error is not None, f"PyTorch raised {theirs.error!r}, minigrad gave {mine.value!r}"
            wanted = type(theirs.error)
            if wanted is NotImplementedError:  # PyTorch's word for a dtype that it has no kernel for
                wanted = RuntimeError
            assert isinstance(mine.error, wanted), f"PyTorch raised {theirs.error!r}, minigrad {mine.error!r}"
            return
        if mine.error is not None:
            raise mine.error
        assert mine.warned == theirs.warned
        if tolerance is None:
            tolerance = max(TOLERANCE.get(str(np.asarray(a).dtype), 0) for a in (*arrays, theirs.value))
        check_equal(mine.value, theirs.value, tolerance)
        for g, h in zip(mine.gradients, theirs.gradients, strict=True):
            check_equal(g, h, tolerance)

    return run
