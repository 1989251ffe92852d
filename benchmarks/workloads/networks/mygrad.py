from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import batchnorm, conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.answers import flat
from benchmarks.workloads.mlp.numpy_optimisers import adam
from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool, Residual
from benchmarks.workloads.networks.data import CHECKED_STEPS, batches, compose, filled, moved


class Program:
    def __init__(self, workload: Network, library: Any) -> None:
        self.workload = workload
        self.parameters: list[Any] = []
        self.network = compose(filled(workload), self.make)
        self.batches = batches(workload)
        self.update = adam(workload.lr)

    def make(self, layer: Any, content: Any) -> Callable[[Any], Any]:
        weight, bias = (*map(mygrad.tensor, content), None, None)[:2]
        self.parameters += [p for p in (weight, bias) if p is not None]
        if isinstance(layer, Conv):
            shape = (1, -1, 1, 1)

            def convolve(x: Any) -> Any:
                out = conv_nd(x, weight, stride=layer.stride, padding=layer.pad)
                return out if bias is None else out + bias.reshape(shape)

            return convolve
        if isinstance(layer, Linear):
            return lambda x: x @ weight if bias is None else x @ weight + bias
        if isinstance(layer, BatchNorm):
            return lambda x: batchnorm(x, gamma=weight, beta=bias, eps=1e-5)
        if isinstance(layer, Pool):
            return lambda x: max_pool(x, (2, 2), 2)
        if isinstance(layer, Mean):
            return lambda x: x.mean(axis=(2, 3))
        return (lambda x: x.reshape(len(x), -1)) if isinstance(layer, Flatten) else relu

    def step(self) -> None:
        x, t = next(self.batches)
        for parameter in self.parameters:
            parameter.null_grad()
        self.loss = softmax_crossentropy(self.network(x), t)
        self.loss.backward()
        self.update([p.data for p in self.parameters], [p.grad for p in self.parameters])

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(self.loss.item())
        return flat(losses, moved(self.workload, [p.data for p in self.parameters])), str(self.parameters[0].grad.dtype)


def strides(layers: Any) -> set[int]:
    """The strides of all convolutions."""
    found = {layer.stride for layer in layers if isinstance(layer, Conv)}
    return found.union(*(strides(way) for r in layers if isinstance(r, Residual) for way in (r.main, r.around)))


def build(workload: Network, library: Any) -> Program | None:
    # MyGrad raises where a stride does not divide the way of the kernel, as in a ResNet.
    return Program(workload, library) if strides(workload.layers) <= {1} else None
