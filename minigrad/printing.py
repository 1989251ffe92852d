"""How tensors print: PyTorch's `repr`, character for character, for arrays of every dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigrad import dtypes

Cell = Callable[[Any], str]


class Options(NamedTuple):
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {"default": Options(), "short": Options(precision=2, edgeitems=2), "full": Options(threshold=math.inf)}

_options: ContextVar[Options] = ContextVar("print_options", default=PROFILES["default"])


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, in the current context. PyTorch: `set_printoptions`.

    precision   digits after the point (4)
    threshold   tensors of more elements print their edges only (1000)
    edgeitems   elements at either end of a dimension that is cut short (3)
    linewidth   characters per line (80)
    profile     "default", "short" or "full": where the four above start from; raises ValueError for another name
    sci_mode    scientific notation: True, False, or None to decide by the values, which every call goes back to
    """
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    start = _options.get() if profile is None else PROFILES[profile]
    wanted = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    _options.set(start._replace(sci_mode=sci_mode, **changes))


def format_tensor(array: Any, *, name: str = "tensor", requires_grad: bool = False, grad_fn: str | None = None) -> str:
    """The `repr` of a tensor over `array`, an array or NumPy scalar: `tensor([1., 2.], grad_fn=<MulBackward0>)`.

    `grad_fn` is the name of the operation that made the tensor, and hides `requires_grad`.
    """
    array, options, start = np.asarray(array), _options.get(), f"{name}("
    body = _body(array, len(start), options) if array.size else "[]"
    return _with_notes(start + body, _notes(array, options, requires_grad, grad_fn), len(start), options.linewidth)


def _notes(array: NDArray[Any], options: Options, requires_grad: bool, grad_fn: str | None) -> Iterator[str]:
    if array.ndim != 1 if array.size == 0 else options.edgeitems == 0:
        yield f"size={array.shape}"
    usual = [dtypes.get_default_dtype().numpy]
    if array.size:  # the elements themselves show these two
        usual += [np.dtype(np.int64), np.dtype(np.bool_)]
    if array.dtype not in usual:
        yield f"dtype={dtypes.from_numpy_dtype(array.dtype)}"
    if grad_fn is not None:
        yield f"grad_fn=<{grad_fn}>"
    elif requires_grad:
        yield "requires_grad=True"


def _with_notes(text: str, notes: Iterator[str], indent: int, linewidth: int) -> str:
    used = len(text) - text.rfind("\n") + 1
    for note in notes:
        used += len(note) + 2
        if used > linewidth:
            text += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            text += ", " + note
    return text + ")"


def _body(array: NDArray[Any], indent: int, options: Options) -> str:
    short = array.size > options.threshold
    shown = _edges(array, options.edgeitems) if short else array
    cell, width = _float_cell(shown, options) if array.dtype.kind == "f" else _plain_cell(shown)
    if array.ndim == 0:
        return cell(array.item())
    return _brackets(array, indent, short, lambda value: cell(value).rjust(width), width, options)


def _edges(array: NDArray[Any], edgeitems: int) -> NDArray[Any]:
    """The elements that are left when every long dimension is cut short."""
    for dim, length in enumerate(array.shape):
        if length > 2 * edgeitems:
            array = array.take([*range(edgeitems), *range(length - edgeitems, length)], axis=dim)
    return array


def _plain_cell(shown: NDArray[Any]) -> tuple[Cell, int]:
    return str, max((len(str(value)) for value in shown.flat), default=1)


def _float_cell(shown: NDArray[Any], options: Options) -> tuple[Cell, int]:
    """How one float prints, and how wide the widest is. Zeros, infinities and NaN have no say in either."""
    values = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    whole = bool((values == np.ceil(values)).all())
    scientific = values.size > 0 and (_needs_exponent(values) if options.sci_mode is None else options.sci_mode)
    pattern = f".{options.precision}{'e' if scientific else 'f'}"
    if whole and not scientific:

        def cell(value: float) -> str:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"

    else:

        def cell(value: float) -> str:
            return format(value, pattern)

    return cell, max((len(cell(value)) for value in values.tolist()), default=1)


def _needs_exponent(values: NDArray[np.float64]) -> bool:
    sizes = np.abs(values)
    low, high = sizes.min(), sizes.max()
    return bool(high / low > 1000 or high > 1e8 or low < 1e-4)


def _brackets(array: NDArray[Any], indent: int, short: bool, cell: Cell, width: int, options: Options) -> str:
    edge = options.edgeitems
    cut = short and len(array) > 2 * edge
    rows = chain(array[:edge], array[len(array) - edge :]) if cut else iter(array)
    if array.ndim > 1:
        items = [_brackets(row, indent + 1, short, cell, width, options) for row in rows]
        gap, per_line = ",", 1
    else:
        items = [cell(value.item()) for value in rows]
        gap, per_line = ", ", max(1, (options.linewidth - indent) // (width + 2))
    if cut:
        items.insert(edge, " ..." if array.ndim == 1 and edge else "...")
    lines = (gap.join(items[i : i + per_line]) for i in range(0, len(items), per_line))
    return "[" + ("," + "\n" * max(array.ndim - 1, 1) + " " * (indent + 1)).join(lines) + "]"
