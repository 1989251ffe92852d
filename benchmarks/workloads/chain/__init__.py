"""Engine overhead: a chain of alternating multiplications and additions, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.catalogue import Workload


@dataclass(frozen=True)
class Chain(Workload):
    """y <- y * scale, y <- y + shift, repeated; then the gradient of y (summed, if it is no scalar) by its start."""

    shape: tuple[int, ...] = ()
    length: int = 10_000
    numbers: bool = False  # scale and shift are Python numbers rather than tensors (NumPy scalars for engines
    # that would turn float32 into float64)


def _chain(name: str, title: str, length: int, shape: tuple[int, ...] = (), numbers: bool = False) -> Chain:
    return Chain(__name__, name, title, operations=length, shape=shape, length=length, numbers=numbers)


WORKLOADS = (
    _chain("scalar-chain", "Chain of 10,000 scalar operations with 0-d tensors", 10_000),
    _chain("scalar-chain-numbers", "Chain of 10,000 scalar operations with Python numbers", 10_000, numbers=True),
    _chain("vector-chain", "Chain of 1,000 operations on 10 elements", 1_000, (10,)),
    _chain("matrix-chain", "Chain of 1,000 operations on 100x100", 1_000, (100, 100)),
)
