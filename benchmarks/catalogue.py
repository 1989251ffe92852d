"""What can be measured: the workloads and the engines, found by looking into their folders.

Read by the coordinating process too, which must stay small (see `processes`), so nothing here imports NumPy.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol


@dataclass(frozen=True)
class Workload:
    """One thing to be computed by every engine.

    A folder in `benchmarks/workloads` defines `WORKLOADS`, a tuple of these (or of a subclass with more settings),
    and holds one file per way to write the program (see `Engine.programs`) plus `reference.py`, in float64.
    """

    package: str  # `__name__` of that folder
    name: str  # as typed after --only
    title: str  # heading of its table
    operations: int | None = None  # time is given per operation when a step consists of many, per step when None
    in_tables: bool = True  # whether it is measured without being named
    tolerance: float = 1e-3  # largest allowed error of an answer, relative to the largest entry of that part

    def program(self, stem: str) -> ModuleType | None:
        """The module that holds this workload's program for engines of the given kind, None when nobody wrote it."""
        name = f"{self.package}.{stem}"
        return importlib.import_module(name) if importlib.util.find_spec(name) else None


@dataclass(frozen=True)
class Engine:
    """One library that computes workloads. A file in `benchmarks/engines` defines `ENGINE`, one of these."""

    name: str  # as typed after --engines
    library: str  # the module to import, given to the program
    programs: str  # which file of a workload's folder this engine runs: `torch_style` -> torch_style.py
    note: str = ""  # what the reader of the table has to know about this engine's settings
    environment: Mapping[str, str] = field(default_factory=dict)  # set before the interpreter starts
    setup: Callable[[int], None] = lambda threads: None  # run first in the worker, before the library is imported
    dtype: str = "float32"  # of the gradients; an engine that computes in another one is not timed


class Program(Protocol):
    """What a workload's file gives: `build(workload, library)` returns one of these, data and weights at its start."""

    def answer(self) -> tuple[list[list[float]], str]:
        """Parts to compare with the reference's (losses, gradients, ...) and the dtype that gradients have.

        Called once, before the first timed step.
        """

    def step(self) -> None:
        """What is timed."""


def workloads() -> dict[str, Workload]:
    """All workloads by name, in alphabetical order of their folders."""
    return {w.name: w for module in _modules("benchmarks.workloads") for w in module.WORKLOADS}


def engines() -> dict[str, Engine]:
    """All engines by name. The reference is one too, though it is never timed."""
    return {module.ENGINE.name: module.ENGINE for module in _modules("benchmarks.engines")}


def build(workload: Workload, engine: Engine) -> Program | None:
    """The program of this workload for this engine, None when there is none."""
    module: Any = workload.program(engine.programs)
    if module is None:
        return None
    program: Program = module.build(workload, importlib.import_module(engine.library))
    return program


def _modules(package: str) -> list[Any]:
    path = importlib.import_module(package).__path__
    return [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(path)]
