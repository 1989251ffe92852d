from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool, Residual

IMAGES, LABELS = 10, 13  # batches of each; having no common factor, they meet in 130 combinations
CHECKED_STEPS = 3  # losses and updates of so many steps are compared with the reference


def unchanged(array: Any) -> Any:
    return array


def batches(
    workload: Network, image: Callable[[Any], Any] = unchanged, label: Callable[[Any], Any] = unchanged
) -> Iterator[tuple[Any, Any]]:
    """Endless pairs of images (batch, ...) float32 in 0..1 and labels (batch,) int64 that have nothing to do with them.

    `image` and `label` turn them into what the engine takes, once and beforehand.
    """
    random = np.random.default_rng(0)
    shape = workload.batch, *workload.image
    images = [image(random.random(shape, np.float32)) for _ in range(IMAGES)]
    labels = [label(random.integers(0, 10, workload.batch)) for _ in range(LABELS)]
    return zip(cycle(images), cycle(labels), strict=False)


def filled(workload: Network) -> list[tuple[Any, Any]]:
    """Each layer with its float32 arrays, weight before bias; a residual layer with its two ways, filled.

    Weights (filters, channels, height, width) and (inputs, outputs) start as He's, biases 0, BatchNorm's (C,) 1 and 0.
    """
    return _filled(workload.layers, workload.image, np.random.default_rng(1))[0]


def _filled(layers: Any, shape: tuple[int, ...], random: Any) -> tuple[list[tuple[Any, Any]], tuple[int, ...]]:
    out: list[tuple[Any, Any]] = []
    for layer in layers:
        content: Any = ()
        if isinstance(layer, Conv):
            content = _weights(random, (layer.filters, shape[0], layer.kernel, layer.kernel), layer.filters, layer.bias)
            sides = ((n + 2 * layer.pad - layer.kernel) // layer.stride + 1 for n in shape[1:])
            shape = layer.filters, *sides
        elif isinstance(layer, Linear):
            content = _weights(random, (shape[0], layer.outputs), layer.outputs, layer.bias)
            shape = (layer.outputs,)
        elif isinstance(layer, BatchNorm):
            content = np.ones(shape[0], np.float32), np.zeros(shape[0], np.float32)
        elif isinstance(layer, Residual):
            main, after = _filled(layer.main, shape, random)
            around, _ = _filled(layer.around, shape, random)
            content, shape = (main, around), after
        elif isinstance(layer, Pool):
            shape = shape[0], *(n // 2 for n in shape[1:])
        elif isinstance(layer, Mean):
            shape = shape[:1]
        elif isinstance(layer, Flatten):
            shape = (math.prod(shape),)
        out.append((layer, content))
    return out, shape


def _weights(random: Any, shape: tuple[int, ...], outputs: int, bias: bool) -> tuple[Any, ...]:
    inputs = math.prod(shape) // outputs
    weight = (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)
    return (weight, np.zeros(outputs, np.float32)) if bias else (weight,)


def arrays(layers: list[tuple[Any, Any]]) -> list[Any]:
    """All arrays of filled layers, in order: the order in which programs give their parameters."""
    out: list[Any] = []
    for layer, content in layers:
        out += [a for way in content for a in arrays(way)] if isinstance(layer, Residual) else content
    return out


def compose(layers: list[tuple[Any, Any]], make: Callable[[Any, Any], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The whole network as a function, from the functions that `make` gives for one layer and its arrays."""
    steps: list[Callable[[Any], Any]] = []
    for layer, content in layers:
        if isinstance(layer, Residual):
            steps.append(_sum(compose(content[0], make), compose(content[1], make)))
        else:
            steps.append(make(layer, content))

    def network(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return network


def _sum(main: Callable[[Any], Any], around: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: main(x) + around(x)


def moved(workload: Network, parameters: list[Any]) -> list[float]:
    """How far each parameter has gone from its start (root of the sum of squares), in the order of `arrays`."""
    starts = arrays(filled(workload))
    return [
        float(np.linalg.norm(np.asarray(now, np.float64).ravel() - start.ravel()))
        for now, start in zip(parameters, starts, strict=True)
    ]
