"""RMSprop. PyTorch: `torch.optim.RMSprop`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.optimizer import Group, Optimizer, Parameters, advance, at_least_zero, not_differentiable, steps
from minigrad.tensor import wrap


class RMSprop(Optimizer):
    """p -= lr * g / (sqrt(running mean of g^2) + eps). Hinton, lecture 6e; book 6.1.5.

    `alpha` is the share of the old mean, `centered` subtracts the squared running mean of g (Graves 2013), `momentum`
    runs over the quotient. `foreach` and `capturable` are accepted and change nothing. Raises ValueError for negative
    options.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("alpha value", alpha)
        not_differentiable(differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        lr, alpha, eps, momentum = (float(group[name]) for name in ("lr", "alpha", "eps", "momentum"))
        for p, array, grad, work in self._live(group):
            state = self.state[p] or self._begin(p, array, group)
            advance(state["step"])
            square = state["square_avg"]._buffer()
            np.multiply(grad, grad, out=work)
            work *= 1 - alpha
            square *= alpha
            square += work
            if group["centered"]:
                mean = state["grad_avg"]._buffer()
                mean *= alpha
                mean += np.multiply(grad, 1 - alpha, out=work)
                np.multiply(mean, mean, out=work)
                np.subtract(square, work, out=work)
                np.sqrt(work, out=work)
            else:
                np.sqrt(square, out=work)
            work += eps
            np.divide(grad, work, out=work)
            if momentum > 0:
                velocity = state["momentum_buffer"]._buffer()
                velocity *= momentum
                velocity += work
                np.multiply(velocity, lr, out=work)
            else:
                work *= lr
            array -= work

    def _begin(self, p: Any, array: Any, group: Group) -> dict[str, Any]:
        state = self.state[p]
        state["step"] = steps()
        state["square_avg"] = wrap(np.zeros_like(array))
        if group["momentum"] > 0:
            state["momentum_buffer"] = wrap(np.zeros_like(array))
        if group["centered"]:
            state["grad_avg"] = wrap(np.zeros_like(array))
        return state
