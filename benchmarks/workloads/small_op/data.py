from __future__ import annotations

from typing import Any

import numpy as np


def arrays() -> tuple[Any, Any]:
    """The two factors, float32, 10 elements."""
    random = np.random.default_rng(0)
    return random.random(10, np.float32), random.random(10, np.float32)
