"""The step page in a browser: stepped by button, keyboard and slider, in both languages, light and dark, wide and narrow."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad import viz
from minigrad.viz import page
from minigrad.viz.form import Form
from minigrad.viz.numbers import quantity
from minigrad.viz.render import NoRenderer
from minigrad.viz.words import steps
from tests.viz.browser import Browser, check_contrast, data_of
from tests.viz.graphs import GRAPHS, apples, softmax_with_loss
from tests.viz.programs import leaf
from tests.viz.test_picture import needs_dot

pytestmark = needs_dot

# Every pair of a width, a mode and a language.
LOOKS = [(360, False, "en"), (360, True, "zh"), (1280, False, "zh"), (1280, True, "en")]

# What is to be seen: numbers by id, what is said and counted, what is lit up and whether it is in the frame.
LOOK = """
window.look = () => {
  const $ = id => document.getElementById(id), frame = $('figure').getBoundingClientRect(), numbers = {}
  for (const e of document.querySelectorAll('[id^=a_fw_], [id^=a_bw_]')) {
    const t = e.querySelector('text') || e
    if (getComputedStyle(t).visibility == 'visible') numbers[e.id] = t.textContent
  }
  const lit = [...document.querySelectorAll('.on')].map(e => {
    const r = e.getBoundingClientRect()
    return [e.id, frame.left - 1 <= r.left && r.right <= frame.right + 1]
  })
  return {numbers, lit, said: $('text').textContent, count: $('count').textContent, slider: +$('slider').value}
}
"""
# From where the page is to its end by the button, then back to the start by the keyboard: what is seen at every step.
WALK = (
    LOOK
    + """
