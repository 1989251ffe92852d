from __future__ import annotations

from benchmarks.catalogue import Engine


def pin(threads: int) -> None:
    """Hold torch to the given number of threads; its default is its own idea of the number of cores."""
    import torch

    torch.set_num_threads(threads)


ENGINE = Engine("torch", library="torch", programs="torch_style", note="as shipped: eager, default settings", setup=pin)
