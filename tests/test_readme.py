"""README.md says what is so."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_example_runs_and_learns(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    example, _ = EXAMPLES
    exec(compile(example, "README.md", "exec"), {})
    printed = re.fullmatch(r"test accuracy (0\.\d+)\n", capsys.readouterr().out)
    assert printed is not None
    assert float(printed[1]) >= 0.95


def test_the_picture_shows_the_book_s_gradients() -> None:
    _, example = EXAMPLES
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    price = names["price"]
    price.backward(retain_graph=True)
    for leaf in ("apple", "count", "tax"):
        assert f"{names[leaf].grad.item():.4g}" in names["picture"].source


def test_the_commands_name_extras_that_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    named = {extra for extras in re.findall(r'pip install -e "\.\[(.*?)\]"', README) for extra in extras.split(",")}
    assert {"book", "test"} <= named <= set(setup["options.extras_require"])


@pytest.mark.parametrize("path", re.findall(r"\]\((docs/[^)]*)\)", README))
def test_the_pages_it_links_to_exist(path: str) -> None:
    assert (ROOT / path).is_file()
