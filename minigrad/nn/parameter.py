"""Tensors that belong to a module: parameters, which optimisers change, and buffers, which they do not."""

from __future__ import annotations

from typing import Any

from minigrad.tensor import Tensor


class Parameter(Tensor):
    pass
