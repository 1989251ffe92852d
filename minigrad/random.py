"""Random numbers: generators, and the array-level draws that every random function of the library is made of.

A seed gives the numbers that PyTorch gives on the CPU: the same Mersenne Twister (Matsumoto and Nishimura 1998),
the same number of its 32-bit draws per value and the same arithmetic on them. `docs/random.md` lists what is equal
bit for bit and what to rounding.

Threads: one generator serves the whole process, as in PyTorch. A call takes its numbers in one piece, but which of
two threads comes first is not determined. Inside `fork_rng` a context (a thread, an asyncio task) has its own.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad.device import CPU, Device, check_device

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

Array: TypeAlias = NDArray[Any]
DType: TypeAlias = "np.dtype[Any]"
Shape: TypeAlias = "tuple[int, ...]"

WORDS = 624  # of the Mersenne Twister's state
DIGITS = {2: 11, 4: 24, 8: 53}  # bits of a float's significand, by its size in bytes
LONG_DRAW = 1 << 28  # integer ranges from here on take two 32-bit draws per value
BLOCK = 16  # the Box-Muller transform takes 8 radii and 8 angles at a time
CHUNK = 1 << 14  # values made at a time, so that the temporaries stay in the cache; a multiple of BLOCK

# The bytes of PyTorch's CPU generator, so that a state saved by either library continues in the other.
STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("key", "<u8", (WORDS,)),
        ("unused_x", "<f8"),
        ("spare", "<f8"),
        ("unused_rho", "<f8"),
        ("has_spare", "<i8"),
        ("unused_float", "<f8"),
    ]
)


class Generator:
    """A stream of random numbers of its own. PyTorch: `Generator`.

    Can be pickled and copied, and used by several threads. Raises RuntimeError for a device other than "cpu".
    """

    __slots__ = ("_bits", "_seed", "_spare", "lock")

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device, "Generator")
        self.lock = threading.RLock()
        self._bits = np.random.MT19937(0)
        self.manual_seed(67280421310721)

    @property
    def device(self) -> Device:
        """The CPU."""
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`, -2**63 to 2**64 - 1; only its lowest 32 bits count. Gives itself."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(f"manual_seed: expected an int, got {type(seed).__name__} {seed!r}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"manual_seed: {seed} does not fit in 64 bits")
        with self.lock:
            self._seed = int(seed) % 2**64
            self._spare: float | None = None
            np.random.RandomState(self._bits).seed(self._seed % 2**32)
        return self

    def seed(self) -> int:
        """Seed with 64 bits from the operating system, and give them."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream started from, 0 to 2**64 - 1."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as 5056 uint8 values, the same bytes as PyTorch's."""
        from minigrad.function import wrap  # the one step upwards: the state is a tensor in PyTorch

        return wrap(self._to_bytes())

    def set_state(self, new_state: Any) -> None:
        """Continue from a state of `get_state`, ours or PyTorch's. Else raises TypeError or RuntimeError."""
        state = np.asarray(new_state)
        if state.dtype != np.uint8:
            raise TypeError(f"set_state: expected a uint8 tensor from get_state, got {type(new_state).__name__}")
        if state.size != STATE.itemsize:
            raise RuntimeError(f"set_state: expected {STATE.itemsize} values from get_state, got {state.size}")
        self._from_bytes(state)

    def clone_state(self) -> Generator:
        """A new generator that continues from where this one stands."""
        return _restored(self._to_bytes().tobytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._to_bytes().tobytes(),)

    def _to_bytes(self) -> NDArray[np.uint8]:
        packed = np.zeros((), STATE)
        with self.lock:
            twister: Any = self._bits.state["state"]
            position = twister["pos"]
            packed["seed"], packed["key"] = self._seed, twister["key"]
            # PyTorch counts down to the next refill of the state, and calls a fresh one 1 from it.
            packed["left"], packed["next"], packed["seeded"] = WORDS + 1 - position, position % WORDS, 1
            packed["spare"], packed["has_spare"] = self._spare or 0.0, self._spare is not None
        return np.frombuffer(packed.tobytes(), np.uint8).copy()

    def _from_bytes(self, state: Array) -> None:
        packed = np.frombuffer(state.tobytes(), STATE)[0]
        left = int(packed["left"])
        if packed["seeded"] != 1 or not 0 < left <= WORDS:
            raise RuntimeError("set_state: these bytes are not the state of a generator")
        twister: Any = {"key": packed["key"].astype(np.uint32), "pos": WORDS + 1 - left}
        with self.lock:
            self._seed = int(packed["seed"])
            self._spare = float(packed["spare"]) if int(packed["has_spare"]) & 0xFFFFFFFF else None
            self._bits.state = {"bit_generator": "MT19937", "state": twister}

    def _short(self, count: int) -> NDArray[np.uint64]:
        """`count` draws of 32 bits."""
        return self._bits.random_raw(count)

    def _long(self, count: int) -> NDArray[np.uint64]:
        """`count` draws of 64 bits, each two of 32, the upper half first."""
        halves = self._bits.random_raw(2 * count)
        words: NDArray[np.uint64] = halves[::2] << np.uint64(32)
        words |= halves[1::2]
        return words

    def _digits(self, count: int, size: int) -> NDArray[np.int64]:
        """`count` integers from 0 to 2**digits - 1: 53 random bits for floats of 8 bytes, else 24."""
        words = self._long(count) if size == 8 else self._short(count)
        words &= np.uint64((1 << (53 if size == 8 else 24)) - 1)
        return words.view(np.int64)


