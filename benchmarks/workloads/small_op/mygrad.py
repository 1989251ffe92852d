from __future__ import annotations

from typing import Any

from benchmarks.answers import flat
from benchmarks.catalogue import Workload
from benchmarks.workloads.small_op.data import arrays


class Program:
    def __init__(self, library: Any) -> None:
        self.x, self.y = (library.tensor(values) for values in arrays())

    def step(self) -> None:
        self.total = (self.x * self.y).sum()
        self.total.backward()

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        return flat(self.total.item(), self.x.grad, self.y.grad), str(self.x.grad.dtype)


def build(workload: Workload, library: Any) -> Program:
    return Program(library)
