from __future__ import annotations

from typing import Any

from benchmarks.answers import flat
from benchmarks.workloads.chain import Chain
from benchmarks.workloads.chain.data import arrays


class Program:
    def __init__(self, chain: Chain, library: Any) -> None:
        start, scale, shift = arrays(chain)
        self.pairs = chain.length // 2
        self.start = library.tensor(start)
        # A Python number would become a float64 array here, and the chain float64 with it.
        self.scale = scale[()] if chain.numbers else library.tensor(scale, constant=True)
        self.shift = shift[()] if chain.numbers else library.tensor(shift, constant=True)

    def step(self) -> None:
        scale, shift = self.scale, self.shift
        y = self.start
        for _ in range(self.pairs):
            y = y * scale
            y = y + shift
        self.total = y.sum() if y.ndim else y
        self.total.backward()

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        gradient = self.start.grad
        return flat(self.total.item(), gradient), str(gradient.dtype)


def build(chain: Chain, library: Any) -> Program:
    return Program(chain, library)
