from __future__ import annotations

from benchmarks.catalogue import Engine


def restore_alias(threads: int) -> None:
    """DeZero 0.0.13 names `np.int` while it is imported, which NumPy removed in 1.24."""
    import numpy as np

    if "int" not in np.__dict__:
        np.int = int  # type: ignore[attr-defined]


ENGINE = Engine(
    "dezero",
    library="dezero",
    programs="dezero",
    note="`np.int` restored, without which it cannot be imported; own float32 loss and BatchNorm (the shipped ones give float64)",
    setup=restore_alias,
)
