"""Convolution, ReLU and pool computed in one pass by `nn.Sequential` are those modules called one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, nn
from minigrad.errors import GraphError, ShapeError
from minigrad.kernels import pooled
from minigrad.nn import functional as F


@st.composite
def networks(draw: Any) -> Any:
    """(layers, x): a convolution, perhaps a ReLU, a pool, perhaps another convolution; a batch of images for them."""
    minigrad.manual_seed(draw(st.integers(0, 1 << 16)))
    dims = draw(st.sampled_from((1, 2, 2, 3)))
    convolution, pool = (
        (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1],
        (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[dims - 1],
    )
    groups, side = draw(st.sampled_from((1, 1, 1, 2))), draw(st.integers(4, 8 if dims < 3 else 5))
    channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    options: dict[str, Any] = {
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.sampled_from((0, 1, 2))),
        "dilation": draw(st.integers(1, 2)) if side > 5 else 1,
        "groups": groups,
        "bias": draw(st.booleans()),
        "dtype": draw(st.sampled_from((minigrad.float64, minigrad.float32))),
    }
    layers: list[nn.Module] = [convolution(channels, filters, 3, **options)]
    if draw(st.booleans()):
        layers.append(nn.ReLU())
    window, stride = draw(st.sampled_from(((2, None), (2, 2), (1, None), (3, None), (2, 1), (3, 2))))
    reach = options["dilation"] * 2
    size = (side + 2 * options["padding"] - reach - 1) // options["stride"] + 1
    window = min(window, size)
    layers.append(pool(window, stride, ceil_mode=draw(st.booleans())))
    if draw(st.booleans()):
        layers.append(convolution(filters, 2, 1, dtype=options["dtype"]))
    x = minigrad.randn(draw(st.integers(1, 4)), channels, *[side] * dims, dtype=options["dtype"])
    return layers, x.requires_grad_(draw(st.booleans()))


def in_turn(layers: list[nn.Module], x: Tensor, kept: list[Tensor]) -> Tensor:
    for layer in layers:
        x = layer(x)
        kept.append(x)
    return x


def wanted_from(layers: list[nn.Module], x: Tensor) -> list[Tensor]:
    return [p for layer in layers for p in layer.parameters()] + [x] * x.requires_grad


def close(found: Any, wanted: Any) -> None:
    tolerance = 1e-9 if wanted.dtype == minigrad.float64 else 2e-3
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), tolerance, tolerance)


@given(networks())
def test_in_one_pass_is_one_after_the_other(case: Any) -> None:
    layers, x = case
    leaves = wanted_from(layers, x)
    kept: list[Tensor] = []
    reference, found = in_turn(layers, x, kept), nn.Sequential(*layers)(x)
    close(found, reference)
    wanted = minigrad.autograd.grad((reference**2).sum(), leaves)
    for one, other in zip(minigrad.autograd.grad((found**2).sum(), leaves), wanted, strict=True):
        close(one, other)
    (nn.Sequential(*layers)(x) ** 2).sum().backward()
    for leaf, other in zip(leaves, wanted, strict=True):
        close(leaf.grad, other)


@given(networks())
def test_higher_orders(case: Any) -> None:
    layers, x = case
    leaves = wanted_from(layers, x)

    def second(out: Tensor) -> Any:
        first = minigrad.autograd.grad((out**3).sum(), leaves, create_graph=True)
        return minigrad.autograd.grad(sum(((g**2).sum() for g in first), minigrad.zeros(())), leaves)

    for one, other in zip(second(nn.Sequential(*layers)(x)), second(in_turn(layers, x, [])), strict=True):
        close(one, other)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry, whether winners were noted, for each time that a pool was computed with its convolution."""
    found: list[bool] = []
    original = pooled.convolve

    def convolve(*args: Any) -> Any:
        found.append(args[-1] is not None)
        return original(*args)

    monkeypatch.setattr(pooled, "convolve", convolve)
    return found


def network() -> nn.Sequential:
    minigrad.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2))


def names(out: Tensor) -> list[str]:
    node: Any = out.grad_fn
    found = []
    while hasattr(node, "next_functions") and node.next_functions:
        found.append(node.name())
        node = node.next_functions[0][0] or node.next_functions[1][0]
    return found


def test_the_graph_has_the_operations_as_ever(passes: list[bool]) -> None:
    net, x = network(), minigrad.randn(2, 1, 6, 6)
    out = net(x)
    assert passes == [True]
    assert names(out) == names(in_turn(list(net), x, []))
    with minigrad.no_grad():
        assert not net(x).requires_grad
    assert passes == [True, False]


