"""`record()`: keep everything for pictures. For when the graph alone no longer knows what it computed."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from minigrad import function
from minigrad.function import Function, Output, raw

_kept: weakref.WeakKeyDictionary[Function, tuple[dict[int, Any], list[Any]]] = weakref.WeakKeyDictionary()


def _inner_codes(*makers: Any) -> set[Any]:
    """The code of the `apply` functions that these make."""
    return {c for maker in makers for c in maker.__code__.co_consts if getattr(c, "co_name", "") == "apply"}


_applies = _inner_codes(function.make_apply, function.make_unary, function.make_binary)
_variadic, _several = _inner_codes(function.make_variadic), _inner_codes(function.make_several)


def recorded(n: Function) -> tuple[dict[int, Any], list[Any]]:
    """The arguments by position and the results of a node that was made under `record()`; else nothing."""
    return _kept.get(n, ({}, []))


@contextmanager
def record() -> Iterator[None]:
    """Keep the arguments and results of every operation for as long as its graph lives, so that any of it can be drawn.

    A graph keeps only what derivatives read; that is enough for most pictures. In this context nothing is missing: not
    the array added in `x + array`, and not the gradients after `backward()` has freed the graph. It is slow, since it
    listens to every call of the thread (`sys.setprofile`); a profiler that was set is set again at the end.
    """
    before = sys.getprofile()
    sys.setprofile(_listen)
    try:
        yield
    finally:
        sys.setprofile(before)


def _listen(frame: FrameType, event: str, result: Any) -> None:
    if event != "return" or result is None:
        return
    code = frame.f_code
    given = frame.f_locals
    if code in _applies:
        arguments = given["args"] if "args" in given else [given[k] for k in ("x", "y") if k in given]
    elif code in _variadic:
        arguments = given["args"]
    elif code in _several:
        arguments = (given["x"], *given["static"])
        result = result[0] if result else None
    else:
        return
    node = getattr(result, "_node", None)
    results = [_frozen(result)] if isinstance(node, Function) else []
    if isinstance(node, Output):
        node = node.edges[0]
        results = [_frozen(p) for p in given["parts"]]
    if isinstance(node, Function) and node not in _kept:
        _kept[node] = {i: _frozen(a) for i, a in enumerate(arguments)}, results


def _frozen(a: Any) -> Any:
    """A copy of the array: later writes do not show, and a recorded graph holds no other graph and no cycle."""
    a = raw(a)
    return a.copy() if isinstance(a, np.ndarray) else a
