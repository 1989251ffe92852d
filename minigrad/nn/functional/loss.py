"""Loss functions. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minigrad.dtypes import int64, uint8
from minigrad.errors import DtypeError, ShapeError
from minigrad.nn.functional.activation import need_floating
from minigrad.ops.activation import Softplus
from minigrad.ops.loss import BinaryCrossEntropy, CrossEntropy
from minigrad.tensor import Tensor, wrap

INT64 = int64.numpy


def reduce_with(losses: Tensor, reduction: str) -> Tensor:
    """The losses themselves, their mean or their sum. Raises ValueError for any other reduction."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    check_reduction(reduction)
    return losses


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless 'none', 'mean' or 'sum'."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's two old flags stand for, with its warning; `reduction` where neither is given."""
    if size_average is None and reduce is None:
        return reduction
    found = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.", stacklevel=3
    )
    return found


# -------------------------------------------------------------------- classes


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of each target class.

    `input` (C,), (N, C) or (N, C, d1, ...) holds log-probabilities, `target` (), (N,) or (N, d1, ...) int64 classes,
    `weight` (C,) one factor a class. 'mean' divides by the sum of the weights used. Targets equal to `ignore_index`
    count nothing. Raises ValueError or ShapeError if the shapes do not fit, DtypeError, IndexError for no such class.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    check_classes("nll_loss", input, target)
    picked, factors = pick(input, target, weight, ignore_index)
    return weighted(picked, factors, reduction)


def check_classes(name: str, input: Tensor, target: Tensor) -> None:
    """Raise PyTorch's errors, with both shapes, for a target of class indices that does not fit its input."""
    shape, wanted = input.shape, target.shape
    need_floating(name, input)
    if not shape:
        raise ValueError(f"{name}: Expected 1 or more dimensions (got 0)")
    if len(shape) <= 2 and len(wanted) > 1:
        raise ShapeError(
            f"{name}: 0D or 1D target tensor expected, multi-target not supported "
            f"(got input: {list(shape)}, target: {list(wanted)}; for class probabilities both must have one shape)"
        )
    if len(shape) == 1 and wanted not in ((), (1,)):
        raise ValueError(f"{name}: For 1D input, 1D target must have size 1, but got target size: {wanted[0]}")
    if len(shape) >= 2 and (wanted[:1] or (1,))[0] != shape[0]:
        raise ValueError(
            f"{name}: Expected input batch_size ({shape[0]}) to match target batch_size ({(wanted[:1] or (1,))[0]}). "
            f"(got input: {list(shape)}, target: {list(wanted)})"
        )
    if len(shape) > 2 and wanted[1:] != shape[2:]:
        raise ShapeError(f"{name}: Expected target size {[shape[0], *shape[2:]]}, got {list(wanted)}")
    if target.dtype is not int64 and target.dtype is not uint8:
        raise DtypeError(
            f"{name}: expected target dtype to be int64 or uint8, but got {target.dtype}; class indices are int64, "
            "class probabilities floating-point and of the input's shape"
        )


def pick(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, np.ndarray[Any, Any]]:
    """Minus the input at each target class, 0 where ignored, and the factor each counts with. Both in target's shape."""
    classes = input.shape[0 if input.dim() == 1 else 1]
    indices = np.asarray(target._data, dtype=np.int64)
    ignored = indices == ignore_index
    indices = np.where(ignored, 0, indices)
    outside = (indices < 0) | (indices >= classes)
    if outside.any():
        raise IndexError(f"Target {indices[outside].flat[0]} is out of bounds. The input has {classes} classes.")
    factors = class_weights("nll_loss", weight, input, classes)[indices] * ~ignored
    if input.dim() == 1:
        indices, ignored, factors = indices.reshape(()), ignored.reshape(()), factors.reshape(())
        picked = -input[int(indices)]
    else:
        picked = -input.gather(1, wrap(np.expand_dims(indices, 1))).squeeze(1)
    return (picked.where(wrap(~ignored), 0.0) if ignored.any() else picked), factors


def class_weights(name: str, weight: Tensor | None, input: Tensor, classes: int) -> np.ndarray[Any, Any]:
    """The weights of the classes as an array of the input's dtype, ones if none are given. Raises ShapeError, DtypeError."""
    if weight is None:
        return np.ones(classes, input.dtype.numpy)
    if weight.shape != (classes,):
        raise ShapeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not input.dtype:
        raise DtypeError(f"{name}: expected a weight of {input.dtype}, as the input, but found {weight.dtype}")
    return weight._buffer()


