from __future__ import annotations

from types import ModuleType

import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.chain import Chain
from benchmarks.workloads.chain.data import arrays


class Reference:
    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def answer(self) -> tuple[list[list[float]], str]:
        """Final value (summed) and gradient, which is scale ** (number of multiplications)."""
        y, scale, shift = (values.astype(np.float64) for values in arrays(self.chain))
        gradient = scale ** (self.chain.length // 2)
        for _ in range(self.chain.length // 2):
            y = y * scale + shift
        return flat(y.sum(), gradient), str(gradient.dtype)

    def step(self) -> None:
        raise NotImplementedError("the reference is not timed")


def build(chain: Chain, library: ModuleType) -> Reference:
    return Reference(chain)
