"""Optimisers in place for the engines that bring none: what a user of those engines would write with some care."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads.mlp import MLP

Update = Callable[[list[Any], list[Any]], None]


def sgd(lr: float) -> Update:
    def update(parameters: list[Any], gradients: list[Any]) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient

    return update


def adam(lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Update:
    moments: list[tuple[Any, Any]] = []
    count = 0

    def update(parameters: list[Any], gradients: list[Any]) -> None:
        nonlocal count
        if not moments:
            moments.extend((np.zeros_like(p), np.zeros_like(p)) for p in parameters)
        count += 1
        root = (1 - beta2**count) ** 0.5
        size = lr * root / (1 - beta1**count)
        for parameter, gradient, (m, v) in zip(parameters, gradients, moments, strict=True):
            m *= beta1
            m += (1 - beta1) * gradient
            v *= beta2
            v += (1 - beta2) * gradient * gradient
            step = np.sqrt(v)
            step += eps * root
            np.divide(m, step, out=step)
            step *= size
            parameter -= step

    return update


def optimiser(workload: MLP) -> Update:
    return {"SGD": sgd, "Adam": adam}[workload.optimiser](workload.lr)
