"""Kernels split over threads: every part once, errors, nesting, BLAS's own setting given back, forks, the user's threads."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.kernels import columns, convolution, elementwise, images, normalization, pooling, threads
from minigrad.kernels.images import Geometry
from minigrad.utils.data import DataLoader

needs_openblas = pytest.mark.skipif(threads.blas.get is None, reason="NumPy without an OpenBLAS of its own")


@pytest.fixture
def two_threads() -> Iterator[Any]:
    """BLAS at two threads, and so kernels split in two, whatever the environment says; gives the function that asks BLAS."""
    blas = threads.blas
    if blas.get is None or blas.set is None:
        pytest.skip("NumPy without an OpenBLAS of its own")
    before = blas.get()
    blas.set(2)
    yield blas.get
    blas.set(before)


@pytest.fixture(autouse=True)
def small_things_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, limit in ((columns, "SMALL"), (images, "SMALL"), (normalization, "SMALL"), (elementwise, "LARGE")):
        monkeypatch.setattr(module, limit, 1 << 14)


def over(tasks: Any, work: Any) -> list[Any]:
    """[work(task) for task in tasks], split; in the order in which they ended."""
    found: list[Any] = []
    threads.split(tasks, lambda some: found.extend(map(work, some)))
    return found


@given(st.integers(0, 50), st.integers(1, 60), st.integers(1, 60), st.integers(1, 5))
def test_ranges_cover_everything_and_are_as_many_for_each_thread(
    count: int, most: int, least: int, available: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads.blas, "threads", lambda: available)
        ranges = threads.cut(count, most, least)
        seen = over(ranges, lambda each: each)
    lengths = [b - a for a, b in ranges]
    assert [i for a, b in ranges for i in range(a, b)] == list(range(count))
    assert sorted(seen) == ranges
    assert max(lengths, default=0) <= most
    assert not lengths or max(lengths) - min(lengths) <= 1
    fewest = -(-count // most)
    if len(ranges) > fewest:  # cut further for the threads: as many for each, and none too small
        assert available > 1
        assert min(lengths) >= least
        assert len(ranges) % available == 0 or len(ranges) == count // least
    elif available > 1 and count >= threads.RANGES * available * least:
        assert len(ranges) % available == 0 or len(ranges) >= count // least


@pytest.mark.parametrize("after", [None, 0.0, 0.05])
def test_a_gate_lets_through_once_for_each_opening(after: float | None) -> None:
    gate, passed = threads.Gate(), threading.Event()
    if after is None:  # open before anybody comes
        gate.open()

    def come() -> None:
        gate.wait()
        passed.set()

    thread = threading.Thread(target=come)
    thread.start()
    if after is not None:
        time.sleep(after)  # awake still, or asleep
        assert not passed.is_set()
        gate.open()
    assert passed.wait(30)
    thread.join()
    assert not gate.close()  # closed behind them
    gate.open()
    assert gate.close()
    assert not gate.is_open.any()


def test_a_thread_prepares_once_for_all_its_tasks(two_threads: Any) -> None:
    prepared, done = [], []

    def work(tasks: Iterator[int]) -> None:
        prepared.append(threading.get_ident())
        for task in tasks:
            time.sleep(0.001)
            done.append(task)

    threads.split(range(40), work)
    assert sorted(done) == list(range(40))
    assert len(prepared) == len(set(prepared)) == 2


def test_parts_run_side_by_side_with_blas_at_one_thread(two_threads: Any) -> None:
    meeting = threading.Barrier(2, timeout=30)

    def part(task: int) -> Any:
        meeting.wait()  # breaks unless the other part runs meanwhile
        return threading.get_ident(), two_threads()

    (one, held), (other, held_too) = over(range(2), part)
    assert one != other
    assert held == held_too == 1
    assert two_threads() == 2


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_a_part_ends_all_and_restores_blas(two_threads: Any, bad: int) -> None:
    meeting = threading.Barrier(2, timeout=30)
    finished = []

    def part(task: int) -> None:
        meeting.wait()
        if task == bad:
            raise ZeroDivisionError(task)
        time.sleep(0.05)
        finished.append(task)

    with pytest.raises(ZeroDivisionError):
        over(range(2), part)
    assert finished == [1 - bad]
    assert two_threads() == 2


def test_after_an_error_no_other_piece_begins(two_threads: Any) -> None:
    begun = []

    def part(task: int) -> None:
        begun.append(task)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        over(range(100), part)
    assert len(begun) <= 2


def test_an_interrupt_waits_for_the_other_thread(two_threads: Any) -> None:
    meeting = threading.Barrier(2, timeout=30)
    ended = []

    def part(task: int) -> None:
        meeting.wait()
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # comes while this thread waits for the other
        else:
            time.sleep(0.3)
            ended.append(task)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            over(range(2), part)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(ended) == 1
    assert two_threads() == 2
    assert sorted(over(range(2), int)) == [0, 1]  # and the next one works


def test_a_nested_call_stays_in_its_thread(two_threads: Any) -> None:
    meeting = threading.Barrier(2, timeout=30)

    def inner(task: int) -> int:
        return threading.get_ident()

    def outer(task: int) -> set[int]:
        meeting.wait()
        assert len(threads.cut(100, 100)) == 1
        return {*over(range(10), inner), threading.get_ident()}

    found = over(range(2), outer)
    assert [len(each) for each in found] == [1, 1]
    assert found[0] != found[1]


def test_floating_point_errors_raise_in_every_part_if_asked(two_threads: Any) -> None:
    x = np.ones(4, np.float32)
    x[3] = 0
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        over(range(4), lambda i: 1 / x[i : i + 1])


IMAGES = np.random.default_rng(0).normal(size=(8, 4, 12, 12)).astype(np.float32)
WEIGHT = np.random.default_rng(1).normal(size=(4, 4, 3, 3)).astype(np.float32)
UNIT, STRIDED = Geometry((1, 1), (1, 1), (1, 1)), Geometry((2, 2), (1, 1), (1, 1))
POOL = Geometry((2, 2), (0, 0), (1, 1))
HALF = IMAGES[:, :, ::2, ::2]
KERNELS: dict[str, Any] = {
    "convolve": lambda: convolution.convolve(IMAGES, WEIGHT, None, UNIT),
    "input_gradient": lambda: convolution.input_gradient(IMAGES, WEIGHT, (12, 12), UNIT),
    "input_gradient, strided": lambda: convolution.input_gradient(HALF, WEIGHT, (12, 12), STRIDED),
    "weight_gradient": lambda: convolution.weight_gradient(HALF, IMAGES, (3, 3), STRIDED),
    "gradients": lambda: convolution.gradients(IMAGES, IMAGES, WEIGHT, UNIT, True),
    "gradients, strided": lambda: convolution.gradients(HALF, IMAGES, WEIGHT, STRIDED, True),
    "max_pool": lambda: pooling.max_pool(IMAGES, (2, 2), (6, 6), POOL),
    "MaxPoolGradient": lambda: pooling.MaxPoolGradient(
        HALF, IMAGES, pooling.max_pool(IMAGES, (2, 2), (6, 6), POOL), (2, 2), POOL
    ).array(),
    "sum_pool": lambda: pooling.sum_pool(IMAGES, (2, 2), (6, 6), POOL),
    "sum_pool_input": lambda: pooling.sum_pool_input(HALF, (2, 2), (12, 12), POOL),
    "moments": lambda: normalization.moments(IMAGES),
    "sums": lambda: normalization.sums(IMAGES, IMAGES, np.ones(4, np.float32)),
    "combined": lambda: normalization.combined(
        IMAGES, *[np.ones(4, np.float32)], IMAGES, *[np.ones(4, np.float32)] * 2
    ),
    "relu": lambda: elementwise.relu(IMAGES),
    "relu_gradient": lambda: elementwise.relu_gradient(IMAGES, IMAGES),
}


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_splits_gives_the_same_and_restores_blas(
    two_threads: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module, limits in (
        (columns, ("SMALL",)),
        (images, ("SMALL",)),
        (elementwise, ("LARGE", "ROW")),
        (normalization, ("BLOCK", "SMALL")),
    ):
        for limit in limits:
            monkeypatch.setattr(module, limit, 8)
    holds: list[int] = []

    def watched(tasks: Any, work: Any) -> None:
        def part(some: Iterator[Any]) -> None:
            for task in some:
                holds.append(two_threads())
                work(iter([task]))

        threads.split(tasks, part)

    for module in (convolution, images, pooling, elementwise, normalization):
        monkeypatch.setattr(module, "split", watched)
    split = KERNELS[name]()
    assert len(holds) >= 2
    assert set(holds) == {1}
    assert two_threads() == 2
    threads.blas.set(1)  # type: ignore[misc]
    whole = KERNELS[name]()
    assert two_threads() == 1
    for a, b in zip(
        split if isinstance(split, tuple) else [split], whole if isinstance(whole, tuple) else [whole], strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def step(seed: int = 0) -> list[float]:
    """The loss and a gradient of a small network, whose kernels are large enough to be split."""
    x = minigrad.tensor(np.random.default_rng(seed).normal(size=(16, 1, 28, 28)).astype(np.float32))
    net = minigrad.nn.Sequential(
        minigrad.nn.Conv2d(1, 8, 3, padding=1), minigrad.nn.ReLU(), minigrad.nn.MaxPool2d(2), minigrad.nn.BatchNorm2d(8)
    )
    own = minigrad.Generator().manual_seed(0)  # the default one is every thread's
    for parameter in net[0].parameters():
        minigrad.nn.init.uniform_(parameter, -0.3, 0.3, generator=own)
    loss = (net(x) ** 3).mean()
    loss.backward()
    return [loss.item(), *net[0].bias.grad.tolist()]


def test_users_threads_do_not_disturb_each_other(two_threads: Any) -> None:
    alone = [step(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(step, [*range(4)] * 3, timeout=120))
    np.testing.assert_allclose(together, alone * 3, rtol=1e-4, atol=1e-5)
    assert two_threads() == 2


def test_nothing_that_a_kernel_used_is_kept(two_threads: Any) -> None:
    class Big:
        pass

    def run(fail: bool) -> Any:
        big = Big()

        def part(task: int) -> None:
            assert big
            if fail:
                raise ZeroDivisionError

        with contextlib.suppress(ZeroDivisionError):
            over(range(8), part)
        return weakref.ref(big)

    gc.disable()
    try:
        assert [run(fail)() for fail in (False, True) * 20] == [None] * 40
    finally:
        gc.enable()


def test_threads_of_the_user_share_the_workers(two_threads: Any) -> None:
    meeting = threading.Barrier(4, timeout=30)

    def one(_: int) -> Any:
        meeting.wait()
        return over(range(8), lambda task: time.sleep(0.01) or threading.get_ident())

    with ThreadPoolExecutor(4) as pool:
        used = list(pool.map(one, range(4), timeout=60))
    assert all(None not in each for each in used)
    assert len({i for each in used for i in each}) <= 4 + len(threads._workers)
    assert len(threads._idle) == len(threads._workers)


def in_child(queue: Any) -> None:
    queue.put((step(), threads.blas.get() if threads.blas.get else 0, threads.blas.holders))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_makes_its_own_threads(two_threads: Any) -> None:
    expected = step()
    assert threads._workers  # the parent's threads exist from here on
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def fork_within_a_kernel(task: int) -> None:
        if task == 0:  # the child starts with BLAS held, and its parent's locks as they are
            child.start()

    child = context.Process(target=in_child, args=(queue,))
    over(range(2), fork_within_a_kernel)
    found, setting, holders = queue.get()
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert (setting, holders) == (2, 0)


class Convolved(minigrad.utils.data.Dataset):  # type: ignore[type-arg]
    """Items that a convolution makes, so that workers run kernels."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return minigrad.tensor(step(index))


