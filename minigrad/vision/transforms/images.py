"""What an image is: one way through all kinds of them, for transforms that know only planes of pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import MissingExtra, describe
from minigrad.tensor import Tensor, wrap

Array: TypeAlias = "np.ndarray[Any, Any]"
Planes: TypeAlias = Any
"""(..., H, W): an array, or the Tensor itself where a gradient is wanted; both take NumPy's functions and operators."""

MODES = ("1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F")


def is_pillow(img: Any) -> bool:
    """Whether it is an image of Pillow, without importing Pillow for the question."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(img, pillow.Image)


def pillow() -> Any:
    """Pillow's module `Image`. Raises MissingExtra."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra('needs Pillow: pip install "minigrad[vision]"') from error
    return Image


def on_planes(img: Any, change: Callable[[Planes], Planes]) -> Any:
    """`change`, of planes (..., H, W), applied to an image: a tensor (..., H, W), an array (H, W) or (H, W, C), or one
    of Pillow's. The result is of the same kind, and differentiable for a tensor that requires grad.

    Raises TypeError for anything else.
    """
    if isinstance(img, Tensor) and img.dim() >= 2:
        return change(img) if img.requires_grad else wrap(np.ascontiguousarray(change(img._buffer())))
    if isinstance(img, np.ndarray) and img.ndim == 2:
        return np.ascontiguousarray(change(img))
    if isinstance(img, np.ndarray) and img.ndim == 3:
        return np.ascontiguousarray(np.moveaxis(change(np.moveaxis(img, -1, 0)), 0, -1))
    if is_pillow(img):
        changed = on_planes(pixels(img), change)
        if img.mode == "1":
            return pillow().fromarray(changed)
        return pillow().frombytes(img.mode, changed.shape[1::-1], changed.tobytes())
    raise TypeError(
        "expected an image: a tensor (..., H, W), a NumPy array (H, W) or (H, W, C) or a Pillow image, "
        f"got {describe(img) if not hasattr(img, 'mode') else type(img).__name__}"
    )


def pixels(img: Any) -> Array:
    """The pixels of one of Pillow's images, (H, W) or (H, W, C). Raises TypeError for palettes and rare modes."""
    if img.mode not in MODES:
        raise TypeError(
            f"Pillow images of mode {img.mode} are not supported, only {', '.join(MODES)}: img.convert(...)"
        )
    return np.asarray(img)


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]. Raises TypeError for what is no image."""
    if isinstance(img, Tensor) and img.dim() >= 2:
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    if isinstance(img, np.ndarray) and img.ndim in (2, 3):
        return [1 if img.ndim == 2 else img.shape[2], *img.shape[:2]]
    if is_pillow(img):
        return [len(img.getbands()), img.height, img.width]
    raise TypeError(f"expected an image, got {describe(img)}")


def dtype_of(x: Planes) -> Any:
    """The NumPy dtype of planes."""
    return x._data.dtype if isinstance(x, Tensor) else x.dtype


def largest(dtype: Any) -> float:
    """White: 1 in floats, the largest number in integers."""
    return 1.0 if dtype.kind in "fb" else float(np.iinfo(dtype).max)


def as_float(x: Planes) -> Planes:
    """Integers as floats that hold them, and float16 as float32."""
    if isinstance(x, Tensor):
        return x
    if x.dtype.kind == "f":
        return x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    return x.astype(np.float32 if x.dtype.itemsize < 4 else np.float64)


def as_dtype(x: Planes, dtype: Any, *, rounded: bool) -> Planes:
    """Back from floats to the dtype of the image, cut off at its bounds; `rounded` or towards 0."""
    if isinstance(x, Tensor) or x.dtype == dtype:
        return x
    if dtype.kind == "f":
        return x.astype(dtype)
    if dtype.kind == "b":
        return x >= 0.5
    info = np.iinfo(dtype)
    return np.clip(np.rint(x) if rounded else x, info.min, info.max).astype(dtype)


def fill_of(fill: float | Sequence[float] | None, x: Planes) -> Any:
    """A fill value, or one a channel, in a form that broadcasts with planes. Raises ValueError for a wrong number."""
    values = np.atleast_1d(np.asarray(0 if fill is None else fill))
    if len(values) > 1 and (x.ndim < 3 or len(values) != x.shape[-3]):
        channels = 1 if x.ndim < 3 else x.shape[-3]
        raise ValueError(f"fill has {len(values)} values, but the image has {channels} channels")
    values = values.astype(dtype_of(x))
    return values[:, None, None] if len(values) > 1 else values[0]
