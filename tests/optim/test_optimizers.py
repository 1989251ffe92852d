"""Optimisers: SGD and Adam against their definitions, all of them step by step against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import optim

SHAPES = ((3, 2), (4,), (), (2, 1, 3))


def rates() -> Any:
    return st.floats(1e-3, 0.5)


OPTIONS: dict[str, Any] = {
    "SGD": st.fixed_dictionaries(
        {"lr": rates(), "weight_decay": st.sampled_from((0, 0.1)), "maximize": st.booleans()},
    ).flatmap(
        lambda base: st.one_of(
            st.just(base),
            st.sampled_from((0.5, 0.9)).map(lambda m: {**base, "momentum": m, "nesterov": True}),
            st.tuples(st.sampled_from((0.5, 0.9)), st.sampled_from((0, 0.3))).map(
                lambda pair: {**base, "momentum": pair[0], "dampening": pair[1]}
            ),
        )
    ),
    "Adam": st.fixed_dictionaries(
        {
            "lr": rates(),
            # Not (x, 0): the step is then the sign of the gradient, which turns with the last bit near 0.
            "betas": st.sampled_from(((0.9, 0.999), (0.0, 0.5), (0.5, 0.9))),
            "eps": st.sampled_from((1e-8, 1e-3)),
            "weight_decay": st.sampled_from((0, 0.1)),
            "amsgrad": st.booleans(),
            "maximize": st.booleans(),
            "decoupled_weight_decay": st.booleans(),
        }
    ),
    "AdamW": st.fixed_dictionaries(
        {"lr": rates(), "weight_decay": st.sampled_from((0, 0.01, 0.3)), "amsgrad": st.booleans()}
    ),
    "Adagrad": st.fixed_dictionaries(
        {
            "lr": rates(),
            "lr_decay": st.sampled_from((0, 0.1)),
            "weight_decay": st.sampled_from((0, 0.1)),
            "initial_accumulator_value": st.sampled_from((0, 0.5)),
            "eps": st.sampled_from((1e-10, 1e-3)),
            "maximize": st.booleans(),
        }
    ),
    "RMSprop": st.fixed_dictionaries(
        {
            "lr": rates(),
            "alpha": st.sampled_from((0.99, 0.5)),
            "eps": st.sampled_from((1e-8, 1e-3)),
            "weight_decay": st.sampled_from((0, 0.1)),
            "momentum": st.sampled_from((0, 0.9)),
            "centered": st.booleans(),
            "maximize": st.booleans(),
        }
    ),
}
CASES = st.sampled_from(sorted(OPTIONS)).flatmap(lambda name: st.tuples(st.just(name), OPTIONS[name]))


def parameters(lib: Any, dtype: str = "float64", seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [lib.nn.Parameter(lib.from_numpy(np.asarray(rng.normal(size=s)).astype(dtype))) for s in SHAPES]


def gradients(step: int, seed: int, dtype: str = "float64") -> list[Any]:
    """A gradient for each parameter; now and then none."""
    rng = np.random.default_rng((seed, step))
    return [np.asarray(rng.normal(size=s)).astype(dtype) if rng.random() < 0.9 else None for s in SHAPES]


def give(lib: Any, params: list[Any], arrays: list[Any]) -> None:
    for p, g in zip(params, arrays, strict=True):
        p.grad = None if g is None else lib.from_numpy(np.array(g))


def close(mine: Any, theirs: Any, rtol: float) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=rtol)


EVERY_OPTION = [
    ("SGD", {"momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"maximize": True, "weight_decay": 0.1}),
    ("Adam", {"weight_decay": 0.1, "maximize": True}),
    ("Adam", {"amsgrad": True, "eps": 1e-3}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("case", EVERY_OPTION, ids=str)
def test_every_option_as_pytorch(torch: Any, case: Any) -> None:
    compare_steps(torch, case, seed=3, dtype="float64")


@given(CASES, st.integers(0, 2**32), st.sampled_from(("float64", "float32")))
def test_many_steps_as_pytorch(torch: Any, case: Any, seed: int, dtype: str) -> None:
    compare_steps(torch, case, seed, dtype)


def compare_steps(torch: Any, case: Any, seed: int, dtype: str) -> None:
    name, options = case
    rtol = {"float64": 1e-12, "float32": 2e-4}[dtype]
    if options.get("centered"):
        rtol *= 1e3  # the difference of two means loses digits in both
    runs = []
    for lib in (minigrad, torch):
        params = parameters(lib, dtype, seed)
        optimizer = getattr(lib.optim, name)(params[:3], **options)
        optimizer.add_param_group({"params": params[3:], "lr": 0.02})
        if lib is torch and name == "Adagrad":  # PyTorch prepares only what the constructor was given
            optimizer.state[params[3]] = {
                "step": torch.tensor(0.0),
                "sum": torch.full_like(params[3], options.get("initial_accumulator_value", 0.0)),
            }
        for step in range(12):
            give(lib, params, gradients(step, seed, dtype))
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] *= 0.9 if step % 3 else 1.2
        runs.append((params, optimizer))
    (mine, my_optimizer), (theirs, their_optimizer) = runs
    for p, q in zip(mine, theirs, strict=True):
        close(p, q, rtol)
        assert str(p.dtype) == f"minigrad.{dtype}"
    my_state, their_state = my_optimizer.state_dict(), their_optimizer.state_dict()
    assert my_state["state"].keys() == their_state["state"].keys()
    for i, entry in their_state["state"].items():
        assert my_state["state"][i].keys() == entry.keys()
        for key, value in entry.items():
            assert str(my_state["state"][i][key].dtype)[-7:] == str(value.dtype)[-7:]
            close(my_state["state"][i][key], value, rtol)
    for own, other in zip(my_state["param_groups"], their_state["param_groups"], strict=True):
        assert {k: v for k, v in own.items() if k != "eps_hat"} == other


@given(st.integers(0, 2**32), rates(), st.sampled_from((0.0, 0.5, 0.9)), st.booleans(), st.sampled_from((0.0, 0.1)))
def test_sgd_is_its_definition(seed: int, lr: float, momentum: float, nesterov: bool, decay: float) -> None:
    nesterov = nesterov and momentum > 0
    params = parameters(minigrad, seed=seed)
    expected = [p.detach().numpy().copy() for p in params]
    velocity: list[Any] = [None] * len(params)
    optimizer = optim.SGD(params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    for step in range(5):
        arrays = gradients(step, seed)
        give(minigrad, params, arrays)
        optimizer.step()
        for i, g in enumerate(arrays):
            if g is None:
                continue
            g = g + decay * expected[i]
            velocity[i] = g if velocity[i] is None else momentum * velocity[i] + g
            direction = g + momentum * velocity[i] if nesterov else velocity[i] if momentum else g
            expected[i] = expected[i] - lr * direction
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), e, rtol=1e-12, atol=1e-14)


@given(
    st.integers(0, 2**32),
    rates(),
    st.floats(0, 0.99),
    st.floats(0, 0.999),
    st.sampled_from((1e-8, 1e-2)),
    st.booleans(),
)
def test_adam_is_its_definition(seed: int, lr: float, beta1: float, beta2: float, eps: float, eps_hat: bool) -> None:
    params = parameters(minigrad, seed=seed)
    expected = [p.detach().numpy().copy() for p in params]
    means, squares, counts = ([0.0] * len(params) for _ in range(3))
    optimizer = optim.Adam(params, lr=lr, betas=(beta1, beta2), eps=eps, eps_hat=eps_hat)
    for step in range(5):
        arrays = gradients(step, seed)
        give(minigrad, params, arrays)
        optimizer.step()
        for i, g in enumerate(arrays):
            if g is None:
                continue
            counts[i] += 1
            means[i] = beta1 * means[i] + (1 - beta1) * g
            squares[i] = beta2 * squares[i] + (1 - beta2) * g * g
            m, v = means[i] / (1 - beta1 ** counts[i]), squares[i] / (1 - beta2 ** counts[i])
            root = np.sqrt(v)
            if eps_hat:  # epsilon next to the uncorrected root
                root = root + eps / math.sqrt(1 - beta2 ** counts[i])
            else:
                root = root + eps
            expected[i] = expected[i] - lr * m / root
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), e, rtol=1e-10, atol=1e-12)


def bowl(name: str, steps: int, **options: Any) -> list[tuple[float, float]]:
    """The path over x^2 / 20 + y^2 from (-7, 2): book 6.1.2."""
    p = minigrad.tensor([-7.0, 2.0], dtype=minigrad.float64, requires_grad=True)
    optimizer = getattr(optim, name)([p], **options)
    path = [tuple(p.tolist())]
    for _ in range(steps):
        optimizer.zero_grad()
        (p[0] ** 2 / 20 + p[1] ** 2).backward()
        optimizer.step()
        path.append(tuple(p.tolist()))
    return path


def book(name: str, steps: int, lr: float) -> list[tuple[float, float]]:
    """The same path by the book's classes (6.1), written out."""
    p, path = np.array([-7.0, 2.0]), [(-7.0, 2.0)]
    v, h, m = np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(1, steps + 1):
        g = np.array([p[0] / 10, 2 * p[1]])
        if name == "SGD":
            p = p - lr * g
        elif name == "Momentum":
            v = 0.9 * v - lr * g
            p = p + v
        elif name == "AdaGrad":
            h = h + g * g
            p = p - lr * g / (np.sqrt(h) + 1e-7)
        else:
            m, h = m + 0.1 * (g - m), h + 0.001 * (g * g - h)
            p = p - lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(h) + 1e-7)
        path.append(tuple(p.tolist()))
    return path


