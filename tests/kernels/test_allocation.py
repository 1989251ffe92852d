"""The allocation policy: what it changes, how it is switched off, where it is skipped."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from minigrad.kernels import allocation

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc here")

FAULTS = """
import resource, numpy as np, minigrad
for _ in range(2): np.ones(1 << 22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): np.ones(1 << 22)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """The page faults of making 32 MB arrays in a process that imported minigrad."""
    env = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **environment}
    return int(
        subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env=env).stdout
    )


@glibc
def test_freed_memory_is_kept_unless_the_variable_says_no() -> None:
    pages = 5 * (8 << 22) // os.sysconf("SC_PAGE_SIZE")
    assert faults(MINIGRAD_MALLOC="0") > pages // 2
    assert faults() < pages // 10
    assert faults(MINIGRAD_MALLOC="1") < pages // 10


def test_does_nothing_where_the_library_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGRAD_MALLOC", raising=False)

    def missing(name: str | None) -> object:
        raise OSError("no such library")

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocation.keep_freed_memory()
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert not allocation.keep_freed_memory()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not allocation.keep_freed_memory()


@glibc
def test_says_whether_it_acted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGRAD_MALLOC", raising=False)
    assert allocation.keep_freed_memory()
    monkeypatch.setenv("MINIGRAD_MALLOC", "0")
    assert not allocation.keep_freed_memory()
