"""Adding values at indices, where one index may occur many times."""

from __future__ import annotations

from typing import Any

import numpy as np


def add_at(out: Any, index: Any, values: Any) -> None:
    """out[index] += values with repeated indices adding up, each addition done in out's dtype or wider."""
    np.add.at(out, index, values)
