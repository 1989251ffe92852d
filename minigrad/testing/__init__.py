"""Gradient checks, for the project's operations and for your own.

gradcheck, gradgradcheck   the whole Jacobian against numerical derivatives, as PyTorch's
check_grads                any order, along one random direction each: cheap enough for property-based tests
check_operation            everything that the project's own operations are tested for, on one of yours
"""

from __future__ import annotations

from minigrad.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.directional import Kink, check_grads
from minigrad.testing.drawing import RandomSource, draw
from minigrad.testing.operations import PROPERTIES, check_operation

__all__ = [
    "PROPERTIES",
    "GradcheckError",
    "Kink",
    "RandomSource",
    "check_grads",
    "check_operation",
    "draw",
    "gradcheck",
    "gradgradcheck",
]
