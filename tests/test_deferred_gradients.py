"""Gradients that are computed while a convolution reads them are those of one operation after the other.

The engine defers where nothing but the next node refers to a result; whoever looks between two operations turns it off,
so the same network with its results kept alive gives the reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor
from minigrad.errors import GraphError
from minigrad.kernels import columns, images
from minigrad.kernels.images import Deferred
from minigrad.nn import functional as F


@st.composite
def networks(draw: Any) -> Any:
    """(arrays, options): an image batch, two convolutions' parameters, where there is a ReLU and what pools."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    dtype = draw(st.sampled_from((np.float64, np.float32)))
    groups = draw(st.sampled_from((1, 1, 2)))
    channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    count, side = draw(st.integers(1, 4)), draw(st.integers(4, 9))
    shapes = (count, channels, side, side), (filters, channels // groups, 3, 3), (filters,), (2, filters, 2, 2), (2,)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    options = {
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.integers(0, 3)),
        "dilation": draw(st.integers(1, 2)) if side > 5 else 1,
        "groups": groups,
    }
    pool = draw(st.sampled_from((None, (2, 2, 0), (2, 1, 0), (3, 2, 1))))
    return arrays, options, pool, draw(st.booleans()), draw(st.booleans())


def gradients(case: Any, keep: list[Tensor] | None = None) -> list[Any]:
    """Of all parameters, and of the images if asked for; `keep` takes the results between."""
    arrays, options, pool, by_input, rectified = case
    x, w1, b1, w2, b2 = (minigrad.tensor(a, requires_grad=bool(i) or by_input) for i, a in enumerate(arrays))

    def seen(t: Tensor) -> Tensor:
        if keep is not None:
            keep.append(t)
        return t

    y = seen(F.relu(seen(F.conv2d(x, w1, b1, **options))))
    if pool and min(y.shape[2:]) >= pool[0]:
        window, stride, padding = pool
        y = seen(F.max_pool2d(y, window, stride, padding))
    y = seen(F.conv2d(y, w2, b2, padding=1))
    if rectified:
        y = seen(F.relu(y))
    (y * y).sum().backward()
    return [p.grad.numpy() for p in (x, w1, b1, w2, b2) if p.grad is not None]


@pytest.fixture(scope="module", params=[1 << 10, None], ids=["small blocks", "one block"])
def block(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            for module in (columns, images):
                patch.setattr(module, "BLOCK", request.param)
        yield


@pytest.mark.usefixtures("block")
@given(networks())
def test_deferred_is_as_one_by_one(case: Any) -> None:
    kept: list[Tensor] = []
    wanted = gradients(case, kept)
    tolerance = 1e-9 if wanted[0].dtype == np.float64 else 2e-4
    for found, reference in zip(gradients(case), wanted, strict=True):
        assert found.dtype == reference.dtype
        np.testing.assert_allclose(found, reference, rtol=tolerance, atol=tolerance)


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was deferred, by class, each time that it is read."""
    found: list[str] = []
    for kind in Deferred.__subclasses__():
        original = kind.fill

        def fill(self: Any, *args: Any, original: Any = original) -> None:
            found.append(type(self).__name__)
            original(self, *args)

        monkeypatch.setattr(kind, "fill", fill)
    return found


def layers() -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    shapes = (2, 1, 6, 6), (3, 1, 3, 3), (3,)
    x, w, b = (minigrad.tensor(rng.normal(size=s)) for s in shapes)
    return x, w.requires_grad_(), b.requires_grad_()


def test_pool_and_relu_are_deferred_to_the_convolution(filled: list[str]) -> None:
    x, w, b = layers()
    F.relu(F.conv2d(x, w, b)).sum().backward()
    assert filled == []  # a sum's gradient is spread out, not as the images are in memory
    F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2).sum().backward()
    assert filled == ["MaxPoolGradient"]  # which does the ReLU's part
    filled.clear()
    F.conv2d(F.relu(F.conv2d(x, w, b)), minigrad.ones(1, 3, 2, 2, dtype=w.dtype)).sum().backward()
    assert filled == ["ReluGradient"]


def test_who_looks_between_sees_whole_gradients() -> None:
    x, w, b = layers()
    c = F.conv2d(x, w, b)
    r = F.relu(c)
    by_c, by_r = minigrad.autograd.grad(F.max_pool2d(r, 2).sum(), [c, r])
    seen: list[Tensor] = []
    for depth in (1, 2):
        y = F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2)
        node: Any = y.grad_fn
        for _ in range(depth):
            node = node.next_functions[0][0]
        node.register_prehook(lambda grads: seen.append(grads[0]))
        y.sum().backward()
    np.testing.assert_array_equal(seen[0].numpy(), by_r.numpy())
    np.testing.assert_array_equal(seen[1].numpy(), by_c.numpy())


def test_other_readers_add_their_gradients() -> None:
    x, w, b = layers()

    def gradient(of_convolution: float, of_relu: float) -> Any:
        w.grad = None
        c = F.conv2d(x, w, b)
        r = F.relu(c)
        loss = F.max_pool2d(r, 2).sum() + of_convolution * c.sum() + of_relu * r.sum()
        del c, r
        loss.backward()
        return w.grad.numpy().copy()  # type: ignore[union-attr]

    none = gradient(0, 0)
    np.testing.assert_allclose(gradient(2, 3) - none, 2 * (gradient(1, 0) - none) + 3 * (gradient(0, 1) - none))


def test_walks_that_look_closer_defer_nothing(filled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[str] = []
    original = Deferred.array
    monkeypatch.setattr(Deferred, "array", lambda self: (whole.append(type(self).__name__), original(self))[1])
    x, w, b = layers()
    with minigrad.autograd.detect_anomaly():
        F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2).sum().backward()
    assert filled == whole == ["MaxPoolGradient"]
    minigrad.autograd.grad(F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2).sum(), [w, b], create_graph=True)
    assert len(filled) == 1


def test_gradients_by_some_inputs_are_deferred_too(filled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, b = layers()
    y = F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2).sum()
    wanted = minigrad.autograd.grad(y, [w, b], create_graph=True)
    monkeypatch.delattr(Deferred, "array")
    found = minigrad.autograd.grad(y, [w, b])
    assert filled == ["MaxPoolGradient"]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-6)


def test_a_value_written_before_backward_is_still_noticed() -> None:
    x, w, b = layers()
    r = F.relu(F.conv2d(x, w, b))
    y = F.max_pool2d(r, 2).sum()
    r.detach().mul_(2)
    del r
    with pytest.raises(GraphError, match="modified by an in-place operation"):
        y.backward()


def test_a_graph_that_is_retained_can_be_walked_again() -> None:
    x, w, b = layers()
    y = F.max_pool2d(F.relu(F.conv2d(x, w, b)), 2).sum()
    y.backward(retain_graph=True)
    first = w.grad.clone()  # type: ignore[union-attr]
    y.backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * first.numpy())  # type: ignore[union-attr]
    with pytest.raises(GraphError, match="second time"):
        y.backward()