@pytest.mark.parametrize(
    ("theirs", "mine", "lr", "options"),
    [
        ("SGD", "SGD", 0.95, {}),
        ("Momentum", "SGD", 0.1, {"momentum": 0.9}),
        ("AdaGrad", "Adagrad", 1.5, {"eps": 1e-7}),
        ("Adam", "Adam", 0.3, {"eps": 1e-7, "eps_hat": True}),
    ],
)
def test_the_paths_of_the_book(theirs: str, mine: str, lr: float, options: Any) -> None:
    np.testing.assert_allclose(bowl(mine, 30, lr=lr, **options), book(theirs, 30, lr), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@settings(max_examples=10)
@given(st.data())
def test_dtypes_and_objects_stay(name: str, dtype: str, data: Any) -> None:
    options = data.draw(OPTIONS[name])
    params = parameters(minigrad, dtype)
    buffers = [p._buffer() for p in params]
    optimizer = getattr(optim, name)(params, **{**options, "eps": 1e-3} if "eps" in options else options)
    for step in range(3):
        give(minigrad, params, gradients(step, 0, dtype))
        kept = [None if p.grad is None else p.grad.numpy().copy() for p in params]
        optimizer.step()
        for p, b, g in zip(params, buffers, kept, strict=True):
            assert p._buffer() is b
            assert p.dtype.name == dtype
            assert p.requires_grad and p.is_leaf
            assert (p.grad is None) == (g is None)
            if g is not None:
                assert np.array_equal(p.grad.numpy(), g)
    for entry in optimizer.state.values():
        assert {v.dtype.name for k, v in entry.items() if k != "step"} <= {dtype}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_gradient_of_another_layout(name: str) -> None:
    values, slopes = np.random.default_rng(0).normal(size=(2, 4, 3))
    found = []
    for transposed in (False, True):
        p = minigrad.nn.Parameter(minigrad.from_numpy(values.copy()))
        p.grad = minigrad.from_numpy(np.asfortranarray(slopes) if transposed else slopes.copy())
        optimizer = getattr(optim, name)([p], lr=0.1, weight_decay=0.1)
        optimizer.step()
        optimizer.step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-14)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_step_is_noticed_by_what_saved_the_old_values(name: str) -> None:
    p = minigrad.ones(2, requires_grad=True)
    out = (p * p).sum()
    p.grad = minigrad.ones(2)
    getattr(optim, name)([p]).step()
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        out.backward()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_step_follows_the_gradient_down_and_maximize_up(name: str) -> None:
    for maximize, sign in ((False, -1), (True, 1)):
        p = minigrad.zeros(3, requires_grad=True)
        p.grad = minigrad.tensor([1.0, -2.0, 0.5])
        getattr(optim, name)([p], lr=0.1, maximize=maximize).step()
        assert (np.sign(p.tolist()) == sign * np.sign(p.grad.tolist())).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_network_learns(name: str) -> None:
    minigrad.manual_seed(0)
    x = minigrad.rand(64, 2)
    t = (x[:, 0] > x[:, 1]).long()
    net = minigrad.nn.Sequential(minigrad.nn.Linear(2, 16), minigrad.nn.ReLU(), minigrad.nn.Linear(16, 2))
    optimizer = getattr(optim, name)(net.parameters(), lr={"SGD": 0.5}.get(name, 0.05))
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = minigrad.nn.functional.cross_entropy(net(x), t)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
