from __future__ import annotations

from typing import Any

from benchmarks.workloads.networks import Network, torch_style


class Program(torch_style.Program):
    """Channels last in memory, the optimiser in one pass."""

    def prepare(self, thing: Any) -> Any:
        if len(self.workload.image) == 1:
            return thing
        return thing.to(memory_format=self.library.channels_last)

    def make_optimiser(self, optim: Any) -> Any:
        return optim.Adam(self.model.parameters(), lr=self.workload.lr, fused=True)


def build(workload: Network, library: Any) -> Program:
    return Program(workload, library)
