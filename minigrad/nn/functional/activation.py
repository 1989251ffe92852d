"""Activation functions. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minigrad.dtypes import dtype as Dtype
from minigrad.errors import DtypeError, ShapeError, describe
from minigrad.memory import inplace as in_place
from minigrad.ops import elementwise
from minigrad.ops.activation import Elu, Erf, Hardswish, Hardtanh, Silu, Softplus
from minigrad.tensor import Tensor, wrap


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x), element by element; derivative 0 at 0. Book 5.5.1."""
    return input.relu_() if inplace else elementwise.relu(input)


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


def activated(name: str, operation: Any, input: Tensor, inplace: bool, *settings: float) -> Tensor:
    """The operation's result, in the input's memory if `inplace`. Raises DtypeError for integers."""
    need_floating(name, input)
    out: Tensor = in_place(operation, input, *settings) if inplace else operation.apply(input, *settings)
    return out


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]; derivative 0 at both. Raises ValueError if they are in the wrong order."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return activated("hardtanh", Hardtanh, input, inplace, float(min_val), float(max_val))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x), 6); derivative 0 at both ends."""
    return activated("relu6", Hardtanh, input, inplace, 0.0, 6.0)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere. Clevert et al. 2016."""
    return activated("elu", Elu, input, inplace, float(alpha), 1.0, 1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` scaled so that mean 0 and variance 1 keep from layer to layer. Klambauer et al. 2017."""
    return activated("selu", Elu, input, inplace, 1.6732632423543772, 1.0507009873554805, 1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere. Raises RuntimeError for alpha 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return activated("celu", Elu, input, inplace, float(alpha), 1.0, 1.0 / alpha)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also called swish."""
    return activated("silu", Silu, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6. Howard et al. 2019."""
    return activated("hardswish", Hardswish, input, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    need_floating("hardsigmoid", input)
    if inplace:
        return in_place(Hardtanh, input.add_(3), 0.0, 6.0).div_(6)  # type: ignore[no-any-return]
    return relu6(input + 3) / 6


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the probability that a standard normal number is below x; 'tanh' approximates it. Hendrycks et al. 2016."""
    need_floating("gelu", input)
    if approximate == "none":
        return input * (Erf.apply(input * math.sqrt(0.5)) + 1) * 0.5  # type: ignore[no-any-return]
    if approximate != "tanh":
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    return input * (inner.tanh() + 1) * 0.5


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)). Misra 2020."""
    need_floating("mish", input)
    factor = Softplus.apply(input.clone() if inplace else input).tanh()  # what it saves must not be overwritten
    return input.mul_(factor) if inplace else input * factor


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), exact at both ends."""
    need_floating("logsigmoid", input)
    return -Softplus.apply(-input)  # type: ignore[no-any-return]


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, weight * x elsewhere; one weight, or one for each channel (dimension 1). He et al. 2015."""
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.numel() != channels:
            raise ShapeError(
                f"prelu: Mismatch of parameter numbers and input channel size. Found {describe(weight)} for {describe(input)}"
            )
        weight = weight.reshape(-1, *(1,) * (input.ndim - 2))
    return input.where(input > 0, weight * input)


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
