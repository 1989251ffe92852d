"""Moved to `minigrad.autograd.function`, PyTorch's place."""

from minigrad.autograd.function import Function, FunctionCtx, once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
