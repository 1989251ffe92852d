from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.vision import models

# As torchvision, or the paper, states them; for 1000 classes where the network is ImageNet's.
COUNTS = {
    "AlexNet": 61_100_840,
    "OriginalAlexNet": 60_965_224,
    "LeNet5": 61_706,
    "SimpleConvNet": 433_890,
    "DeepConvNet": 123_552,
    "googlenet": 13_004_888,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet8": 75_290,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters keep the memory they are given, which costs nothing until it is touched."""
    for name in ("normal_", "uniform_"):
        monkeypatch.setattr(minigrad.Tensor, name, lambda self, *args, **kwargs: self)
    monkeypatch.setattr(nn.init, "trunc_normal_", lambda tensor, **kwargs: tensor)


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_of_parameters(name: str, undrawn: None) -> None:
    assert parameters(getattr(models, name)()) == COUNTS[name]


def test_numbers_of_parameters_with_options(undrawn: None) -> None:
    assert parameters(models.googlenet(aux_logits=False)) == 6_624_904
    assert parameters(models.resnet18(num_classes=10)) == 11_181_642
    # torchvision's resnext50_32x4d and wide_resnet50_2
    blocks = models.resnet.Bottleneck, (3, 4, 6, 3)
    assert parameters(models.ResNet(*blocks, groups=32, width_per_group=4)) == 25_028_904
    assert parameters(models.ResNet(*blocks, width_per_group=128)) == 68_883_240
    assert parameters(models.resnet8(shortcut="B")) == 78_042


# ------------------------------------------------------------------------------------------------ names


def normed(prefix: str) -> list[str]:
    return [f"{prefix}.{n}" for n in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


@pytest.mark.parametrize(
    ("name", "blocks", "convolutions"),
    [("resnet18", (2, 2, 2, 2), 2), ("resnet34", (3, 4, 6, 3), 2), ("resnet50", (3, 4, 6, 3), 3)],
)
def test_names_of_resnets_are_torchvisions(name: str, blocks: Any, convolutions: int, undrawn: None) -> None:
    expected = ["conv1.weight", *normed("bn1")]
    for layer, count in enumerate(blocks, 1):
        for block in range(count):
            prefix = f"layer{layer}.{block}"
            for i in range(1, convolutions + 1):
                expected += [f"{prefix}.conv{i}.weight", *normed(f"{prefix}.bn{i}")]
            if block == 0 and (layer > 1 or convolutions == 3):
                expected += [f"{prefix}.downsample.0.weight", *normed(f"{prefix}.downsample.1")]
    assert list(getattr(models, name)().state_dict()) == [*expected, "fc.weight", "fc.bias"]


@pytest.mark.parametrize(
    ("name", "convolutions", "dense"),
    [
        ("vgg16", [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28], [0, 3, 6]),
        ("vgg11", [0, 3, 6, 8, 11, 13, 16, 18], [0, 3, 6]),
        ("alexnet", [0, 3, 6, 8, 10], [1, 4, 6]),
    ],
)
def test_names_of_plain_networks_are_torchvisions(name: str, convolutions: Any, dense: Any, undrawn: None) -> None:
    expected = [f"features.{i}.{p}" for i in convolutions for p in ("weight", "bias")]
    expected += [f"classifier.{i}.{p}" for i in dense for p in ("weight", "bias")]
    assert list(getattr(models, name)().state_dict()) == expected


def test_names_of_googlenet_are_torchvisions(undrawn: None) -> None:
    def basic(prefix: str) -> list[str]:
        return [f"{prefix}.conv.weight", *normed(f"{prefix}.bn")]

    expected = [*basic("conv1"), *basic("conv2"), *basic("conv3")]
    for stage in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        for branch in ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"):
            expected += basic(f"inception{stage}.{branch}")
    for aux in ("aux1", "aux2"):
        expected += [*basic(f"{aux}.conv"), *(f"{aux}.{fc}.{p}" for fc in ("fc1", "fc2") for p in ("weight", "bias"))]
    assert list(models.googlenet().state_dict()) == [*expected, "fc.weight", "fc.bias"]


# ------------------------------------------------------------------------------------------------ values


@pytest.fixture(scope="module")
def twins(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same source files with PyTorch in the place of minigrad."""
    folder = tmp_path_factory.mktemp("twins") / "torch_twins"
    folder.mkdir()
    for path in Path(models.__file__).parent.glob("*.py"):
        text = path.read_text()
        for ours, theirs in (
            ("minigrad.vision.models", "torch_twins"),
            ("from minigrad import nn", "from torch import nn"),
            ("from minigrad.tensor import", "from torch import"),
            ("import minigrad\n", "import torch as minigrad\n"),
        ):
            text = text.replace(ours, theirs)
        (folder / path.name).write_text(text)
    sys.path.insert(0, str(folder.parent))
    yield importlib.import_module("torch_twins")
    sys.path.remove(str(folder.parent))
    for name in [name for name in sys.modules if name.startswith("torch_twins")]:
        del sys.modules[name]


NETWORKS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "two-layer": (lambda m: m.TwoLayerNet(12, 5, 3, activation="sigmoid"), (4, 12)),
    "multi-layer": (lambda m: m.MultiLayerNet(12, [8, 7], 3, use_batchnorm=True, use_dropout=True), (4, 12)),
    "simple": (lambda m: m.SimpleConvNet(), (2, 1, 28, 28)),
    "deep": (lambda m: m.DeepConvNet(), (2, 1, 28, 28)),
    "lenet": (lambda m: m.LeNet5(), (2, 1, 28, 28)),
    "lenet of today": (lambda m: m.LeNet5(7, 3, "relu", "max"), (2, 3, 28, 28)),
    "resnet8": (lambda m: m.resnet8(), (3, 3, 16, 16)),
    "resnet8 B": (lambda m: m.resnet8(shortcut="B", in_channels=1), (3, 1, 15, 17)),
    "resnet18": (lambda m: m.resnet18(num_classes=5, zero_init_residual=True), (2, 3, 40, 40)),
    "bottleneck": (
        lambda m: m.ResNet(m.resnet.Bottleneck, (1, 1, 1, 1), num_classes=5, groups=2, width_per_group=16),
        (2, 3, 40, 40),
    ),
    "alexnet": (lambda m: m.alexnet(num_classes=3).features, (1, 3, 67, 67)),
    "original alexnet": (lambda m: m.OriginalAlexNet(num_classes=3).features, (1, 3, 67, 67)),
    "vgg11_bn": (lambda m: m.vgg.make_layers(m.vgg.A, batch_norm=True), (2, 3, 33, 33)),
    "inception": (lambda m: m.googlenet_.Inception(8, 4, 3, 5, 2, 4, 3), (2, 8, 9, 9)),
    "side exit": (lambda m: m.googlenet_.InceptionAux(16, 5), (2, 16, 9, 9)),
}


class Modules:
    """One library's networks, and the files they are in."""

    def __init__(self, package: Any) -> None:
        self.package = package

    def __getattr__(self, name: str) -> Any:
        if name in ("resnet", "vgg", "googlenet_"):
            return importlib.import_module(f"{self.package.__name__}.{name.rstrip('_')}")
        return getattr(self.package, name)


@pytest.fixture
def cheap_classifiers(monkeypatch: pytest.MonkeyPatch, twins: Any) -> None:
    """AlexNets without their dense layers, which nothing here looks at."""
    for package in (models, twins):
        module = importlib.import_module(f"{package.__name__}.alexnet")
        monkeypatch.setattr(module, "classifier", lambda *_: None)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_source_on_pytorch(name: str, torch: Any, twins: Any, cheap_classifiers: None) -> None:
    """First weights, results in both modes, loss, gradients and running statistics."""
    build, shape = NETWORKS[name]
    nets = []
    for library, package in ((torch, twins), (minigrad, models)):
        library.manual_seed(3)
        nets.append(build(Modules(package)))
    theirs, ours = nets
    for (key, a), (other, b) in zip(theirs.state_dict().items(), ours.state_dict().items(), strict=True):
        assert key == other
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6, err_msg=key)
    ours.load_state_dict({key: minigrad.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    x = np.random.default_rng(0).random(shape, np.float32)
    outs = []
    for library, net in ((torch, theirs), (minigrad, ours)):
        net.double()
        for module in net.modules():
            if type(module).__name__ == "Dropout":
                module.p = 0.0
        inputs = library.tensor(x, dtype=library.float64, requires_grad=True)
        out = net(inputs)
        weight = library.tensor(np.random.default_rng(1).standard_normal(tuple(out.shape)))
        (out * weight).sum().backward()
        trained = out.detach().numpy(), inputs.grad.numpy(), [p.grad.numpy() for p in net.parameters()]
        with library.no_grad():
            outs.append((*trained, net.eval()(inputs).numpy(), [b.numpy() for b in net.buffers()]))
    for a, b in zip(*outs, strict=True):
        for left, right in zip(*((a, b) if isinstance(a, list) else ([a], [b])), strict=True):
            np.testing.assert_allclose(right, left, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(left).max(initial=0)))


def test_googlenet_on_pytorch(torch: Any, twins: Any) -> None:
    """Whole, with side exits and images normalised another way."""
    outs = []
    for library, package in ((torch, twins), (minigrad, models)):
        library.manual_seed(0)
        net = package.googlenet(num_classes=4, dropout=0.0, dropout_aux=0.0, transform_input=True)
        for p in net.parameters():
            p.data = library.tensor(np.cos(np.arange(p.numel())).reshape(tuple(p.shape)) * 0.05, dtype=library.float64)
        net.double()
        x = library.tensor(np.random.default_rng(0).random((2, 3, 64, 64)))
        found = net(x)
        assert type(found).__name__ == "GoogLeNetOutputs"
        with library.no_grad():
            outs.append([*(out.detach().numpy() for out in found), net.eval()(x).numpy()])
    for a, b in zip(*outs, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-9)


# ------------------------------------------------------------------------------------------------ options and errors


def test_the_books_weight_decay() -> None:
    net = models.MultiLayerNet(6, [5], 3, weight_decay_lambda=0.1)
    x, t = minigrad.rand(4, 6), minigrad.tensor([0, 1, 2, 0])
    plain = nn.functional.cross_entropy(net(x), t)
    squares = sum((p**2).sum() for name, p in net.named_parameters() if name.endswith("weight"))
    assert net.loss(x, t).item() == pytest.approx(plain.item() + 0.05 * float(squares), rel=1e-6)
    (net.loss(x, t) - plain).backward()
    weight = net.layers[0].weight
    np.testing.assert_allclose(weight.grad.numpy(), 0.1 * weight.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("start", "std"),
    [("relu", (2 / 400) ** 0.5), ("he", (2 / 400) ** 0.5), ("Xavier", 0.05), ("sigmoid", 0.05), (0.3, 0.3)],
)
def test_the_books_first_weights(start: Any, std: float) -> None:
    weight = models.MultiLayerNet(400, [300], 10, weight_init_std=start).layers[0].weight
    assert float(weight.std()) == pytest.approx(std, rel=0.03)


def test_order_of_the_books_layers() -> None:
    net = models.MultiLayerNet(4, [3, 2], 2, "tanh", use_dropout=True, dropout_ratio=0.2, use_batchnorm=True)
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == [*["Linear", "BatchNorm1d", "Tanh", "Dropout"] * 2, "Linear"]
    assert net.layers.dropout1.p == 0.2


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 24)])
@pytest.mark.parametrize("make", [models.SimpleConvNet, models.DeepConvNet])
def test_other_image_sizes(make: Any, shape: Any) -> None:
    assert make(shape, output_size=4)(minigrad.rand(2, *shape)).shape == (2, 4)


def test_errors() -> None:
    with pytest.raises(ValueError, match="smaller than the kernel"):
        models.SimpleConvNet((1, 4, 4))
    with pytest.raises(ValueError, match="downloads none"):
        models.resnet18(weights="DEFAULT")
    with pytest.raises(ValueError, match="shortcut"):
        models.resnet8(shortcut="C")
    with pytest.raises(ValueError, match="only supports groups=1"):
        models.ResNet(models.resnet.BasicBlock, (1, 1, 1, 1), groups=2)


def test_weights_of_pytorch_are_read(torch: Any, twins: Any, tmp_path: Path) -> None:
    theirs = twins.resnet20()
    torch.save(theirs.state_dict(), tmp_path / "resnet20.pth")
    ours = models.resnet20()
    ours.load_state_dict(minigrad.load(tmp_path / "resnet20.pth"))
    x = np.random.default_rng(0).random((2, 3, 16, 16), np.float32)
    with torch.no_grad(), minigrad.no_grad():
        np.testing.assert_allclose(
            ours.eval()(minigrad.tensor(x)).numpy(), theirs.eval()(torch.tensor(x)).numpy(), rtol=1e-3, atol=1e-4
        )
