"""Plays other than graphs, on the same page: a window that slides over an image, and paths down a surface."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad.errors import MissingExtra, ShapeError
from minigrad.nn import functional as F
from minigrad.viz.numbers import number
from minigrad.viz.player import Step, Text, player
from minigrad.viz.training_pictures import COLORS, Range, Surface, as_array, contour_levels, surface

Grid = np.ndarray[Any, Any]

CELL = 44  # the side of a square of a grid
GAP = 60  # between grids
MOST_TERMS = 12  # of a sum that is written out
MOST_STEPS = 1000


class Page:
    """A page that plays something. A notebook shows it in a frame; `save` writes it."""

    def __init__(self, text: str, height: int) -> None:
        self._text, self._height = text, height

    def html(self) -> str:
        """The HTML file."""
        return self._text

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the HTML file. Gives the path."""
        path = Path(path)
        path.write_text(self._text, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self._text)}" width="100%" height="{self._height}" '
            'style="border:0" sandbox="allow-scripts"></iframe>'
        )


# -------------------------------------------------------------------- windows over an image


def play_convolution(
    input: Any,
    weight: Any,
    bias: float = 0.0,
    stride: int = 1,
    padding: int = 0,
    *,
    title: Text | str = ("A convolution", "卷积"),
    lang: str = "en",
) -> Page:
    """A filter slides over an image, and every output is the sum of products under it (book, section 7.2).

    `input` is (H, W) or (C, H, W), `weight` one filter of (h, w) or (C, h, w). Raises ShapeError if they do not fit.
    """
    image, kernel = _layers(input, "input"), _layers(weight, "weight")
    if len(image) != len(kernel):
        raise ShapeError(f"play_convolution: input of {len(image)} channels but weight of {len(kernel)}")
    height, width = kernel.shape[1:]
    image = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    places = _windows("play_convolution", image, (height, width), stride)
    x, w, b = (minigrad.from_numpy(a) for a in (image[None], kernel[None], np.array([bias], dtype=np.float64)))
    result = F.conv2d(x, w, b, stride).numpy()[0, 0]
    sheet = Sheet()
    for c, channel in enumerate(image):
        sheet.grid(f"x{c}", channel, column=0, row=c, border=padding)
        sheet.grid(f"w{c}", kernel[c], column=1, row=c)
    sheet.between(0, "∗")
    sheet.between(1, f"+ {number(bias)} =" if bias else "=")
    sheet.grid("y", result, column=2)
    steps = []
    kernel_ids = [f"w{c}_{i}_{j}" for c in range(len(kernel)) for i in range(height) for j in range(width)]
    for i, row in enumerate(places):
        for j, (top, left) in enumerate(row):
            window = image[:, top : top + height, left : left + width]
            ids = [f"x{c}_{top + a}_{left + b}" for c in range(len(image)) for a in range(height) for b in range(width)]
            terms = [f"{_number(v)}·{_number(k)}" for v, k in zip(window.flat, kernel.flat, strict=True)]
            if len(terms) > MOST_TERMS:
                terms = [*terms[: MOST_TERMS - 1], "…", terms[-1]]
            total = " + ".join([*terms, *([_number(bias)] if bias else [])]) + f" = {number(result[i, j])}"
            text = (f"Row {i + 1}, column {j + 1}: {total}", f"第 {i + 1} 行第 {j + 1} 列：{total}")
            steps.append(Step(text, [f"y_{i}_{j}_text"], [*ids, *kernel_ids, f"y_{i}_{j}"], "forward"))
    start = (
        "The filter will slide over the image. Press step, or the right arrow key.",
        "滤波器将在图像上滑动。请按“步进”，或按右方向键。",
    )
    return sheet.page(steps, _both(title), start, lang)


