from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.chain import Chain
from benchmarks.workloads.chain.data import arrays


class Program:
    def __init__(self, chain: Chain, library: Any) -> None:
        start, scale, shift = arrays(chain)
        self.pairs = chain.length // 2
        self.start = library.tensor(start, requires_grad=True)
        self.scale = float(scale) if chain.numbers else library.tensor(scale)
        self.shift = float(shift) if chain.numbers else library.tensor(shift)

    def step(self) -> None:
        scale, shift = self.scale, self.shift
        self.start.grad = None
        y = self.start
        for _ in range(self.pairs):
            y = y * scale
            y = y + shift
        self.total = y.sum() if y.ndim else y
        self.total.backward()

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        gradient = np.asarray(self.start.grad.numpy())
        return flat(self.total.item(), gradient), str(gradient.dtype)


def build(chain: Chain, library: Any) -> Program:
    return Program(chain, library)
