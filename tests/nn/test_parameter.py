"""Parameter and Buffer: tensors that modules register."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn


def test_a_parameter_shares_the_memory_of_its_data() -> None:
    data = minigrad.zeros(2)
    p = nn.Parameter(data)
    data.fill_(3)
    assert p.tolist() == [3, 3]
    assert p.requires_grad and p.is_leaf and not data.requires_grad
    assert nn.parameter.Parameter is nn.Parameter


def test_a_write_to_the_data_is_noticed() -> None:
    data = minigrad.ones(2)
    p = nn.Parameter(data)
    out = (p * p).sum()
    data.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        out.backward()


def test_without_data_it_is_empty() -> None:
    assert nn.Parameter().shape == (0,)
    assert nn.Buffer().shape == (0,)


def test_it_wants_gradients_whatever_the_mode() -> None:
    with minigrad.no_grad():
        assert nn.Parameter(minigrad.ones(1)).requires_grad
    assert not nn.Parameter(minigrad.ones(1), requires_grad=False).requires_grad
    assert nn.Parameter(minigrad.ones(1, requires_grad=True) * 2).is_leaf


def test_results_are_plain_tensors() -> None:
    p = nn.Parameter(minigrad.ones(2))
    for result in (p * 2, p[0], p.detach(), p.T, p.clone(), p.data):
        assert type(result) is minigrad.Tensor


def test_what_is_no_float_or_no_tensor_is_refused() -> None:
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(minigrad.tensor([1]))
    assert nn.Parameter(minigrad.tensor([1]), requires_grad=False).dtype is minigrad.int64
    for wrong in (np.ones(2), [1.0], 3):
        with pytest.raises(TypeError, match="Parameter: data must be a Tensor"):
            nn.Parameter(wrong)  # type: ignore[arg-type]


def test_text_as_pytorch(torch: Any) -> None:
    values = np.array([[1.5, -2.0]], np.float32)
    mine, theirs = (repr(lib.nn.Parameter(lib.from_numpy(values))) for lib in (minigrad, torch))
    assert mine == theirs
    assert mine.startswith("Parameter containing:\ntensor(")


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies(duplicate: Any, requires_grad: bool) -> None:
    p = nn.Parameter(minigrad.ones(2), requires_grad)
    q = duplicate(p)
    assert type(q) is nn.Parameter
    assert q.requires_grad is requires_grad
    q.data.fill_(5)
    assert p.tolist() == [1, 1]


def test_a_deep_copy_has_no_gradient_as_in_pytorch() -> None:
    p = nn.Parameter(minigrad.ones(2))
    p.sum().backward()
    assert copy.deepcopy(p).grad is None
    twice = copy.deepcopy([p, p])
    assert twice[0] is twice[1]


def test_a_buffer_knows_whether_it_persists() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(minigrad.ones(1))
    module.forgotten = nn.Buffer(minigrad.ones(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "forgotten"]
    assert list(module.state_dict()) == ["kept"]
    assert list(module.parameters()) == []
    assert list(copy.deepcopy(module).state_dict()) == ["kept"]
    module.kept = None
    assert list(module.state_dict()) == []


def test_a_scalar_parameter_can_be_trained() -> None:
    p = nn.Parameter(minigrad.tensor(2.0))
    (p * p).backward()
    assert p.grad is not None
    assert p.grad.item() == 4
    minigrad.optim.SGD([p], lr=0.25).step()
    assert p.item() == 1