def _restored(state: bytes) -> Generator:
    generator = Generator()
    generator._from_bytes(np.frombuffer(state, np.uint8))
    return generator


default_generator = Generator()
default_generator.seed()

_current: ContextVar[Generator] = ContextVar("random_generator", default=default_generator)


def current() -> Generator:
    """The generator behind calls without `generator=`: `default_generator`, or the context's own inside `fork_rng`."""
    return _current.get()


def manual_seed(seed: int) -> Generator:
    """Seed the random numbers, -2**63 to 2**64 - 1, and give the generator. PyTorch: `manual_seed`."""
    return current().manual_seed(int(seed))


def seed() -> int:
    """Seed from the operating system, and give the 64-bit seed. PyTorch: `seed`."""
    return current().seed()


def initial_seed() -> int:
    """The seed that the random numbers started from. PyTorch: `initial_seed`."""
    return current().initial_seed()


def get_rng_state() -> Tensor:
    """The state of the random numbers as 5056 uint8 values. PyTorch: `get_rng_state`."""
    return current().get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue from a state of `get_rng_state`. PyTorch: `set_rng_state`."""
    current().set_state(new_state)


@contextmanager
def fork_rng(devices: Sequence[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """What is drawn or seeded inside does not touch the random numbers outside. PyTorch: `random.fork_rng`.

    The context gets a copy of the generator; other threads do not see it. `devices` may only be None or empty.
    """
    if devices:
        raise RuntimeError(f"fork_rng: the only device is the CPU, which is always forked; got devices={devices!r}")
    outside = current()
    if enabled:
        _current.set(outside.clone_state())
    try:
        yield
    finally:
        _current.set(outside)


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def uniform(generator: Generator, shape: Shape, dtype: DType, low: float = 0.0, high: float = 1.0) -> Array:
    """Values from `low` (included) to `high` (left out), floating dtypes."""
    out = np.empty(shape, dtype)
    flat, size = out.reshape(-1), dtype.itemsize
    if size == 8:
        step = (high - low) * 2.0**-53
    else:
        # In float64 the product is exact, so that the sum is rounded once, as by a fused multiply-add.
        low, step = float(np.float32(low)), float(np.float32(high) - np.float32(low)) * 2.0**-24
    top, bottom = dtype.type(high), dtype.type(low)
    with generator.lock:
        for part in _chunks(flat.size):
            values = generator._digits(part.stop - part.start, size) * step
            values += low
            flat[part] = values if size > 2 else values.astype(np.float32)
            np.putmask(flat[part], flat[part] >= top, bottom)  # what rounding brought up to the bound
    return out


def normal(
    generator: Generator,
    shape: Shape,
    dtype: DType,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    in_pairs: bool = False,
) -> Array:
    """Normal values, floating dtypes, by Box and Muller (1958).

    Fewer than 16, or any number with `in_pairs`: in float64, two at a time; the generator keeps the second of the last
    pair. Else blocks of 16, in the dtype; where the last block is not full, the last 16 values are drawn again.
    """
    out = np.empty(shape, dtype)
    flat, size = out.reshape(-1), dtype.itemsize
    with generator.lock:
        if flat.size < BLOCK or in_pairs:
            flat[:] = _normal_pairs(generator, flat.size) * std + mean
            return out
        rest = flat.size % BLOCK
        for part in _chunks(flat.size - rest):
            flat[part] = _normal_blocks(generator, part.stop - part.start, size, mean, std)
        if rest:
            if size > 2:
                generator._digits(rest, size)
            flat[-BLOCK:] = _normal_blocks(generator, BLOCK, size, mean, std)
    return out


def _normal_pairs(generator: Generator, count: int) -> NDArray[np.float64]:
    head = 0 if generator._spare is None else 1
    pairs = (count - head + 1) // 2
    values = np.empty(head + 2 * pairs)
    values[:head] = generator._spare
    fractions = generator._digits(2 * pairs, 8) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log1p(-fractions[1::2])), 2 * math.pi * fractions[::2]
    values[head::2] = radius * np.cos(angle)
    values[head + 1 :: 2] = radius * np.sin(angle)
    generator._spare = float(values[count]) if len(values) > count else None
    return values[:count]


def _normal_blocks(generator: Generator, count: int, size: int, mean: float, std: float) -> Array:
    digits = generator._digits(count, size).reshape(-1, 2, BLOCK // 2)
    fractions = digits * 2.0**-53 if size == 8 else digits.astype(np.float32) * np.float32(2.0**-24)
    radius, angle = np.sqrt(-2 * np.log(1 - fractions[:, 0])), 2 * math.pi * fractions[:, 1]
    np.multiply(radius, np.cos(angle), out=fractions[:, 0])
    np.multiply(radius, np.sin(angle), out=fractions[:, 1])
    values: Array = fractions.reshape(-1)
    if mean == 0 and std == 1:
        return values
    if size == 8:
        return values * std + mean
    return (values * np.float64(np.float32(std)) + np.float64(np.float32(mean))).astype(np.float32)


def integers(generator: Generator, shape: Shape, dtype: DType, low: int, high: int) -> Array:
    """Integers from `low` (included) to `high` (left out), any dtype that can hold them."""
    return _remainders(generator, shape, dtype, high - low, low, long=high - low >= LONG_DRAW)


def any_integers(generator: Generator, shape: Shape, dtype: DType) -> Array:
    """Integers from 0 to the `largest` of a dtype."""
    return _remainders(generator, shape, dtype, largest(dtype) + 1, 0, long=dtype.itemsize == 8)


def largest(dtype: DType) -> int:
    """The largest integer of a dtype; for a floating one, the last up to which all of them are exact."""
    if dtype.kind == "f":
        return 1 << DIGITS[dtype.itemsize]
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _remainders(generator: Generator, shape: Shape, dtype: DType, span: int, low: int, *, long: bool) -> Array:
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    draw = generator._long if long else generator._short
    offset = np.uint64(low % 2**64 if span < 2**64 else 0)  # a draw of the full range is taken as it is
    with generator.lock:
        for part in _chunks(flat.size):
            words = draw(part.stop - part.start)
            if span < 2**64:
                words -= words // np.uint64(span) * np.uint64(span)  # twice as fast as NumPy's remainder
            words += offset
            flat[part] = words.view(np.int64)
    return out


def permutation(generator: Generator, count: int) -> NDArray[np.int64]:
    """0 to count - 1 in random order, by Fisher and Yates from the front. Shape (count,)."""
    with generator.lock:
        words = generator._short(max(count - 1, 0))
    words %= np.arange(count, 1, -1, dtype=np.uint64)
    partners = words.view(np.int64) + np.arange(len(words))
    order = list(range(count))
    for i, j in enumerate(partners.tolist()):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def bernoulli(generator: Generator, shape: Shape, dtype: DType, p: float | Array) -> Array:
    """1 with probability `p`, else 0, any dtype. `p` is a number or a floating array that fits `shape`.

    Dropout's mask is the one with p = 1 - dropout's p.
    """
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    size = 8 if isinstance(p, (int, float)) else p.dtype.itemsize
    # Scaling by a power of two is exact, so that integers can be compared instead of fractions.
    limits = np.multiply(p, 2.0**53) if size == 8 else np.multiply(p, np.float32(2.0**24), dtype=np.float32)
    limit = np.ceil(limits).astype(np.int64)
    each = np.broadcast_to(limit, out.shape).reshape(-1) if limit.ndim else None
    with generator.lock:
        for part in _chunks(flat.size):
            flat[part] = generator._digits(part.stop - part.start, size) < (limit if each is None else each[part])
    return out


def exponential(generator: Generator, shape: Shape, dtype: DType, rate: float = 1.0) -> Array:
    """Exponential values of the given rate (1 / mean), floating dtypes."""
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    with generator.lock:
        for part in _chunks(flat.size):
            fractions = generator._digits(part.stop - part.start, 8) * -(2.0**-53)
            values = np.log1p(fractions) * (-1.0 / rate)
            flat[part] = values if dtype.itemsize > 2 else values.astype(np.float32)
    return out


def multinomial(generator: Generator, weights: Array, count: int, replacement: bool) -> NDArray[np.int64]:
    """`count` indices into the last dimension per row, each with a probability proportional to its weight.

    `weights` is floating, not negative, of shape (categories,) or (rows, categories). One index, or several without
    replacement: those with the largest weight / exponential value (Efraimidis and Spirakis 2006).
    """
    if count == 1 or not replacement:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            keys = weights / exponential(generator, weights.shape, weights.dtype)
        if count == 1:
            return np.expand_dims(np.argmax(keys, axis=-1), -1)
        order: NDArray[np.int64] = np.argsort(-keys, axis=-1, kind="stable")
        return order[..., :count]
    sums: Array = np.cumsum(weights, axis=-1, dtype=np.float64 if weights.dtype.itemsize == 8 else np.float32)
    sums = sums / sums[..., -1:]
    with generator.lock:
        marks = generator._digits(sums[..., :1].size * count, 8).reshape(*sums.shape[:-1], count) * 2.0**-53
    if sums.ndim == 1:
        return np.searchsorted(sums, marks)
    rows = [np.searchsorted(row, mark) for row, mark in zip(sums, marks, strict=True)]
    return np.stack(rows) if rows else np.empty((0, count), np.int64)
