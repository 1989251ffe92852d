"""Transforms of one image as functions. `torchvision.transforms.functional`.

An image is a tensor (..., H, W), a NumPy array (H, W) or (H, W, C), or one of Pillow's; the result is of the same kind.
Tensors that require grad stay in the graph.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

import minigrad
from minigrad.tensor import Tensor, wrap
from minigrad.vision.transforms import sampling
from minigrad.vision.transforms.images import (
    Planes,
    as_dtype,
    as_float,
    dtype_of,
    fill_of,
    get_dimensions,
    is_pillow,
    largest,
    on_planes,
    pillow,
    pixels,
)

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "crop",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "to_pil_image",
    "to_tensor",
    "vflip",
]

Fill = float | Sequence[float] | None


class InterpolationMode(Enum):
    """How pixels between pixels are found. Pillow's numbers for them are accepted too."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


PILLOW_NUMBERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]


def interpolation_of(interpolation: InterpolationMode | int) -> InterpolationMode:
    """The mode that is meant. Raises TypeError for anything but a mode or one of Pillow's numbers."""
    if isinstance(interpolation, int) and 0 <= interpolation < len(PILLOW_NUMBERS):
        return InterpolationMode(PILLOW_NUMBERS[interpolation])
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return interpolation


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    return get_dimensions(img)[:0:-1]


# ------------------------------------------------------------------------------------------------ from and to tensors


def to_tensor(pic: Any) -> Tensor:
    """An array (H, W) or (H, W, C) or a Pillow image as a tensor (C, H, W); uint8 (and mode 1) becomes 0..1 in the
    default dtype. Raises TypeError for anything else, ValueError for other numbers of dimensions."""
    if is_pillow(pic):
        array = pixels(pic).astype(np.uint8) * 255 if pic.mode == "1" else pixels(pic)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    planes = np.array(array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0), order="C")
    if planes.dtype == np.uint8:
        dtype = minigrad.get_default_dtype().numpy
        planes = planes.astype(dtype) / dtype.type(255)
    return wrap(planes)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W) or (H, W, C), as a Pillow image. Floats are taken as 0..1.

    Of 1, 2, 3, 4 channels the modes are L, LA, RGB, RGBA; `mode` gives another. Raises TypeError for anything else,
    ValueError for other shapes or a mode that does not fit.
    """
    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        array = pic.detach().numpy()
        array = array if array.ndim == 2 else np.moveaxis(array, 0, -1)
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    by_dtype = {"u1": ["L", "LA", "RGB", "RGBA"][channels - 1], "i4": "I", "f4": "F", "b1": "1"}
    found = mode or by_dtype.get(array.dtype.str[1:])
    if found is None or (channels > 1 and array.dtype != np.uint8):
        raise TypeError(f"Input type {array.dtype} with {channels} channels is not supported")
    image = pillow()
    if channels != image.getmodebands(found):
        raise ValueError(f"mode {found} has {image.getmodebands(found)} channels, but pic has {channels}")
    if found == "1":
        return image.fromarray(array)
    return image.frombytes(found, array.shape[1::-1], np.ascontiguousarray(array).tobytes())


def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """(image - mean) / std, with a number or one a channel. Floating images (C, H, W) or (H, W, C) with channels.

    Raises TypeError for integers, ValueError for fewer than 3 dimensions or a std of 0.
    """
    if not isinstance(tensor, (Tensor, np.ndarray)):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    data = tensor._data if isinstance(tensor, Tensor) else tensor
    if data.dtype.kind != "f":
        raise TypeError(f"Input tensor should be a float tensor. Got {data.dtype}.")
    if data.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tuple(data.shape)}"
        )
    centre, spread = np.asarray(mean, data.dtype), np.asarray(std, data.dtype)
    if (spread == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {data.dtype}, leading to division by zero.")
    if isinstance(tensor, Tensor):
        centre, spread = (v.reshape(-1, 1, 1) if v.ndim == 1 else v for v in (centre, spread))
    if inplace:
        tensor -= centre
        tensor /= spread
        return tensor
    return (tensor - centre) / spread


# ------------------------------------------------------------------------------------------------ places


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside is 0."""
    _, h, w = get_dimensions(img)
    return pad(img, [-left, -top, left + width - w, top + height - h])


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle, `output_size` = (height, width); a smaller image is padded with 0 first."""
    height, width = pair(output_size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        more_x, more_y = max(width - w, 0), max(height - h, 0)
        img = pad(img, [more_x // 2, more_y // 2, (more_x + 1) // 2, (more_y + 1) // 2])
        _, h, w = get_dimensions(img)
    return crop(img, int(round((h - height) / 2.0)), int(round((w - width) / 2.0)), height, width)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return on_planes(img, lambda x: np.flip(x, -1))


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return on_planes(img, lambda x: np.flip(x, -2))


def pad(img: Any, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant") -> Any:
    """Pixels around: `padding` for all sides, [left and right, top and bottom] or [left, top, right, bottom].

    They are `fill`, one value or one a channel, or for `padding_mode` 'edge' the last pixel, for 'reflect' the mirror
    image without it, for 'symmetric' with it. A negative number cuts off. Raises TypeError and ValueError for others.
    """
    left, top, right, bottom = pad_sides(padding, padding_mode)
    _, h, w = get_dimensions(img)
    rows, columns = _places(h, top, bottom, padding_mode), _places(w, left, right, padding_mode)
    if rows.size == 0 or columns.size == 0 or min(h + top + bottom, w + left + right) <= 0:
        raise ValueError(f"pad: nothing is left of height {h}, width {w} with padding {padding}")
    inside = (rows >= 0)[:, None] & (columns >= 0)

    def change(x: Planes) -> Planes:
        out = x[..., rows[:, None], columns]
        return out if inside.all() else np.where(inside, out, fill_of(fill, x))

    return on_planes(img, change)


def pad_sides(padding: Any, padding_mode: Any) -> list[Any]:
    """[left, top, right, bottom]. Raises as `pad`."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    sides = list(padding) if isinstance(padding, (tuple, list)) else [padding]
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element tuple")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return (sides * 4)[:4]


