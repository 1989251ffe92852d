"""Gradients of any order against numerical ones, along one random direction an order.

The scheme of JAX's `check_grads`, with Chainer's detection of kinks: where differences of two step sizes, or the slopes
to either side, disagree, the function has no derivative there, and the example says nothing about the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import engine, modes
from minigrad.autograd.gradcheck import GradcheckError
from minigrad.errors import DtypeError, describe, describe_all
from minigrad.function import TensorCore, edge_of, wrap
from minigrad.tensor import Tensor

Array = np.ndarray[Any, Any]


class Kink(Exception):
    """The function has no derivative at the point drawn, so nothing was checked. Not an error of the function.

    In a property-based test: `except Kink: hypothesis.assume(False)`, which counts the rejections.
    """


def check_grads(
    f: Callable[..., Any],
    args: Tensor | Sequence[Any],
    order: int = 2,
    *,
    eps: float = 2e-4,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    seed: int = 0,
    name: str = "",
) -> None:
    """Compare the gradients of f(*args), of orders 1 to `order`, with numerical ones along random directions.

    Those of `args` that require grad are differentiated and must be float64; f gives a Tensor or several. Order k + 1
    differentiates the gradients of order k, by the arguments and by the upstream gradient. Numerical derivatives are
    central differences of steps eps and eps / 2, extrapolated. Raises GradcheckError naming the order and argument that
    differ, Kink where there is no derivative, ValueError for nothing to differentiate.
    """
    given = [args] if isinstance(args, TensorCore) else list(args)
    live = [i for i, x in enumerate(given) if isinstance(x, TensorCore) and edge_of(x) is not None]
    if not live:
        raise ValueError("check_grads: none of the arguments requires grad")
    for i in live:
        if given[i]._data.dtype != np.float64:
            raise DtypeError(f"check_grads: argument {i} must be float64, not {describe(given[i])}")

    def of_live(*xs: Any) -> Any:
        every = list(given)
        for i, x in zip(live, xs, strict=True):
            every[i] = x
        return f(*every)

    check = _Check(name or getattr(f, "__name__", type(f).__name__), eps, atol, rtol, np.random.default_rng(seed))
    check.run(of_live, [np.array(given[i]._data) for i in live], [f"argument {i}" for i in live], 1, order)


class _Check:
    def __init__(self, name: str, eps: float, atol: float, rtol: float, random: np.random.Generator) -> None:
        self.name, self.eps, self.atol, self.rtol, self.random = name, eps, atol, rtol, random

    def run(self, f: Callable[..., Any], points: list[Array], labels: list[str], level: int, order: int) -> None:
        """Check f's gradients at `points`, then those of its gradients, up to `order`."""
        with modes.enable_grad():
            xs = leaves(points)
            ys = differentiable(f(*xs))
            weights = [np.asarray(self.random.uniform(-1, 1, y.shape)) for y in ys]
            live = [y for y in ys if edge_of(y) is not None]
            seeds = [wrap(w) for y, w in zip(ys, weights, strict=True) if edge_of(y) is not None]
            found = engine.grad(live, xs, seeds, False, False, True, True) if live else leaves([p * 0 for p in points])
        gradients = [np.asarray(g._data) for g in found]
        vs = [self.direction(p.shape) for p in points]
        computed = float(sum(np.vdot(g, v) for g, v in zip(gradients, vs, strict=True)))
        numerical = self.numerical(f, points, vs, weights)
        if not self.close(computed, numerical):
            raise GradcheckError(self.complaint(f, points, vs, weights, gradients, labels, level, computed, numerical))
        if level == order:
            return

        def gradient(*args: Any) -> Any:
            xs, ws = args[: len(points)], args[len(points) :]
            ys = differentiable(f(*xs))
            live = [(y, w) for y, w in zip(ys, ws, strict=True) if edge_of(y) is not None]
            if not live:
                return ()
            return engine.grad([y for y, _ in live], xs, [w for _, w in live], None, True, True, True)

        upstream = [f"the upstream gradient {k} of order {level}" for k in range(len(weights))]
        self.run(gradient, [*points, *weights], [*labels, *upstream], level + 1, order)

    def direction(self, shape: tuple[int, ...]) -> Array:
        v = np.asarray(self.random.normal(size=shape))
        return v / max(1.0, float(np.linalg.norm(v)))

    def close(self, computed: float, numerical: float) -> bool:
        return abs(computed - numerical) <= self.atol + self.rtol * abs(numerical)

    def numerical(self, f: Callable[..., Any], points: list[Array], vs: list[Array], weights: list[Array]) -> float:
        """The derivative along vs of the weighted sum of f's results. Raises Kink if there is none."""

        def at(step: float) -> float:
            ys = differentiable(f(*leaves([p + step * v for p, v in zip(points, vs, strict=True)])))
            return float(sum(np.vdot(w, y._data) for w, y in zip(weights, ys, strict=True)))

        h = self.eps
        with modes.enable_grad():
            here, up, down, half_up, half_down = at(0), at(h), at(-h), at(h / 2), at(-h / 2)
        wide, narrow = (up - down) / (2 * h), (half_up - half_down) / h
        allowed = 10 * (self.atol + self.rtol * abs(narrow))
        bend, half_bend = (up - 2 * here + down) / h, (half_up - 2 * here + half_down) / (h / 2)
        # Of a smooth function the slopes to either side differ in proportion to the step; at a kink they do not.
        if not abs(wide - narrow) <= allowed or not abs(2 * half_bend - bend) <= allowed:
            raise Kink(
                f"{self.name}: no derivative near {describe_all(points)}: slopes {wide:.6g} and {narrow:.6g} with steps "
                f"{h:g} and {h / 2:g}, {bend:.3g} and {half_bend:.3g} apart to either side"
            )
        return (4 * narrow - wide) / 3

    def complaint(
        self,
        f: Callable[..., Any],
        points: list[Array],
        vs: list[Array],
        weights: list[Array],
        gradients: list[Array],
        labels: list[str],
        level: int,
        computed: float,
        numerical: float,
    ) -> str:
        """What differs: the whole, then each argument by itself."""
        lines = [
            f"{self.name}: gradient of order {level} differs from the numerical one along a random direction: "
            f"computed {computed:.10g}, numerical {numerical:.10g}, allowed difference {self.atol:g} + {self.rtol:g} * |numerical|"
        ]
        for k, (label, p, v, g) in enumerate(zip(labels, points, vs, gradients, strict=True)):
            alone = [v if j == k else np.zeros_like(u) for j, u in enumerate(vs)]
            own = float(np.vdot(g, v))
            try:
                slope = self.numerical(f, points, alone, weights)
                verdict = f"computed {own:.10g}, numerical {slope:.10g}" + (
                    "" if self.close(own, slope) else "  <-- wrong"
                )
            except Kink:
                verdict = f"computed {own:.10g}, numerically not differentiable"
            lines.append(f"  along {label}, {describe(p)}: {verdict}")
            if p.size <= 12:
                lines.append(f"    value {np.array2string(p, separator=', ')}")
        return "\n".join(lines)


def leaves(points: Sequence[Any]) -> list[Any]:
    """Tensors over the arrays that require grad."""
    return [wrap(np.asarray(p)).requires_grad_() for p in points]


def differentiable(result: Any) -> list[Any]:
    """A result, or several, as a list of floating-point Tensors."""
    results = [result] if isinstance(result, TensorCore) else list(result)
    return [y for y in results if isinstance(y, TensorCore) and y._data.dtype.kind == "f"]
