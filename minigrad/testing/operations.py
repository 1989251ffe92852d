"""What must hold for every operation, as functions of an operation and arguments from its domain.

The project's tests run each of them on every operation; `check_operation` runs them all on one of yours.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import engine, errors
from minigrad.domains import Shape
from minigrad.errors import GraphError, describe_all
from minigrad.families import Several, Variadic
from minigrad.function import KEPT, RESULT, Function, TensorCore, raw, wrap
from minigrad.testing.directional import Kink, check_grads
from minigrad.testing.drawing import RandomSource, draw

Args = Sequence[Any]
Operation = type[Function]

FLOATS = (np.float16, np.float32, np.float64)
# How far a value may be off, relative and absolute, when computed in that precision.
TOLERANCE = {np.float16: (2e-2, 2e-2), np.float32: (1e-4, 1e-5), np.float64: (1e-10, 1e-12)}
FIXED_SHAPES: tuple[Shape, ...] = ((), (0,), (0, 3), (2, 0), (1,), (2, 3))


def check_operation(operation: Operation, *, examples: int = 20, seed: int = 0) -> None:
    """Test an operation on all `PROPERTIES`, with arguments drawn from its domain.

    Raises AssertionError or GradcheckError with the operation, the property and the arguments.
    """
    is_defined(operation)
    rejects_bad_arguments(operation)
    shapes = [*FIXED_SHAPES, *[None] * examples]
    rejected = 0
    for k, shape in enumerate(shapes):
        args = draw(operation, RandomSource(seed + k), shape)
        try:
            for holds in PROPERTIES.values():
                holds(operation, args)
        except Kink:
            rejected += 1
    if rejected > len(shapes) // 2:
        raise AssertionError(
            f"{operation.__name__}: {rejected} of {len(shapes)} examples have no derivative; "
            "narrow the domain with avoid=, or distinct=True"
        )


# -------------------------------------------------------------------- of the definition


def is_defined(operation: Operation) -> None:
    """It says all that a definition has to: a symbol, a domain and, unless NumPy is its oracle, an oracle."""
    name = operation.__name__
    missing = []
    if operation.symbol == "?":
        missing.append('no symbol: give it one for drawings, symbol = "..."')
    if operation.domain is None:
        missing.append("no domain: say what its arguments may be, domain = (Reals(),), see minigrad.domains")
    elif len(operation.domain) < len(operation.arguments):
        missing.append(f"a domain of {len(operation.domain)} entries for its arguments {operation.arguments}")
    if not isinstance(operation.forward, np.ufunc) and operation.oracle is None:
        missing.append("no oracle: its forward is not a NumPy ufunc, so give the textbook formula, def oracle(x): ...")
    if not operation.__doc__:
        missing.append("no docstring")
    if missing:
        raise AssertionError(f"operation {name} ({operation.__module__}) has " + "; ".join(missing))


def rejects_bad_arguments(operation: Operation) -> None:
    """Each of its `rejects` raises one of minigrad's errors, which names the operation."""
    for args in operation.rejects:
        label = f"{operation.__name__}({describe_all(args)})"
        try:
            operation.apply(*tensors(operation, args, requires_grad=False))
        except Exception as error:
            ours = type(error).__module__ == errors.__name__
            if not ours or not _names(operation, str(error)):
                raise AssertionError(
                    f"{label} must raise an error of minigrad.errors that names the operation, not "
                    f"{type(error).__name__}: {error}"
                ) from error
        else:
            raise AssertionError(f"{label} is one of its rejects and raised nothing")


def _names(operation: Operation, message: str) -> bool:
    return operation.__name__.lower() in message.lower().replace("_", "")


# -------------------------------------------------------------------- of a call with drawn arguments


def value(operation: Operation, args: Args) -> None:
    """forward equals the oracle in float64."""
    oracle = operation.oracle or operation.forward
    _same(
        operation, args, "its value and its oracle", parts(operation.apply(*args)), parts(oracle(*args)), 1e-10, 1e-12
    )


