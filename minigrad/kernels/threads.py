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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np


class Blas:
    """The number of threads of the OpenBLAS that NumPy brings along; without it, nothing to hold."""

    def __init__(self) -> None:
        self.library: ctypes.CDLL | None
        self.get: Callable[[], Any] | None
        self.set: Callable[[int], Any] | None
        self.library, self.get, self.set = find_openblas() or (None, None, None)
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
                for form in ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}"):
                    get = getattr(library, form.format("get_num_threads"), None)
                    set = getattr(library, form.format("set_num_threads"), None)
                    if get is not None and set is not None:
                        return library, get, set
    return None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


blas = Blas()
blas.let_idle_threads_sleep()
_here = threading.local()  # .split is set in a thread while it works on a part
_pool: ThreadPoolExecutor | None = None


def forget_threads() -> None:
    """A forked child has none of its parent's threads, and perhaps a lock or a count that one of them held."""
    global _pool, _here
    _pool = None
    _here = threading.local()
    blas.lock = threading.Lock()
    if blas.holders:
        blas.holders = 0
        if blas.set is not None:
            blas.set(blas.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_threads)


def pool() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="minigrad")
    return _pool


def split(count: int, work: Callable[[int, int], Any], least: int = 1) -> list[Any]:
    """[work(first, last)] for [0, count) cut into a part per thread, none smaller than `least`.

    The first part runs here. Inside a part everything stays in its thread, so that nested calls cannot wait for each
    other. An error in any part is raised when all have ended.
    """
    parts = min(blas.threads(), count // max(1, least))
    if parts <= 1 or getattr(_here, "split", False):
        return [work(0, count)]
    bounds = [count * i // parts for i in range(parts + 1)]
    with blas.held():
        futures = [
            pool().submit(contextvars.copy_context().run, _part, work, a, b)  # np.errstate is the context's
            for a, b in zip(bounds[1:-1], bounds[2:], strict=True)
        ]
        try:
            results = [_part(work, 0, bounds[1])]
        finally:
            for future in futures:
                future.exception()  # waits: no part may outlive the arrays it writes, or BLAS's setting
        return results + [future.result() for future in futures]


def _part(work: Callable[[int, int], Any], first: int, last: int) -> Any:
    _here.split = True
    try:
        return work(first, last)
    finally:
        _here.split = False
