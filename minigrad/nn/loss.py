"""Losses as modules. PyTorch: `torch.nn.modules.loss`."""

from __future__ import annotations

from minigrad.nn import functional
from minigrad.nn.functional.loss import legacy_reduction
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Loss(Module):
    """Base of losses: `reduction` is 'mean', 'sum' or 'none' (PyTorch's older flags stand for one of them)."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = legacy_reduction(size_average, reduce, reduction)


class WeightedLoss(Loss):
    """Base of losses with a `weight`, which is a buffer and so follows the module's dtype."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(WeightedLoss):
    """Cross entropy between logits (N, C, ...) and target classes (N, ...) or probabilities (N, C, ...). Book 4.2.2.

    `weight` (C,), `ignore_index` and `label_smoothing` as in `functional.cross_entropy`. PyTorch: the same.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(
            input,
            target,
            weight=self._buffer("weight"),
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(WeightedLoss):
    """Minus the log-probability of the target class; input (N, C, ...) of log-probabilities. PyTorch: the same."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.nll_loss(
            input, target, weight=self._buffer("weight"), ignore_index=self.ignore_index, reduction=self.reduction
        )


class MSELoss(Loss):
    """The mean of (input - target)^2. Book 4.2.1 (there: half the sum)."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean of |input - target|."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.l1_loss(input, target, reduction=self.reduction)


class BCELoss(WeightedLoss):
    """Binary cross entropy of probabilities in [0, 1]; `weight` broadcasts against them."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy(input, target, weight=self._buffer("weight"), reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross entropy of sigmoid(input), safe from overflow; `pos_weight` multiplies the positive term."""

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            input, target, self._buffer("weight"), reduction=self.reduction, pos_weight=self._buffer("pos_weight")
        )
