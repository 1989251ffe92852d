"""Hooks: on tensors, on nodes, after accumulation. One table per node or leaf, one handle for all."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

from minigrad.function import Extra, Function

_number = itertools.count().__next__


class RemovableHandle:
    """What registering a hook gives: `remove()` unregisters it. Also a context manager. PyTorch: `RemovableHandle`."""

    def __init__(self, table: HookTable) -> None:
        self._table = weakref.ref(table)
        self.id = _number()

    def remove(self) -> None:
        table = self._table()
        if table is not None:
            table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class HookTable(dict[int, Any]):
    """Hooks in the order of registration; a dict that can be referred to weakly."""

    __slots__ = ("__weakref__",)


class Hooks:
    """The hooks of one node or leaf: on the tensor's gradient, before and after the node, after accumulation."""

    __slots__ = ("accumulated", "post", "pre", "retain", "tensor")

    def __init__(self) -> None:
        self.tensor, self.pre, self.post, self.accumulated = HookTable(), HookTable(), HookTable(), HookTable()
        self.retain: Any = None  # weak reference to the result that keeps its gradient


def add_hook(owner: Any, kind: str, hook: Callable[..., Any], *, key: Any = None) -> RemovableHandle:
    """Register a hook on a node or leaf (`owner`). Raises TypeError if it cannot be called."""
    if not callable(hook):
        raise TypeError(f"register_hook: the hook must be callable, not {type(hook).__name__}")
    hooks = hooks_of(owner)
    table = getattr(hooks, kind)
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def hooks_of(owner: Any) -> Hooks:
    """The hooks of a node (in its extra) or of a leaf tensor (in its dict), made if there are none."""
    holder = owner if isinstance(owner, Function) else None
    if holder is None:
        found: Hooks = owner.__dict__.setdefault("hooks", None) or Hooks()
        owner.__dict__["hooks"] = found
        return found
    if holder.extra is None:
        holder.extra = Extra()
    holder.extra.hooks = holder.extra.hooks or Hooks()
    return holder.extra.hooks  # type: ignore[no-any-return]
