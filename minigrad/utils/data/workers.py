"""Worker processes that load batches ahead.

One pipe per worker carries tasks out and batches back. Tasks go to the workers in turn and each answers its own in
order, so reading the workers in the same turn gives the batches in order, and a worker that dies is seen at its turn.
"""

from __future__ import annotations

import itertools
import os
import pickle
import queue
import random
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.random import manual_seed
from minigrad.utils.data.dataset import Dataset, IterableDataset
from minigrad.utils.data.fetch import Fetcher, WorkerInfo, set_worker_info

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

# multiprocessing is imported where processes start: `import minigrad` does not wait for it.

_PATIENCE = 5.0
"""Seconds: between two looks whether the parent lives, and for workers to end before they are made to."""


@dataclass(frozen=True)
class _Load:
    index: Any


@dataclass(frozen=True)
class _Restart:
    """A new pass begins. The worker answers with the same message, behind all that is left of the last pass."""


@dataclass(frozen=True)
class _Loaded:
    batch: Any


@dataclass(frozen=True)
class _Ended:
    """This worker's copy of an iterable data set gives no more."""


@dataclass(frozen=True)
class _Failed:
    """An exception, carried as its type and text: the exception itself may not survive pickling."""

    kind: type[BaseException]
    message: str

    def raise_here(self) -> None:
        message: Any = self.message
        if issubclass(self.kind, KeyError):
            message = _Verbatim(message)  # KeyError shows the repr of its argument, on one endless line
        try:
            error = self.kind(message)
        except Exception:
            error = RuntimeError(message)  # a type whose constructor wants something else
        raise error


class _Verbatim(str):
    def __repr__(self) -> str:
        return str(self)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection


class WorkerPool:
    """`count` processes with `ahead` tasks each."""

    def __init__(
        self,
        *,
        dataset: Dataset[Any],
        make_fetcher: Callable[[], Fetcher],
        init: Callable[[int], None] | None,
        count: int,
        ahead: int,
        seed: int,
        timeout: float,
        context: str | BaseContext | None,
    ) -> None:
        self._timeout = timeout
        self._ahead = ahead
        self._workers: list[_Worker] = []
        self._stop = weakref.finalize(self, _stop, self._workers, os.getpid())
        chosen = _context(context)
        for number in range(count):
            ours, theirs = chosen.Pipe()
            info = WorkerInfo(number, count, seed + number, dataset)
            process = chosen.Process(  # type: ignore[attr-defined]
                target=_work, args=(theirs, info, seed, make_fetcher, init), daemon=True
            )
            process.start()
            # Only the worker may hold its end: otherwise its death would not close the pipe.
            theirs.close()
            self._workers.append(_Worker(process, ours))

    @property
    def stopped(self) -> bool:
        return not self._stop.alive

    def stop(self) -> None:
        self._stop()

    def begin(self, indices: Iterator[Any]) -> None:
        self._indices = indices
        self._active = set(range(len(self._workers)))
        self._turns = itertools.cycle(range(len(self._workers)))
        self._expected: deque[int] = deque()
        for _ in range(self._ahead * len(self._workers)):
            self._send_next()

    def restart(self, indices: Iterator[Any]) -> None:
        for number in range(len(self._workers)):
            self._send(number, _Restart())
        for number in range(len(self._workers)):
            while not isinstance(pickle.loads(self._receive(number)), _Restart):
                pass
        self.begin(indices)

    def next(self) -> Any:
        while self._expected:
            number = self._expected[0]
            answer = self._receive(number)
            self._expected.popleft()
            try:
                message = pickle.loads(answer)
                if isinstance(message, _Ended):
                    self._active.discard(number)
            finally:
                self._send_next()
            if isinstance(message, _Failed):
                message.raise_here()
            if isinstance(message, _Loaded):
                return message.batch
        raise StopIteration

    def _send_next(self) -> None:
        if not self._active:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        number = next(turn for turn in self._turns if turn in self._active)
        self._send(number, _Load(index))
        self._expected.append(number)

    def _send(self, number: int, message: _Load | _Restart) -> None:
        try:
            self._workers[number].connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the worker is dead: what it has already answered is still read, then `_receive` says so

    def _receive(self, number: int) -> bytes:
        from multiprocessing.connection import wait

        worker = self._workers[number]
        if not wait([worker.connection, worker.process.sentinel], self._timeout or None):
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds waiting for worker {number} "
                f"(pid {worker.process.pid})"
            )
        try:
            if worker.connection.poll():
                return worker.connection.recv_bytes()
        except (EOFError, OSError):
            pass
        worker.process.join(_PATIENCE)
        message = f"DataLoader worker {number} (pid(s) {worker.process.pid}) exited unexpectedly"
        code = worker.process.exitcode
        if code is not None:
            message += f", killed by signal {-code}" if code < 0 else f" with exit code {code}"
        self._expected.clear()
        self.stop()
        raise RuntimeError(message)


