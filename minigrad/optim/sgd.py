"""Stochastic gradient descent. PyTorch: `torch.optim.SGD`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.optimizer import Group, Optimizer, Parameters, at_least_zero, not_differentiable, scalar
from minigrad.tensor import wrap

multiply, subtract = np.multiply, np.subtract


class SGD(Optimizer):
    """p -= lr * g, with momentum b = momentum * b + (1 - dampening) * g in the place of g. Book 6.1.2, 6.1.4.

    The book's Momentum (v = momentum * v - lr * g; p += v) is the same as long as `lr` does not change.
    `nesterov` looks one step ahead (Sutskever et al. 2013), `weight_decay` adds weight_decay * p to g, `maximize` climbs.
    PyTorch's `foreach` and `fused` choose between implementations there; here they are accepted and there is one.
    Raises ValueError for negative options and for nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        at_least_zero("learning rate", lr)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        not_differentiable(differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        lr, momentum, new = float(group["lr"]), float(group["momentum"]), 1 - float(group["dampening"])
        dtype: Any = None
        rate: Any = None
        for p, array, grad, work in self._live(group):
            if array.dtype is not dtype:
                dtype = array.dtype
                rate = scalar(lr, dtype)
            if momentum:
                state = self.state[p]
                velocity = state.get("momentum_buffer")
                if velocity is None:
                    velocity = state["momentum_buffer"] = wrap(np.array(grad))
                    direction = velocity._buffer()
                else:
                    direction = velocity._buffer()
                    np.multiply(direction, scalar(momentum, dtype), direction)
                    np.add(direction, grad if new == 1 else np.multiply(grad, scalar(new, dtype), work), direction)
                if group["nesterov"]:
                    np.multiply(direction, scalar(momentum, dtype), work)
                    grad = np.add(work, grad, work)
                else:
                    grad = direction
            multiply(grad, rate, work)
            subtract(array, work, array)
