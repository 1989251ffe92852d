"""How numbers are printed in pictures: four digits, a real minus sign, no negative zero."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from minigrad.viz.form import DATA_LIMIT, Quantity

SHOWN = 4  # elements that are printed; of more the shape is
IN_TOOLTIP = 64
MINUS = "\N{MINUS SIGN}"


def number(x: Any) -> str:
    """One number with four significant digits: "0.01821", "−1", "1e−05"; -0 is "0"."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        text = str(int(x))
    else:
        text = f"{float(x):.4g}"
    return "0" if text == "-0" else text.replace("-", MINUS).replace("e+", "e")


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as Python prints it."""
    return str(tuple(int(n) for n in shape))


def array_text(a: Any) -> str:
    """All elements, in brackets as nested as the shape."""
    if np.ndim(a) == 0:
        return number(a[()] if isinstance(a, np.ndarray) else a)
    return "[" + ", ".join(map(array_text, a)) + "]"


@functools.cache
def dtype_name(dtype: Any) -> str:
    """NumPy's name of a dtype, which NumPy takes its time to spell."""
    return str(dtype)


def quantity(a: Any, *, shapes: bool = False) -> Quantity:
    """What stands beside an arrow for an array or number. `shapes` prints the shape of everything but single numbers."""
    if isinstance(a, (np.generic, float, int)):
        text, name = number(a), dtype_name(a.dtype) if isinstance(a, np.generic) else type(a).__name__
        return Quantity(text, (), name, f"{name}: {text}", a.item() if isinstance(a, np.generic) else a)
    name = dtype_name(a.dtype)
    full = f"{name} {shape_text(a.shape)}" if a.ndim else name
    text = shape_text(a.shape)
    if a.size <= IN_TOOLTIP:
        every = array_text(a)
        full += f": {every}"
        if a.size <= SHOWN and not (shapes and a.ndim):
            text = every
    elif a.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            full += f": mean {number(a.mean())}, min {number(a.min())}, max {number(a.max())}"
    data = a.tolist() if a.size <= DATA_LIMIT and a.dtype.kind in "fiub" else None
    return Quantity(text, tuple(a.shape), name, full, data)


def only_shape(shape: tuple[int, ...], dtype: Any) -> Quantity:
    """For a value that is not known any more: its shape, or nothing if it was a single number."""
    text = shape_text(shape) if len(shape) else ""
    return Quantity(text, tuple(shape), dtype_name(dtype), f"{dtype_name(dtype)} {shape_text(shape)}: not kept")
