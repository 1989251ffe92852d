"""Comparisons, logic and tests of single elements: results without gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.domains import Reals
from minigrad.errors import describe
from minigrad.function import Function, TensorCore, complaint, make_apply, raw, wrap

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

    Operand: TypeAlias = Tensor | float

__all__ = [
    "allclose",
    "eq",
    "equal",
    "ge",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
]


class Predicate(Function):
    """An operation of one or two arguments whose result has no gradient."""

    to_float = False

    @classmethod
    def prepare(cls) -> None:
        cls.arguments = ("x", "y")[: cls.forward.nin]
        cls.apply = staticmethod(make_apply(cls))


TWO = Reals(-2, 2), Reals(-2, 2)
MISMATCHED = ((np.ones((2, 3)), np.ones((2, 4))),)


class Eq(Predicate):
    """x == y."""

    symbol, forward, domain, rejects = "=", np.equal, TWO, MISMATCHED


class Ne(Predicate):
    """x != y."""

    symbol, forward, domain, rejects = "≠", np.not_equal, TWO, MISMATCHED


class Lt(Predicate):
    """x < y."""

    symbol, forward, domain, rejects = "<", np.less, TWO, MISMATCHED


class Le(Predicate):
    """x <= y."""

    symbol, forward, domain, rejects = "≤", np.less_equal, TWO, MISMATCHED


class Gt(Predicate):
    """x > y."""

    symbol, forward, domain, rejects = ">", np.greater, TWO, MISMATCHED


class Ge(Predicate):
    """x >= y."""

    symbol, forward, domain, rejects = "≥", np.greater_equal, TWO, MISMATCHED


class LogicalAnd(Predicate):
    """x and y, zero being false."""

    symbol, forward, domain, rejects = "and", np.logical_and, TWO, MISMATCHED


class LogicalOr(Predicate):
    """x or y, zero being false."""

    symbol, forward, domain, rejects = "or", np.logical_or, TWO, MISMATCHED


class LogicalXor(Predicate):
    """Exactly one of x and y, zero being false."""

    symbol, forward, domain, rejects = "xor", np.logical_xor, TWO, MISMATCHED


class LogicalNot(Predicate):
    """Not x, zero being false."""

    symbol, forward, domain = "not", np.logical_not, (Reals(-2, 2),)


class IsNan(Predicate):
    """Whether x is NaN."""

    symbol, forward, domain = "nan?", np.isnan, (Reals(),)


class IsInf(Predicate):
    """Whether x is infinite."""

    symbol, forward, domain = "inf?", np.isinf, (Reals(),)


class IsFinite(Predicate):
    """Whether x is neither infinite nor NaN."""

    symbol, forward, domain = "finite?", np.isfinite, (Reals(),)


def eq(input: Tensor, other: Operand) -> Tensor:
    """input == other, a boolean tensor. PyTorch: `eq`."""
    return Eq.apply(input, other)


def ne(input: Tensor, other: Operand) -> Tensor:
    """input != other, a boolean tensor. PyTorch: `ne`."""
    return Ne.apply(input, other)


def lt(input: Tensor, other: Operand) -> Tensor:
    """input < other, a boolean tensor. PyTorch: `lt`."""
    return Lt.apply(input, other)


def le(input: Tensor, other: Operand) -> Tensor:
    """input <= other, a boolean tensor. PyTorch: `le`."""
    return Le.apply(input, other)


def gt(input: Tensor, other: Operand) -> Tensor:
    """input > other, a boolean tensor. PyTorch: `gt`."""
    return Gt.apply(input, other)


def ge(input: Tensor, other: Operand) -> Tensor:
    """input >= other, a boolean tensor. PyTorch: `ge`."""
    return Ge.apply(input, other)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """input and other, zero being false. PyTorch: `logical_and`."""
    return LogicalAnd.apply(input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """input or other, zero being false. PyTorch: `logical_or`."""
    return LogicalOr.apply(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Exactly one of input and other. PyTorch: `logical_xor`."""
    return LogicalXor.apply(input, other)


def logical_not(input: Tensor) -> Tensor:
    """not input. PyTorch: `logical_not`."""
    return LogicalNot.apply(input)


def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN. PyTorch: `isnan`."""
    return IsNan.apply(input)


def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite. PyTorch: `isinf`."""
    return IsInf.apply(input)


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN. PyTorch: `isfinite`."""
    return IsFinite.apply(input)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal. PyTorch: `equal`."""
    return raw(input).shape == raw(other).shape and bool(np.all(raw(input) == raw(other)))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, element by element. PyTorch: `isclose`."""
    return wrap(np.isclose(raw(input), raw(other), rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close. PyTorch: `allclose`."""
    return bool(np.allclose(raw(input), raw(other), rtol=rtol, atol=atol, equal_nan=equal_nan))


def _bitwise(name: str, function: Any, *args: Any) -> Any:
    for a in args:
        if isinstance(a, TensorCore) and a._data.dtype.kind == "f" or isinstance(a, float):
            raise RuntimeError(f"{name}: expected integers or booleans, got {describe(a)}")
        if not isinstance(a, (TensorCore, np.ndarray, int)):
            return NotImplemented
    try:
        return wrap(function(*map(raw, args)))
    except ValueError as error:
        raise complaint(Function, args, error) from error


class CompareMethods:
    """The functions above as methods and operators of Tensor."""

    __slots__ = ()

    eq, ne, lt, le, gt, ge = eq, ne, lt, le, gt, ge
    logical_and, logical_or, logical_xor, logical_not = logical_and, logical_or, logical_xor, logical_not
    isnan, isinf, isfinite, equal, isclose, allclose = isnan, isinf, isfinite, equal, isclose, allclose

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return Eq.apply(self, other) if comparable(other) else NotImplemented

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return Ne.apply(self, other) if comparable(other) else NotImplemented

    def __lt__(self, other: Operand) -> Tensor:
        return Lt.apply(self, other) if comparable(other) else NotImplemented

    def __le__(self, other: Operand) -> Tensor:
        return Le.apply(self, other) if comparable(other) else NotImplemented

    def __gt__(self, other: Operand) -> Tensor:
        return Gt.apply(self, other) if comparable(other) else NotImplemented

    def __ge__(self, other: Operand) -> Tensor:
        return Ge.apply(self, other) if comparable(other) else NotImplemented

    def __and__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_and", np.bitwise_and, self, other)

    def __or__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_or", np.bitwise_or, self, other)

    def __xor__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_xor", np.bitwise_xor, self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_left_shift", np.left_shift, self, other)

    def __rshift__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_right_shift", np.right_shift, self, other)

    def __invert__(self) -> Tensor:
        return _bitwise("bitwise_not", np.invert, self)


def comparable(other: object) -> bool:
    return isinstance(other, (TensorCore, np.ndarray, np.generic, int, float))
