"""Who shares a buffer, when it was written, and how writes enter the graph.

Every buffer that is shared or was written has one `Version`: a stamp from the same clock that numbers the nodes, so a
saved value is stale exactly if its buffer's stamp is later than the node that saved it. Nothing is stored per save.

A view knows its base and the operations that lead from the base to it. A write through a view gives the base a new
node (`ViewWrite`); the other views notice that the stamp moved and replay their operations when next used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import dtypes
from minigrad.domains import Drawn, Reals
from minigrad.errors import DtypeError, GraphError, ShapeError, describe
from minigrad.function import (
    LEAF,
    Extra,
    Function,
    TensorCore,
    clock,
    edge_of,
    is_recording,
    line_of,
    raw,
    record,
    user_frame,
    wrap,
)
from minigrad.kernels.overlap import overlaps_itself, overlaps_partly
from minigrad.operands import cast

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

Path = tuple[tuple[type[Function], tuple[Any, ...]], ...]


class Version:
    """The writes to one buffer: how many, when the last one was, and where the user wrote."""

    __slots__ = ("at", "code", "count", "stamp")

    def __init__(self) -> None:
        self.count = self.stamp = self.at = 0
        self.code: Any = None


class Alias:
    """One tensor's share of a buffer: its version and, for a differentiable view, its base and the way from there."""

    __slots__ = ("base", "path", "synced", "trouble", "version")

    def __init__(self, version: Version, base: Any = None, path: Path = (), trouble: str = "") -> None:
        self.version, self.base, self.path, self.trouble = version, base, path, trouble
        self.synced = version.stamp  # the last write that the view's node knows of

    def refresh(self, view: TensorCore) -> None:
        """Give a view whose base was written since a node that starts from the base as it is now."""
        if self.synced != self.version.stamp and is_recording():
            if self.base._node is not None:
                if self.trouble:
                    raise GraphError(
                        "a view taken under no_grad, or one of several outputs of split, chunk or unbind, was used after "
                        f"its base was modified in place at {line_of(self.version)}; take the view again"
                    )
                view._node = replay(self.base, self.path)._node
            elif view._node is not LEAF:
                view._node = None  # the base forgot its history and was written since
            self.synced = self.version.stamp


def replay(x: Any, path: Path) -> Any:
    for operation, static in path:
        x = operation.apply(x, *static)
    return x


def alias_of(t: TensorCore) -> Alias:
    """The tensor's alias, made if it has none; its node learns of the version, since it may have saved the buffer."""
    alias: Alias | None = t._alias
    if alias is None:
        alias = t._alias = Alias(Version())
        node = t._node
        if node is not None and node is not LEAF:
            if node.extra is None:
                node.extra = Extra()
            node.extra.version = alias.version
    return alias


def share(out: TensorCore, x: TensorCore, operation: type[Function], static: tuple[Any, ...]) -> None:
    """Make `out`, a view just taken of x's buffer by `operation`, known as one."""
    source = alias_of(x)
    base, path = (x, ()) if source.base is None else (source.base, source.path)
    trouble = source.trouble or ("" if is_recording() else "no_grad")
    out._alias = Alias(source.version, base, (*path, (operation, static)), trouble)


def detached(x: TensorCore) -> Tensor:
    """The same buffer without the history: writes are seen by both, gradients by neither."""
    out = wrap(x._buffer())  # type: ignore[attr-defined]
    out._alias = Alias(alias_of(x).version)
    return out


def wrote(t: TensorCore, frame: Any = None) -> None:
    """Record that t's buffer has been written, at the user's line or in `frame` if that is known already."""
    if frame is None:
        frame = user_frame()
    stamp(t, frame.f_code, frame.f_lasti)


def stamp(t: TensorCore, code: Any, at: int) -> None:
    """`wrote` for a place that is known: its code object and instruction."""
    version = (t._alias or alias_of(t)).version
    version.count += 1
    version.stamp = clock()
    version.code, version.at = code, at


