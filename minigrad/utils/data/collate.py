"""From a list of samples to one batch. `torch.utils.data.default_collate` and `default_convert`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from minigrad.dtypes import float64
from minigrad.ops.shape import stack
from minigrad.tensor import Tensor, as_tensor, tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Put the samples of `batch` into tensors with one more leading dimension, the batch.

    Tensors and arrays are stacked, numbers become a tensor (Python floats float64, ints int64), strings and bytes
    stay a list, mappings and sequences are collated entry by entry; a tuple sample gives a list.
    Raises RuntimeError for sequences of unequal lengths or shapes, TypeError for any other type.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch), 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SaUO":
            raise _unknown(first.dtype)
        return stack([as_tensor(array) for array in batch], 0)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, (np.bool_, np.number)):
        return as_tensor(np.array(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, Mapping):
        return _like_mapping(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise RuntimeError(
                "default_collate: each element in list of batch should be of equal size, "
                f"but the samples have lengths {lengths}; pass a collate_fn that pads them"
            )
        return _like_sequence(first, [default_collate(entries) for entries in zip(*batch, strict=True)])
    raise _unknown(type(first))


def default_convert(data: Any) -> Any:
    """Turn the arrays inside one sample into tensors; what is not an array stays as it is."""
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SaUO" else as_tensor(data)
    if isinstance(data, (str, bytes, Tensor)):
        return data
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(entry) for entry in data])
    return data


def _like_mapping(model: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    """A mapping of the type of `model`, with its extra attributes, where that type allows it."""
    try:
        if isinstance(model, MutableMapping):
            filled = copy.copy(model)
            filled.update(entries)
            return filled
        return type(model)(entries)  # type: ignore[call-arg]
    except TypeError:
        return entries


def _like_sequence(model: Sequence[Any], entries: list[Any]) -> Any:
    if isinstance(model, tuple):
        return type(model)(*entries) if hasattr(model, "_fields") else entries
    try:
        if isinstance(model, MutableSequence):
            filled = copy.copy(model)
            filled[:] = entries
            return filled
        return type(model)(entries)  # type: ignore[call-arg]
    except TypeError:
        return entries


def _unknown(found: Any) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}; "
        "pass a collate_fn that knows this type"
    )
