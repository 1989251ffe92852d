"""`graph`: draw what a tensor was computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from minigrad.function import TensorCore, user_frame
from minigrad.viz.build import build
from minigrad.viz.groups import grouped
from minigrad.viz.modules import Run, module_form
from minigrad.viz.names import Names
from minigrad.viz.picture import Picture
from minigrad.viz.render import SECONDS
from minigrad.viz.trace import trace

BOOK, COMPACT, CARDS = 300, 1500, 150  # the most nodes in book style and in compact style, and cards in module style

Style = Literal["auto", "book", "compact", "module"]
Grads = Literal["total", "local", False, True]


def graph(
    outputs: Any,
    *,
    names: Mapping[str, Any] | None = None,
    style: Style = "auto",
    grads: Grads = "total",
    values: Literal["numbers", "shapes"] = "numbers",
    title: str = "",
    lang: str = "en",
    seconds: float = SECONDS,
) -> Picture:
    """Draw the graph of a tensor, or of several: values above the arrows, gradients below, as in the book.

    names    a dict of names and tensors; other tensors are called as the caller's variables are
    style    "book" (up to 300 nodes), "compact" (up to 1,500), "module"; "auto" chooses by size
    grads    "total"; "local" adds how each comes about (`= 1.1 × 2`); False draws none
    values   "shapes" prints the shape of everything but single numbers
    lang     language of the step page: "en" or "zh"
    seconds  how long Graphviz may take before a plainer picture is tried

    Drawing walks backwards by itself and changes nothing: no `.grad`, no value, no hook is called, and the graph can
    still be walked. An output of more than one element starts from ones. Raises GraphError for a tensor without a
    graph, TypeError for what is no tensor, ValueError for an unknown style.
    """
    frame = user_frame()
    return draw(
        outputs,
        Names(names, frame.f_locals, frame.f_globals),
        style=style,
        grads=grads,
        values=values,
        title=title,
        lang=lang,
        seconds=seconds,
    )


def graph_of_module(
    model: Any,
    *inputs: Any,
    style: Style = "module",
    depth: int | None = None,
    grads: Grads = "total",
    values: Literal["numbers", "shapes"] = "shapes",
    title: str = "",
    lang: str = "en",
    seconds: float = SECONDS,
    **kwargs: Any,
) -> Picture:
    """Run a copy of a model on these inputs, and draw the run: `Module.graph`."""
    run = Run(model, inputs, kwargs)
    if style != "module":
        tensors = {**dict(run.model.named_parameters()), **dict(zip(run.names, run.inputs, strict=True))}
        picture = draw(
            run.outputs,
            Names(tensors),
            style=style,
            grads=grads,
            values=values,
            title=title,
            lang=lang,
            seconds=seconds,
        )
        if picture.form.style != "module":  # "auto" found it small enough
            return picture
    form = module_form(run, depth=depth, limit=CARDS)
    form.title = title or form.title
    return Picture(form, lang=lang, seconds=seconds)


def draw(
    outputs: Any,
    known: Names,
    *,
    style: Style,
    grads: Grads,
    values: str,
    title: str,
    lang: str,
    seconds: float,
) -> Picture:
    roots: Sequence[Any] = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    for name, value, allowed in (
        ("style", style, ("auto", "book", "compact", "module")),
        ("grads", grads, ("total", "local", True, False)),
        ("values", values, ("numbers", "shapes")),
    ):
        if value not in allowed:
            raise ValueError(f"graph: {name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    for t in roots:
        if not isinstance(t, TensorCore):
            raise TypeError(f"graph: expected a tensor or a list of tensors, got {type(t).__name__}")
    if not roots:
        raise ValueError("graph: got no tensors")
    found = trace(roots, gradients=bool(grads), alive=known.alive)
    form = build(found, roots, known, shapes=values == "shapes")
    form.title = title
    size = sum(n.kind != "fork" for n in form.nodes)
    form.style = style if style != "auto" else "book" if size <= BOOK else "compact" if size <= COMPACT else "module"
    if form.style == "module":
        form = grouped(form, CARDS)
    return Picture(form, local=grads == "local", lang=lang, seconds=seconds)
