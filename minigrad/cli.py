"""The command `minigrad`. `train` trains the book's networks, `graph` draws; docs/command-line.md shows them."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from minigrad import __version__
from minigrad.errors import GraphError, MissingExtra
from minigrad.training import (
    ACTIVATIONS,
    CHECKPOINT,
    MODELS,
    OPTIMIZERS,
    SCHEDULES,
    SOURCES,
    Settings,
    Training,
    TrainingError,
    save,
)
from minigrad.vision.datasets import DatasetError

_N = TypeVar("_N", int, float)

_FAILED = 1
_INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C ended."""


class _Parser(argparse.ArgumentParser):
    """argparse, with errors on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's) and return its exit code: 0; 1 when it failed,
    with one line on stderr. Bad arguments raise SystemExit(2), as argparse does."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        return _fail(options, "interrupted", _INTERRUPTED)
    except MissingExtra as error:
        return _fail(options, str(error))


def _fail(options: argparse.Namespace, message: str, code: int = _FAILED) -> int:
    print(f"{options.prog}: error: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="minigrad", description="An autograd tensor engine on NumPy.")
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands.add_parser("train", help="train a network on handwritten digits"))
    _add_graph(commands.add_parser("graph", help="draw a tensor's graph or a model"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a network on handwritten digits; write its curves, history and weights. The defaults are the book's "
        "two-layer network on scikit-learn's digits. With --data mnist they are the run of the book's chapter 5, and "
        "with --activation sigmoid as well that of chapter 4."
    )
    parser.set_defaults(command=_train, prog=parser.prog)
    add = parser.add_argument
    add("--data", choices=SOURCES, default="digits", help="images (digits); mnist: see MINIGRAD_DATA, or downloaded")
    add("--model", choices=MODELS, default="two-layer", help="network (two-layer)")
    add("--activation", choices=ACTIVATIONS, default="relu", help="of the two-layer network (relu)")
    add("--hidden", type=_count, default=50, metavar="N", help="neurons of its hidden layer (50)")
    add("--init-std", type=_positive, default=0.01, metavar="STD", help="deviation of its first weights (0.01)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=_count, metavar="N", help="passes over the data (20; two-layer on digits: 50)")
    length.add_argument("--steps", type=_count, metavar="N", help="batches to train on (two-layer on mnist: 10000)")
    add("--batch-size", type=_count, metavar="N", help="images per batch (digits: 20, mnist: 100)")
    add("--optimizer", choices=OPTIMIZERS, help="optimiser (two-layer: sgd, others: adam)")
    add("--lr", type=_positive, metavar="RATE", help="learning rate (sgd: 0.1, momentum: 0.01, others: 0.001)")
    add("--schedule", choices=SCHEDULES, default="constant", help="of the learning rate over the run (constant)")
    add("--seed", type=_seed, default=1, metavar="N", help="of the first weights and the order of the images (1)")
    add("--out", type=Path, metavar="FOLDER", help="for the files (runs/DATA-MODEL)")
    add("--resume", action="store_true", help="go on from the checkpoint in that folder, if there is one")
    add("--checkpoint-steps", type=_count, default=0, metavar="N", help="write it every N steps, not only every epoch")


def _add_graph(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Draw what a tensor was computed from, or a model by its modules. OBJECT is a tensor, a list of tensors, a model "
        "or a function that gives one of them; FILE is run to get it."
    )
    parser.set_defaults(command=_graph, prog=parser.prog)
    add = parser.add_argument
    add("place", metavar="FILE:OBJECT", help="what to draw, such as model.py:loss")
    add(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="OUT",
        help="a file ending in .svg, .png, .pdf, .html, .dot or .json",
    )
    add("--style", choices=("auto", "book", "compact", "module"), default="auto", help="by size (auto)")
    add("--grads", choices=("total", "local", "none"), default="total", help="what stands below the arrows (total)")
    add("--input", type=_shape, action="append", default=[], metavar="SHAPE", help="of a model's input: 1,784")
    add("--title", default="", help="text above the picture")
    add("--lang", choices=("en", "zh"), default="en", help="of an HTML page (en)")


def _graph(options: argparse.Namespace) -> int:
    from minigrad.viz.command import CommandError, drawn
    from minigrad.viz.picture import FORMATS

    if options.out.suffix[1:].lower() not in FORMATS:
        return _fail(options, f"{options.out} should end in one of {', '.join('.' + f for f in FORMATS)}")
    try:
        picture = drawn(
            options.place,
            shapes=options.input,
            style=options.style,
            grads=options.grads if options.grads != "none" else False,
            title=options.title,
            lang=options.lang,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            path = picture.save(options.out)
    except (CommandError, GraphError, TypeError) as error:
        return _fail(options, str(error))
    except OSError as error:
        return _fail(options, f"{error.strerror or error}: {error.filename or options.out}")
    print(f"wrote {path}: {picture!r}")
    if path.suffix != options.out.suffix:
        return _fail(options, str(caught[-1].message))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    source, network = SOURCES[options.data], MODELS[options.model]
    optimizer = options.optimizer or network.optimizer
    steps, epochs = options.steps or 0, options.epochs or 0
    if not steps and not epochs:
        steps, epochs = (0, network.epochs) if network.epochs else (source.steps, source.epochs)
    return Settings(
        data=options.data,
        model=options.model,
        activation=options.activation,
        hidden=options.hidden,
        init_std=options.init_std,
        optimizer=optimizer,
        lr=options.lr or OPTIMIZERS[optimizer].lr,
        schedule=options.schedule,
        batch_size=options.batch_size or source.batch_size,
        steps=steps,
        epochs=epochs,
        seed=options.seed,
    )


def _train(options: argparse.Namespace) -> int:
    for library in ("matplotlib", "tqdm"):  # not found out after the training
        try:
            importlib.import_module(library)
        except ImportError as error:
            raise MissingExtra(f'needs {library}: pip install "minigrad[book]"') from error
    from tqdm import tqdm

    settings = _settings(options)
    folder: Path = options.out or Path("runs") / f"{settings.data}-{settings.model}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        training, checkpoint = Training(settings), folder / CHECKPOINT
        print(training.describe())
        if options.resume and checkpoint.exists():
            training.resume(checkpoint)
            print(f"going on from step {training.step:,} of {checkpoint}")
        begin = time.perf_counter()
        with tqdm(total=training.steps, initial=training.step, unit="step", leave=False, disable=None) as bar:
            history = training.run(bar.update, lambda row: bar.write(str(row)), checkpoint, options.checkpoint_steps)
        seconds = time.perf_counter() - begin
        paths = save(folder, training)
    except (DatasetError, TrainingError) as error:
        return _fail(options, str(error))
    except OSError as error:
        return _fail(options, f"{error.strerror or error}: {error.filename or folder}")
    print(f"test accuracy {history[-1].test_accuracy:.4f} after {training.steps:,} steps in {seconds:.1f} s")
    print("wrote " + ", ".join(map(str, paths)))
    return 0


def _count(text: str) -> int:
    return _number(text, int, lambda value: value >= 1, "a whole number of at least 1")


def _shape(text: str) -> tuple[int, ...]:
    return tuple(_number(part, int, lambda value: value >= 0, "a shape such as 1,784") for part in text.split(","))


def _seed(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**63, "a whole number from 0 to 2**63 - 1")


def _positive(text: str) -> float:
    return _number(text, float, lambda value: 0 < value < math.inf, "a number above 0")


def _number(text: str, kind: Callable[[str], _N], fits: Callable[[_N], bool], wanted: str) -> _N:
    try:
        value = kind(text)
        if fits(value):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
