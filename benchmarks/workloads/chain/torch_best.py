from __future__ import annotations

from benchmarks.workloads.chain.torch_style import build as build  # there is no faster way to write it
