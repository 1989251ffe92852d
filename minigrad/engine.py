"""The walk backwards: from results to leaves, in falling creation number, gradients in a side table.

The engine alone does what is common to all rules: broadcasting undone, accumulation, hooks, freeing, errors. It walks
with loops, never by recursion, and changes nothing but the `.grad` of leaves and, unless told to keep it, the saved
values of the graph.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from sys import getrefcount
from typing import Any

import numpy as np

from minigrad import modes
from minigrad.errors import GraphError, ShapeError, describe
from minigrad.function import Bundle, Function, TensorCore, edge_of, line_of, wrap
from minigrad.hooks import Hooks
from minigrad.kernels.images import Deferred
from minigrad.kernels.sums import sum_to
from minigrad.memory import wrote
from minigrad.modes import recording

ndarray = np.ndarray  # NumPy's module is slow to look into
number = operator.attrgetter("number")


def walk(
    roots: Sequence[tuple[Any, Any]],
    *,
    retain_graph: bool = False,
    targets: Iterable[Any] | None = None,
) -> dict[Any, Any]:
    """{leaf or target: gradient} of everything that `roots`, pairs of (edge, gradient), were computed from.

    With `targets` only what leads to them is computed. Gradients are arrays or Tensors, as those of `roots`.
    """
    table: dict[Any, Any] = {}
    pending: list[Any] = []  # (-number, node) of the nodes in the table, as a heap: the latest comes first
    top: Any = None  # a node later than all of those, and its gradient: most of a graph is chains, where none waits
    top_g: Any = None
    owned: set[Any] = set()  # where the table holds an array that nobody else has
    for edge, g in roots:
        if edge in table:
            table[edge] = table[edge] + g
            continue
        table[edge] = g
        if edge.number:
            heappush(pending, (-edge.number, edge))
    wanted = None if targets is None else set(targets)
    needed = None if wanted is None else pruned(reachable(table), wanted)
    found: dict[Any, Any] = {}
    anomaly = modes.anomaly.get()
    take = table.pop
    while True:
        if top is not None:
            n, g = top, top_g
            top = top_g = None
        elif pending:
            n = heappop(pending)[1]
            g = take(n)
        else:
            break
        extra = n.extra
        if extra is not None and extra.hooks is not None:
            g = before_node(extra.hooks, g)
        if wanted is not None and n in wanted:
            found[n] = g
        edges = None
        if needed is not None:
            if n.number not in needed:
                continue
            edges = needed[n.number]
        edges, gradients = n.flow(g, edges, retain_graph)
        if extra is not None:
            if extra.broadcast is not None:
                gradients = [d if d is None else sum_to(d, s) for d, s in zip(gradients, extra.broadcast, strict=True)]
            if extra.hooks is not None and extra.hooks.post:
                gradients = after_node(extra.hooks, gradients, g)
        if anomaly:
            search_nan(n, gradients)
        for e, d in zip(edges, gradients):  # noqa: B905 (the keyword costs a tenth of the loop)
            if e is None or d is None:
                continue
            order = e.number
            if order and top is None and not pending:
                top, top_g = e, d
            elif e is top:
                top_g = top_g + d
            elif e not in table:
                if order and top is None and order > -pending[0][0]:
                    top, top_g = e, d
                    continue
                if top is not None and order > top.number:
                    e, d, top, top_g = top, top_g, e, d
                table[e] = d
                if order:
                    heappush(pending, (-e.number, e))
            elif e in owned:
                table[e] += d
            else:
                table[e] = total = table[e] + d
                if total.__class__ is ndarray:
                    owned.add(e)
    table.update(found)
    return table


def reachable(starts: Iterable[Any]) -> list[Any]:
    """All nodes that lead to `starts`, each once, in no particular order."""
    order = [n for n in starts if not isinstance(n, TensorCore)]
    seen = set(order)
    for n in order:  # grows while it is read
        for e in n.edges:
            if e is not None and e not in seen and not isinstance(e, TensorCore):
                seen.add(e)
                order.append(e)
    return order


def pruned(order: list[Any], wanted: set[Any]) -> dict[int, Any]:
    """The edges of each node, by its number, that lead to something wanted, for the nodes that have such; None for all.

    So that it refers to no node whose edges all count: `may_defer` counts the references.
    """
    leads = set(wanted)
    edges: dict[int, Any] = {}
    for n in sorted(order, key=number):
        kept = [e if e is not None and e in leads else None for e in n.edges]
        if any(e is not None for e in kept):
            edges[n.number] = kept if any(e is not k for e, k in zip(n.edges, kept, strict=True)) else None
            leads.add(n)
    return edges


# ------------------------------------------------------------------ hooks and anomalies


def as_tensor(g: Any) -> Any:
    return g if g is None or isinstance(g, TensorCore) else wrap(g)


def like(result: Any, g: Any) -> Any:
    """A hook's result in the form of the gradient that it replaces. Raises if it cannot take that one's place."""
    if not isinstance(result, TensorCore):
        raise TypeError(f"a gradient hook must return a Tensor or None, not {type(result).__name__!r}")
    data = g._data if isinstance(g, TensorCore) else g
    if result._data.shape != data.shape or result._data.dtype != data.dtype:
        raise RuntimeError(
            f"a hook has changed the size or type of a gradient: {describe(g)} became {describe(result)}"
        )
    return result if isinstance(g, TensorCore) else result._data


def before_node(hooks: Hooks, g: Any) -> Any:
    if isinstance(g, Deferred):
        g = g.array()
    if not isinstance(g, Bundle):
        for hook in list(hooks.tensor.values()):
            result = hook(as_tensor(g))
            if result is not None:
                g = like(result, g)
        tensor = hooks.retain and hooks.retain()
        if tensor is not None:
            kept = g if isinstance(g, TensorCore) else wrap(np.array(g))
            tensor._grad = kept if tensor._grad is None else tensor._grad + kept
    if hooks.pre:
        parts = [g] if not isinstance(g, Bundle) else [g.parts.get(i) for i in range(max(g.parts) + 1)]
        given = tuple(as_tensor(p) for p in parts)
        for hook in list(hooks.pre.values()):
            result = hook(given)
            if result is not None:
                given = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if isinstance(g, Bundle):
            g = Bundle({i: like(r, g.parts[i]) for i, r in enumerate(given) if r is not None})
        else:
            g = like(given[0], g)
    return g


def after_node(hooks: Hooks, gradients: Sequence[Any], g: Any) -> Sequence[Any]:
    upstream = [g] if not isinstance(g, Bundle) else [g.parts.get(i) for i in range(max(g.parts) + 1)]
    for hook in list(hooks.post.values()):
        result = hook(tuple(as_tensor(d) for d in gradients), tuple(as_tensor(u) for u in upstream))
        if result is not None:
            results = result if isinstance(result, (tuple, list)) else (result,)
            if len(results) != len(gradients):
                raise RuntimeError(
                    f"a node's hook has returned {len(results)} gradients, but the node has {len(gradients)} inputs"
                )
            gradients = [r if r is None or d is None else like(r, d) for r, d in zip(results, gradients, strict=True)]
    return gradients


def search_nan(n: Function, gradients: Sequence[Any]) -> None:
    if not modes.check_nan_mode.get():
        return
    for i, d in enumerate(gradients):
        if d is not None and not isinstance(d, Bundle) and np.isnan(getattr(d, "_data", d)).any():
            raise GraphError(
                f"Function '{n.name()}' returned nan values in its {i}th output; the forward call was at {line_of(n)}"
            )


# ------------------------------------------------------------------ backward and grad


def _unshared() -> int:
    x = np.empty(1)
    return getrefcount(x)


UNSHARED = _unshared()  # what getrefcount says of an array that only one local variable holds


@lru_cache
def one_of(kind: type[np.generic]) -> Any:
    return kind(1)


def seeds(tensors: Sequence[Any], gradients: Sequence[Any], create_graph: bool, name: str) -> list[tuple[Any, Any]]:
    """(edge, gradient) for each result, with ones for scalars. Raises for what cannot be differentiated."""
    if len(tensors) != len(gradients):
        raise RuntimeError(f"{name}: got {len(tensors)} tensors and {len(gradients)} gradients")
    roots = []
    for t, g in zip(tensors, gradients):  # noqa: B905 (just compared)
        edge = edge_of(t)
        if edge is None:
            raise GraphError(
                f"{name}: element 0 of tensors does not require grad and does not have a grad_fn: {describe(t)}. "
                "Set requires_grad=True on an input, and compute it outside no_grad()."
            )
        if g is None:
            if t._data.size != 1:
                raise GraphError(
                    f"{name}: grad can be implicitly created only for scalar outputs, not for a {describe(t)}; "
                    "reduce it (sum, mean) or pass a gradient of its shape"
                )
            one = one_of(t._data.dtype.type)
            g = np.full(t._data.shape, one) if t._data.ndim else one
            g = wrap(g) if create_graph else g
        else:
            if not isinstance(g, TensorCore):
                raise TypeError(f"{name}: gradients must be tensors or None, got {describe(g)}")
            if g._data.shape != t._data.shape:
                raise ShapeError(
                    f"{name}: mismatch in shape: the gradient has shape {g._data.shape} and the output {t._data.shape}"
                )
            if g._data.dtype != t._data.dtype:
                data = g._data.astype(t._data.dtype)
                g = wrap(data)
            g = g if create_graph else g._data
        roots.append((edge, g))
    return roots


def backward(
    tensors: Sequence[Any],
    gradients: Sequence[Any],
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Any] | None = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves (or of `inputs`). PyTorch: `autograd.backward`."""
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is not None and not inputs:
        raise GraphError("`inputs` argument to `backward()` cannot be empty.")
    targets = None if inputs is None else {edge_of(t): t for t in inputs}
    if targets is not None and None in targets:
        raise GraphError("backward: one of the inputs does not require grad")
    roots = seeds(tensors, gradients, create_graph, "backward")
    before = recording.get()
    recording.set(create_graph)
    try:
        table = walk(roots, retain_graph=keep, targets=targets)
        del roots
        while table:
            edge, g = table.popitem()
            if isinstance(edge, TensorCore):
                if targets is None or edge in targets:
                    owned = getrefcount(g) <= UNSHARED
                    accumulate(edge, g, owned)
            elif targets is not None and edge in targets:
                accumulate(targets[edge], g, False)
    finally:
        recording.set(before)


