"""The modes that change what an operation does. All are context-local: a new thread starts with the defaults.

grad mode       whether operations record themselves (`no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`)
anomaly mode    whether every node keeps the user's line and gradients are searched for NaN (`autograd.detect_anomaly`)
strict sizes    whether convolutions and pools whose stride does not divide raise (`nn.functional.strict_sizes`)
fusing          whether two layers may be computed in one pass where nobody looks between them; not under `viz.record()`
The default dtype (`dtypes`) and the random generator (`random`) are the only other modes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

recording: ContextVar[bool] = ContextVar("recording", default=True)
anomaly: ContextVar[bool] = ContextVar("anomaly", default=False)
inference: ContextVar[bool] = ContextVar("inference", default=False)
asked: ContextVar[bool] = ContextVar("asked", default=True)  # grad mode as set: inference mode never records
strict: ContextVar[bool] = ContextVar("strict", default=False)
fusing: ContextVar[bool] = ContextVar("fusing", default=True)


class Mode:
    """Sets context variables between enter and exit; also a decorator of functions and generator functions."""

    def __init__(self, **settings: bool) -> None:
        if "recording" in settings:
            settings["asked"] = settings["recording"]
        self._settings = [(globals()[name], value) for name, value in settings.items()]
        self._before: list[list[bool]] = []

    def __enter__(self) -> None:
        self._before.append([variable.get() for variable, _ in self._settings])
        self._switch()

    def _switch(self) -> None:
        for variable, value in self._settings:
            variable.set(value)
        if inference.get():
            recording.set(False)

    def __exit__(self, *_: object) -> None:
        for (variable, _value), old in zip(self._settings, self._before.pop(), strict=True):
            variable.set(old)

    def _copy(self) -> Mode:
        mode = Mode()
        mode._settings = self._settings
        return mode

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The mode holds while the generator runs, not while its consumer does.
                inner, mode = function(*args, **kwargs), self._copy()
                send, value = inner.send, None
                try:
                    while True:
                        with mode:
                            item = send(value)
                        try:
                            value = yield item
                            send = inner.send
                        except GeneratorExit:
                            with mode:
                                inner.close()
                            raise
                        except BaseException as error:
                            send, value = inner.throw, error
                except StopIteration as stop:
                    return stop.value

            return generator  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._copy():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(Mode):
    """Operations inside record nothing. Context manager and decorator (with or without parentheses). PyTorch: `no_grad`."""

    _value = False

    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        if function is None:
            return mode
        mode.__init__()  # type: ignore[misc]
        return mode(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(recording=self._value)


class enable_grad(no_grad):
    """Operations inside record again, within `no_grad`. Context manager and decorator. PyTorch: `enable_grad`."""

    _value = True


class set_grad_enabled(Mode):
    """Switch recording on or off: at once when called, until the end of the block when used with `with`."""

    def __init__(self, mode: bool) -> None:
        super().__init__(recording=bool(mode))
        self._previous = [variable.get() for variable, _ in self._settings]
        self._switch()

    def __enter__(self) -> None:
        super().__enter__()
        self._before[-1] = self._previous

    def __call__(self, function: F) -> F:
        self._before.append(self._previous)
        self.__exit__()  # as a decorator it must not act where it is written
        return super().__call__(function)


class inference_mode(Mode):
    """As `no_grad`, and not even `enable_grad` records inside; `inference_mode(False)` does. PyTorch: `inference_mode`."""

    def __new__(cls, mode: Any = True) -> Any:
        new = super().__new__(cls)
        if callable(mode):
            new.__init__(True)  # type: ignore[misc]
            return new(mode)
        return new

    def __init__(self, mode: Any = True) -> None:
        super().__init__(recording=not mode, inference=bool(mode))


class strict_sizes(Mode):
    """Convolutions and pools raise where (H + 2 P - FH) / S is no whole number, as the book asks (7.2.4).

    PyTorch, and so the default, rounds down. Context manager and decorator.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__(strict=mode)


def is_grad_enabled() -> bool:
    """Whether grad mode is on in this context; in `inference_mode` operations record nothing even so."""
    return recording.get() or inference.get() and asked.get()


def is_inference_mode_enabled() -> bool:
    """Whether the innermost mode is `inference_mode`."""
    return inference.get()


class detect_anomaly(Mode):
    """Search every gradient for NaN and say which operation, recorded at which line, made it. PyTorch: the same.

    Slow; for debugging. `check_nan=False` keeps the lines without the search.
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(anomaly=True)
        self._settings.append((check_nan_mode, check_nan))


check_nan_mode: ContextVar[bool] = ContextVar("check_nan_mode", default=True)


class set_detect_anomaly(Mode):
    """Switch anomaly mode on or off, at once or for a block. PyTorch: `autograd.set_detect_anomaly`."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(anomaly=mode)
        self._settings.append((check_nan_mode, check_nan))
        self._previous = [variable.get() for variable, _ in self._settings]
        super().__enter__()
        self._before.clear()

    def __enter__(self) -> None:
        self._before.append(self._previous)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this context."""
    return anomaly.get()
