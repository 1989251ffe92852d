"""linear: every shape it takes, and those it refuses, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.nn import functional as F


def arrays(*shapes: Any, dtype: str = "float64") -> list[Any]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (5, 4), (5,)),
        ((3, 4), (5, 4)),
        ((4,), (5, 4), (5,)),
        ((2, 3, 4), (5, 4), (5,)),
        ((0, 4), (5, 4), (5,)),
        ((3, 0), (5, 0), (5,)),
        ((3, 4), (4,)),
        ((3, 4), (5, 4), (1,)),
        ((3, 4), (5, 4), (3, 5)),
        ((3, 4), (5, 4), ()),
        ((3, 4), (5, 3)),
        ((3, 4), (5, 4), (4,)),
        ((3, 4), (4,), (1,)),
        ((), (5, 4)),
        ((3, 4), ()),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_as_pytorch(compare: Any, shapes: Any, dtype: str) -> None:
    compare(lambda lib, *tensors: lib.nn.functional.linear(*tensors), *arrays(*shapes, dtype=dtype))


@pytest.mark.parametrize("dtypes", [("f4", "f8", "f8"), ("f8", "f4", "f4"), ("f4", "f4", "f8"), ("i8", "f4", "f4")])
def test_mixed_dtypes_as_pytorch(compare: Any, dtypes: Any) -> None:
    given = [a.astype(d) for a, d in zip(arrays((3, 4), (5, 4), (5,)), dtypes, strict=True)]
    compare(lambda lib, *tensors: lib.nn.functional.linear(*tensors), *given)


def test_it_is_the_sum_of_products() -> None:
    x, w, b = arrays((2, 3), (4, 3), (4,))
    found = F.linear(*map(minigrad.from_numpy, (x, w, b)))
    expected = [[sum(x[n, i] * w[o, i] for i in range(3)) + b[o] for o in range(4)] for n in range(2)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_half_precision_stays() -> None:
    x, w, b = (minigrad.from_numpy(a.astype("f2")).requires_grad_() for a in arrays((2, 3), (4, 3), (4,)))
    out = F.linear(x, w, b)
    out.sum().backward()
    assert out.dtype is x.grad.dtype is w.grad.dtype is b.grad.dtype is minigrad.float16


def test_the_message_names_both_shapes() -> None:
    with pytest.raises(RuntimeError, match=r"\(3, 4\).*\(5, 2\)"):
        F.linear(minigrad.from_numpy(np.ones((3, 4))), minigrad.from_numpy(np.ones((5, 2))))
