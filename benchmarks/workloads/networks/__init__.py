"""Full training steps of networks of layers, convolutional or not: forget gradients, forward, loss, backward, Adam.

A network is written down once, as a tuple of layers; each engine's file says how it makes one layer of each kind.
Dropout is left out, since masks that differ would give answers that differ; linear layers and convolutions before a
BatchNorm have no bias, whose gradient would be nothing but rounding, which Adam makes as large as any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.catalogue import Workload


@dataclass(frozen=True)
class Conv:
    filters: int
    kernel: int
    stride: int = 1
    pad: int = 0
    bias: bool = True


@dataclass(frozen=True)
class Linear:
    outputs: int
    bias: bool = True


@dataclass(frozen=True)
class BatchNorm:
    """Over all dimensions but the second."""


@dataclass(frozen=True)
class ReLU:
    pass


@dataclass(frozen=True)
class Pool:
    """The maximum of each 2x2 window."""


@dataclass(frozen=True)
class Mean:
    """Over height and width: (N, C, H, W) -> (N, C)."""


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Residual:
    """The sum of two ways through layers; the way around may be empty."""

    main: tuple[object, ...]
    around: tuple[object, ...] = ()


@dataclass(frozen=True)
class Network(Workload):
    """Layers, softmax cross-entropy and Adam, float32."""

    layers: tuple[object, ...] = ()
    image: tuple[int, ...] = ()
    batch: int = 0
    lr: float = 0.001


def simple_convnet() -> tuple[object, ...]:
    return Conv(30, 5), ReLU(), Pool(), Flatten(), Linear(100), ReLU(), Linear(10)


def deep_convnet() -> tuple[object, ...]:
    layers: list[object] = []
    for filters, pads in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for pad in pads:
            layers += [Conv(filters, 3, pad=pad), ReLU()]
        layers.append(Pool())
    return *layers, Flatten(), Linear(50), ReLU(), Linear(10)


def resnet(blocks: int) -> tuple[object, ...]:
    """6 * blocks + 2 layers."""
    layers: list[object] = [Conv(16, 3, pad=1, bias=False), BatchNorm(), ReLU()]
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            first = Conv(filters, 3, stride, pad=1, bias=False), BatchNorm(), ReLU()
            second = Conv(filters, 3, pad=1, bias=False), BatchNorm()
            around = (Conv(filters, 1, stride, bias=False), BatchNorm()) if stride == 2 else ()
            layers += [Residual((*first, *second), around), ReLU()]
    return *layers, Mean(), Linear(10)


def plain(depth: int, filters: int = 16) -> tuple[object, ...]:
    """So many 3x3 convolutions of the same size, for a picture of how the cost grows."""
    body = [layer for _ in range(depth) for layer in (Conv(filters, 3, pad=1), ReLU())]
    return *body, Mean(), Linear(10)


def batchnorm_mlp() -> tuple[object, ...]:
    hidden = [layer for _ in range(5) for layer in (Linear(100, bias=False), BatchNorm(), ReLU())]
    return *hidden, Linear(10)


MNIST = (1, 28, 28)
TABLES = (
    Network(
        __name__,
        "mlp-batchnorm",
        "MLP 784-100x5-10 with BatchNorm, batch 128, Adam",
        layers=batchnorm_mlp(),
        image=(784,),
        batch=128,
        tolerance=5e-3,
    ),
    Network(
        __name__,
        "simple-convnet",
        "SimpleConvNet (the book's chapter 7), 28x28, batch 100, Adam",
        layers=simple_convnet(),
        image=MNIST,
        batch=100,
        tolerance=5e-3,
    ),
    Network(
        __name__,
        "deep-convnet",
        "DeepConvNet (the book's chapter 8), 28x28, batch 100, Adam",
        layers=deep_convnet(),
        image=MNIST,
        batch=100,
        tolerance=5e-3,
    ),
    Network(
        __name__,
        "resnet-8",
        "ResNet-8, 32x32x3, batch 64, Adam",
        layers=resnet(1),
        image=(3, 32, 32),
        batch=64,
        tolerance=5e-3,
    ),
)
# One quantity of a network grows, the others stay: `python -m benchmarks.growth` draws them.
GROWING = {"batch": (1, 4, 16, 64, 256), "size": (8, 16, 32, 64, 128), "depth": (1, 2, 4, 8, 16)}


def growing(what: str, n: int) -> Network:
    """3x3 convolutions of 16 channels: 4 of them on 16 images of 32x32, but for the one quantity."""
    batch, size, depth = (n if what == name else usual for name, usual in (("batch", 16), ("size", 32), ("depth", 4)))
    return Network(
        __name__,
        f"growth-{what}-{n}",
        f"{depth} convolutions of 16 channels, {batch} images of {size}x{size}",
        in_tables=False,
        layers=plain(depth),
        image=(3, size, size),
        batch=batch,
        tolerance=0.05,  # of this workload the times are of interest
    )


WORKLOADS = (*TABLES, *(growing(what, n) for what, values in GROWING.items() for n in values))
