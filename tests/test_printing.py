"""How tensors print: the lines of PyTorch's documentation, and PyTorch itself over drawn shapes, dtypes and sizes."""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import minigrad
from minigrad.printing import format_tensor, set_printoptions

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8]


def shown(array: Any, **options: Any) -> str:
    """The text under other options, which end with the call."""

    def inside() -> str:
        if options:
            set_printoptions(**options)
        return format_tensor(array)

    return contextvars.copy_context().run(inside)


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    "array,text",
    [
        (f32(1, 2), "tensor([1., 2.])"),
        (f32(1, 2.5), "tensor([1.0000, 2.5000])"),
        (f32(1, 1e-5), "tensor([1.0000e+00, 1.0000e-05])"),
        (f32(0.5, 501), "tensor([5.0000e-01, 5.0100e+02])"),
        (f32(1e8 + 8, 1e8), "tensor([1.0000e+08, 1.0000e+08])"),
        (f32(0, -0.0), "tensor([0., -0.])"),
        (f32(1, np.inf, np.nan), "tensor([1., inf, nan])"),
        (f32(1.5, -np.inf), "tensor([1.5000,   -inf])"),
        (np.array([1, -20, 300]), "tensor([  1, -20, 300])"),
        (np.array([True, False]), "tensor([ True, False])"),
        (np.float32(3), "tensor(3.)"),
        (np.array(-7), "tensor(-7)"),
        (np.zeros(0, np.float32), "tensor([])"),
        (np.zeros((0, 3), np.float32), "tensor([], size=(0, 3))"),
        (np.zeros(0, np.int64), "tensor([], dtype=minigrad.int64)"),
        (np.zeros((2, 0), np.bool_), "tensor([], size=(2, 0), dtype=minigrad.bool)"),
        (np.array([1], np.uint8), "tensor([1], dtype=minigrad.uint8)"),
        (np.array([1.0]), "tensor([1.], dtype=minigrad.float64)"),
        (np.arange(4).reshape(2, 2), "tensor([[0, 1],\n        [2, 3]])"),
        (np.arange(4).reshape(2, 1, 2), "tensor([[[0, 1]],\n\n        [[2, 3]]])"),
        (np.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    ],
)
def test_texts(array: Any, text: str) -> None:
    assert format_tensor(array) == text


def test_a_long_line_is_broken_at_80_characters() -> None:
    lines = format_tensor(np.arange(100)).split("\n")
    assert len(lines) > 1
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * len("tensor([")) for line in lines[1:])


def test_gradients_are_noted() -> None:
    assert format_tensor(f32(1), requires_grad=True) == "tensor([1.], requires_grad=True)"
    assert format_tensor(f32(1), grad_fn="MulBackward0", requires_grad=True) == "tensor([1.], grad_fn=<MulBackward0>)"
    x = minigrad.tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], grad_fn=<MulBackward0>)"


def test_another_name_moves_the_lines() -> None:
    assert format_tensor(np.arange(2).reshape(2, 1), name="Mask") == "Mask([[0],\n      [1]])"


def test_notes_that_do_not_fit_take_a_new_line() -> None:
    text = format_tensor(np.arange(15) * 1.0 + 0.5, requires_grad=True)
    assert text.split("\n")[-1] == "       dtype=minigrad.float64, requires_grad=True)"
    assert max(map(len, text.split("\n"))) <= 80


def test_the_default_dtype_is_not_noted() -> None:
    def inside() -> str:
        minigrad.set_default_dtype(minigrad.float64)
        return format_tensor(np.array([1.0])) + format_tensor(f32(1))

    assert contextvars.copy_context().run(inside) == "tensor([1.])tensor([1.], dtype=minigrad.float32)"


