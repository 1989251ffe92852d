"""Losses: against their definitions, and call by call against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F

FLOATS = ("float16", "float32", "float64")
REDUCTIONS = ("mean", "sum", "none")


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@st.composite
def classification(draw: Any, dtypes: Any = ("float64",)) -> dict[str, Any]:
    """Logits (N, C, ...), targets (N, ...), and options."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)), *draw(st.lists(st.integers(1, 3), max_size=2)))
    dtype = draw(st.sampled_from(dtypes))
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    ignore_index = draw(st.sampled_from((-100, -1, 0)))
    if ignore_index < 0 and draw(st.booleans()):
        target[rng.random(target.shape) < 0.3] = ignore_index
    return {
        "input": rng.normal(0, 2, shape).astype(dtype),
        "target": target,
        "weight": rng.uniform(0.1, 2, shape[1]).astype(dtype) if draw(st.booleans()) else None,
        "ignore_index": ignore_index,
        "reduction": draw(st.sampled_from(REDUCTIONS)),
        "label_smoothing": draw(st.sampled_from((0.0, 0.0, 0.1, 1.0))),
    }


def naive_cross_entropy(case: dict[str, Any]) -> Any:
    """One target at a time, in plain Python."""
    x, target, weight = case["input"], case["target"], case["weight"]
    n, classes = x.shape[:2]
    smoothing = case["label_smoothing"]
    weight = np.ones(classes) if weight is None else weight
    log_p = np.log(softmax(x))
    losses, used = np.zeros(target.shape), 0.0
    for at in np.ndindex(target.shape):
        t = target[at]
        if t == case["ignore_index"]:
            continue
        row = log_p[(at[0], slice(None), *at[1:])]
        spread = -sum(weight[c] * row[c] for c in range(classes)) / classes
        losses[at] = (1 - smoothing) * -weight[t] * row[t] + smoothing * spread
        used += weight[t]
    if case["reduction"] == "none":
        return losses
    return losses.sum() if case["reduction"] == "sum" else losses.sum() / used if used else math.nan


@given(classification())
def test_cross_entropy_is_its_definition(case: dict[str, Any]) -> None:
    options = {k: v for k, v in case.items() if k not in ("input", "target", "weight")}
    weight = None if case["weight"] is None else minigrad.from_numpy(case["weight"])
    x, t = minigrad.from_numpy(case["input"]), minigrad.from_numpy(case["target"])
    found = F.cross_entropy(x, t, weight, **options)
    np.testing.assert_allclose(found.numpy(), naive_cross_entropy(case), rtol=1e-10, atol=1e-12)


def test_cross_entropy_gradient_is_softmax_minus_one_hot() -> None:
    x = minigrad.tensor([[0.3, 2.9, 4.0], [1.0, -1.0, 0.5]], dtype=minigrad.float64, requires_grad=True)
    F.cross_entropy(x, minigrad.tensor([1, 0])).backward()
    expected = (softmax(x.detach().numpy()) - np.array([[0, 1, 0], [1, 0, 0]])) / 2
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_survives_large_logits(reduction: str) -> None:
    x = minigrad.tensor([[1010.0, 1000.0, 990.0], [-1e4, 1e4, 0.0]])
    found = F.cross_entropy(x, minigrad.tensor([1, 0]), reduction=reduction)
    rows = np.array([10 + math.log1p(math.exp(-10) + math.exp(-20)), 2e4])
    expected = {"none": rows, "sum": rows.sum(), "mean": rows.mean()}[reduction]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@given(classification(FLOATS))
def test_cross_entropy_as_pytorch(compare: Any, case: dict[str, Any]) -> None:
    options = {k: v for k, v in case.items() if k not in ("input", "target", "weight")}
    if case["input"].dtype == np.float16:  # where PyTorch itself rounds after every step
        return

    def call(lib: Any, x: Any) -> Any:
        weight = None if case["weight"] is None else lib.from_numpy(case["weight"])
        return lib.nn.functional.cross_entropy(x, lib.from_numpy(case["target"]), weight, **options)

    compare(call, case["input"])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_keeps_half_precision(reduction: str) -> None:
    x = minigrad.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=minigrad.float16, requires_grad=True)
    loss = F.cross_entropy(x, minigrad.tensor([0, 1]), reduction=reduction)
    loss.sum().backward()
    assert loss.dtype is x.grad.dtype is minigrad.float16
    expected = naive_cross_entropy(
        {
            "input": x.detach().numpy().astype(float),
            "target": np.array([0, 1]),
            "weight": None,
            "ignore_index": -100,
            "reduction": reduction,
            "label_smoothing": 0,
        }
    )
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=3e-3)


