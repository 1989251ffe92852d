"""Worker processes: order, randomness, and above all what happens when something goes wrong."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")

DEADLINE = 60
"""Seconds after which a test counts as hung."""


@pytest.fixture(autouse=True)
def no_hang_and_no_child_left() -> Iterator[None]:
    def give_up(*_: Any) -> None:
        raise TimeoutError(f"still waiting after {DEADLINE} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(DEADLINE)
    yield
    gc.collect()
    left = active_children()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not left


class Numbers(Dataset[Any]):
    """Samples 0 to `count - 1`; at the number `at`, `does` happens instead."""

    def __init__(self, count: int, at: int = -1, does: Any = None) -> None:
        self.count, self.at, self.does = count, at, does

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.does() if index == self.at else index


class Stream(IterableDataset[int]):
    """0 to `count - 1`, dealt out to the workers."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(self.count)) if info is None else iter(range(info.id, self.count, info.num_workers))


def values(loader: DataLoader[Any]) -> list[list[int]]:
    return [batch.tolist() for batch in loader]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("ahead", [1, 3])
def test_order_is_kept(workers: int, ahead: int) -> None:
    class Uneven(Numbers):
        def __getitem__(self, index: int) -> int:
            time.sleep(0.01 if index % 4 == 0 else 0)
            return index

    loader = DataLoader(Uneven(23), batch_size=2, num_workers=workers, prefetch_factor=ahead)
    expected = values(DataLoader(Numbers(23), batch_size=2))
    assert values(loader) == expected
    assert values(loader) == expected


def test_more_workers_than_batches() -> None:
    assert values(DataLoader(Numbers(2), num_workers=4)) == [[0], [1]]
    assert values(DataLoader(Numbers(0), num_workers=2)) == []


def test_same_batches_with_and_without_workers() -> None:
    x = minigrad.tensor([[float(i)] * 1000 for i in range(300)])
    y = minigrad.tensor(list(range(300)))
    runs = []
    for workers in (0, 2):
        minigrad.manual_seed(5)
        loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, num_workers=workers)
        runs.append([[part.tolist() for part in batch] for _ in range(2) for batch in loader])
    assert runs[0] == runs[1]


def test_batches_larger_than_a_pipe() -> None:
    big = minigrad.tensor(np.arange(500_000, dtype=np.float64).reshape(4, -1))
    batches = list(DataLoader(TensorDataset(big), batch_size=1, num_workers=2))
    assert [batch[0].sum().item() for batch in batches] == big.sum(1).tolist()


def test_worker_info_and_init() -> None:
    class Informed(Numbers):
        marks: list[int] = []

        def __getitem__(self, index: int) -> Any:
            info = get_worker_info()
            assert info is not None
            return {
                "id": info.id,
                "workers": info.num_workers,
                "own copy": info.dataset is self,
                "marks": self.marks,
                "seed": info.seed,
                "first draw": minigrad.rand(()).item(),
            }

    dataset = Informed(4)
    loader = DataLoader(
        dataset, batch_size=None, num_workers=2, collate_fn=lambda x: x, worker_init_fn=dataset.marks.append
    )
    samples = list(loader)
    assert [sample["id"] for sample in samples] == [0, 1, 0, 1]
    assert all(sample["workers"] == 2 and sample["own copy"] for sample in samples)
    assert [sample["marks"] for sample in samples[:2]] == [[0], [1]]
    assert samples[1]["seed"] == samples[0]["seed"] + 1
    for sample in samples[:2]:
        minigrad.manual_seed(sample["seed"])
        assert minigrad.rand(()).item() == sample["first draw"]
    assert get_worker_info() is None
    assert dataset.marks == []


def draws(library: Any) -> Any:
    class Draws(Numbers):
        def __getitem__(self, index: int) -> Any:
            return random.random(), float(np.random.rand()), library.rand(()).item()

    return Draws(6)


def test_random_numbers_in_workers_follow_the_seed() -> None:
    runs = []
    for _ in range(2):
        minigrad.manual_seed(9)
        loader = DataLoader(draws(minigrad), batch_size=None, num_workers=2, collate_fn=lambda x: x)
        runs.append([list(loader), list(loader)])
    assert runs[0] == runs[1]
    first, second = runs[0]
    drawn = [number for sample in first + second for number in sample]
    assert len(set(drawn)) == len(drawn)  # no two workers, libraries or passes repeat one another


