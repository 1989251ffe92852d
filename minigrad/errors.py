"""The exceptions of the project. Each is also the built-in exception that PyTorch or NumPy would raise."""

from __future__ import annotations

from typing import Any

import numpy as np


class ShapeError(RuntimeError, ValueError):
    """Shapes that do not fit the operation."""


class DtypeError(NotImplementedError, TypeError):
    """Element types that do not fit the operation."""


class DimensionError(IndexError, RuntimeError):
    """A dimension that the tensor does not have."""


class GraphError(RuntimeError):
    """A backward walk that cannot be made: freed, modified or missing values."""


class OutOfMemory(MemoryError, RuntimeError):
    """A result that does not fit into memory; PyTorch raises RuntimeError, NumPy MemoryError."""


class MissingExtra(ImportError):
    """An optional library that is not installed; the message names the extra that brings it."""


def describe(value: Any) -> str:
    """One operand in words: 'float32 tensor of shape (2, 3)'."""
    data = getattr(value, "_data", value)
    if isinstance(data, (np.ndarray, np.generic)):
        kind = "array" if data is value else "tensor"
        return f"{data.dtype} {kind} of shape {data.shape}"
    return f"{type(value).__name__} {value!r:.60}"


def describe_all(values: Any) -> str:
    return ", ".join(describe(v) for v in values)
