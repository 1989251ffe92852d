from __future__ import annotations

from typing import Any

import autograd.numpy as anp

from benchmarks.answers import flat
from benchmarks.workloads.chain import Chain
from benchmarks.workloads.chain.data import arrays


class Program:
    def __init__(self, chain: Chain, library: Any) -> None:
        self.start, scale, shift = (values if values.ndim else values[()] for values in arrays(chain))
        if chain.numbers:
            scale, shift = float(scale), float(shift)

        def total(y: Any) -> Any:
            for _ in range(chain.length // 2):
                y = y * scale
                y = y + shift
            return anp.sum(y) if chain.shape else y

        self.value_and_gradient = library.value_and_grad(total)

    def step(self) -> None:
        self.result = self.value_and_gradient(self.start)

    def answer(self) -> tuple[list[list[float]], str]:
        self.step()
        value, gradient = self.result
        return flat(value, gradient), str(gradient.dtype)


def build(chain: Chain, library: Any) -> Program:
    return Program(chain, library)
