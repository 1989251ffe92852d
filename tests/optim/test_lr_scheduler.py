"""Schedules: rate by rate as PyTorch, against their closed forms, and through a restart."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.optim import SGD, lr_scheduler


def optimizer(lib: Any) -> Any:
    groups = [{"params": lib.zeros(1, requires_grad=True), "lr": lr} for lr in (0.5, 0.02)]
    return lib.optim.SGD(groups)


BUILD: dict[str, Any] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR, two": lambda s, o: s.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch]),
    "StepLR": lambda s, o: s.StepLR(o, 3),
    "StepLR, every": lambda s, o: s.StepLR(o, step_size=1, gamma=0.7),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.8),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 5, eta_min=0.01),
    "CosineAnnealingLR, short": lambda s, o: s.CosineAnnealingLR(o, 1),
}
CLOSED: dict[str, Any] = {
    "LambdaLR": lambda lr, t: lr * 0.9**t,
    "StepLR": lambda lr, t: lr * 0.1 ** (t // 3),
    "StepLR, every": lambda lr, t: lr * 0.7**t,
    "MultiStepLR": lambda lr, t: lr * 0.5 ** sum(t >= m for m in (2, 5, 5, 9)),
    "ExponentialLR": lambda lr, t: lr * 0.8**t,
    "CosineAnnealingLR": lambda lr, t: 0.01 + (lr - 0.01) * (1 + math.cos(math.pi * t / 5)) / 2,
}


def run(lib: Any, name: str, epochs: int) -> list[Any]:
    o = optimizer(lib)
    schedule = BUILD[name](lib.optim.lr_scheduler, o)
    seen = [(schedule.get_last_lr(), [g["lr"] for g in o.param_groups])]
    for _ in range(epochs):
        o.step()
        schedule.step()
        seen.append((schedule.get_last_lr(), [g["lr"] for g in o.param_groups]))
    state = {k: v for k, v in schedule.state_dict().items() if k[0] != "_" and k != "lr_lambdas"}
    return [seen, state, [g["initial_lr"] for g in o.param_groups]]


@pytest.mark.parametrize("name", BUILD)
def test_rates_as_pytorch(torch: Any, name: str) -> None:
    assert run(minigrad, name, 14) == run(torch, name, 14)


@pytest.mark.parametrize("name", CLOSED)
def test_rates_are_their_closed_form(name: str) -> None:
    for epoch, (last, rates) in enumerate(run(minigrad, name, 14)[0]):
        assert last == rates
        assert rates == pytest.approx([CLOSED[name](lr, epoch) for lr in (0.5, 0.02)], rel=1e-9)


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("epoch", [0, 1, 4, 9])
def test_jumping_to_an_epoch_as_pytorch(torch: Any, name: str, epoch: int) -> None:
    found = []
    for lib in (minigrad, torch):
        o = optimizer(lib)
        schedule = BUILD[name](lib.optim.lr_scheduler, o)
        o.step()
        with pytest.warns(UserWarning, match="epoch parameter"):
            schedule.step(epoch)
        found.append(schedule.get_last_lr())
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("name", BUILD)
def test_a_schedule_continues_from_its_state(name: str) -> None:
    o = optimizer(minigrad)
    schedule = BUILD[name](lr_scheduler, o)
    for _ in range(4):
        o.step()
        schedule.step()
    saved = copy.deepcopy((o.state_dict(), schedule.state_dict()))
    other = optimizer(minigrad)
    resumed = BUILD[name](lr_scheduler, other)
    other.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    for _ in range(4):
        for one, plan in ((o, schedule), (other, resumed)):
            one.step()
            plan.step()
        assert resumed.get_last_lr() == schedule.get_last_lr()
        assert [g["lr"] for g in other.param_groups] == [g["lr"] for g in o.param_groups]


@pytest.mark.parametrize("name", BUILD)
def test_resuming_at_an_epoch_as_pytorch(torch: Any, name: str) -> None:
    found = []
    for lib in (minigrad, torch):
        o = optimizer(lib)
        BUILD[name](lib.optim.lr_scheduler, o)
        kind = type(BUILD[name](lib.optim.lr_scheduler, o))
        arguments = {
            "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
            "StepLR": {"step_size": 3},
            "MultiStepLR": {"milestones": [2, 5]},
            "ExponentialLR": {"gamma": 0.8},
            "CosineAnnealingLR": {"T_max": 5},
        }[kind.__name__]
        schedule = kind(o, **arguments, last_epoch=3)
        rates = [schedule.get_last_lr()]
        for _ in range(3):
            o.step()
            schedule.step()
            rates.append(schedule.get_last_lr())
        found.append(rates)
        with pytest.raises(KeyError, match="initial_lr"):
            kind(optimizer(lib), **arguments, last_epoch=3)
    assert found[0] == found[1]


class Factor:
    """A schedule with a state of its own."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, epoch: int) -> float:
        return self.share**epoch


