"""Comparisons, logic and tests of single elements: results without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad import dtypes
from minigrad.domains import Reals
from minigrad.errors import DtypeError, ShapeError, describe, describe_all
from minigrad.function import Function, TensorCore, raw, wrap
from minigrad.operands import complaint
from minigrad.ops.elementwise import only_tensors

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
    """An operation of one or two arguments whose result has no gradient. Operands meet in one dtype, as in arithmetic."""

    @classmethod
    def prepare(cls) -> None:
        cls.arguments = ("x", "y")[: cls.forward.nin]
        cls.apply = staticmethod(make_predicate(cls))


def make_predicate(cls: Any) -> Callable[..., Any]:
    forward = cls.forward

    def apply(*args: Any) -> Any:
        arrays = [a._data if isinstance(a, TensorCore) else a for a in args]
        try:
            data = forward(*met(arrays))
        except (TypeError, ValueError, OverflowError) as error:
            raise complaint(cls, args, error) from error
        return wrap(data) if any(isinstance(a, TensorCore) for a in args) else data

    return apply


def met(values: list[Any]) -> list[Any]:
    """Arrays in the dtype of `dtypes.common`, where dimensioned ones decide and integers beside a float become floats."""
    kinds = {a.dtype for a in values if isinstance(a, (np.ndarray, np.generic))}
    if len(kinds) == 1 and not any(isinstance(a, float) for a in values):
        return values
    wanted = dtypes.common(values)
    return [a.astype(wanted, copy=False) if isinstance(a, (np.ndarray, np.generic)) else a for a in values]


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


def compared(name: str, operation: Any, input: Any, other: Any) -> Tensor:
    only_tensors(name, input)
    if not comparable(other):
        raise TypeError(f"{name}(): argument 2 must be a Tensor or a number, not {type(other).__name__}")
    return operation.apply(input, other)


def eq(input: Tensor, other: Operand) -> Tensor:
    """input == other, a boolean tensor. PyTorch: `eq`."""
    return compared("eq", Eq, input, other)


def ne(input: Tensor, other: Operand) -> Tensor:
    """input != other, a boolean tensor. PyTorch: `ne`."""
    return compared("ne", Ne, input, other)


def lt(input: Tensor, other: Operand) -> Tensor:
    """input < other, a boolean tensor. PyTorch: `lt`."""
    return compared("lt", Lt, input, other)


def le(input: Tensor, other: Operand) -> Tensor:
    """input <= other, a boolean tensor. PyTorch: `le`."""
    return compared("le", Le, input, other)


def gt(input: Tensor, other: Operand) -> Tensor:
    """input > other, a boolean tensor. PyTorch: `gt`."""
    return compared("gt", Gt, input, other)


def ge(input: Tensor, other: Operand) -> Tensor:
    """input >= other, a boolean tensor. PyTorch: `ge`."""
    return compared("ge", Ge, input, other)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """input and other, zero being false. PyTorch: `logical_and`."""
    only_tensors("logical_and", input, other)
    return LogicalAnd.apply(input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """input or other, zero being false. PyTorch: `logical_or`."""
    only_tensors("logical_or", input, other)
    return LogicalOr.apply(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Exactly one of input and other. PyTorch: `logical_xor`."""
    only_tensors("logical_xor", input, other)
    return LogicalXor.apply(input, other)


def logical_not(input: Tensor) -> Tensor:
    """not input. PyTorch: `logical_not`."""
    only_tensors("logical_not", input)
    return LogicalNot.apply(input)


def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN. PyTorch: `isnan`."""
    only_tensors("isnan", input)
    return IsNan.apply(input)


def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite. PyTorch: `isinf`."""
    only_tensors("isinf", input)
    return IsInf.apply(input)


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN. PyTorch: `isfinite`."""
    only_tensors("isfinite", input)
    return IsFinite.apply(input)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal, in whatever dtypes. PyTorch: `equal`."""
    only_tensors("equal", input, other)
    return raw(input).shape == raw(other).shape and bool(np.all(raw(input) == raw(other)))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, element by element. PyTorch: `isclose`.

    Raises DtypeError unless both have one dtype, RuntimeError for a negative tolerance.
    """
    only_tensors("isclose", input, other)
    if raw(input).dtype != raw(other).dtype:
        raise DtypeError(f"isclose: dtypes did not match: {describe(input)}, {describe(other)}; convert one with .to()")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose: rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}")
    try:
        return wrap(np.isclose(raw(input), raw(other), rtol=rtol, atol=atol, equal_nan=equal_nan))
    except ValueError as error:
        raise ShapeError(f"isclose: {describe(input)} and {describe(other)} cannot be broadcast together") from error


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close; raises as `isclose`. PyTorch: `allclose`."""
    return bool(np.all(raw(isclose(input, other, rtol, atol, equal_nan))))


def _bitwise(name: str, function: Any, *args: Any) -> Any:
    if not all(isinstance(a, (TensorCore, np.ndarray, np.generic, int, float)) for a in args):
        return NotImplemented
    arrays = [raw(a) for a in args]
    if dtypes.common(arrays).kind == "f":
        raise DtypeError(f"{name}: expected integers or booleans, got {describe_all(args)}")
    try:
        return wrap(function(*met(arrays)))
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{name}({describe_all(args)}): {error}") from error


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

    def __rlshift__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_left_shift", np.left_shift, other, self)

    def __rrshift__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_right_shift", np.right_shift, other, self)

    def __rshift__(self, other: Any) -> Tensor:
        return _bitwise("bitwise_right_shift", np.right_shift, self, other)

    def __invert__(self) -> Tensor:
        return _bitwise("bitwise_not", np.invert, self)


def comparable(other: object) -> bool:
    return isinstance(other, (TensorCore, np.ndarray, np.generic, int, float))
