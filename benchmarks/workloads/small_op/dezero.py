from __future__ import annotations

from typing import Any

from benchmarks.answers import flat
from benchmarks.catalogue import Workload
from benchmarks.workloads.small_op.data import arrays


class Program:
    def __init__(self, library: Any) -> None:
        self.x, self.y = (library.Variable(values) for values in arrays())

    def step(self) -> None:
        self.x.cleargrad()
        self.y.cleargrad()
        self.total = (self.x * self.y).sum()
        self.total.backward()

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        gradients = self.x.grad.data, self.y.grad.data
        return flat(self.total.data, *gradients), str(gradients[0].dtype)


def build(workload: Workload, library: Any) -> Program:
    return Program(library)
