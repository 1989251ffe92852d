"""How the C library hands out large arrays: kept for the next step instead of mapped anew.

glibc maps every array beyond 128 KiB to 32 MiB from the system and unmaps it when it is freed, so each step of training
touches fresh pages, thousands of page faults. With the thresholds raised, freed memory stays in the process and the next
step finds it warm. This is process-wide: set MINIGRAD_MALLOC=0 before the import to leave malloc alone.
"""

from __future__ import annotations

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
MIB, GIB = 1 << 20, 1 << 30


def keep_freed_memory() -> bool:
    """Raise malloc's thresholds. Does nothing, and returns False, without glibc or if MINIGRAD_MALLOC is 0."""
    if os.environ.get("MINIGRAD_MALLOC", "1") == "0" or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    raised = mallopt(M_MMAP_THRESHOLD, GIB) or mallopt(M_MMAP_THRESHOLD, 32 * MIB)  # the most that older ones take
    return bool(raised) and bool(mallopt(M_TRIM_THRESHOLD, 2 * GIB - 1))  # mallopt takes an int
