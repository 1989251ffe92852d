from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, default_collate


class Count(IterableDataset[int]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


def rows(count: int) -> TensorDataset:
    """`count` rows of two floats, each with its number."""
    x = minigrad.tensor([[float(i), -float(i)] for i in range(count)]).reshape(count, 2)
    return TensorDataset(x, minigrad.tensor(list(range(count)), dtype=minigrad.int64))


def numbers(loader: DataLoader[Any]) -> list[list[int]]:
    return [batch[1].tolist() for batch in loader]


def test_batches_in_order() -> None:
    loader = DataLoader(rows(5), batch_size=2)
    batches = list(loader)
    assert len(loader) == 3
    assert all(isinstance(batch, list) for batch in batches)
    assert [batch[0].tolist() for batch in batches] == [[[0, 0], [1, -1]], [[2, -2], [3, -3]], [[4, -4]]]
    assert numbers(loader) == [[0, 1], [2, 3], [4]]
    assert batches[0][0].dtype == minigrad.float32
    assert batches[0][1].dtype == minigrad.int64


def test_drop_last() -> None:
    loader = DataLoader(rows(5), batch_size=2, drop_last=True)
    assert len(loader) == 2
    assert numbers(loader) == [[0, 1], [2, 3]]


def test_without_batching() -> None:
    samples = list(DataLoader(rows(2), batch_size=None))
    assert [[part.tolist() for part in sample] for sample in samples] == [[[0, 0], 0], [[1, -1], 1]]


def test_samplers_and_collate_function() -> None:
    assert numbers(DataLoader(rows(5), sampler=[4, 0, 2], batch_size=2)) == [[4, 0], [2]]
    assert numbers(DataLoader(rows(5), batch_sampler=[[3], [1, 2]])) == [[3], [1, 2]]
    loader = DataLoader(rows(3), batch_size=3, collate_fn=lambda samples: [int(number) for _, number in samples])
    assert list(loader) == [[0, 1, 2]]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
def test_shuffled_epochs_see_everything_once(count: int, size: int, seed: int) -> None:
    minigrad.manual_seed(seed)
    loader = DataLoader(rows(count), batch_size=size, shuffle=True)
    for _ in range(2):
        seen = [number for batch in numbers(loader) for number in batch]
        assert sorted(seen) == list(range(count))


class Slow(TensorDataset):
    """A TensorDataset by another name, which goes the way of single samples."""


@given(st.integers(1, 30), st.integers(1, 7), st.integers(0, 99), st.booleans(), st.booleans())
def test_whole_batches_equal_collated_samples(count: int, size: int, seed: int, shuffle: bool, part: bool) -> None:
    tensors = (
        *rows(count).tensors,
        minigrad.tensor([i % 2 == 0 for i in range(count)]),
        minigrad.tensor([[[float(i)] * 3] * 2 for i in range(count)], dtype=minigrad.float16),
    )
    batches = []
    for kind in (TensorDataset, Slow):
        dataset: Dataset[Any] = kind(*tensors)
        if part:
            dataset = Subset(Subset(dataset, list(range(count))[::-1]), list(range(0, count, 2)))
        minigrad.manual_seed(seed)
        batches.append(list(DataLoader(dataset, size, shuffle=shuffle)))
    for fast, slow in zip(*batches, strict=True):
        assert type(fast) is type(slow)
        for ours, expected in zip(fast, slow, strict=True):
            assert (ours.dtype, ours.shape, ours.tolist()) == (expected.dtype, expected.shape, expected.tolist())


def test_whole_batches_share_no_memory_and_carry_gradients() -> None:
    x = minigrad.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(x), batch_size=3)))
    (batch * batch).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0], [4.0], [6.0]]
    (batch,) = next(iter(DataLoader(TensorDataset(x.detach()), batch_size=3)))
    batch.zero_()
    assert x.tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize("indices", [[3], [-4], [True], ["a"], [slice(0, 2)]])
