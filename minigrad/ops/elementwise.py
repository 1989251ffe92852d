"""Arithmetic and functions that act element by element. Shapes broadcast; dtypes promote as in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from minigrad import dtypes
from minigrad.domains import Booleans, Drawn, Reals
from minigrad.errors import DtypeError, describe
from minigrad.families import Binary, Unary, power
from minigrad.function import UFUNCS, Function, Recomputed, TensorCore, may_defer, raw, unsaved_result, wrap
from minigrad.kernels import elementwise as kernel
from minigrad.kernels.images import Deferred
from minigrad.memory import inplace

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

    Operand: TypeAlias = Tensor | float

__all__ = [
    "abs",
    "add",
    "ceil",
    "clamp",
    "cos",
    "div",
    "exp",
    "floor",
    "floor_divide",
    "log",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "pow",
    "relu",
    "remainder",
    "round",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "square",
    "sub",
    "tanh",
    "where",
]

T = TypeVar("T", bound="ElementwiseMethods")
Array = np.ndarray[Any, Any]
MISMATCHED = ((np.ones((2, 3)), np.ones((2, 4))),)


def select(g: Any, kept: Any) -> Any:
    """g (array or Tensor) where kept (booleans), else 0, also where g is inf or NaN: a product would give NaN there."""
    return Where.apply(raw(kept), g, 0) if isinstance(g, TensorCore) else kernel.select(g, raw(kept))


class Add(Binary):
    """x + y. Book 5.4.2 (AddLayer)."""

    symbol, forward, domain, rejects = "+", np.add, (Reals(), Reals()), MISMATCHED

    def dx(g: Any) -> Any:
        return g

    def dy(g: Any) -> Any:
        return g


class Sub(Binary):
    """x - y."""

    symbol, forward, domain, rejects = "−", np.subtract, (Reals(), Reals()), MISMATCHED
    refuses_bool = any

    def dx(g: Any) -> Any:
        return g

    def dy(g: Any) -> Any:
        return -g


class Mul(Binary):
    """x * y. Book 5.4.1 (MulLayer): upstream times the swapped input."""

    symbol, forward, domain, rejects = "×", np.multiply, (Reals(), Reals()), MISMATCHED

    def dx(g: Any, y: Any) -> Any:
        return g * y

    def dy(g: Any, x: Any) -> Any:
        return g * x


class Div(Binary):
    """x / y; integers give floats. Book 5.5.2 (the division node)."""

    symbol, forward, domain, rejects = "÷", np.true_divide, (Reals(), Reals(avoid=(0,), margin=0.5)), MISMATCHED
    to_float = True

    def dx(g: Any, y: Any) -> Any:
        return g / y

    def dy(g: Any, x: Any, y: Any) -> Any:
        return -g * (x / y / y)  # not the saved result, which programs write into: y = x / n; y += 1


class Pow(Binary):
    """x ** y. At x = 0 the gradient by x is 0 for y = 0, and the gradient by y is 0 for y >= 0 (PyTorch)."""

    symbol, forward, domain, rejects = "^", np.power, (Reals(0.3, 3), Reals(-2, 3, avoid=(0,))), MISMATCHED
    refuses_bool = all

    def dx(g: Any, x: Any, y: Any) -> Any:
        if isinstance(y, (int, float)):
            return g * (y * power(x, y - 1)) if y else select(g, False)
        one = np.logical_and(raw(y) == 0, np.logical_not(np.abs(raw(x)) > 0))  # 0 and NaN to the power 0
        return select(g, raw(y) != 0) * (y * power(Where.apply(one, 1, x), y - 1))

    def dy(g: Any, x: Any, y: Any, out: Any) -> Any:
        if isinstance(x, (int, float)):
            x = np.asarray(x, raw(out).dtype)
        zero = np.logical_and(raw(x) == 0, raw(y) >= 0)
        return select(g, np.logical_not(zero)) * (out * np.log(Where.apply(zero, 1, x)))


class Remainder(Binary):
    """x - floor(x / y) * y, with the sign of y. PyTorch: `remainder`."""

    symbol, forward, rejects = "%", np.remainder, MISMATCHED
    refuses_bool = all
    domain = Reals(0.2, 0.8), Reals(1, 2)

    def dx(g: Any) -> Any:
        return g

    def dy(g: Any, x: Any, y: Any) -> Any:
        return -g * np.floor_divide(x, y)


class FloorDivide(Binary):
    """floor(x / y), exactly; its derivative is 0. PyTorch: `floor_divide`."""

    symbol, forward, domain, rejects = "//", np.floor_divide, (Reals(), Reals(0.5, 2)), MISMATCHED
    refuses_bool = all

    def dx(g: Any) -> Any:
        return select(g, False)

    def dy(g: Any) -> Any:
        return select(g, False)


def share(g: Any, lost: Any, tied: Any) -> Any:
    """What goes to one of two rivals: nothing if it lost, half of g if both are equal, else all, NaN included."""
    return select(g * np.where(tied, 0.5, 1).astype(raw(g).dtype), np.logical_not(lost))


class Maximum(Binary):
    """The larger of x and y; equal elements share the gradient in halves (PyTorch). NaN wins."""

    symbol, forward, domain, rejects = "max", np.maximum, (Reals(), Reals()), MISMATCHED

    def dx(g: Any, x: Any, y: Any) -> Any:
        return share(g, raw(x) < raw(y), raw(x) == raw(y))

    def dy(g: Any, x: Any, y: Any) -> Any:
        return share(g, raw(y) < raw(x), raw(x) == raw(y))


class Minimum(Binary):
    """The smaller of x and y; equal elements share the gradient in halves (PyTorch). NaN wins."""

    symbol, forward, domain, rejects = "min", np.minimum, (Reals(), Reals()), MISMATCHED

    def dx(g: Any, x: Any, y: Any) -> Any:
        return share(g, raw(x) > raw(y), raw(x) == raw(y))

    def dy(g: Any, x: Any, y: Any) -> Any:
        return share(g, raw(y) > raw(x), raw(x) == raw(y))


class Neg(Unary):
    """-x. Raises for booleans."""

    symbol, forward, domain, rejects = "−", np.negative, (Reals(),), ((np.array([True]),),)

    def dx(g: Any) -> Any:
        return -g


class Abs(Unary):
    """|x|; the derivative at 0 and at NaN is 0 (PyTorch)."""

    symbol, forward, domain = "abs", np.absolute, (Reals(avoid=(0,)),)

    def dx(g: Any, x: Any) -> Any:
        return g * Sign.apply(x)


class Sign(Unary):
    """-1, 0 or 1, for NaN 0 (PyTorch); its derivative is 0."""

    symbol, domain, oracle = "sign", (Reals(avoid=(0,)),), np.sign

    def forward(x: Any) -> Any:
        if x.dtype.kind == "f":
            return np.sign(np.where(x == x, x, x.dtype.type(0)))[()]
        return np.sign(x) if x.dtype.kind != "b" else x.copy()

    def dx(g: Any) -> Any:
        return select(g, False)


UFUNCS[np.sign] = Sign


class Floor(Unary):
    """The largest integer that is not above x; its derivative is 0."""

    symbol, forward, domain = "floor", np.floor, (Reals(0.2, 0.8),)

    def dx(g: Any) -> Any:
        return select(g, False)


class Ceil(Unary):
    """The smallest integer that is not below x; its derivative is 0."""

    symbol, forward, domain = "ceil", np.ceil, (Reals(0.2, 0.8),)

    def dx(g: Any) -> Any:
        return select(g, False)


class Trunc(Unary):
    """x without its fraction; its derivative is 0."""

    symbol, forward, domain = "trunc", np.trunc, (Reals(0.2, 0.8),)

    def dx(g: Any) -> Any:
        return select(g, False)


class Round(Unary):
    """The nearest integer, halves to even; its derivative is 0."""

    symbol, forward, domain = "round", np.rint, (Reals(0.6, 1.4),)

    def dx(g: Any) -> Any:
        return select(g, False)


class Exp(Unary):
    """e ** x. Book 5.5.2."""

    symbol, forward, domain, to_float = "exp", np.exp, (Reals(),), True

    def dx(g: Any, out: Any) -> Any:
        return g * out


class Log(Unary):
    """The natural logarithm; -inf at 0, NaN below. Book 5.4 and appendix A."""

    symbol, forward, domain, to_float = "log", np.log, (Reals(0.3, 5),), True

    def dx(g: Any, x: Any) -> Any:
        return g / x


class Sqrt(Unary):
    """The square root; NaN below 0, derivative inf at 0 (PyTorch)."""

    symbol, forward, domain, to_float = "√", np.sqrt, (Reals(0.3, 5),), True

    def dx(g: Any, out: Any) -> Any:
        return g / (2 * out)


class Sin(Unary):
    """The sine of x in radians."""

    symbol, forward, domain, to_float = "sin", np.sin, (Reals(),), True

    def dx(g: Any, x: Any) -> Any:
        return g * np.cos(x)


class Cos(Unary):
    """The cosine of x in radians."""

    symbol, forward, domain, to_float = "cos", np.cos, (Reals(),), True

    def dx(g: Any, x: Any) -> Any:
        return -g * np.sin(x)


class Tanh(Unary):
    """The hyperbolic tangent."""

    symbol, forward, domain, to_float = "tanh", np.tanh, (Reals(),), True

    def dx(g: Any, out: Any) -> Any:
        return g * (1 - out * out)


class Sigmoid(Unary):
    """1 / (1 + e ** -x), without overflow. Book 5.5.2."""

    symbol, domain, to_float = "σ", (Reals(),), True
    arguments = ("x",)

    def forward(x: Any) -> Any:
        return 1 / (1 + np.exp(0 - x))  # not -x, which booleans lack

    def oracle(x: Any) -> Any:
        return np.exp(x) / (np.exp(x) + 1)

    def dx(g: Any, out: Any) -> Any:
        return g * (out * (1 - out))


class Relu(Unary):
    """max(x, 0); the derivative at 0 is 0, at NaN 1 (PyTorch). Book 5.5.1."""

    symbol, domain = "relu", (Reals(avoid=(0,)),)

    forward = kernel.relu

    def oracle(x: Any) -> Any:
        return np.where(x > 0, x, 0)

    def dx(g: Any, out: Any) -> Any:
        return select(g, out != 0) if isinstance(g, TensorCore) else kernel.relu_gradient(g, out)

    reads_deferred = True

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        """The gradient; of images, deferred if nothing but a convolution reads it."""
        if g.ndim > 2 and not isinstance(g, TensorCore):
            out, deferred = self.kept_out, isinstance(g, Deferred)
            if may_defer(self, edges) and g.dtype.char in "fd":
                if out.__class__ is not Recomputed:
                    out = unsaved_result(self, out, g)
                if deferred and g.rectify(out):
                    return (g,)
                if out.__class__ is not Recomputed and (deferred or g.strides == out.strides):
                    return (kernel.ReluGradient(g, out),)
            g = g.array() if deferred else g
        found: Sequence[Any] = self.by_rules(g, edges)
        return found


class Clamp(Function):
    """x limited to [min, max], either may be None or a tensor; the derivative at the bounds is 1 (PyTorch)."""

    symbol, broadcasts, rejects = "clamp", True, ((np.ones(2), None, None),)
    domain = (
        Reals(avoid=(-1, 1)),
        Drawn(lambda source, x: source.choice((None, -1.0, source.reals(x.shape[-1:], -3, 1)))),
        Drawn(lambda source, x, low: source.choice((1.0, 1.0 if low is None else None, source.reals(x.shape, -1, 3)))),
    )

    def forward(x: Any, min: Any, max: Any) -> Any:
        if min is None and max is None:
            raise ValueError("at least one of 'min' or 'max' must not be None")
        if min is not None:
            x = np.maximum(x, min)
        return x if max is None else np.minimum(x, max)

    def oracle(x: Any, min: Any, max: Any) -> Any:
        return np.clip(x, min, max)

    def dx(g: Any, x: Any, min: Any, max: Any) -> Any:
        inside = np.asarray(True)
        if min is not None:
            inside = raw(x) >= raw(min)
        if max is not None:
            inside = inside & (raw(x) <= raw(max))
        return select(g, inside)

    def dmin(g: Any, x: Any, min: Any, max: Any) -> Any:
        below = raw(x) < raw(min)
        return select(g, below if max is None else below & (raw(min) < raw(max)))

    def dmax(g: Any, x: Any, min: Any, max: Any) -> Any:
        above = raw(x) > raw(max)
        return select(g, above if min is None else above | (raw(max) < raw(min)))


class Where(Function):
    """x where the condition holds, y elsewhere; each gets the gradient of the elements it gave."""

    symbol, broadcasts = "where", True
    domain = Booleans(), Reals(), Reals()
    rejects = ((np.array([True, False]), np.ones(3), np.ones(2)),)

    def forward(condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition, x, y)[()]

    def oracle(condition: Any, x: Any, y: Any) -> Any:
        return np.select([condition], [x], y)

    def dx(g: Any, condition: Any) -> Any:
        return select(g, condition)

    def dy(g: Any, condition: Any) -> Any:
        return select(g, np.logical_not(raw(condition)))


# ------------------------------------------------------------------ functions


def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha * other. PyTorch: `add`. Raises ShapeError if the shapes do not broadcast."""
    return Add.apply(input, other if alpha == 1 else _scaled(input, other, alpha))


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha * other. PyTorch: `sub`. Raises ShapeError if the shapes do not broadcast."""
    return Sub.apply(input, other if alpha == 1 else _scaled(input, other, alpha))


def _scaled(input: Any, other: Any, alpha: float) -> Any:
    if isinstance(alpha, float) and dtypes.common((raw(input), raw(other))).kind != "f":
        raise RuntimeError(
            f"For integral input tensors, argument alpha must not be a floating point number: {alpha} for "
            f"{describe(input)}, {describe(other)}"
        )
    return other * alpha


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other. PyTorch: `mul`. Raises ShapeError if the shapes do not broadcast."""
    return Mul.apply(input, other)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, truly divided, or rounded with rounding_mode 'floor' or 'trunc'. PyTorch: `div`."""
    if rounding_mode is None:
        return Div.apply(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    down = floor_divide(input, other)
    if rounding_mode == "floor":
        return down
    if down._data.dtype.kind == "f":
        return Trunc.apply(Div.apply(input, other))
    rest = raw(input) - down._data * raw(other)
    return wrap(down._data + ((down._data < 0) & (rest != 0)).astype(down._data.dtype))


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """floor(input / other), in the dtype in which they meet; its derivative is 0. PyTorch: `floor_divide`.

    Raises RuntimeError where an integer is divided by 0.
    """
    _refuse_zero(input, other, "floor_divide")
    return FloorDivide.apply(input, other)


def remainder(input: Operand, other: Operand) -> Tensor:
    """input modulo other, with the sign of other. PyTorch: `remainder`. Raises RuntimeError where an integer meets 0."""
    _refuse_zero(input, other, "remainder")
    return Remainder.apply(input, other)


def _refuse_zero(x: Any, y: Any, name: str) -> None:
    """Raise where integers would be divided by zero: NumPy gives 0, PyTorch has no value for it."""
    for v in (raw(x), raw(y)):
        if not isinstance(v, int) and (not isinstance(v, (np.ndarray, np.generic)) or v.dtype.kind == "f"):
            return
    if not np.all(raw(y)):
        raise RuntimeError(f"{name}: ZeroDivisionError: an integer divided by zero: {describe(x)}, {describe(y)}")


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent. PyTorch: `pow`. Raises for negative integer powers of integers."""
    return Pow.apply(input, exponent)


