"""What `minigrad train` does: the book's training loop (section 4.5.2), with its pictures and files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import nn, optim
from minigrad.modes import no_grad
from minigrad.random import manual_seed
from minigrad.utils.data import DataLoader, TensorDataset
from minigrad.utils.files import whole_or_nothing
from minigrad.vision.datasets import MNIST, Digits
from minigrad.viz.pictures import plot_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TrainingError(RuntimeError):
    """A training run that cannot go on."""


@dataclass(frozen=True)
class Settings:
    """One run, by default with the network of the book's chapter 5; `activation="sigmoid"` is chapter 4's."""

    data: str
    batch_size: int
    steps: int
    """Batches to train on; 0 stands for `epochs` passes over the data."""
    epochs: int = 0
    model: str = "two-layer"
    activation: str = "relu"
    hidden: int = 50
    init_std: float = 0.01
    optimizer: str = "sgd"
    lr: float = 0.1
    seed: int = 1


@dataclass(frozen=True)
class Row:
    """One line of the history, at the end of an epoch or of the run."""

    epoch: int
    step: int
    loss: float
    train_accuracy: float
    test_accuracy: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:3d}   step {self.step:6d}   loss {self.loss:.4f}   "
            f"train {self.train_accuracy:.4f}   test {self.test_accuracy:.4f}"
        )


@dataclass(frozen=True)
class Source:
    """Images, and the batch size and length of a run that suit them."""

    load: Callable[[bool], Digits | MNIST]
    batch_size: int
    steps: int = 0
    epochs: int = 0


SOURCES = {
    "digits": Source(lambda train: Digits(train=train), batch_size=20, epochs=50),
    "mnist": Source(lambda train: MNIST(train=train), batch_size=100, steps=10_000),
}


def two_layer(pixels: int, classes: int, settings: Settings) -> nn.Module:
    """Affine, activation, affine (book, section 4.5.1): weights from N(0, init_std), biases zero."""
    model = nn.Sequential(
        nn.Linear(pixels, settings.hidden),
        ACTIVATIONS[settings.activation](),
        nn.Linear(settings.hidden, classes),
    )
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=settings.init_std)
        else:
            nn.init.zeros_(parameter)
    return model


MODELS: dict[str, Callable[[int, int, Settings], nn.Module]] = {"two-layer": two_layer}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


@dataclass(frozen=True)
class Method:
    """An optimiser and the learning rate that suits it."""

    build: Callable[[Iterable[nn.Parameter], float], optim.Optimizer]
    lr: float


OPTIMIZERS = {
    "sgd": Method(lambda parameters, lr: optim.SGD(parameters, lr=lr), lr=0.1),
    "adam": Method(lambda parameters, lr: optim.Adam(parameters, lr=lr), lr=0.001),
}


class Training:
    """Data, model and optimiser of one run, drawn from `settings.seed`."""

    def __init__(self, settings: Settings) -> None:
        manual_seed(settings.seed)
        source = SOURCES[settings.data]
        train, test = source.load(True), source.load(False)
        self.settings = settings
        self.train_set, self.test_set = _as_rows(train), _as_rows(test)
        self.pixels, self.classes = self.train_set.tensors[0].shape[1], len(train.classes)
        self.model = MODELS[settings.model](self.pixels, self.classes, settings)
        self.optimizer = OPTIMIZERS[settings.optimizer].build(self.model.parameters(), settings.lr)
        self.loader = DataLoader(self.train_set, settings.batch_size, shuffle=True)
        self.steps = settings.steps or settings.epochs * len(self.loader)

    def describe(self) -> str:
        settings = self.settings
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"{settings.model} {self.pixels}-{settings.hidden}-{self.classes} ({settings.activation}), "
            f"{parameters:,} parameters; {settings.data}: {len(self.train_set):,} train and "
            f"{len(self.test_set):,} test images; {self.steps:,} steps of batch {settings.batch_size}, "
            f"{settings.optimizer}, lr {settings.lr:g}, seed {settings.seed}"
        )

    def run(self, on_step: Callable[[], object], on_row: Callable[[Row], object]) -> list[Row]:
        """Train. `on_step` is called after every step, `on_row` at the end of every epoch and of the run.

        Raises TrainingError when the loss is no longer a finite number.
        """
        criterion = nn.CrossEntropyLoss()
        history: list[Row] = []
        step = 0
        while step < self.steps:
            losses = []
            for images, labels in self.loader:
                self.optimizer.zero_grad()
                loss = criterion(self.model(images), labels)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
                step += 1
                if not math.isfinite(losses[-1]):
                    raise TrainingError(f"the loss is {losses[-1]} at step {step}: try a smaller --lr")
                on_step()
                if step == self.steps:
                    break
            row = Row(
                epoch=len(history) + 1,
                step=step,
                loss=math.fsum(losses) / len(losses),
                train_accuracy=accuracy(self.model, self.train_set),
                test_accuracy=accuracy(self.model, self.test_set),
            )
            history.append(row)
            on_row(row)
        return history


def _as_rows(dataset: Digits | MNIST) -> TensorDataset:
    """All images as rows of pixels in [0, 1], indexed a batch at a time."""
    return TensorDataset(dataset.data.reshape(len(dataset), -1).float() / 255, dataset.targets)


def accuracy(model: nn.Module, dataset: TensorDataset, batch_size: int = 10_000) -> float:
    """The fraction of `dataset` whose largest output is its label's."""
    images, labels = dataset.tensors
    right = 0
    with no_grad():
        for start in range(0, len(dataset), batch_size):
            part = slice(start, start + batch_size)
            right += int((model(images[part]).argmax(1) == labels[part]).sum())
    return right / len(dataset)


def save(folder: Path, training: Training, history: list[Row]) -> list[Path]:
    """Write `history.csv`, `curves.png` and `weights.npz` into `folder`, each whole or not at all."""
    paths = [folder / "history.csv", folder / "curves.png", folder / "weights.npz"]
    with whole_or_nothing(paths[0]) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text, [field.name for field in fields(Row)])
        table.writeheader()
        table.writerows(asdict(row) for row in history)
        text.detach()
    with whole_or_nothing(paths[1]) as file:
        draw_curves(history, training.settings).savefig(file, format="png", dpi=120)
    with whole_or_nothing(paths[2]) as file:
        arrays: dict[str, Any] = {
            name: np.asarray(value.detach().numpy()) for name, value in training.model.state_dict().items()
        }
        np.savez(file, **arrays)
    return paths


def draw_curves(history: list[Row], settings: Settings) -> Figure:
    """Loss and accuracy over the steps, as the book's figure 4-12 shows them."""
    from matplotlib.figure import Figure  # not pyplot: no window system, no global state

    steps = [row.step for row in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(f"{settings.model} ({settings.activation}) on {settings.data}")
    left, right = figure.subplots(1, 2)
    plot_curves({"loss": [row.loss for row in history]}, steps, ax=left, ylabel="training loss", ylim=(0, None))
    accuracies = {"train": [row.train_accuracy for row in history], "test": [row.test_accuracy for row in history]}
    plot_curves(accuracies, steps, ax=right, ylabel="accuracy", ylim=(0, 1))
    return figure
