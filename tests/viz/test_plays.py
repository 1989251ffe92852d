"""Plays: what each step says and shows against the engine, and in the browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import viz
from minigrad.errors import MissingExtra, ShapeError
from minigrad.nn import functional as F
from minigrad.viz.numbers import number
from tests.viz.browser import Browser, check_contrast, data_of

BOOK = np.array([[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]])
FILTER = np.array([[2, 0, 1], [0, 1, 2], [1, 0, 2]])


def bowl(x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
    return x**2 / 20 + y**2


def texts(html: str) -> dict[str, str]:
    """The texts of the figure by their ids."""
    return dict(re.findall(r'<text id="([^"]*)"[^>]*>([^<]*)</text>', html))


@given(
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.integers(1, 2),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    bias=st.sampled_from([0.0, -1.5]),
)
def test_a_convolution_says_the_engines_sums(
    size: tuple[int, int], kernel: tuple[int, int], channels: int, stride: int, padding: int, bias: float
) -> None:
    rng = np.random.default_rng(sum(size))
    image, weight = (rng.integers(-3, 4, (channels, *s)).astype(float) for s in (size, kernel))
    page = viz.play_convolution(image, weight, bias, stride, padding).html()
    x, w, b = (minigrad.from_numpy(a) for a in (image[None], weight[None], np.array([bias])))
    wanted = F.conv2d(x, w, b, stride, padding).numpy()[0, 0]
    shown, steps = texts(page), data_of(page)["steps"]
    assert {k: v for k, v in shown.items() if k[0] == "y"} == {
        f"y_{i}_{j}_text": number(v) for (i, j), v in np.ndenumerate(wanted)
    }
    for step, ((i, j), v) in zip(steps, np.ndenumerate(wanted), strict=True):
        assert step["show"] == [f"y_{i}_{j}_text"]
        window = [id for id in step["on"] if id[0] == "x"]
        assert len(window) == weight.size
        row, column = map(int, window[0].split("_")[1:])
        assert (row, column) == (i * stride, j * stride)
        for text in step["text"]:
            assert text.endswith(f" = {number(v)}")
        terms = re.findall(r"(\(?−?[\d.]+\)?)·(\(?−?[\d.]+\)?)", step["text"][0])
        if weight.size <= 12:
            # What is said adds up to what is shown, and speaks of the cells that are lit.
            value = [[float(t.strip("()").replace("−", "-")) for t in pair] for pair in terms]
            assert sum(p * q for p, q in value) + bias == pytest.approx(v)
            assert [a.strip("()") for a, _ in terms] == [shown[f"{id}_text"] for id in window]


def test_the_books_convolution() -> None:
    page = viz.play_convolution(BOOK, FILTER, bias=3)
    assert [v for k, v in texts(page.html()).items() if k[0] == "y"] == ["18", "19", "9", "18"]
    assert ">+ 3 =</text>" in page.html()


@given(data=st.data(), kernel=st.integers(1, 3), stride=st.integers(1, 3))
def test_max_pool_sends_gradients_to_the_engines_winners(data: Any, kernel: int, stride: int) -> None:
    rows, columns = data.draw(st.tuples(st.integers(3, 6), st.integers(3, 6)))
    values = data.draw(st.lists(st.integers(0, 5), min_size=rows * columns, max_size=rows * columns))
    x = minigrad.tensor(values, dtype=minigrad.float64).reshape(1, 1, rows, columns).requires_grad_()
    out = F.max_pool2d(x, kernel, stride)
    gradient = np.arange(1.0, 1.0 + out.numel()).reshape(out.shape)
    out.backward(minigrad.from_numpy(gradient))
    page = viz.play_max_pool(x.detach()[0, 0], kernel, stride, gradient=gradient[0, 0]).html()
    shown, steps = texts(page), data_of(page)["steps"]
    below = {k: v for k, v in shown.items() if k.startswith("x") and k.endswith("below")}
    assert x.grad is not None
    assert below == {f"x_{i}_{j}_below": number(g) for (i, j), g in np.ndenumerate(x.grad.numpy()[0, 0]) if g}
    n = out.numel()
    assert len(steps) == 2 * n
    for step, ((i, j), v) in zip(steps[:n], np.ndenumerate(out.detach().numpy()[0, 0]), strict=True):
        assert step["phase"] == "forward" and f"is {number(v)}," in step["text"][0]
        assert shown[f"y_{i}_{j}_text"] == number(v) and len(step["on"]) == kernel**2 + 1
    # By the end every gradient has arrived, the last one where several add.
    assert {id for step in steps[n:] for id in step["show"]} == {k for k in shown if k.endswith("below")}
    assert any("add" in step["text"][0] for step in steps) == (len(below) < n)


def paths() -> dict[str, list[tuple[float, float]]]:
    """Two optimisers of different lengths from the same place."""
    found = {}
    for name, lr, steps in (("SGD", 0.95, 6), ("动量", 0.1, 4)):
        x, y = (minigrad.tensor(v, requires_grad=True) for v in (-7.0, 2.0))
        optimizer = minigrad.optim.SGD([x, y], lr=lr, momentum=0.9 if lr == 0.1 else 0)
        found[name] = []
        for _ in range(steps):
            found[name].append((x.item(), y.item()))
            optimizer.zero_grad()
            bowl(x, y).backward()
            optimizer.step()
    return found


def test_optimisers_walk_together() -> None:
    pytest.importorskip("contourpy", reason="matplotlib is not installed (extra 'book')")
    tracks = paths()
    page = viz.play_descent(bowl, tracks, levels=4).html()
    steps = data_of(page)["steps"]
    assert [step["show"] for step in steps] == [*[[f"p0_{k}", f"p1_{k}"] for k in range(4)], ["p0_4"], ["p0_5"]]
    x, y = tracks["SGD"][3]
    assert f"SGD ({number(x)}, {number(y)}), f = {number(x**2 / 20 + y**2)}" in steps[3]["text"][0]
    assert page.count('class="contour"') >= 4
    # The marks stand where the points are.
    mark = re.search(r'<g id="p1_1"><polyline [^>]*points="([\d., ]*)"/>', page)
    assert mark is not None
    start, end = ([float(v) for v in place.split(",")] for place in mark[1].split())
    (x0, y0), (x1, y1) = tracks["动量"][:2]
    assert end[0] - start[0] == pytest.approx(660 * (x1 - x0) / 20, abs=0.02)
    assert end[1] - start[1] == pytest.approx(-330 * (y1 - y0) / 10, abs=0.02)


def test_what_does_not_fit_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    for call in (
        lambda: viz.play_convolution(np.ones((2, 2)), np.ones((3, 3))),
        lambda: viz.play_convolution(np.ones((1, 4, 4)), np.ones((2, 3, 3))),
        lambda: viz.play_convolution(np.ones(4), np.ones((3, 3))),
        lambda: viz.play_convolution(np.ones((4, 4)), np.ones((3, 3)), stride=0),
        lambda: viz.play_convolution(np.ones((50, 50)), np.ones((3, 3))),
        lambda: viz.play_max_pool(np.ones((1, 4, 4))),
        lambda: viz.play_max_pool(np.ones((4, 4)), 5),
        lambda: viz.play_max_pool(np.ones((4, 4)), gradient=np.ones((3, 3))),
        lambda: viz.play_descent(bowl, {"SGD": [1.0, 2.0]}),
    ):
        with pytest.raises(ShapeError):
            call()
    monkeypatch.setitem(__import__("sys").modules, "contourpy", None)
    with pytest.raises(MissingExtra, match=r'play_descent needs matplotlib: pip install "minigrad\[book\]"'):
        viz.play_descent(bowl, paths())


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_plays_in_a_browser(browser: Browser, width: int, dark: bool, tmp_path: Path) -> None:
    pages = [viz.play_convolution(BOOK, FILTER, padding=1), viz.play_max_pool(BOOK)]
    if pictures_possible():
        pages.append(viz.play_descent(bowl, paths(), title=("Down", "下降")))
    for i, page in enumerate(pages):
        file = page.save(tmp_path / f"{i}.html")
        browser.open(file, width=width, dark=dark)
        last = browser.run("return +document.getElementById('slider').max")
        hidden = "return [...document.querySelectorAll('.hide')].map(e => e.id)"
        later = {id for step in data_of(page.html())["steps"] for id in step["show"]}
        assert {*browser.run(hidden)} == later
        browser.run("for (let i = 0; i < arguments[0]; i++) document.getElementById('next').click()", last)
        assert browser.run(hidden) == [] and browser.text("count") == f"{last} / {last}"
        check_contrast(browser)
        browser.press("\ue012")
        assert browser.text("count") == f"{last - 1} / {last}"
        assert browser.run("return document.querySelectorAll('.on').length") > 0
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.requests() == [file.as_uri()] and browser.console() == []


def pictures_possible() -> bool:
    try:
        import contourpy  # noqa: F401
    except ImportError:
        return False
    return True