def square(input: Tensor) -> Tensor:
    """input ** 2. PyTorch: `square`."""
    only_tensors("square", input)
    return Pow.apply(input, 2)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger element of each pair. PyTorch: `maximum`. Raises TypeError for numbers; `clamp` takes them."""
    only_tensors("maximum", input, other)
    return Maximum.apply(input, other)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller element of each pair. PyTorch: `minimum`. Raises TypeError for numbers; `clamp` takes them."""
    only_tensors("minimum", input, other)
    return Minimum.apply(input, other)


def only_tensors(name: str, *operands: Any) -> None:
    """Raise TypeError for operands that PyTorch does not take as numbers."""
    for k, x in enumerate(operands):
        if not isinstance(x, TensorCore):
            raise TypeError(f"{name}(): argument {k + 1} must be Tensor, not {type(x).__name__}")


def neg(input: Tensor) -> Tensor:
    """-input. PyTorch: `neg`."""
    return Neg.apply(input)


def abs(input: Tensor) -> Tensor:
    """|input|. PyTorch: `abs`. Raises DtypeError for booleans."""
    _no_booleans("abs", input)
    return Abs.apply(input)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1. PyTorch: `sign`."""
    return Sign.apply(input)


def floor(input: Tensor) -> Tensor:
    """Rounded down. PyTorch: `floor`. Raises DtypeError for booleans."""
    _no_booleans("floor", input)
    return Floor.apply(input)


def ceil(input: Tensor) -> Tensor:
    """Rounded up. PyTorch: `ceil`. Raises DtypeError for booleans."""
    _no_booleans("ceil", input)
    return Ceil.apply(input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Rounded to `decimals` places, halves to even. PyTorch: `round`. Raises DtypeError for booleans."""
    _no_booleans("round", input)
    if raw(input).dtype.kind in "iu":
        return input.clone()
    if decimals == 0:
        return Round.apply(input)
    return Div.apply(Round.apply(Mul.apply(input, 10.0**decimals)), 10.0**decimals)


