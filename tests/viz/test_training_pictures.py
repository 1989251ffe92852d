"""The training pictures: what is drawn, read back from the axes, and that nothing global changes."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import viz
from minigrad.errors import MissingExtra, ShapeError
from minigrad.training import Row, Settings, draw_curves
from minigrad.viz import training_pictures

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'book')")
from matplotlib.figure import Figure  # noqa: E402

rng = np.random.default_rng(0)


def bowl(x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
    return x**2 / 20 + y**2


EVERY: dict[str, Callable[..., Any]] = {
    "curves": lambda **k: viz.plot_curves({"训练": [3.0, 2.0, -1.0], "test": [3.0, 2.5, 2.0]}, **k),
    "histogram": lambda **k: viz.plot_histogram({"第一层": rng.normal(size=99), "b": rng.normal(size=99)}, **k),
    "filters": lambda **k: viz.plot_filters(rng.normal(size=(5, 1, 3, 3)), **k),
    "confusion": lambda **k: viz.plot_confusion_matrix([0, 1, 1], [0, 1, 0], classes=["上衣", "裤子"], **k),
    "gradients": lambda **k: viz.plot_gradients(bowl, **k),
    "contour": lambda **k: viz.plot_contour(bowl, {"动量": [(-7, 2), (0, 0)]}, minimum=(0, 0), **k),
}


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=50)
    return file.getvalue()


@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_draws_on_the_given_axes_and_nowhere_else(draw: Callable[..., Any]) -> None:
    before = dict(matplotlib.rcParams)
    figure = Figure()
    left, right = figure.subplots(1, 2)
    untouched = png(figure)
    assert draw(ax=left) is left
    assert right.get_children()[0].axes is right and not (right.lines or right.images or right.collections)
    assert png(figure) != untouched
    assert dict(matplotlib.rcParams) == before
    alone = draw()
    assert alone.figure not in (figure, None)
    assert len(png(alone.figure)) > 1000


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys\nfrom minigrad import viz\nassert 'matplotlib' not in sys.modules\n"
        "viz.plot_contour(lambda x, y: x * y, {'a': [(0, 0)]}); viz.plot_curves({'a': [1, 2]})\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"needs matplotlib: pip install \"minigrad\[book\]\"$"):
        viz.plot_curves({"a": [1.0]})


@pytest.mark.skipif(len(training_pictures.fonts()) < 2, reason="no font with Chinese characters on this machine")
@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_chinese_characters_have_glyphs(draw: Callable[..., Any]) -> None:
    ax = draw(title="优化路径")  # a missing glyph is a warning, and a warning an error here
    ax.set_xlabel("横轴")
    png(ax.figure)


def test_minus_on_axes_is_a_hyphen_when_drawn_later() -> None:
    ax = EVERY["contour"]()
    png(ax.figure)
    labels = "".join(label.get_text() for label in [*ax.get_xticklabels(), *ax.get_yticklabels()])
    assert "-" in labels and "\N{MINUS SIGN}" not in labels
    assert matplotlib.rcParams["axes.unicode_minus"] is True


@given(n=st.integers(1, 50), lines=st.integers(1, 8))
def test_curves_show_every_point_and_differ_in_colour_and_marker(n: int, lines: int) -> None:
    data = {f"line {i}": np.linspace(0, i, n) for i in range(lines)}
    ax = viz.plot_curves(data, minigrad.arange(n) * 10, ax=Figure().add_subplot(), ylim=(0, 1))
    for line, (name, values) in zip(ax.lines, data.items(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.c_[np.arange(n) * 10, values])
        assert line.get_label() == name
        start, every = line.get_markevery()
        assert start < every <= max(1, n)
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines}) == lines
    assert len({line.get_marker() for line in ax.lines}) == lines
    assert (ax.get_legend() is not None) == (lines > 1)


def test_histograms_share_their_bins() -> None:
    a, b = rng.normal(size=200), minigrad.from_numpy(rng.normal(2, 1, size=(10, 10))).requires_grad_()
    ax = viz.plot_histogram({"a": a, "b": b}, bins=12)
    edges = np.histogram_bin_edges(np.r_[a, b.detach().numpy().ravel()], 12)
    heights = [[patch.get_height() for patch in container] for container in ax.containers]
    np.testing.assert_array_equal(heights[0], np.histogram(a, edges)[0])
    np.testing.assert_array_equal(heights[1], np.histogram(b.detach().numpy(), edges)[0])


@given(n=st.integers(1, 7), channels=st.sampled_from([1, 2, 3, 4]), size=st.integers(1, 9))
def test_each_filter_is_a_tile_from_black_to_white(n: int, channels: int, size: int) -> None:
    weight = np.random.default_rng(n).normal(size=(n, channels, size, size + 1))
    ax = viz.plot_filters(weight, ax=Figure().add_subplot())
    sheet = np.asarray(ax.images[0].get_array())
    gap = max(1, size // 8)
    tile = sheet[:size, : size + 1]
    first = np.moveaxis(weight[0], 0, -1) if channels == 3 else weight[0, 0]
    np.testing.assert_allclose(tile * (first.max() - first.min()) + first.min(), first, atol=1e-12)
    tiles = n if channels == 3 else n * channels
    across = (sheet.shape[1] + gap) // (size + 1 + gap)
    assert (sheet.shape[0] + gap) // (size + gap) * across >= tiles
    if channels in (2, 4):
        assert across == channels
    with pytest.raises(ShapeError, match=r"plot_filters: .* \(3,\)"):
        viz.plot_filters(np.ones(3))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_confusion_matrix_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    target, predicted = (minigrad.tensor(side) for side in zip(*pairs, strict=True))
    ax = viz.plot_confusion_matrix(target, predicted, ax=Figure().add_subplot())
    shown = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in ax.texts}
    assert shown == {pair: pairs.count(pair) for pair in pairs}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    with pytest.raises(ShapeError, match="plot_confusion_matrix"):
        viz.plot_confusion_matrix([0, 1], [0])


@pytest.mark.parametrize("descent", [True, False])
def test_arrows_are_the_gradient(descent: bool) -> None:
    ax = viz.plot_gradients(bowl, (-3, 1), (0, 2), n=4, descent=descent)
    (arrows,) = ax.collections
    x, y = arrows.get_offsets().T
    assert {*x} == {*np.linspace(-3, 1, 4)} and {*y} == {*np.linspace(0, 2, 4)}
    sign = -1 if descent else 1
    np.testing.assert_allclose(arrows.U, sign * x / 10)
    np.testing.assert_allclose(arrows.V, sign * 2 * y)
    constant = viz.plot_gradients(lambda x, y: x * 2, n=3).collections[0]
    assert (constant.U == -2).all() and (constant.V == 0).all()


def test_contours_lie_at_their_heights_under_the_paths() -> None:
    path = np.array([(-7.0, 2.0), (-6.0, 0.5), (-2.0, 0.1)])
    ax = viz.plot_contour(bowl, {"SGD": path}, levels=[1.0, 4.0], minimum=(0, 0))
    (contours,) = ax.collections
    for height, outline in zip([1.0, 4.0], contours.get_paths(), strict=True):
        x, y = outline.vertices.T
        np.testing.assert_allclose(x**2 / 20 + y**2, height, atol=0.02)
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), path)
    assert ax.lines[0].get_marker() == "+"
    flat = viz.plot_contour(lambda x, y: x * 0 + 3)
    assert [list(path.vertices) for path in flat.collections[0].get_paths()] == [[]]


def test_minigrad_train_draws_the_same_curves() -> None:
    rows = [Row(epoch=i, step=10 * i, loss=1 / i, train_accuracy=i / 5, test_accuracy=i / 6) for i in (1, 2, 3)]
    figure = draw_curves(rows, Settings(data="digits", batch_size=1, steps=3))
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [(10, 1), (20, 1 / 2), (30, 1 / 3)])
    assert [line.get_label() for line in right.lines] == ["train", "test"]
    assert [line.get_color() for line in right.lines] == list(training_pictures.COLORS[:2])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), [1 / 6, 2 / 6, 3 / 6])
