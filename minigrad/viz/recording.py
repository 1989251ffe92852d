"""`record()`: keep everything for pictures. For when the graph alone no longer knows what it computed."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from minigrad import modes
from minigrad.autograd import Function as CustomFunction
from minigrad.function import Function, Output, raw


class Kept(NamedTuple):
    """What `record()` keeps of one operation."""

    arguments: dict[int, Any]  # by position
    results: list[Any]
    saved: Any  # what its rules read, as the node had it before it was freed


APPLYING = "minigrad.application", "minigrad.families"  # the modules whose `apply` functions are operations
NOTHING = Kept({}, [], None)
_kept: weakref.WeakKeyDictionary[Function, Kept] = weakref.WeakKeyDictionary()


_custom = CustomFunction.apply.__func__.__code__  # type: ignore[attr-defined]


def recorded(n: Function) -> Kept:
    """What was kept of a node that was made under `record()`; else nothing."""
    return _kept.get(n, NOTHING)


@contextmanager
def record() -> Iterator[None]:
    """Keep the arguments and results of every operation for as long as its graph lives, so that any of it can be drawn.

    A graph keeps only what derivatives read; that is enough for most pictures. In this context nothing is missing: not
    the array added in `x + array`, and not the gradients after `backward()` has freed the graph. It is slow and keeps
    copies, so it is for small graphs. A profiler that was set (`sys.setprofile`) is set again at the end.
    """

    def keep(node: Function, arguments: Sequence[Any], results: Sequence[Any]) -> None:
        _kept[node] = Kept(dict(enumerate(map(_copied, arguments))), list(map(_copied, results)), node.saved)

    with listening(keep):
        yield


@contextmanager
def listening(hear: Callable[[Function, Sequence[Any], Sequence[Any]], None]) -> Iterator[None]:
    """Call hear(node, arguments, results) for every operation that this thread records.

    The engine spends no time on being listened to: the interpreter reports the returns of the `apply` functions.
    """

    def profile(frame: FrameType, event: str, result: Any) -> None:
        code = frame.f_code
        if event != "return" or result is None or code.co_name != "apply":
            return
        if frame.f_globals.get("__name__") not in APPLYING and code is not _custom:
            return
        given = frame.f_locals
        if isinstance(result, (tuple, list)):
            node = next((t._node for t in result if isinstance(getattr(t, "_node", None), Output)), None)
            if node is not None:
                arguments = given["args"] if "args" in given else (given["x"], *given["static"])
                hear(node.edges[0], arguments, [raw(t) for t in result])
            return
        node = getattr(result, "_node", None)
        if isinstance(node, Function) and not (seen and seen[-1] is node):  # a cast calls apply again
            seen[:] = [node]
            arguments = given["args"] if "args" in given else [given[k] for k in code.co_varnames[: code.co_argcount]]
            hear(node, arguments, [result._data])

    seen: list[Any] = []
    before, token = sys.getprofile(), modes.fusing.set(False)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        modes.fusing.reset(token)


def _copied(a: Any) -> Any:
    """A copy of the array: later writes do not show, and a recorded graph holds no other graph and no cycle."""
    a = raw(a)
    return a.copy() if isinstance(a, np.ndarray) else a
