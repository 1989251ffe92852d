"""Products: matrices, batches of them, and sums of products in Einstein's notation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.domains import OneOf, Reals, Source
from minigrad.errors import DimensionError, DtypeError, ShapeError, describe, describe_all
from minigrad.families import Variadic
from minigrad.function import Function, TensorCore, raw
from minigrad.kernels.sums import sum_rows, sum_to
from minigrad.ops.elementwise import only_tensors

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "bmm",
    "dot",
    "einsum",
    "matmul",
    "mm",
    "mv",
    "outer",
]


def _left(source: Source) -> Any:
    return source.choice(((3,), (2, 3), (1, 3), (2, 2, 3), (0, 3), (1, 2, 3)))


def _right(source: Source, x: Any) -> Any:
    lead = [()] if x.ndim < 3 else [(), (x.shape[0],), (1,)]
    return source.choice((*((*b, x.shape[-1], source.integer(1, 3)) for b in lead), (x.shape[-1],)))


HALF = np.dtype(np.float16)
ndarray = np.ndarray  # NumPy's module is slow to look into


class Matmul(Function):
    """x @ y: vectors, matrices and batches that broadcast. PyTorch: `matmul`. Book 5.6 (Affine)."""

    symbol, broadcasts, domain = "@", True, (Reals(shape=_left), Reals(shape=_right))
    rejects = ((np.ones((2, 3)), np.ones((2, 3))), (np.ones(()), np.ones(3)), (np.ones(3), np.ones(4)))

    def forward(x: Any, y: Any) -> Any:
        if not x.ndim or not y.ndim:
            raise ShapeError("both arguments to matmul need to be at least 1D")
        if x.dtype is HALF and y.dtype is HALF:  # BLAS has no half precision; float32 sums, rounded once
            return (x.astype(np.float32) @ y.astype(np.float32)).astype(np.float16)
        return x.dot(y) if x.ndim == 2 == y.ndim else x @ y  # dot has half the fixed cost

    def oracle(x: Any, y: Any) -> Any:
        a = x[None, :] if x.ndim == 1 else x
        b = y[:, None] if y.ndim == 1 else y
        out = np.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)
        out = out[..., 0, :] if x.ndim == 1 else out
        return out[..., 0] if y.ndim == 1 else out

    def dx(g: Any, x_shape: Any, y: Any) -> Any:
        if len(x_shape) == 1 == y.ndim:
            return g * y
        if y.ndim == 1:
            return np.expand_dims(g, -1) * y
        if len(x_shape) == 1:
            return np.squeeze(np.expand_dims(g, -2) @ np.swapaxes(y, -1, -2), -2)
        return g @ np.swapaxes(y, -1, -2)

    def dy(g: Any, x: Any, y_shape: Any) -> Any:
        if len(y_shape) == 1 == x.ndim:
            return g * x
        if x.ndim == 1:
            return np.expand_dims(x, -1) * np.expand_dims(g, -2)
        if len(y_shape) == 1:
            return np.squeeze(np.swapaxes(x, -1, -2) @ np.expand_dims(g, -1), -1)
        return np.swapaxes(x, -1, -2) @ g


def product(x: Any, y: Any) -> Any:
    """x @ y, of arrays or of Tensors; matrices by dot, which has half the fixed cost."""
    return x.dot(y) if x.__class__ is ndarray and x.ndim == 2 == y.ndim else x @ y


class Linear(Function):
    """x @ weight.T + bias, the last dimension of x being the features. Book 5.6.2 (Affine)."""

    symbol = "affine"
    domain = (
        Reals(shape=lambda source: source.choice(((3,), (2, 3), (0, 3), (2, 2, 3)))),
        Reals(shape=lambda source, x: (source.integer(1, 3), 3)),
        Reals(shape=lambda source, x, weight: weight.shape[:1]),
    )
    rejects = ((np.ones((2, 3)), np.ones((4, 2)), np.ones(4)), (np.ones((2, 3)), np.ones((4, 3)), np.ones(3)))

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        shape = weight.shape
        if x.shape[-1:] != shape[-1:] or bias is not None and bias.shape != shape[:-1]:
            raise ShapeError(
                f"mat1 and mat2 shapes cannot be multiplied: input {x.shape} has {x.shape[-1:]} features, weight "
                f"{weight.shape} expects {weight.shape[-1:]}, bias {np.shape(bias)}"
            )
        out = x.dot(weight.T) if x.ndim == 2 and x.dtype is not HALF else Matmul.forward(x, weight.T)
        if bias is not None:
            out += bias
        return out

    def oracle(x: Any, weight: Any, bias: Any) -> Any:
        return np.sum(x[..., None, :] * weight, axis=-1) + bias

    def dx(g: Any, weight: Any) -> Any:
        return product(g, weight)

    def dweight(g: Any, x: Any) -> Any:
        if g.ndim != 2:
            g, x = np.reshape(g, (-1, g.shape[-1])), np.reshape(x, (-1, x.shape[-1]))
        return product(g.T, x)

    def dbias(g: Any) -> Any:
        return sum_rows(g) if g.__class__ is ndarray and g.ndim == 2 else sum_to(g, g.shape[-1:])


class Einsum(Variadic):
    """Sums of products in Einstein's notation: repeated labels multiply, those not in the result are summed."""

    symbol, rejects = "einsum", (("ij,jk->ik", np.ones((2, 3)), np.ones((2, 3))), ("ij->ijk", np.ones((2, 2))))
    domain = (
        OneOf("ij,jk->ik", "ij,kj", "ij,jk->", "ij,jk->ki", "ij,jk->ijk", "...j,jk->...k", "ij,jj->i", "ik,kj->j"),
        Reals(shape=lambda source, equation: (2, 3)),
        Reals(shape=lambda source, equation, x: (2, 3) if equation == "ij,kj" else (3, 3)),
    )

    def forward(equation: str, *operands: Any) -> Any:
        return np.einsum(equation, *operands, optimize=len(operands) > 1)[()]

    def oracle(equation: str, *operands: Any) -> Any:
        return np.einsum(equation, *operands)

    def doperands(g: Any, equation: str, operands: Any) -> Any:
        inputs, output = labels(equation, [np.ndim(x) for x in operands])
        return [_by_operand(g, i, inputs, output, operands) for i in range(len(operands))]


