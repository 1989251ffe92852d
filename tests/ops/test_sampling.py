"""Random tensors and random in-place methods: shapes, dtypes, memory, gradients, errors, and the same calls on PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Generator, Tensor, random

FLOATS = [minigrad.float16, minigrad.float32, minigrad.float64]


@pytest.fixture(autouse=True)
def seeded() -> Any:
    """Tests may seed: what comes after them must not see it."""
    with random.fork_rng():
        minigrad.manual_seed(3)
        yield


def other() -> Generator:
    return Generator().manual_seed(77)


MAKERS: dict[str, Callable[..., Tensor]] = {
    "rand": lambda **k: minigrad.rand(4, 5, **k),
    "randn": lambda **k: minigrad.randn(4, 5, **k),
    "randint": lambda **k: minigrad.randint(9, (4, 5), **k),
    "randperm": lambda **k: minigrad.randperm(20, **k).reshape(4, 5),
    "rand_like": lambda **k: minigrad.rand_like(minigrad.zeros(4, 5), **k),
    "randn_like": lambda **k: minigrad.randn_like(minigrad.zeros(4, 5), **k),
    "randint_like": lambda **k: minigrad.randint_like(minigrad.zeros(4, 5), 9, **k),
    "normal": lambda **k: minigrad.normal(1.0, 2.0, (4, 5), **k),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_makers(maker: str, dtype: Any) -> None:
    made = MAKERS[maker](dtype=dtype)
    assert (made.shape, made.dtype, made.requires_grad) == ((4, 5), dtype, False)
    assert len(np.unique(made.numpy())) > 1
    assert made.tolist() != MAKERS[maker](dtype=dtype).tolist()
    minigrad.manual_seed(3)
    assert made.tolist() == MAKERS[maker](dtype=dtype).tolist()


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_a_generator_of_ones_own(maker: str) -> None:
    state = minigrad.get_rng_state()
    assert MAKERS[maker](generator=other()).tolist() == MAKERS[maker](generator=other()).tolist()
    assert minigrad.get_rng_state().tolist() == state.tolist()
    with pytest.raises(TypeError, match="'generator' must be a minigrad.Generator, not int"):
        MAKERS[maker](generator=5)


def test_leaves_that_require_grad() -> None:
    made = minigrad.randn(3, requires_grad=True)
    assert made.requires_grad and made.is_leaf
    with pytest.raises(RuntimeError, match="floating"):
        minigrad.randint(3, (2,), requires_grad=True)


def test_values_keep_to_their_range() -> None:
    assert set(minigrad.randint(-2, 3, (2000,)).tolist()) == {-2, -1, 0, 1, 2}
    assert sorted(minigrad.randperm(50).tolist()) == list(range(50))
    uniform = minigrad.rand(5000, dtype=minigrad.float64)
    assert 0 <= uniform.min().item() and uniform.max().item() < 1
    assert set(minigrad.rand(1000).bernoulli().tolist()) == {0.0, 1.0}
    assert minigrad.empty(1000).exponential_().min().item() >= 0


@pytest.mark.parametrize(
    "values,mean,variance",
    [
        (lambda: minigrad.rand(200_000), 1 / 2, 1 / 12),
        (lambda: minigrad.empty(200_000).uniform_(-2, 4), 1, 3),
        (lambda: minigrad.randn(200_000), 0, 1),
        (lambda: minigrad.normal(minigrad.full((200_000,), 3.0), 0.5), 3, 0.25),
        (lambda: minigrad.normal(0.0, minigrad.full((200_000,), 2.0)), 0, 4),
        (lambda: minigrad.empty(200_000).bernoulli_(0.2), 0.2, 0.16),
        (lambda: minigrad.full((200_000,), 0.7).bernoulli(), 0.7, 0.21),
        (lambda: minigrad.empty(200_000).exponential_(0.5), 2, 4),
        (lambda: minigrad.randint(10, (200_000,)), 4.5, 8.25),
        (lambda: minigrad.multinomial(minigrad.tensor([1.0, 2, 1]), 200_000, True), 1, 0.5),
    ],
)
def test_moments(values: Callable[[], Tensor], mean: float, variance: float) -> None:
    drawn = values().numpy().astype(np.float64)
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / drawn.size)
    assert abs(drawn.var() / variance - 1) < 0.05


def test_multinomial_without_replacement_has_no_index_twice() -> None:
    weights = minigrad.rand(6, 9)
    for row in minigrad.multinomial(weights, 9).tolist():
        assert sorted(row) == list(range(9))
    assert weights.multinomial(2).shape == (6, 2)
    assert set(minigrad.multinomial(minigrad.tensor([0.0, 1, 0, 1]), 2).tolist()) == {1, 3}
    assert minigrad.multinomial(minigrad.empty(0, 3), 2, True).shape == (0, 2)


METHODS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform_": lambda t: t.uniform_(2, 3),
    "normal_": lambda t: t.normal_(2, 0.1),
    "random_": lambda t: t.random_(2, 900),
    "bernoulli_": lambda t: t.bernoulli_(0.5),
    "exponential_": lambda t: t.exponential_(3.0),
}
every_method = pytest.mark.parametrize("method", sorted(METHODS))


@every_method
def test_methods_write_in_place(method: str) -> None:
    x = minigrad.full((3, 7), -1.0)
    memory, before = x.numpy(), x._version
    assert METHODS[method](x) is x
    assert x.numpy() is memory and (memory >= 0).all()
    assert x._version > before


@every_method
def test_methods_write_through_views_alone(method: str) -> None:
    x = minigrad.full((6, 6), -1.0)
    METHODS[method](x[1:3].t()[2:])
    inside = np.zeros((6, 6), bool)
    inside[1:3, 2:] = True
    assert ((x.numpy() >= 0) == inside).all()


@every_method
def test_methods_on_scalars_and_on_nothing(method: str) -> None:
    scalar = minigrad.tensor(-1.0)
    assert METHODS[method](scalar).shape == ()
    assert scalar.item() >= 0
    assert METHODS[method](minigrad.empty(0, 3)).shape == (0, 3)


@every_method
def test_leaves_refuse_outside_no_grad(method: str) -> None:
    x = minigrad.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=f"{method}: a leaf Variable that requires grad"):
        METHODS[method](x)
    assert x.tolist() == [1.0] * 3
    with minigrad.no_grad():
        METHODS[method](x)
    assert x.requires_grad and x.is_leaf


@every_method
def test_what_is_overwritten_gets_a_gradient_of_zeros(method: str) -> None:
    x = minigrad.ones(4, requires_grad=True)
    y = x * 3
    METHODS[method](y[:2])
    (y * 5).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0, 15.0, 15.0]


@every_method
def test_overwriting_a_saved_value_is_noticed(method: str) -> None:
    x = minigrad.ones(3, requires_grad=True)
    y = x.exp()
    METHODS[method](y.detach())
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        y.sum().backward()


@every_method
def test_elements_that_share_memory_refuse(method: str) -> None:
    with pytest.raises(RuntimeError, match="clone"):
        METHODS[method](minigrad.zeros(3).expand(2, 3))


def test_random_integers_up_to_the_largest() -> None:
    x = minigrad.zeros(4000, dtype=minigrad.uint8)
    assert x.random_().max().item() == 255
    assert x.random_(250, None).min().item() == 250 and x.max().item() == 255
    assert x.random_(3).max().item() == 2


@pytest.mark.parametrize(
    "call,error,message",
    [
        (lambda: minigrad.rand(2, dtype=minigrad.int64), RuntimeError, "rand: not possible for int64"),
        (lambda: minigrad.randint(0, (2,)), RuntimeError, "randint: expects low < high, got low=0, high=0"),
        (lambda: minigrad.randint(300, (2,), dtype=minigrad.uint8), RuntimeError, "randint: 0 to 299 .* uint8"),
        (lambda: minigrad.randint(3.5, (2,)), TypeError, "randint: 'high' must be an int, not float 3.5"),
        (lambda: minigrad.randint(3, 5), TypeError, "randint: 'size' must be a tuple of ints"),
        (lambda: minigrad.randperm(-1), RuntimeError, "randperm: 'n' must not be negative"),
        (lambda: minigrad.randperm(300, dtype=minigrad.int8), RuntimeError, "randperm: n = 300 is too large for int8"),
        (lambda: minigrad.empty(2).uniform_(3, 1), RuntimeError, "uniform_: expects from <= to"),
        (lambda: minigrad.empty(2).uniform_(0, math.inf), RuntimeError, "uniform_: to=inf is out of bounds"),
        (lambda: minigrad.empty(2).uniform_("a"), TypeError, "uniform_: 'from' must be a number"),
        (lambda: minigrad.empty(2).normal_(0, -1), RuntimeError, "normal_: expects std >= 0, got -1"),
        (lambda: minigrad.empty(2).exponential_(0), RuntimeError, "exponential_: expects lambd > 0, got 0"),
        (lambda: minigrad.empty(2).bernoulli_(1.5), RuntimeError, r"bernoulli_: expects p in \[0, 1\], got 1.5"),
        (lambda: minigrad.tensor([2.0]).bernoulli(), RuntimeError, r"bernoulli: expects every p in \[0, 1\]"),
        (lambda: minigrad.empty(3).bernoulli_(minigrad.rand(2)), RuntimeError, r"bernoulli_: .*\(2,\).*\(3,\)"),
        (lambda: minigrad.normal(0.0, 1.0), TypeError, "normal: 'size' is missing"),
        (lambda: minigrad.normal(minigrad.ones(3), minigrad.ones(2)), RuntimeError, r"normal: .*\(3,\).*\(2,\)"),
        (lambda: minigrad.normal(minigrad.ones(2), -minigrad.ones(2)), RuntimeError, "normal: expects every std >= 0"),
        (lambda: minigrad.multinomial(minigrad.tensor([0.0, 1]), 2), RuntimeError, "multinomial: 2 .* got 1"),
        (lambda: minigrad.multinomial(minigrad.tensor([-1.0, 1]), 1), RuntimeError, "multinomial: .*negative"),
        (lambda: minigrad.multinomial(minigrad.zeros(3), 1), RuntimeError, "multinomial: .*positive weights"),
        (lambda: minigrad.multinomial(minigrad.ones(3), 0), RuntimeError, "multinomial: expects num_samples > 0"),
        (lambda: minigrad.multinomial(minigrad.ones(2, 2, 2), 1), RuntimeError, r"multinomial: .*\(2, 2, 2\)"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# The same calls on PyTorch --------------------------------------------------------------------------------------------

CALLS = """
rand(2, 3) | rand((2, 3)) | rand(size=(2,)) | rand(()) | rand() | rand(-1) | rand(2, dtype=t.int64) | rand(2, generator=5)
rand(2, dtype=t.float64) | rand(2, generator=t.Generator()) | rand(2, requires_grad=True) | rand(3, dtype=t.bool)
randn(2, 3) | randn(40) | randn() | randn(2, dtype=t.int64) | randn(50, dtype=t.float64) | randn(())
randint(3, (2,)) | randint(3, 5, (2,)) | randint(3, size=(2,)) | randint(low=3, high=5, size=(2,))
randint(high=5, size=(2,)) | randint(3, 5, (2,), dtype=t.float32) | randint(300, (2,), dtype=t.uint8)
randint(0, (2,)) | randint(5, 3, (2,)) | randint(3.5, (2,)) | randint(3) | randint(3, 2) | randint(0, 3, 2)
randint(2, (9,), dtype=t.bool) | randint(3, (2,), dtype=t.bool) | randint(0, 5, (2,), requires_grad=True)
randint(t.tensor(3), (2,)) | randint(0, 5, []) | randint(0, 5, (-2,)) | randint(True, (2,)) | randint(5, (2.0,))
randint(0, 5, (2,), dtype=t.float32, requires_grad=True) | randint(-(2**40), 2**50, (5,))
randperm(0) | randperm(9) | randperm(-1) | randperm(3.0) | randperm(3, dtype=t.float32) | randperm(256, dtype=t.uint8)
randperm(300, dtype=t.uint8) | randperm(2049, dtype=t.float16) | randperm(2050, dtype=t.float16)
randperm(3, dtype=t.bool) | randperm(n=3) | randperm(3, requires_grad=True)
rand_like(t.ones(5, 4).t()) | randn_like(t.ones(5, 4).t()) | randn_like(t.ones(5, 4)) | rand_like(t.ones(1, 4).expand(3, 4))
rand_like(t.ones(2, dtype=t.int64)) | randn_like(t.ones(2, dtype=t.int64), dtype=t.float64) | randn_like(2)
randint_like(t.ones(2), 3) | randint_like(t.ones(2), 3, 5) | randint_like(t.ones(4, 2, dtype=t.int64).t(), high=5)
randint_like(t.ones(2, dtype=t.bool), 3) | randint_like(t.ones(2), 3.5) | randint_like(t.ones(2), 5, 3)
normal(0.0, 1.0, (2,)) | normal(mean=0.0, std=1.0, size=(20,)) | normal(2, 3, (2,)) | normal(2.0, -3.0, (2,))
normal(t.arange(20.0), t.arange(20.0)) | normal(t.arange(20.0), 2.0) | normal(2.0, t.arange(20.0)) | normal(t.ones(2))
normal(t.zeros(3, 1), t.ones(4)) | normal(t.zeros(3), t.ones(2)) | normal(t.ones(2), -t.ones(2)) | normal(t.ones(2), nan)
normal(t.zeros(2), t.ones(2, dtype=t.int64)) | normal(t.zeros(2, dtype=t.int64), t.ones(2)) | normal(2.0, 3.0)
normal(t.ones(2).double(), t.ones(2)) | normal(t.ones(2), t.ones(2).double()) | normal(0.0, 1.0, (2,), dtype=t.float64)
normal(t.zeros(2), 1.0, (2,)) | normal(0.0, 1.0, 2) | normal(0.0, 1.0, (2,), dtype=t.int64) | normal(t.tensor(1.0), 2.0)
bernoulli(t.full((9,), 0.5)) | bernoulli(t.full((4, 5), 0.5).t()) | bernoulli(0.5) | bernoulli(t.tensor([1, 0, 1]))
bernoulli(t.tensor([1.5, 0])) | bernoulli(t.tensor([nan])) | full((9,), 0.5).bernoulli()
multinomial(t.tensor([0, 1.0, 2, 0]), 20, replacement=True) | multinomial(t.rand(3, 6), 4, True)
multinomial(t.tensor([0, 1.0]), 1.0) | multinomial(t.tensor([1.0, 2]), True) | multinomial([1.0, 2], 1)
multinomial(t.tensor([1, 2]), 1) | multinomial(t.rand(2, 2, 2), 1) | multinomial(t.tensor(1.0), 1)
multinomial(t.ones(3), 0) | multinomial(t.ones(3), 7) | multinomial(-t.ones(3), 1) | multinomial(-t.ones(3), 2, True)
multinomial(t.zeros(3), 1) | multinomial(t.tensor([1.0, inf]), 1) | multinomial(t.rand(0), 1) | multinomial(t.rand(0, 3), 1)
multinomial(t.rand(3, 0), 1)
empty(3).uniform_(0, to=2) | empty(4, 5).t().uniform_() | empty(8, 10)[::2, ::2].uniform_() | empty(3).uniform_(3, 1)
empty(3).uniform_(0, inf) | empty(3).uniform_(nan, 1) | empty(3).uniform_(-3e38, 3e38) | empty(0).uniform_(3, 1)
empty(3, dtype=t.int64).uniform_() | empty(3).uniform_(generator=5) | empty(3).uniform_(t.tensor(1.0), t.tensor(2.0))
empty(2).uniform_(0, t.tensor([2.0])) | empty(2, dtype=t.float16).uniform_(0, 70000)
empty(4, 5).normal_() | empty(4, 5).t().normal_(1, 2) | empty(8, 10)[::2, ::2].normal_() | empty(2).normal_(0, -1)
empty(4, 5, 2).permute(1, 2, 0).normal_() | empty(2).normal_(nan, 1) | empty(2).normal_(0, nan) | empty(2).normal_(std="a")
empty(5, dtype=t.int64).normal_() | empty(2).normal_(mean=1, std=0)
empty(3).random_() | empty(3).random_(5) | empty(3).random_(2, 5) | empty(3).random_(to=5) | empty(3).random_(5, None)
empty(3).random_(5, 5) | empty(3).random_(0) | empty(3).random_(1.5) | empty(3, dtype=t.uint8).random_(0, 300)
empty(3, dtype=t.uint8).random_(-5, 30) | empty(3, dtype=t.uint8).random_(256) | empty(3, dtype=t.bool).random_(3)
empty(3, dtype=t.int64).random_(-(2**63), None) | empty(3, dtype=t.int32).random_(-5, None) | empty(3).random_(-4)
empty(3, dtype=t.float16).random_(70000) | empty(4, 5, dtype=t.int32).t().random_()
empty(3).bernoulli_(t.full((1,), 0.5)) | empty(3).bernoulli_(t.rand(2)) | empty(2).bernoulli_(t.rand(3, 2))
empty(3, 4).t().bernoulli_(t.full((4, 3), 0.5)) | empty(3, 4).t().bernoulli_(t.linspace(0, 1, 3))
empty(3).bernoulli_(1.5) | empty(3).bernoulli_(nan) | empty(3).bernoulli_("a") | empty(3).bernoulli_(t.tensor([1, 0, 1]))
empty(3).exponential_(0) | empty(3).exponential_(-1) | empty(3).exponential_(nan) | empty(3).exponential_(inf)
empty(3, dtype=t.int64).exponential_()
"""
# Where PyTorch leaves the draws to MKL, on Intel's processors, only what they are is compared: see docs/random.md.
MKL_CALLS = """
bernoulli(t.tensor([1, 0]), p=0.5) | full((9,), 0.5).bernoulli(0.3) | empty(2000).bernoulli_() | empty(40, 50).bernoulli_(0.3)
empty(40, 50).t().bernoulli_(0.3) | empty(20, dtype=t.int64).bernoulli_(1) | empty(20, dtype=t.bool).bernoulli_(0.9)
empty(2000).exponential_() | empty(3, dtype=t.float16).exponential_(2) | empty(40, 50).t().exponential_(lambd=3)
multinomial(t.rand(3, 6), 4) | multinomial(t.rand(50), 50) | multinomial(t.rand(50), 1) | multinomial(t.rand(5, 4), 1, True)
"""


def outcome(library: Any, call: str) -> Any:
    library.manual_seed(3)
    try:
        return eval(f"t.{call}", {"t": library, "nan": math.nan, "inf": math.inf})
    except Exception as error:
        return error


def listed(calls: str) -> list[str]:
    return [call.strip() for line in calls.strip().split("\n") for call in line.split(" | ")]


@pytest.mark.filterwarnings("ignore:to - 1 is out of bounds:UserWarning")
@pytest.mark.parametrize("call", listed(CALLS) + listed(MKL_CALLS))
def test_torch(torch: Any, call: str) -> None:
    ours, theirs = outcome(minigrad, call), outcome(torch, call)
    if isinstance(theirs, Exception):
        # What PyTorch has not implemented for a dtype is a DtypeError here, and both are RuntimeErrors.
        expected = RuntimeError if isinstance(theirs, NotImplementedError) else type(theirs)
        assert isinstance(ours, expected), (ours, theirs)
        return
    assert isinstance(ours, Tensor), ours
    assert (ours.dtype.name, tuple(ours.shape)) == (str(theirs.dtype).split(".")[1], tuple(theirs.shape))
    assert ours.requires_grad == theirs.requires_grad
    following = torch.rand(2, dtype=torch.float64).tolist()
    if call in listed(MKL_CALLS) and uses_mkl(torch):
        return
    tolerance = {"float16": 2e-3, "float32": 1e-5}.get(ours.dtype.name, 1e-12)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)
    assert minigrad.rand(2, dtype=minigrad.float64).tolist() == following  # as many draws were taken


def uses_mkl(torch: Any) -> bool:
    """Whether a `bernoulli_` of one element takes other than the two draws that its rule needs."""
    torch.manual_seed(3)
    torch.empty(1).bernoulli_()
    following = torch.rand(1)
    torch.manual_seed(3)
    return bool(torch.rand(3)[2] != following)
