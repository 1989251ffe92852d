"""Adam and AdamW. PyTorch: `torch.optim.Adam`, `torch.optim.AdamW`."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from minigrad.kernels.elementwise import LARGE, in_parts
from minigrad.optim.optimizer import (
    Group,
    Optimizer,
    Parameters,
    advance,
    at_least_zero,
    not_differentiable,
    scalar,
    steps,
)
from minigrad.tensor import wrap

# Called as multiply(x, y, out): a keyword would cost as much as a small product.
add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt


def move(numbers: Any, array: Any, grad: Any, work: Any, mean: Any, square: Any, largest: Any = None) -> None:
    """One step of Adam, in place."""
    decay1, new1, decay2, new2, floor, rate = numbers
    multiply(mean, decay1, mean)
    multiply(grad, new1, work)
    add(mean, work, mean)
    multiply(square, decay2, square)
    multiply(grad, grad, work)
    multiply(work, new2, work)
    add(square, work, square)
    if largest is not None:
        square = np.maximum(largest, square, out=largest)
    # One scalar in the place of two divisions of arrays: the correction of the square moves to epsilon and lr.
    sqrt(square, work)
    add(work, floor, work)
    divide(mean, work, work)
    multiply(work, rate, work)
    subtract(array, work, array)


class Adam(Optimizer):
    """Steps of about `lr`, by running means of the gradient and of its square. Kingma and Ba 2015; book 6.1.6.

    After t steps p -= lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps). With `eps_hat=True` the epsilon is added
    to sqrt(v) before the correction: the paper's "epsilon hat", which the book uses (with eps=1e-7) and PyTorch does not
    have. `amsgrad` divides by the largest v so far (Reddi et al. 2018). `weight_decay` is added to the gradient, or with
    `decoupled_weight_decay` shrinks the parameter (AdamW). `foreach`, `fused` and `capturable` are accepted and change
    nothing. Raises ValueError for options out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        eps_hat: bool = False,
    ) -> None:
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        at_least_zero("weight_decay value", weight_decay)
        not_differentiable(differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
            "eps_hat": eps_hat,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        lr, beta1, beta2, eps = map(float, (group["lr"], *group["betas"], group["eps"]))
        shrink = 1 - lr * float(group["weight_decay"]) if group["decoupled_weight_decay"] else 1.0
        at: Any = None  # the number of steps and dtype that the scalars below are for: mostly those of every parameter
        for p, array, grad, work in self._live(group):
            state, dtype = self.state[p] or self._begin(p, array, group), array.dtype
            t = advance(state["step"])
            if at != (t, dtype):
                at = t, dtype
                correction1, correction2 = 1 - beta1**t, math.sqrt(1 - beta2**t)
                decay1, new1 = scalar(beta1, dtype), scalar(1 - beta1, dtype)
                decay2, new2 = scalar(beta2, dtype), scalar(1 - beta2, dtype)
                floor = scalar(eps if group["eps_hat"] else eps * correction2, dtype)
                rate = scalar(lr * correction2 / correction1, dtype)
                numbers = decay1, new1, decay2, new2, floor, rate
            if shrink != 1:
                multiply(array, scalar(shrink, dtype), array)
            mean, square = state["exp_avg"]._buffer(), state["exp_avg_sq"]._buffer()
            moments = (mean, square, state["max_exp_avg_sq"]._buffer()) if group["amsgrad"] else (mean, square)
            if array.size < LARGE:  # asked here too: in_parts would cost a small parameter 2 us
                move(numbers, array, grad, work, *moments)
            else:
                in_parts(partial(move, numbers), array, grad, work, *moments)

    def _begin(self, p: Any, array: Any, group: Group) -> dict[str, Any]:
        state = self.state[p]
        state["step"] = steps()
        state["exp_avg"] = wrap(np.zeros_like(array))
        state["exp_avg_sq"] = wrap(np.zeros_like(array))
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = wrap(np.zeros_like(array))
        return state


class AdamW(Adam):
    """Adam whose `weight_decay` shrinks the parameter itself: p *= 1 - lr * weight_decay. Loshchilov and Hutter 2019."""

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, also one of Adam: the decay stays decoupled. Raises as `Optimizer.load_state_dict`."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
