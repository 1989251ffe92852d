from __future__ import annotations

from benchmarks.catalogue import Engine

# Answers only: what the others are compared with before they are timed.
ENGINE = Engine("reference", library="numpy", programs="reference", dtype="float64")
