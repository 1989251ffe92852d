"""Tensors that belong to a module: parameters, which optimisers change, and buffers, which they do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import dtypes
from minigrad.errors import describe
from minigrad.memory import Alias, alias_of
from minigrad.tensor import Tensor, wrap


def _take(new: Tensor, data: Tensor | None, name: str) -> None:
    """Give a tensor under construction the memory of `data`: writes to either are seen in both."""
    if data is None:
        data = wrap(np.empty(0, dtypes.as_numpy(None)))
    if not isinstance(data, Tensor):
        raise TypeError(f"{name}: data must be a Tensor, got {describe(data)}; make one with minigrad.tensor(...)")
    new._data = data._buffer()
    new._node = new._grad = None
    new._alias = Alias(alias_of(data).version)


class Parameter(Tensor):
    """A tensor that a module registers when it is assigned as an attribute. PyTorch: `nn.Parameter`.

    Shares the memory of `data`, which must be floating-point unless `requires_grad=False`; gradients are wanted
    whatever the grad mode. Raises TypeError for data that is no Tensor, RuntimeError for integers.
    """

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _take(self, data, "Parameter")
        self.requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(wrap(self._buffer().copy()), self.requires_grad)  # no gradient, as in PyTorch
        return memo[id(self)]

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a module registers as a buffer when it is assigned. `persistent`: whether state dicts hold it.

    Shares the memory of `data`. PyTorch: `nn.Buffer`.
    """

    __slots__ = ()
    persistent: bool

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        _take(self, data, "Buffer")
        self.persistent = persistent
        if data is not None:
            self.requires_grad_(data.requires_grad)


def clear_grad(tensor: Tensor, set_to_none: bool) -> None:
    """Drop a gradient, or fill it with zeros and cut it from any graph."""
    grad = tensor.grad
    if set_to_none or grad is None:
        tensor.grad = None
    elif grad.requires_grad:
        tensor.grad = grad.detach().clone().zero_()
    else:
        grad.zero_()
