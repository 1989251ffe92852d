from __future__ import annotations

from benchmarks.catalogue import Engine

ENGINE = Engine(
    "book",
    library="numpy",
    programs="book",
    note="layers with hand-written forward and backward in plain NumPy, as the book teaches them: no engine at all",
)
