"""The comparison with PyTorch that the `test_torch_*` files share."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad

TOLERANCE = {"float16": 4e-3, "float32": 2e-6, "float64": 1e-12}


@pytest.fixture
def same(torch: Any) -> Iterator[Callable[..., None]]:
    """same(call, *args): call(minigrad, ...) does what call(torch, ...) does, arrays among args being tensors.

    Values, dtypes, shapes and the gradients of orders 1 and 2 must be equal. Where torch raises, so must minigrad, with
    an exception that the same `except` clause catches. All differences of a test are reported together at its end.
    """
    differences: dict[str, list[str]] = {}

    def compare(call: Callable[..., Any], *args: Any, order: int = 2, grad: bool = True) -> None:
        ours, theirs = (outcome(library, call, args, order, grad) for library in (minigrad, torch))
        what = difference(ours, theirs, coarsest(args))
        if what:
            kind = re.sub(r"\[.*\]|-?\d[\d.e-]*", "", what, flags=re.DOTALL)
            differences.setdefault(kind, []).append(f"{', '.join(map(described, args))}: {what}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what both do alike
        yield compare
    if differences:
        number = sum(map(len, differences.values()))
        shown = "\n".join(f"{found[0]}  ({len(found)} like it)" for found in differences.values())
        pytest.fail(f"{number} calls differ from torch's:\n{shown}", pytrace=False)


def described(a: Any) -> str:
    return f"{a.dtype}{list(a.shape)} {a.ravel()[:6].tolist()}" if isinstance(a, np.ndarray) else repr(a)


def outcome(library: Any, call: Callable[..., Any], args: tuple[Any, ...], order: int, grad: bool) -> Any:
    """The results of a call and of differentiating it, as lists of arrays; or the exception that it raised."""
    tensors = [library.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    leaves = []
    if grad:
        leaves = [t.requires_grad_() for t in tensors if isinstance(t, library.Tensor) and t.dtype.is_floating_point]
    try:
        found = [tensors_of(library, call(library, *tensors))]
    except Exception as error:
        return error
    random = np.random.default_rng(0)
    for _ in range(order):
        outs = [o for o in found[-1] if isinstance(o, library.Tensor) and o.requires_grad]
        if not leaves or not outs:
            break
        upstream = [library.tensor(random.uniform(0.5, 1.5, o.shape)).to(o.dtype) for o in outs]
        try:
            gradients = library.autograd.grad(outs, leaves, upstream, create_graph=True, allow_unused=True)
        except Exception as error:
            found.append([error])
            break
        found.append([0.0 if g is None else g for g in gradients])
    return [[o.detach() if isinstance(o, library.Tensor) else o for o in outs] for outs in found]


def tensors_of(library: Any, result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def coarsest(args: tuple[Any, ...]) -> float:
    """How far results may be off: by the least precise of the arguments."""
    return max((TOLERANCE.get(str(a.dtype), 0.0) for a in args if isinstance(a, np.ndarray)), default=0.0)


def difference(ours: Any, theirs: Any, tolerance: float) -> str:
    """What differs between two outcomes, '' if nothing does."""
    if isinstance(theirs, Exception):
        if not isinstance(ours, Exception):
            return f"torch raises {type(theirs).__name__}: {str(theirs)[:80]}; minigrad gives {ours[0]}"
        caught = isinstance(ours, type(theirs))
        return "" if caught else f"torch raises {type(theirs).__name__}, minigrad {type(ours).__name__}: {ours}"
    if isinstance(ours, Exception):
        return f"torch gives {theirs[0]}; minigrad raises {type(ours).__name__}: {ours}"
    for level, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        name = "value" if level == 0 else f"gradient of order {level}"
        if level and isinstance(other[0], Exception):
            return ""  # torch cannot differentiate this itself (pow by a boolean)
        if level and isinstance(mine[0], Exception):
            return f"{name}: minigrad raises {type(mine[0]).__name__}: {mine[0]}"
        if len(mine) != len(other):
            return f"{len(mine)} results, torch {len(other)}"
        for a, b in zip(mine, other, strict=True):
            if level and (
                isinstance(a, float) or isinstance(b, float)
            ):  # one has no gradient: the other's must be zero
                if np.any(np.asarray(getattr(a, "numpy", lambda a=a: a)()) != 0) or np.any(
                    np.asarray(getattr(b, "numpy", lambda b=b: b)()) != 0
                ):
                    return f"{name}: {a}, torch {b}"
                continue
            if not hasattr(b, "dtype"):
                if a != b or type(a) is not type(b):
                    return f"{name}: {a!r}, torch {b!r}"
                continue
            kinds = str(a.dtype).split(".")[1], str(b.dtype).split(".")[1]
            if kinds[0] != kinds[1]:
                return f"{name}: dtype {kinds[0]}, torch {kinds[1]}"
            if tuple(a.shape) != tuple(b.shape):
                return f"{name}: shape {tuple(a.shape)}, torch {tuple(b.shape)}"
            rtol = max(tolerance, TOLERANCE.get(kinds[0], 0.0))
            if not np.allclose(a.numpy(force=True), b.numpy(force=True), rtol=rtol, atol=rtol, equal_nan=True):
                return f"{name}: {a.tolist()}, torch {b.tolist()}"
    if len(ours) < len(theirs) and any(not isinstance(g, float) and g.count_nonzero() for g in theirs[len(ours)]):
        return f"torch has a gradient of order {len(ours)}, minigrad has none"
    if len(ours) > len(theirs) and any(not isinstance(g, float) and g.count_nonzero() for g in ours[len(theirs)]):
        return f"minigrad has a gradient of order {len(theirs)}, torch has none"
    return ""
