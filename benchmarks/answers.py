"""How programs state their answers."""

from __future__ import annotations

from typing import Any

import numpy as np


def flat(*values: Any) -> list[list[float]]:
    """Arrays, lists and numbers as the parts of an answer (see `catalogue.Program`)."""
    return [np.asarray(value, np.float64).ravel().tolist() for value in values]