const seen = [look()], last = +document.getElementById('slider').max
while (look().slider < last) { document.getElementById('next').click(); seen.push(look()) }
document.getElementById('next').click(); seen.push(look())
while (look().slider > 0) { dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'})); seen.push(look()) }
document.getElementById('back').click(); seen.push(look())
return seen
"""
)


def expected(form: Form, k: int) -> dict[str, str]:
    """What is to be seen after k steps, from the form's events alone."""
    later = {("a_fw_" if e.phase == "forward" else "a_bw_") + id for e in form.events[k:] for id in e.shows}
    texts = {f"a_{kind}_{e.id}": q.text for e in form.edges for kind, q in (("fw", e.value), ("bw", e.gradient)) if q}
    return {id: text for id, text in texts.items() if id not in later}


def check(seen: dict[str, Any], form: Form, k: int, lang: str) -> None:
    assert seen["numbers"] == expected(form, k)
    said = steps(form)[k - 1].text if k else page.START
    assert seen["said"] == said[lang == "zh"]
    assert (seen["count"], seen["slider"]) == (f"{k} / {len(form.events)}", k)
    assert seen["lit"] == ([[form.events[k - 1].node, True]] if k else [])


def check_step(browser: Browser, form: Form, k: int, lang: str) -> None:
    check(browser.run(LOOK + "return look()"), form, k, lang)


@pytest.mark.parametrize(("width", "dark", "lang"), LOOKS)
@pytest.mark.parametrize("name", GRAPHS)
def test_steps_forward_and_back(browser: Browser, name: str, lang: str, width: int, dark: bool, tmp_path: Path) -> None:
    picture, leaves = GRAPHS[name]()
    form, file = picture.form, picture.save(tmp_path / "page.html")
    browser.open(file, width=width, dark=dark)
    if lang == "zh":
        browser.click("language")
    last = len(form.events)
    check_step(browser, form, 0, lang)
    browser.click("next")
    check_step(browser, form, 1, lang)
    browser.press("\ue014")  # arrow right
    check_step(browser, form, 2, lang)
    browser.click("back")
    browser.press("\ue012")  # arrow left
    seen = browser.run(WALK)
    for k, moment in zip([*range(last + 1), last, *range(last - 1, -1, -1), 0], seen, strict=True):
        check(moment, form, k, lang)

    # The gradients shown at the leaves are the engine's.
    for node in form.nodes:
        if node.label in leaves:
            (edge,) = form.out_of(node.id)
            grad = leaves[node.label].grad
            assert grad is not None and seen[last]["numbers"][f"a_bw_{edge.id}"] == quantity(grad.numpy()).text

    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("return getComputedStyle(document.body).backgroundColor == 'rgb(16, 20, 27)'") == dark
    assert browser.requests() == [file.as_uri()]
    assert browser.console() == []


def test_keyboard_alone_reaches_everything(browser: Browser, tmp_path: Path) -> None:
    picture, _ = apples()
    browser.open(picture.save(tmp_path / "page.html"))
    focused = []
    for _ in range(6):
        browser.press("\ue004")  # tab
        focused.append(browser.run("return document.activeElement.id"))
    assert focused == ["language", "figure", "back", "next", "play", "slider"]
    browser.press("\ue014")  # the slider moves by itself: one step, not two
    check_step(browser, picture.form, 1, "en")
    browser.press("\ue010")  # end
    check_step(browser, picture.form, 5, "en")
    browser.run("document.getElementById('next').focus()")
    browser.press("\ue011")  # home
    check_step(browser, picture.form, 0, "en")
    browser.press(" ")
    browser.press("\ue007")  # enter
    check_step(browser, picture.form, 2, "en")
    assert browser.run(
        "const s = getComputedStyle(document.activeElement); return s.outlineStyle != 'none' && s.outlineWidth == '3px'"
    )


def test_plays_by_itself_to_the_end_and_from_there_again(browser: Browser, tmp_path: Path) -> None:
    picture, _ = apples()
    browser.open(picture.save(tmp_path / "page.html"))
    # A clock of the test's own, so that nothing waits.
    browser.run(
        "window.setInterval = f => { window.tick = f; return 7 }; window.clearInterval = n => { window.stopped = n }"
    )
    browser.click("play")
    check_step(browser, picture.form, 1, "en")
    assert browser.text("play") == "pause"
    for k in range(2, 6):
        browser.run("tick()")
        check_step(browser, picture.form, k, "en")
    assert browser.text("play") == "play"
    assert browser.run("return stopped") == 7
    browser.click("play")
    check_step(browser, picture.form, 0, "en")
    browser.click("play")
    assert browser.text("play") == "play"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_control_has_a_name_in_the_pages_language(browser: Browser, lang: str, tmp_path: Path) -> None:
    picture, _ = apples(lang=lang)
    browser.open(picture.save(tmp_path / "page.html"))
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (n["role"]["value"], n["name"]["value"].strip())
        for n in nodes
        if not n["ignored"] and n["role"]["value"] in ("button", "slider", "link", "image", "heading", "checkbox")
    }
    controls = {
        "en": {("button", "中文"), ("button", "back"), ("button", "step"), ("button", "play"), ("slider", "steps")},
        "zh": {("button", "English"), ("button", "后退"), ("button", "步进"), ("button", "播放"), ("slider", "步骤")},
    }[lang]
    assert named == controls | {
        ("image", "computational graph of price 总价: 2 operations, 3 inputs"),
        ("heading", "Buying apples · 买苹果"),
    }
    assert browser.run("return document.getElementById('figure').ariaLabel") == "Buying apples · 买苹果"
    assert browser.run("return document.documentElement.lang") == lang
    assert browser.run("return document.getElementById('slider').getAttribute('aria-valuetext')") == "0 / 5"


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_contrast(browser: Browser, dark: bool, tmp_path: Path) -> None:
    pages = {
        "graph": softmax_with_loss(title="Softmax with loss")[0],
        "convolution": viz.play_convolution(np.eye(4), np.ones((2, 2)), padding=1),
        "pooling": viz.play_max_pool(np.eye(4)),
        "table": TableOnly(apples()[0]),
    }
    for name, made in pages.items():
        browser.open(made.save(tmp_path / f"{name}.html"), dark=dark)
        last = browser.run("return +document.getElementById('slider').max")
        for k in {0, 1, last // 2, last}:
            slide(browser, k)
            check_contrast(browser)


def slide(browser: Browser, k: int) -> None:
    browser.run(
        "const s = document.getElementById('slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", k
    )


class TableOnly:
    """A picture whose page is made where nothing can draw."""

    def __init__(self, picture: viz.Picture) -> None:
        self.form = picture.form

    def draw(self, form: Form) -> str:
        raise NoRenderer("install something")

    def save(self, path: Path) -> Path:
        path.write_text(page.html(self.form, self.draw), encoding="utf-8")
        return path


def test_without_a_renderer_the_figure_is_a_table(browser: Browser, tmp_path: Path) -> None:
    picture, _ = softmax_with_loss()
    browser.open(TableOnly(picture).save(tmp_path / "page.html"), width=360)
    last = len(picture.form.events)
    for k, moment in enumerate(browser.run(WALK)[: last + 1]):
        shown = {id: text for id, text in moment["numbers"].items() if text}
        assert shown == {id: text for id, text in expected(picture.form, k).items() if text}
        assert moment["lit"] == ([[picture.form.events[k - 1].node, True]] if k else [])
    assert "install something" in browser.driver.find_element("class name", "note").text
    assert browser.console() == []


def test_without_javascript_the_figure_is_finished(browser: Browser, tmp_path: Path) -> None:
    picture, _ = apples()
    file = picture.save(tmp_path / "page.html")
    browser.open(file, script=False)
    try:
        shown = browser.driver.find_element("id", "figure").text.split()
        assert {"100", "200", "220", "2.2", "110", "1.1", "1"} <= {*shown}
        controls = ("bar", "text", "language")
        assert not any(browser.driver.find_element("id", id).is_displayed() for id in controls)
    finally:
        browser.open(file)


def test_the_policy_lets_nothing_else_run_or_load(browser: Browser, tmp_path: Path) -> None:
    picture, _ = apples()
    file = picture.save(tmp_path / "page.html")
    browser.open(file)
    policy = browser.run("return document.querySelector('meta[http-equiv]').content")
    assert "unsafe" not in policy and policy.startswith("default-src 'none'; ")
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)\n"
        "new Image().src = 'http://127.0.0.1:9/x.png'\n"
        "document.body.setAttribute('style', 'color: red')"
    )
    assert browser.run("return window.ran") is None
    assert browser.run("return getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert sum("Content Security Policy" in line for line in browser.console()) == 3


NASTY = '</script><img src=x onerror="document.title=1"> <!-- & \' " </text>'


def test_names_are_text_wherever_they_stand(browser: Browser, tmp_path: Path) -> None:
    x = leaf(3.0)
    picture = viz.graph((x * x).exp(), names={NASTY: x}, title=NASTY)
    file = picture.save(tmp_path / "page.html")
    browser.open(file)
    browser.run(WALK)
    assert browser.run("return document.images.length") == 0
    assert (
        browser.run("return document.title") == browser.run("return document.querySelector('h1').textContent") == NASTY
    )
    assert NASTY in browser.run("return [...document.querySelectorAll('text')].map(e => e.textContent)")
    assert browser.console() == []


def test_wide_figures_scroll_in_their_frame_and_letters_stay_readable(browser: Browser, tmp_path: Path) -> None:
    picture, _ = softmax_with_loss()
    for width in (360, 1280):
        browser.open(picture.save(tmp_path / "page.html"), width=width)
        heights = browser.run(
            "const svg = document.querySelector('svg'), scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width\n"
            "return [...document.querySelectorAll('svg text')].map(e => scale * parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(heights) > 10
    assert not browser.run("const f = document.getElementById('figure'); return f.scrollWidth > f.clientWidth")


# -------------------------------------------------------------------- without a browser


def test_steps_name_elements_that_the_figure_has() -> None:
    for draw in GRAPHS.values():
        picture, _ = draw()
        text = picture.html()
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        data = data_of(text)
        assert len(data["steps"]) == len(picture.form.events)
        for step in data["steps"]:
            assert {*step["show"], *step["on"]} <= ids
            assert step["on"]


def test_the_script_is_small_and_the_page_is_whole() -> None:
    text = apples()[0].html()
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    assert len(script.encode()) < 2000
    assert not re.search(r"(src|href)=\"(?!data:,)", html.unescape(text))
    with pytest.raises(ValueError, match="lang must be 'en' or 'zh', got 'fr'"):
        page.html(apples()[0].form, lambda form: '<svg viewBox="0 0 1 1"/>', lang="fr")
