"""Layers as the book teaches them (chapters 5 to 8): im2col and a matrix product, backward passes by hand, all float32
(or what `dtype` says), where the book's own code computes in float64."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.mlp.book import Adam, Relu, SoftmaxWithLoss
from benchmarks.workloads.networks import Network
from benchmarks.workloads.networks import Residual as ResidualLayer
from benchmarks.workloads.networks.data import CHECKED_STEPS, batches, filled, moved


def im2col(image: Any, height: int, width: int, stride: int, pad: int) -> Any:
    """The windows of (N, C, H, W) as rows."""
    n, c, h, w = image.shape
    out_h, out_w = (h + 2 * pad - height) // stride + 1, (w + 2 * pad - width) // stride + 1
    padded = np.pad(image, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((n, c, height, width, out_h, out_w), image.dtype)
    for y in range(height):
        for x in range(width):
            col[:, :, y, x] = padded[:, :, y : y + stride * out_h : stride, x : x + stride * out_w : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * out_h * out_w, -1)


def col2im(col: Any, shape: tuple[int, ...], height: int, width: int, stride: int, pad: int) -> Any:
    """Rows added back to where their windows were."""
    n, c, h, w = shape
    out_h, out_w = (h + 2 * pad - height) // stride + 1, (w + 2 * pad - width) // stride + 1
    col = col.reshape(n, out_h, out_w, c, height, width).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((n, c, h + 2 * pad + stride - 1, w + 2 * pad + stride - 1), col.dtype)
    for y in range(height):
        for x in range(width):
            image[:, :, y : y + stride * out_h : stride, x : x + stride * out_w : stride] += col[:, :, y, x]
    return image[:, :, pad : h + pad, pad : w + pad]


class Convolution:
    def __init__(self, layer: Any, content: Any) -> None:
        self.stride, self.pad, self.parameters = layer.stride, layer.pad, content

    def forward(self, x: Any) -> Any:
        weight = self.parameters[0]
        filters, _, height, width = weight.shape
        self.shape = n, _, h, w = x.shape
        self.col = im2col(x, height, width, self.stride, self.pad)
        out = np.dot(self.col, weight.reshape(filters, -1).T)
        if len(self.parameters) == 2:
            out = out + self.parameters[1]
        out_h, out_w = (h + 2 * self.pad - height) // self.stride + 1, (w + 2 * self.pad - width) // self.stride + 1
        return out.reshape(n, out_h, out_w, -1).transpose(0, 3, 1, 2)

    def backward(self, upstream: Any) -> Any:
        weight = self.parameters[0]
        filters, _, height, width = weight.shape
        rows = upstream.transpose(0, 2, 3, 1).reshape(-1, filters)
        dw = np.dot(self.col.T, rows).transpose(1, 0).reshape(weight.shape)
        self.gradients = [dw, np.sum(rows, axis=0)][: len(self.parameters)]
        return col2im(np.dot(rows, weight.reshape(filters, -1)), self.shape, height, width, self.stride, self.pad)


class Affine:
    def __init__(self, layer: Any, content: Any) -> None:
        self.parameters = content

    def forward(self, x: Any) -> Any:
        self.x = x
        out = np.dot(x, self.parameters[0])
        return out + self.parameters[1] if len(self.parameters) == 2 else out

    def backward(self, upstream: Any) -> Any:
        self.gradients = [np.dot(self.x.T, upstream), np.sum(upstream, axis=0)][: len(self.parameters)]
        return np.dot(upstream, self.parameters[0].T)


class BatchNormalization:
    """The book's, epsilon as PyTorch's so that results can be compared."""

    def __init__(self, layer: Any, content: Any) -> None:
        self.parameters = content
        self.running_mean, self.running_var = np.zeros_like(content[0]), np.ones_like(content[0])

    def forward(self, x: Any) -> Any:
        self.shape = x.shape
        rows = x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])
        mean = rows.mean(axis=0)
        self.centred = rows - mean
        var = np.mean(self.centred**2, axis=0)
        self.std = np.sqrt(var + 1e-5)
        self.normal = self.centred / self.std
        self.running_mean = 0.9 * self.running_mean + 0.1 * mean
        self.running_var = 0.9 * self.running_var + 0.1 * var
        return self.image(self.parameters[0] * self.normal + self.parameters[1])

    def backward(self, upstream: Any) -> Any:
        rows = upstream if upstream.ndim == 2 else upstream.transpose(0, 2, 3, 1).reshape(-1, upstream.shape[1])
        self.gradients = [np.sum(self.normal * rows, axis=0), rows.sum(axis=0)]
        d_normal = self.parameters[0] * rows
        d_centred = d_normal / self.std
        d_std = -np.sum((d_normal * self.centred) / (self.std * self.std), axis=0)
        d_centred += (1.0 / len(rows)) * self.centred * (d_std / self.std)
        return self.image(d_centred - np.sum(d_centred, axis=0) / len(rows))

    def image(self, rows: Any) -> Any:
        if len(self.shape) == 2:
            return rows
        n, c, h, w = self.shape
        return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)


class Pooling:
    def __init__(self, layer: Any, content: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        n, c, h, w = self.shape = x.shape
        col = im2col(x, 2, 2, 2, 0).reshape(-1, 4)
        self.largest = np.argmax(col, axis=1)
        return np.max(col, axis=1).reshape(n, h // 2, w // 2, c).transpose(0, 3, 1, 2)

    def backward(self, upstream: Any) -> Any:
        rows = upstream.transpose(0, 2, 3, 1)
        d_max = np.zeros((rows.size, 4), rows.dtype)
        d_max[np.arange(self.largest.size), self.largest.flatten()] = rows.flatten()
        n, h, w, c = rows.shape
        return col2im(d_max.reshape(n * h * w, -1), self.shape, 2, 2, 2, 0)


class Mean:
    def __init__(self, layer: Any, content: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        self.shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, upstream: Any) -> Any:
        area = self.shape[2] * self.shape[3]
        return np.broadcast_to(upstream[:, :, None, None] / area, self.shape).copy()


class Flatten:
    def __init__(self, layer: Any, content: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, upstream: Any) -> Any:
        return upstream.reshape(self.shape)


class Rectifier(Relu):
    def __init__(self, layer: Any, content: Any) -> None:
        pass


class Sequence:
    def __init__(self, layers: list[tuple[Any, Any]]) -> None:
        self.layers = [KINDS[type(layer).__name__](layer, content) for layer, content in layers]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, upstream: Any) -> Any:
        for layer in reversed(self.layers):
            upstream = layer.backward(upstream)
        return upstream

    def leaves(self) -> list[Any]:
        """The layers with parameters, in order."""
        out: list[Any] = []
        for layer in self.layers:
            if isinstance(layer, Residual):
                out += layer.main.leaves() + layer.around.leaves()
            elif hasattr(layer, "parameters"):
                out.append(layer)
        return out


class Residual:
    def __init__(self, layer: ResidualLayer, content: Any) -> None:
        self.main, self.around = map(Sequence, content)

    def forward(self, x: Any) -> Any:
        return self.main.forward(x) + self.around.forward(x)

    def backward(self, upstream: Any) -> Any:
        return self.main.backward(upstream) + self.around.backward(upstream)


KINDS: dict[str, Any] = {
    "Conv": Convolution,
    "Linear": Affine,
    "BatchNorm": BatchNormalization,
    "ReLU": Rectifier,
    "Pool": Pooling,
    "Mean": Mean,
    "Flatten": Flatten,
    "Residual": Residual,
}


class Program:
    def __init__(self, workload: Network, dtype: Any = np.float32) -> None:
        self.workload = workload
        self.network = Sequence(_as(filled(workload), dtype))
        self.leaves = self.network.leaves()
        parameters = [parameter for layer in self.leaves for parameter in layer.parameters]
        self.parameters = {str(i): parameter for i, parameter in enumerate(parameters)}
        self.last, self.optimiser = SoftmaxWithLoss(), Adam(workload.lr)
        self.batches = batches(workload, image=lambda x: x.astype(dtype))

    def step(self) -> None:
        x, t = next(self.batches)
        self.loss = self.last.forward(self.network.forward(x), t)
        self.network.backward(self.last.backward())
        gradients = [gradient for layer in self.leaves for gradient in layer.gradients]
        self.gradients = {str(i): gradient for i, gradient in enumerate(gradients)}
        self.optimiser.update(self.parameters, self.gradients)

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(float(self.loss))
        return flat(losses, moved(self.workload, list(self.parameters.values()))), str(self.gradients["0"].dtype)


def _as(layers: list[tuple[Any, Any]], dtype: Any) -> list[tuple[Any, Any]]:
    return [
        (layer, tuple(_as(c, dtype) if isinstance(c, list) else c.astype(dtype) for c in content))
        for layer, content in layers
    ]


def build(workload: Network, library: ModuleType) -> Program:
    return Program(workload)
