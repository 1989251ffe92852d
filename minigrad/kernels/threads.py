"""The batch of one kernel split over the cores, with BLAS held to one thread meanwhile.

NumPy lets go of the interpreter's lock inside its loops and products, so Python threads run them side by side. BLAS's
own threads and these would fight for the cores (twice as slow and worse), so BLAS is held to one while a kernel is
split, and given back what it had. As many threads are used as BLAS would use: OPENBLAS_NUM_THREADS=1, or threadpoolctl,
limit both. With another BLAS than NumPy's own OpenBLAS, which cannot be held, nothing is split.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


FORMS = "scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}"  # OpenBLAS's names in its builds
WITH_SMALL_PRODUCTS = "SkylakeX", "Cooperlake", "SapphireRapids"  # for which it has kernels that copy nothing


class Blas:
    """The number of threads of the OpenBLAS that NumPy brings along; without it, nothing to hold."""

    def __init__(self) -> None:
        self.library: ctypes.CDLL | None
        self.get: Callable[[], Any] | None
        self.set: Callable[[int], Any] | None
        self.library, self.get, self.set = find_openblas() or (None, None, None)
        self.has_small_products = core_of(self.library) in WITH_SMALL_PRODUCTS
        self.lock = threading.Lock()
        self.holders = 0  # kernels that run now, from whichever thread
        self.before = 1

    def threads(self) -> int:
        """How many threads BLAS would use if no kernel were running."""
        if self.holders:
            return self.before
        return int(self.get()) if self.get is not None else 1

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """BLAS at one thread; the first kernel in sets it, the last one out restores it."""
        if self.get is None or self.set is None:
            yield
            return
        with self.lock:
            if not self.holders:
                self.before = int(self.get())
                self.set(1)
            self.holders += 1
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1
                if not self.holders:
                    self.set(self.before)

    def let_idle_threads_sleep(self) -> bool:
        """Make BLAS's threads wait for work for 2^20 cycles (0.3 ms) instead of 2^26 (20 ms) before they sleep.

        They spin while they wait, on the cores that a split kernel needs: a DeepConvNet step takes half as much time
        again. Does nothing, and returns False, if OPENBLAS_THREAD_TIMEOUT is set, for another BLAS, or while other
        threads run, which may be inside it.
        """
        if "OPENBLAS_THREAD_TIMEOUT" in os.environ or self.library is None or threading.active_count() > 1:
            return False
        read, end = (getattr(self.library, name, None) for name in ("openblas_read_env", "blas_thread_shutdown_"))
        if read is None or end is None:
            return False
        os.environ["OPENBLAS_THREAD_TIMEOUT"] = "20"
        try:
            read()
            end()  # as before a fork: the next product starts them anew, and they learn of the time
        finally:
            del os.environ["OPENBLAS_THREAD_TIMEOUT"]
        return True


def find_openblas() -> tuple[ctypes.CDLL, Callable[[], Any], Callable[[int], Any]] | None:
    """NumPy's own OpenBLAS with its openblas_get_num_threads and openblas_set_num_threads, or None."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            with contextlib.suppress(OSError):
                library = ctypes.CDLL(str(path))
                for form in FORMS:
                    get = getattr(library, form.format("get_num_threads"), None)
                    set = getattr(library, form.format("set_num_threads"), None)
                    if get is not None and set is not None:
                        return library, get, set
    return None


def core_of(library: ctypes.CDLL | None) -> str:
    """The processor that OpenBLAS has chosen its kernels for; empty if it does not say."""
    for form in FORMS:
        ask = getattr(library, form.format("get_corename"), None)
        if ask is not None:
            ask.restype = ctypes.c_char_p
            return str((ask() or b"").decode())
    return ""


RANGES = 2  # for each thread at least: whoever is done takes the next, so that a thread which starts late delays nobody
SPINS = 1 << 20  # looks at a gate before a thread falls asleep at it

blas = Blas()
blas.let_idle_threads_sleep()
_here = threading.local()  # .split is set in a thread while it works on a piece
_workers: list[Worker] = []
_idle: list[Worker] = []  # those of them that nobody has taken


