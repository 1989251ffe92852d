from __future__ import annotations

import sys

from benchmarks.catalogue import Engine


def allow_long_chains(threads: int) -> None:
    """MyGrad walks the graph by recursion, a few frames per operation."""
    sys.setrecursionlimit(1_000_000)


ENGINE = Engine(
    "mygrad",
    library="mygrad",
    programs="mygrad",
    note="as shipped, recursion limit raised",
    setup=allow_long_chains,
)
