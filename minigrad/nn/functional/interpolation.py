"""Images made larger or smaller. PyTorch: `torch.nn.functional.interpolate`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.errors import ShapeError, describe
from minigrad.tensor import Tensor, wrap

LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5}  # and the dimensions of what they take


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images (N, C, ...) with another size, given as such or as a factor. Modes: nearest, linear, bilinear, trilinear.

    Raises ValueError unless exactly one of `size` and `scale_factor` is given, NotImplementedError for other modes and
    for `antialias`.
    """
    dims = input.ndim - 2
    if mode not in ("nearest", *LINEAR) or antialias:
        raise NotImplementedError(
            f"interpolate: mode {mode!r}{' with antialias' * antialias} is not supported, only nearest, {', '.join(LINEAR)}"
        )
    if mode == "nearest" and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | trilinear"
        )
    if dims < 1 or dims > 3 or LINEAR.get(mode, input.ndim) != input.ndim:
        raise NotImplementedError(f"interpolate: got {describe(input)} for mode {mode!r}, which takes (N, C, ...)")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: exactly one of size or scale_factor should be defined")
    factors: list[float | None] = [None] * dims
    if size is not None:
        sizes = list(size) if isinstance(size, (tuple, list)) else [size] * dims
    else:
        given = list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor] * dims
        sizes = [math.floor(n * f) for n, f in zip(input.shape[2:], given, strict=False)]
        if not recompute_scale_factor:
            factors = [float(f) for f in given]
    if len(sizes) != dims or len(factors) != dims:
        raise ValueError(
            f"interpolate: expected one number or {dims}, got {size if size is not None else scale_factor!r}"
        )
    if min(sizes) < 1 or 0 in input.shape[1:]:
        raise ShapeError(
            f"interpolate: Input and output sizes should be greater than 0, got {describe(input)} and {sizes}"
        )
    for d, (o, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        n = input.shape[d]
        step = 1 / factor if factor else n / o
        if mode == "nearest":
            places = np.minimum((np.arange(o) * np.float32(step)).astype(int), n - 1)
            input = input[(slice(None),) * d + (wrap(places),)]
        else:
            weights = wrap(_weights(n, o, step, bool(align_corners)).astype(input._data.dtype))
            input = (input.transpose(d, -1) @ weights).transpose(d, -1)
    return input


def _weights(n: int, o: int, step: float, align_corners: bool) -> Any:
    """The (n, o) matrix of linear interpolation between neighbours."""
    at = np.arange(o) * ((n - 1) / max(1, o - 1)) if align_corners else np.maximum((np.arange(o) + 0.5) * step - 0.5, 0)
    low = np.minimum(at.astype(int), n - 1)
    high = np.minimum(low + 1, n - 1)
    weights = np.zeros((n, o))
    np.add.at(weights, (low, np.arange(o)), 1 - (at - low))
    np.add.at(weights, (high, np.arange(o)), at - low)
    return weights
