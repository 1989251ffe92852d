"""Gradients as functions, and operations of one's own. PyTorch: `torch.autograd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad import engine
from minigrad.autograd.function import Function, FunctionCtx, once_differentiable
from minigrad.autograd.gradcheck import gradcheck, gradgradcheck
from minigrad.errors import GraphError
from minigrad.function import TensorCore
from minigrad.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from minigrad.tensor import Tensor

__all__ = [
    "Function",
    "FunctionCtx",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]

Tensors = Tensor | Sequence[Tensor]


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:
    """data itself, asked for gradients: what PyTorch's retired wrapper became."""
    return data.requires_grad_() if requires_grad else data


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of the sum of `tensors` to the leaves (or `inputs`). PyTorch: `autograd.backward`."""
    if isinstance(tensors, (list, tuple)) and not tensors:
        return
    ys = listed(tensors)
    engine.backward(
        ys, gradients_for(ys, grad_tensors), retain_graph, create_graph, None if inputs is None else listed(inputs)
    )


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of `outputs` by each of `inputs`; `.grad` is left alone. PyTorch: `autograd.grad`.

    With `create_graph` they can be differentiated again, to any order. An input that was not used raises GraphError,
    or gives None with `allow_unused`, or zeros with `materialize_grads`.
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not supported; call grad once per row of grad_outputs")
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is no longer supported; use backward() for all leaves")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    ys, xs = listed(outputs), listed(inputs)
    return engine.grad(
        ys, xs, gradients_for(ys, grad_outputs), retain_graph, create_graph, bool(allow_unused), materialize_grads
    )


def listed(tensors: Any) -> list[Any]:
    found = [tensors] if isinstance(tensors, TensorCore) else list(tensors)
    for x in found:
        if not isinstance(x, TensorCore):
            raise TypeError(f"expected tensors, got {type(x).__name__}")
    if not found:
        raise GraphError("grad requires non-empty outputs and inputs.")
    return found


def gradients_for(ys: list[Any], gradients: Any) -> list[Any]:
    if gradients is None:
        return [None] * len(ys)
    return [gradients] if isinstance(gradients, TensorCore) else list(gradients)
