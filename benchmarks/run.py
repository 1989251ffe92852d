"""Measure workloads on engines, interleaved, and print Markdown tables: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import datetime
import fnmatch
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import catalogue, machine, table
from benchmarks.catalogue import Engine, Workload
from benchmarks.processes import Worker, WorkerFailed

T = TypeVar("T")
# Idle threads of OpenBLAS and OpenMP spin for a while before they sleep, and would take the next engine's core.
SETTLE = 0.05


@dataclass
class Report:
    """What is said around the tables."""

    python_versions: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)  # engine -> why
    failures: list[str] = field(default_factory=list)


def order(items: Sequence[T], turn: int) -> list[T]:
    """Every engine starts a round equally often, and has different neighbours in odd and even rounds."""
    start = turn % max(1, len(items))
    rotated = [*items[start:], *items[:start]]
    return rotated if turn % 2 == 0 else rotated[::-1]


def measure(
    workload: Workload, engines: Sequence[Engine], options: argparse.Namespace, report: Report
) -> tuple[list[table.Measured], list[str]]:
    """All engines on one workload, each in its own process, alive for all rounds. Gives results and remarks."""
    reference = catalogue.engines()["reference"]
    with Worker(reference, workload, options.threads) as worker:
        expected = worker.ask("start")["answer"]
    notes: list[str] = []
    with ExitStack() as stack:
        workers: dict[str, tuple[Worker, dict[str, Any], int]] = {}
        for engine in engines:
            if engine.name in report.skipped:
                continue
            worker = stack.enter_context(Worker(engine, workload, options.threads, options.python.get(engine.name)))
            try:
                start = worker.ask("start")
                if "missing" in start:
                    report.skipped[engine.name] = start["missing"]
                elif "unwritten" in start:
                    notes.append(f"{engine.name}: no program for this workload.")
                elif wrong := mistake(start, expected, workload, engine):
                    notes.append(f"{engine.name}: not timed, {wrong}.")
                    report.failures.append(f"{workload.name} on {engine.name}: {wrong}")
                else:
                    repetitions = worker.ask("calibrate", seconds=options.seconds)["repetitions"]
                    workers[engine.name] = worker, start, repetitions
            except WorkerFailed as failed:
                reason = str(failed).strip().splitlines()[-1]
                notes.append(f"{engine.name}: failed, {reason}.")
                report.failures.append(f"{workload.name} on {engine.name}: {failed}")
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        for turn in range(options.rounds):
            for name in order(list(workers), turn):
                time.sleep(SETTLE)
                worker, _, repetitions = workers[name]
                seconds[name].append(worker.ask("round", repetitions=repetitions)["seconds"])
        results = []
        for name, (worker, start, _) in workers.items():
            versions, peak = start["versions"], worker.ask("peak")["peak_kib"]
            report.python_versions.add(
                f"Python {versions['python']}, NumPy {versions['numpy']} with {versions['blas']}"
            )
            results.append(table.Measured(worker.engine, versions["engine"], seconds[name], peak, start["imports_kib"]))
    return results, notes


class Disturbance:
    """How much of the machine others used while the workers of this context lived."""

    def __enter__(self) -> Disturbance:
        self.start = time.perf_counter(), machine.busy_seconds(), machine.own_seconds()
        return self

    def __exit__(self, *exception: object) -> None:
        wall, busy, own = self.start
        self.share = None
        if (busy_now := machine.busy_seconds()) is not None and busy is not None:
            others = busy_now - busy - (machine.own_seconds() - own)
            self.share = max(0.0, others / (time.perf_counter() - wall) / machine.cores())


def mistake(start: dict[str, Any], expected: Any, workload: Workload, engine: Engine) -> str | None:
    """What is wrong with an engine's answer, in words; None when it is right."""
    if start["dtype"] != engine.dtype:
        return f"it computes gradients in {start['dtype']} instead of {engine.dtype}"
    error = table.error(start["answer"], expected)
    if not error <= workload.tolerance:
        return f"its answer is off by {error:.1e} (allowed {workload.tolerance:.0e})"
    return None


def pick(available: dict[str, T], patterns: str | None) -> list[T]:
    """The items whose names match one of the comma-separated patterns; all of them without patterns."""
    if patterns is None:
        return list(available.values())
    chosen: dict[str, T] = {}
    for pattern in patterns.split(","):
        names = fnmatch.filter(available, pattern)
        if not names:
            raise SystemExit(f"nothing is called '{pattern}'; there is {', '.join(available)}")
        chosen |= {name: available[name] for name in names}
    return list(chosen.values())


def interpreter(text: str) -> tuple[str, str]:
    engine, separator, path = text.partition("=")
    if not separator or not path:
        raise argparse.ArgumentTypeError(f"expected ENGINE=PATH, got '{text}'")
    return engine, path


def head(options: argparse.Namespace, engines: Iterable[Engine], report: Report) -> str:
    lines = [
        f"{datetime.date.today()}, {machine.describe()}; {'; '.join(sorted(report.python_versions))}; "
        f"{options.threads} thread{'s' if options.threads > 1 else ''} for every engine; "
        f"{options.rounds} rounds of about {options.seconds:g} s.",
        "",
    ]
    lines += [f"* {e.name}: {e.note}." for e in engines if e.note and e.name not in report.skipped]
    lines += [f"* {name}: skipped, {reason}." for name, reason in report.skipped.items()]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks. Gives 1 when an engine failed or gave a wrong answer, else 0."""
    workloads = catalogue.workloads()
    engines = {name: engine for name, engine in catalogue.engines().items() if name != "reference"}
    usual = {name: workload for name, workload in workloads.items() if workload.in_tables}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = "comma-separated names or patterns"
    parser.add_argument("--only", metavar="WORKLOADS", help=f"{names}: {', '.join(usual)} (default: all of these)")
    parser.add_argument("--engines", metavar="ENGINES", help=f"{names}: {', '.join(engines)} (default: all)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds, each running every engine (default: 15)")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of an engine's round (default: 0.2)")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="threads of every engine (default: cores)")
    parser.add_argument("--out", type=Path, help="write the Markdown to this file as well")
    parser.add_argument(
        "--python",
        type=interpreter,
        action="append",
        default=[],
        metavar="ENGINE=PATH",
        help="run an engine with another Python, for one that cannot be installed beside the others",
    )
    options = parser.parse_args(arguments)
    if min(options.rounds, options.threads) < 1 or options.seconds <= 0:
        parser.error("--rounds, --threads and --seconds must be positive")
    options.python = dict.fromkeys(engines, sys.executable) | dict(options.python)
    chosen = pick(engines, options.engines)
    report = Report()
    tables = []
    for workload in pick(workloads if options.only else usual, options.only):
        print(f"measuring {workload.name} ...", file=sys.stderr, flush=True)
        with Disturbance() as disturbance:
            results, notes = measure(workload, chosen, options, report)
        if disturbance.share is not None:
            notes.append(f"Other processes used {disturbance.share:.0%} of the cores meanwhile.")
        tables.append(table.markdown(workload, results, notes))
        print(tables[-1], flush=True)
    text = head(options, chosen, report)
    print(text)
    if options.out:
        options.out.write_text("\n".join([text, *tables]))
    for failure in report.failures:
        print(failure, file=sys.stderr)
    return 1 if report.failures else 0