@given(classification(("float32", "float64")))
def test_probabilities_as_targets_as_pytorch(compare: Any, case: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    p = softmax(rng.normal(size=case["input"].shape)).astype(case["input"].dtype)

    def call(lib: Any, x: Any, target: Any) -> Any:
        weight = None if case["weight"] is None else lib.from_numpy(case["weight"])
        return lib.nn.functional.cross_entropy(
            x, target, weight, reduction=case["reduction"], label_smoothing=case["label_smoothing"]
        )

    compare(call, case["input"], p)


@given(classification(("float32", "float64")))
def test_nll_loss_as_pytorch(compare: Any, case: dict[str, Any]) -> None:
    def call(lib: Any, x: Any) -> Any:
        weight = None if case["weight"] is None else lib.from_numpy(case["weight"])
        return lib.nn.functional.nll_loss(
            x,
            lib.from_numpy(case["target"]),
            weight,
            ignore_index=case["ignore_index"],
            reduction=case["reduction"],
        )

    compare(call, case["input"])


ONES = np.ones((3, 4), np.float32)
LOGITS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
CLASSES = np.array([0, 1, 2])


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    ("input", "target", "options"),
    [
        (LOGITS, np.array([0, 1]), {}),  # another batch size
        (LOGITS, CLASSES, {"ignore_index": 1}),
        (LOGITS, CLASSES, {"ignore_index": 1, "reduction": "sum"}),
        (LOGITS, CLASSES, {"ignore_index": 3}),
        (LOGITS, np.array([[0], [1], [2]]), {}),
        (LOGITS, CLASSES.astype(np.int32), {}),
        (LOGITS, CLASSES.astype(np.float32), {}),
        (LOGITS, CLASSES.astype(bool), {}),
        (LOGITS, CLASSES.astype(np.uint8), {}),
        (LOGITS, np.array([0, 1, 4]), {}),  # out of bounds
        (LOGITS, np.array([0, 1, -1]), {}),
        (LOGITS, np.array([0, 1, -1]), {"reduction": "none"}),
        (LOGITS, np.array([0, 1, -1]), {"ignore_index": -1}),
        (LOGITS, np.array([0, 1, -1]), {"ignore_index": -1, "reduction": "none"}),
        (LOGITS, np.array([-100] * 3), {}),  # nothing left: NaN
        (LOGITS, np.array([-100] * 3), {"reduction": "sum"}),
        (LOGITS, CLASSES, {"reduction": "average"}),
        (LOGITS, np.zeros((3, 5), int), {}),
        (np.ones(4, np.float32), np.array(1), {}),  # without a batch
        (np.ones(4, np.float32), np.array(7), {}),
        (np.ones(4, np.float32), np.array([1, 2]), {}),
        (np.ones((0, 4), np.float32), np.zeros(0, int), {}),
        (np.ones((0, 4), np.float32), np.zeros(0, int), {"reduction": "sum"}),
        (np.ones((2, 4, 5), np.float32), np.zeros((2, 6), int), {}),
        (np.ones((2, 4, 5, 2), np.float32), np.zeros((2, 5, 3), int), {}),
        (np.ones((2, 4, 5), np.float32), np.full((2, 5), 4), {}),
        (np.ones((3, 4), int), CLASSES, {}),
    ],
)
def test_class_targets_as_pytorch(compare: Any, name: str, input: Any, target: Any, options: Any) -> None:
    def call(lib: Any, x: Any) -> Any:
        return getattr(lib.nn.functional, name)(x, lib.from_numpy(np.array(target)), **options)

    compare(call, input)


