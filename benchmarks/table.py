"""From measured rounds to a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.catalogue import Engine, Workload

BASELINE = "torch"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True)
class Measured:
    """What one engine did on one workload: seconds per step of every round, memory in KiB."""

    engine: Engine
    version: str
    rounds: Sequence[float]
    peak_kib: int
    imports_kib: int


@dataclass(frozen=True)
class Spread:
    """A median with the extremes around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        values = list(values)
        return cls(median(values), min(values), max(values))


def ratios(rounds: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Ratio to the baseline, taken round by round: a slow moment of the machine hits both sides of a ratio."""
    return Spread.of(mine / other for mine, other in zip(rounds, baseline, strict=True))


def error(answer: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> float:
    """Largest difference between two answers, relative to the largest entry of the part in which it stands.

    Infinite when the answers differ in structure or one holds NaN.
    """
    if [len(part) for part in answer] != [len(part) for part in reference]:
        return float("inf")
    worst = 0.0
    for part, expected in zip(answer, reference, strict=True):
        scale = max(map(abs, expected), default=0.0) or 1.0
        for a, b in zip(part, expected, strict=True):
            difference = abs(a - b) / scale
            if not difference <= worst:  # also true for NaN
                worst = difference if difference == difference else float("inf")
    return worst


def duration(seconds: float, like: float | None = None) -> str:
    """Three significant digits, in the unit that suits `like` (by default the value itself)."""
    scale, unit = next(((s, u) for s, u in UNITS if (like or seconds) >= s), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def markdown(workload: Workload, results: Sequence[Measured], notes: Sequence[str] = ()) -> str:
    """The table of one workload, fastest first, with the remarks about it underneath."""
    per = workload.operations or 1
    baseline = next((r.rounds for r in results if r.engine.name == BASELINE), None)
    lines = [
        f"### {workload.title}",
        "",
        f"| engine | time per {'op' if workload.operations else 'step'}: median (min-max) "
        "| ratio to torch: median (min-max) | peak memory MiB (after imports) | version |",
        "|---|---|---|---|---|",
    ]
    for result in sorted(results, key=lambda r: median(r.rounds)):
        time = Spread.of(seconds / per for seconds in result.rounds)
        low, high = duration(time.low, time.median).split()[0], duration(time.high, time.median).split()[0]
        cells = [result.engine.name, f"{duration(time.median)} ({low}-{high})"]
        if baseline is None:
            cells.append("-")
        elif result.engine.name == BASELINE:
            cells.append("1")
        else:
            ratio = ratios(result.rounds, baseline)
            cells.append(f"**{ratio.median:.2f}** ({ratio.low:.2f}-{ratio.high:.2f})")
        cells += [f"{result.peak_kib / 1024:.0f} ({result.imports_kib / 1024:.0f})", result.version or "-"]
        lines.append(f"| {' | '.join(cells)} |")
    if notes:
        lines += ["", *(f"* {note}" for note in notes)]
    return "\n".join(lines) + "\n"