def check_inplace(t: TensorCore, name: str) -> None:
    """Raise RuntimeError where PyTorch forbids an in-place operation, TypeError and ValueError never."""
    if not is_recording():
        return
    if t._node is LEAF:
        raise RuntimeError(
            f"{name}: a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it under no_grad(), or on a clone()."
        )
    alias = t._alias
    if alias is None or alias.base is None:
        return
    if alias.base._node is LEAF:
        raise RuntimeError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it under no_grad(), or on a clone()."
        )
    if alias.trouble == "no_grad" and (alias.base._node is not None or t._node is not None):
        raise RuntimeError(
            f"{name}: a view was created in no_grad mode and is being modified inplace with grad mode enabled; "
            "its base would get no gradient for it. Take the view outside no_grad()."
        )
    if alias.trouble == "several" and (alias.base._node is not None or t._node is not None):
        raise RuntimeError(
            f"{name}: this view is one output of a function that returns multiple views (split, chunk, unbind), and "
            "is being modified inplace. Take it by indexing or narrow() instead."
        )


def inplace(operation: Any, t: Any, *args: Any, name: str = "") -> Any:
    """t becomes operation(t, *args): the buffer is overwritten, the history continues from the result."""
    name = name or f"{operation.__name__.lower()}_"
    check_inplace(t, name)
    buffer = t._buffer()
    for a in args:
        if isinstance(a, TensorCore) and overlaps_partly(buffer, a._data):
            raise RuntimeError(
                f"{name}: unsupported operation: some elements of the input and of the tensor that is written share one "
                "memory location; clone() the input first"
            )
    source = t
    if is_recording() and any(isinstance(a, TensorCore) and edge_of(a) is not None for a in (t, *args)):
        # A rule that reads what is about to be overwritten saves a copy of it.
        source = wrap(buffer.copy() if any(0 in reads for reads in operation.reads) else buffer)
        source._node = edge_of(t)
    out = operation.apply(*(source if a is t else a for a in (t, *args)))
    store(t, buffer, out, name)
    if out._node is not None:
        rebase(t, cast(out, buffer.dtype)._node)
    return t


def store(t: Any, buffer: Any, out: Any, name: str) -> None:
    """Write out's values into t's buffer. Raises ShapeError or DtypeError, with nothing written, if they do not fit."""
    data = out._data if isinstance(out, TensorCore) else out
    if np.shape(data) != buffer.shape:
        raise ShapeError(
            f"{name}: output with shape {list(buffer.shape)} doesn't match the broadcast shape {list(np.shape(data))}"
        )
    if dtypes.category(data.dtype) > dtypes.category(buffer.dtype):
        raise DtypeError(
            f"{name}: result type {data.dtype} can't be cast to the desired output type {buffer.dtype} "
            f"of {describe(t)}; use the operation without the underscore, or convert first"
        )
    if not buffer.flags.writeable or overlaps_itself(buffer):
        raise RuntimeError(
            f"{name}: unsupported operation: the buffer of {describe(t)} cannot be written, since several elements "
            "share one memory location (expand) or its array is read-only. clone() it first."
        )
    buffer[...] = data
    wrote(t)


def rebase(t: TensorCore, node: Any) -> None:
    """t's buffer now holds what `node` computed: t, and its base if t is a view, continue from there."""
    alias: Alias = t._alias
    base = alias.base
    if base is not None:
        base._node = record(ViewWrite, (base, t, alias.path), (edge_of(base), node), base._data)
    alias.synced = alias.version.stamp
    t._node = node


def corner() -> Path:
    """Every second row and the first two columns, transposed: the view through which the tests write."""
    from minigrad.ops.index import Getitem
    from minigrad.ops.shape import Transpose

    return (Getitem, ((slice(None, None, 2), slice(0, 2)),)), (Transpose, (0, 1))


class ViewWrite(Function):
    """A base after a write through one of its views: everything the base held but for the view's elements."""

    symbol = "[ ]="
    domain = (
        Reals(shape=lambda source: (3, 4)),
        Reals(shape=lambda source, base: (2, 2)),
        Drawn(lambda source, base, value: corner()),
    )

    def oracle(base: Any, value: Any, path: Path) -> Any:
        out = np.array(base)
        out[0, :2], out[2, :2] = value[:, 0], value[:, 1]
        return out

    def forward(base: Any, value: Any, path: Path) -> Any:
        out = np.array(base, order="C")
        view = replay(out, path)
        if view.base is not None and np.may_share_memory(view, out):
            view[...] = value
        else:  # a reshape had to copy: find the elements by number
            out.reshape(-1)[replay(np.arange(out.size).reshape(out.shape), path)] = value
        return out

    def dbase(g: Any, value_shape: Any, path: Path) -> Any:
        return ViewWrite.apply(g, np.zeros(value_shape, raw(g).dtype), path)

    def dvalue(g: Any, path: Path) -> Any:
        return replay(g, path)
