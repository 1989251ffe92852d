from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.chain import Chain


def arrays(chain: Chain) -> tuple[Any, Any, Any]:
    """Start, scale and shift as float32 arrays of the chain's shape.

    Scale is near 1, so that nothing over- or underflows, and exact in float32, so that no error grows with the chain.
    """
    random = np.random.default_rng(0)
    start = random.uniform(0.5, 1.5, chain.shape)
    scale = 1 - random.integers(1, 8, chain.shape) / 2**14
    shift = random.integers(1, 8, chain.shape) / 2**14
    return tuple(np.asarray(values, np.float32) for values in (start, scale, shift))