def accumulate(leaf: Any, g: Any, owned: bool) -> None:
    """Add a gradient to a leaf's `.grad`; an array that nobody else holds (`owned`) becomes it without a copy."""
    if leaf._node is None:
        return  # requires_grad was switched off after the graph was made
    hooks = leaf.__dict__.get("hooks")
    if hooks is not None:
        for hook in list(hooks.tensor.values()):
            result = hook(as_tensor(g))
            if result is not None:
                g, owned = like(result, g), False
    old = leaf._grad
    data = leaf._data
    if g.shape != data.shape:
        raise ShapeError(
            f"backward: a gradient of shape {tuple(g.shape)} has reached a leaf of shape {data.shape}; "
            "the rule of an operation that reads it, or its hook, gives a gradient of another shape than its argument's"
        )
    if isinstance(g, TensorCore):
        if g._data.dtype != data.dtype:
            g = g.to(leaf.dtype)  # type: ignore[attr-defined]
        leaf._grad = g if old is None else old + g
    else:
        if g.dtype is not data.dtype and g.dtype != data.dtype:
            g, owned = g.astype(data.dtype), True
        if old is None:
            if g.__class__ is ndarray and not (owned and g.base is None and g.flags.writeable):
                g = g.copy()
            leaf._grad = wrap(g)
        elif old._node is None:
            buffer = old._buffer()
            np.add(buffer, g, out=buffer)
            wrote(old)
        else:
            leaf._grad = wrap(old._data + g)
    if hooks is not None:
        for hook in list(hooks.accumulated.values()):
            hook(leaf)


