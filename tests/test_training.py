from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import training as training_module
from minigrad.cli import main
from minigrad.training import Settings, Training, TrainingError
from tests.vision.idx import write_mnist

SETTINGS: dict[str, Any] = {"data": "mnist", "batch_size": 30, "steps": 9, "optimizer": "adam", "schedule": "cosine"}
MODELS = ["two-layer", "deep-convnet"]  # one without and one with convolutions and dropout


@pytest.fixture(autouse=True)
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--data mnist` is 100 images of 8x8."""
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", train=100, test=50, size=8)
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "mnist"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("two-layer", "two-layer 64-50-10 (relu), 3,760 parameters"),
        ("simple-convnet", "simple-convnet 1x8x8-10, 13,890 parameters"),
        ("deep-convnet", "deep-convnet 1x8x8-10, 75,552 parameters"),
        ("lenet", "lenet 1x28x28-10, 61,706 parameters"),
        ("resnet8", "resnet8 1x8x8-10, 75,002 parameters"),
    ],
)
def test_every_model_trains(model: str, named: str) -> None:
    training = Training(Settings(model=model, **SETTINGS))
    assert training.describe().startswith(named)
    (first, *_) = [p.detach().clone() for p in training.model.parameters()]
    history = training.run()
    assert [row.step for row in history] == [4, 8, 9]
    assert not training.model.state_dict()[next(iter(training.model.state_dict()))].equal(first)
    assert training.model.training


def test_images_that_are_too_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mnist(tmp_path / "mnist", train=100, test=50, size=4)
    assert main(["train", "--data", "mnist", "--model", "simple-convnet"]) == 1
    assert "simple-convnet cannot take these images: an image of size 4" in capsys.readouterr().err


class Stop(Exception):
    pass


def stopped_after(steps: int, training: Training, path: Path, every: int) -> None:
    """Run until so many steps of this run are done, and stop there without a warning."""
    left = steps

    def on_step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Stop

    with pytest.raises(Stop):
        training.run(on_step, checkpoint=path, every=every)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("every", [0, 1, 3])
def test_a_run_goes_on_where_it_was(model: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch is 4 steps. Whatever the step it stops at, history and weights are those of a run without a stop."""
    monkeypatch.setattr(training_module, "PAUSE", 0.0)
    settings = Settings(model=model, **SETTINGS)
    whole = Training(settings)
    whole.run()
    for stop in range(1, 10):
        path = tmp_path / f"{stop}.npz"
        stopped_after(stop, Training(settings), path, every)
        minigrad.manual_seed(99)  # what a new process would not know of
        second = Training(settings)
        if path.exists():
            second.resume(path)
        assert second.step == (max((stop - 1) // 4 * 4, (stop - 1) // every * every) if every else (stop - 1) // 4 * 4)
        second.run(checkpoint=path)
        assert second.history == whole.history
        for name, value in whole.model.state_dict().items():
            assert value.tolist() == second.model.state_dict()[name].tolist()


def test_short_epochs_write_few_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(Training, "save", lambda self, path: written.append(self.step))
    monkeypatch.setattr(training_module, "PAUSE", 1000.0)
    Training(Settings(**SETTINGS)).run(checkpoint=tmp_path / "a.npz")
    assert written == [4, 9]


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    settings = Settings(**SETTINGS)
    first = Training(settings)
    first.run(checkpoint=tmp_path / "a.npz")
    again = Training(settings)
    again.resume(tmp_path / "a.npz")
    assert again.run(on_step=lambda: pytest.fail("a step was made")) == first.history


def test_a_constant_rate_allows_a_longer_run(tmp_path: Path) -> None:
    settings = {**SETTINGS, "schedule": "constant"}
    Training(Settings(**settings | {"steps": 8})).run(checkpoint=tmp_path / "a.npz")
    longer, whole = (Training(Settings(**settings | {"steps": 16})) for _ in range(2))
    longer.resume(tmp_path / "a.npz")
    assert (longer.step, longer.run()) == (8, longer.history)
    assert whole.run() == longer.history


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 2}, "is of a run with --seed 1: give that, or start anew"),
        ({"batch_size": 10, "lr": 1.0}, "run with --batch-size 30, --lr 0.1"),
        ({"steps": 100}, "run with --steps 9"),
    ],
)
def test_other_settings_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    Training(Settings(**SETTINGS)).run(checkpoint=tmp_path / "a.npz")
    with pytest.raises(TrainingError, match=message):
        Training(Settings(**SETTINGS | change)).resume(tmp_path / "a.npz")


def test_other_files_are_refused(tmp_path: Path) -> None:
    training = Training(Settings(**SETTINGS))
    minigrad.save({"model": {}}, tmp_path / "a.npz")
    with pytest.raises(TrainingError, match=r"a\.npz is not a checkpoint"):
        training.resume(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK half a file")
    with pytest.raises(TrainingError, match="not a whole file"):
        training.resume(tmp_path / "a.npz")


def test_resume_without_a_checkpoint_begins(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--data", "mnist", "--steps", "8", "--batch-size", "30", "--resume", "--out", "run"]
    assert main(command) == 0
    assert "going on" not in capsys.readouterr().out
    assert main(command) == 0
    assert "going on from step 8 of run/checkpoint.npz" in capsys.readouterr().out
    assert main([*command, "--seed", "5"]) == 1
    assert "is of a run with --seed 1" in capsys.readouterr().err


@pytest.mark.parametrize("model", MODELS)
def test_killed_at_any_moment(model: str, tmp_path: Path) -> None:
    """A real process, killed again and again, ends with the files of one that was left alone."""
    command = [sys.executable, "-m", "minigrad", "train", "--data", "mnist", "--model", model, "--batch-size", "10"]
    command += ["--steps", "400" if model == "two-layer" else "60", "--optimizer", "adam", "--schedule", "cosine"]
    command += ["--checkpoint-steps", "3", "--resume", "--out"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    subprocess.run([*command, "alone"], check=True, capture_output=True, env=environment, timeout=120)
    kills = 0
    for attempt in range(30):
        process = subprocess.Popen([*command, "run"], stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        if attempt < 4:
            for line in process.stdout:
                if line.startswith("epoch"):
                    break
            time.sleep(random.random() * 0.05)
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
        kills += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            break
    assert kills >= 2
    for name in ("history.csv", "weights.npz"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