def test_options() -> None:
    values = f32(1.23456, 2.0)
    assert shown(values, precision=2) == "tensor([1.23, 2.00])"
    assert shown(values, profile="short") == "tensor([1.23, 2.00])"
    assert shown(values, profile="short", precision=1) == "tensor([1.2, 2.0])"
    assert shown(values, sci_mode=True) == "tensor([1.2346e+00, 2.0000e+00])"
    assert shown(f32(1.5, 1e6), sci_mode=False) == "tensor([      1.5000, 1000000.0000])"
    assert shown(np.arange(10), threshold=5) == "tensor([0, 1, 2,  ..., 7, 8, 9])"
    assert shown(np.arange(10), threshold=5, edgeitems=1) == "tensor([0,  ..., 9])"
    assert shown(np.arange(6), linewidth=14) == "tensor([0, 1,\n        2, 3,\n        4, 5])"
    assert "..." not in shown(np.arange(2000), profile="full")


def test_options_keep_to_their_context() -> None:
    shown(f32(1.5), precision=1)
    assert format_tensor(f32(1.5)) == "tensor([1.5000])"


def test_an_unknown_profile_raises() -> None:
    with pytest.raises(ValueError, match="profile.*tiny"):
        set_printoptions(profile="tiny")


# Against PyTorch ------------------------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"precision": 2},
    {"precision": 0},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 5, "edgeitems": 0},
    {"edgeitems": 0},
    {"linewidth": 30},
    {"linewidth": 5},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "short", "threshold": 3, "linewidth": 40},
    {"threshold": 0, "edgeitems": 2},
]
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0]
KINDS: dict[str, Callable[[Any, tuple[int, ...]], Any]] = {
    "one magnitude": lambda r, shape: r.standard_normal(shape) * 10.0 ** r.integers(-8, 12),
    "many magnitudes": lambda r, shape: r.standard_normal(shape) * 10.0 ** r.integers(-5, 5, shape),
    "whole": lambda r, shape: np.round(r.standard_normal(shape) * 10.0 ** r.integers(0, 10)),
    "some odd": lambda r, shape: np.where(r.random(shape) < 0.3, r.choice(ODD, shape), r.standard_normal(shape)),
    "whole and odd": lambda r, shape: np.where(r.random(shape) < 0.3, r.choice(ODD, shape), r.integers(-9, 9, shape)),
    "odd": lambda r, shape: r.choice(ODD, shape),
}


@st.composite
def arrays(draw: Any) -> Any:
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=4)))
    dtype = draw(st.sampled_from([*FLOATS, *INTEGERS, np.bool_]))
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype in FLOATS:
        with np.errstate(over="ignore"):
            return np.asarray(KINDS[draw(st.sampled_from(sorted(KINDS)))](source, shape)).astype(dtype)
    if dtype is np.bool_:
        return np.asarray(source.random(shape) < 0.5)
    bound = int(np.iinfo(dtype).max * source.random())
    return np.asarray(source.integers(-bound if dtype is not np.uint8 else 0, bound + 1, shape)).astype(dtype)


@given(array=arrays(), options=st.sampled_from(OPTIONS), wants_grad=st.booleans())
def test_torch(torch: Any, array: Any, options: dict[str, Any], wants_grad: bool) -> None:
    wants_grad = wants_grad and array.dtype.kind == "f"
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    try:
        theirs = repr(torch.from_numpy(array.copy()).requires_grad_(wants_grad)).replace("torch.", "minigrad.")
    finally:
        torch.set_printoptions(profile="default")

    def inside() -> str:
        set_printoptions(**options)
        return format_tensor(array, requires_grad=wants_grad)

    ours = contextvars.copy_context().run(inside)
    if "dtype=" in theirs:  # the longer name of the library can move the notes to the next line
        ours, theirs = (re.sub(r",\n +(dtype|size|requires_grad)", r", \1", text) for text in (ours, theirs))
    assert ours == theirs


@pytest.mark.parametrize("linewidth", range(25, 60))
def test_torch_breaks_lines_at_the_same_widths(torch: Any, linewidth: int) -> None:
    array = f32(1.5, 2.5, 3.5)
    torch.set_printoptions(linewidth=linewidth)
    try:
        theirs = repr(torch.from_numpy(array).requires_grad_())
    finally:
        torch.set_printoptions(profile="default")

    def inside() -> str:
        set_printoptions(linewidth=linewidth)
        return format_tensor(array, requires_grad=True)

    assert contextvars.copy_context().run(inside) == theirs
