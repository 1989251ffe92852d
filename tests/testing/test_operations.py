"""The properties that every operation is tested for: each finds the mistake that it is there for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.domains import Reals
from minigrad.families import Binary, Unary
from minigrad.function import Function
from minigrad.testing import PROPERTIES, GradcheckError, Kink, RandomSource, check_operation, draw
from minigrad.testing.operations import is_defined, rejects_bad_arguments

KEPT: list[Any] = []


def forward(x: Any) -> Any:
    return np.sinh(x)


def broken(**wrong: Any) -> Any:
    """sinh, right but for what `wrong` replaces."""
    body = {
        "__doc__": "The hyperbolic sine.",
        "symbol": "sinh",
        "domain": (Reals(0.5, 2),),
        "forward": forward,
        "oracle": lambda x: (np.exp(x) - np.exp(-x)) / 2,
        "dx": lambda g, x: g * ((np.exp(x) + np.exp(-x)) / 2),
        **wrong,
    }
    return type("Sinh", (Unary,), body)


def fails(operation: Any, name: str, shape: tuple[int, ...] = (2, 3)) -> str:
    """The message of the property that fails."""
    args = draw(operation, RandomSource(0), shape)
    with pytest.raises((AssertionError, GradcheckError)) as caught:
        PROPERTIES[name](operation, args)
    message = str(caught.value)
    assert message.startswith("Sinh(float64 array of shape (2, 3))") or name == "keeps_dtype", message
    return message


def holds(operation: Any, *names: str, shape: tuple[int, ...] = (2, 3)) -> None:
    for name in names:
        PROPERTIES[name](operation, draw(operation, RandomSource(0), shape))


def test_a_right_operation_passes() -> None:
    check_operation(broken())


def test_a_wrong_value() -> None:
    assert "its value and its oracle differ" in fails(broken(forward=lambda x: np.sinh(x) + 1e-6), "value")


def test_a_wrong_shape() -> None:
    assert "differ in shape" in fails(broken(forward=lambda x: np.sinh(x).reshape(-1)), "value")


def test_a_wrong_sign() -> None:
    operation = broken(dx=lambda g, x: -g * ((np.exp(x) + np.exp(-x)) / 2))
    assert "gradient of order 1 differs" in fails(operation, "gradients")
    holds(operation, "value", "modes_agree", "keeps_dtype", "layouts")


def test_a_wrong_second_order() -> None:
    def dx(g: Any, x: Any) -> Any:
        slope = (np.exp(x) + np.exp(-x)) / 2
        return g * (slope.detach() if isinstance(slope, minigrad.Tensor) else slope)

    assert "gradient of order 2 differs" in fails(broken(dx=dx), "gradients")


def test_a_rule_that_leaks_float64() -> None:
    operation = broken(dx=lambda g, x: g * ((np.exp(x) + np.exp(-x)) * np.float64(0.5)))
    message = fails(operation, "keeps_dtype")
    assert "the rule of argument 0 gives float64 from float16" in message
    holds(operation, "gradients")


def test_a_value_that_leaks_float64() -> None:
    operation = type("Sinh", (Function,), {"forward": lambda x: np.sinh(x.astype(np.float64)), "domain": (Reals(),)})
    assert "float16 went in and float64 came out" in fails(operation, "keeps_dtype")


def test_a_number_that_is_not_weak() -> None:
    class Scaled(Binary):
        """x * y."""

        symbol, domain, forward = "×", (Reals(), Reals()), np.multiply

        def dx(g: Any, y: Any) -> Any:
            return g * y

        def dy(g: Any, x: Any) -> Any:
            return g * x

    holds(Scaled, "python_numbers_are_weak")
    Scaled.rules = (lambda g, y: g * np.asarray(y), Scaled.rules[1])  # an array of a Python number is float64
    with pytest.raises(AssertionError, match="a Python number and float16 give"):
        holds(Scaled, "python_numbers_are_weak")


def test_modes_that_differ() -> None:
    def dx(g: Any, x: Any) -> Any:
        slope = (np.exp(x) + np.exp(-x)) / 2
        return g * (slope * (1 + 2**-50) if isinstance(x, np.ndarray) else slope)  # some bits, on every machine

    assert "by arrays and by Tensors (create_graph) differ" in fails(broken(dx=dx), "modes_agree")
    holds(broken(dx=dx), "gradients")


def test_a_rule_that_assumes_contiguous_memory() -> None:
    def dx(g: Any, x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return g * ((np.exp(x) + np.exp(-x)) / 2)
        flat = (g.ravel("K") * np.cosh(x.ravel("K"))).reshape(x.shape)
        return flat

    assert "of a non-contiguous and of a contiguous input differ" in fails(broken(dx=dx), "layouts")
    holds(broken(dx=dx), "gradients", "value")


def test_an_upstream_gradient_that_is_mutated() -> None:
    def dx(g: Any, x: Any) -> Any:
        if not isinstance(g, np.ndarray):
            return g * ((np.exp(x) + np.exp(-x)) / 2)
        g *= (np.exp(x) + np.exp(-x)) / 2
        return g

    assert "differ" in fails(broken(dx=dx), "mutates_and_aliases_nothing")


def test_an_input_that_is_mutated() -> None:
    def forward(x: Any) -> Any:
        y = np.sinh(x)
        x += 0
        x[...] = x + 1
        return y

    assert "argument 0 before and after differ" in fails(broken(forward=forward), "mutates_and_aliases_nothing")


def test_a_saved_value_that_is_mutated() -> None:
    def dx(g: Any, out: Any) -> Any:
        if not isinstance(out, np.ndarray):
            return g * np.sqrt(1 + out * out)
        out *= out
        return g * np.sqrt(1 + out)

    message = fails(broken(dx=dx), "mutates_and_aliases_nothing")
    assert "twice its gradient, and that of two backward passes differ" in message


def test_a_result_that_is_the_input() -> None:
    operation = broken(forward=lambda x: x, oracle=lambda x: x, dx=lambda g: g)
    assert "argument 0 and result 0 share memory" in fails(operation, "mutates_and_aliases_nothing")


def test_a_graph_that_is_kept_alive() -> None:
    def dx(g: Any, out: Any) -> Any:
        KEPT.append(out)
        return g * np.sqrt(1 + out * out)

    operation = broken(dx=dx)
    message = fails(operation, "frees_its_graph")
    assert "after backward and with the result deleted still alive: buffer of result 0" in message
    KEPT.clear()


def test_an_operation_that_is_differentiable_once() -> None:
    holds(broken(order=1), "says_when_differentiable_once", "gradients")
    twice = broken()
    twice.order = 1  # said too late for the class to heed it
    assert "order 2 gave a gradient instead of an error" in fails(twice, "says_when_differentiable_once")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"domain": None}, "no domain: say what its arguments may be"),
        ({"oracle": None}, "no oracle: its forward is not a NumPy ufunc"),
        ({"symbol": "?"}, "no symbol"),
        ({"__doc__": None}, "no docstring"),
        ({"domain": ()}, "a domain of 0 entries for its arguments"),
    ],
)
def test_incomplete_definitions_say_what_is_missing(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        is_defined(broken(**wrong))
    with pytest.raises(AssertionError, match=message):
        check_operation(broken(**wrong))


def test_bad_arguments_must_raise_our_errors() -> None:
    rejects_bad_arguments(broken(rejects=((np.array([True]),),), forward=np.negative))
    with pytest.raises(AssertionError, match="raised nothing"):
        rejects_bad_arguments(broken(rejects=((np.ones(2),),)))

    def picky(x: Any) -> Any:
        raise KeyError("NumPy's own words")

    with pytest.raises(
        AssertionError, match="must raise an error of minigrad.errors that names the operation, not KeyError"
    ):
        rejects_bad_arguments(broken(rejects=((np.ones(2),),), forward=picky))


def test_a_domain_without_derivatives_is_reported() -> None:
    operation = broken(
        forward=lambda x: np.maximum(x, 1), oracle=lambda x: np.where(x > 1, x, 1), dx=lambda g, out: g * (out > 1),
        domain=(Reals(1, 1),),
    )  # fmt: skip
    with pytest.raises(Kink):
        holds(operation, "gradients")
    with pytest.raises(AssertionError, match="examples have no derivative; narrow the domain"):
        check_operation(operation)


def test_drawing_is_repeatable_and_keeps_to_the_domain() -> None:
    operation = broken(domain=(Reals(-1, 1, avoid=(0,), margin=0.2),))
    for seed in range(20):
        (x,) = draw(operation, RandomSource(seed))
        (again,) = draw(operation, RandomSource(seed))
        assert np.array_equal(x, again)
        assert x.dtype == np.float64 and x.ndim <= 3
        assert np.all(np.abs(x) <= 1.2) and np.all(np.abs(x) >= 0.2)


def test_drawn_shapes_broadcast() -> None:
    shapes = set()
    for seed in range(60):
        x, y = draw(minigrad.ops.elementwise.Add, RandomSource(seed))
        shapes.add(x.shape == y.shape)
        np.broadcast_shapes(x.shape, y.shape)
    assert shapes == {True, False}