def test_random_numbers_in_workers_are_those_of_pytorch(torch: Any) -> None:
    minigrad.manual_seed(4)
    torch.manual_seed(4)
    options: Any = {"batch_size": None, "num_workers": 2, "collate_fn": lambda x: x}
    ours = list(DataLoader(draws(minigrad), **options))
    theirs = list(torch.utils.data.DataLoader(draws(torch), **options))
    assert ours == theirs


def test_iterable_dataset() -> None:
    loader = DataLoader(Stream(11), batch_size=2, num_workers=3)
    # Worker 0 has 0 3 6 9, worker 1 has 1 4 7 10, worker 2 has 2 5 8.
    assert values(loader) == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]
    loader = DataLoader(Stream(11), batch_size=2, num_workers=3, drop_last=True)
    assert values(loader) == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10]]


def test_iterable_dataset_as_pytorch(torch: Any) -> None:
    class Theirs(torch.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator[int]:
            info = torch.utils.data.get_worker_info()
            return iter(range(13) if info.id == 0 else range(100, 103))

    class Ours(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            info = get_worker_info()
            return iter(range(13) if info is not None and info.id == 0 else range(100, 103))

    ours = DataLoader(Ours(), batch_size=2, num_workers=2)
    theirs = torch.utils.data.DataLoader(Theirs(), batch_size=2, num_workers=2)
    assert values(ours) == values(theirs)


def fail(kind: type[BaseException], *arguments: Any) -> Any:
    def does() -> None:
        raise kind(*arguments)

    return does


@pytest.mark.parametrize(
    ("kind", "arguments", "raised"),
    [
        (ValueError, ("broken sample",), ValueError),
        (KeyError, ("broken sample",), KeyError),
        (UnicodeDecodeError, ("utf-8", b"x", 0, 1, "broken sample"), RuntimeError),
        (type("Local", (Exception,), {}), ("broken sample",), RuntimeError),
    ],
)
def test_an_exception_comes_back_with_its_traceback(kind: Any, arguments: Any, raised: Any) -> None:
    loader = DataLoader(Numbers(6, at=2, does=fail(kind, *arguments)), num_workers=2)
    batches = iter(loader)
    assert [next(batches).tolist(), next(batches).tolist()] == [[0], [1]]
    with pytest.raises(raised) as caught:
        next(batches)
    text = str(caught.value)
    del caught  # with the traceback goes its hold on the workers
    assert f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal Traceback" in text
    assert "in does" in text
    assert "broken sample" in text
    assert [batch.tolist() for batch in batches] == [[3], [4], [5]]


def test_a_batch_that_cannot_be_pickled() -> None:
    loader = DataLoader(Numbers(2), num_workers=1, collate_fn=lambda samples: lambda: samples)
    with pytest.raises(Exception, match=r"(?s)Caught .* in DataLoader worker process 0.*[Pp]ickle"):
        list(loader)


class Unreadable:
    def __reduce__(self) -> Any:
        return int, ("not a number",)


def test_a_batch_that_cannot_be_unpickled() -> None:
    batches = iter(DataLoader(Numbers(4), num_workers=1, collate_fn=lambda found: found if found[0] else Unreadable()))
    with pytest.raises(ValueError, match="not a number"):
        next(batches)
    assert list(batches) == [[1], [2], [3]]


def test_a_worker_that_fails_to_start_its_work() -> None:
    loader = DataLoader(Numbers(3), num_workers=1, worker_init_fn=lambda number: fail(ValueError, "at first")())
    batches = iter(loader)
    for _ in range(3):
        with pytest.raises(ValueError, match="at first"):
            next(batches)


@pytest.mark.parametrize(
    ("does", "how"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by signal 9"),
        (lambda: os._exit(3), "with exit code 3"),
        (lambda: sys.exit(4), "with exit code 4"),
    ],
)
@pytest.mark.parametrize("at", [0, 3])
def test_a_worker_that_dies(does: Any, how: str, at: int) -> None:
    loader = DataLoader(Numbers(50, at=at, does=does), num_workers=2)
    seen = []
    with pytest.raises(RuntimeError, match=rf"DataLoader worker {at % 2} \(pid\(s\) \d+\) exited unexpectedly.*{how}"):
        for batch in loader:
            seen.extend(batch.tolist())
    # In order up to the death; a batch that the worker had finished but not yet sent is lost with it.
    assert seen == list(range(len(seen)))
    assert len(seen) <= at
    assert values(DataLoader(Numbers(2), num_workers=1)) == [[0], [1]]


def test_a_worker_killed_between_two_batches() -> None:
    batches = iter(DataLoader(Numbers(1000), num_workers=2))
    next(batches)
    for child in active_children():
        child.kill()
        child.join()
    with pytest.raises(RuntimeError, match="exited unexpectedly, killed by signal 9"):
        list(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_a_worker_that_dies_in_the_middle_of_sending() -> None:
    def large(samples: list[int]) -> bytes:
        return bytes(50_000_000)

    loader = DataLoader(Numbers(2, at=1, does=lambda: os._exit(3)), num_workers=1, collate_fn=large)
    batches = iter(loader)
    (child,) = active_children()
    child.join()
    with pytest.raises(RuntimeError, match="exited unexpectedly with exit code 3"):
        next(batches)


def test_timeout() -> None:
    loader = DataLoader(Numbers(4, at=1, does=lambda: time.sleep(2) or 1), num_workers=1, timeout=0.2)
    batches = iter(loader)
    assert next(batches).tolist() == [0]
    with pytest.raises(RuntimeError, match=r"timed out after 0.2 seconds waiting for worker 0"):
        next(batches)
    time.sleep(2.5)
    assert [batch.tolist() for batch in batches] == [[1], [2], [3]]  # nothing was lost


def test_a_pass_that_is_abandoned_ends_its_workers() -> None:
    batches = iter(DataLoader(Numbers(1000), num_workers=2))
    next(batches)
    assert len(active_children()) == 2
    del batches
    assert active_children() == []


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    written = tmp_path / "pids"
    parent = os.fork()
    if parent == 0:
        batches = iter(DataLoader(Numbers(1000), num_workers=2))
        next(batches)
        written.write_text(" ".join(str(child.pid) for child in active_children()))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    pids = [int(pid) for pid in written.read_text().split()]
    assert len(pids) == 2
    while any(_runs(pid) for pid in pids):  # until the test's deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def processes(loader: DataLoader[Any]) -> set[int]:
    return {int(batch) for batch in loader}


class Pids(Numbers):
    def __getitem__(self, index: int) -> int:
        return os.getpid()


def test_persistent_workers_stay() -> None:
    loader = DataLoader(Pids(8), batch_size=None, num_workers=2, persistent_workers=True)
    first = processes(loader)
    assert len(first) == 2
    assert processes(loader) == first
    del loader
    loader = DataLoader(Pids(8), batch_size=None, num_workers=2)
    assert not processes(loader) & processes(loader)


def test_persistent_workers_begin_anew_after_an_abandoned_pass() -> None:
    loader = DataLoader(Numbers(20), batch_size=3, num_workers=2, persistent_workers=True)
    for batch in loader:
        assert batch.tolist() == [0, 1, 2]
        break
    assert values(loader) == values(DataLoader(Numbers(20), batch_size=3))
    stream = DataLoader(Stream(5), batch_size=None, num_workers=2, persistent_workers=True)
    assert list(stream) == list(stream) == [0, 1, 2, 3, 4]


def test_persistent_workers_are_replaced_when_they_die() -> None:
    loader = DataLoader(Numbers(20), num_workers=2, persistent_workers=True)
    next(iter(loader))
    for child in active_children():
        child.kill()
        child.join()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader)
    assert values(loader) == [[i] for i in range(20)]


def test_spawned_workers() -> None:
    loader = DataLoader(range(5), batch_size=2, num_workers=1, multiprocessing_context="spawn")  # type: ignore[arg-type]
    assert values(loader) == [[0, 1], [2, 3], [4]]