def weighted(losses: Tensor, factors: np.ndarray[Any, Any], reduction: str) -> Tensor:
    losses = losses * wrap(factors)
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" else total / wrap(factors.sum())


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy between logits and target classes: `nll_loss` of `log_softmax`, in one operation where it can be.

    `input` (C,), (N, C) or (N, C, d1, ...); `target` either class indices as `nll_loss` takes them, or floating-point
    probabilities of the input's shape ('mean' then divides by the number of distributions). `label_smoothing` in [0, 1]
    mixes the target with the uniform distribution. Raises as `nll_loss`. Book 4.2.2, 5.6.3.
    """
    x, classes_wanted = input._data, target._data
    if (
        x.ndim == 2
        and classes_wanted.dtype is INT64
        and x.shape[:1] == classes_wanted.shape != (0,)
        and x.dtype.kind == "f"
        and weight is None
        and size_average is None
        and reduce is None
        and reduction == "mean"
        and not label_smoothing
        and ignore_index < 0
    ):  # what nearly every training step asks for, before the checks that it does not need
        try:
            mean: Tensor = CrossEntropy.apply(input, target, len(x))
            return mean
        except IndexError:
            pass  # some targets are ignored or out of bounds: the general form below knows which
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = 0 if input.dim() == 1 else 1
    if input.shape == target.shape:
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    check_classes("cross_entropy", input, target)
    log_probabilities = input.log_softmax(dim)
    picked, factors = pick(log_probabilities, target, weight, ignore_index)
    loss = weighted(picked, factors, reduction)
    if label_smoothing == 0:
        return loss
    # The uniform distribution's share: every class counts with its own weight, ignored targets with none.
    classes = input.shape[dim]
    each = class_weights("cross_entropy", weight, input, classes)
    spread = -(log_probabilities * wrap(each.reshape(-1, *[1] * (input.dim() - dim - 1)))).sum(dim)
    counted = np.asarray(target._data) != ignore_index
    spread = spread.reshape(target.shape).where(wrap(counted), 0.0)
    smooth = spread if reduction == "none" else spread.sum()
    if reduction == "mean":
        smooth = smooth / wrap(factors.sum())
    mixed: Tensor = loss * (1 - label_smoothing) + smooth * (label_smoothing / classes)
    return mixed


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    """Cross entropy against class probabilities."""
    if not target.is_floating_point():
        raise DtypeError(
            f"cross_entropy: Expected floating point type for target with class probabilities, got {target.dtype} "
            f"(input and target have the same shape {list(input.shape)})"
        )
    if ignore_index >= 0:
        raise RuntimeError("cross_entropy: ignore_index is not supported for floating point target")
    need_floating("cross_entropy", input)
    dim = 0 if input.dim() == 1 else 1
    classes = input.shape[dim] if input.shape else 1
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = input.log_softmax(dim) * target
    if weight is not None:
        each = class_weights("cross_entropy", weight, input, classes)
        terms = terms * wrap(each.reshape(-1, *[1] * (input.dim() - dim - 1)))
    if reduction == "none":
        return -terms.sum(dim)
    total = -terms.sum()
    return total if reduction == "sum" else total / (input.numel() / classes or math.nan)


# -------------------------------------------------------------------- differences


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2, averaged; with `weight`, of the input's shape, the weighted mean. Warns if shapes differ.

    The book's sum of squares (4.2.1) is `0.5 * mse_loss(y, t, reduction="sum")`.
    """
    difference = _difference("mse_loss", input, target)
    return _reduce_weighted(difference * difference, input, weight, legacy_reduction(size_average, reduce, reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|, averaged; with `weight`, of the input's shape, the weighted mean. Warns if shapes differ."""
    difference = _difference("l1_loss", input, target)
    return _reduce_weighted(difference.abs(), input, weight, legacy_reduction(size_average, reduce, reduction))


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    if target.shape != input.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    difference = input - target
    need_floating(name, difference)
    return difference


def _reduce_weighted(losses: Tensor, input: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduce_with(losses, reduction)
    if weight.shape != input.shape:
        raise ValueError(f"Weights and input must have the same size. Got {weight.shape} and {input.shape}.")
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduce_with(losses, reduction)


# -------------------------------------------------------------------- two classes


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log x + (1 - t) log(1 - x)) for probabilities in [0, 1], logarithms cut off at -100; `weight` broadcasts.

    Raises ValueError if the shapes differ, DtypeError if the dtypes do, RuntimeError outside [0, 1].
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    need_floating("binary_cross_entropy", input)
    if target.dtype is not input.dtype:
        raise DtypeError(f"binary_cross_entropy: Found dtype {target.dtype} but expected {input.dtype} for the target")
    for name, t in (("input", input), ("target", target)):
        if not np.all((t._data >= 0) & (t._data <= 1)):
            raise RuntimeError(f"binary_cross_entropy: all elements of {name} should be between 0 and 1")
    losses: Tensor = BinaryCrossEntropy.apply(input, target)
    if weight is not None:
        losses = losses * weight.expand(input.shape)
    return reduce_with(losses, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of `sigmoid(input)` without its overflow; `pos_weight` multiplies the positive term.

    Raises ValueError if input and target differ in shape, DtypeError unless the target is floating-point.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    need_floating("binary_cross_entropy_with_logits", input)
    need_floating("binary_cross_entropy_with_logits", target)
    softplus: Tensor = Softplus.apply(-input)
    if pos_weight is not None:
        softplus = softplus * (1 + (pos_weight - 1) * target)
    losses = (1 - target) * input + softplus
    if weight is not None:
        losses = losses * weight
    return reduce_with(losses, reduction)