def test_workers_of_a_data_loader_run_kernels(two_threads: Any) -> None:
    expected = [step(index) for index in range(6)]
    batches = [batch.tolist() for batch in DataLoader(Convolved(), batch_size=2, num_workers=2)]
    np.testing.assert_allclose([row for batch in batches for row in batch], expected, rtol=1e-4, atol=1e-5)
    assert two_threads() == 2


def test_without_an_openblas_nothing_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    blas = threads.Blas()
    blas.get = blas.set = None
    monkeypatch.setattr(threads, "blas", blas)
    assert set(over(range(8), lambda task: threading.get_ident())) == {threading.get_ident()}
    assert threads.cut(8, 8) == [(0, 8)]
    with blas.held():
        assert blas.holders == 0


def test_one_blas_thread_in_the_environment_means_one_thread() -> None:
    code = (
        "from minigrad.kernels import threads; threads.split(range(8), list); "
        "print(len(threads.cut(8, 8)), threads._workers)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert run.stdout.split() == ["1", "[]"]


@needs_openblas
@pytest.mark.parametrize(("setting", "timeout"), [(None, "20"), ("26", "26"), ("5", "5")])
def test_idle_blas_threads_sleep_soon_unless_the_environment_says_when(setting: str | None, timeout: str) -> None:
    code = (
        "import numpy as np; from minigrad.kernels.threads import blas; x = np.ones((300, 300)); (x @ x).sum(); "
        "import os; print(blas.library.openblas_thread_timeout(), os.environ.get('OPENBLAS_THREAD_TIMEOUT'))"
    )
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    env |= {"OPENBLAS_NUM_THREADS": "2"} | ({} if setting is None else {"OPENBLAS_THREAD_TIMEOUT": setting})
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert run.stdout.split() == [timeout, str(setting)]


def test_waiting_threads_are_left_alone_while_others_run(two_threads: Any) -> None:
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert not threads.blas.let_idle_threads_sleep()
    finally:
        ended.set()
        other.join()