def test_odd_indices_mean_what_they_mean_for_samples(indices: list[Any]) -> None:
    outcomes = []
    for kind in (TensorDataset, Slow):
        try:
            (batch,) = DataLoader(kind(*rows(3).tensors), batch_sampler=[indices])
            outcomes.append([part.tolist() for part in batch])
        except Exception as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


def test_a_dataset_that_gives_whole_batches() -> None:
    class Batched(Dataset[int]):
        def __len__(self) -> int:
            return 4

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [10 * i for i in indices]

    assert [batch.tolist() for batch in DataLoader(Batched(), batch_size=3)] == [[0, 10, 20], [30]]
    assert [batch.tolist() for batch in DataLoader(Subset(Batched(), [3, 1]), batch_size=3)] == [[30, 10]]


def test_any_sequence_is_a_dataset() -> None:
    assert [batch.tolist() for batch in DataLoader([5, 6, 7], batch_size=2)] == [[5, 6], [7]]  # type: ignore[arg-type]


def test_iterable_dataset() -> None:
    assert [batch.tolist() for batch in DataLoader(Count(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [batch.tolist() for batch in DataLoader(Count(5), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Count(2), batch_size=None)) == [0, 1]
    assert len(DataLoader(Count(5), batch_size=2)) == 3
    assert len(DataLoader(Count(5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Count(5), batch_size=None)) == 5


def test_an_iterable_dataset_longer_than_it_says() -> None:
    class Liar(Count):
        def __len__(self) -> int:
            return 1

    loader = DataLoader(Liar(2), batch_size=None)
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="reported to be 1 .* but 2 samples have been fetched"):
        list(loader)


def test_stop_iteration_inside_a_dataset_does_not_end_the_epoch() -> None:
    class Broken(Dataset[int]):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> int:
            return next(iter([]))

    with pytest.raises(RuntimeError, match="Broken raised StopIteration for index"):
        list(DataLoader(Broken()))


def test_two_passes_at_once() -> None:
    loader = DataLoader(rows(4), batch_size=2)
    assert [(a[1].tolist(), b[1].tolist()) for a, b in zip(loader, loader, strict=True)] == [
        ([0, 1], [0, 1]),
        ([2, 3], [2, 3]),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor option should be positive"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context can only be used with"),
        ({"num_workers": 1, "multiprocessing_context": "spoon"}, "should specify a valid start method"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
    ],
)
def test_options_that_exclude_one_another(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(rows(3), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_an_iterable_dataset_has_its_own_order(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        DataLoader(Count(3), **options)


def test_further_errors() -> None:
    with pytest.raises(TypeError, match="valid context object"):
        DataLoader(rows(3), num_workers=1, multiprocessing_context=3)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="timeout needs num_workers > 0"):
        iter(DataLoader(rows(3), timeout=1))
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        DataLoader(rows(0), shuffle=True)
    loader = DataLoader(rows(3))
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, None)


def test_attributes() -> None:
    dataset = rows(3)
    loader = DataLoader(dataset, 2, pin_memory=True)
    assert (loader.dataset, loader.batch_size, loader.num_workers, loader.drop_last) == (dataset, 2, 0, False)
    assert loader.collate_fn is default_collate
    assert loader.prefetch_factor is None
    assert DataLoader(dataset, num_workers=1).prefetch_factor == 2


def test_importing_starts_no_multiprocessing() -> None:
    import subprocess
    import sys

    code = "import minigrad.utils.data, sys; print('multiprocessing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("own_generator", [False, True])
def test_batches_are_those_of_pytorch(torch: Any, own_generator: bool) -> None:
    from torch.utils import data as theirs

    for seed in (0, 11):
        epochs = []
        for library, loader_type, dataset in (
            (minigrad, DataLoader, rows(53)),
            (torch, theirs.DataLoader, theirs.TensorDataset(torch.zeros(53), torch.arange(53))),
        ):
            library.manual_seed(seed)
            generator = library.Generator().manual_seed(seed + 1) if own_generator else None
            loader = loader_type(dataset, batch_size=8, shuffle=True, generator=generator)
            epochs.append([numbers(loader) for _ in range(3)])
        assert epochs[0] == epochs[1]
