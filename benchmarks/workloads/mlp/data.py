from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from typing import Any

import numpy as np

from benchmarks.workloads.mlp import MLP

IMAGES, LABELS = 10, 13  # batches of each; having no common factor, they meet in 130 combinations
CHECKED_STEPS = 5  # losses and updates of so many steps are compared with the reference


def unchanged(array: Any) -> Any:
    return array


def batches(
    workload: MLP, image: Callable[[Any], Any] = unchanged, label: Callable[[Any], Any] = unchanged
) -> Iterator[tuple[Any, Any]]:
    """Endless pairs of images (batch, 784) float32 in 0..1, a fifth of them not black, and labels (batch,) int64.

    `image` and `label` turn them into what the engine takes, once and beforehand.

    Labels have nothing to do with images: a network that learnt its few batches by heart would end up computing with
    denormal numbers, ten times slower.
    """
    random = np.random.default_rng(0)
    shape = workload.batch, workload.sizes[0]
    images = [image(random.random(shape, np.float32) * (random.random(shape) < 0.2)) for _ in range(IMAGES)]
    labels = [label(random.integers(0, workload.sizes[-1], workload.batch)) for _ in range(LABELS)]
    return zip(cycle(images), cycle(labels), strict=False)


def weights(workload: MLP) -> list[tuple[Any, Any]]:
    """For each layer a He-initialised matrix (inputs, outputs) and a bias of zeros (outputs,), float32."""
    random = np.random.default_rng(1)
    return [
        ((random.standard_normal((m, n)) * np.sqrt(2 / m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(workload.sizes)
    ]


def moved(workload: MLP, parameters: list[Any]) -> list[float]:
    """How far each parameter has gone from its start (root of the sum of squares), in the order W, b, W, b, ...

    Tells an engine that forgets to update something.
    """
    starts = [array for layer in weights(workload) for array in layer]
    return [
        float(np.linalg.norm(np.asarray(now, np.float64) - start))
        for now, start in zip(parameters, starts, strict=True)
    ]
