"""Every operation, tested from its own definition: a new one is tested by existing.

What must hold is in `minigrad.testing.operations`; here hypothesis draws the arguments from each operation's domain.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import minigrad
import minigrad.ops
from minigrad.function import OPERATIONS
from minigrad.testing import PROPERTIES, Kink, RandomSource, draw
from minigrad.testing.operations import FIXED_SHAPES, is_defined, rejects_bad_arguments

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in :RuntimeWarning")

for module in pkgutil.iter_modules(minigrad.ops.__path__, "minigrad.ops."):
    importlib.import_module(module.name)

EVERY = [operation for operation in OPERATIONS if operation.__module__.split(".")[0] == "minigrad"]
DRAWN = [operation for operation in EVERY if operation.domain is not None]

every_operation = pytest.mark.parametrize("operation", EVERY, ids=lambda operation: operation.__name__)
drawn_operation = pytest.mark.parametrize("operation", DRAWN, ids=lambda operation: operation.__name__)


class HypothesisSource:
    """The choices of a domain, made by hypothesis. Arrays come from a drawn seed: shapes shrink, their numbers need not."""

    def __init__(self, data: Any) -> None:
        self.draw = data.draw

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def reals(self, shape: tuple[int, ...], low: float, high: float) -> Any:
        return np.asarray(np.random.default_rng(self.integer(0, 2**16)).uniform(low, high, shape))


@every_operation
def test_is_defined(operation: Any) -> None:
    is_defined(operation)


@every_operation
def test_rejects_bad_arguments(operation: Any) -> None:
    rejects_bad_arguments(operation)


@drawn_operation
@pytest.mark.parametrize("holds", PROPERTIES.values(), ids=PROPERTIES)
@settings(suppress_health_check=[HealthCheck.data_too_large, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_property(operation: Any, holds: Any, data: Any) -> None:
    args = draw(operation, HypothesisSource(data))
    try:
        holds(operation, args)
    except Kink:  # says nothing about the rule; hypothesis fails a test that rejects too often
        assume(False)


@drawn_operation
@pytest.mark.parametrize("shape", FIXED_SHAPES, ids=str)
def test_scalars_and_empty_arrays(operation: Any, shape: tuple[int, ...]) -> None:
    for seed in range(3):
        args = draw(operation, RandomSource(seed), shape)
        for holds in PROPERTIES.values():
            try:
                holds(operation, args)
            except Kink:
                continue
