from __future__ import annotations

from benchmarks.catalogue import Engine

ENGINE = Engine("minigrad", library="minigrad", programs="torch_style")
