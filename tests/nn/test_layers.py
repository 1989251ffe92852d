"""Layers and losses as modules: text, attributes, state, values, gradients and errors as PyTorch has them."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn

# name: (how to build it, how to build its inputs)
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
P = np.random.default_rng(1).uniform(0.1, 0.9, (3, 4)).astype(np.float32)
LABELS = np.array([0, 3, 1])

LAYERS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "Linear": (lambda lib: lib.nn.Linear(4, 2), (X,)),
    "Linear without bias": (lambda lib: lib.nn.Linear(4, 2, bias=False), (X,)),
    "Linear, double": (lambda lib: lib.nn.Linear(4, 2, dtype=lib.float64), (X.astype(np.float64),)),
    "Linear, device": (lambda lib: lib.nn.Linear(4, 2, device="cpu"), (X,)),
    "Linear, wrong width": (lambda lib: lib.nn.Linear(3, 2), (X,)),
    "Linear, nothing in": (lambda lib: lib.nn.Linear(0, 2), (np.zeros((3, 0), np.float32),)),
    "Linear, nothing out": (lambda lib: lib.nn.Linear(4, 0), (X,)),
    "Linear, negative": (lambda lib: lib.nn.Linear(-1, 2), (X,)),
    "Identity": (lambda lib: lib.nn.Identity(54, unused=0.1), (X,)),
    "Flatten": (lambda lib: lib.nn.Flatten(), (X.reshape(3, 2, 2),)),
    "Flatten, from 0": (lambda lib: lib.nn.Flatten(0, 1), (X.reshape(3, 2, 2),)),
    "Flatten, reversed": (lambda lib: lib.nn.Flatten(2, 1), (X.reshape(3, 2, 2),)),
    "Unflatten": (lambda lib: lib.nn.Unflatten(1, (2, 2)), (X,)),
    "Unflatten, inferred": (lambda lib: lib.nn.Unflatten(-1, (2, -1)), (X,)),
    "Unflatten, wrong": (lambda lib: lib.nn.Unflatten(1, (3, 2)), (X,)),
    "Unflatten, number": (lambda lib: lib.nn.Unflatten(1, 3), (X,)),
    "Unflatten, floats": (lambda lib: lib.nn.Unflatten(1, (2.0, 2)), (X,)),
    "ReLU": (lambda lib: lib.nn.ReLU(), (X,)),
    "ReLU, in place": (lambda lib: lib.nn.Sequential(lib.nn.Tanh(), lib.nn.ReLU(inplace=True)), (X,)),
    "LeakyReLU": (lambda lib: lib.nn.LeakyReLU(0.2), (X,)),
    "LeakyReLU, in place": (lambda lib: lib.nn.Sequential(lib.nn.Tanh(), lib.nn.LeakyReLU(inplace=True)), (X,)),
    "Sigmoid": (lambda lib: lib.nn.Sigmoid(), (X,)),
    "Tanh": (lambda lib: lib.nn.Tanh(), (X,)),
    "Softplus": (lambda lib: lib.nn.Softplus(2, 1), (X,)),
    "Softmax": (lambda lib: lib.nn.Softmax(1), (X,)),
    "Softmax, no dim": (lambda lib: lib.nn.Softmax(), (X,)),
    "LogSoftmax": (lambda lib: lib.nn.LogSoftmax(dim=0), (X,)),
    "Dropout, evaluated": (lambda lib: lib.nn.Dropout(0.3).eval(), (X,)),
    "Dropout, of nothing": (lambda lib: lib.nn.Dropout(0.0, inplace=True), (X,)),
    "Dropout, too much": (lambda lib: lib.nn.Dropout(1.5), (X,)),
    "CrossEntropyLoss": (lambda lib: lib.nn.CrossEntropyLoss(), (X, LABELS)),
    "CrossEntropyLoss, weighted": (
        lambda lib: lib.nn.CrossEntropyLoss(lib.tensor([1.0, 2.0, 3.0, 4.0]), ignore_index=1, label_smoothing=0.2),
        (X, LABELS),
    ),
    "CrossEntropyLoss, sum": (lambda lib: lib.nn.CrossEntropyLoss(reduction="sum"), (X, LABELS)),
    "CrossEntropyLoss, soft": (lambda lib: lib.nn.CrossEntropyLoss(), (X, P)),
    "CrossEntropyLoss, wrong": (lambda lib: lib.nn.CrossEntropyLoss(), (X, LABELS[:2])),
    "NLLLoss": (lambda lib: lib.nn.NLLLoss(lib.tensor([1.0, 2.0, 3.0, 4.0]), reduction="none"), (X, LABELS)),
    "MSELoss": (lambda lib: lib.nn.MSELoss(), (X, P)),
    "MSELoss, other size": (lambda lib: lib.nn.MSELoss(), (X, P[0])),
    "MSELoss, unknown reduction": (lambda lib: lib.nn.MSELoss(reduction="middle"), (X, P)),
    "MSELoss, old flag": (lambda lib: lib.nn.MSELoss(size_average=False), (X, P)),
    "L1Loss": (lambda lib: lib.nn.L1Loss(reduction="sum"), (X, P)),
    "BCELoss": (lambda lib: lib.nn.BCELoss(), (P, P[::-1])),
    "BCELoss, weighted": (lambda lib: lib.nn.BCELoss(lib.tensor([1.0, 2.0, 3.0, 4.0])), (P, P[::-1])),
    "BCEWithLogitsLoss": (
        lambda lib: lib.nn.BCEWithLogitsLoss(pos_weight=lib.tensor([1.0, 2.0, 3.0, 4.0])),
        (X, P),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_calls_as_pytorch(compare: Any, name: str) -> None:
    build, arrays = LAYERS[name]

    def call(lib: Any, *tensors: Any) -> Any:
        lib.manual_seed(7)
        return build(lib)(*tensors)

    compare(call, *arrays)


def look(lib: Any, name: str) -> Any:
    """Text, state and plain attributes of a layer."""
    lib.manual_seed(7)
    layer = LAYERS[name][0](lib)
    public = {k: v for k, v in vars(layer).items() if k[0] != "_"}
    state = {
        k: (tuple(v.shape), str(v.dtype)[-7:], np.round(v.numpy(), 6).tolist()) for k, v in layer.state_dict().items()
    }
    return [repr(layer), public, state]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore:size_average", "ignore:Initializing zero-element")
def test_text_state_and_attributes_as_pytorch(torch: Any, name: str) -> None:
    try:
        theirs = look(torch, name)
    except Exception as error:
        with pytest.raises(type(error)):
            look(minigrad, name)
    else:
        assert look(minigrad, name) == theirs


def test_every_public_name_is_pytorchs(torch: Any) -> None:
    for mine, theirs in ((nn, torch.nn), (nn.functional, torch.nn.functional), (nn.init, torch.nn.init)):
        assert [name for name in mine.__all__ if not hasattr(theirs, name)] == []


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("module", ["nn", "nn.functional", "nn.init"])
def test_signatures_are_pytorchs(torch: Any, module: str) -> None:
    mine, theirs = minigrad, torch
    for step in module.split("."):
        mine, theirs = getattr(mine, step), getattr(theirs, step)
    for name in mine.__all__:
        if name in ("functional", "init", "Module", "Sequential", "relu_", "ModuleDict"):
            continue
        try:
            # Pools that may return indices choose between two functions and hide their signature behind *args.
            expected = parameters(getattr(theirs, f"{name}_with_indices", None) or getattr(theirs, name))
        except ValueError:  # built in, without a signature
            continue
        if name not in ("Identity", "Sequential") and expected[:1] and expected[0][0] == "args":  # Module's own
            expected = []
        assert parameters(getattr(mine, name)) == expected, name


@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 2**32))
def test_linear_starts_uniform_within_the_square_root_of_its_width(width: int, out: int, seed: int) -> None:
    minigrad.manual_seed(seed)
    layer = nn.Linear(width, out)
    bound = 1 / math.sqrt(width)
    for p in layer.parameters():
        assert np.abs(p.detach().numpy()).max() <= bound * (1 + 1e-6)
    before = layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight.tolist() != before


@pytest.mark.parametrize("width", [1, 3, 10, 784])
def test_the_same_seed_gives_pytorchs_network(torch: Any, width: int) -> None:
    states = []
    for lib in (minigrad, torch):
        lib.manual_seed(5)
        net = lib.nn.Sequential(lib.nn.Linear(width, 50), lib.nn.ReLU(), lib.nn.Linear(50, 7))
        states.append({k: v.numpy() for k, v in net.state_dict().items()})
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert np.array_equal(value, states[1][name]), name


def test_dropout_acts_in_training_only() -> None:
    minigrad.manual_seed(0)
    layer, x = nn.Dropout(0.5), minigrad.ones(1000)
    assert set(layer(x).tolist()) == {0.0, 2.0}
    assert layer.eval()(x) is x


def test_the_weight_of_a_loss_follows_its_dtype() -> None:
    loss = nn.CrossEntropyLoss(minigrad.ones(4)).double()
    assert loss(minigrad.zeros(3, 4, dtype=minigrad.float64), minigrad.tensor([0, 1, 2])).dtype is minigrad.float64
