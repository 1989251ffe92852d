"""Containers that fold: the forms, and a reader who clicks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn, viz
from minigrad.viz.folding import MOST_LAYOUTS, collapsed, states
from minigrad.viz.form import Cluster, Edge, Form, Node
from tests.viz.browser import Browser, check_contrast
from tests.viz.test_picture import needs_dot


def network() -> viz.Picture:
    """A container in a container, and one beside it."""
    inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model = nn.Sequential(
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), inner), nn.Sequential(nn.Linear(4, 2), nn.Sigmoid())
    )
    return model.graph(minigrad.rand(5, 3))


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Modules in a tree of clusters, and arrows between them from earlier ones to later ones."""
    clusters = [
        Cluster(f"c{i}", f"box {i}", draw(st.sampled_from(["", *(f"c{j}" for j in range(i))])))
        for i in range(draw(st.integers(0, 5)))
    ]
    places = st.sampled_from(["", *(c.id for c in clusters)])
    nodes = [Node(f"n{i}", "module", "Linear", cluster=draw(places)) for i in range(draw(st.integers(1, 8)))]
    pairs = [(i, j) for j in range(len(nodes)) for i in range(j)]
    chosen = [pair for pair in pairs if draw(st.booleans())]
    edges = [Edge(f"e{k}", f"n{i}", f"n{j}") for k, (i, j) in enumerate(chosen)]
    return Form("module", nodes=nodes, edges=edges, clusters=clusters)


@given(forms())
def test_folded_forms_keep_every_arrow_between_what_is_still_seen(form: Form) -> None:
    parent = {c.id: c.parent for c in form.clusters}

    def shown_as(n: Node, state: frozenset[str]) -> str:
        around, place = [], n.cluster
        while place:
            around.append(place)
            place = parent[place]
        folded = [c for c in around if c in state]
        return f"card_{folded[-1]}" if folded else n.id

    known = states(form)
    assert known[0] == frozenset() and len(known) == len({*known}) <= MOST_LAYOUTS + 1
    for state in known:
        small = collapsed(form, state)
        place = {n.id: shown_as(n, state) for n in form.nodes}
        assert {n.id for n in small.nodes} == {*place.values()}
        wanted = {(place[e.source], place[e.target]) for e in form.edges} - {(p, p) for p in place.values()}
        assert {(e.source, e.target) for e in small.edges} == wanted and len(small.edges) == len(wanted)
        ids = {c.id for c in small.clusters}
        assert all(n.cluster in ids | {""} for n in small.nodes)
    assert len(form.nodes) == len(collapsed(form, frozenset()).nodes)


def test_every_state_of_a_small_tree_is_drawn() -> None:
    found = states(network().form)
    assert {*found} == {frozenset(s) for s in ([], ["c0"], ["c1"], ["c2"], ["c0", "c2"], ["c1", "c2"])}
    assert found[-1] == {"c0", "c2"}


def test_too_many_states_fold_one_at_a_time() -> None:
    form = Form("module", clusters=[Cluster(f"c{i}", "", "") for i in range(12)])
    found = states(form)
    assert len(found) == 14 and {len(s) for s in found} == {0, 1, 12}


def shown(browser: Browser) -> dict[str, str]:
    """What can be clicked in the layout shown, with whether it is open."""
    return dict(
        browser.run(
            "return [...document.querySelectorAll('.layout:not([hidden]) [data-to]')]"
            ".map(e => [e.dataset.cluster, e.ariaExpanded])"
        )
    )


@needs_dot
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_a_click_folds_and_opens(browser: Browser, width: int, dark: bool, tmp_path: Path) -> None:
    file = network().save(tmp_path / "page.html")
    browser.open(file, width=width, dark=dark)
    assert shown(browser) == {"c0": "true", "c1": "true", "c2": "true"}
    check_contrast(browser)

    def click(id: str) -> None:
        browser.run(
            "document.querySelector(`.layout:not([hidden]) [data-cluster=${arguments[0]}]`)"
            ".dispatchEvent(new MouseEvent('click', {bubbles: true}))",
            id,
        )

    click("c1")
    assert shown(browser) == {"c0": "true", "c1": "false", "c2": "true"}
    click("c0")
    assert shown(browser) == {"c0": "false", "c2": "true"}
    browser.press("\ue007")  # the focus stayed on the card: enter opens it, space folds it again
    assert shown(browser) == {"c0": "true", "c1": "true", "c2": "true"}
    browser.press(" ")
    assert shown(browser) == {"c0": "false", "c2": "true"}
    click("c2")
    assert shown(browser) == {"c0": "false", "c2": "false"}
    check_contrast(browser, at_least=5)
    browser.press("\ue004", "\ue007")  # tab leaves the last card
    assert shown(browser) == {"c0": "false", "c2": "false"}
    click("c0")
    assert shown(browser) == {"c0": "true", "c1": "true", "c2": "false"}
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.click("language")
    assert "折叠" in browser.text("hint")
    assert browser.requests() == [file.as_uri()] and browser.console() == []


@needs_dot
def test_what_folds_is_a_button_with_a_name(browser: Browser, tmp_path: Path) -> None:
    browser.open(network().save(tmp_path / "page.html"))
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = sorted(n["name"]["value"] for n in nodes if not n["ignored"] and n["role"]["value"] == "button")
    assert names == ["0", "1", "2", "中文"]


@needs_dot
def test_without_javascript_everything_is_open(browser: Browser, tmp_path: Path) -> None:
    file = network().save(tmp_path / "page.html")
    browser.open(file, script=False)
    try:
        layouts = browser.driver.find_elements("class name", "layout")
        assert [e.is_displayed() for e in layouts] == [True, *[False] * 5]
        assert "ReLU" in layouts[0].text
    finally:
        browser.open(file)