def play_max_pool(
    input: Any,
    kernel_size: int = 2,
    stride: int | None = None,
    *,
    gradient: Any = None,
    title: Text | str = ("Max pooling", "最大池化"),
    lang: str = "en",
) -> Page:
    """The largest element of every window wins; backward, it alone gets the gradient (book, sections 7.3 and 7.4).

    `input` is (H, W); `gradient` that of the outputs, by default ones. Of equal elements the first wins.
    """
    (image,) = _layers(input, "input", one=True)
    stride = stride or kernel_size
    places = _windows("play_max_pool", image[None], (kernel_size, kernel_size), stride)
    shape = len(places), len(places[0])
    upstream = np.ones(shape) if gradient is None else np.asarray(as_array(gradient), dtype=np.float64)
    if upstream.shape != shape:
        raise ShapeError(f"play_max_pool: the outputs are {shape} but the gradient is {upstream.shape}")
    sheet = Sheet()
    largest, index = F.max_pool2d(minigrad.from_numpy(image[None, None]), kernel_size, stride, return_indices=True)
    result = largest.numpy()[0, 0]
    winners = {place: divmod(int(k), image.shape[1]) for place, k in np.ndenumerate(index.numpy()[0, 0])}
    totals: dict[tuple[int, int], float] = {}
    arrivals = {}  # the last gradient to arrive at each winner
    for place, winner in winners.items():
        totals[winner] = totals.get(winner, 0.0) + float(upstream[place])
        arrivals[winner] = place
    sheet.grid("x", image, column=0, below={winner: number(g) for winner, g in totals.items()}, rings=set(totals))
    sheet.between(0, "→")
    sheet.grid("y", result, column=1, below={place: number(upstream[place]) for place in winners})
    steps = []
    for (i, j), (a, b) in winners.items():
        top, left = places[i][j]
        ids = [f"x_{top + p}_{left + q}" for p in range(kernel_size) for q in range(kernel_size)]
        v = number(result[i, j])
        text = (
            f"Forward: the largest of the window is {v}, in row {a + 1}, column {b + 1}",
            f"正向传播：窗口中最大的是第 {a + 1} 行第 {b + 1} 列的 {v}",
        )
        steps.append(Step(text, [f"y_{i}_{j}_text", f"x_{a}_{b}_ring"], [*ids, f"y_{i}_{j}"], "forward"))
    sums: dict[tuple[int, int], float] = {}
    for (i, j), (a, b) in winners.items():
        g = number(upstream[i, j])
        sums[a, b] = sums.get((a, b), 0.0) + float(upstream[i, j])
        english = f"Backward: the gradient {g} goes to the winner in row {a + 1}, column {b + 1}; the others get none"
        chinese = f"反向传播：梯度 {g} 传给第 {a + 1} 行第 {b + 1} 列的最大者，其余没有"
        if sums[a, b] != upstream[i, j]:
            english += f". It won before: gradients add to {number(sums[a, b])}"
            chinese += f"。它不止一次胜出：梯度相加为 {number(sums[a, b])}"
        arrived = [f"x_{a}_{b}_below"] if arrivals[a, b] == (i, j) else []
        steps.append(Step((english, chinese), [f"y_{i}_{j}_below", *arrived], [f"x_{a}_{b}", f"y_{i}_{j}"], "backward"))
    start = ("Which element of each window wins? Press step.", "每个窗口中哪个元素胜出？请按“步进”。")
    return sheet.page(steps, _both(title), start, lang)