def gradients(operation: Operation, args: Args) -> None:
    """Its gradients of orders 1 and 2 equal numerical ones."""
    if positions(operation, args) and all(o.dtype == np.float64 for o in parts(operation.apply(*args))):
        check_grads(operation.apply, tensors(operation, args), operation.order or 2, name=label(operation, args))


def modes_agree(operation: Operation, args: Args) -> None:
    """Arrays and Tensors give the same bits, forward and backward; a composed rule may differ in the last ones."""
    args = [a[()] if isinstance(a, np.ndarray) else a for a in args]  # scalars and 0-d arrays differ within NumPy
    _identical(
        operation,
        args,
        "its values of arrays and of Tensors",
        parts(operation.apply(*args)),
        parts(forward(operation, args)),
    )
    if positions(operation, args):
        upstream = upstream_of(operation, args)
        plain, composed = (pulled(operation, args, upstream, create_graph=create) for create in (False, True))
        rules = "its gradients by arrays and by Tensors (create_graph)"
        if any(c is not r for c, r in zip(operation.composed, operation.rules, strict=True)):
            _same(operation, args, rules, plain, composed, 1e-12, 1e-14)
        else:
            _identical(operation, args, rules, plain, composed)


def keeps_dtype(operation: Operation, args: Args) -> None:
    """float16, 32 and 64 come out as they went in, as values, as gradients, and from each rule by itself."""
    oracle = operation.oracle or operation.forward
    kinds = set()
    for dtype in FLOATS:
        given = [_as(a, dtype) for a in args]
        outs = parts(forward(operation, given))
        kinds.add(tuple(o.dtype for o in outs))
        if "dtype" in operation.arguments:
            break  # it is there to change it
        for out in outs:
            if out.dtype.kind == "f" and out.dtype != dtype:
                raise _broken(operation, given, f"{np.dtype(dtype)} went in and {out.dtype} came out")
        rtol, atol = TOLERANCE[dtype]
        exact = parts(oracle(*(_as(a, np.float64) for a in given)))
        if outs and outs[0].dtype.kind == "f":
            _same(operation, given, f"its value in {np.dtype(dtype)} and its oracle", outs, exact, rtol, atol)
        for k, d in zip(
            positions(operation, given), pulled(operation, given, upstream_of(operation, given)), strict=True
        ):
            if d.dtype != dtype:
                raise _broken(operation, given, f"{np.dtype(dtype)} argument {k} has a gradient of {d.dtype}")
        for k, d in rule_results(operation, given):
            if d.dtype != dtype:
                raise _broken(
                    operation,
                    given,
                    f"the rule of argument {k} gives {d.dtype} from {np.dtype(dtype)}: look for a NumPy scalar or an "
                    "array of another dtype in it (np.log(2), np.pi * np.ones(...)); Python numbers are weak",
                )
    if operation.rules and len(kinds) != 1 and not any(operation.rules):
        raise _broken(operation, args, f"the dtype of its result depends on that of its argument: {kinds}")


def python_numbers_are_weak(operation: Operation, args: Args) -> None:
    """A Python number beside a float16 or float32 array changes neither the dtype of the value nor of the gradients."""
    if not isinstance(operation.forward, np.ufunc):
        return
    for k in positions(operation, args):
        others = [i for i in positions(operation, args) if i != k]
        if not others or not args[k].size:
            continue
        for dtype in (np.float16, np.float32):
            given = [float(a.flat[0]) if i == k else a.astype(dtype) for i, a in enumerate(args)]
            upstream = upstream_of(operation, given)
            results = [*parts(forward(operation, given)), *(d for _, d in rule_results(operation, given))]
            for create_graph in (False, True):
                results += pulled(operation, given, upstream, create_graph)
            if found := {str(r.dtype) for r in results} - {np.dtype(dtype).name, "bool"}:
                raise _broken(operation, given, f"a Python number and {np.dtype(dtype)} give {', '.join(found)}")