@pytest.mark.parametrize(
    ("input", "target", "options"),
    [
        (ONES, ONES, {"ignore_index": 1}),
        (ONES, np.ones((3, 5), np.float32), {}),
        (ONES, np.ones((3, 4), int), {}),
        (ONES, ONES, {"label_smoothing": 1.5}),
        (ONES, ONES.astype(np.float64), {}),
        (np.ones(4, np.float32), np.ones(4, np.float32), {}),
        (np.ones(4, np.float32), np.ones(4, np.float32), {"reduction": "none"}),
        (np.ones((0, 4), np.float32), np.ones((0, 4), np.float32), {}),
    ],
)
def test_probability_targets_as_pytorch(compare: Any, input: Any, target: Any, options: Any) -> None:
    compare(lambda lib, x: lib.nn.functional.cross_entropy(x, lib.from_numpy(np.array(target)), **options), input)


@pytest.mark.parametrize("smoothing", [-0.5, 1.5])
@pytest.mark.parametrize("target", [np.array([0, 1, 2]), ONES])
def test_smoothing_out_of_range_raises(target: Any, smoothing: float) -> None:
    with pytest.raises(RuntimeError, match="label_smoothing must be between 0.0 and 1.0"):
        F.cross_entropy(minigrad.from_numpy(ONES), minigrad.from_numpy(target), label_smoothing=smoothing)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_without_a_batch_one_target_may_have_a_dimension(reduction: str) -> None:
    x = minigrad.tensor([1.0, 2.0, 4.0], requires_grad=True)
    loss = F.nll_loss(x, minigrad.tensor([1]), reduction=reduction)
    loss.backward()
    assert loss.shape == ()
    assert loss.item() == -2
    assert x.grad.tolist() == [0, -1, 0]


@pytest.mark.parametrize(
    "weight", [np.ones(3, np.float32), np.ones((4, 1), np.float32), np.ones(4), np.arange(4.0).astype("f")]
)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_weights_as_pytorch(compare: Any, name: str, weight: Any) -> None:
    def call(lib: Any, x: Any) -> Any:
        return getattr(lib.nn.functional, name)(x, lib.from_numpy(CLASSES), lib.from_numpy(weight))

    compare(call, LOGITS)


def test_shapes_are_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"batch_size \(3\).*batch_size \(2\).*\[3, 4\].*\[2\]"):
        F.cross_entropy(minigrad.from_numpy(ONES), minigrad.tensor([0, 1]))
    with pytest.raises(IndexError, match="Target 4 is out of bounds. The input has 4 classes"):
        F.cross_entropy(minigrad.from_numpy(ONES), minigrad.tensor([0, 4, 1]))
    with pytest.raises(RuntimeError, match="int64 or uint8, but got minigrad.int32"):
        F.nll_loss(minigrad.from_numpy(ONES), minigrad.tensor([0, 1, 2], dtype=minigrad.int32))


def test_ignored_targets_get_no_gradient_even_where_the_input_is_not_finite() -> None:
    x = minigrad.tensor([[-math.inf, 0.0], [0.5, -0.5]], requires_grad=True)
    loss = F.nll_loss(x, minigrad.tensor([-100, 0]))
    loss.backward()
    assert loss.item() == -0.5
    assert x.grad.tolist() == [[0.0, 0.0], [-1.0, 0.0]]


PAIRS = [((3, 4), (3, 4)), ((), ()), ((0,), (0,)), ((3, 1), (3,)), ((3, 2), (3,)), ((4,), (1,))]


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "median"])
@pytest.mark.parametrize("shapes", PAIRS)
@pytest.mark.parametrize(
    "dtypes", [("float32", "float32"), ("float64", "float64"), ("float32", "float64"), ("float32", "int64")]
)
def test_elementwise_losses_as_pytorch(compare: Any, name: str, reduction: str, shapes: Any, dtypes: Any) -> None:
    rng = np.random.default_rng(1)
    x, t = (np.asarray(rng.uniform(0.1, 0.9, shape).astype(dtype)) for shape, dtype in zip(shapes, dtypes, strict=True))
    compare(lambda lib, x, t: getattr(lib.nn.functional, name)(x, t, reduction=reduction), x, t)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_integers_are_refused_as_in_pytorch(compare: Any, name: str) -> None:
    compare(lambda lib, x, t: getattr(lib.nn.functional, name)(x, t), np.array([1, 2]), np.array([1, 3]))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (4,), (3,), (3, 1)])
