"""gradcheck and gradgradcheck: right gradients pass, wrong ones are named, and torch's own says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.testing import GradcheckError, gradcheck, gradgradcheck


def leaf(*shape: int, seed: int = 0, low: float = 0.5, dtype: Any = None) -> Any:
    data = np.random.default_rng(seed).uniform(low, 2, shape)
    return minigrad.tensor(data, dtype=dtype, requires_grad=True)


class Doubled(minigrad.autograd.Function):
    """x * 2 with the derivative of x * 3."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


class Squared(minigrad.autograd.Function):
    """x * x, whose backward is right but forgets that it depends on x."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 2 * x.detach()


class Restless(minigrad.autograd.Function):
    """x with a gradient that is right to 1e-7 and different every time."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 1

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        Restless.calls += 1
        return g * (1 + 1e-7 * Restless.calls)


def test_right_gradients_pass() -> None:
    assert gradcheck(lambda x, y: (x @ y).tanh(), (leaf(2, 3), leaf(3, 2, seed=1)))
    assert gradgradcheck(lambda x, y: (x @ y).tanh(), (leaf(2, 3), leaf(3, 2, seed=1)))
    assert gradcheck(minigrad.exp, leaf())
    assert gradcheck(minigrad.sqrt, [leaf(2)])


def test_several_outputs_and_what_is_no_tensor() -> None:
    def f(x: Any, power: int, note: str) -> Any:
        return x**power, x.sum(), (x > 1), note

    assert gradcheck(f, (leaf(2, 2), 3, "cubed"))
    assert gradgradcheck(f, (leaf(2, 2), 3, "cubed"))


def test_a_wrong_gradient_is_named() -> None:
    with pytest.raises(
        GradcheckError, match=r"Jacobian mismatch for output 0 with respect to input 1 .*float64 .*\(2,\)"
    ):
        gradcheck(lambda x, y: x + Doubled.apply(y), (leaf(2), leaf(2)))
    assert not gradcheck(Doubled.apply, leaf(2), raise_exception=False)
    assert not gradcheck(Doubled.apply, leaf(2), raise_exception=False, fast_mode=True)


def test_a_wrong_second_order_is_found() -> None:
    assert gradcheck(Squared.apply, leaf(3))
    assert not gradgradcheck(Squared.apply, leaf(3), raise_exception=False)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(Squared.apply, leaf(3))


def test_given_grad_outputs() -> None:
    grad_outputs = leaf(3, seed=5)
    assert gradgradcheck(minigrad.exp, leaf(3), grad_outputs)
    assert gradgradcheck(minigrad.exp, leaf(3), gen_non_contig_grad_outputs=True)


def test_fast_mode_and_numbers_of_elements() -> None:
    assert gradcheck(lambda x: x.sin(), leaf(4, 5), fast_mode=True)
    assert gradgradcheck(lambda x: x.sin(), leaf(4, 5), fast_mode=True)
    assert gradcheck(lambda x: x * 2, leaf(0, 3))


def test_a_backward_that_differs_each_time() -> None:
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Restless.apply, leaf(2))
    assert gradcheck(Restless.apply, leaf(2), nondet_tol=1e-5)


def test_inputs_are_left_as_they_were() -> None:
    x = leaf(2, 3)
    before = x.tolist()
    gradcheck(lambda x: x.exp(), x)
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: x.exp() if x.tolist() == before else 1 / 0, x)
    assert x.tolist() == before
    assert x.grad is None


def test_modules_parameters_can_be_checked() -> None:
    """The function reads its tensors from outside; the check perturbs them in place."""
    weight = leaf(2, 2)
    assert gradcheck(lambda w: (minigrad.ones(2, dtype=minigrad.float64) @ weight).exp(), weight)


def test_no_output_requires_grad() -> None:
    assert gradcheck(lambda x: x.detach() * 0, leaf(2))
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, leaf(2))


def test_inputs_that_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(minigrad.exp, minigrad.ones(2))
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(minigrad.exp, leaf(1).detach().expand(3).requires_grad_())
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(minigrad.exp, leaf(2, dtype=minigrad.float32), raise_exception=False)


@pytest.mark.parametrize("flag", ["check_batched_grad", "check_batched_forward_grad", "check_forward_ad", "masked"])
def test_what_does_not_exist_here_is_refused(flag: str) -> None:
    with pytest.raises(NotImplementedError, match=flag):
        gradcheck(minigrad.exp, leaf(2), **{flag: True})  # type: ignore[arg-type]


def test_nothing_to_check_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves nothing to check"):
        gradcheck(minigrad.exp, leaf(2), check_backward_ad=False)
    with pytest.raises(ValueError, match="leaves nothing to check"):
        gradgradcheck(minigrad.exp, leaf(2), check_rev_over_rev=False)
    with pytest.raises(NotImplementedError, match="check_fwd_over_rev"):
        gradgradcheck(minigrad.exp, leaf(2), check_fwd_over_rev=True)


@pytest.mark.parametrize("check", ["gradcheck", "gradgradcheck"])
def test_says_what_torch_says(torch: Any, check: str) -> None:
    x = np.random.default_rng(0).uniform(0.5, 2, (2, 3))
    cases: list[Any] = [
        lambda m, x: x.exp(),
        lambda m, x: (x * x).sum(0),
        lambda m, x: (x.max(1).values, x.mean()),
        lambda m, x: x * x.detach(),  # wrong on purpose
        lambda m, x: x + x.detach() ** 2,  # wrong on purpose
        lambda m, x: x.relu(),
    ]
    for f in cases:
        verdicts = []
        for library, function in (
            (minigrad, getattr(minigrad.testing, check)),
            (torch, getattr(torch.autograd, check)),
        ):
            t = library.tensor(x, requires_grad=True)
            verdicts.append(function(lambda x, f=f, m=library: f(m, x), t, raise_exception=False))
        assert verdicts[0] == verdicts[1]
