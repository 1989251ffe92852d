"""Grad mode, inference mode and anomaly mode against PyTorch: as contexts, as decorators, on generators, in threads."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

import minigrad
from minigrad.errors import GraphError
from tests.agreement import agree, expression

PROGRAMS: dict[str, Any] = {}


def program(function: Any) -> Any:
    """A program of a library L whose result must be PyTorch's."""
    PROGRAMS[function.__name__] = function
    return function


def state(L: Any) -> Any:
    """The modes that are on, and whether an operation records."""
    x = L.ones(1, requires_grad=True)
    return L.is_grad_enabled(), L.is_inference_mode_enabled(), L.is_anomaly_enabled(), (x * 2).requires_grad


MODES: dict[str, Any] = {
    "no_grad": lambda L: L.no_grad(),
    "enable_grad": lambda L: L.enable_grad(),
    "set_grad_enabled(True)": lambda L: L.set_grad_enabled(True),
    "set_grad_enabled(False)": lambda L: L.set_grad_enabled(False),
    "inference_mode": lambda L: L.inference_mode(),
    "inference_mode(False)": lambda L: L.inference_mode(False),
    "detect_anomaly": lambda L: L.autograd.detect_anomaly(),
    "set_detect_anomaly(True)": lambda L: L.autograd.set_detect_anomaly(True),
    "set_detect_anomaly(False)": lambda L: L.autograd.set_detect_anomaly(False),
}


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_nested(torch: Any, outer: str, inner: str) -> None:
    def run(L: Any) -> Any:
        found = [state(L)]
        with MODES[outer](L):
            found.append(state(L))
            with MODES[inner](L):
                found.append(state(L))
            found.append(state(L))
        return [*found, state(L)]

    agree(torch, run)


@pytest.mark.parametrize("mode", MODES)
def test_after_an_exception(torch: Any, mode: str) -> None:
    def run(L: Any) -> Any:
        try:
            with MODES[mode](L):
                raise ZeroDivisionError
        except ZeroDivisionError:
            return state(L)

    agree(torch, run)


@pytest.mark.parametrize("mode", MODES)
def test_used_again(torch: Any, mode: str) -> None:
    def run(L: Any) -> Any:
        one, found = MODES[mode](L), []
        for _ in range(2):
            with one:
                found.append(state(L))
            found.append(state(L))
        return found

    agree(torch, run)


DECORATORS = {name: mode for name, mode in MODES.items() if "anomaly" not in name} | {
    "no_grad without ()": lambda L: L.no_grad,
    "enable_grad without ()": lambda L: L.enable_grad,
    "inference_mode without ()": lambda L: L.inference_mode,
}


@pytest.mark.parametrize("mode", DECORATORS)
@pytest.mark.parametrize("around", ["enable_grad", "no_grad"])
def test_decorators(torch: Any, mode: str, around: str) -> None:
    def run(L: Any) -> Any:
        with getattr(L, around)():

            @DECORATORS[mode](L)
            def function(depth: int, *, key: str) -> Any:
                """Its text."""
                return [depth, key, state(L), function(depth - 1, key=key) if depth else None, state(L)]

            return function(2, key="k"), state(L), function.__name__, function.__doc__

    agree(torch, run)


@pytest.mark.parametrize("mode", DECORATORS)
def test_generators(torch: Any, mode: str) -> None:
    """The mode holds in the generator, not in the loop that draws from it."""

    def run(L: Any) -> Any:
        log: list[Any] = []

        @DECORATORS[mode](L)
        def generate(n: int) -> Any:
            try:
                for i in range(n):
                    try:
                        got = yield i
                    except ValueError:
                        got = "thrown"
                    log.append([got, state(L)])
                return "returned"
            finally:
                log.append(["closed", state(L)])

        generator = generate(5)
        log.append([next(generator), state(L)])
        log.append([generator.send("sent"), state(L)])
        log.append([generator.throw(ValueError()), state(L)])
        generator.close()
        log.append(state(L))

        def delegate() -> Any:
            log.append((yield from generate(1)))

        return list(delegate()), log

    agree(torch, run)


@program
def methods_and_classes(L: Any) -> Any:
    class Model:
        @L.no_grad()
        def method(self) -> Any:
            return state(L)

        @staticmethod
        @L.no_grad()
        def static() -> Any:
            return state(L)

        @classmethod
        @L.no_grad()
        def of_class(cls) -> Any:
            return state(L)

    return Model().method(), Model.static(), Model.of_class(), state(L)


