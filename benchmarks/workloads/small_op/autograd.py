from __future__ import annotations

from typing import Any

import autograd.numpy as anp

from benchmarks.answers import flat
from benchmarks.catalogue import Workload
from benchmarks.workloads.small_op.data import arrays


class Program:
    def __init__(self, library: Any) -> None:
        self.x, self.y = arrays()
        self.value_and_gradients = library.value_and_grad(lambda x, y: anp.sum(x * y), (0, 1))

    def step(self) -> None:
        self.result = self.value_and_gradients(self.x, self.y)

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        value, gradients = self.result
        return flat(value, *gradients), str(gradients[0].dtype)


def build(workload: Workload, library: Any) -> Program:
    return Program(library)
