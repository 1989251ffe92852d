"""How a network's summary looks as text, in torchinfo's layout."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.viz.summary import LayerInfo, ModelStatistics

COLUMNS = {
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "kernel_size": "Kernel Shape",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
    "kept_size": "Kept (bytes)",
}
ROWS = ("depth", "var_names", "ascii_only", "hide_recursive_layers")
INDENT = 5


@dataclass
class Layout:
    """What a summary shows. Raises ValueError for a width below 1 or a `verbose` that is not 0, 1 or 2."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    col_width: int
    depth: int
    verbose: int

    def __post_init__(self) -> None:
        if self.col_width <= 0:
            raise ValueError(f"summary: column width must be greater than 0: col_width={self.col_width}")
        if self.verbose not in (0, 1, 2):
            raise ValueError("summary: verbose must be either 0 (quiet), 1 (default), or 2 (verbose)")

    def text(self, found: ModelStatistics) -> str:
        names = [self.name(layer) for layer in found.summary_list]
        longest = max(
            width(name) + layer.depth * INDENT + 1 for name, layer in zip(names, found.summary_list, strict=True)
        )
        name_width = max(40, math.ceil(longest / INDENT) * INDENT)
        line = "=" * (name_width + self.col_width * len(self.columns))
        marks = (" (var_name)" if "var_names" in self.rows else "") + (":depth-idx" if "depth" in self.rows else "")
        lines = [line, self.row(f"Layer (type{marks})", COLUMNS, name_width), line]
        for name, layer in zip(names, found.summary_list, strict=True):
            hidden = layer.is_recursive and "hide_recursive_layers" in self.rows
            if layer.depth <= self.depth and not hidden:
                cells = self.cells(layer, found.total_params)
                lines.append(self.row(self.branch(layer.depth) + name, cells, name_width))
                lines += self.weights(layer, name_width) if self.verbose == 2 else []
        frozen = found.total_params - found.trainable_params
        lines += [
            line,
            f"Total params: {found.total_params:,}",
            f"Trainable params: {found.trainable_params:,}",
            f"Non-trainable params: {frozen:,}",
        ]
        if found.input_size is not None:
            total = found.total_input + found.total_output_bytes + found.total_param_bytes
            lines += [
                f"Total mult-adds{scaled(found.total_mult_adds)}",
                line,
                f"Input size (MB): {found.total_input / 1e6:.2f}",
                f"Forward/backward pass size (MB): {found.total_output_bytes / 1e6:.2f}",
                f"Params size (MB): {found.total_param_bytes / 1e6:.2f}",
                f"Estimated Total Size (MB): {total / 1e6:.2f}",
                f"Kept for backward (MB): {found.total_kept_bytes / 1e6:.2f}",
            ]
        return "\n".join([*lines, line])

    def name(self, layer: LayerInfo) -> str:
        text = layer.class_name
        if "var_names" in self.rows and layer.var_name:
            text += f" ({layer.var_name})"
        if "depth" in self.rows and layer.depth > 0:
            text += f": {layer.depth}-{layer.depth_index}"
        return text

    def branch(self, depth: int) -> str:
        """The lines of the tree in front of a name."""
        ascii_only = "ascii_only" in self.rows
        if depth == 0:
            return ""
        if depth == 1:
            return "+ " if ascii_only else "├─"
        return ("|    " if ascii_only else "│    ") * (depth - 1) + ("+ " if ascii_only else "└─")

    def row(self, name: str, cells: dict[str, str], name_width: int) -> str:
        parts = [padded(name, name_width), *(padded(cells.get(column, ""), self.col_width) for column in self.columns)]
        return " ".join(parts).rstrip()

    def cells(self, layer: LayerInfo, total: int) -> dict[str, str]:
        whole = layer.is_leaf_layer or layer.depth == self.depth  # nothing below is shown
        params = layer.own_params(with_children=whole)
        count, share = "--", "     --"
        if layer.is_recursive and total:
            share = "(recursive)"
            count = share if layer.num_params else count
        elif params:
            count, share = f"{params:,}", f"{params / total:>7.2%}"
            if whole and not layer.trainable_params:
                count = f"({count})"
        elif whole and layer.num_params:
            count = share = "(shared)"
        macs = layer.macs if layer.is_leaf_layer else sum(c.macs for c in layer.children if c.is_leaf_layer)
        return {
            "input_size": str(layer.input_size or "--"),
            "output_size": str(layer.output_size or "--"),
            "num_params": count,
            "params_percent": share,
            "kernel_size": str(layer.kernel_size or "--"),
            "mult_adds": f"{macs:,}" if macs and whole and layer.executed else "--",
            "trainable": layer.trainable,
            "kept_size": f"{layer.kept_bytes:,}" if layer.kept_bytes and whole else "--",
        }

    def weights(self, layer: LayerInfo, name_width: int) -> list[str]:
        """A line for each parameter of a layer; for the model itself, only its own."""
        shown: dict[str, Any] = {k: p for k, p in layer.parameters.items() if layer.depth or "." not in k}
        lines = []
        for i, (name, parameter) in enumerate(shown.items()):
            shape = list(parameter.shape)
            if name == "weight" and len(shape) > 1:
                shape[:2] = shape[1::-1]  # inputs before outputs
            cells = {
                "kernel_size": str(shape),
                "num_params": f"{'└─' if i == len(shown) - 1 else '├─'}{parameter.numel():,}",
            }
            lines.append(self.row(self.branch(layer.depth + 1) + name, cells, name_width))
        return lines


def scaled(number: int) -> str:
    """' (M): 1.23': in millions, billions (G) or trillions (T)."""
    unit, size = next((u, s) for u, s in (("T", 1e12), ("G", 1e9), ("M", 0)) if number >= s)
    value = number / (size or 1e6)
    return f" ({unit}): {int(value):,d}" if value.is_integer() else f" ({unit}): {value:,.2f}"


def width(text: str) -> int:
    """How many columns a terminal gives the text: two for wide East-Asian characters, none for combining ones."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
