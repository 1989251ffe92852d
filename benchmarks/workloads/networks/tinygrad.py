from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tinygrad import Tensor, TinyJit
from tinygrad.nn import BatchNorm as Norm
from tinygrad.nn import optim

from benchmarks.answers import flat
from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool
from benchmarks.workloads.networks.data import CHECKED_STEPS, batches, compose, filled, moved


class Program:
    def __init__(self, workload: Network, library: Any) -> None:
        self.workload = workload
        self.parameters: list[Any] = []
        self.network = compose(filled(workload), self.make)
        self.batches = batches(workload, lambda x: Tensor(x).realize(), lambda t: Tensor(t.astype(np.int32)).realize())
        self.optimiser = optim.Adam(self.parameters, lr=workload.lr)
        self.compiled = TinyJit(self.train)

    def make(self, layer: Any, content: Any) -> Callable[[Any], Any]:
        parameters = [Tensor(array).realize() for array in content]
        self.parameters += parameters
        if isinstance(layer, Conv):
            return lambda x: x.conv2d(*parameters, stride=layer.stride, padding=layer.pad)
        if isinstance(layer, Linear):
            return lambda x: x.linear(*parameters)
        if isinstance(layer, BatchNorm):
            norm = Norm(len(content[0]), eps=1e-5)
            norm.weight, norm.bias = parameters
            return norm
        if isinstance(layer, Pool):
            return lambda x: x.max_pool2d((2, 2))
        if isinstance(layer, Mean):
            return lambda x: x.mean((2, 3))
        return (lambda x: x.flatten(1)) if isinstance(layer, Flatten) else Tensor.relu

    def train(self, x: Any, t: Any) -> Any:
        self.optimiser.zero_grad()
        loss = self.network(x).sparse_categorical_crossentropy(t)
        loss.backward()
        return loss.realize(*self.optimiser.schedule_step())

    def step(self) -> None:
        self.loss = self.compiled(*next(self.batches)).item()  # waits for the result

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(self.loss)
        path = moved(self.workload, [p.numpy() for p in self.parameters])
        return flat(losses, path), self.parameters[0].numpy().dtype.name


def build(workload: Network, library: Any) -> Program:
    return Program(workload, library)