def changed(change: Callable[[nn.Sequential], Any]) -> nn.Sequential:
    net = network()
    change(net)
    return net


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net[0].register_forward_hook(lambda *_: None),
        lambda net: net[1].register_forward_hook(lambda *_: None),
        lambda net: net[2].register_forward_hook(lambda *_: None),
        lambda net: net.__setitem__(2, nn.MaxPool2d(2, 1)),
        lambda net: net.__setitem__(2, nn.MaxPool2d(2, padding=1)),
        lambda net: net.__setitem__(2, nn.MaxPool2d(2, dilation=2)),
        lambda net: net.__setitem__(2, nn.MaxPool2d(2, ceil_mode=True)),
        lambda net: net.__setitem__(2, nn.AvgPool2d(2)),
        lambda net: net.__setitem__(2, nn.MaxPool2d(2, ())),
        lambda net: net.__setitem__(2, type("Own", (nn.MaxPool2d,), {})(2)),
        lambda net: net.insert(1, nn.Identity()),
        lambda net: net.insert(1, nn.ReLU()),
        lambda net: net.insert(2, nn.BatchNorm2d(3)),
    ],
)
def test_what_is_not_computed_in_one_pass(change: Any, passes: list[bool]) -> None:
    net, x = changed(change), minigrad.randn(2, 1, 7, 7)
    close(net(x), in_turn(list(net), x, []))
    assert passes == []


def test_indices_and_images_without_a_batch(passes: list[bool]) -> None:
    x = minigrad.randn(2, 1, 6, 6)
    net = changed(lambda net: net.__setitem__(2, nn.MaxPool2d(2, return_indices=True)))
    values, _ = net(x)
    close(values, network()(x))
    close(network()(x[0]), network()(x)[0])
    assert passes == [True, True]  # only the batches


def test_whoever_looks_between_sees_whole_gradients() -> None:
    net, x = network(), minigrad.randn(4, 1, 6, 6)
    with minigrad.no_grad():
        net[0].bias -= 0.5  # windows where nothing is above 0

    def gradients(out: Tensor) -> list[Any]:
        seen: list[Any] = []
        node: Any = out.grad_fn
        for _ in range(2):
            node = node.next_functions[0][0]
            node.register_prehook(lambda grads: seen.append(grads[0].numpy()))
        del node
        out.sum().backward()
        return seen

    found, wanted = gradients(net(x)), gradients(F.max_pool2d(F.relu(F.conv2d(x, net[0].weight, net[0].bias)), 2))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (net(x) == 0).any()


@pytest.mark.parametrize("which", ["weight", "bias", "x"])
def test_second_orders_notice_what_was_written_meanwhile(which: str) -> None:
    net, x = network(), minigrad.randn(2, 1, 6, 6)
    out = net(x).sum()
    with minigrad.no_grad():
        (x if which == "x" else getattr(net[0], which)).add_(1)
    with pytest.raises(GraphError, match="modified by an in-place operation"):
        minigrad.autograd.grad(out, list(net.parameters()), create_graph=True)


def test_a_graph_that_is_retained_can_be_walked_again() -> None:
    net = network()
    out = net(minigrad.randn(2, 1, 6, 6)).sum()
    out.backward(retain_graph=True)
    first = net[0].weight.grad.clone()
    out.backward()
    close(net[0].weight.grad, 2 * first)
    with pytest.raises(GraphError, match="second time"):
        out.backward()


def test_errors_are_those_of_the_operations() -> None:
    with pytest.raises(ShapeError, match="max_pool2d.* too small"):
        network()(minigrad.randn(2, 1, 3, 3))
    with pytest.raises(ShapeError, match="Kernel size can't be greater"):
        network()(minigrad.randn(2, 1, 2, 2))
    with pytest.raises(ShapeError, match="expected input"):
        network()(minigrad.randn(2, 2, 6, 6))
    with pytest.raises(ShapeError, match="max_pool1d"):
        changed(lambda net: net.__setitem__(2, nn.MaxPool1d(2)))(minigrad.randn(2, 1, 6, 6))
    for sizes, wrong in (((2, 0), "stride"), ((0, None), "kernel_size"), (((2, 2, 2), None), "kernel_size")):
        with pytest.raises(ShapeError, match=wrong):
            changed(lambda net, sizes=sizes: net.__setitem__(2, nn.MaxPool2d(*sizes)))(minigrad.randn(2, 1, 6, 6))
    with F.strict_sizes(), pytest.raises(ShapeError, match="no whole number"):
        network()(minigrad.randn(2, 1, 7, 7))
    with pytest.raises(TypeError, match="must be Tensor"):
        network()([[1.0]])


def test_an_empty_batch() -> None:
    assert network()(minigrad.zeros(0, 1, 6, 6)).shape == (0, 3, 2, 2)
