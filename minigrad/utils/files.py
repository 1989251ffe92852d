"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_or_nothing(target: Path) -> Iterator[BinaryIO]:
    """A binary file beside `target` that takes its place at the end of the block, or vanishes on any exception."""
    # The name is this writer's own, so that two processes may write the same target.
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(partial, "xb") as file:
            yield file
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
