"""Convolutions, their transposes and im2col against PyTorch: generated geometries, dtypes and layouts, orders 1 and 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.errors import OutOfMemory, ShapeError
from minigrad.nn import functional
from tests.agreement import agree, difference, differentiated, expression, outcome

generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def laid_out(array: Any, layout: str) -> Any:
    """The same numbers in another memory layout."""
    if layout == "channels last":
        return np.ascontiguousarray(np.moveaxis(array, 1, -1)).transpose(0, array.ndim - 1, *range(1, array.ndim - 1))
    if layout == "strided":
        spaced = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        spaced[..., ::2] = array
        return spaced[..., ::2]
    return array


@st.composite
def convolutions(draw: Any) -> Any:
    """(number of dimensions, arrays, options) of a convolution that fits."""
    dims = draw(st.sampled_from([1, 2, 2, 2, 3]))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    window, stride, padding, dilation = each(1, 3), each(1, 3), each(0, 2), each(1, 2)
    span = [d * (f - 1) + 1 for d, f in zip(dilation, window, strict=True)]
    size = [max(1, s - 2 * p + draw(st.integers(0, 4))) for s, p in zip(span, padding, strict=True)]
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    batch = draw(st.sampled_from([1, 2, 0]))
    x = random.normal(size=(batch, channels, *size)).astype(dtype)
    weight = random.normal(size=(outputs, channels // groups, *window)).astype(dtype)
    bias = random.normal(size=outputs).astype(dtype) if draw(st.booleans()) else None
    layout = draw(st.sampled_from(["C", "channels last", "strided"]))
    return dims, (laid_out(x, layout), weight, bias), {
        "stride": stride, "padding": padding, "dilation": dilation, "groups": groups
    }  # fmt: skip


@generated
@given(convolutions())
def test_convolution_agrees_to_order_2(torch: Any, drawn: Any) -> None:
    dims, arrays, options = drawn
    call = lambda L, x, w, b: getattr(L.nn.functional, f"conv{dims}d")(x, w, b, **options)  # noqa: E731
    agree(torch, differentiated(call), *arrays)


@generated
@given(convolutions(), st.data())
def test_transposed_convolution_agrees_to_order_2(torch: Any, drawn: Any, data: Any) -> None:
    dims, (x, weight, _), options = drawn
    random = np.random.default_rng(0)
    groups = options["groups"]
    y = random.normal(size=(len(x), len(weight), *x.shape[2:])).astype(x.dtype)
    bias = random.normal(size=weight.shape[1] * groups).astype(x.dtype)
    extra = tuple(
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(options["stride"], options["dilation"], strict=True)
    )
    call = lambda L, y, w, b: getattr(L.nn.functional, f"conv_transpose{dims}d")(  # noqa: E731
        y, w, b, output_padding=extra, **options
    )
    agree(torch, differentiated(call), y, weight, bias)


@generated
@given(convolutions())
def test_unfold_and_fold_agree_to_order_2(torch: Any, drawn: Any) -> None:
    dims, (x, weight, _), options = drawn
    if dims != 2:
        return
    options = {k: v for k, v in options.items() if k != "groups"}
    window = weight.shape[2:]

    def call(L: Any, x: Any) -> Any:
        columns = L.nn.functional.unfold(x, window, **options)
        return columns, L.nn.functional.fold(columns, x.shape[2:], window, **options)

    agree(torch, differentiated(call), x)


@generated
@given(convolutions())
def test_the_books_im2col_turns_convolution_into_a_product(drawn: Any) -> None:
    dims, (x, weight, _), options = drawn
    if dims != 2 or options["groups"] != 1 or not len(x):
        return
    (fh, fw), stride, padding = weight.shape[2:], options["stride"][0], options["padding"][0]
    if x.shape[2] + 2 * padding < fh or x.shape[3] + 2 * padding < fw:
        return
    images, filters = minigrad.tensor(x, dtype=minigrad.float64), minigrad.tensor(weight, dtype=minigrad.float64)
    expected = functional.conv2d(images, filters, stride=stride, padding=padding)
    rows = functional.im2col(images, fh, fw, stride, padding)
    product = (rows @ filters.reshape(len(weight), -1).T).reshape(len(x), *expected.shape[2:], -1).permute(0, 3, 1, 2)
    np.testing.assert_allclose(product.numpy(), expected.numpy(), rtol=1e-10, atol=1e-10)
    # col2im is the adjoint: <im2col(x), c> = <x, col2im(c)>
    other = minigrad.tensor(np.random.default_rng(1).normal(size=rows.shape))
    back = functional.col2im(other, x.shape, fh, fw, stride, padding)
    assert np.isclose(float((rows * other).sum()), float((images * back).sum()))


def test_large_images_pass_in_rows(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from minigrad.kernels import columns

    monkeypatch.setattr(columns, "BLOCK", 5000)  # less than the columns of one image
    random = np.random.default_rng(0)
    for stride, groups in ((1, 1), (2, 1), (1, 2)):
        call = lambda L, x, w, b, s=stride, g=groups: L.nn.functional.conv2d(x, w, b, stride=s, padding=1, groups=g)  # noqa: E731
        arrays = random.normal(size=(3, 4, 11, 13)), random.normal(size=(6, 4 // groups, 3, 3)), random.normal(size=6)
        agree(torch, differentiated(call), *arrays)


ZEROS = "x = L.zeros(2, 4, 5, 5); w = L.zeros(6, 4, 3, 3); b = L.zeros(6); "
REFUSED = [
    ZEROS + "L.nn.functional.conv2d(x, L.zeros(6, 4, 6, 3))",
    ZEROS + "L.nn.functional.conv2d(x, w, dilation=3)",
    ZEROS + "L.nn.functional.conv2d(x, L.zeros(6, 2, 3, 3))",
    ZEROS + "L.nn.functional.conv2d(x, L.zeros(5, 2, 3, 3), groups=2)",
    ZEROS + "L.nn.functional.conv2d(x, w, groups=3)",
    ZEROS + "L.nn.functional.conv2d(x, w, groups=0)",
    ZEROS + "L.nn.functional.conv2d(x, w, L.zeros(5))",
    ZEROS + "L.nn.functional.conv2d(x, w, stride=0)",
    ZEROS + "L.nn.functional.conv2d(x, w, padding=-1)",
    ZEROS + "L.nn.functional.conv2d(x, w, dilation=0)",
    ZEROS + "L.nn.functional.conv2d(x, w, stride=(1, 1, 1))",
    ZEROS + "L.nn.functional.conv2d(x, w, stride=1.5)",
    ZEROS + "L.nn.functional.conv2d(x, w, padding='most')",
    ZEROS + "L.nn.functional.conv2d(x, w, stride=2, padding='same')",
    ZEROS + "L.nn.functional.conv2d(x, w.double())",
    ZEROS + "L.nn.functional.conv2d(x[0, 0], w)",
    ZEROS + "L.nn.functional.conv2d(x, w[0])",
    ZEROS + "L.nn.functional.conv1d(x, w)",
    ZEROS + "L.nn.functional.conv2d(3.0, w)",
    ZEROS + "L.nn.functional.conv_transpose2d(x, w)",
    ZEROS + "L.nn.functional.conv_transpose2d(x, L.zeros(4, 6, 3, 3), output_padding=1)",
    ZEROS + "L.nn.functional.conv_transpose2d(x, L.zeros(4, 6, 3, 3), L.zeros(5))",
    ZEROS + "L.nn.functional.conv_transpose2d(x, L.zeros(4, 6, 3, 3), padding=4)",
    ZEROS + "L.nn.functional.conv_transpose2d(x, L.zeros(4, 6, 3, 3), groups=3)",
    ZEROS + "L.nn.functional.unfold(x, 6)",
    ZEROS + "L.nn.functional.fold(L.zeros(1, 8, 13), (4, 5), 2)",
    ZEROS + "L.nn.functional.fold(L.zeros(1, 7, 12), (4, 5), 2)",
    "L.nn.functional.conv2d(L.zeros(1, 1, 1, 1), L.zeros(1, 1, 1, 1), padding=2**21)",
]


@pytest.mark.parametrize("line", REFUSED)
def test_refuses_what_pytorch_refuses(torch: Any, line: str) -> None:
    theirs = outcome(expression(line), torch, ())
    assert isinstance(theirs, Exception), f"PyTorch gave {theirs!r:.200}"
    assert not (found := difference(theirs, outcome(expression(line), minigrad, ()))), found


ALLOWED = [
    ZEROS + "L.nn.functional.conv2d(x[:0], w, b, padding=1)",
    ZEROS + "L.nn.functional.conv2d(x[0], w, b, padding='valid')",
    ZEROS + "L.nn.functional.conv2d(x, w, b, 2, 1, 1, 1)",
    ZEROS + "L.nn.functional.conv2d(x, w, stride=[2, 1], padding=[1])",
    ZEROS + "L.nn.functional.conv2d(x.half(), w.half(), b.half())",
    ZEROS + "L.nn.functional.conv_transpose2d(x[:0], L.zeros(4, 6, 3, 3))",
]


@pytest.mark.parametrize("line", ALLOWED)
def test_allows_what_pytorch_allows(torch: Any, line: str) -> None:
    agree(torch, expression(line))


def test_too_large_a_result_says_so() -> None:
    x = minigrad.zeros(1, 1, 1, 1)
    with pytest.raises(OutOfMemory, match=r"convolution.*smaller batch or image"):
        functional.conv2d(x, x, padding=2**21)


def test_strict_sizes_ask_for_strides_that_divide() -> None:
    x, w = minigrad.zeros(1, 1, 7, 7), minigrad.zeros(1, 1, 2, 2)
    assert functional.conv2d(x, w, stride=2).shape == (1, 1, 3, 3)  # PyTorch's floor
    with functional.strict_sizes():
        with pytest.raises(ShapeError, match=r"\(7 \+ 2 \* 0 - 2\) / 2 \+ 1 = 3.5, with H = 7, P = 0, FH = 2, S = 2"):
            functional.conv2d(x, w, stride=2)
        with pytest.raises(ShapeError, match="H = 7, P = 0, FH = 2, S = 2"):
            functional.max_pool2d(x, 2)
        assert functional.conv2d(x, minigrad.zeros(1, 1, 3, 3), stride=2).shape == (1, 1, 3, 3)
        with functional.strict_sizes(False):
            assert functional.max_pool2d(x, 2).shape == (1, 1, 3, 3)
    assert functional.max_pool2d(x, 2).shape == (1, 1, 3, 3)


def test_results_are_channels_last_in_memory_and_can_be_viewed_flat() -> None:
    x = minigrad.rand(2, 3, 6, 6)
    out = functional.conv2d(x, minigrad.rand(4, 3, 3, 3)).relu()
    assert np.moveaxis(out.numpy(), 1, -1).flags.c_contiguous
    assert out.view(2, -1).tolist() == out.reshape(2, -1).tolist() == out.flatten(1).tolist()
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).view(2, -1)


def test_the_bias_of_images_without_channels_gets_its_gradient() -> None:
    bias = minigrad.ones(3, requires_grad=True)
    weight = minigrad.ones(3, 0, 2, 2, requires_grad=True)
    functional.conv2d(minigrad.ones(2, 0, 4, 4), weight, bias).sum().backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == [18] * 3
