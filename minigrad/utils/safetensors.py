"""Files of named tensors in the safetensors format, under the names of `safetensors.torch`. Needs the extra
`safetensors`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import FileFormatError, MissingExtra
from minigrad.tensor import Tensor, wrap
from minigrad.utils.files import whole_or_nothing


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The content of a file with these tensors. Raises TypeError for values that are no tensors."""
    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"safetensors: {name!r} is a {type(tensor).__name__}; such a file holds tensors only")
        # The library writes the memory as it lies there, so it has to lie in C order.
        arrays[name] = np.asarray(tensor._buffer(), order="C")
    return _library().save(arrays, metadata)  # type: ignore[no-any-return]


def save_file(
    tensors: dict[str, Tensor], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None
) -> None:
    """Write these tensors to a file, whole or not at all. Raises as `save`."""
    content = save(tensors, metadata)
    with whole_or_nothing(Path(filename)) as file:
        file.write(content)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the content of a file. Raises FileFormatError if it is damaged or not whole."""
    library = _library()
    from safetensors import SafetensorError

    try:
        return {name: wrap(array) for name, array in library.load(data).items()}
    except SafetensorError as error:
        raise FileFormatError(f"not a whole safetensors file: {error}") from error


def load_file(filename: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors in a file. Raises FileFormatError if it is damaged or not whole."""
    return load(Path(filename).read_bytes())


def _library() -> Any:
    try:
        from safetensors import numpy
    except ImportError as error:
        raise MissingExtra('needs safetensors: pip install "minigrad[safetensors]"') from error
    return numpy
