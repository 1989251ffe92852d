"""How the cost of a training step grows with batch, image size and depth, as a picture: `python -m benchmarks.growth`."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import catalogue, machine
from benchmarks.run import Report, measure, pick
from benchmarks.workloads.networks import GROWING

XLABELS = {"batch": "images in a batch", "size": "height and width of the images", "depth": "convolutions"}
Times = dict[str, dict[str, dict[int, float]]]  # quantity, engine, its value: median seconds per step


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the picture and a table of its points. Gives 1 when an engine failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--engines", default="minigrad,torch,torch-best,book,dezero", help="names or patterns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of an engine's round (default: 0.1)")
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument(
        "--out", type=Path, default=Path("growth.png"), help="the picture; a .csv beside it has its points"
    )
    options = parser.parse_args(arguments)
    engines = {name: engine for name, engine in catalogue.engines().items() if name != "reference"}
    options.python = dict.fromkeys(engines, sys.executable)
    chosen, workloads, report = pick(engines, options.engines), catalogue.workloads(), Report()
    times: Times = {}
    for what, values in GROWING.items():
        for n in values:
            print(f"measuring {what} {n} ...", file=sys.stderr, flush=True)
            results, _ = measure(workloads[f"growth-{what}-{n}"], chosen, options, report)
            for result in results:
                times.setdefault(what, {}).setdefault(result.engine.name, {})[n] = median(result.rounds)
    draw(times, options.out)
    with options.out.with_suffix(".csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["quantity", "value", "engine", "seconds"])
        table.writerows(
            [what, n, engine, f"{seconds:.6g}"]
            for what, engines_ in times.items()
            for engine, points in engines_.items()
            for n, seconds in points.items()
        )
    for failure in report.failures:
        print(failure, file=sys.stderr)
    return 1 if report.failures else 0


def draw(times: Times, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    figure.suptitle("Time of a training step: 3x3 convolutions of 16 channels; else 4 of them on 16 images of 32x32")
    for axes, (what, engines) in zip(figure.subplots(1, 3, sharey=True), times.items(), strict=True):
        for engine, points in engines.items():
            style = {"linewidth": 2.5} if engine == "minigrad" else {"linewidth": 1.2}
            axes.plot(list(points), [1000 * s for s in points.values()], marker=".", label=engine, **style)
        axes.set(xscale="log", yscale="log", xlabel=XLABELS[what], xticks=list(GROWING[what]))
        axes.set_xticklabels(map(str, GROWING[what]))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("ms")
    figure.axes[0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
