from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dezero.functions as F
import dezero.optimizers as O
import numpy as np
from dezero import Model, Parameter, as_variable

from benchmarks.answers import flat
from benchmarks.workloads.mlp.dezero import SoftmaxCrossEntropy
from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool
from benchmarks.workloads.networks.data import CHECKED_STEPS, batches, compose, filled, moved


class BatchNormalisation(F.BatchNorm):  # type: ignore[misc]
    """The shipped one, staying in float32 on the way back, where its divisions by integers give float64."""

    def backward(self, upstream: Any) -> Any:
        x, gamma, _ = (variable.data for variable in self.inputs)
        gy, x = (a if a.ndim == 2 else a.transpose(0, 2, 3, 1).reshape(-1, a.shape[1]) for a in (upstream.data, x))
        normal = (x - x.mean(axis=0)) * self.inv_std
        gbeta, ggamma = gy.sum(axis=0), (normal * gy).sum(axis=0)
        gx = (gy - gbeta / len(gy) - normal * (ggamma / len(gy))) * (gamma * self.inv_std)
        if upstream.ndim == 4:
            n, c, h, w = upstream.shape
            gx = gx.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        return as_variable(gx), as_variable(ggamma), as_variable(gbeta)


class Program:
    def __init__(self, workload: Network, library: Any) -> None:
        self.workload = workload
        self.parameters: list[Any] = []
        self.model = Model()
        self.network = compose(filled(workload), self.make)
        for i, parameter in enumerate(self.parameters):
            setattr(self.model, f"p{i}", parameter)
        self.batches = batches(workload)
        self.optimiser = O.Adam(workload.lr).setup(self.model)

    def make(self, layer: Any, content: Any) -> Callable[[Any], Any]:
        parameters = [Parameter(array) for array in content]
        self.parameters += parameters
        if isinstance(layer, Conv):
            return lambda x: F.conv2d(x, *parameters, stride=layer.stride, pad=layer.pad)
        if isinstance(layer, Linear):
            return lambda x: F.linear(x, *parameters)
        if isinstance(layer, BatchNorm):
            average, var = np.zeros_like(content[0]), np.ones_like(content[0])
            return lambda x: BatchNormalisation(average, var, 0.9, 1e-5)(x, *parameters)
        if isinstance(layer, Pool):
            return lambda x: F.pooling(x, 2, 2)
        if isinstance(layer, Mean):
            return mean
        return F.flatten if isinstance(layer, Flatten) else F.relu

    def step(self) -> None:
        x, t = next(self.batches)
        self.model.cleargrads()
        self.loss = SoftmaxCrossEntropy()(self.network(x), t)
        self.loss.backward()
        self.optimiser.update()

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss.data))
        path = moved(self.workload, [p.data for p in self.parameters])
        return flat(losses, path), str(self.parameters[0].grad.data.dtype)


def mean(x: Any) -> Any:
    """Over height and width: the shipped average_pooling gives float64 gradients, and sum fails for two axes."""
    n, c, h, w = x.shape
    return F.sum(F.reshape(x, (n, c, h * w)), axis=2) * np.float32(1 / (h * w))


def build(workload: Network, library: Any) -> Program:
    return Program(workload, library)
