"""Pictures of a training with matplotlib: curves, histograms, filters, confusions, gradients and paths over a contour.

Each function draws on the `ax` it is given (without one, on a new figure that pyplot does not know), gives it back, and
changes nothing global. Colours are Okabe and Ito's, which the colour-blind can tell apart, and lines differ by their
markers too. Text may be Chinese, Japanese or Korean if the machine has a font for it. Raises MissingExtra without
matplotlib.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad
from minigrad.errors import MissingExtra, ShapeError
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "os^DvPX*"
FONTS = (
    "DejaVu Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "Malgun Gothic",
    "Arial Unicode MS",
)
Surface = Callable[[Tensor, Tensor], Tensor]
Range = tuple[float, float]


def plot_curves(
    curves: Mapping[str, Any],
    steps: Any = None,
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "step",
    ylabel: str = "",
    ylim: tuple[float | None, float | None] | None = None,
) -> Axes:
    """Lines over the steps, one for each name: losses or accuracies. `steps` are by default 0, 1, 2, ..."""
    with drawing(ax, title, xlabel, ylabel) as axes:
        for i, (name, values) in enumerate(curves.items()):
            y = as_array(values)
            x = np.arange(len(y)) if steps is None else as_array(steps)
            every = max(1, math.ceil(len(y) / 20))
            axes.plot(x, y, label=name, markersize=4, markevery=(i * every // len(curves), every), **_look(i))
        axes.grid(alpha=0.3)
        if ylim is not None:
            axes.set_ylim(*ylim)
        if len(curves) > 1:
            axes.legend(frameon=False)
    return axes


def plot_histogram(
    values: Any,
    *,
    bins: int = 30,
    range: Range | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "value",
    ylabel: str = "",
) -> Axes:
    """How the elements of weights or activations are distributed; several by a dict of them, over the same bins."""
    groups = {
        name: as_array(v).ravel() for name, v in (values if isinstance(values, Mapping) else {"": values}).items()
    }
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), bins, range)
    with drawing(ax, title, xlabel, ylabel) as axes:
        for i, (name, data) in enumerate(groups.items()):
            alpha = 0.55 if len(groups) > 1 else 1
            axes.hist(data, bins=edges.tolist(), label=name, color=COLORS[i % len(COLORS)], alpha=alpha)
        if isinstance(values, Mapping):
            axes.legend(frameon=False)
    return axes


def plot_filters(
    weight: Any, *, columns: int | None = None, ax: Axes | None = None, title: str = "", xlabel: str = ""
) -> Axes:
    """Filters (N, C, H, W), or N images (N, H, W), as tiles, each from black (its least value) to white.

    Filters of three channels are coloured; of other numbers, every channel has a tile, a row for each filter. Raises
    ShapeError for other numbers of dimensions.
    """
    tiles = as_array(weight).astype(np.float64)
    if tiles.ndim == 4 and tiles.shape[1] == 3:
        tiles = np.moveaxis(tiles, 1, -1)
    elif tiles.ndim == 4:
        columns = columns or (tiles.shape[1] if tiles.shape[1] > 1 else None)
        tiles = tiles.reshape(-1, *tiles.shape[2:], 1)
    elif tiles.ndim == 3:
        tiles = tiles[..., None]
    else:
        raise ShapeError(f"plot_filters: expected filters (N, C, H, W) or images (N, H, W), got shape {tiles.shape}")
    least = tiles.min((1, 2, 3), keepdims=True)
    tiles = (tiles - least) / np.maximum(tiles.max((1, 2, 3), keepdims=True) - least, np.finfo(float).tiny)
    across = columns or math.ceil(math.sqrt(2 * len(tiles)))
    rows = math.ceil(len(tiles) / across)
    _, height, width, channels = tiles.shape
    gap = max(1, height // 8)
    sheet = np.ones((rows * (height + gap) - gap, across * (width + gap) - gap, channels))
    for i, tile in enumerate(tiles):
        top, left = i // across * (height + gap), i % across * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    with drawing(ax, title, xlabel, "") as axes:
        axes.imshow(sheet.squeeze(-1) if channels == 1 else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return axes


def plot_confusion_matrix(
    target: Any, predicted: Any, *, classes: Sequence[str] | None = None, ax: Axes | None = None, title: str = ""
) -> Axes:
    """How often each class (row) was taken for each class (column). Both are class numbers of one shape.

    Raises ShapeError if the shapes differ.
    """
    t, p = as_array(target), as_array(predicted)
    if t.shape != p.shape:
        raise ShapeError(f"plot_confusion_matrix: targets of shape {t.shape} but predictions of shape {p.shape}")
    n = len(classes) if classes is not None else int(max(t.max(initial=0), p.max(initial=0))) + 1
    counts = np.zeros((n, n), np.int64)
    np.add.at(counts, (t.ravel(), p.ravel()), 1)
    with drawing(ax, title, "predicted", "true") as axes:
        # The colour is the share of the row: classes of different sizes compare.
        share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        names = list(map(str, classes if classes is not None else range(n)))
        long = max(map(len, names)) > 3
        axes.set_xticks(range(n), names, rotation=45 if long else 0, ha="right" if long else "center")
        axes.set_yticks(range(n), names)
        axes.tick_params(length=0)
        for i, j in zip(*counts.nonzero(), strict=True):
            color = "white" if share[i, j] > 0.5 else "black"
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=color, fontsize=8)
    return axes


def plot_gradients(
    f: Surface,
    xlim: Range = (-2, 2),
    ylim: Range = (-2, 2),
    *,
    n: int = 17,
    descent: bool = True,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "x",
    ylabel: str = "y",
) -> Axes:
    """Arrows of minus the gradient of `f(x, y)`, the way down, at n by n points (book, figure 4-9).

    `f` works element by element on two tensors. `descent=False` draws the gradient itself.
    """
    x, y = (minigrad.from_numpy(a).requires_grad_() for a in _grid(xlim, ylim, n))
    dx, dy = minigrad.autograd.grad(f(x, y).sum(), (x, y), materialize_grads=True)
    sign = -1 if descent else 1
    with drawing(ax, title, xlabel, ylabel) as axes:
        axes.quiver(*map(as_array, (x, y, sign * dx, sign * dy)), color="#667085", angles="xy")
        axes.set(xlim=xlim, ylim=ylim)
    return axes


def plot_contour(
    f: Surface,
    paths: Mapping[str, Any] | None = None,
    *,
    xlim: Range = (-10, 10),
    ylim: Range = (-5, 5),
    levels: int | Sequence[float] = 10,
    minimum: tuple[float, float] | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "x",
    ylabel: str = "y",
) -> Axes:
    """Contour lines of `f(x, y)`, and paths over it: a name and points (steps, 2) each (book, figure 6-8).

    `f` works element by element on two tensors; `minimum` is marked by a cross.
    """
    x, y, z = surface(f, xlim, ylim)
    heights = contour_levels(z, levels) if isinstance(levels, int) else levels
    with drawing(ax, title, xlabel, ylabel) as axes:
        axes.contour(x, y, z, levels=heights, colors="#8A8FB5", linewidths=0.8)
        if minimum is not None:
            axes.plot(*minimum, marker="+", color="black", markersize=12, markeredgewidth=2, linestyle="", zorder=3)
        for i, (name, points) in enumerate((paths or {}).items()):
            axes.plot(*as_array(points).T, label=name, markersize=4, **_look(i))
        axes.set(xlim=xlim, ylim=ylim)
        if paths:
            axes.legend(frameon=False, ncols=2)
    return axes


def surface(f: Surface, xlim: Range, ylim: Range, n: int = 101) -> tuple[Any, Any, Any]:
    """The values of f on a grid: arrays x, y, z of shape (n, n)."""
    x, y = _grid(xlim, ylim, n)
    with minigrad.no_grad():
        z = as_array(f(minigrad.from_numpy(x), minigrad.from_numpy(y)))
    return x, y, np.broadcast_to(z, x.shape)


def contour_levels(z: Any, n: int) -> list[float]:
    """Heights whose lines stand apart evenly on a bowl: squares from the lowest point to the highest."""
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    if not low < high:
        return [low]
    return [low + (high - low) * (i / (n + 0.5)) ** 2 for i in range(1, n + 1)]


# -------------------------------------------------------------------- what all of them share


@contextlib.contextmanager
def drawing(ax: Axes | None, title: str, xlabel: str, ylabel: str) -> Iterator[Axes]:
    """The axes to draw on, with this module's fonts and style while it lasts."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure  # not pyplot: no window system, no global state
        from matplotlib.ticker import ScalarFormatter
    except ImportError as error:
        raise MissingExtra('needs matplotlib: pip install "minigrad[book]"') from error
    families = fonts()
    with rc_context({"font.family": families, "axes.unicode_minus": False}):
        axes = Figure(figsize=(6, 4), layout="constrained").add_subplot() if ax is None else ax
        axes.spines[["top", "right"]].set_visible(False)
        yield axes
        axes.set(**{k: v for k, v in {"title": title, "xlabel": xlabel, "ylabel": ylabel}.items() if v})
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_fontfamily(families)
        # Ticks are made and formatted later, when nothing of the context is left: what they need is set on them.
        axes.tick_params(labelfontfamily=families)
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(_plain_minus())


def _plain_minus() -> Any:
    """Numbers on an axis with the hyphen for a minus, as `axes.unicode_minus=False` writes them."""
    from matplotlib.ticker import ScalarFormatter

    class PlainMinus(ScalarFormatter):
        fix_minus = staticmethod(str)  # type: ignore[assignment]

    return PlainMinus()


@functools.cache
def fonts() -> list[str]:
    """The fonts of this machine to draw with, the first for what it has and the others for what it lacks."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return [name for name in FONTS if name in there]


def _look(i: int) -> dict[str, Any]:
    return {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}


def _grid(xlim: Range, ylim: Range, n: int) -> tuple[Any, Any]:
    x, y = np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))
    return x, y


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """The numbers of a tensor or of anything that NumPy takes."""
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
