"""From indices to a batch, in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from minigrad.utils.data.collate import default_collate
from minigrad.utils.data.dataset import Dataset, IterableDataset, Subset, TensorDataset


@dataclass(frozen=True)
class WorkerInfo:
    """What a `DataLoader` worker process knows of itself."""

    id: int
    """0 to `num_workers - 1`."""
    num_workers: int
    seed: int
    """The seed of this worker's generators: the loader's seed for this pass + `id`."""
    dataset: Dataset[Any]
    """This process' own copy."""


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a `DataLoader` worker process, what it is; in the main process None."""
    return _worker_info


def set_worker_info(info: WorkerInfo) -> None:
    """Called once, in a worker process that has just started."""
    global _worker_info
    _worker_info = info


class Fetcher(Protocol):
    def __call__(self, index: Any) -> Any:
        """The batch (or, without batching, the sample) at `index`. StopIteration ends an iterable data set."""


def make_fetcher(dataset: Dataset[Any], batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Fetcher:
    if isinstance(dataset, IterableDataset):
        return _FromStream(iter(dataset), batched, collate_fn, drop_last)
    return _ByIndex(dataset, batched, collate_fn)


class _ByIndex:
    def __init__(self, dataset: Dataset[Any], batched: bool, collate_fn: Callable[[Any], Any]) -> None:
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn

    def __call__(self, index: Any) -> Any:
        try:
            return self._load(index)
        except StopIteration as error:
            # It would end the pass over the data early, and silently.
            raise RuntimeError(f"{type(self.dataset).__name__} raised StopIteration for index {index}") from error

    def _load(self, index: Any) -> Any:
        if not self.batched:
            return self.collate_fn(self.dataset[index])
        dataset, indices = self.dataset, index
        while type(dataset) is Subset:
            chosen = dataset.indices
            dataset, indices = dataset.dataset, [chosen[i] for i in indices]
        if type(dataset) is TensorDataset and self.collate_fn is default_collate and dataset.tensors:
            # Whole batches are indexed at once: what stacking the samples gives, at a fraction of the cost.
            places = np.array(indices)
            if places.ndim == 1 and places.dtype.kind in "iu":
                return [tensor[places] for tensor in dataset.tensors]
        several = getattr(dataset, "__getitems__", None)
        return self.collate_fn(several(indices) if several else [dataset[i] for i in indices])


class _FromStream:
    def __init__(self, stream: Iterator[Any], batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.stream = stream
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def __call__(self, index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate_fn(next(self.stream))
        samples = []
        for _ in index:
            try:
                samples.append(next(self.stream))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)
