from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils import data


class Squares(data.Dataset[int]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        if not -self.count <= index < self.count:
            raise IndexError(index)
        return int(index % self.count) ** 2


class Stream(data.IterableDataset[int]):
    def __init__(self, *values: int) -> None:
        self.values = values

    def __iter__(self) -> Iterator[int]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_methods_a_subclass_has_to_define() -> None:
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        data.Dataset[int]()[0]
    with pytest.raises(NotImplementedError, match="must define __iter__"):
        iter(data.IterableDataset[int]())


def test_tensor_dataset() -> None:
    x, y = minigrad.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), minigrad.tensor([7, 8, 9])
    dataset = data.TensorDataset(x, y)
    assert len(dataset) == 3
    sample = dataset[-1]
    assert isinstance(sample, tuple)
    assert [part.tolist() for part in sample] == [[5.0, 6.0], 9]
    assert [part.tolist() for part in dataset[[0, 2]]] == [[[1.0, 2.0], [5.0, 6.0]], [7, 9]]
    with pytest.raises(IndexError):
        dataset[3]


def test_tensor_dataset_of_unequal_lengths() -> None:
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors.*\(3, 2\), \(2,\)"):
        data.TensorDataset(minigrad.tensor([[1.0, 2.0]] * 3), minigrad.tensor([1, 2]))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_concatenation_is_a_list_of_the_parts(counts: list[int]) -> None:
    parts = [Squares(count) for count in counts]
    whole = data.ConcatDataset(parts)
    expected = [part[i] for part in parts for i in range(len(part))]
    assert len(whole) == len(expected)
    assert [whole[i] for i in range(len(whole))] == expected
    assert [whole[i] for i in range(-len(whole), 0)] == expected


def test_concatenation_errors() -> None:
    with pytest.raises(AssertionError, match="empty"):
        data.ConcatDataset[int]([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        data.ConcatDataset([Squares(2), Stream(1)])
    whole = data.ConcatDataset([Squares(2), Squares(1)])
    with pytest.raises(IndexError, match="index 3 is out of range for 3 samples"):
        whole[3]
    with pytest.raises(ValueError, match="index -4 is out of range for 3 samples"):
        whole[-4]


def test_plus_concatenates() -> None:
    whole = Squares(2) + Squares(3)
    assert isinstance(whole, data.ConcatDataset)
    assert list(whole) == [0, 1, 0, 1, 4]
    chained = Stream(1, 2) + Stream(3)
    assert isinstance(chained, data.ChainDataset)
    assert list(chained) == [1, 2, 3]
    assert len(chained) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(data.ChainDataset([Stream(1), Squares(2)]))


def test_subset() -> None:
    part = data.Subset(Squares(10), [3, 1, 4])
    assert len(part) == 3
    assert [part[i] for i in range(3)] == [9, 1, 16]
    tensors = data.TensorDataset(minigrad.tensor([0, 10, 20, 30]))
    assert data.Subset(tensors, [3, 1, 0])[[0, 2]][0].tolist() == [30, 0]


@given(st.integers(2, 60), st.data())  # from two on: lengths that sum to 1 are fractions, as in PyTorch
def test_split_is_a_partition(count: int, draw: Any) -> None:
    first = draw.draw(st.integers(0, count))
    minigrad.manual_seed(draw.draw(st.integers(0, 1000)))
    parts = data.random_split(Squares(count), [first, count - first])
    assert [len(part) for part in parts] == [first, count - first]
    assert sorted(i for part in parts for i in part.indices) == list(range(count))


@pytest.mark.parametrize(
    ("count", "fractions", "lengths"),
    [(10, [0.5, 0.5], [5, 5]), (11, [0.5, 0.3, 0.2], [6, 3, 2]), (7, [0.34, 0.33, 0.33], [3, 2, 2])],
)
def test_split_by_fractions(count: int, fractions: list[float], lengths: list[int]) -> None:
    assert [len(part) for part in data.random_split(Squares(count), fractions)] == lengths


def test_split_errors() -> None:
    with pytest.raises(ValueError, match=r"\[3, 4\] sum to 7, the dataset has 10 samples"):
        data.random_split(Squares(10), [3, 4])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(Squares(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(Squares(1), [0.5, 0.5])


def test_split_draws_as_pytorch(torch: Any) -> None:
    for seed in (0, 1, 12345):
        minigrad.manual_seed(seed)
        torch.manual_seed(seed)
        ours = data.random_split(Squares(101), [0.7, 0.2, 0.1])
        theirs = torch.utils.data.random_split(range(101), [0.7, 0.2, 0.1])
        assert [part.indices for part in ours] == [part.indices for part in theirs]
    generators = minigrad.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    ours = data.random_split(Squares(20), [15, 5], generators[0])
    theirs = torch.utils.data.random_split(range(20), [15, 5], generators[1])
    assert [part.indices for part in ours] == [part.indices for part in theirs]
