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
    if input._data.dtype is not weight._data.dtype and input.dtype is not weight.dtype:
        raise DtypeError(
            f"linear: expected input and weight to have the same dtype, got {describe(input)} and {describe(weight)}"
        )
    if weight.ndim == 2 and input.ndim and (bias is None or bias._data.shape == weight._data.shape[:1]):
        return Linear.apply(input, weight, bias)
    if not input.ndim or not weight.ndim:
        raise ShapeError(
            f"linear: input and weight need at least 1 dimension, got {describe(input)}, {describe(weight)}"
        )
    if weight.ndim == 1:
        if bias is not None:
            raise ShapeError(f"linear: with a bias the weight must have 2 dimensions, got {describe(weight)}")
        return input @ weight
    out = Linear.apply(input, weight, None)
    if bias is None:
        return out
    return out + bias.expand(out.shape)
