"""Generators, and the array-level draws: against their rules written one value at a time, and against PyTorch."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from minigrad import random
from minigrad.random import CHUNK, Generator

FLOATS = [np.dtype(t) for t in (np.float16, np.float32, np.float64)]
INTEGERS = [np.dtype(t) for t in (np.int8, np.int16, np.int32, np.int64, np.uint8)]
EVERY = [*FLOATS, *INTEGERS, np.dtype(np.bool_)]
SIZES = [0, 1, 2, 5, 15, 16, 17, 31, 32, 100, CHUNK, CHUNK + 1, 2 * CHUNK + 23]
RELATIVE = {2: 2e-3, 4: 1e-5, 8: 1e-12}

# What a seed gives, one value at a time -------------------------------------------------------------------------------


class Stream:
    """The 32-bit draws of a seed, and the fractions made of them."""

    def __init__(self, seed: int) -> None:
        self.words = iter(np.random.RandomState(seed).randint(0, 2**32, 4000, np.uint32).tolist())

    def short(self) -> int:
        return next(self.words)

    def long(self) -> int:
        high = self.short()
        return high << 32 | self.short()

    def fraction(self, bits: int) -> float:
        return (self.long() if bits == 53 else self.short()) % 2**bits / 2**bits


def by_hand(seed: int, count: int, rule: Callable[[Stream], Any]) -> list[Any]:
    stream = Stream(seed)
    return [rule(stream) for _ in range(count)]


@pytest.fixture
def generator() -> Generator:
    return Generator().manual_seed(12)


def test_the_twister_is_the_standard_one() -> None:
    # ISO C++ 26.6.6: the 10000th draw of mt19937 seeded by 5489.
    drawn = random.integers(Generator().manual_seed(5489), (10000,), np.dtype(np.int64), 0, 2**27)
    assert drawn[-1] == 4123659995 % 2**27


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_by_hand(generator: Generator, dtype: Any) -> None:
    expected = by_hand(12, 60, lambda s: -2 + 5 * s.fraction(53 if dtype.itemsize == 8 else 24))
    drawn = random.uniform(generator, (3, 20), dtype, -2.0, 3.0)
    np.testing.assert_allclose(drawn, np.reshape(expected, (3, 20)), rtol=0, atol=np.finfo(dtype).eps)


def test_normal_pairs_by_hand(generator: Generator) -> None:
    def pair(s: Stream) -> tuple[float, float]:
        angle, radius = 2 * math.pi * s.fraction(53), math.sqrt(-2 * math.log(1 - s.fraction(53)))
        return radius * math.cos(angle), radius * math.sin(angle)

    expected = 3 * np.ravel(by_hand(12, 4, pair)) + 1
    # The second of a pair waits in the generator, whatever the size and dtype of what asks next.
    parts = [random.normal(generator, (n,), np.dtype(np.float64), 1.0, 3.0) for n in (1, 0, 3, 1, 2)]
    np.testing.assert_allclose(np.concatenate(parts), expected[:7], rtol=1e-12)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [16, 48, 40])
def test_normal_blocks_by_hand(generator: Generator, dtype: Any, size: int) -> None:
    def block(s: Stream) -> list[float]:
        u = [s.fraction(53 if dtype.itemsize == 8 else 24) for _ in range(16)]
        pairs = [(math.sqrt(-2 * math.log(1 - a)), 2 * math.pi * b) for a, b in zip(u[:8], u[8:], strict=True)]
        return [r * math.cos(t) for r, t in pairs] + [r * math.sin(t) for r, t in pairs]

    stream = Stream(12)
    expected = np.ravel([block(stream) for _ in range(size // 16)])
    if rest := size % 16:
        if dtype.itemsize > 2:  # these were drawn for a block that is thrown away
            [stream.fraction(53 if dtype.itemsize == 8 else 24) for _ in range(rest)]
        expected = np.concatenate([expected, np.zeros(rest)])
        expected[-16:] = block(stream)
    drawn = random.normal(generator, (size,), dtype)
    np.testing.assert_allclose(drawn, expected, rtol=RELATIVE[dtype.itemsize], atol=RELATIVE[dtype.itemsize] / 10)


@pytest.mark.parametrize("low,high", [(0, 10), (-7, 2), (-5, 2**28 - 6), (3, 2**28 + 3), (-(2**62), 2**62)])
def test_integers_by_hand(generator: Generator, low: int, high: int) -> None:
    span = high - low
    expected = by_hand(12, 50, lambda s: low + (s.long() if span >= 2**28 else s.short()) % span)
    assert random.integers(generator, (50,), np.dtype(np.int64), low, high).tolist() == expected


@pytest.mark.parametrize("dtype", EVERY)
def test_integers_without_bounds_by_hand(generator: Generator, dtype: Any) -> None:
    largest = random.largest(dtype)
    expected = by_hand(12, 50, lambda s: (s.long() if dtype.itemsize == 8 else s.short()) % (largest + 1))
    assert random.any_integers(generator, (50,), dtype).tolist() == expected


def test_every_integer_of_the_full_range_is_a_draw_taken_as_it_is(generator: Generator) -> None:
    expected = np.array(by_hand(12, 20, Stream.long), np.uint64).view(np.int64)
    np.testing.assert_array_equal(random.integers(generator, (20,), np.dtype(np.int64), -(2**63), 2**63), expected)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_permutation_by_hand(generator: Generator, count: int) -> None:
    stream, expected = Stream(12), list(range(count))
    for i in range(count - 1):
        j = i + stream.short() % (count - i)
        expected[i], expected[j] = expected[j], expected[i]
    assert random.permutation(generator, count).tolist() == expected


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0, 1e-300])
def test_bernoulli_by_hand(generator: Generator, p: float) -> None:
    expected = by_hand(12, 300, lambda s: s.fraction(53) < p)
    assert random.bernoulli(generator, (300,), np.dtype(np.bool_), p).tolist() == expected


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_by_hand_with_a_probability_each(generator: Generator, dtype: Any) -> None:
    p = np.linspace(0, 1, 20, dtype=dtype)
    expected = [
        stream.fraction(53 if dtype.itemsize == 8 else 24) < q for stream in [Stream(12)] for q in p.tolist() * 3
    ]
    assert random.bernoulli(generator, (3, 20), np.dtype(np.int64), p).ravel().tolist() == expected


def test_exponential_by_hand(generator: Generator) -> None:
    expected = by_hand(12, 100, lambda s: -math.log(1 - s.fraction(53)) / 2.5)
    drawn = random.exponential(generator, (100,), np.dtype(np.float64), 2.5)
    np.testing.assert_allclose(drawn, expected, rtol=1e-12)


@pytest.mark.parametrize("weights", [[1.0, 0.0, 3.0, 2.0], [[1.0, 2.0, 0.0], [0.0, 5.0, 5.0]]])
def test_multinomial_by_hand(generator: Generator, weights: Any) -> None:
    table, stream = np.atleast_2d(weights), Stream(12)

    def index(row: Any) -> int:
        mark, total = stream.fraction(53) * sum(row), 0.0
        for k, weight in enumerate(row):
            total += weight
            if mark <= total:
                return k
        raise AssertionError("a mark beyond the sum")

    expected = [[index(row) for _ in range(30)] for row in table.tolist()]
    drawn = random.multinomial(generator, np.asarray(weights), 30, True)
    np.testing.assert_array_equal(np.atleast_2d(drawn), expected)


def test_multinomial_without_replacement_by_hand(generator: Generator) -> None:
    weights, stream = np.array([1.0, 4.0, 2.0, 0.5]), Stream(12)
    keys = [w / -math.log(1 - stream.fraction(53)) for w in weights]
    expected = sorted(range(4), key=lambda k: -keys[k])
    assert random.multinomial(generator, weights, 4, False).tolist() == expected
    assert random.multinomial(generator.manual_seed(12), weights, 1, True).tolist() == expected[:1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_upper_bound_is_never_reached(generator: Generator, dtype: Any) -> None:
    # A range of one rounding step, where half of the values would round up to the bound.
    high = 1 + np.finfo(dtype).eps
    assert set(random.uniform(generator, (3000,), dtype, 1.0, float(high)).tolist()) == {1.0}
    assert random.uniform(generator, (40000,), dtype).max() < 1


def test_draws_of_nothing_but_zeros() -> None:
    def zeros() -> Generator:
        state = np.zeros((), random.STATE)
        state["seeded"], state["left"] = 1, random.WORDS
        generator = Generator()
        generator.set_state(np.frombuffer(state.tobytes(), np.uint8))
        return generator

    for dtype in FLOATS:
        assert random.uniform(zeros(), (20,), dtype, 0.25, 0.5).tolist() == [0.25] * 20
        assert random.exponential(zeros(), (20,), dtype).tolist() == [0.0] * 20
        for size in (3, 20):
            assert random.normal(zeros(), (size,), dtype, 2.0).tolist() == [2.0] * size
        assert random.bernoulli(zeros(), (3,), dtype, np.array([0, 1e-7, 1], dtype)).tolist() == [0.0, 1.0, 1.0]
    assert random.bernoulli(zeros(), (2,), np.dtype(np.bool_), 1e-300).all()
    assert not random.bernoulli(zeros(), (2,), np.dtype(np.bool_), 0.0).any()


# The generator --------------------------------------------------------------------------------------------------------


def draw(generator: Generator, count: int = 5) -> list[float]:
    return random.uniform(generator, (count,), np.dtype(np.float64)).tolist()


def test_only_the_lowest_32_bits_of_a_seed_count() -> None:
    one, other = Generator().manual_seed(2**40 + 7), Generator().manual_seed(7)
    assert one.initial_seed() == 2**40 + 7
    assert draw(one) == draw(other)
    assert draw(other.manual_seed(8)) != draw(one.manual_seed(7))


@pytest.mark.parametrize("seed,kept", [(-1, 2**64 - 1), (-(2**63), 2**63), (2**64 - 1, 2**64 - 1), (np.int64(3), 3)])
def test_seeds_are_kept_as_64_bits(seed: int, kept: int) -> None:
    assert Generator().manual_seed(seed).initial_seed() == kept


@pytest.mark.parametrize(
    "seed,error",
    [(2**64, ValueError), (-(2**63) - 1, ValueError), (1.5, RuntimeError), ("1", RuntimeError), (True, RuntimeError)],
)
def test_bad_seeds_raise(seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="manual_seed"):
        Generator().manual_seed(seed)


def test_a_seed_from_the_system_is_a_new_one() -> None:
    generator = Generator()
    first = generator.seed()
    assert generator.initial_seed() == first
    assert generator.seed() != first


def test_a_new_generator_starts_as_pytorch_does() -> None:
    assert Generator().initial_seed() == 67280421310721
    assert draw(Generator()) == draw(Generator(device="cpu"))
    assert str(Generator().device) == "cpu"
    with pytest.raises(RuntimeError, match="CPU"):
        Generator("cuda")


@given(seed=st.integers(0, 2**32 - 1), before=st.integers(0, 1300), normals=st.integers(0, 3))
def test_a_state_continues(seed: int, before: int, normals: int) -> None:
    generator = Generator().manual_seed(seed)
    random.integers(generator, (before,), np.dtype(np.int64), 0, 10)
    random.normal(generator, (normals,), np.dtype(np.float32))
    others = [generator.clone_state(), copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), Generator()]
    others[-1].set_state(generator.get_state())
    expected = random.normal(generator, (5,), np.dtype(np.float64)).tolist()
    for other in others:
        assert other.initial_seed() == seed
        assert random.normal(other, (5,), np.dtype(np.float64)).tolist() == expected


def test_seeding_forgets_the_waiting_normal_value(generator: Generator) -> None:
    random.normal(generator, (1,), np.dtype(np.float64))
    one = random.normal(generator.manual_seed(12), (2,), np.dtype(np.float64))
    assert one.tolist() == random.normal(Generator().manual_seed(12), (2,), np.dtype(np.float64)).tolist()


@pytest.mark.parametrize(
    "state,error",
    [
        (np.zeros(5056), TypeError),
        (3, TypeError),
        (np.zeros(5, np.uint8), RuntimeError),
        (np.zeros(5056, np.uint8), RuntimeError),
    ],
)
def test_what_is_no_state_raises_and_changes_nothing(generator: Generator, state: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="set_state"):
        generator.set_state(state)
    assert draw(generator) == draw(Generator().manual_seed(12))


# The generator behind calls without one -------------------------------------------------------------------------------


@pytest.fixture
def outside() -> Any:
    """Tests may seed: what comes after them must not see it."""
    with random.fork_rng():
        yield


def test_manual_seed_seeds_what_is_current(outside: None) -> None:
    assert random.manual_seed(4) is random.current()
    assert random.initial_seed() == 4
    assert draw(random.current()) == draw(Generator().manual_seed(4))
    assert random.seed() == random.initial_seed() != 4


def test_states_of_the_current_generator(outside: None) -> None:
    state = random.get_rng_state()
    expected = draw(random.current())
    assert draw(random.current()) != expected
    random.set_rng_state(state)
    assert draw(random.current()) == expected


def test_fork_leaves_the_outside_untouched(outside: None) -> None:
    random.manual_seed(4)
    with pytest.raises(ZeroDivisionError), random.fork_rng():
        assert draw(random.current()) == draw(Generator().manual_seed(4))
        with random.fork_rng():
            random.manual_seed(5)
        assert random.initial_seed() == 4
        raise ZeroDivisionError
    assert draw(random.current()) == draw(Generator().manual_seed(4))


def test_fork_that_is_not_enabled(outside: None) -> None:
    with random.fork_rng(enabled=False):
        random.manual_seed(6)
    assert random.initial_seed() == 6


def test_fork_of_a_device_raises() -> None:
    with pytest.raises(RuntimeError, match="devices"), random.fork_rng(devices=[0]):
        pass


def test_other_threads_do_not_see_a_fork(outside: None) -> None:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(random.current()))
    thread.start()
    thread.join()
    assert seen == [random.default_generator]
    assert random.current() is not random.default_generator


def test_a_call_takes_its_numbers_in_one_piece() -> None:
    size, generator, found = 3 * CHUNK + 5, Generator().manual_seed(1), []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(6):
            found.append(random.uniform(generator, (size,), np.dtype(np.float32)).tobytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Generator().manual_seed(1)
    assert set(found) == {random.uniform(alone, (size,), np.dtype(np.float32)).tobytes() for _ in range(24)}


# Against PyTorch ------------------------------------------------------------------------------------------------------


def theirs(torch: Any, dtype: Any) -> Any:
    return getattr(torch, np.dtype(dtype).name)


def pair(torch: Any, seed: int) -> tuple[Generator, Any]:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return Generator().manual_seed(seed), generator


def assert_same(ours: Any, other: Any, exactly: bool) -> None:
    other = other.numpy()
    assert (ours.dtype, ours.shape) == (other.dtype, other.shape)
    if exactly:
        np.testing.assert_array_equal(ours, other)
    else:
        rtol = RELATIVE[ours.dtype.itemsize]
        np.testing.assert_allclose(ours, other, rtol=rtol, atol=rtol / 10)


def assert_in_step(torch: Any, generator: Generator, other: Any) -> None:
    """Both have taken as many draws: the next one is the same."""
    following = torch.rand(3, generator=other, dtype=torch.float64).numpy()
    np.testing.assert_array_equal(random.uniform(generator, (3,), np.dtype(np.float64)), following)


def uses_mkl(torch: Any) -> bool:
    """Whether PyTorch leaves bernoulli_(number) and exponential_ to MKL, with one draw as its seed: on Intel's CPUs."""
    generator = torch.Generator()
    torch.empty(4).bernoulli_(0.5, generator=generator)
    _, other = pair(torch, generator.initial_seed())
    torch.rand(4, generator=other, dtype=torch.float64)
    return bool(torch.rand(1, generator=generator) != torch.rand(1, generator=other))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_uniform(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    for low, high in [(0.0, 1.0), (-2.0, 5.3), (0.1, 0.1), (-0.07, 0.07)]:
        drawn = torch.empty(size, dtype=theirs(torch, dtype)).uniform_(low, high, generator=other)
        exactly = dtype.itemsize < 8 or (low, high) == (0, 1)
        assert_same(random.uniform(ours, (size,), dtype, low, high), drawn, exactly)
    assert_in_step(torch, ours, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_normal(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    for mean, std in [(0.0, 1.0), (1.3, 0.7), (0.0, 0.01)]:
        drawn = torch.empty(size, dtype=theirs(torch, dtype)).normal_(mean, std, generator=other)
        assert_same(random.normal(ours, (size,), dtype, mean, std), drawn, exactly=False)
        one = torch.randn(1, generator=other, dtype=torch.float64)
        assert_same(random.normal(ours, (1,), np.dtype(np.float64)), one, exactly=False)
    assert_in_step(torch, ours, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", EVERY)
def test_torch_integers(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    ranges = [(0, 2), (0, 1)] if dtype.kind == "b" else [(0, 100), (3, 120)]
    if dtype.itemsize >= 4 and dtype.kind == "i":
        ranges += [(-100, 7), (0, 2**28 - 1), (0, 2**28), (-(2**31), 2**31 - 1)]
    for low, high in ranges:
        drawn = torch.empty(size, dtype=theirs(torch, dtype)).random_(low, high, generator=other)
        assert_same(random.integers(ours, (size,), dtype, low, high), drawn, exactly=True)
    drawn = torch.empty(size, dtype=theirs(torch, dtype)).random_(generator=other)
    assert_same(random.any_integers(ours, (size,), dtype), drawn, exactly=True)
    assert_in_step(torch, ours, other)


@pytest.mark.parametrize("size", SIZES)
def test_torch_permutation(torch: Any, size: int) -> None:
    ours, other = pair(torch, size)
    assert_same(random.permutation(ours, size), torch.randperm(size, generator=other), exactly=True)
    assert_in_step(torch, ours, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_bernoulli_with_a_probability_each(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    p = torch.rand(size, generator=other, dtype=theirs(torch, dtype))
    random.uniform(ours, (size,), dtype)
    for kind in (np.bool_, np.float16, np.int64):
        drawn = torch.empty(size, dtype=theirs(torch, kind)).bernoulli_(p, generator=other)
        assert_same(random.bernoulli(ours, (size,), np.dtype(kind), p.numpy()), drawn, exactly=True)
    assert_in_step(torch, ours, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", EVERY)
def test_torch_bernoulli(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    drawn = random.bernoulli(ours, (size,), dtype, 0.37)
    expected = torch.empty(size, dtype=theirs(torch, dtype)).bernoulli_(0.37, generator=other)
    if not uses_mkl(torch):
        assert_same(drawn, expected, exactly=True)
        assert_in_step(torch, ours, other)
    elif size > 1000:
        assert abs(float(drawn.sum()) - float(expected.sum())) / size < 0.05


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_exponential(torch: Any, dtype: Any, size: int) -> None:
    ours, other = pair(torch, size)
    drawn = random.exponential(ours, (size,), dtype, 1.7)
    expected = torch.empty(size, dtype=theirs(torch, dtype)).exponential_(1.7, generator=other)
    if not uses_mkl(torch):
        assert_same(drawn, expected, exactly=False)
        assert_in_step(torch, ours, other)
    elif size > 1000:
        assert abs(float(drawn.mean()) - float(expected.mean())) < 0.05


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("shape", [(1,), (9,), (4, 6), (5000,)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_multinomial(torch: Any, dtype: Any, shape: tuple[int, ...], replacement: bool) -> None:
    ours, other = pair(torch, 3)
    weights = torch.rand(shape, generator=other, dtype=theirs(torch, dtype)) + 0.01
    random.uniform(ours, shape, dtype)
    for count in (1, min(shape[-1], 5)):
        drawn = random.multinomial(ours, weights.numpy(), count, replacement)
        expected = torch.multinomial(weights, count, replacement, generator=other)
        assert drawn.shape == tuple(expected.shape)
        if uses_mkl(torch) and (count == 1 or not replacement):
            return  # PyTorch compares weights with MKL's exponential numbers
        assert_same(drawn, expected, exactly=True)
    assert_in_step(torch, ours, other)


@given(seed=st.integers(0, 2**32 - 1), before=st.integers(0, 1300), normals=st.integers(0, 3))
def test_torch_states_are_exchanged(torch: Any, seed: int, before: int, normals: int) -> None:
    ours, other = pair(torch, seed)
    for generator in (ours, other):
        if generator is other:
            torch.randint(10, (before,), generator=other)
            torch.randn(normals, generator=other)
        else:
            random.integers(ours, (before,), np.dtype(np.int64), 0, 10)
            random.normal(ours, (normals,), np.dtype(np.float32))
    from_us, from_them = torch.Generator(), Generator()
    from_us.set_state(torch.from_numpy(ours.get_state().numpy()))
    from_them.set_state(other.get_state())
    assert from_us.initial_seed() == from_them.initial_seed() == seed
    expected = torch.randn(5, generator=other, dtype=torch.float64).numpy()
    for drawn in (
        torch.randn(5, generator=from_us, dtype=torch.float64).numpy(),
        random.normal(from_them, (5,), np.dtype(np.float64)),
    ):
        np.testing.assert_allclose(drawn, expected, rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**63, -3])
def test_torch_seeds(torch: Any, seed: int) -> None:
    ours, other = pair(torch, seed)
    assert ours.initial_seed() == other.initial_seed()
    assert_in_step(torch, ours, other)
