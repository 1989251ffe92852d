"""`python -m benchmarks`: engines in processes of their own, right answers timed and put into tables, wrong ones refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "0.01", "--threads", "1", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("workload", ["small-op", "mlp-sgd", "mlp-batchnorm", "simple-convnet", "scalar-chain"])
def test_engines_are_timed_side_by_side(workload: str, tmp_path: Path) -> None:
    engines = ["minigrad"] if workload in ("small-op", "scalar-chain") else ["book", "minigrad"]
    out = tmp_path / "table.md"
    found = run("--only", workload, "--engines", ",".join(engines), "--out", str(out))
    assert found.returncode == 0, found.stderr
    rows = re.findall(r"^\| (\w+) \| ([\d.e+]+) (?:us|ms|s) ", found.stdout, re.MULTILINE)
    assert sorted(name for name, _ in rows) == engines
    assert all(float(time) > 0 for _, time in rows)
    assert {line for line in found.stdout.splitlines() if line} == {
        line for line in out.read_text().splitlines() if line
    }


def test_an_engine_with_a_wrong_answer_is_not_timed(tmp_path: Path) -> None:
    """An interpreter whose minigrad is off by a hundredth."""
    wrong = tmp_path / "python"
    wrong.write_text(
        f"#!{sys.executable}\n"
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import minigrad\n"
        "right = minigrad.nn.CrossEntropyLoss.forward\n"
        "minigrad.nn.CrossEntropyLoss.forward = lambda *given: right(*given) * 1.01\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    wrong.chmod(0o755)
    found = run("--only", "mlp-sgd", "--engines", "minigrad", "--python", f"minigrad={wrong}")
    assert found.returncode == 1
    assert "its answer is off by" in found.stdout + found.stderr
    assert not re.search(r"^\| minigrad ", found.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "nothing"), "nothing is called 'nothing'; there is scalar-chain"),
        (("--engines", "abacus"), "nothing is called 'abacus'; there is autograd"),
        (("--rounds", "0"), "must be positive"),
        (("--python", "torch"), "expected ENGINE=PATH, got 'torch'"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], words: str) -> None:
    found = run(*arguments)
    assert found.returncode
    assert words in found.stderr
    assert "Traceback" not in found.stderr
