"""What holds of the geometry of every picture in book style."""

from __future__ import annotations

from minigrad import viz
from tests.viz.svg_reader import Drawing


def check_geometry(picture: viz.Picture, drawing: Drawing) -> None:
    """Values above their rules, gradients below, both centred; arrows joined; nothing overlaps or is cut off."""
    for id, label in drawing.labels.items():
        middle = (label.left + label.right) / 2
        if label.value is not None:
            assert label.value.bottom <= label.y + 1, f"{id}: the value is not above its rule"
            assert abs(label.value.middle - middle) <= 1, f"{id}: {label.value} is not centred"
        if label.gradient is not None:
            assert label.gradient.top >= label.y - 1, f"{id}: the gradient is not below its rule"
            assert abs(label.gradient.middle - middle) <= 1, f"{id}: {label.gradient} is not centred"
        (into,) = [ends for (_, target), ends in drawing.arrows.items() if target == id]
        (out_of,) = [ends for (source, _), ends in drawing.arrows.items() if source == id]
        for (x, y), end in ((into[-1], label.left), (out_of[0], label.right)):
            assert abs(x - end) <= 0.5 and abs(y - label.y) <= 0.5, f"{id}: a gap between arrow and rule"
    for i, a in enumerate(drawing.texts):
        for b in drawing.texts[i + 1 :]:
            assert not a.overlaps(b), f"{a} and {b} overlap"
    left, top, right, bottom = drawing.view
    for x, y in drawing.points:
        assert left <= x <= right and top <= y <= bottom
    for text in drawing.texts:
        assert left <= text.left and text.right <= right and top <= text.top and text.bottom <= bottom
    heights = [drawing.labels[e.id].y for e in picture.form.edges if e.main]
    heights += [drawing.centres[n.id][1] for n in picture.form.nodes if n.main and n.kind in ("operation", "fork")]
    assert max(heights) - min(heights) <= 1, "the main path is not straight"
    main = [n for n in picture.form.nodes if n.main]
    assert main[0].kind != "operation" and main[-1].kind == "output"