def labels(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, ellipses spelled out and the implicit result made explicit."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    unused = iter(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in equation)
    widest = max((n - len(s) + 3 for s, n in zip(inputs, ndims, strict=True) if "..." in s), default=0)
    extra = "".join(next(unused) for _ in range(widest))
    inputs = [s.replace("...", extra[widest - (n - len(s) + 3) :]) for s, n in zip(inputs, ndims, strict=True)]
    if arrow:
        return inputs, output.replace("...", extra)
    every = "".join(inputs)
    return inputs, extra + "".join(sorted(c for c in set(every) if every.count(c) == 1 and c not in extra))


def _by_operand(g: Any, i: int, inputs: list[str], output: str, operands: Any) -> Any:
    """The gradient of one operand: the same product with the operand's place taken by the upstream gradient."""
    x = operands[i]
    own = inputs[i]
    names: list[str] = [output]
    factors: list[Any] = [g]
    for k, other in enumerate(operands):
        if k != i:
            names.append(inputs[k])
            factors.append(other)
    unused = iter(
        c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in "".join(inputs) + output
    )
    target = ""
    dtype = raw(g).dtype
    for c, n in zip(own, np.shape(x), strict=True):
        if c in target:  # a diagonal: its gradient is zero off the diagonal
            fresh = next(unused)
            names.append(c + fresh)
            factors.append(np.eye(n, dtype=dtype))
            target += fresh
        else:
            target += c
            if not any(c in s for s in names):  # summed over this operand alone: the gradient repeats
                names.append(c)
                factors.append(np.ones(n, dtype=dtype))
    sized = Einsum.apply(",".join(names) + "->" + target, *factors)
    if sized.shape != np.shape(x):  # a label of size 1 beside one of size n: either may be x's
        sized = sum_to(np.broadcast_to(sized, np.broadcast_shapes(sized.shape, np.shape(x))), np.shape(x))
    return sized


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, batches broadcasting. PyTorch: `matmul`.

    Raises ShapeError naming both shapes, DtypeError unless both have one dtype.
    """
    only_tensors("matmul", input, other)
    one_dtype("matmul", input, other)
    return Matmul.apply(input, other)


def one_dtype(name: str, *operands: Any) -> None:
    """Raise unless all have the same dtype: products do not promote, as in PyTorch."""
    if len({raw(x).dtype for x in operands}) > 1:
        raise DtypeError(
            f"{name}: expected tensors of one dtype, got {describe_all(operands)}; convert with .to(dtype)"
        )


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices. PyTorch: `mm`."""
    return _exactly(2, "mm", input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices, (b, n, m) and (b, m, p). PyTorch: `bmm`."""
    only_tensors("bmm", input, mat2)
    if raw(input).ndim == 3 == raw(mat2).ndim and len(raw(input)) != len(raw(mat2)):
        raise ShapeError(f"bmm: batch sizes differ: {describe(input)}, {describe(mat2)}")
    return _exactly(3, "bmm", input, mat2)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors. PyTorch: `dot`."""
    return _exactly(1, "dot", input, tensor)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector. PyTorch: `mv`."""
    only_tensors("mv", input, vec)
    if not raw(input).ndim:
        raise DimensionError(f"mv: expected a matrix and a vector, got {describe(input)}, {describe(vec)}")
    if raw(input).ndim != 2 or raw(vec).ndim != 1:
        raise ShapeError(f"mv: expected a matrix and a vector, got {describe(input)}, {describe(vec)}")
    return Matmul.apply(input, vec)


def _exactly(ndim: int, name: str, x: Any, y: Any) -> Any:
    only_tensors(name, x, y)
    for v in (x, y):
        if raw(v).ndim != ndim:
            raise ShapeError(f"{name}: expected {ndim}-d tensors, got {describe(x)}, {describe(y)}")
    one_dtype(name, x, y)
    return Matmul.apply(x, y)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors. PyTorch: `outer`."""
    only_tensors("outer", input, vec2)
    if raw(input).ndim != 1 or raw(vec2).ndim != 1:
        raise ShapeError(f"outer: expected two vectors, got {describe(input)}, {describe(vec2)}")
    return input.unsqueeze(1) * vec2


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that the equation says, e.g. 'bij,bjk->bik'. PyTorch: `einsum`."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise TypeError(f"einsum: the equation must be a string, not {type(equation).__name__}")
    one_dtype("einsum", *operands)
    return Einsum.apply(equation, *operands)


class LinalgMethods:
    """The functions above as methods and operators of Tensor."""

    __slots__ = ()

    matmul, mm, bmm, dot, mv, outer = matmul, mm, bmm, dot, mv, outer

    def __matmul__(self, other: Any) -> Tensor:
        if not isinstance(other, (TensorCore, np.ndarray)):
            return NotImplemented
        one_dtype("matmul", self, other)
        return Matmul.apply(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        if not isinstance(other, (TensorCore, np.ndarray)):
            return NotImplemented
        one_dtype("matmul", other, self)
        return Matmul.apply(other, self)
