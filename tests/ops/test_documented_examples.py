"""The examples of docs/adding-an-operation.md and docs/testing.md: they run, and what they define holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.function import OPERATIONS, UFUNCS
from minigrad.testing import check_grads, gradgradcheck

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    """Operations defined in a test are forgotten after it."""
    ufuncs, operations = dict(UFUNCS), list(OPERATIONS)
    yield
    UFUNCS.clear()
    UFUNCS.update(ufuncs)
    OPERATIONS[:] = operations


def run(page: str) -> dict[str, Any]:
    """The names that the Python blocks of a page define, run one after the other."""
    names: dict[str, Any] = {"__name__": page}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page, "exec"), names)  # the blocks say `check_operation` themselves
    return names


def test_adding_an_operation() -> None:
    names = run("adding-an-operation.md")
    x = minigrad.tensor([0.5, -0.25, 2.0], dtype=minigrad.float64, requires_grad=True)
    for call in (names["Log1p"].apply, names["softsign"], np.log1p, lambda x: names["Flip"].apply(x, 0)):
        assert gradgradcheck(call, x)
        check_grads(call, x, order=3)
    assert names["softsign"](x).grad_fn.name() == "SoftsignBackward0"
    assert names["softsign"](x).tolist() == [0.5 / 1.5, -0.25 / 1.25, 2 / 3]


def test_an_elementwise_operation_takes_about_ten_lines() -> None:
    page = (DOCS / "adding-an-operation.md").read_text(encoding="utf-8")
    for name in ("Log1p", "Softsign"):
        match = re.search(rf"class {name}.*?(?=```)", page, re.DOTALL)
        assert match and len([line for line in match[0].splitlines() if line.strip()]) <= 10


def test_testing_gradients() -> None:
    names = run("testing.md")
    assert names["gradcheck"](minigrad.exp, names["x"])


def test_kinks_page_names_every_operation_with_a_kink() -> None:
    page = (DOCS / "kinks.md").read_text(encoding="utf-8")
    for name in "relu abs sign floor sqrt log maximum amax clamp std logsumexp softmax remainder where".split():
        assert f"`{name}" in page


def test_convolution() -> None:
    names = run("convolution.md")
    with names["F"].strict_sizes(), pytest.raises(RuntimeError, match=r"7 \+ 2 \* 0 - 2\) / 2 \+ 1 = 3.5"):
        names["F"].max_pool2d(names["x"], 2)
