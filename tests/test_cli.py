from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.cli import main
from tests.vision.idx import write_mnist

FILES = ["checkpoint.npz", "curves.png", "history.csv", "weights.npz"]
MODULE = [sys.executable, "-m", "minigrad"]


@pytest.fixture(autouse=True)
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from, written to or fetched from outside tmp_path; `--data mnist` is small there."""
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", train=100, test=50)
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "mnist"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def history(folder: Path) -> list[dict[str, float]]:
    with open(folder / "history.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_train_writes_curves_history_and_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b"
    assert main(["train", "--data", "mnist", "--epochs", "3", "--batch-size", "30", "--out", str(out)]) == 0
    assert sorted(os.listdir(out)) == FILES
    rows = history(out)
    assert list(rows[0]) == ["epoch", "step", "loss", "train_accuracy", "test_accuracy"]
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 4), (2, 8), (3, 12)]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    weights = minigrad.load(out / "weights.npz")
    shapes = {name: (tuple(value.shape), value.dtype.name) for name, value in weights.items()}
    assert shapes == {
        "0.weight": ((50, 16), "float32"),
        "0.bias": ((50,), "float32"),
        "2.weight": ((10, 50), "float32"),
        "2.bias": ((10,), "float32"),
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("two-layer 16-50-10 (relu), 1,360 parameters; mnist: 100 train and 50 test images; 12")
    assert [line.split()[:2] for line in lines[1:4]] == [["epoch", "1"], ["epoch", "2"], ["epoch", "3"]]
    assert f"test {rows[-1]['test_accuracy']:.4f}" in lines[3]
    assert lines[4].startswith(f"test accuracy {rows[-1]['test_accuracy']:.4f} after 12 steps in ")
    assert all(str(out / name) in lines[5] for name in FILES[1:])


def test_the_written_weights_give_the_written_accuracy(tmp_path: Path) -> None:
    assert main(["train", "--data", "mnist", "--steps", "300", "--lr", "0.5", "--out", "run"]) == 0
    with np.load(tmp_path / "run" / "weights.npz", allow_pickle=False) as weights:
        dataset = minigrad.vision.datasets.MNIST(train=False)
        x = dataset.data.numpy().reshape(50, -1).astype(np.float32) / 255
        hidden = np.maximum(x @ weights["0.weight"].T + weights["0.bias"], 0)
        scores = hidden @ weights["2.weight"].T + weights["2.bias"]
    accuracy = np.mean(scores.argmax(1) == dataset.targets.numpy())
    assert accuracy == history(tmp_path / "run")[-1]["test_accuracy"]
    assert accuracy > 0.5


def test_the_defaults_learn_the_digits(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    assert main(["train"]) == 0
    rows = history(tmp_path / "runs" / "digits-two-layer")
    assert len(rows) == 50
    assert rows[-1]["test_accuracy"] >= 0.95
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_steps_may_end_inside_an_epoch(tmp_path: Path) -> None:
    assert main(["train", "--data", "mnist", "--steps", "5", "--batch-size", "30", "--out", "run"]) == 0
    assert [(row["epoch"], row["step"]) for row in history(tmp_path / "run")] == [(1, 4), (2, 5)]


def test_same_seed_same_run(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["train", "--data", "mnist", "--steps", "5", "--seed", seed, "--out", name]) == 0
    a, b, c = (history(tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    "options",
    [
        ["--activation", "sigmoid"],
        ["--optimizer", "adam", "--lr", "0.01"],
        ["--optimizer", "momentum"],
        ["--schedule", "step", "--batch-size", "50"],
        ["--hidden", "7", "--init-std", "0.5", "--batch-size", "3"],
    ],
)
def test_options(options: list[str], tmp_path: Path) -> None:
    assert main(["train", "--data", "mnist", "--steps", "4", "--out", "plain"]) == 0
    assert main(["train", "--data", "mnist", "--steps", "4", "--out", "other", *options]) == 0
    assert history(tmp_path / "plain") != history(tmp_path / "other")
    with np.load(tmp_path / "other" / "weights.npz", allow_pickle=False) as weights:
        assert len(weights["0.bias"]) == (7 if "--hidden" in options else 50)


def test_the_run_of_the_book_is_the_default_on_mnist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", "mnist"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert "-50-10 (relu)" in line
    assert "10,000 steps of batch 100, sgd, lr 0.1, seed 1" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "0"], "argument --epochs: '0' is not a whole number of at least 1"),
        (["--steps", "1.5"], "argument --steps: '1.5' is not a whole number of at least 1"),
        (["--epochs", "1", "--steps", "1"], "not allowed with argument"),
        (["--batch-size", "-3"], "argument --batch-size: '-3' is not a whole number"),
        (["--hidden", "many"], "argument --hidden: 'many' is not a whole number"),
        (["--lr", "0"], "argument --lr: '0' is not a number above 0"),
        (["--lr", "nan"], "argument --lr: 'nan' is not a number above 0"),
        (["--init-std", "inf"], "argument --init-std: 'inf' is not a number above 0"),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0"),
        (["--data", "cats"], "argument --data: invalid choice: 'cats'"),
        (["--model", "gpt"], "argument --model: invalid choice: 'gpt'"),
        (["--schedule", "magic"], "argument --schedule: invalid choice: 'magic'"),
        (["--checkpoint-steps", "0"], "argument --checkpoint-steps: '0' is not a whole number"),
        (["--optimizer", "magic"], "argument --optimizer: invalid choice: 'magic'"),
        (["--activation", "step"], "argument --activation: invalid choice: 'step'"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--epochs"], "argument --epochs: expected one argument"),
    ],
)
def test_bad_arguments(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", *options])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert message in printed.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_no_such_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def one_line_failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["train", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minigrad train: error: ")
    return line


@pytest.mark.parametrize(
    ("module", "library"), [("matplotlib", "matplotlib"), ("tqdm", "tqdm"), ("sklearn.datasets", "scikit-learn")]
)
def test_a_missing_extra(
    module: str, library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    line = one_line_failure(capsys)
    assert f'needs {library}: pip install "minigrad[book]"' in line


def test_an_output_folder_that_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("a file")
    assert "taken" in one_line_failure(capsys, "--out", "taken")
    assert "taken" in one_line_failure(capsys, "--out", "taken/below")


def test_damaged_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    assert f"{path} is truncated" in one_line_failure(capsys, "--data", "mnist")


def test_a_run_that_diverges(capsys: pytest.CaptureFixture[str]) -> None:
    line = one_line_failure(capsys, "--data", "mnist", "--lr", "1e30", "--init-std", "10", "--out", "run")
    assert "try a smaller --lr" in line
    assert os.listdir("run") in ([], ["checkpoint.npz"])


def test_as_module() -> None:
    def run(*arguments: str) -> Any:
        return subprocess.run([*MODULE, *arguments], capture_output=True, text=True, timeout=120)

    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"minigrad {minigrad.__version__}\n")
    helped = run("train", "--help")
    assert helped.returncode == 0
    assert all(option in helped.stdout for option in ("--data", "--model", "--epochs", "--lr", "--seed", "--out"))
    failed = run("train", "--epochs", "x")
    assert (failed.returncode, len(failed.stderr.splitlines())) == (2, 1)
    trained = run("train", "--data", "mnist", "--steps", "2", "--out", "run")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert sorted(os.listdir("run")) == FILES


def test_interrupt() -> None:
    process = subprocess.Popen(
        [*MODULE, "train", "--data", "mnist", "--steps", "100000000", "--out", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    time.sleep(0.1)
    try:
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:  # Python drops an interrupt that comes while an object is being destroyed
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "minigrad train: error: interrupted")
    assert os.listdir("run") == ["checkpoint.npz"]