class Sheet:
    """Grids of numbers side by side, as SVG."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.lefts = [10.0]  # of each column of grids
        self.height = 0.0
        self.tallest = 0

    def grid(
        self,
        name: str,
        values: Grid,
        *,
        column: int,
        row: int = 0,
        border: int = 0,
        below: Mapping[tuple[int, int], str] | None = None,
        rings: set[tuple[int, int]] | None = None,
    ) -> None:
        """A grid; cell (i, j) gets the id name_i_j, its number name_i_j_text, the number below it name_i_j_below.

        `border` is the width of the padding, `below` the cells' gradients, `rings` the cells that may be ringed.
        """
        rows, columns = values.shape
        left = self.lefts[column]
        if len(self.lefts) == column + 1:
            self.lefts.append(left + columns * CELL + GAP)
        self.lefts[column + 1] = max(self.lefts[column + 1], left + columns * CELL + GAP)
        self.tallest = max(self.tallest, rows) if row == 0 else self.tallest
        top = 10 + row * (self.tallest * CELL + GAP / 2)
        self.height = max(self.height, top + rows * CELL + 10)
        for i in range(rows):
            for j in range(columns):
                id, x, y = f"{name}_{i}_{j}", left + j * CELL, top + i * CELL
                padded = border and not (border <= i < rows - border and border <= j < columns - border)
                g = (below or {}).get((i, j))
                middle = y + CELL / 2 + (5 if below is None else -2)
                texts = _text(
                    x + CELL / 2, middle, number(values[i, j]), "muted" if padded else "forward", f"{id}_text"
                )
                if g is not None:
                    texts += _text(x + CELL / 2, y + CELL - 7, g, "backward", f"{id}_below", size=12)
                if (i, j) in (rings or ()):
                    texts += f'<circle id="{id}_ring" class="ring" cx="{x + CELL / 2:g}" cy="{y + CELL / 2:g}" r="19"/>'
                dashed = ' class="padding"' if padded else ""
                square = f'<rect x="{x:g}" y="{y:g}" width="{CELL}" height="{CELL}"{dashed}/>'
                self.parts.append(f'<g id="{id}">{square}{texts}</g>')

    def between(self, column: int, sign: str) -> None:
        """A sign between two columns of grids."""
        self.parts.append(
            _text(self.lefts[column + 1] - GAP / 2, 10 + self.tallest * CELL / 2 + 6, sign, "sign", size=18)
        )

    def page(self, steps: list[Step], title: Text, start: Text, lang: str) -> Page:
        width = self.lefts[-1] - GAP + 10
        return _page(self.parts, width, self.height, steps, title, start, lang)


def _windows(what: str, image: Grid, size: tuple[int, int], stride: int) -> list[list[tuple[int, int]]]:
    """Top left corners of the windows, by row and column of the output."""
    _, height, width = image.shape
    if stride < 1 or min(size) < 1 or size[0] > height or size[1] > width:
        raise ShapeError(f"{what}: no window of {size} with stride {stride} in an image of {(height, width)}")
    rows, columns = range(0, height - size[0] + 1, stride), range(0, width - size[1] + 1, stride)
    if len(rows) * len(columns) > MOST_STEPS:
        raise ShapeError(f"{what}: {len(rows) * len(columns)} windows are more than a page plays, {MOST_STEPS}")
    return [[(t, q) for q in columns] for t in rows]


def _layers(value: Any, name: str, one: bool = False) -> Grid:
    """An image as (C, H, W)."""
    array = as_array(value).astype(np.float64)
    if array.ndim not in ((2,) if one else (2, 3)):
        raise ShapeError(f"expected {name} of shape (H, W){'' if one else ' or (C, H, W)'}, got {array.shape}")
    return array if array.ndim == 3 else array[None]


# -------------------------------------------------------------------- paths over a surface


def play_descent(
    f: Surface,
    paths: Mapping[str, Any],
    *,
    xlim: Range = (-10, 10),
    ylim: Range = (-5, 5),
    levels: int | Sequence[float] = 10,
    title: Text | str = ("The way down", "下降的路径"),
    lang: str = "en",
) -> Page:
    """Optimisers walk down `f(x, y)` together, a step at a time (book, figure 6-8).

    `f` works element by element on two tensors; `paths` are a name and points (steps, 2) each. Raises MissingExtra
    without matplotlib, ShapeError for other shapes.
    """
    tracks = {name: np.asarray(as_array(points), dtype=np.float64) for name, points in paths.items()}
    for name, points in tracks.items():
        if points.ndim != 2 or points.shape[1] != 2 or not 1 <= len(points) <= MOST_STEPS:
            raise ShapeError(f"play_descent: expected points (steps, 2) for {name!r}, got {points.shape}")
    try:
        from contourpy import contour_generator
    except ImportError as error:
        raise MissingExtra('play_descent needs matplotlib: pip install "minigrad[book]"') from error
    chart = Chart(xlim, ylim)
    x, y, z = surface(f, xlim, ylim)
    generator = contour_generator(x=x, y=y, z=z)
    for height in contour_levels(z, levels) if isinstance(levels, int) else levels:
        chart.parts += [chart.line(outline, "contour") for outline in generator.lines(height)]
    chart.axes()
    heights = {name: _heights(f, points) for name, points in tracks.items()}
    for i, (name, points) in enumerate(tracks.items()):
        chart.track(i, name, points)
    steps = []
    for k in range(max(map(len, tracks.values()))):
        going = {name: points for name, points in tracks.items() if k < len(points)}
        ids = [f"p{i}_{k}" for i, name in enumerate(tracks) if name in going]
        said = "; ".join(
            f"{name} ({number(points[k, 0])}, {number(points[k, 1])}), f = {number(heights[name][k])}"
            for name, points in going.items()
        )
        steps.append(Step((f"Step {k}: {said}", f"第 {k} 步：{said}"), ids, ids))
    start = ("Contour lines of f. Press step, or the right arrow key.", "f 的等高线。请按“步进”，或按右方向键。")
    return _page(chart.parts, Chart.WIDTH, chart.height, steps, _both(title), start, lang)


class Chart:
    """A plane with axes, as SVG."""

    WIDTH, LEFT, TOP, INNER = 720.0, 46.0, 34.0, 660.0

    def __init__(self, xlim: Range, ylim: Range) -> None:
        self.xlim, self.ylim = xlim, ylim
        self.inner = self.INNER * min(1.0, max(0.3, (ylim[1] - ylim[0]) / (xlim[1] - xlim[0])))
        self.height = self.TOP + self.inner + 30
        clip = f'<clipPath id="plane">{self._frame()}</clipPath>'
        self.parts = [clip]
        self.legend = self.LEFT

    def _frame(self, name: str = "") -> str:
        named = f' class="{name}"' if name else ""
        size = f'width="{self.INNER:g}" height="{self.inner:g}"'
        return f'<rect{named} x="{self.LEFT:g}" y="{self.TOP:g}" {size}/>'

    def at(self, point: Any) -> tuple[float, float]:
        """Where a point of the plane is drawn."""
        (x0, x1), (y0, y1) = self.xlim, self.ylim
        return (
            round(self.LEFT + self.INNER * (float(point[0]) - x0) / (x1 - x0), 2),
            round(self.TOP + self.inner * (y1 - float(point[1])) / (y1 - y0), 2),
        )

    def line(self, points: Any, name: str) -> str:
        places = " ".join(f"{x:g},{y:g}" for x, y in map(self.at, points))
        return f'<polyline class="{name}" clip-path="url(#plane)" points="{places}"/>'

    def axes(self) -> None:
        self.parts.append(self._frame("frame"))
        for x in np.linspace(*self.xlim, 5):
            self.parts.append(_text(self.at((x, 0))[0], self.TOP + self.inner + 18, number(x), "tick", size=13))
        for y in np.linspace(*self.ylim, 5):
            self.parts.append(_text(self.LEFT - 6, self.at((0, y))[1] + 4, number(y), "tick", size=13, anchor="end"))

    def track(self, i: int, name: str, points: Any) -> None:
        """The marks and lines of one path: mark k with the line to it is the element p<i>_<k>."""
        self.parts.append(_marker(i, self.legend + 6, self.TOP - 14))
        self.parts.append(_text(self.legend + 16, self.TOP - 9, name, "tick", size=14, anchor="start"))
        self.legend += 40 + 9 * sum(2 if ord(c) > 0x2E80 else 1 for c in name)
        for k, point in enumerate(points):
            line = self.line(points[k - 1 : k + 1], f"path c{i % len(COLORS)}") if k else ""
            x, y = self.at(point)
            inside = self.LEFT <= x <= self.LEFT + self.INNER and self.TOP <= y <= self.TOP + self.inner
            self.parts.append(f'<g id="p{i}_{k}">{line}{_marker(i, x, y) if inside else ""}</g>')


def _heights(f: Surface, points: Any) -> Any:
    with minigrad.no_grad():
        x, y = (minigrad.from_numpy(np.ascontiguousarray(c)) for c in points.T)
        return np.broadcast_to(as_array(f(x, y)), len(points))


def _marker(i: int, x: float, y: float) -> str:
    """One mark of path i: circle, square, triangle, diamond, ..."""
    shape = {
        0: f"M{x - 5:g},{y:g}a5,5 0 1 0 10,0a5,5 0 1 0 -10,0",
        1: f"M{x - 4.5:g},{y - 4.5:g}h9v9h-9z",
        2: f"M{x:g},{y - 6:g}l5.5,10h-11z",
        3: f"M{x:g},{y - 6.5:g}l6.5,6.5l-6.5,6.5l-6.5,-6.5z",
    }[i % 4]
    return f'<path class="mark c{i % len(COLORS)}" d="{shape}"/>'


# -------------------------------------------------------------------- the page


def _page(
    parts: list[str], width: float, height: float, steps: list[Step], title: Text, start: Text, lang: str
) -> Page:
    label = html.escape(" · ".join(dict.fromkeys(title)))
    svg = f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:g} {height:g}">\n' + "\n".join(parts) + "\n</svg>"
    text = player(svg, steps, title=title, start=start, style=_style(width), lang=lang)
    return Page(text, int(height) + 260)


def _style(width: float) -> str:
    colors = "\n".join(
        f"#figure .c{i} {{ stroke: {c}; }} #figure path.c{i} {{ fill: {c}; }}" for i, c in enumerate(COLORS)
    )
    return f"""#figure svg {{ width: 100%; min-width: {0.7 * width:g}px; max-width: {1.2 * width:g}px; }}
#figure text {{ font-family: Arial, "Liberation Sans", sans-serif; fill: var(--ink); }}
#figure text.forward {{ fill: var(--forward); }}
#figure text.backward {{ fill: var(--backward); }}
#figure text.muted {{ fill: var(--muted); }}
#figure rect {{ fill: var(--page); stroke: var(--line); }}
#figure rect.padding {{ stroke-dasharray: 3 3; }}
#figure rect.frame {{ fill: none; }}
#figure .ring {{ fill: none; stroke: var(--backward); stroke-width: 2; }}
#figure .contour {{ fill: none; stroke: var(--border); stroke-width: 0.8; }}
#figure .path {{ fill: none; stroke-width: 2; }}
#figure .on path.mark {{ stroke: var(--ink); stroke-width: 2; }}
{colors}"""


def _text(x: float, y: float, text: str, name: str, id: str = "", size: int = 15, anchor: str = "middle") -> str:
    named = f' id="{id}"' if id else ""
    place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text{named} class="{name}" {place}>{html.escape(text)}</text>'


def _both(title: Text | str) -> Text:
    return (title, title) if isinstance(title, str) else title


def _number(x: Any) -> str:
    text = number(x)
    return f"({text})" if text.startswith("−") else text
