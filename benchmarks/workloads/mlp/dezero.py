from __future__ import annotations

from typing import Any

import dezero.functions as F
import dezero.models as M
import dezero.optimizers as O
import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.mlp.data import CHECKED_STEPS, batches, moved, weights


class SoftmaxCrossEntropy(F.SoftmaxCrossEntropy):  # type: ignore[misc]
    """The shipped loss, staying in float32 on the way back, where integer one-hot rows make the shipped one float64."""

    def backward(self, upstream: Any) -> Any:
        x, t = self.inputs
        one_hot = np.eye(x.shape[1], dtype=x.dtype)[t.data]
        return (F.softmax(x) - one_hot) * (upstream * np.float32(1 / len(x)))


class Program:
    def __init__(self, workload: MLP, library: Any) -> None:
        self.workload = workload
        self.model = M.MLP(workload.sizes[1:], activation=F.relu)
        self.batches = batches(workload)
        self.parameters = []
        for layer, (matrix, bias) in zip(self.model.layers, weights(workload), strict=True):
            layer.W.data, layer.b.data = matrix, bias
            self.parameters += [layer.W, layer.b]
        make = {"SGD": O.SGD, "Adam": O.Adam}[workload.optimiser]
        self.optimiser = make(workload.lr).setup(self.model)

    def step(self) -> None:
        x, t = next(self.batches)
        self.model.cleargrads()
        self.loss = SoftmaxCrossEntropy()(self.model(x), t)
        self.loss.backward()
        self.optimiser.update()

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss.data))
        path = moved(self.workload, [p.data for p in self.parameters])
        return flat(losses, path), str(self.parameters[0].grad.data.dtype)


def build(workload: MLP, library: Any) -> Program:
    return Program(workload, library)