def _context(context: str | BaseContext | None) -> BaseContext:
    import multiprocessing

    if context is None and sys.platform == "linux":
        context = "fork"  # the data set reaches the workers without being pickled
    if isinstance(context, str) or context is None:
        return multiprocessing.get_context(context)
    return context


def _stop(workers: list[_Worker], owner: int) -> None:
    """End the workers, by request, then by force. Does nothing in a process that merely inherited them."""
    if os.getpid() != owner:
        return
    for worker in workers:
        try:
            worker.connection.send(None)
        except OSError:
            pass
        worker.connection.close()
    deadline = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
    for end in ("terminate", "kill"):
        for worker in workers:
            if worker.process.is_alive():
                getattr(worker.process, end)()
        for worker in workers:
            worker.process.join(1)


# What follows runs in the worker process.


def _work(
    connection: Connection,
    info: WorkerInfo,
    seed: int,
    make_fetcher: Callable[[], Fetcher],
    init: Callable[[int], None] | None,
) -> None:
    parent = os.getppid()
    # A thread sends, so that loading ahead does not wait for the parent to read.
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_send_all, args=(connection, answers), daemon=True).start()
    random.seed(info.seed)
    manual_seed(info.seed)
    np.random.seed(np.random.SeedSequence([info.id, seed & 0xFFFFFFFF, seed >> 32, 0]).generate_state(4))
    set_worker_info(info)
    load = _Loader(info, make_fetcher, init)
    try:
        while (task := _next_task(connection, parent)) is not None:
            if isinstance(task, _Restart):
                load.restart()
                answers.put(_pickled(task, info))
            else:
                answers.put(_pickled(load(task.index), info))
    except (KeyboardInterrupt, EOFError, OSError):
        pass  # the parent is interrupted too, or gone


class _Loader:
    """Loads one batch at a time and turns exceptions into messages."""

    def __init__(
        self, info: WorkerInfo, make_fetcher: Callable[[], Fetcher], init: Callable[[int], None] | None
    ) -> None:
        self.info = info
        self.make_fetcher = make_fetcher
        self.init = init
        self.fetch: Fetcher | None = None

    def restart(self) -> None:
        self.fetch = None

    def __call__(self, index: Any) -> _Loaded | _Ended | _Failed:
        try:
            if self.init is not None:
                self.init(self.info.id)
                self.init = None
            if self.fetch is None:
                self.fetch = self.make_fetcher()
            return _Loaded(self.fetch(index))
        except Exception as error:
            if isinstance(error, StopIteration) and isinstance(self.info.dataset, IterableDataset):
                return _Ended()
            return _failure(self.info)


def _next_task(connection: Connection, parent: int) -> _Load | _Restart | None:
    while not connection.poll(_PATIENCE):
        if os.getppid() != parent:
            return None
    task: _Load | _Restart | None = connection.recv()
    return task


def _pickled(message: Any, info: WorkerInfo) -> bytes:
    try:
        return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    except Exception:
        if isinstance(message, _Failed):  # its type cannot be pickled, such as one defined inside a function
            return pickle.dumps(_Failed(RuntimeError, message.message))
        return _pickled(_failure(info), info)


def _failure(info: WorkerInfo) -> _Failed:
    kind = sys.exc_info()[0] or RuntimeError
    where = f"Caught {kind.__name__} in DataLoader worker process {info.id}."
    return _Failed(kind, f"{where}\nOriginal {traceback.format_exc()}")


def _send_all(connection: Connection, answers: queue.SimpleQueue[bytes]) -> None:
    while True:
        try:
            connection.send_bytes(answers.get())
        except OSError:
            return