def grad(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    gradients: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    """The gradients of `outputs` by `inputs`, touching no `.grad`. PyTorch: `autograd.grad`."""
    keep = create_graph if retain_graph is None else retain_graph
    edges = [edge_of(t) for t in inputs]
    for t, e in zip(inputs, edges, strict=True):
        if e is None:
            raise GraphError(f"grad: one of the differentiated Tensors does not require grad: {describe(t)}")
    roots = seeds(outputs, gradients, create_graph, "grad")
    before = recording.get()
    recording.set(create_graph)
    try:
        table = walk(roots, retain_graph=keep, targets=edges)
        results: list[Any] = []
        for t, e in zip(inputs, edges, strict=True):
            g = table.get(e)
            if g is not None and isinstance(e, TensorCore):
                hooks = e.__dict__.get("hooks")
                for hook in list(hooks.tensor.values()) if hooks is not None else ():
                    result = hook(as_tensor(g))
                    g = g if result is None else like(result, g)
            if g is None:
                if not allow_unused and not materialize:
                    raise GraphError(
                        f"grad: One of the differentiated Tensors, {describe(t)}, appears to not have been used in the "
                        "graph. Set allow_unused=True if this is the desired behavior."
                    )
                results.append(wrap(np.zeros_like(t._data)) if materialize else None)
            elif isinstance(g, TensorCore):
                results.append(g)
            else:
                results.append(wrap(np.array(g, dtype=t._data.dtype) if g.__class__ is ndarray else g))
        return tuple(results)
    finally:
        recording.set(before)
