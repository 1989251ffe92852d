from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from benchmarks.answers import flat
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.mlp.data import CHECKED_STEPS, batches, moved, weights
from benchmarks.workloads.mlp.numpy_optimisers import optimiser


def loss(layers: list[tuple[Any, Any]], x: Any, one_hot: Any) -> Any:
    for weight, bias in layers[:-1]:
        x = anp.dot(x, weight) + bias
        x = x * (x > 0)  # the gradient of anp.maximum is float64
    weight, bias = layers[-1]
    scores = anp.dot(x, weight) + bias
    scores = scores - np.max(getval(scores), axis=1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(scores), axis=1)) - anp.sum(scores * one_hot, axis=1))


class Program:
    def __init__(self, workload: MLP, library: Any) -> None:
        self.workload = workload
        self.layers = weights(workload)
        rows = np.eye(workload.sizes[-1], dtype=np.float32)
        self.batches = batches(workload, label=rows.__getitem__)
        self.value_and_gradients = library.value_and_grad(loss)
        self.update = optimiser(workload)

    def step(self) -> None:
        self.loss, gradients = self.value_and_gradients(self.layers, *next(self.batches))
        self.gradients = [gradient for layer in gradients for gradient in layer]
        self.update([parameter for layer in self.layers for parameter in layer], self.gradients)

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss))
        parameters = [parameter for layer in self.layers for parameter in layer]
        return flat(losses, moved(self.workload, parameters)), str(self.gradients[0].dtype)


def build(workload: MLP, library: Any) -> Program:
    return Program(workload, library)
