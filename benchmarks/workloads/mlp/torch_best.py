from __future__ import annotations

from typing import Any

from benchmarks.workloads.mlp import MLP, torch_style


class Program(torch_style.Program):
    def make_optimiser(self, optim: Any) -> Any:
        return getattr(optim, self.workload.optimiser)(self.model.parameters(), lr=self.workload.lr, fused=True)


def build(workload: MLP, library: Any) -> Program:
    return Program(workload, library)
