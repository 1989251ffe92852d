"""Activation functions that are one operation; `minigrad.nn.functional` composes the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.domains import Reals
from minigrad.function import Unary
from minigrad.ops.elementwise import Sigmoid


class Softplus(Unary):
    """log(1 + exp(x)), element by element, exact at both ends; its derivative is the sigmoid."""

    symbol, domain = "softplus", (Reals(-30, 30),)

    def forward(x: Any) -> Any:
        return np.logaddexp(x, 0)

    def oracle(x: Any) -> Any:
        return np.log(1 + np.exp(x))

    def dx(g: Any, x: Any) -> Any:
        return g * Sigmoid.apply(x)
