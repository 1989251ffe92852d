"""Starting values for parameters, in place and without a graph. PyTorch: `torch.nn.init`, with the same draws.

Book 6.2: too wide a start saturates, too narrow a one makes all units alike; Xavier and He are the widths that keep the
spread of activations from layer to layer.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

import minigrad
from minigrad.random import Generator
from minigrad.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor on a layer's spread that makes up for its non-linearity; `param` is leaky_relu's slope.

    Raises ValueError for a name it does not know.
    """
    if nonlinearity in GAINS:
        return GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; known are leaky_relu, {', '.join(GAINS)}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"negative_slope {slope} not a valid number")
    return math.sqrt(2 / (1 + slope**2))


@minigrad.no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@minigrad.no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with the given mean and standard deviation."""
    return tensor.normal_(mean, std, generator=generator)


@minigrad.no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix. Raises ValueError unless 2-dimensional."""
    need_dimensions(tensor, (2,))
    return _store(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel of a convolution (out, in/groups, *sizes) that passes its input channels on, each group's on its own.

    Raises ValueError unless 3- to 5-dimensional and dim 0 divisible by `groups`.
    """
    need_dimensions(tensor, (3, 4, 5))
    if tensor.shape[0] % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got shape {list(tensor.shape)} and {groups} groups")
    kernel = np.zeros(tensor.shape)
    out = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(out, tensor.shape[1])):
            kernel[(group * out + channel, channel, *middle)] = 1
    return _store(tensor, kernel)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs one output of the layer reads, and how many outputs one input feeds, from the weight's shape."""
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            f"got shape {list(tensor.shape)}"
        )
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform within +-gain * sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010; book 6.2.2 (there: 1 / fan_in)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / (fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)). Glorot and Bengio 2010."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with the standard deviation of `kaiming_normal_`. He et al. 2015; book 6.2.3."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan), for `mode` 'fan_in' or 'fan_out'. He et al. 2015; book 6.2.3.

    `a` is the negative slope of leaky_relu. Raises ValueError for another mode, an unknown nonlinearity or fewer than
    2 dimensions.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    fan = _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@minigrad.no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal, redrawn until within [a, b]. Warns if the mean is more than 2 std outside.

    Redraws while that is likely to succeed soon, else takes uniform numbers with the normal's probability.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=2,
        )
    out = tensor._buffer()
    draw = minigrad.empty_like(tensor, requires_grad=False)
    low, high = out.dtype.type(a), out.dtype.type(b)
    if _below((b - mean) / std) - _below((a - mean) / std) > 0.3:
        tensor.normal_(mean, std, generator=generator)
        while (outside := (out < low) | (out > high)).any():
            np.copyto(out, draw.normal_(mean, std, generator=generator)._buffer(), where=outside)
    else:
        peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
        pending = np.ones(out.shape, bool)
        while pending.any():
            np.copyto(out, draw.uniform_(a, b, generator=generator)._buffer(), where=pending)
            chance = -0.5 * ((draw._buffer() - mean) / std) ** 2 - peak
            pending &= np.log(draw.uniform_(generator=generator)._buffer()) > chance
    tensor._wrote()
    return tensor


def _below(x: float) -> float:
    """The share of a standard normal distribution below x."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


@minigrad.no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random orthogonal matrix (rows or columns orthonormal, whichever are fewer) times `gain`. Saxe et al. 2013.

    Dimensions after the first count as columns. Raises ValueError with fewer than 2 dimensions.
    """
    if tensor.dim() < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported, got shape {list(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = minigrad.empty((rows, columns), dtype=tensor.dtype).normal_(0, 1, generator=generator)._buffer()
    q, r = np.linalg.qr((flat.T if rows < columns else flat).astype(np.promote_types(flat.dtype, np.float32)))
    q *= np.sign(np.diag(r))  # makes the distribution uniform: Mezzadri 2007
    return _store(tensor, (q.T if rows < columns else q).reshape(tensor.shape) * gain)


@minigrad.no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation `std`, but the share `sparsity` of each column zero. Martens 2010.

    Raises ValueError unless 2-dimensional.
    """
    need_dimensions(tensor, (2,))
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor._buffer()[minigrad.randperm(rows)._buffer()[:zeros], column] = 0
    tensor._wrote()
    return tensor


def need_dimensions(tensor: Tensor, allowed: tuple[int, ...]) -> None:
    """Raise ValueError unless the tensor has one of these numbers of dimensions."""
    if tensor.dim() not in allowed:
        names = ", ".join(map(str, allowed[:-1])) + (", or " if len(allowed) > 1 else "") + str(allowed[-1])
        raise ValueError(f"Only tensors with {names} dimensions are supported, got shape {list(tensor.shape)}")


def _store(tensor: Tensor, values: np.ndarray) -> Tensor:
    tensor._buffer()[...] = values
    tensor._wrote()
    return tensor
