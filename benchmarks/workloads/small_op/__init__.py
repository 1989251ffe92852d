"""What one small operation costs with everything around it: z = x * y on 10 elements, summed, and back."""

from __future__ import annotations

from benchmarks.catalogue import Workload

WORKLOADS = (Workload(__name__, "small-op", "One small operation: `(x * y).sum().backward()` on 10 elements"),)
