"""The process that runs one workload on one engine: `python -m benchmarks.worker ENGINE WORKLOAD THREADS`.

Reads one JSON request per line and answers each with one JSON line:
    {"do": "start"}                      -> {"answer": ..., "dtype": ..., "versions": ..., "imports_kib": ...}
                                            or {"missing": reason} or {"unwritten": true}
    {"do": "calibrate", "seconds": s}    -> {"repetitions": steps that take about s seconds}
    {"do": "round", "repetitions": n}    -> {"seconds": per step}
    {"do": "peak"}                       -> {"peak_kib": highest resident memory so far}
Whatever goes wrong is answered with {"error": traceback}. The end of the input ends the process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Any

from benchmarks import catalogue

WARM = 0.1  # seconds before a round in which steps are not timed


class Runner:
    def __init__(self, engine: catalogue.Engine, workload: catalogue.Workload, threads: int) -> None:
        self.engine, self.workload, self.threads = engine, workload, threads

    def start(self) -> dict[str, Any]:
        import numpy as np

        try:
            self.engine.setup(self.threads)
            importlib.import_module(self.engine.library)
        except ImportError as missing:
            return {"missing": str(missing)}
        imports = peak_kib()
        program = catalogue.build(self.workload, self.engine)
        if program is None:
            return {"unwritten": True}
        answer, dtype = program.answer()
        self.step = program.step
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        versions = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "blas": f"{blas['name']} {blas['version']}",
            "engine": version(self.engine.library),
        }
        return {"answer": answer, "dtype": dtype, "versions": versions, "imports_kib": imports}

    def calibrate(self, seconds: float) -> dict[str, Any]:
        per_step = self.timed(1)
        while per_step[1] < seconds / 4:
            per_step = self.timed(2 * per_step[0])
        return {"repetitions": max(1, round(seconds * per_step[0] / per_step[1]))}

    def round(self, repetitions: int) -> dict[str, Any]:
        # The other engines had the caches, and threads that slept share a core until the system spreads them: neither
        # belongs to this engine's time.
        start = time.perf_counter()
        while time.perf_counter() - start < WARM:
            self.timed(max(1, repetitions // 10))
        gc.collect()
        count, seconds = self.timed(repetitions)
        return {"seconds": seconds / count}

    def peak(self) -> dict[str, Any]:
        return {"peak_kib": peak_kib()}

    def timed(self, repetitions: int) -> tuple[int, float]:
        step = self.step
        start = time.perf_counter()
        for _ in range(repetitions):
            step()
        return repetitions, time.perf_counter() - start


def peak_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules[library], "__version__", ""))


def serve(runner: Runner) -> None:
    # Engines may print; the pipe is for answers only.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        try:
            action: Callable[..., dict[str, Any]] = getattr(runner, request.pop("do"))
            reply = action(**request)
        except Exception:
            reply = {"error": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    name, workload, threads = sys.argv[1:]
    serve(Runner(catalogue.engines()[name], catalogue.workloads()[workload], int(threads)))
