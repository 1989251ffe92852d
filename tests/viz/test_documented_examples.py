"""The examples of the pages on pictures run, and say what is said there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.ops.test_documented_examples import DOCS, run

PAGES = ("drawing.md", "step-page.md", "training-pictures.md")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:wrote apples.dot instead")
def test_drawing() -> None:
    names = run("drawing.md")
    assert "2.2" in names["picture"].source and Path(shutil.which("dot") and "apples.svg" or "apples.dot").is_file()


def test_step_page(tmp_path: Path) -> None:
    pytest.importorskip("contourpy", reason="matplotlib is not installed (extra 'book')")
    run("step-page.md")
    assert {p.name for p in tmp_path.iterdir()} == {
        *("apples.html", "model.html", "convolution.html", "pooling.html", "descent.html")
    }
    assert "upstream 1.1 times the swapped inputs: 2.2 = 1.1 × 2, 110 = 1.1 × 100" in Path("apples.html").read_text(
        "utf-8"
    )


def test_training_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'book')")
    run("training-pictures.md")
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    table = re.search(r"```\n(=.*?)```", (DOCS / "training-pictures.md").read_text("utf-8"), re.DOTALL)
    assert table is not None and capsys.readouterr().out.startswith(table[1])


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there(page: str) -> None:
    links = re.findall(r"!\[[^]]+\]\(([^)]*)\)", (DOCS / page).read_text("utf-8"))
    assert links and all((DOCS / link).is_file() for link in links)
