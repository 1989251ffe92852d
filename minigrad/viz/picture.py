"""A drawn graph: its DOT text, its renderings, and how a notebook shows it."""

from __future__ import annotations

import base64
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigrad.viz.dot import dot
from minigrad.viz.form import Form
from minigrad.viz.render import SECONDS, NoRenderer, TooLarge, render
from minigrad.viz.svg import tidy

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped]

FORMATS = ("svg", "png", "pdf", "dot", "json", "html")


class Picture:
    """What `viz.graph` gives. A notebook shows it; `save` writes it.

    `form` is the picture as data, `source` as DOT text.
    """

    def __init__(self, form: Form, *, local: bool = False, lang: str = "en", seconds: float = SECONDS) -> None:
        self.form, self.lang, self.seconds = form, lang, seconds
        self._local = local
        self._rendered: dict[Any, bytes] = {}

    @property
    def source(self) -> str:
        """The DOT text, for Graphviz."""
        return dot(self.form, local=self._local)

    @property
    def notes(self) -> list[str]:
        """What the picture lacks and how to get it."""
        return self.form.notes

    def digraph(self) -> graphviz.Digraph:
        """The picture as a `graphviz.Digraph`, to add to."""
        import graphviz

        body = self.source.splitlines(keepends=True)[1:-1]
        return graphviz.Digraph("g", body=body)

    def render(self, format: str, *, dpi: int = 144) -> bytes:
        """The picture as "svg", "png" or "pdf", with less detail if Graphviz does not finish in time.

        Raises NoRenderer, an ImportError, where neither `dot` nor pygraphviz is installed; TooLarge, a RuntimeError,
        where even the plainest picture takes too long.
        """
        key = format, dpi
        if key not in self._rendered:
            self._rendered[key] = self._attempts(format, dpi)
        return self._rendered[key]

    def _attempts(self, format: str, dpi: int) -> bytes:
        sources = [self.source]
        if self.form.style == "book":
            sources.append(dot(self.form, detail=False))
        sources.append(plainest(sources[-1]))
        for source in sources[:-1]:
            try:
                return render(source, format, dpi=dpi, seconds=self.seconds)
            except TooLarge:
                continue
        return render(sources[-1], format, dpi=dpi, seconds=self.seconds)

    def svg(self) -> str:
        """The `<svg>` element: scales with the page, numbers and names as text. Raises as `render`."""
        return tidy(self.render("svg").decode(), self.alt)

    @property
    def alt(self) -> str:
        """The picture in one line, for those who do not see it."""
        form = self.form
        counts = [
            f"{n} {word}{'s' if n != 1 else ''}"
            for word, n in (
                ("module", sum(n.kind == "module" for n in form.nodes)),
                ("operation", sum(n.kind == "operation" for n in form.nodes)),
                ("input", sum(n.kind in ("variable", "parameter") for n in form.nodes)),
            )
            if n
        ]
        of = ", ".join(n.label for n in form.nodes if n.kind == "output")
        return (
            f"{form.title or 'computational graph'}{f' of {of}' if of and not form.title else ''}: {', '.join(counts)}"
        )

    def html(self) -> str:
        """One self-contained HTML page on which a reader steps forward and backward."""
        from minigrad.viz import page

        def drawn(form: Form) -> str:
            return Picture(form, local=self._local, seconds=self.seconds).svg()

        return page.html(self.form, drawn, lang=self.lang)

    def save(self, path: str | os.PathLike[str], *, dpi: int = 144) -> Path:
        """Write the picture; the ending says as what: svg, png, pdf, dot, json or html. Gives the path.

        Where nothing is installed that draws, the DOT text is written beside it instead, with a warning that says how
        to get the picture. Raises ValueError for another ending.
        """
        path = Path(path)
        format = path.suffix[1:].lower()
        if format not in FORMATS:
            raise ValueError(f"save: {path.name!r} should end in one of {', '.join('.' + f for f in FORMATS)}")
        try:
            data = self._as(format, dpi)
        except (NoRenderer, TooLarge) as error:
            path = path.with_suffix(".dot")
            warnings.warn(f"wrote {path.name} instead: {error}", stacklevel=2)
            data = self.source.encode()
        path.write_bytes(data)
        return path

    def _as(self, format: str, dpi: int) -> bytes:
        if format in ("png", "pdf"):
            return self.render(format, dpi=dpi)
        text = {"svg": self.svg, "dot": lambda: self.source, "json": self.form.json, "html": self.html}[format]()
        return text.encode()

    def __repr__(self) -> str:
        return f"<{self.alt}; {self.form.style} style>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """For notebooks: SVG, PNG and text, or the DOT text and how to get a picture. Raises nothing."""
        try:
            bundle = {"image/svg+xml": self.svg(), "text/plain": repr(self)}
            if len(self.form.nodes) <= 300:
                bundle["image/png"] = base64.b64encode(self.render("png")).decode()
        except (NoRenderer, TooLarge) as error:
            return {"text/plain": f"{error}\n\n{self.source}"}
        return bundle


def plainest(source: str) -> str:
    """The same picture with straight lines and little polish, which Graphviz finishes sooner."""
    return source.replace("graph[", "graph[splines=false,nslimit=1,nslimit1=1,mclimit=0.1,", 1)
