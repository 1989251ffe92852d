"""How a gradient comes about, in a few symbols: "1.1 × 2", "dY · Wᵀ"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.function import Bundle, Function
from minigrad.viz.numbers import number

FORMULAS = {
    "Matmul": ("dY · {1}ᵀ", "{0}ᵀ · dY"),
    "Linear": ("dY · {1}", "dYᵀ · {0}", "Σ dY"),
    "Add": ("dY", "dY"),
    "Sub": ("dY", "−dY"),
    "Mul": ("dY × {1}", "dY × {0}"),
}


def local_text(n: Function, argument: int, upstream: Any, gradient: Any, inputs: Sequence[str]) -> str:
    """The gradient of one argument as upstream times local derivative; "" where no short formula says it.

    `inputs` are the names of the arguments.
    """
    if upstream is None or isinstance(upstream, Bundle) or isinstance(gradient, Bundle):
        return ""
    if np.ndim(upstream) == np.ndim(gradient) == 0:
        slope = gradient / upstream if upstream else np.nan
        return f"{number(upstream)} × {number(slope)}" if slope - slope == 0 else ""
    formulas = FORMULAS.get(type(n).__name__, ())
    if argument >= len(formulas) or len(inputs) < 2:
        return ""
    summed = n.broadcasts and np.shape(upstream) != np.shape(gradient) and type(n).__name__ != "Matmul"
    return ("Σ " if summed else "") + formulas[argument].format(*inputs)
