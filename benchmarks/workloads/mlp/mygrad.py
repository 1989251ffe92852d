from __future__ import annotations

from typing import Any

from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.answers import flat
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.mlp.data import CHECKED_STEPS, batches, moved, weights
from benchmarks.workloads.mlp.numpy_optimisers import optimiser


class Program:
    def __init__(self, workload: MLP, library: Any) -> None:
        self.workload = workload
        self.layers = [(library.tensor(w), library.tensor(b)) for w, b in weights(workload)]
        self.parameters = [tensor for layer in self.layers for tensor in layer]
        self.batches = batches(workload)
        self.update = optimiser(workload)

    def step(self) -> None:
        x, t = next(self.batches)
        for parameter in self.parameters:
            parameter.null_grad()
        for weight, bias in self.layers[:-1]:
            x = relu(x @ weight + bias)
        weight, bias = self.layers[-1]
        self.loss = softmax_crossentropy(x @ weight + bias, t)
        self.loss.backward()
        self.update([p.data for p in self.parameters], [p.grad for p in self.parameters])

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(self.loss.item())
        return flat(losses, moved(self.workload, [p.data for p in self.parameters])), str(self.parameters[0].grad.dtype)


def build(workload: MLP, library: Any) -> Program:
    return Program(workload, library)
