"""The DataLoader: batches of a data set, loaded here or in worker processes. `torch.utils.data.DataLoader`."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from minigrad.utils.data.collate import default_collate, default_convert
from minigrad.utils.data.dataset import Dataset, IterableDataset
from minigrad.utils.data.fetch import Fetcher, make_fetcher
from minigrad.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from minigrad.utils.data.workers import WorkerPool

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from minigrad.random import Generator

_T_co = TypeVar("_T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[_T_co]):
    """Iterates over `dataset` in batches; every `iter()` is one pass.

    Args:
        dataset: a `Dataset` (anything with `__getitem__` and `__len__`) or an `IterableDataset`.
        batch_size: samples per batch; None gives single samples, not collated.
        shuffle: a new random order in every pass.
        sampler, batch_sampler: an order of your own, of indices or of lists of indices.
        num_workers: worker processes that load batches ahead, in order; 0 loads in this process.
        collate_fn: list of samples to batch; `default_collate` (without batching `default_convert`) if None.
        pin_memory, pin_memory_device: accepted for PyTorch's sake, without effect: there is no device to copy to.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a batch from the workers before RuntimeError; 0 waits for ever.
        worker_init_fn: called with the worker's id in each worker, after seeding.
        multiprocessing_context: a context or the name of a start method; by default fork on Linux, else the system's.
        generator: draws the order and the workers' seeds; by default the global generator.
        prefetch_factor: batches in work per worker (2).
        persistent_workers: keep the workers and their copies of `dataset` between passes.
        in_order: accepted for PyTorch's sake; batches always come in order.

    An exception in a worker is raised here with its type and the worker's traceback; a worker that dies raises
    RuntimeError. Worker `i` seeds `random`, `numpy.random` and minigrad from a seed drawn per pass, plus `i`.
    Raises ValueError for options that exclude one another.
    """

    _ready = False

    def __init__(
        self,
        dataset: Dataset[_T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        _check_sampling(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order

        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = itertools.repeat(None)
            elif shuffle:
                sampler = RandomSampler(cast(Sized, dataset), generator=generator)
            else:
                sampler = SequentialSampler(cast(Sized, dataset))
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._announced_length: int | None = None
        self._kept: _FromWorkers | None = None
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._ready and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _InProcess(self)
        if not self.persistent_workers:
            return _FromWorkers(self)
        if self._kept is None:
            self._kept = _FromWorkers(self)
        else:
            self._kept.restart(self)
        return self._kept

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            length = self._announced_length = len(cast(Sized, self.dataset))
            if self.batch_size is None:
                return length
            return length // self.batch_size if self.drop_last else -(-length // self.batch_size)
        return len(cast(Sized, self._index_sampler))

    @property
    def _index_sampler(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def _make_fetcher(self) -> Callable[[], Fetcher]:
        return functools.partial(
            make_fetcher, self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last
        )


class _Pass(Iterator[Any]):
    """One pass over the data, common to both ways of loading."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._begin(loader)

    def _begin(self, loader: DataLoader[Any]) -> None:
        self._indices = iter(loader._index_sampler)
        # PyTorch draws the workers' seed at the start of every pass, with and without workers.
        self._seed = draw_seed(loader.generator)
        self._announced_length = loader._announced_length if isinstance(loader.dataset, IterableDataset) else None
        self._dataset = loader.dataset
        self._given = 0

    def _next(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        batch = self._next()
        self._given += 1
        if self._announced_length is not None and self._given > self._announced_length:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._announced_length} "
                f"(when accessing len(dataloader)), but {self._given} samples have been fetched. "
                "With num_workers > 0, use get_worker_info() in the data set to give each worker its own part.",
                stacklevel=2,
            )
        return batch


class _InProcess(_Pass):
    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.timeout:
            raise AssertionError("DataLoader: timeout needs num_workers > 0; use timeout=0 to load in this process")
        super().__init__(loader)
        self._fetch = loader._make_fetcher()

    def _next(self) -> Any:
        return self._fetch(next(self._indices))


class _FromWorkers(_Pass):
    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._start(loader)

    def restart(self, loader: DataLoader[Any]) -> None:
        """Another pass with the same workers, or with new ones where they had to be stopped."""
        self._begin(loader)
        if self._pool.stopped:
            self._start(loader)
        else:
            self._pool.restart(self._indices)

    def _start(self, loader: DataLoader[Any]) -> None:
        self._persistent = loader.persistent_workers
        self._pool = WorkerPool(
            dataset=loader.dataset,
            make_fetcher=loader._make_fetcher,
            init=loader.worker_init_fn,
            count=loader.num_workers,
            ahead=cast(int, loader.prefetch_factor),
            seed=self._seed,
            timeout=loader.timeout,
            context=loader.multiprocessing_context,
        )
        self._pool.begin(self._indices)

    def _next(self) -> Any:
        try:
            return self._pool.next()
        except StopIteration:
            if not self._persistent:
                self._pool.stop()
            raise


def _check_workers(
    num_workers: int,
    timeout: float,
    prefetch_factor: int | None,
    persistent_workers: bool,
    context: str | BaseContext | None,
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. "
            "Let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be positive, but got prefetch_factor={prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is None:
        return
    if num_workers == 0:
        raise ValueError("multiprocessing_context can only be used with num_workers > 0")
    from multiprocessing import get_all_start_methods
    from multiprocessing.context import BaseContext

    if isinstance(context, str):
        if context not in get_all_start_methods():
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {get_all_start_methods()}, "
                f"but got multiprocessing_context={context!r}"
            )
    elif not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start "
            f"method, but got multiprocessing_context={context!r}"
        )


def _check_sampling(
    dataset: Dataset[Any],
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Iterable[Any] | None,
    batch_sampler: Iterable[Any] | None,
    drop_last: bool,
) -> None:
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