@program
def set_grad_enabled_as_a_function(L: Any) -> Any:
    L.set_grad_enabled(False)
    off = state(L)
    L.set_grad_enabled(True)
    return off, state(L)


@program
def set_grad_enabled_within_a_context(L: Any) -> Any:
    with L.no_grad():
        L.set_grad_enabled(True)
        inside = state(L)
    return inside, state(L)


@program
def set_grad_enabled_of_an_expression(L: Any) -> Any:
    found = []
    for phase in ("train", "val"):
        with L.set_grad_enabled(phase == "train"):
            found.append(state(L))
    return found, state(L)


@program
def set_detect_anomaly_as_a_function(L: Any) -> Any:
    L.autograd.set_detect_anomaly(True)
    on = state(L)
    L.autograd.set_detect_anomaly(False)
    return on, state(L)


@program
def threads_start_with_the_defaults(L: Any) -> Any:
    found: list[Any] = []

    def work() -> None:
        found.append(state(L))
        L.set_grad_enabled(False)
        found.append(state(L))

    with L.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    return found, state(L)


@program
def what_was_made_under_no_grad(L: Any) -> Any:
    x = L.tensor([1.0, 2.0], requires_grad=True)
    with L.no_grad():
        y = x * 2
        z = L.ones(2, requires_grad=True)
        x += 1
    return y, z, x, (y * z).requires_grad


@program
def what_was_made_under_inference_mode(L: Any) -> Any:
    x = L.tensor([1.0, 2.0], requires_grad=True)
    with L.inference_mode():
        y = x * 2
        z = L.ones(2)
    return y.requires_grad, y.is_leaf, z + 1, (z + 1).requires_grad


@program
def backward_in_no_grad_of_a_graph_from_before(L: Any) -> Any:
    x = L.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    with L.no_grad():
        y.backward()
    return x.grad


@program
def backward_of_what_was_not_recorded(L: Any) -> Any:
    x = L.tensor([1.0, 2.0], requires_grad=True)
    with L.no_grad():
        y = (x * x).sum()
    y.backward()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(torch: Any, name: str) -> None:
    agree(torch, PROGRAMS[name])


LINES = """
    x = L.tensor([0., 1], requires_grad=True); (x.sqrt() * 0).sum().backward(); x.grad
    x = L.tensor([0., 1], requires_grad=True); L.autograd.set_detect_anomaly(True).__enter__(); (x.sqrt() * 0).sum().backward()
    L.autograd.set_detect_anomaly(False); L.is_anomaly_enabled()
    L.set_grad_enabled()
    L.set_grad_enabled(mode=True); L.is_grad_enabled()
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    try:
        agree(torch, expression(line))
    finally:
        torch.autograd.set_detect_anomaly(False)
        minigrad.autograd.set_detect_anomaly(False)


def test_tasks_of_one_thread_have_modes_of_their_own() -> None:
    """Where PyTorch's mode leaks from one coroutine into the next at an await."""

    async def other(found: list[bool]) -> None:
        found.append(minigrad.is_grad_enabled())

    async def main() -> list[bool]:
        found: list[bool] = []
        with minigrad.no_grad():
            task = asyncio.get_running_loop().create_task(other(found))
        await asyncio.sleep(0)
        with minigrad.no_grad():
            await asyncio.sleep(0)
            found.append(minigrad.is_grad_enabled())
        await task
        return found

    assert asyncio.run(main()) == [False, False]


# -------------------------------------------------------------------- anomaly mode


def test_anomaly_mode_names_the_line_where_nan_was_born() -> None:
    x = minigrad.tensor([0.0, 1.0], requires_grad=True)
    with minigrad.autograd.detect_anomaly():
        line = sys._getframe().f_lineno + 1
        y = x.sqrt()
        z = (y * 0).sum()
        with pytest.raises(GraphError, match="returned nan values in its 0th output") as caught:
            z.backward()
    assert "'SqrtBackward0'" in str(caught.value)
    assert f'File "{__file__}", line {line}, in {sys._getframe().f_code.co_name}' in str(caught.value)
    assert x.grad is None


def test_anomaly_mode_with_create_graph() -> None:
    x = minigrad.tensor([0.0, 1.0], requires_grad=True)
    with minigrad.autograd.detect_anomaly(), pytest.raises(GraphError, match="SqrtBackward0.*nan"):
        minigrad.autograd.grad((x.sqrt() * 0).sum(), x, create_graph=True)


def test_without_the_search_nothing_is_raised() -> None:
    x = minigrad.tensor([0.0, 1.0], requires_grad=True)
    with minigrad.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
    assert x.grad is not None and str(x.grad.tolist()) == "[nan, 0.0]"