def _places(length: int, before: int, after: int, mode: str) -> Any:
    """For every place along one side of a padded image the place that it shows, -1 for fill."""
    own = np.arange(length)
    more = max(before, 0), max(after, 0)
    if mode == "constant":
        found = np.pad(own, more, constant_values=-1)
    else:
        found = np.pad(own, more, mode=mode)  # type: ignore[call-overload]
    return found[max(-before, 0) : len(found) - max(-after, 0)]


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image at another size: (height, width), or one number for the shorter side, the longer at most `max_size`.

    With `antialias` every pixel is a mean over all that it stands for, as Pillow has it; Pillow's images always are.
    Nearest neighbours are Pillow's for arrays and Pillow's images; for tensors they are PyTorch's, one half pixel off,
    and NEAREST_EXACT gives Pillow's. Raises TypeError and ValueError for other sizes and modes.
    """
    mode = interpolation_of(interpolation).value
    _, h, w = get_dimensions(img)
    height, width = _output_size(h, w, size, max_size)
    if (height, width) == (h, w):
        return img
    if mode.startswith("nearest"):
        shift = 0.0 if mode == "nearest" and isinstance(img, Tensor) else 0.5
        rows, columns = sampling.nearest(h, height, shift), sampling.nearest(w, width, shift)
        return on_planes(img, lambda x: x[..., rows[:, None], columns])
    smooth = bool(antialias) or is_pillow(img)
    down, across = sampling.weights(h, height, mode, smooth), sampling.weights(w, width, mode, smooth)

    def change(x: Planes) -> Planes:
        for side, matrix in ((-1, across), (-2, down)):
            wide = as_float(x)
            matrix = matrix.astype(dtype_of(wide))
            wide = wide @ matrix.T if side == -1 else matrix @ wide
            x = as_dtype(wide, x.dtype, rounded=True)  # integers after each direction, as Pillow
        return x

    return on_planes(img, change)


def _output_size(h: int, w: int, size: int | Sequence[int], max_size: int | None) -> tuple[int, int]:
    wanted = [size] if isinstance(size, int) else list(size) if isinstance(size, Sequence) else None
    if wanted is None:
        raise TypeError("Size should be int or sequence")
    if len(wanted) not in (1, 2):
        raise ValueError("If size is a sequence, it should have 1 or 2 values")
    if len(wanted) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, i.e. size should be "
                "an int or a sequence of length 1"
            )
        height, width = wanted
    else:
        short, long = min(h, w), max(h, w)
        new_short, new_long = wanted[0], int(wanted[0] * long / short)
        if max_size is not None:
            if max_size <= wanted[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                    f"size = {size}"
                )
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
        height, width = (new_short, new_long) if h <= w else (new_long, new_short)
    if height <= 0 or width <= 0:
        raise ValueError(f"resize: height and width must be above 0, got {height} and {width}")
    return height, width


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Fill = None,
) -> Any:
    """Turned counter-clockwise by `angle` degrees about `center` = (x, y), by default the middle.

    `expand` makes the result large enough for all of it (about the middle). What comes from outside is `fill`.
    """
    _, h, w = get_dimensions(img)
    middle = [w * 0.5, h * 0.5] if center is None else list(center)
    turn = sampling.forward_matrix(-angle, 1.0, (0, 0))
    height, width, shift = h, w, (0.0, 0.0)
    if expand:
        height, width = sampling.enclosing(turn, h, w)
        shift = ((width - w) / 2, (height - h) / 2)
    return _resampled(img, sampling.inverse(turn, middle, shift), (height, width), interpolation, fill)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Sequence[float] | None = None,
) -> Any:
    """Sheared, scaled and turned clockwise by `angle` degrees about `center` (the middle), then moved by `translate`
    pixels (x, y). `shear` is an angle along x or two along x and y. What comes from outside is `fill`.

    Raises TypeError and ValueError for arguments of other kinds.
    """
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    shears: list[Any] = list(shear) if isinstance(shear, (list, tuple)) else [shear, 0.0]
    shears = shears * 2 if len(shears) == 1 else shears
    if len(shears) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    _, h, w = get_dimensions(img)
    middle = [w * 0.5, h * 0.5] if center is None else list(center)
    matrix = sampling.forward_matrix(angle, scale, shears)
    return _resampled(img, sampling.inverse(matrix, middle, translate), (h, w), interpolation, fill)


def _resampled(img: Any, matrix: Any, size: tuple[int, int], interpolation: Any, fill: Fill) -> Any:
    mode = interpolation_of(interpolation).value
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation {mode} is not supported here, only nearest and bilinear")

    def change(x: Planes) -> Planes:
        return sampling.sampled(x, matrix, size, mode, fill_of(fill, x))

    return on_planes(img, change)


# ------------------------------------------------------------------------------------------------ colours


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The luminance 0.2989 R + 0.587 G + 0.114 B, as 1 or 3 equal channels; Pillow's images become mode L or RGB.

    Raises ValueError for another number, TypeError for images with neither 1 nor 3 channels.
    """
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    need_colours(img)
    if is_pillow(img):
        return img.convert("L") if num_output_channels == 1 else img.convert("L").convert("RGB")

    def change(x: Planes) -> Planes:
        gray = grayscale(x) if x.ndim > 2 and x.shape[-3] == 3 else x
        return np.concatenate([gray] * 3, axis=-3) if num_output_channels == 3 and x.ndim > 2 else gray

    return on_planes(img, change)


