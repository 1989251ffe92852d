"""The coordinator's end of a worker.

On Linux a process starts with the peak memory of the one that started it, so this side must stay smaller than
any engine: the coordinator imports neither NumPy nor an engine.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.catalogue import Engine, Workload

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
PATIENCE = 600.0  # seconds for one request; the slowest takes a few


class WorkerFailed(RuntimeError):
    """A worker raised, died or did not answer."""


class Worker:
    """One long-lived process that runs one workload on one engine. Use as a context."""

    def __init__(self, engine: Engine, workload: Workload, threads: int, python: str = sys.executable) -> None:
        self.engine = engine
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | dict(engine.environment)
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", engine.name, workload.name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request (see `benchmarks.worker`) and wait for its answer. Raises `WorkerFailed`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(f"the process ended with status {self.process.wait()}") from None
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.process.kill()
            raise WorkerFailed(f"no answer to '{do}' within {PATIENCE:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise WorkerFailed(f"the process ended with status {self.process.wait()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerFailed(reply["error"])
        return reply
