"""What `minigrad train` does: the book's training loop (section 4.5.2), with its pictures, files and checkpoints."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigrad import nn, optim, serialization
from minigrad.dtypes import float64
from minigrad.errors import FileFormatError
from minigrad.modes import no_grad
from minigrad.optim import lr_scheduler
from minigrad.random import get_rng_state, manual_seed, set_rng_state
from minigrad.tensor import tensor
from minigrad.utils.data import DataLoader, TensorDataset
from minigrad.utils.files import whole_or_nothing
from minigrad.vision import models
from minigrad.vision.datasets import MNIST, Digits
from minigrad.vision.models.book import ACTIVATIONS as ACTIVATIONS
from minigrad.vision.transforms.functional import resize
from minigrad.viz.training_pictures import plot_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHECKPOINT = "checkpoint.npz"
PAUSE = 1.0
"""Seconds after a checkpoint in which the end of an epoch writes no other: epochs may be as short as a step."""
EVALUATED = 10_000
"""Training images that the training accuracy is measured on, from the first one."""


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
    schedule: str = "constant"
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
    """Images, and the batch size and length of a run of the two-layer network that suit them."""

    load: Callable[[bool], Digits | MNIST]
    batch_size: int
    steps: int = 0
    epochs: int = 0


SOURCES = {
    "digits": Source(lambda train: Digits(train=train), batch_size=20, epochs=50),
    "mnist": Source(lambda train: MNIST(train=train), batch_size=100, steps=10_000),
}


@dataclass(frozen=True)
class Network:
    """A model: how to build it for images of a shape (channels, height, width), and what suits it."""

    build: Callable[[tuple[int, int, int], int, Settings], nn.Module]
    optimizer: str = "adam"
    epochs: int = 20
    """Length of a run; 0 stands for the source's."""
    side: int = 0
    """Height and width that the images are brought to; 0 leaves them."""
    rows: bool = False
    """Whether it takes images as rows of pixels."""


MODELS = {
    "two-layer": Network(
        lambda shape, classes, settings: models.TwoLayerNet(
            math.prod(shape), settings.hidden, classes, settings.init_std, settings.activation
        ),
        optimizer="sgd",
        epochs=0,
        rows=True,
    ),
    "simple-convnet": Network(lambda shape, classes, _: models.SimpleConvNet(shape, output_size=classes)),
    "deep-convnet": Network(lambda shape, classes, _: models.DeepConvNet(shape, output_size=classes)),
    "lenet": Network(lambda shape, classes, _: models.LeNet5(classes, shape[0]), side=28),
    "resnet8": Network(lambda shape, classes, _: models.resnet8(num_classes=classes, in_channels=shape[0])),
}


@dataclass(frozen=True)
class Method:
    """An optimiser and the learning rate that suits it."""

    build: Callable[[Iterable[nn.Parameter], float], optim.Optimizer]
    lr: float


OPTIMIZERS = {
    "sgd": Method(lambda parameters, lr: optim.SGD(parameters, lr=lr), lr=0.1),
    "momentum": Method(lambda parameters, lr: optim.SGD(parameters, lr=lr, momentum=0.9), lr=0.01),
    "adam": Method(lambda parameters, lr: optim.Adam(parameters, lr=lr), lr=0.001),
    "adamw": Method(lambda parameters, lr: optim.AdamW(parameters, lr=lr), lr=0.001),
}

# Of the learning rate over the steps of a run.
SCHEDULES: dict[str, Callable[[optim.Optimizer, int], lr_scheduler.LRScheduler]] = {
    "constant": lambda optimizer, steps: lr_scheduler.StepLR(optimizer, steps + 1),
    "step": lambda optimizer, steps: lr_scheduler.StepLR(optimizer, math.ceil(steps / 3)),
    "cosine": lambda optimizer, steps: lr_scheduler.CosineAnnealingLR(optimizer, steps),
}


