"""Optimizer: groups, state dicts, copies, text, and what it refuses, as PyTorch has them."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import optim

NAMES = ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop")


def leaf(lib: Any, *shape: int) -> Any:
    return lib.ones(*shape or (2,), requires_grad=True)


REFUSED: dict[str, Any] = {
    "nothing": lambda lib, o: o([]),
    "an empty generator": lambda lib, o: o(iter(())),
    "one tensor": lambda lib, o: o(leaf(lib)),
    "numbers": lambda lib, o: o([1.0]),
    "a result": lambda lib, o: o([leaf(lib) * 2]),
    "groups and tensors mixed": lambda lib, o: o([{"params": leaf(lib)}, leaf(lib)]),
    "a group without params": lambda lib, o: o([{"lr": 1}]),
    "a group with a set": lambda lib, o: o([{"params": {leaf(lib)}}]),
    "a tensor in two groups": lambda lib, o: o([{"params": [p := leaf(lib)]}, {"params": [p]}]),
    "names for some": lambda lib, o: o([("a", leaf(lib)), leaf(lib)]),
    "names for one group": lambda lib, o: o([{"params": [("a", leaf(lib))]}, {"params": leaf(lib)}]),
    "a negative rate": lambda lib, o: o([leaf(lib)], lr=-1),
    "a negative decay": lambda lib, o: o([leaf(lib)], weight_decay=-0.1),
    "a rate that is text": lambda lib, o: o([leaf(lib)], lr="fast"),
    "an unknown option": lambda lib, o: o([leaf(lib)], speed=3),
    "a group that is a list": lambda lib, o: o([leaf(lib)]).add_param_group([leaf(lib)]),
    "negative momentum": lambda lib, o: lib.optim.SGD([leaf(lib)], momentum=-1),
    "nesterov without momentum": lambda lib, o: lib.optim.SGD([leaf(lib)], nesterov=True),
    "nesterov with dampening": lambda lib, o: lib.optim.SGD([leaf(lib)], momentum=0.9, dampening=0.1, nesterov=True),
    "beta of 1": lambda lib, o: lib.optim.Adam([leaf(lib)], betas=(1.0, 0.9)),
    "negative beta": lambda lib, o: lib.optim.AdamW([leaf(lib)], betas=(0.9, -0.1)),
    "negative epsilon": lambda lib, o: lib.optim.Adam([leaf(lib)], eps=-1e-8),
    "negative epsilon of Adagrad": lambda lib, o: lib.optim.Adagrad([leaf(lib)], eps=-1e-8),
    "negative lr_decay": lambda lib, o: lib.optim.Adagrad([leaf(lib)], lr_decay=-1),
    "negative start": lambda lib, o: lib.optim.Adagrad([leaf(lib)], initial_accumulator_value=-1),
    "negative alpha": lambda lib, o: lib.optim.RMSprop([leaf(lib)], alpha=-1),
    "negative momentum of RMSprop": lambda lib, o: lib.optim.RMSprop([leaf(lib)], momentum=-1),
    "state of more groups": lambda lib, o: o([leaf(lib)]).load_state_dict(
        o([{"params": leaf(lib)}, {"params": leaf(lib)}]).state_dict()
    ),
    "state of more parameters": lambda lib, o: o([leaf(lib)]).load_state_dict(o([leaf(lib), leaf(lib)]).state_dict()),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", NAMES)
def test_what_pytorch_refuses_is_refused_with_its_exception(torch: Any, name: str, case: str) -> None:
    with pytest.raises(Exception) as theirs:
        REFUSED[case](torch, getattr(torch.optim, name))
    with pytest.raises(theirs.type) as mine:
        REFUSED[case](minigrad, getattr(optim, name))
    if theirs.type is ValueError and "Invalid" in str(theirs.value):
        assert str(mine.value) == str(theirs.value)


def test_a_differentiable_step_is_refused() -> None:
    for name in NAMES:
        with pytest.raises(NotImplementedError, match="in place on arrays"):
            getattr(optim, name)([leaf(minigrad)], differentiable=True)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_pytorchs(torch: Any, name: str) -> None:
    mine, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(getattr(lib.optim, name)).parameters.values()]
        for lib in (minigrad, torch)
    )
    assert [entry for entry in mine if entry[0] != "eps_hat"] == theirs


def test_a_parameter_given_twice_in_a_group_is_warned_of() -> None:
    p = leaf(minigrad)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p], lr=1)


@pytest.mark.parametrize("name", NAMES)
def test_text_as_pytorch(torch: Any, name: str) -> None:
    texts = []
    for lib in (minigrad, torch):
        groups = [{"params": leaf(lib), "lr": 0.5}, {"params": [leaf(lib)], "note": "own"}]
        texts.append(repr(getattr(lib.optim, name)(groups, lr=0.25)).replace("    eps_hat: False\n", ""))
    assert texts[0] == texts[1]


def test_groups_have_their_own_options() -> None:
    a, b = leaf(minigrad), leaf(minigrad)
    optimizer = optim.SGD([{"params": a, "lr": 1.0}, {"params": b}], lr=0.5)
    a.grad = b.grad = minigrad.ones(2)
    optimizer.step()
    assert a.tolist() == [0, 0]
    assert b.tolist() == [0.5, 0.5]
    c = leaf(minigrad)
    optimizer.add_param_group({"params": c, "lr": 0.25})
    c.grad = minigrad.ones(2)
    a.grad = b.grad = None
    optimizer.step()
    assert (a.tolist(), b.tolist(), c.tolist()) == ([0, 0], [0.5, 0.5], [0.75, 0.75])


def test_names_are_kept() -> None:
    net = minigrad.nn.Linear(1, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    other = optim.SGD(net.named_parameters())
    other.load_state_dict(optim.SGD(net.parameters(), lr=0.3).state_dict())
    assert other.param_groups[0]["param_names"] == ["weight", "bias"]
    assert other.param_groups[0]["lr"] == 0.3


def test_a_rate_may_be_a_numpy_number_or_a_tensor() -> None:
    for lr in (np.float64(0.5), np.float32(0.5), minigrad.tensor(0.5)):
        p = leaf(minigrad)
        p.grad = minigrad.ones(2)
        optim.SGD([p], lr=lr).step()
        assert p.tolist() == [0.5, 0.5]
        assert p.dtype is minigrad.float32


def test_zero_grad_drops_or_fills() -> None:
    p, q = leaf(minigrad), leaf(minigrad)
    optimizer = optim.SGD([p, q], lr=1)
    p.grad = minigrad.ones(2)
    kept = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is kept and kept.tolist() == [0, 0]
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_called_with_gradients_on_and_its_loss_given_back() -> None:
    p = leaf(minigrad)
    optimizer = optim.SGD([p], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minigrad.no_grad():
        assert optimizer.step(closure).item() == 2
    assert p.tolist() == [0, 0]


def test_a_parameter_without_gradient_is_left_alone() -> None:
    for name in NAMES:
        p = leaf(minigrad)
        version = p._version
        getattr(optim, name)([p], weight_decay=0.5).step()
        assert p.tolist() == [1, 1]
        assert p._version == version


def test_scratch_grows_with_the_parameters_and_is_shared() -> None:
    optimizer = optim.SGD([leaf(minigrad, 3)], lr=1, weight_decay=0.5)
    small = optimizer.scratch(np.ones(3, "f"))
    large = optimizer.scratch(np.ones((5, 2), "f"))
    assert large.shape == (5, 2)
    again = optimizer.scratch(np.ones(3, "f"))
    assert again is not small
    assert np.shares_memory(again, large)
    assert optimizer.scratch(np.ones(3, "f")) is again
    assert not np.shares_memory(optimizer.scratch(np.ones(3, "f"), "gradient"), again)
    assert optimizer.scratch(np.ones(3)).dtype == np.float64


class Walk(optim.Optimizer):
    """An optimiser of one's own, written as for PyTorch."""

    def __init__(self, params: Any, lr: float = 1.0) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1
                    with minigrad.no_grad():
                        p.add_(p.grad, alpha=-group["lr"])


