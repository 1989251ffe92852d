"""Full training steps of fully connected networks: forget gradients, forward, loss, backward, update."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.catalogue import Workload


@dataclass(frozen=True)
class MLP(Workload):
    """Linear layers with ReLU between them, softmax cross-entropy, float32, on data of MNIST's shape."""

    sizes: tuple[int, ...] = ()
    batch: int = 0
    optimiser: str = ""  # "SGD" or "Adam"
    lr: float = 0.0


WORKLOADS = (
    MLP(__name__, "mlp-sgd", "MLP 784-50-10, batch 100, SGD", sizes=(784, 50, 10), batch=100, optimiser="SGD", lr=0.1),
    MLP(
        __name__,
        "mlp-adam",
        "MLP 784-100x5-10, batch 128, Adam",
        sizes=(784, *(100,) * 5, 10),
        batch=128,
        optimiser="Adam",
        lr=0.001,
        tolerance=5e-3,  # DeZero adds epsilon before the correction, torch after it
    ),
)