class Training:
    """Data, model and optimiser of one run, drawn from `settings.seed`, and how far it has come."""

    def __init__(self, settings: Settings) -> None:
        manual_seed(settings.seed)
        source, network = SOURCES[settings.data], MODELS[settings.model]
        train, test = source.load(True), source.load(False)
        self.settings = settings
        self.train_set, self.test_set = _images(train, network), _images(test, network)
        self.classes = len(train.classes)
        side = network.side or train.data.shape[1]
        self.shape = (1, side, network.side or train.data.shape[2])
        try:
            self.model = network.build(self.shape, self.classes, settings)
        except ValueError as error:
            raise TrainingError(f"{settings.model} cannot take these images: {error}") from error
        self.optimizer = OPTIMIZERS[settings.optimizer].build(self.model.parameters(), settings.lr)
        self.loader = DataLoader(self.train_set, settings.batch_size, shuffle=True)
        self.steps = settings.steps or settings.epochs * len(self.loader)
        self.scheduler = SCHEDULES[settings.schedule](self.optimizer, self.steps)
        self.step = 0
        self.history: list[Row] = []
        self._losses: list[float] = []  # of the epoch that has begun
        self._order = get_rng_state()  # the random numbers that its order of images was drawn from

    def describe(self) -> str:
        settings = self.settings
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        shape = "x".join(map(str, self.shape))
        network = f"{settings.model} {shape}-{self.classes}"
        if MODELS[settings.model].rows:
            network = (
                f"{settings.model} {math.prod(self.shape)}-{settings.hidden}-{self.classes} ({settings.activation})"
            )
        return (
            f"{network}, {parameters:,} parameters; {settings.data}: {len(self.train_set):,} train and "
            f"{len(self.test_set):,} test images; {self.steps:,} steps of batch {settings.batch_size}, "
            f"{settings.optimizer}, lr {settings.lr:g}, seed {settings.seed}"
        )

    def run(
        self,
        on_step: Callable[[], object] = lambda: None,
        on_row: Callable[[Row], object] = lambda row: None,
        checkpoint: Path | None = None,
        every: int = 0,
    ) -> list[Row]:
        """Train to the end. `on_step` is called after every step, `on_row` at the end of every epoch and of the run.

        The state is written to `checkpoint` at the end of the run and of every epoch (see PAUSE), and after `every` so
        many steps.
        Raises TrainingError when the loss is no longer a finite number.
        """
        criterion = nn.CrossEntropyLoss()
        written = -math.inf
        while self.step < self.steps:
            for images, labels in self._rest_of_epoch():
                self.optimizer.zero_grad()
                loss = criterion(self.model(images), labels)
                loss.backward()
                self.optimizer.step()
                self.scheduler.step()
                self._losses.append(loss.item())
                self.step += 1
                if not math.isfinite(self._losses[-1]):
                    raise TrainingError(f"the loss is {self._losses[-1]} at step {self.step}: try a smaller --lr")
                on_step()
                if self.step == self.steps:
                    break
                if checkpoint and every and self.step % every == 0 and len(self._losses) < len(self.loader):
                    self.save(checkpoint)
            row = Row(
                epoch=len(self.history) + 1,
                step=self.step,
                loss=math.fsum(self._losses) / len(self._losses),
                train_accuracy=accuracy(self.model, TensorDataset(*self.train_set[:EVALUATED])),
                test_accuracy=accuracy(self.model, self.test_set),
            )
            self.history.append(row)
            self._losses, self._order = [], get_rng_state()
            if checkpoint and (every or self.step == self.steps or time.monotonic() - written >= PAUSE):
                self.save(checkpoint)
                written = time.monotonic()
            on_row(row)
        return self.history

    def _rest_of_epoch(self) -> Iterator[Any]:
        """The batches of this epoch that are still to come, in the order that the epoch began with."""
        now = get_rng_state()
        set_rng_state(self._order)
        batches = iter(self.loader)
        for _ in self._losses:
            next(batches)
        if self._losses:
            set_rng_state(now)
        return batches

    def save(self, path: Path) -> None:
        """Write all that a run needs to go on from here, whole or not at all."""
        state = {
            "settings": asdict(self.settings),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "random": get_rng_state(),
            "order": self._order,
            "step": self.step,
            "losses": tensor(self._losses, dtype=float64),
            "history": tensor([list(vars(row).values()) for row in self.history], dtype=float64),
        }
        serialization.save(state, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of a run with the same settings.

        The length may differ, unless the learning rate depends on it. Raises TrainingError for other settings and for a
        file that is no checkpoint.
        """
        try:
            state = serialization.load(path)
            saved, own = state["settings"], asdict(self.settings)
            free = ("steps", "epochs") if self.settings.schedule == "constant" else ()
            other = [name for name in own if name not in free and own[name] != saved[name]]
            if other:
                told = ", ".join(f"--{name.replace('_', '-')} {saved[name]}" for name in other)
                raise TrainingError(f"{path} is of a run with {told}: give that, or start anew without --resume")
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.settings.schedule != "constant":
                self.scheduler.load_state_dict(state["scheduler"])
            set_rng_state(state["random"])
            self._order, self.step, self._losses = state["order"], state["step"], state["losses"].tolist()
            self.history = [Row(int(epoch), int(step), *rest) for epoch, step, *rest in state["history"].tolist()]
        except (KeyError, TypeError) as error:
            raise TrainingError(f"{path} is not a checkpoint of minigrad train ({error!r})") from error
        except FileFormatError as error:
            raise TrainingError(str(error)) from error


def _images(dataset: Digits | MNIST, network: Network) -> TensorDataset:
    """All images with pixels in [0, 1], as (N, 1, H, W) or as rows, indexed a batch at a time."""
    images = dataset.data.unsqueeze(1).float() / 255
    if network.side:
        images = resize(images, (network.side, network.side))
    return TensorDataset(images.flatten(1) if network.rows else images, dataset.targets)


def accuracy(model: nn.Module, dataset: TensorDataset, batch_size: int = 500) -> float:
    """The fraction of `dataset` whose largest output is its label's, in evaluation mode."""
    images, labels = dataset.tensors
    right = 0
    model.eval()
    with no_grad():
        for start in range(0, len(dataset), batch_size):
            part = slice(start, start + batch_size)
            right += int((model(images[part]).argmax(1) == labels[part]).sum())
    model.train()
    return right / len(dataset)


def save(folder: Path, training: Training) -> list[Path]:
    """Write `history.csv`, `curves.png` and `weights.npz` into `folder`, each whole or not at all."""
    paths = [folder / "history.csv", folder / "curves.png", folder / "weights.npz"]
    with whole_or_nothing(paths[0]) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text, [field.name for field in fields(Row)])
        table.writeheader()
        table.writerows(asdict(row) for row in training.history)
        text.detach()
    with whole_or_nothing(paths[1]) as file:
        draw_curves(training.history, training.settings).savefig(file, format="png", dpi=120)
    serialization.save(training.model.state_dict(), paths[2])
    return paths


def draw_curves(history: list[Row], settings: Settings) -> Figure:
    """Loss and accuracy over the steps, as the book's figure 4-12 shows them."""
    from matplotlib.figure import Figure  # not pyplot: no window system, no global state

    steps = [row.step for row in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    network = f"{settings.model} ({settings.activation})" if MODELS[settings.model].rows else settings.model
    figure.suptitle(f"{network} on {settings.data}")
    left, right = figure.subplots(1, 2)
    plot_curves({"loss": [row.loss for row in history]}, steps, ax=left, ylabel="training loss", ylim=(0, None))
    accuracies = {"train": [row.train_accuracy for row in history], "test": [row.test_accuracy for row in history]}
    plot_curves(accuracies, steps, ax=right, ylabel="accuracy", ylim=(0, 1))
    return figure
