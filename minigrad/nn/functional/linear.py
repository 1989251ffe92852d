"""Affine maps. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

from minigrad.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias. Shapes (*, in), (out, in) or (in,), (out,) -> (*, out). Book 5.6 (Affine).

    Raises ShapeError if they do not fit, DtypeError if input and weight differ in dtype.
    """
    out = input @ weight.T
    return out if bias is None else out + bias
