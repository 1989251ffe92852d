"""Convolution, pooling, normalisation and border layers, and activations: text, attributes, state, values, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad

RANDOM = np.random.default_rng(0)


def images(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


SIGNALS, IMAGES, VOLUMES = images(2, 4, 9), images(2, 4, 7, 6), images(1, 4, 5, 4, 4)
KINKS = np.array([-4, -3, -1, -0.5, 0, 0.5, 1, 3, 5, 6, 7], np.float32)

# A line: how to build the layer, and what it is called with (None: building raises).
LAYERS: list[tuple[str, Any]] = [
    ("Conv1d(4, 6, 3)", SIGNALS),
    ("Conv1d(4, 6, 3, padding='same', padding_mode='circular')", SIGNALS),
    ("Conv2d(4, 6, 3)", IMAGES),
    ("Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2, bias=False)", IMAGES),
    ("Conv2d(4, 6, 3, padding='same')", IMAGES),
    ("Conv2d(4, 6, 4, padding='same', padding_mode='reflect')", IMAGES),
    ("Conv2d(4, 6, 3, padding=1, padding_mode='replicate')", IMAGES),
    ("Conv2d(4, 6, 3, padding='valid', padding_mode='circular')", IMAGES),
    ("Conv2d(4, 6, 3)", IMAGES[0]),
    ("Conv2d(4, 6, 3, dtype=L.float64)", IMAGES.astype(np.float64)),
    ("Conv2d(4, 6, 9)", IMAGES),
    ("Conv2d(3, 6, 3)", IMAGES),
    ("Conv2d(4, 6, 3)", SIGNALS[0, 0]),
    ("Conv2d(4, 6, 3, groups=3)", None),
    ("Conv2d(6, 4, 3, groups=3)", None),
    ("Conv2d(4, 6, 3, groups=0)", None),
    ("Conv2d(4, 6, 3, padding='some')", None),
    ("Conv2d(4, 6, 3, stride=2, padding='same')", None),
    ("Conv2d(4, 6, 3, padding_mode='zero')", None),
    ("Conv3d(4, 2, 2, padding=1)", VOLUMES),
    ("ConvTranspose1d(4, 3, 3, stride=2)", SIGNALS),
    ("ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", IMAGES),
    ("ConvTranspose2d(4, 6, 3, stride=2, bias=False, dilation=2)", IMAGES[0]),
    ("ConvTranspose2d(4, 6, 3, output_padding=1)", IMAGES),
    ("ConvTranspose2d(4, 6, 3, padding_mode='reflect')", None),
    ("ConvTranspose3d(4, 2, 2)", VOLUMES),
    ("MaxPool1d(2)", SIGNALS),
    ("MaxPool2d(2)", IMAGES),
    ("MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True)", IMAGES),
    ("MaxPool2d(2, dilation=2, stride=1)", IMAGES[0]),
    ("MaxPool2d(2, padding=2)", IMAGES),
    ("MaxPool2d(9)", IMAGES),
    ("MaxPool3d(2)", VOLUMES),
    ("AvgPool1d(2, 1)", SIGNALS),
    ("AvgPool2d(3, padding=1, count_include_pad=False)", IMAGES),
    ("AvgPool2d(3, 2, ceil_mode=True, divisor_override=5)", IMAGES),
    ("AvgPool3d(2)", VOLUMES),
    ("AdaptiveAvgPool1d(4)", SIGNALS),
    ("AdaptiveAvgPool2d(1)", IMAGES),
    ("AdaptiveAvgPool2d((None, 4))", IMAGES),
    ("AdaptiveAvgPool3d((2, 3, 1))", VOLUMES),
    ("AdaptiveMaxPool1d(4)", SIGNALS),
    ("AdaptiveMaxPool2d((3, None))", IMAGES),
    ("AdaptiveMaxPool3d(2)", VOLUMES),
    ("MaxUnpool1d(2)", None),
    ("MaxUnpool2d((2, 3), padding=1)", None),
    ("MaxUnpool3d(2, 1)", None),
    ("BatchNorm1d(4)", SIGNALS),
    ("BatchNorm1d(4)", IMAGES[:, :, 0, 0]),
    ("BatchNorm1d(4)", IMAGES),
    ("BatchNorm2d(4)", IMAGES),
    ("BatchNorm2d(4).eval()", IMAGES),
    ("BatchNorm2d(4, eps=0.1, momentum=None, affine=False)", IMAGES),
    ("BatchNorm2d(4, track_running_stats=False).eval()", IMAGES),
    ("BatchNorm2d(4, bias=False)", IMAGES),
    ("BatchNorm2d(5)", IMAGES),
    ("BatchNorm2d(4)", IMAGES[:1, :, :1, :1]),
    ("BatchNorm3d(4)", VOLUMES),
    ("LayerNorm(6)", IMAGES),
    ("LayerNorm((7, 6), bias=False)", IMAGES),
    ("LayerNorm(7, elementwise_affine=False)", IMAGES),
    ("GroupNorm(2, 4)", IMAGES),
    ("GroupNorm(1, 4, affine=False)", SIGNALS),
    ("GroupNorm(3, 4)", None),
    ("LocalResponseNorm(3, alpha=0.5, k=2.0)", IMAGES),
    ("LocalResponseNorm(2)", SIGNALS),
    ("LocalResponseNorm(2)", SIGNALS[0]),
    ("Dropout1d(0.4)", SIGNALS),
    ("Dropout2d(0.4)", IMAGES),
    ("Dropout2d(0.4)", SIGNALS),
    ("Dropout3d(0.4)", VOLUMES),
    ("Dropout2d(0.4, inplace=True).eval()", IMAGES),
    ("ZeroPad2d(1)", IMAGES),
    ("ZeroPad2d((1, 0, -2, 2))", IMAGES),
    ("ConstantPad1d(2, 1.5)", SIGNALS),
    ("ConstantPad3d(1, -1)", VOLUMES),
    ("ReflectionPad2d((1, 2, 3, 1))", IMAGES),
    ("ReflectionPad1d(9)", SIGNALS),
    ("ReplicationPad2d(9)", IMAGES),
    ("CircularPad2d((1, 2, 3, 1))", IMAGES),
    ("CircularPad1d(10)", SIGNALS),
    ("Unfold(3, padding=1, stride=2)", IMAGES),
    ("Fold((4, 5), 2)", images(2, 8, 12)),
    ("Fold((4, 5), 2)", images(2, 8, 11)),
    ("Upsample(scale_factor=2)", IMAGES),
    ("Upsample(size=(3, 9), mode='bilinear')", IMAGES),
    ("Upsample(scale_factor=1.5, mode='bilinear', align_corners=True)", IMAGES),
    ("ReLU6()", KINKS),
    ("ReLU6(inplace=True)", KINKS),
    ("Hardtanh(-2, 2.5)", KINKS),
    ("Hardtanh(2, 1)", None),
    ("ELU(0.5)", KINKS),
    ("SELU()", KINKS),
    ("CELU(0.7)", KINKS),
    ("GELU()", KINKS),
    ("GELU('tanh')", KINKS),
    ("SiLU()", KINKS),
    ("SiLU(inplace=True)", KINKS),
    ("Mish()", KINKS),
    ("Hardswish()", KINKS),
    ("Hardsigmoid()", KINKS),
    ("PReLU()", KINKS),
    ("PReLU(4)", IMAGES),
    ("PReLU(3)", IMAGES),
    ("Softsign()", KINKS),
    ("Tanhshrink()", KINKS),
    ("LogSigmoid()", KINKS),
]


def built(L: Any, line: str) -> Any:
    L.manual_seed(7)
    return eval(f"L.nn.{line}", {"L": L})


@pytest.mark.parametrize(("line", "array"), [layer for layer in LAYERS if layer[1] is not None])
def test_gives_what_pytorch_gives(compare: Any, line: str, array: Any) -> None:
    def call(L: Any, x: Any) -> Any:
        if "inplace" in line:
            x = x * 1
        return built(L, line)(x)

    compare(call, array)


@pytest.mark.parametrize("line", dict(LAYERS))
def test_text_attributes_and_state(torch: Any, line: str) -> None:
    def look(L: Any) -> Any:
        layer = built(L, line)
        public = {k: str(v) for k, v in vars(layer).items() if k[0] != "_"}
        state = {
            k: (tuple(v.shape), str(v.dtype).split(".")[1], np.round(v.numpy(), 6).tolist())
            for k, v in layer.state_dict().items()
        }
        return repr(layer), public, state

    try:
        theirs = look(torch)
    except Exception as error:
        with pytest.raises(type(error)):
            look(minigrad)
    else:
        assert look(minigrad) == theirs


def test_running_moments_follow_pytorchs(torch: Any) -> None:
    def follow(L: Any, momentum: Any) -> list[Any]:
        layer = L.nn.BatchNorm2d(4, momentum=momentum)
        for k in range(3):
            layer(L.from_numpy(IMAGES + k))
        layer.eval()
        found = layer(L.from_numpy(IMAGES)).detach().numpy()
        layer.reset_running_stats()
        return [found, *(v.numpy() for v in layer.state_dict().values())]

    for momentum in (0.1, 1.0, None):
        for mine, theirs in zip(follow(minigrad, momentum), follow(torch, momentum), strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(14, 12), (2, 4, 13, 11), (15, 12), (20, 12), (1, 2, 3)])
def test_a_transposed_convolution_can_be_told_its_size(compare: Any, size: Any) -> None:
    compare(lambda L, x: built(L, "ConvTranspose2d(4, 3, 3, stride=2, padding=1)")(x, output_size=size), IMAGES)


def test_unpooling_restores_the_places(compare: Any) -> None:
    def there_and_back(L: Any, x: Any) -> Any:
        pooled, indices = L.nn.MaxPool2d(2, return_indices=True)(x)
        return L.nn.MaxUnpool2d(2)(pooled, indices, output_size=x.shape)

    compare(there_and_back, IMAGES)
    for size in ((7, 6), (9, 6)):
        compare(
            lambda L, x, size=size: L.nn.MaxUnpool2d(2)(x, L.tensor([[[[0, 7]]]]), size),
            np.ones((1, 1, 1, 2), np.float32),
        )
