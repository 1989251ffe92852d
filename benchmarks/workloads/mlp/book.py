"""A network as the book teaches it: layers that remember what their backward pass needs, optimisers over dictionaries.

No engine: the order of the backward pass is written down. Every array is float32 (or what `dtype` says).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.mlp.data import CHECKED_STEPS, batches, moved, weights


class Affine:
    def __init__(self, parameters: dict[str, Any], weight: str, bias: str) -> None:
        self.parameters, self.weight, self.bias = parameters, weight, bias

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.dot(x, self.parameters[self.weight]) + self.parameters[self.bias]

    def backward(self, upstream: Any) -> Any:
        self.gradients = {self.weight: np.dot(self.x.T, upstream), self.bias: np.sum(upstream, axis=0)}
        return np.dot(upstream, self.parameters[self.weight].T)


class Relu:
    def forward(self, x: Any) -> Any:
        self.off = x <= 0
        out = x.copy()
        out[self.off] = 0
        return out

    def backward(self, upstream: Any) -> Any:
        upstream[self.off] = 0
        return upstream


class SoftmaxWithLoss:
    def forward(self, x: Any, t: Any) -> Any:
        self.t = t
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = powers / powers.sum(axis=1, keepdims=True)
        return -np.log(self.y[np.arange(len(t)), t] + 1e-7).mean()

    def backward(self) -> Any:
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx / len(self.t)


class SGD:
    def __init__(self, lr: float) -> None:
        self.lr = lr

    def update(self, parameters: dict[str, Any], gradients: dict[str, Any]) -> None:
        for key in parameters:
            parameters[key] -= self.lr * gradients[key]


class Adam:
    """Adam with its epsilon where PyTorch has it, so that results can be compared."""

    def __init__(self, lr: float, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr, self.beta1, self.beta2, self.count = lr, beta1, beta2, 0
        self.m: dict[str, Any] = {}
        self.v: dict[str, Any] = {}

    def update(self, parameters: dict[str, Any], gradients: dict[str, Any]) -> None:
        if not self.m:
            for key, value in parameters.items():
                self.m[key], self.v[key] = np.zeros_like(value), np.zeros_like(value)
        self.count += 1
        root = (1.0 - self.beta2**self.count) ** 0.5
        lr = self.lr * root / (1.0 - self.beta1**self.count)
        for key in parameters:
            self.m[key] += (1 - self.beta1) * (gradients[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (gradients[key] ** 2 - self.v[key])
            parameters[key] -= lr * self.m[key] / (np.sqrt(self.v[key]) + 1e-8 * root)


class Program:
    def __init__(self, workload: MLP, dtype: Any = np.float32) -> None:
        self.workload = workload
        self.parameters: dict[str, Any] = {}
        self.layers: list[Affine | Relu] = []
        for i, (weight, bias) in enumerate(weights(workload), 1):
            self.parameters[f"W{i}"], self.parameters[f"b{i}"] = weight.astype(dtype), bias.astype(dtype)
            self.layers += [Affine(self.parameters, f"W{i}", f"b{i}"), Relu()]
        del self.layers[-1]
        self.last = SoftmaxWithLoss()
        self.batches = batches(workload, image=lambda x: x.astype(dtype))
        self.optimiser = {"SGD": SGD, "Adam": Adam}[workload.optimiser](workload.lr)

    def step(self) -> None:
        x, t = next(self.batches)
        for layer in self.layers:
            x = layer.forward(x)
        self.loss = self.last.forward(x, t)
        upstream = self.last.backward()
        self.gradients: dict[str, Any] = {}
        for layer in reversed(self.layers):
            upstream = layer.backward(upstream)
            if isinstance(layer, Affine):
                self.gradients |= layer.gradients
        self.optimiser.update(self.parameters, self.gradients)

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss))
        path = moved(self.workload, list(self.parameters.values()))
        return flat(losses, path), str(self.gradients["W1"].dtype)


def build(workload: MLP, library: ModuleType) -> Program:
    return Program(workload)
