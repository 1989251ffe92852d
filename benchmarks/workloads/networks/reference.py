from __future__ import annotations

from types import ModuleType

import numpy as np

from benchmarks.workloads.networks import Network, book


def build(workload: Network, library: ModuleType) -> book.Program:
    """The same network in float64; torch agreeing with it is what makes it a reference."""
    return book.Program(workload, np.float64)
