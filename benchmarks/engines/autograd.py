from __future__ import annotations

from benchmarks.catalogue import Engine

ENGINE = Engine("autograd", library="autograd", programs="autograd", note="HIPS autograd")
