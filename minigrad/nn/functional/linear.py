"""Affine maps. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

from minigrad.errors import DtypeError, ShapeError, describe
from minigrad.ops.linalg import Linear
from minigrad.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias. Shapes (*, in), (out, in), (out,) -> (*, out). Book 5.6.2 (Affine).

    `weight` (in,) gives (*), and a bias of another shape broadcasts. Raises ShapeError if the shapes do not fit,
    DtypeError if input and weight differ in dtype.
    """
    x, w = input._data, weight._data
    kind = x.dtype
    if w.ndim == 2 and w.dtype is kind and (bias is None or bias._data.dtype is kind):
        try:  # what every layer asks for, before the rarer forms
            found: Tensor = Linear.apply(input, weight, bias)
            return found
        except ShapeError:
            pass  # the forms below know why
    b = None if bias is None else bias._data
    if x.dtype != w.dtype or b is not None and b.dtype != x.dtype:
        operands = ", ".join(describe(t) for t in (input, weight, bias) if t is not None)
        raise DtypeError(f"linear: expected input, weight and bias to have the same dtype, got {operands}")
    if w.ndim == 2 and x.ndim:
        fits = b is None or b.shape == w.shape[:1]
        out: Tensor = Linear.apply(input, weight, bias if fits else None)
        return out if fits or bias is None else out + bias.expand(out.shape)
    if not input.ndim or not weight.ndim:
        raise ShapeError(
            f"linear: input and weight need at least 1 dimension, got {describe(input)}, {describe(weight)}"
        )
    if weight.ndim > 2 or bias is not None:
        raise ShapeError(f"linear: the weight must have 2 dimensions, or 1 and no bias, got {describe(weight)}")
    return input @ weight
