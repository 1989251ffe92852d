"""Activation functions. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import warnings

import numpy as np

from minigrad.dtypes import dtype as Dtype
from minigrad.errors import DtypeError, describe
from minigrad.ops.activation import Softplus
from minigrad.tensor import Tensor, wrap


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x), element by element; derivative 0 at 0. Book 5.5.1."""
    return input.relu_() if inplace else input.relu()


def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    return input.relu_()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere; derivative negative_slope at 0. Raises DtypeError for integers."""
    need_floating("leaky_relu", input)
    if inplace:
        return input.mul_(wrap(np.where(input._data > 0, 1.0, negative_slope).astype(input._data.dtype)))
    return input.where(input > 0, input * negative_slope)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). Book 3.2.4."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta x)) / beta, a smooth relu; x itself where beta x > threshold. Raises DtypeError for integers."""
    need_floating("softplus", input)
    scaled = input * beta
    out: Tensor = Softplus.apply(scaled)
    return input.where(scaled > threshold, out / beta)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None) -> Tensor:
    """exp(x) / sum of exp(x) along `dim`, safe from overflow. Book 3.5. `dtype` converts first."""
    if dtype is None:
        need_floating("softmax", input)
    dim = implicit_dim("softmax", input, _stacklevel) if dim is None else dim
    return input.softmax(dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None) -> Tensor:
    """The logarithm of `softmax` along `dim`, in one step. `dtype` converts first."""
    if dtype is None:
        need_floating("log_softmax", input)
    dim = implicit_dim("log_softmax", input, _stacklevel) if dim is None else dim
    return input.log_softmax(dim, dtype=dtype)


def implicit_dim(name: str, input: Tensor, stacklevel: int) -> int:
    """PyTorch's choice where no dim is given: 0 for 0, 1 and 3 dimensions, else 1; with a warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def need_floating(name: str, input: Tensor) -> None:
    """Raise DtypeError for a tensor of integers or booleans, which the operation is not defined for."""
    if not input.is_floating_point():
        raise DtypeError(f"{name}: expected a floating-point tensor, got {describe(input)}; convert it with .float()")
