"""Operations in a row, recorded as what they are, but computed in one pass over the images."""

from __future__ import annotations

from typing import Any

from minigrad import modes
from minigrad.function import Recomputed, is_recording, record
from minigrad.kernels import convolution, pooled
from minigrad.kernels.images import Geometry, Shape
from minigrad.kernels.pooling import Winners
from minigrad.ops.conv import Convolution, roomy
from minigrad.ops.elementwise import Relu
from minigrad.ops.pool import MaxPool


def rectified_convolution(x: Any, weight: Any, bias: Any, geometry: Geometry) -> Any:
    """relu(convolution): what lies between them is nowhere."""
    out = Convolution.apply(x, weight, bias, geometry, True)
    out._node = record(Relu, (out,), (out._node,), out._data)
    return out


def pooled_convolution(x: Any, weight: Any, bias: Any, geometry: Geometry, rectified: bool, window: Shape) -> Any:
    """max_pool(convolution), or of its relu, with windows side by side; what the pool reads is nowhere.

    None if it cannot be computed so, or if the arguments are wrong, which the operations one by one will say.
    """
    shape = geometry.output(x.shape[2:], weight.shape[2:])
    size = tuple(n // p for n, p in zip(shape, window, strict=True))
    if min(size) < 1 or modes.strict.get() or not pooled.fits(x._data, weight._data, geometry):
        return None
    needed = is_recording() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    winners = Winners() if needed else None
    out = Convolution.apply(x, weight, bias, geometry, rectified, (window, size, winners))
    if needed:

        def between(x: Any, weight: Any, bias: Any) -> Any:
            return roomy(convolution.convolve, x, weight, bias, geometry, rectified)

        read = Recomputed((len(x), len(weight), *shape), out._data.dtype, between, x, weight, bias)
        if rectified:
            out._node = record(Relu, (None,), (out._node,), read)
        side_by_side = Geometry(window, (0,) * len(window), (1,) * len(window))
        out._node = record(MaxPool, (read, window, side_by_side, size, winners), (out._node,), out._data)
    return out
