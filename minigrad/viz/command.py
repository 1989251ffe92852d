"""`minigrad graph FILE:OBJECT -o OUT`: draw a tensor or a model that a Python file makes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import minigrad
from minigrad.function import TensorCore
from minigrad.nn import Module
from minigrad.viz.graph import draw, graph_of_module
from minigrad.viz.names import Names
from minigrad.viz.picture import Picture
from minigrad.viz.render import SECONDS


class CommandError(Exception):
    """What is wrong with the command line or the file, in one line."""


def drawn(place: str, *, shapes: Sequence[Sequence[int]] = (), **options: Any) -> Picture:
    """The picture of FILE:OBJECT. Raises CommandError.

    OBJECT is a tensor, a list of tensors, a model (run on standard normal inputs of `shapes`), a picture, or a function
    without arguments that gives one of them.
    """
    path, colon, name = place.rpartition(":")
    if not colon:
        raise CommandError(f"{place!r}: expected FILE:OBJECT, such as model.py:loss")
    scope = vars(loaded(Path(path)))
    if name not in scope:
        raise CommandError(f"{path} has no {name!r}")
    found = scope[name]
    if callable(found) and not isinstance(found, Module):
        found = found()
    if isinstance(found, Picture):
        return found
    if isinstance(found, Module):
        if not shapes:
            raise CommandError(f"{name} is a model: give the shape of its input, such as --input 1,784")
        options.setdefault("values", "shapes")
        style = options.pop("style")
        return graph_of_module(
            found, *(minigrad.randn(*s) for s in shapes), style="module" if style == "auto" else style, **options
        )
    try:
        roots = [found] if isinstance(found, TensorCore) else list(found)
    except TypeError:
        roots = []
    if not roots or not all(isinstance(t, TensorCore) for t in roots):
        raise CommandError(
            f"{name} is a {type(found).__name__}: expected a tensor, a list of tensors, a model or a picture"
        )
    return draw(roots, Names(None, scope), seconds=SECONDS, **{"values": "numbers", **options})


def loaded(path: Path) -> Any:
    """The module that a file defines, found by its path; its folder can be imported from. Raises CommandError."""
    if not path.is_file():
        raise CommandError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module
