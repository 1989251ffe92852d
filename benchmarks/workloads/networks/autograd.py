"""autograd has no convolution that trains at all usefully: here it is the sum over the kernel's places of a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from benchmarks.answers import flat
from benchmarks.workloads.mlp.numpy_optimisers import adam
from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool
from benchmarks.workloads.networks.data import CHECKED_STEPS, arrays, batches, compose, filled, moved


def convolve(x: Any, weight: Any, bias: Any, stride: int, pad: int) -> Any:
    if pad:
        x = anp.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
    size = weight.shape[2]
    height, width = (x.shape[2] - size) // stride + 1, (x.shape[3] - size) // stride + 1
    windows = [
        x[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
        for i in range(size)
        for j in range(size)
    ]
    columns = anp.concatenate(windows, axis=1)  # (N, k k C, H, W)
    matrix = anp.reshape(anp.transpose(weight, (0, 2, 3, 1)), (len(weight), -1))
    out = anp.transpose(anp.tensordot(matrix, columns, ((1,), (1,))), (1, 0, 2, 3))
    return out if bias is None else out + anp.reshape(bias, (1, -1, 1, 1))


def normalise(x: Any, gamma: Any, beta: Any) -> Any:
    axes, shape = ((0,), (1, -1)) if x.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))
    centred = x - anp.mean(x, axis=axes, keepdims=True)
    variance = anp.mean(centred * centred, axis=axes, keepdims=True)
    normal = centred / anp.sqrt(variance + np.float32(1e-5))
    return normal * anp.reshape(gamma, shape) + anp.reshape(beta, shape)


def pool(x: Any) -> Any:
    n, c, h, w = x.shape
    x = x[:, :, : h // 2 * 2, : w // 2 * 2]
    return anp.max(anp.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))


class Program:
    def __init__(self, workload: Network, library: Any) -> None:
        self.workload = workload
        layers = filled(workload)
        self.parameters = arrays(layers)
        self.traced: list[Any] = []  # the parameters as autograd hands them to the loss
        self.count = 0
        self.network = compose(layers, self.make)
        rows = np.eye(10, dtype=np.float32)
        self.batches = batches(workload, label=rows.__getitem__)
        self.value_and_gradients = library.value_and_grad(self.compute)
        self.update = adam(workload.lr)

    def make(self, layer: Any, content: Any) -> Callable[[Any], Any]:
        first, self.count = self.count, self.count + len(content)
        bias = first + 1 if len(content) == 2 else None

        def given(index: int | None) -> Any:
            return None if index is None else self.traced[index]

        if isinstance(layer, Conv):
            return lambda x: convolve(x, given(first), given(bias), layer.stride, layer.pad)
        if isinstance(layer, Linear):
            return lambda x: anp.dot(x, given(first)) + (0 if bias is None else given(bias))
        if isinstance(layer, BatchNorm):
            return lambda x: normalise(x, given(first), given(bias))
        kinds = {Pool: pool, Mean: lambda x: anp.mean(x, axis=(2, 3)), Flatten: lambda x: anp.reshape(x, (len(x), -1))}
        return kinds.get(type(layer), rectify)

    def compute(self, parameters: list[Any], x: Any, one_hot: Any) -> Any:
        self.traced = parameters
        scores = self.network(x)
        scores = scores - np.max(getval(scores), axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(scores), axis=1)) - anp.sum(scores * one_hot, axis=1))

    def step(self) -> None:
        self.loss, self.gradients = self.value_and_gradients(self.parameters, *next(self.batches))
        self.update(self.parameters, self.gradients)

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss))
        return flat(losses, moved(self.workload, self.parameters)), str(self.gradients[0].dtype)


def rectify(x: Any) -> Any:
    return x * (x > 0)  # the gradient of anp.maximum is float64


def build(workload: Network, library: Any) -> Program:
    return Program(workload, library)