def test_weighted_elementwise_losses_as_pytorch(compare: Any, name: str, reduction: str, shape: Any) -> None:
    rng = np.random.default_rng(2)
    x, t = rng.uniform(0.1, 0.9, (2, 3, 4))
    weight = rng.uniform(0.5, 2, shape)

    def call(lib: Any, x: Any) -> Any:
        function = getattr(lib.nn.functional, name)
        return function(x, lib.from_numpy(t), weight=lib.from_numpy(weight), reduction=reduction)

    compare(call, x)


@pytest.mark.parametrize("shape", [(4,), (3,), (1,), (3, 1), (3, 4)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_positive_weights_as_pytorch(compare: Any, shape: Any, reduction: str) -> None:
    rng = np.random.default_rng(3)
    x, t, positive = rng.normal(size=(3, 4)), rng.random((3, 4)), rng.uniform(0.5, 2, shape)

    def call(lib: Any, x: Any, t: Any) -> Any:
        function = lib.nn.functional.binary_cross_entropy_with_logits
        return function(x, t, pos_weight=lib.from_numpy(positive), reduction=reduction)

    compare(call, x, t)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy_with_logits"])
def test_differences_at_their_kinks_as_pytorch(compare: Any, name: str) -> None:
    x = np.array([0.0, 1.0, -2.0, 500.0, -500.0, 0.0])
    t = np.array([0.0, 1.0, -2.0, 0.0, 1.0, 1.0])
    compare(lambda lib, x, t: getattr(lib.nn.functional, name)(x, t, reduction="none"), x, t)


def test_binary_cross_entropy_at_its_bounds_as_pytorch(compare: Any) -> None:
    x = np.array([0.0, 0.0, 1.0, 1.0, 1e-30, 0.5])
    t = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.25])
    # PyTorch's cut of the denominator is 1e-12 in single precision.
    compare(lambda lib, x, t: lib.nn.functional.binary_cross_entropy(x, t, reduction="none"), x, t, tolerance=1e-7)


@pytest.mark.parametrize(("x", "t"), [(1.5, 0.5), (-0.1, 0.5), (0.5, 2.0), (0.5, -1.0), (math.nan, 0.5)])
def test_binary_cross_entropy_outside_its_bounds_as_pytorch(compare: Any, x: float, t: float) -> None:
    compare(lambda lib, x, t: lib.nn.functional.binary_cross_entropy(x, t), np.array([x, 0.5]), np.array([t, 0.5]))


@given(st.floats(-40, 40), st.floats(0, 1))
def test_binary_cross_entropy_with_logits_is_that_of_the_sigmoid(x: float, t: float) -> None:
    found = F.binary_cross_entropy_with_logits(
        minigrad.tensor([x], dtype=minigrad.float64), minigrad.tensor([t], dtype=minigrad.float64)
    )
    # -log sigmoid(x) = log(1 + exp(-x))
    expected = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("flags", "reduction"),
    [({"size_average": False}, "sum"), ({"reduce": False}, "none"), ({"size_average": True, "reduce": True}, "mean")],
)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "nll_loss", "cross_entropy", "binary_cross_entropy"])
def test_old_flags_stand_for_a_reduction(name: str, flags: Any, reduction: str) -> None:
    x = minigrad.tensor([[0.25, 0.5], [0.75, 0.125]])
    t = minigrad.tensor([0, 1]) if name in ("nll_loss", "cross_entropy") else minigrad.tensor([[0.5, 0.5], [0.0, 1.0]])
    with pytest.warns(UserWarning, match=f"reduction='{reduction}'"):
        found = getattr(F, name)(x, t, **flags)
    assert found.tolist() == getattr(F, name)(x, t, reduction=reduction).tolist()


def test_half_the_sum_of_squares_is_the_books() -> None:
    y = minigrad.tensor([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    t = minigrad.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    expected = 0.5 * sum((a - b) ** 2 for a, b in zip(y.tolist(), t.tolist(), strict=True))
    assert 0.5 * F.mse_loss(y, t, reduction="sum").item() == pytest.approx(expected, rel=1e-6)
