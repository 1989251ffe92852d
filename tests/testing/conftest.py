from __future__ import annotations

from collections.abc import Iterator

import pytest

from minigrad.function import OPERATIONS, UFUNCS


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    """Operations defined in a test are forgotten after it."""
    ufuncs, operations = dict(UFUNCS), list(OPERATIONS)
    yield
    UFUNCS.clear()
    UFUNCS.update(ufuncs)
    OPERATIONS[:] = operations
