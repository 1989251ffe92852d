from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils import data

COUNTS = st.integers(1, 70)
SEEDS = st.integers(0, 2**32)


@given(COUNTS)
def test_sequential(count: int) -> None:
    sampler = data.SequentialSampler(range(count))
    assert list(sampler) == list(range(count))
    assert len(sampler) == count


@given(COUNTS, SEEDS)
def test_random_is_a_permutation_that_the_seed_decides(count: int, seed: int) -> None:
    sampler = data.RandomSampler(range(count))
    minigrad.manual_seed(seed)
    first, second = list(sampler), list(sampler)
    minigrad.manual_seed(seed)
    assert [list(sampler), list(sampler)] == [first, second]
    assert sorted(first) == sorted(second) == list(range(count))


def test_every_pass_has_an_order_of_its_own() -> None:
    minigrad.manual_seed(0)
    sampler = data.RandomSampler(range(100))
    assert list(sampler) != list(sampler)


@given(COUNTS, st.integers(1, 200))
def test_random_of_another_length(count: int, wanted: int) -> None:
    minigrad.manual_seed(count)
    drawn = list(data.RandomSampler(range(count), num_samples=wanted))
    assert len(drawn) == wanted
    times = Counter(drawn)
    assert max(times.values()) - min(times[i] for i in range(count)) <= 1
    drawn = list(data.RandomSampler(range(count), replacement=True, num_samples=wanted))
    assert len(drawn) == wanted
    assert set(drawn) <= set(range(count))


def test_subset_random() -> None:
    minigrad.manual_seed(0)
    sampler = data.SubsetRandomSampler([5, 6, 9])
    assert len(sampler) == 3
    assert sorted(sampler) == [5, 6, 9]


def test_weighted_follows_the_weights() -> None:
    minigrad.manual_seed(0)
    drawn = Counter(data.WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    assert set(drawn) == {0, 2}
    assert abs(drawn[2] - 3000) < 5 * (4000 * 0.75 * 0.25) ** 0.5  # five standard deviations
    without = data.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)
    assert sorted(without) == [0, 1, 2]


@given(st.integers(0, 30), st.integers(1, 8))
def test_batches_cut_the_sampler(count: int, size: int) -> None:
    for drop_last in (False, True):
        sampler = data.BatchSampler(range(count), size, drop_last)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert all(len(batch) == size for batch in batches[:-1])
        kept = count - count % size if drop_last else count
        assert [i for batch in batches for i in batch] == list(range(kept))


@pytest.mark.parametrize("count", [0, -1, 2.0, True, "3", None])
def test_counts_are_checked(count: Any) -> None:
    with pytest.raises(ValueError, match="batch_size should be a positive integer"):
        data.BatchSampler(range(3), count, False)
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        data.WeightedRandomSampler([1.0], count)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        data.BatchSampler(range(3), 2, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        data.RandomSampler(range(3), replacement=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=0"):
        data.RandomSampler([])
    with pytest.raises(ValueError, match=r"1d sequence but given weights have shape \(1, 2\)"):
        data.WeightedRandomSampler([[1.0, 2.0]], 1)  # type: ignore[list-item]
    with pytest.raises(NotImplementedError, match="must define __iter__"):
        iter(data.Sampler[int]())


def samplers(module: Any, generator: Any) -> list[Any]:
    """The same samplers from minigrad's or PyTorch's module."""
    weights = [0.1, 0.9, 0.0, 0.7, 3.0]
    return [
        module.RandomSampler(range(37), generator=generator),
        module.RandomSampler(range(37), num_samples=90, generator=generator),
        module.RandomSampler(range(37), replacement=True, num_samples=70, generator=generator),
        module.RandomSampler(range(37), replacement=True, num_samples=64, generator=generator),
        module.SubsetRandomSampler(list(range(5, 25)), generator=generator),
        module.WeightedRandomSampler(weights, 50, generator=generator),
        module.WeightedRandomSampler(weights, 3, replacement=False, generator=generator),
    ]


@pytest.mark.parametrize("own_generator", [False, True])
def test_draws_are_those_of_pytorch(torch: Any, own_generator: bool) -> None:
    for seed in (0, 7, 2**40 + 1):
        generators = [library.Generator().manual_seed(seed) for library in (minigrad, torch)]
        for library in (minigrad, torch):
            library.manual_seed(seed)
        ours, theirs = (
            samplers(module, generator if own_generator else None)
            for module, generator in zip((data, torch.utils.data), generators, strict=True)
        )
        for our, their in zip(ours, theirs, strict=True):
            for _ in range(2):  # the second pass also shows that the first moved the generator on as far
                assert list(our) == list(their)