def test_an_optimiser_of_ones_own() -> None:
    p = leaf(minigrad)
    optimizer = Walk([p], lr=0.25)
    p.grad = minigrad.ones(2)
    optimizer.step()
    assert p.tolist() == [0.75, 0.75]
    assert optimizer.state_dict()["state"] == {0: {"count": 1}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule = optim.lr_scheduler.StepLR(Walk([p]), 1)
        schedule.step()


# -------------------------------------------------------------------- state


def trained(lib: Any, name: str, steps: int = 3, **options: Any) -> tuple[Any, Any]:
    p = [lib.nn.Parameter(lib.ones(3)), lib.nn.Parameter(lib.ones(2, 2))]
    optimizer = getattr(lib.optim, name)(p, lr=0.1, **options)
    train(lib, p, optimizer, steps)
    return p, optimizer


def train(lib: Any, params: Any, optimizer: Any, steps: int) -> None:
    for step in range(steps):
        for i, p in enumerate(params):
            slope = np.cos(np.arange(p.numel()) + step + i).astype(np.float32).reshape(tuple(p.shape))
            p.grad = lib.from_numpy(slope)
        optimizer.step()


OPTIONS = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "RMSprop": {"momentum": 0.5, "centered": True}}


@pytest.mark.parametrize("name", NAMES)
def test_training_continues_from_a_state_dict(name: str) -> None:
    params, optimizer = trained(minigrad, name, **OPTIONS.get(name, {}))
    state = pickle.loads(pickle.dumps(optimizer.state_dict()))
    copies = copy.deepcopy(params)
    other = getattr(optim, name)(copies, lr=7.0)
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.1
    train(minigrad, params, optimizer, 3)
    train(minigrad, copies, other, 3)
    for p, q in zip(params, copies, strict=True):
        assert p.tolist() == q.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_state_is_a_copy(name: str) -> None:
    params, optimizer = trained(minigrad, name, **OPTIONS.get(name, {}))
    other = getattr(optim, name)(copy.deepcopy(params), lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    before = {k: v.tolist() for k, v in other.state[other.param_groups[0]["params"][0]].items()}
    train(minigrad, params, optimizer, 2)
    assert {k: v.tolist() for k, v in other.state[other.param_groups[0]["params"][0]].items()} == before


def convert(value: Any, to: Any) -> Any:
    """A state dict with the tensors of the other library."""
    if isinstance(value, dict):
        return {k: convert(v, to) for k, v in value.items()}
    if isinstance(value, list):
        return [convert(v, to) for v in value]
    return to(value.numpy().copy()) if hasattr(value, "numpy") else value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("there", [True, False])
def test_a_state_dict_goes_to_pytorch_and_back(torch: Any, name: str, there: bool) -> None:
    options = OPTIONS.get(name, {})
    source, target = (minigrad, torch) if there else (torch, minigrad)
    params, optimizer = trained(source, name, **options)
    copies = [target.nn.Parameter(target.from_numpy(p.detach().numpy().copy())) for p in params]
    other = getattr(target.optim, name)(copies, **options)
    other.load_state_dict(convert(optimizer.state_dict(), target.from_numpy))
    train(source, params, optimizer, 4)
    train(target, copies, other, 4)
    for p, q in zip(params, copies, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_state_follows_the_dtype_of_its_parameters() -> None:
    _, optimizer = trained(minigrad, "Adam")
    double = [minigrad.nn.Parameter(minigrad.ones(*s, dtype=minigrad.float64)) for s in ((3,), (2, 2))]
    other = optim.Adam(double)
    other.load_state_dict(optimizer.state_dict())
    entry = other.state[double[0]]
    assert entry["exp_avg"].dtype is minigrad.float64
    assert entry["step"].dtype is minigrad.float32
    assert entry["step"].item() == 3


def test_a_state_of_adam_loaded_into_adamw_stays_decoupled() -> None:
    _, adam = trained(minigrad, "Adam")
    params, adamw = trained(minigrad, "AdamW")
    adamw.load_state_dict(adam.state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_by_themselves(name: str, duplicate: Any) -> None:
    params, optimizer = trained(minigrad, name, **OPTIONS.get(name, {}))
    copies, other = duplicate((params, optimizer))
    assert repr(other) == repr(optimizer)
    before = [p.tolist() for p in params]
    train(minigrad, copies, other, 2)
    assert [p.tolist() for p in params] == before
    train(minigrad, params, optimizer, 2)
    assert [p.tolist() for p in params] == [p.tolist() for p in copies]