def test_the_state_of_callable_objects_is_kept() -> None:
    schedule = lr_scheduler.LambdaLR(optimizer(minigrad), [Factor(0.5), lambda epoch: 1.0])
    state = schedule.state_dict()
    assert state["lr_lambdas"] == [{"share": 0.5}, None]
    other = lr_scheduler.LambdaLR(optimizer(minigrad), [Factor(0.9), lambda epoch: 1.0])
    other.load_state_dict(state)
    assert other.lr_lambdas[0].share == 0.5
    assert state["lr_lambdas"] == [{"share": 0.5}, None]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@given(
    st.lists(st.floats(-2, 2), min_size=5, max_size=30),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from((0.0, 1e-4, 0.3)),
    st.sampled_from((0, 0.01, [0.001, 0.005])),
)
def test_plateaus_as_pytorch(
    torch: Any,
    mode: str,
    threshold_mode: str,
    metrics: Any,
    patience: int,
    cooldown: int,
    threshold: float,
    min_lr: Any,
) -> None:
    found = []
    for lib in (minigrad, torch):
        o = optimizer(lib)
        schedule = lib.optim.lr_scheduler.ReduceLROnPlateau(
            o, mode, 0.3, patience, threshold, threshold_mode, cooldown, min_lr, eps=1e-4
        )
        rates = []
        for metric in metrics:
            schedule.step(lib.tensor(metric))
            rates.append((schedule.get_last_lr(), schedule.num_bad_epochs, schedule.in_cooldown))
        found.append((rates, schedule.best, {k: v for k, v in schedule.state_dict().items() if k != "_last_lr"}))
    assert found[0] == found[1]


def test_a_plateau_continues_from_its_state() -> None:
    one = lr_scheduler.ReduceLROnPlateau(optimizer(minigrad), patience=1)
    other = lr_scheduler.ReduceLROnPlateau(optimizer(minigrad), patience=5, mode="max")
    one.step(1.0)
    one.step(1.0)
    other.load_state_dict(one.state_dict())
    for metric in (1.0, 0.5, 0.5, 0.5):
        one.step(metric)
        other.step(metric)
    assert one.state_dict() == other.state_dict()
    assert one.get_last_lr()[0] == pytest.approx(0.5 * 0.1**2)


def test_a_plateau_and_a_group_added_later() -> None:
    o = optimizer(minigrad)
    schedule = lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5)
    strict = lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.1, 0.1])
    o.add_param_group({"params": minigrad.zeros(1, requires_grad=True), "lr": 1.0})
    for metric in (1.0, 1.0):
        schedule.step(metric)
    assert [g["lr"] for g in o.param_groups] == [0.25, 0.01, 0.5]
    strict.step(1.0)
    with pytest.raises(RuntimeError, match=r"param groups in the `optimizer` \(3\) differs.*\(2\)"):
        strict.step(1.0)


REFUSED: dict[str, Any] = {
    "no optimizer": lambda s, o: s.StepLR(3, 3),
    "no optimizer for a plateau": lambda s, o: s.ReduceLROnPlateau(3),
    "too few functions": lambda s, o: s.LambdaLR(o, [math.cos]),
    "a factor of 1": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "an unknown mode": lambda s, o: s.ReduceLROnPlateau(o, mode="best"),
    "an unknown threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="any"),
    "too few least rates": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "a metric that is no number": lambda s, o: s.ReduceLROnPlateau(o).step("low"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_pytorch_refuses_is_refused_with_its_exception(torch: Any, case: str) -> None:
    with pytest.raises(Exception) as theirs:
        REFUSED[case](torch.optim.lr_scheduler, optimizer(torch))
    with pytest.raises(theirs.type):
        REFUSED[case](lr_scheduler, optimizer(minigrad))


def test_the_wrong_order_is_warned_of_once() -> None:
    o = optimizer(minigrad)
    schedule = lr_scheduler.StepLR(o, 1)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()
        o.step()
        schedule.step()


def test_two_schedules_on_one_optimiser_multiply() -> None:
    o = SGD([minigrad.zeros(1, requires_grad=True)], lr=1.0)
    schedules = [lr_scheduler.ExponentialLR(o, 0.5), lr_scheduler.StepLR(o, 2, gamma=0.1)]
    rates = []
    for _ in range(4):
        o.step()
        for schedule in schedules:
            schedule.step()
        rates.append(o.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 0.025, 0.0125, 0.000625])


def test_the_base_has_no_rates_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        lr_scheduler.LRScheduler(optimizer(minigrad))
