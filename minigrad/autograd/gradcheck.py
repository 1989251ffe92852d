"""The whole Jacobian, computed and numerical, compared entry by entry. PyTorch: `autograd.gradcheck`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import engine, modes
from minigrad.errors import describe
from minigrad.function import TensorCore, edge_of, wrap
from minigrad.tensor import Tensor

Tensors = Tensor | Sequence[Tensor]
Array = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A computed gradient that differs from the numerical one. PyTorch: `autograd.gradcheck.GradcheckError`."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensors,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether func's gradients equal central differences of step eps. PyTorch: `autograd.gradcheck`.

    Compared by |computed - numerical| <= atol + rtol * |numerical|, for every element of those inputs that require
    grad; these should be float64. A backward of one output leaves the others' gradients undefined, so that
    `check_undefined_grad` costs nothing and is always on. `fast_mode` compares along one random direction only.
    There is no forward mode and no batching of gradients: asking for them raises NotImplementedError.
    Raises GradcheckError on a difference, or returns False without `raise_exception`; ValueError for no input to check.
    """
    _unsupported(
        "gradcheck",
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
        masked=masked,
    )
    if not check_backward_ad:
        raise ValueError("gradcheck: check_backward_ad=False leaves nothing to check, since there is no forward mode")
    xs = _inputs(inputs)
    try:
        _compare(func, xs, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensors,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of func's gradients are right, by inputs and grad_outputs. PyTorch: `autograd.gradgradcheck`.

    `grad_outputs` are random, in [-1, 1], where not given. The rest is as for `gradcheck`.
    """
    _unsupported("gradgradcheck", check_fwd_over_rev=check_fwd_over_rev)
    if not check_rev_over_rev:
        raise ValueError(
            "gradgradcheck: check_rev_over_rev=False leaves nothing to check, since there is no forward mode"
        )
    xs = _inputs(inputs)
    if grad_outputs is None:
        random = np.random.default_rng(0)
        given = [
            wrap(_strided(random.uniform(-1, 1, y.shape), gen_non_contig_grad_outputs)).to(y.dtype).requires_grad_()
            for y in _outputs(func(*xs))
        ]
    else:
        given = _listed(grad_outputs)

    def first_order(*args: Any) -> tuple[Any, ...]:
        ins, gs = args[: len(xs)], args[len(xs) :]
        live = [x for x in ins if isinstance(x, TensorCore) and edge_of(x) is not None]
        found = engine.grad(_outputs(func(*ins)), live, gs, True, True, True, False)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first_order,
        [*xs, *given],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _unsupported(name: str, **flags: Any) -> None:
    for flag, value in flags.items():
        if value:
            raise NotImplementedError(
                f"{name}: {flag}={value!r} is not supported; there are reverse-mode gradients only"
            )


def _listed(values: Any) -> list[Any]:
    return [values] if isinstance(values, TensorCore) else list(values)


def _outputs(result: Any) -> list[Any]:
    """The results that have a gradient."""
    results = [result] if isinstance(result, TensorCore) else list(result)
    return [y for y in results if isinstance(y, TensorCore) and edge_of(y) is not None]


def _inputs(inputs: Any) -> list[Any]:
    xs = _listed(inputs)
    live = _live(xs)
    if not live:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i in live:
        data = xs[i]._buffer()
        if data.dtype != np.float64:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point tensor: {describe(xs[i])}. "
                "This check will likely fail if all the inputs are not of double precision floating point.",
                stacklevel=3,
            )
        if data.size and any(step == 0 and n > 1 for step, n in zip(data.strides, data.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping "
                "to be able to compute the numerical gradients correctly. You should call .contiguous() on the input "
                "before passing it to gradcheck."
            )
    return xs


def _live(xs: list[Any]) -> list[int]:
    return [i for i, x in enumerate(xs) if isinstance(x, TensorCore) and edge_of(x) is not None]


def _strided(x: Array, strided: bool) -> Array:
    """x, or the same values two apart in memory."""
    if not strided:
        return x
    spaced = np.empty((*x.shape, 2))
    spaced[..., 0] = x
    return spaced[..., 0]


def _compare(
    func: Callable[..., Any],
    xs: list[Any],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_grad_dtypes: bool,
    fast: bool,
) -> None:
    ys = _outputs(func(*xs))
    random = np.random.default_rng(0)
    if fast:
        rows = [[random.normal(size=y.shape)] for y in ys]
        columns = {i: [random.normal(size=xs[i].shape)] for i in _live(xs)}
    else:
        rows = [_units(y.shape) for y in ys]
        columns = {i: _units(xs[i].shape) for i in _live(xs)}
    numerical = {i: _numerical(func, xs, i, columns[i], eps) for i in columns}
    if not ys:
        if any(np.any(np.abs(c) > atol) for cs in numerical.values() for c in cs):
            raise GradcheckError("Numerical gradient for function expected to be zero, since no output requires grad")
        return
    for o in range(len(ys)):
        for i in columns:
            n = np.array([[np.vdot(w, change[o]) for change in numerical[i]] for w in rows[o]])
            n = n.reshape(len(rows[o]), len(columns[i]))
            computed = [_pull(func, xs, o, rows[o], i, check_grad_dtypes) for _ in range(2)]
            a, again = (np.array([[np.vdot(g, v) for v in columns[i]] for g in gs]).reshape(n.shape) for gs in computed)
            if not np.allclose(a, n, rtol=rtol, atol=atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i} ({describe(xs[i])}) of "
                    f"{getattr(func, '__name__', func)},\nnumerical:{n.T}\nanalytical:{a.T}\n"
                    f"largest difference: {np.max(np.abs(a - n)):.3g}, allowed: {atol:g} + {rtol:g} * |numerical|"
                )
            if np.any(np.abs(a - again) > nondet_tol):
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    f"gives different values, although analytical gradient matches numerical gradient: output {o}, "
                    f"input {i}, largest difference {np.max(np.abs(a - again)):.3g}, tolerance {nondet_tol}."
                )


def _units(shape: tuple[int, ...]) -> list[Array]:
    size = int(np.prod(shape))
    return [e.reshape(shape) for e in np.eye(size)]


def _numerical(
    func: Callable[..., Any], xs: list[Any], i: int, directions: list[Array], eps: float
) -> list[list[Array]]:
    """For each direction of input i, how each output changes along it. The input is written and restored, as PyTorch does."""
    buffer = xs[i]._buffer()
    before = buffer.copy()

    def outputs() -> list[Array]:
        with modes.enable_grad():
            result = func(*xs)
        results = [result] if isinstance(result, TensorCore) else list(result)
        found = [y for y in results if isinstance(y, TensorCore)]
        live = [y for y in found if edge_of(y) is not None]
        return [np.array(y._data, dtype=np.float64) for y in (live or found)]

    changes = []
    try:
        for v in directions:
            buffer[...] = before + eps * v
            up = outputs()
            buffer[...] = before - eps * v
            down = outputs()
            changes.append([(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)])
    finally:
        buffer[...] = before
    return changes


def _pull(func: Callable[..., Any], xs: list[Any], o: int, rows: list[Array], i: int, check_dtype: bool) -> list[Array]:
    """The gradient by input i of output o, weighted by each of the rows."""
    y = _outputs(func(*xs))[o]
    found = []
    for w in rows:
        seed = wrap(np.asarray(w, dtype=y._data.dtype))
        (g,) = engine.grad([y], [xs[i]], [seed], True, False, True, False)
        if g is None:
            found.append(np.zeros(xs[i].shape))
            continue
        if g.shape != xs[i].shape:
            raise GradcheckError(f"Analytical gradient of input {i} has incorrect size: {g.shape}, not {xs[i].shape}")
        if check_dtype and g.dtype != xs[i].dtype:
            raise GradcheckError(f"Backward is returning gradient of dtype {g.dtype} for input {i}, {describe(xs[i])}")
        found.append(np.asarray(g._data, dtype=np.float64))
    return found