def grayscale(x: Planes) -> Planes:
    """Planes (..., 3, H, W) -> (..., 1, H, W)."""
    f = as_float(x)
    gray = 0.2989 * f[..., 0:1, :, :] + 0.587 * f[..., 1:2, :, :] + 0.114 * f[..., 2:3, :, :]
    return as_dtype(gray, x.dtype, rounded=False)


def need_colours(img: Any) -> None:
    """Raise TypeError unless the image has 1 or 3 channels."""
    if get_dimensions(img)[0] not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {get_dimensions(img)[0]}")


def blended(x: Planes, other: Planes, factor: float) -> Planes:
    """factor * x + (1 - factor) * other, cut off at black and white."""
    bound = largest(dtype_of(x))
    return as_dtype(np.clip(factor * as_float(x) + (1.0 - factor) * other, 0, bound), x.dtype, rounded=False)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 is black, 1 the image. Raises ValueError for a negative factor."""
    _not_negative("brightness_factor", brightness_factor)
    need_colours(img)
    return on_planes(img, lambda x: blended(x, 0.0, brightness_factor))


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 is the mean grey, 1 the image. Raises ValueError for a negative factor."""
    _not_negative("contrast_factor", contrast_factor)
    need_colours(img)

    def change(x: Planes) -> Planes:
        gray = as_float(grayscale(x) if x.ndim > 2 and x.shape[-3] == 3 else x)
        axes = (-3, -2, -1) if x.ndim > 2 else (-2, -1)
        return blended(x, np.mean(gray, axis=axes, keepdims=True), contrast_factor)

    return on_planes(img, change)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 is grey, 1 the image. Raises ValueError for a negative factor."""
    _not_negative("saturation_factor", saturation_factor)
    need_colours(img)
    if get_dimensions(img)[0] == 1:
        return img
    return on_planes(img, lambda x: blended(x, as_float(grayscale(x)), saturation_factor))


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """All hues turned by `hue_factor` of the circle. Raises ValueError outside -0.5..0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    need_colours(img)
    if get_dimensions(img)[0] == 1:
        return img

    def change(x: Planes) -> Planes:
        bound = largest(dtype_of(x))
        turned = sampling.turned_hue(as_float(x) / bound, hue_factor)
        return as_dtype(turned if bound == 1 else turned * (bound + 1 - 1e-3), x.dtype, rounded=False)

    return on_planes(img, change)


def _not_negative(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def pair(size: Any) -> tuple[int, int]:
    """(height, width) of a number, or of a sequence of one or two."""
    if not isinstance(size, Sequence):
        return int(size), int(size)
    sizes = tuple(size)
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    if len(sizes) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return sizes
