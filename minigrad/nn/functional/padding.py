"""Borders. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.errors import ShapeError, describe
from minigrad.ops.pad import Pad
from minigrad.tensor import Tensor, wrap


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """A border around the last dimensions; `pad` has (before, after) of the last one first. Negative widths cut off.

    'constant' fills with `value` (0). 'reflect' mirrors without repeating the edge, 'replicate' repeats the edge,
    'circular' goes on at the other end. Raises ShapeError if the tensor is too small for it.
    """
    pairs = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2], strict=False)]
    if len(pad) % 2 or len(pairs) > input.ndim:
        raise ShapeError(
            f"pad: expected a pair of widths for each of at most {input.ndim} dimensions, got {tuple(pad)} for {describe(input)}"
        )
    pairs.reverse()
    first = input.ndim - len(pairs)
    if mode == "constant":
        out: Tensor = Pad.apply(input, ((0, 0),) * first + tuple(pairs), 0.0 if value is None else value)
        return out
    if mode not in BORDERS:
        raise NotImplementedError(f"pad: Unrecognised padding mode {mode!r}; it is constant, {', '.join(BORDERS)}")
    if value is not None and value != 0:
        raise ValueError(f"pad: padding mode {mode!r} doesn't take in value argument")
    if not (first in (1, 2) and 1 <= len(pairs) <= 3):
        raise NotImplementedError(
            f"pad: {mode!r} pads the last 1, 2 or 3 of dimensions (N, C, ...) or (C, ...), got {tuple(pad)} for {describe(input)}"
        )
    for d, (before, after) in enumerate(pairs, first):
        n = input.shape[d]
        limit = {"reflect": n - 1, "circular": n}.get(mode, max(before, after, 0) if n else -1)
        if max(before, after) > limit or n + before + after < 1:
            raise ShapeError(
                f"pad: Padding size should be at most {limit} at dimension {d} in mode {mode!r}, got {(before, after)} for "
                f"{describe(input)}"
            )
        if before or after:
            places = BORDERS[mode](np.arange(-before, n + after), n)
            input = input[(slice(None),) * d + (wrap(places),)]
    return input


def _reflected(places: Any, n: int) -> Any:
    return n - 1 - np.abs(n - 1 - np.abs(places))


def _replicated(places: Any, n: int) -> Any:
    return np.clip(places, 0, n - 1)


def _circled(places: Any, n: int) -> Any:
    return places % n


BORDERS = {"reflect": _reflected, "replicate": _replicated, "circular": _circled}
