from __future__ import annotations

from benchmarks.catalogue import Engine
from benchmarks.engines.torch import pin

# What keeps glibc from mapping and unmapping every large temporary (docs/benchmarks.md): the largest single gain there.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}

ENGINE = Engine(
    "torch-best",
    library="torch",
    programs="torch_best",
    note="still eager, with fused optimisers and glibc told to keep freed memory",
    environment=KEEP_MEMORY,
    setup=pin,
)