def _no_booleans(name: str, x: Any) -> None:
    if not isinstance(x, TensorCore):
        only_tensors(name, x)
    if x._data.dtype.kind == "b":
        raise DtypeError(f"{name}: not implemented for booleans, got {describe(x)}; convert with .float()")


def exp(input: Tensor) -> Tensor:
    """e ** input; integers give floats. PyTorch: `exp`."""
    return Exp.apply(input)


def log(input: Tensor) -> Tensor:
    """The natural logarithm. PyTorch: `log`."""
    return Log.apply(input)


def sqrt(input: Tensor) -> Tensor:
    """The square root. PyTorch: `sqrt`."""
    return Sqrt.apply(input)


def sin(input: Tensor) -> Tensor:
    """The sine. PyTorch: `sin`."""
    return Sin.apply(input)


def cos(input: Tensor) -> Tensor:
    """The cosine. PyTorch: `cos`."""
    return Cos.apply(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. PyTorch: `tanh`."""
    return Tanh.apply(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e ** -input). PyTorch: `sigmoid`."""
    return Sigmoid.apply(input)


def relu(input: Tensor) -> Tensor:
    """max(input, 0). PyTorch: `relu`. Raises DtypeError for booleans."""
    _no_booleans("relu", input)
    return Relu.apply(input)


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """input limited to [min, max]; where min > max, max. PyTorch: `clamp`.

    The bounds are both numbers or both tensors; raises RuntimeError without either.
    """
    only_tensors("clamp", input)
    if len({isinstance(bound, TensorCore) for bound in (min, max) if bound is not None}) > 1:
        raise TypeError(f"clamp: the bounds must both be tensors or both be numbers: {describe(min)}, {describe(max)}")
    return Clamp.apply(input, min, max)


def where(condition: Tensor, input: Operand | None = None, other: Operand | None = None) -> Any:
    """input where condition, else other; with the condition alone its `nonzero(as_tuple=True)`. PyTorch: `where`."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, (TensorCore, np.ndarray, np.generic)) or input is None or other is None:
        given = f"{describe(condition)}, {describe(input)}, {describe(other)}"
        raise TypeError(f"where: expected a boolean tensor and two tensors or numbers, got {given}")
    if raw(condition).dtype == np.uint8:
        condition = wrap(raw(condition).astype(bool))
    if raw(condition).dtype.kind != "b":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {describe(condition)}")
    if not isinstance(raw(input), (np.ndarray, np.generic)) and not isinstance(raw(other), (np.ndarray, np.generic)):
        input = wrap(np.asarray(input, dtypes.common((input, other)))[()])
    return Where.apply(condition, input, other)


class ElementwiseMethods:
    """The functions above as methods and operators of Tensor."""

    __slots__ = ()

    add, sub, mul, div, pow = add, sub, mul, div, pow
    subtract, multiply, divide, true_divide = sub, mul, div, div
    floor_divide, remainder, square, maximum, minimum = floor_divide, remainder, square, maximum, minimum
    neg, abs, absolute, sign, floor, ceil, round = neg, abs, abs, sign, floor, ceil, round
    exp, log, sqrt, sin, cos, tanh, sigmoid, relu = exp, log, sqrt, sin, cos, tanh, sigmoid, relu
    clamp = clip = clamp

    def where(self, condition: Tensor, other: Operand) -> Tensor:
        """self where condition, else other."""
        return where(condition, self, other)  # type: ignore[arg-type]

    if TYPE_CHECKING:

        def __add__(self, other: Operand) -> Tensor: ...
        def __sub__(self, other: Operand) -> Tensor: ...
        def __mul__(self, other: Operand) -> Tensor: ...
        def __truediv__(self, other: Operand) -> Tensor: ...
        def __pow__(self, other: Operand) -> Tensor: ...
    else:  # the operations themselves: a wrapper would cost a tenth of a scalar operation
        __add__ = Add.operator
        __sub__ = Sub.operator
        __mul__ = Mul.operator
        __truediv__ = Div.operator
        __pow__ = Pow.operator

    def __mod__(self, other: Operand) -> Tensor:
        _refuse_zero(self, other, "remainder")
        return Remainder.operator(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return Add.operator(other, self)

    def __rsub__(self, other: Operand) -> Tensor:
        return Sub.operator(other, self)

    def __rmul__(self, other: Operand) -> Tensor:
        return Mul.operator(other, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return Div.operator(other, self)

    def __rpow__(self, other: Operand) -> Tensor:
        return Pow.operator(other, self)

    def __rmod__(self, other: Operand) -> Tensor:
        _refuse_zero(other, self, "remainder")
        return Remainder.operator(other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return floor_divide(self, other)  # type: ignore[arg-type]

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return floor_divide(other, self)  # type: ignore[arg-type]

    def __neg__(self) -> Tensor:
        return Neg.apply(self)

    def __pos__(self: T) -> T:
        return self

    def __abs__(self) -> Tensor:
        return abs(self)  # type: ignore[arg-type]

    # In place: the result takes over the buffer, and with it every view of it.

    def add_(self: T, other: Operand, *, alpha: float = 1) -> T:
        return inplace(Add, self, other if alpha == 1 else _scaled(self, other, alpha))

    def sub_(self: T, other: Operand, *, alpha: float = 1) -> T:
        return inplace(Sub, self, other if alpha == 1 else _scaled(self, other, alpha))

    def clamp_(self: T, min: Operand | None = None, max: Operand | None = None) -> T:
        return inplace(Clamp, self, min, max)

    def mul_(self: T, other: Operand) -> T:
        return inplace(Mul, self, other)

    def div_(self: T, other: Operand, *, rounding_mode: str | None = None) -> T:
        if rounding_mode is None:
            return inplace(Div, self, other)
        before: Any = self.clone()  # type: ignore[attr-defined]  # the rule reads it
        quotient: Any = div(before, other, rounding_mode=rounding_mode)
        if dtypes.category(quotient._data.dtype) > dtypes.category(self._data.dtype):  # type: ignore[attr-defined]
            raise DtypeError(f"div_: result type {quotient.dtype} can't be cast to the type of {describe(self)}")
        return self.copy_(quotient)  # type: ignore[attr-defined]

    def pow_(self: T, exponent: Operand) -> T:
        return inplace(Pow, self, exponent)

    def remainder_(self: T, other: Operand) -> T:
        return inplace(Remainder, self, other)

    def neg_(self: T) -> T:
        return inplace(Neg, self)

    def abs_(self: T) -> T:
        return inplace(Abs, self)

    def sign_(self: T) -> T:
        return inplace(Sign, self)

    def floor_(self: T) -> T:
        return inplace(Floor, self)

    def ceil_(self: T) -> T:
        return inplace(Ceil, self)

    def round_(self: T, *, decimals: int = 0) -> T:
        if self._data.dtype.kind in "iu":  # type: ignore[attr-defined]
            return self
        if decimals == 0:
            return inplace(Round, self)
        return self.copy_(round(self, decimals=decimals))  # type: ignore[attr-defined,arg-type]

    def exp_(self: T) -> T:
        return inplace(Exp, self)

    def log_(self: T) -> T:
        return inplace(Log, self)

    def sqrt_(self: T) -> T:
        return inplace(Sqrt, self)

    def sin_(self: T) -> T:
        return inplace(Sin, self)

    def cos_(self: T) -> T:
        return inplace(Cos, self)

    def tanh_(self: T) -> T:
        return inplace(Tanh, self)

    def sigmoid_(self: T) -> T:
        return inplace(Sigmoid, self)

    def relu_(self: T) -> T:
        return inplace(Relu, self)

    __iadd__, __isub__, __imul__, __itruediv__ = add_, sub_, mul_, div_
    __ipow__, __imod__ = pow_, remainder_