class Gate:
    """What one thread waits at until another opens it: awake for a third of a millisecond, then asleep.

    To fall asleep and be woken takes 0.1 to 0.3 ms on a virtual machine, as long as many a kernel. Awake it is inside a
    call of NumPy's, which has given the interpreter's lock back: `any` of a view that repeats one boolean, and ends
    when that is true.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.is_open = np.zeros(1, np.bool_)
        self.seen = np.broadcast_to(self.is_open, (SPINS,))

    def open(self) -> None:
        self.is_open[0] = True
        self.lock.release()

    def wait(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.seen.any()
            self.lock.acquire()
        self.is_open[0] = False

    def close(self) -> bool:
        """Close it again; False if it is not open, or the other thread is through already."""
        found = self.lock.acquire(blocking=False)
        if found:
            self.is_open[0] = False
        return found


class Worker:
    """A thread that waits for something to call. (A pool's queue and futures cost 0.1 ms a call, two locks 0.01.)"""

    def __init__(self) -> None:
        self.call: Callable[[], None]
        self.busy = False
        self.go, self.done = Gate(), Gate()
        threading.Thread(target=self.work, name="minigrad", daemon=True).start()

    def work(self) -> None:
        _here.split = True
        while True:
            self.go.wait()
            self.busy = True
            self.call()
            del self.call  # and with it the arrays
            self.busy = False
            self.done.open()

    def start(self, call: Callable[[], None]) -> None:
        self.call = call
        self.go.open()

    def join(self) -> None:
        """Take the call back if it has not begun, else wait for its end, and be idle again."""
        try:
            if self.go.close():
                del self.call
            else:
                self.done.wait()
        except BaseException:  # an interrupt: the thread is given up, but not while it works
            _workers.remove(self)
            while self.busy:
                time.sleep(0.001)
            raise
        _idle.append(self)


def take(most: int) -> Worker | None:
    """An idle worker or a new one; None if there are so many and all are busy, for threads of the user."""
    try:
        return _idle.pop()
    except IndexError:
        pass
    if len(_workers) >= most:
        return None
    worker = Worker()
    _workers.append(worker)
    return worker


def forget_threads() -> None:
    """A forked child has none of its parent's threads, and perhaps a lock or a count that one of them held."""
    global _here
    _workers.clear()
    _idle.clear()
    _here = threading.local()
    blas.lock = threading.Lock()
    if blas.holders:
        blas.holders = 0
        if blas.set is not None:
            blas.set(blas.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)


def available() -> int:
    """How many threads a kernel called here would be split over."""
    return 1 if getattr(_here, "split", False) else blas.threads()


def cut(count: int, most: int, least: int = 1) -> list[tuple[int, int]]:
    """[0, count) in ranges of nearly one length of at most `most`; as many for each thread, if none is less than `least`."""
    ranges, threads = -(-count // most), available()
    if threads > 1:
        even = -(-max(ranges, RANGES * threads) // threads) * threads
        ranges = max(ranges, min(even, count // least))
    return [(count * i // ranges, count * (i + 1) // ranges) for i in range(ranges)]


def split(tasks: Sequence[T], work: Callable[[Iterator[T]], None]) -> None:
    """work(those of the tasks that are left), in as many threads as BLAS has and there are tasks.

    All of them take their next task from one iterator, so what a thread needs for its work is made once and not for each
    task. A kernel that runs meanwhile in another thread of the user's does with the threads that are left. Inside `work`
    everything stays in its thread, so that nested calls cannot wait for each other. After an error nobody begins another
    task, and it is raised when all threads have ended.
    """
    threads = min(available(), len(tasks))
    remaining = iter(tasks)
    if threads <= 1:
        for task in remaining:
            work(chain((task,), remaining))
        return
    errors: list[BaseException] = []

    def some() -> None:
        try:
            for task in remaining:  # one that starts too late has nothing to prepare
                work(chain((task,), remaining))
        except BaseException as error:
            errors.append(error)
            for _ in remaining:
                pass

    with contextlib.ExitStack() as ending:  # nobody may outlive the arrays it writes, or BLAS's setting
        ending.enter_context(blas.held())
        for _ in range(threads - 1):
            worker = take(threads - 1)
            if worker is None:
                break
            worker.start(partial(contextvars.copy_context().run, some))  # np.errstate is the context's
            ending.callback(worker.join)
        _here.split = True
        try:
            some()
        finally:
            _here.split = False
    try:
        if errors:
            raise errors[0]
    finally:
        errors.clear()  # which an error refers to by its traceback