def layouts(operation: Operation, args: Args) -> None:
    """Transposed, strided, reversed and broadcast inputs give what contiguous ones give, forward and backward."""
    for layout in LAYOUTS.values():
        varied = [layout(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args]
        plain = [np.array(v, order="C") if isinstance(v, np.ndarray) else v for v in varied]
        _same(
            operation,
            varied,
            "its values of a non-contiguous and of a contiguous input",
            parts(forward(operation, varied, as_is=True)),
            parts(forward(operation, plain)),
            1e-12,
            1e-14,
        )
        if positions(operation, args):
            upstream = upstream_of(operation, plain)
            _same(
                operation,
                varied,
                "its gradients of a non-contiguous and of a contiguous input",
                pulled(operation, varied, [layout(np.asarray(g)) if g.size else g for g in upstream], as_is=True),
                pulled(operation, plain, [np.array(layout(np.asarray(g))) if g.size else g for g in upstream]),
                1e-12,
                1e-14,
            )


def same_argument_twice(operation: Operation, args: Args) -> None:
    """f(x, x) has the gradient by x that f(x, y) has by both, added up."""
    places = positions(operation, args)
    for i, j in zip(places, places[1:], strict=False):
        if np.shape(args[i]) == np.shape(args[j]):
            twins = [args[i] if k == j else a for k, a in enumerate(args)]
            upstream = upstream_of(operation, twins)
            apart = pulled(operation, twins, upstream)
            shared = tensors(operation, twins)
            shared[j] = shared[i]
            outs = listed(operation.apply(*shared))
            engine.backward(outs, [wrap(g) for g in upstream])
            both = apart[places.index(i)] + apart[places.index(j)]
            name = f"the gradient of the same tensor as arguments {i} and {j}, and the sum of both gradients"
            _same(operation, twins, name, [raw(shared[i].grad)], [both], 1e-12, 1e-14)


def mutates_and_aliases_nothing(operation: Operation, args: Args) -> None:
    """Inputs, upstream gradient and saved values stay as they are, and no two of these and the results share memory."""
    given = tensors(operation, args)
    places = positions(operation, args)
    before = [np.array(raw(a)) if isinstance(a, (TensorCore, np.ndarray)) else a for a in given]
    outs = listed(operation.apply(*given))
    kept = {f"argument {k}": raw(a) for k, a in enumerate(given)}
    if not operation.is_view:
        _apart(operation, args, {**kept, **{f"result {k}": raw(o) for k, o in enumerate(outs)}})
    if places:
        upstream = upstream_of(operation, args)
        untouched = [g.copy() for g in upstream]
        live = [(o, wrap(g)) for o, g in zip(outs, upstream, strict=True)]
        engine.backward([o for o, _ in live], [g for _, g in live], True)
        first = [np.array(raw(given[k].grad)) for k in places]
        held = {f"the gradient of argument {k}": raw(given[k].grad) for k in places}
        _apart(operation, args, {**kept, **held, **{f"upstream gradient {k}": g for k, g in enumerate(upstream)}})
        engine.backward([o for o, _ in live], [g for _, g in live], True)
        twice = [np.asarray(raw(given[k].grad)) for k in places]
        _identical(
            operation, args, "twice its gradient, and that of two backward passes", [d + d for d in first], twice
        )
        _identical(operation, args, "the upstream gradient before and after", untouched, upstream)
    for k, (a, b) in enumerate(zip(given, before, strict=True)):
        if isinstance(a, (TensorCore, np.ndarray)):
            _identical(operation, args, f"argument {k} before and after", [b], [np.asarray(raw(a))])


def frees_its_graph(operation: Operation, args: Args) -> None:
    """With the garbage collector off, result and node die with the last reference: before, after and in backward."""
    places = positions(operation, args)
    if not places:
        return
    enabled = gc.isenabled()
    gc.disable()
    try:
        for stage in ("forward", "backward", "backward with create_graph"):
            given = tensors(operation, args)
            outs = listed(operation.apply(*given))
            upstream = [wrap(g) for g in upstream_of(operation, args)]
            found: Any = None
            if stage == "backward":
                engine.backward(outs, upstream)
            elif stage != "forward":
                found = engine.grad(outs, [given[k] for k in places], upstream, None, True, True, False)
            watched = {f"result {k}": weakref.ref(o) for k, o in enumerate(outs)}
            watched |= {f"node {k}": weakref.ref(o.grad_fn) for k, o in enumerate(outs)}
            watched |= {
                f"buffer of result {k}": weakref.ref(o._data)
                for k, o in enumerate(outs)
                if o._data.__class__ is np.ndarray
            }
            if operation.is_view:
                watched = {k: r for k, r in watched.items() if not k.startswith("buffer")}
            del outs, found, upstream
            alive = [k for k, reference in watched.items() if reference() is not None]
            if alive:
                raise _broken(
                    operation, args, f"after {stage} and with the result deleted still alive: {', '.join(alive)}"
                )
    finally:
        if enabled:
            gc.enable()


def says_when_differentiable_once(operation: Operation, args: Args) -> None:
    """An operation of `order = 1` raises GraphError when its gradient is differentiated."""
    places = positions(operation, args)
    if operation.order != 1 or not places:
        return
    given = tensors(operation, args)
    outs = listed(operation.apply(*given))
    upstream = [wrap(g) for g in upstream_of(operation, args)]
    x = [given[places[0]]]
    try:
        first = engine.grad(outs, x, upstream, None, True, False, False)
        engine.grad(first, x, [wrap(np.ones_like(raw(g))) for g in first], None, False, False, False)
    except GraphError as error:
        if "twice" not in str(error) and "once" not in str(error):
            raise _broken(operation, args, f"order 2 raised, but not for being once differentiable: {error}") from error
        return
    raise _broken(operation, args, "its order is 1, but order 2 gave a gradient instead of an error")


PROPERTIES: dict[str, Callable[[Operation, Args], None]] = {
    function.__name__: function
    for function in (
        value,
        gradients,
        modes_agree,
        keeps_dtype,
        python_numbers_are_weak,
        layouts,
        same_argument_twice,
        mutates_and_aliases_nothing,
        frees_its_graph,
        says_when_differentiable_once,
    )
}


# -------------------------------------------------------------------- calling operations


def positions(operation: Operation, args: Args) -> list[int]:
    """Which of the arguments are differentiable here: those with a rule that are arrays of floats."""
    if issubclass(operation, Variadic):
        fixed = len(operation.arguments) - 1
        return list(range(fixed, len(args))) if operation.inputs else []
    return [i for i in operation.inputs if _is_float(args[i])]


def _is_float(a: Any) -> bool:
    return isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind == "f"


def tensors(operation: Operation, args: Args, requires_grad: bool = True, as_is: bool = False) -> list[Any]:
    """The arguments with arrays as Tensors: leaves where differentiable; index arrays stay arrays.

    0-d arrays become NumPy scalars, as the engine has them, unless `as_is`.
    """
    live = positions(operation, args)
    found = []
    for k, a in enumerate(args):
        if isinstance(a, (np.ndarray, np.generic)) and (a.dtype.kind in "fb" or k in operation.inputs):
            t = wrap(a if as_is or np.ndim(a) else np.asarray(a)[()])
            found.append(t.requires_grad_() if requires_grad and k in live else t)
        else:
            found.append(a)
    return found


def listed(result: Any) -> list[Any]:
    """One result or several, as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def parts(result: Any) -> list[Any]:
    """The arrays of one result or several."""
    return [np.asarray(raw(r)) for r in listed(result)]


def forward(operation: Operation, args: Args, as_is: bool = False) -> Any:
    """The operation of Tensors that require no gradient."""
    return operation.apply(*tensors(operation, args, requires_grad=False, as_is=as_is))


def upstream_of(operation: Operation, args: Args) -> list[Any]:
    """A gradient for each result, the same every time."""
    random = np.random.default_rng(1)
    return [
        random.uniform(-1, 1, o.shape).astype(o.dtype) for o in parts(forward(operation, args)) if o.dtype.kind == "f"
    ]


def pulled(
    operation: Operation, args: Args, upstream: Sequence[Any], create_graph: bool = False, as_is: bool = False
) -> list[Any]:
    """The gradients of the differentiable arguments, by the engine."""
    given = tensors(operation, args, as_is=as_is)
    live = [given[k] for k in positions(operation, args)]
    if not live:
        return []
    outs = listed(operation.apply(*given))
    seeds = [wrap(g if as_is or g.ndim else g[()]) for g in upstream]
    return [np.asarray(raw(d)) for d in engine.grad(outs, live, seeds, None, create_graph, False, False)]


def rule_results(operation: Operation, args: Args) -> list[tuple[int, Any]]:
    """What each rule gives by itself, without the engine: (argument, array)."""
    places = positions(operation, args)
    if not places:
        return []
    out = operation.forward(*args)
    kept = None
    if operation.keeps:
        out, kept = out
    fixed = len(operation.arguments) - 1

    def read(slot: int) -> Any:
        if slot == RESULT:
            return out
        if slot == KEPT:
            return kept
        if issubclass(operation, Variadic) and slot in (fixed, -2 - fixed):
            return tuple(args[fixed:]) if slot == fixed else tuple(np.shape(a) for a in args[fixed:])
        return args[slot] if slot >= 0 else np.shape(args[-2 - slot])

    upstream = [g if g.ndim else g[()] for g in upstream_of(operation, args)]
    found: list[tuple[int, Any]] = []
    for i in operation.inputs:
        g = upstream if issubclass(operation, Several) else upstream[0]
        if issubclass(operation, Variadic):
            found += zip(places, operation.rules[i](g, *map(read, operation.reads[i])), strict=True)
        elif i in places:
            found.append((i, operation.rules[i](g, *map(read, operation.reads[i]))))
    return found


def _as(a: Any, dtype: Any) -> Any:
    return a.astype(dtype) if _is_float(a) else a


def _spaced(x: Any) -> Any:
    spaced = np.full((*x.shape, 2), np.nan, x.dtype)
    spaced[..., 0] = x
    return spaced[..., 0]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: np.asfortranarray(x) if x.ndim else x,
    "strided": _spaced,
    "reversed": lambda x: x[::-1].copy()[::-1] if x.ndim else x,
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim else np.broadcast_to(x, ()),
}


# -------------------------------------------------------------------- complaining


def label(operation: Operation, args: Args) -> str:
    """'Mul(float64 array of shape (2,), ...)'."""
    return f"{operation.__name__}({describe_all(args)})"


def _broken(operation: Operation, args: Args, what: str) -> AssertionError:
    lines = [f"{label(operation, args)}: {what}"]
    for k, a in enumerate(args):
        if isinstance(a, np.ndarray) and a.size <= 27:
            lines.append(f"  argument {k} = {np.array2string(a, separator=', ')}")
        elif not isinstance(a, np.ndarray):
            lines.append(f"  argument {k} = {a!r}")
    return AssertionError("\n".join(lines))


def _same(operation: Operation, args: Args, what: str, a: Args, b: Args, rtol: float, atol: float) -> None:
    """Raise unless all are close, in number and shape too."""
    if [np.shape(x) for x in a] != [np.shape(x) for x in b]:
        raise _broken(
            operation, args, f"{what} differ in shape: {[np.shape(x) for x in a]}, {[np.shape(x) for x in b]}"
        )
    for x, y in zip(a, b, strict=True):
        if not np.allclose(x, y, rtol, atol, equal_nan=True):
            raise _broken(operation, args, f"{what} differ by up to {np.max(np.abs(x - y)):.3g}:\n{x}\n{y}")


def _identical(operation: Operation, args: Args, what: str, a: Args, b: Args) -> None:
    """Raise unless all have the same bits."""
    for x, y in zip(a, b, strict=True):
        if x.dtype != y.dtype or x.shape != y.shape or not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            raise _broken(operation, args, f"{what} differ:\n{x!r}\n{y!r}")


def _apart(operation: Operation, args: Args, named: dict[str, Any]) -> None:
    """Raise if any two of the arrays share memory."""
    arrays = [(k, a) for k, a in named.items() if isinstance(a, np.ndarray) and not isinstance(a, TensorCore)]
    for k, (first, a) in enumerate(arrays):
        for second, b in arrays[k + 1 :]:
            if np.shares_memory(a, b):
                raise _broken(operation, args, f"{first} and {second} share memory")
