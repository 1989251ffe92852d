from __future__ import annotations

from benchmarks.catalogue import Engine
from benchmarks.engines.mygrad import allow_long_chains


def setup(threads: int) -> None:
    """MyGrad without its lock against mutation of arrays in a graph, its documented way to go faster."""
    import mygrad

    allow_long_chains(threads)
    mygrad.turn_memory_guarding_off()


ENGINE = Engine(
    "mygrad-unguarded",
    library="mygrad",
    programs="mygrad",
    note="`mygrad.turn_memory_guarding_off()`: nothing protects arrays in the graph from mutation",
    setup=setup,
)
