"""AdaGrad. PyTorch: `torch.optim.Adagrad`."""

from __future__ import annotations

import numpy as np

from minigrad.optim.optimizer import Group, Optimizer, Parameters, advance, at_least_zero, not_differentiable, steps
from minigrad.tensor import wrap


class Adagrad(Optimizer):
    """p -= lr * g / (sqrt(sum of g^2 so far) + eps). Duchi et al. 2011; book 6.1.5 (there eps=1e-7).

    `lr_decay` divides lr by 1 + (t - 1) * lr_decay at step t. `foreach` and `fused` are accepted and change nothing.
    Raises ValueError for negative options.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        at_least_zero("learning rate", lr)
        at_least_zero("lr_decay value", lr_decay)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("initial_accumulator_value value", initial_accumulator_value)
        at_least_zero("epsilon value", eps)
        not_differentiable(differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own; what is summed up for them starts at once."""
        super().add_param_group(param_group)
        for p in param_group["params"]:
            self.state[p]["step"] = steps()
            self.state[p]["sum"] = wrap(np.full_like(p._buffer(), param_group["initial_accumulator_value"]))

    def _update(self, group: Group) -> None:
        lr, lr_decay, eps = float(group["lr"]), float(group["lr_decay"]), float(group["eps"])
        for p, array, grad, work in self._live(group):
            state = self.state[p]
            t, total = advance(state["step"]), state["sum"]._buffer()
            total += np.multiply(grad, grad, out=work)
            np.sqrt(total, out=work)
            work += eps
            np.divide(grad, work, out=work)
            work *= lr / (1 + (t - 1) * lr_decay)
            array -= work
