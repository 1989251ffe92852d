"""Writes in place, through views too, against PyTorch; what is said of a value written after it was saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, given, settings

from tests.agreement import agree, plain

# -------------------------------------------------------------------- generated programs

VIEWS: dict[str, Callable[[Any], Any]] = {
    "x[0]": lambda x: x[0],
    "x[-1:]": lambda x: x[-1:],
    "x[..., ::2]": lambda x: x[..., ::2],
    "x[None]": lambda x: x[None],
    "x[:]": lambda x: x[:],
    "T": lambda x: x.transpose(0, -1),
    "view(-1)": lambda x: x.view(-1),
    "reshape(-1)": lambda x: x.reshape(-1),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: x.squeeze(),
    "narrow": lambda x: x.narrow(0, 1, 1),
    "select": lambda x: x.select(-1, 1),
    "expand": lambda x: x.expand(2, *x.shape),
    "split": lambda x: x.split(1)[0],
    "unbind": lambda x: x.unbind(-1)[-1],
    "detach": lambda x: x.detach(),
    "diagonal of zeros": lambda x: x[..., 1:].view(-1),
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "sin": lambda x, y: x.sin(),
    "exp": lambda x, y: (x * 0.1).exp(),
    "times": lambda x, y: x * y,
    "clone": lambda x, y: x.clone(),
    "double": lambda x, y: x.double(),
    "rows": lambda x, y: x[[0, 1]],
    "sum": lambda x, y: x.sum(-1),
}
WRITES: dict[str, Callable[..., Any]] = {
    "mul_(0.5)": lambda x, y: x.mul_(0.5),
    "add_(y)": lambda x, y: x.add_(y),
    "mul_(y)": lambda x, y: x.mul_(y),
    "sub_(y, alpha)": lambda x, y: x.sub_(y.clone(), alpha=2),
    "sin_": lambda x, y: x.sin_(),
    "tanh_": lambda x, y: x.tanh_(),
    "zero_": lambda x, y: x.zero_(),
    "fill_": lambda x, y: x.fill_(0.25),
    "copy_(y)": lambda x, y: x.copy_(y),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "x[0] = y": lambda x, y: x.__setitem__(0, y),
    "x[..., 1:] = 0.1": lambda x, y: x.__setitem__((..., slice(1, None)), 0.1),
    "x[[0, 1]] = y": lambda x, y: x.__setitem__([0, 1], y.clone()),  # PyTorch refuses a y over x's memory
    "x[x > 0] = 0.3": lambda x, y: x.__setitem__(x > 0, 0.3),
    "detach_": lambda x, y: x.detach_(),
}
EVERY = {**VIEWS, **OPERATIONS, **WRITES}
SHAPES = ((), (2,), (3,), (2, 3), (2, 2, 2))


@st.composite
def programs(draw: Any) -> Any:
    """Shapes of the first tensors with whether they require grad, and steps (name, x, y, whether under no_grad)."""
    first = draw(st.lists(st.tuples(st.sampled_from(SHAPES), st.booleans()), min_size=1, max_size=3))
    names = st.one_of(*(st.sampled_from(sorted(table)) for table in (VIEWS, OPERATIONS, WRITES, WRITES)))
    number = st.integers(0, 9)
    steps = draw(st.lists(st.tuples(names, number, number, st.integers(0, 9).map(lambda n: n == 0)), max_size=12))
    return first, steps


def perform(L: Any, first: Any, steps: Any) -> Any:
    """All that can be seen of a program: each step's exception, the tensors after it, and the gradients at the end."""
    tensors, leaves, seen = [], [], []
    for shape, requires_grad in first:
        x = L.tensor(np.sin(np.arange(int(np.prod(shape))) + 1.0).reshape(shape), requires_grad=requires_grad)
        leaves.append(x)
        tensors.append(x * 1 if requires_grad else x)  # leaves themselves refuse every write
    for name, i, j, without in steps:
        x, y = tensors[i % len(tensors)], tensors[j % len(tensors)]
        if x is y:
            y = x.clone()  # x.mul_(x) has a gradient here, and none in PyTorch
        try:
            with L.set_grad_enabled(name in VIEWS or not without):  # views under no_grad: see below
                made = VIEWS[name](x) if name in VIEWS else EVERY[name](x, y)
        except Exception as error:
            seen.append(error)
            continue
        if name not in WRITES:
            tensors.append(made)
        try:
            seen.append([described(t) for t in tensors])
        except Exception as error:  # a view that its base's write has made useless
            seen.append(error)
    try:
        outs = [(t * L.tensor(np.cos(np.arange(t.numel())).reshape(t.shape))).sum() for t in tensors if t.requires_grad]
        inputs = [x for x in leaves if x.requires_grad]
        if outs and inputs:
            found = L.autograd.grad(outs, inputs, allow_unused=True)
            seen.append([(L.zeros_like(x) if g is None else g) for g, x in zip(found, inputs, strict=True)])
    except Exception as error:
        seen.append(error)
    return seen


def described(t: Any) -> Any:
    """What can be seen of a tensor now, before later steps write into it."""
    return plain(t), t._version, t._is_view(), t.requires_grad, t.is_leaf


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_programs_of_views_and_writes(torch: Any, program: Any) -> None:
    agree(torch, lambda L: perform(L, *program))
