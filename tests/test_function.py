"""What an operation is: how a class is read, what its nodes keep, and what its calls say when they fail."""

from __future__ import annotations

import inspect
import traceback
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.domains import OneOf, Reals
from minigrad.errors import DtypeError, GraphError, ShapeError
from minigrad.families import Several, Unary, Variadic
from minigrad.function import OPERATIONS, Function
from minigrad.testing import check_grads, check_operation


def leaf(*values: float, dtype: Any = minigrad.float64) -> Any:
    return minigrad.tensor(values, dtype=dtype, requires_grad=True)


class Power(Function):
    """x ** n, n being a fixed integer."""

    symbol, domain = "pow", (Reals(0.5, 2), OneOf(2, 3))

    def forward(x: Any, n: int) -> Any:
        return x**n

    def oracle(x: Any, n: int) -> Any:
        return np.prod([x] * n, axis=0)

    def dx(g: Any, x: Any, n: int) -> Any:
        return g * (n * x ** (n - 1))


class Fused(Function):
    """sin(x), which keeps the cosine for its own first order and composes the others."""

    symbol, domain = "sin", (Reals(),)

    def forward(x: Any) -> Any:
        return np.sin(x), np.cos(x)

    def oracle(x: Any) -> Any:
        return np.sin(x)

    def dx(g: Any, kept: Any) -> Any:
        assert not isinstance(kept, minigrad.Tensor), "the fast rule is for arrays alone"
        return g * kept

    def composed_dx(g: Any, x: Any) -> Any:
        return g * np.cos(x)


class Halves(Several):
    """The two halves of a vector of even length."""

    symbol, domain = "halves", (Reals(shape=lambda source: (2 * source.integer(1, 2),)),)

    def forward(x: Any) -> Any:
        return [x[: len(x) // 2], x[len(x) // 2 :]]

    def oracle(x: Any) -> Any:
        return np.split(x, 2)

    def dx(gs: Any) -> Any:
        return np.concatenate(gs)


class Total(Variadic):
    """The weighted sum of any number of tensors of one shape."""

    symbol = "Σ"
    domain = OneOf(2.0, -1.0), Reals(shape=lambda source, scale: (2,)), Reals(shape=lambda source, scale, x: (2,))

    def forward(scale: float, *tensors: Any) -> Any:
        return sum(tensors) * scale

    def oracle(scale: float, *tensors: Any) -> Any:
        return np.sum(tensors, axis=0) * scale

    def dtensors(g: Any, scale: float, tensors_shape: Any) -> Any:
        return [g * scale for _ in tensors_shape]


@pytest.mark.parametrize("operation", [Power, Fused, Halves, Total], ids=lambda operation: operation.__name__)
def test_each_kind_of_operation_is_whole(operation: Any) -> None:
    check_operation(operation)


# -------------------------------------------------------------------- reading the class


def test_arguments_and_rules_are_read_from_the_class() -> None:
    assert Power in OPERATIONS
    assert Power.arguments == ("x", "n")
    assert Power.inputs == (0,)
    assert Total.inputs == (1,)


def test_a_rule_that_reads_something_unknown_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(
        TypeError, match=r"Odd: a rule reads 'z', which is neither an argument of forward \(x\), nor 'out'"
    ):

        class Odd(Unary):
            def forward(x: Any) -> Any:
                return x

            def dx(g: Any, z: Any) -> Any:
                return g


def test_an_operation_can_be_called_on_arrays_and_then_gives_an_array() -> None:
    x = np.array([1.0, 2.0])
    assert type(Power.apply(x, 2)) is np.ndarray
    assert type(Fused.apply(x)) is np.ndarray
    assert [type(p) for p in Halves.apply(x)] == [np.ndarray] * 2
    assert type(Total.apply(2.0, x, x)) is np.ndarray


# -------------------------------------------------------------------- recording


def test_nothing_is_recorded_without_need() -> None:
    x = leaf(1.0, 2.0)
    assert Power.apply(x, 2).grad_fn is not None
    assert Power.apply(x.detach(), 2).grad_fn is None
    assert Power.apply(minigrad.tensor([1, 2]), 2).grad_fn is None
    with minigrad.no_grad():
        assert Power.apply(x, 2).grad_fn is None
    assert (x > 1).grad_fn is None


def test_the_graph_can_be_walked() -> None:
    x, y = leaf(1.0), leaf(2.0)
    node = (x.exp() * y).grad_fn
    assert node.name() == "MulBackward0"
    (exp, index), (accumulate, _) = node.next_functions
    assert (exp.name(), index) == ("ExpBackward0", 0)
    assert accumulate.name() == "AccumulateGrad" and accumulate.variable is y
    assert exp.next_functions[0][0].variable is x
    assert (x * 2).grad_fn.next_functions[1] == (None, 0)


def test_results_of_several_name_their_index() -> None:
    first, second = Halves.apply(leaf(1.0, 2.0))
    assert first.grad_fn is second.grad_fn
    assert (first.output_nr, second.output_nr) == (0, 1)
    assert (second * 2).grad_fn.next_functions[0] == (second.grad_fn, 1)


def test_results_that_are_not_used_count_as_zero() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    _, second = Halves.apply(x)
    (second * second).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 6.0, 8.0]


def test_only_gradients_that_are_asked_for_are_computed() -> None:
    calls: list[str] = []

    class Watched(Function):
        def forward(x: Any, y: Any, n: int) -> Any:
            return x * y * n

        def dx(g: Any, y: Any, n: int) -> Any:
            calls.append("x")
            return g * y * n

        def dy(g: Any, x: Any, n: int) -> Any:
            calls.append("y")
            return g * x * n

    x, y = leaf(2.0), leaf(3.0)
    Watched.apply(x, y.detach(), 4).backward()
    assert calls == ["x"] and x.grad.tolist() == [12.0]
    calls.clear()
    (g,) = minigrad.autograd.grad(Watched.apply(x, y, 4), y)
    assert calls == ["y"] and g.tolist() == [8.0]


def test_a_value_is_kept_only_for_a_rule_that_will_read_it() -> None:
    """The product keeps each factor for the other's gradient; a factor without gradient spares the other."""

    def keeps(out: Any, x: Any) -> bool:
        return any(v is x for v in out.grad_fn.saved)

    x, y = leaf(1.0), leaf(2.0)
    assert keeps(x * y, x) and keeps(x * y, y)
    constant = minigrad.tensor([3.0], dtype=minigrad.float64)
    assert keeps(x * constant, constant) and not keeps(x * constant, x)
    assert not keeps(x + y, x)


def test_a_fused_rule_serves_arrays_and_a_composed_one_tensors() -> None:
    x = leaf(0.5, 1.0)
    Fused.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos([0.5, 1.0]))
    check_grads(Fused.apply, x, order=3)


def test_an_operation_of_order_1_raises_at_order_2() -> None:
    class Once(Unary):
        order = 1

        def forward(x: Any) -> Any:
            return np.exp(x)

        def dx(g: Any, out: Any) -> Any:
            return g * out

    x = leaf(1.0)
    (g,) = minigrad.autograd.grad(Once.apply(x), x, create_graph=True)
    assert g.item() == pytest.approx(np.e)
    with pytest.raises(GraphError, match=r"Once.*once"):
        minigrad.autograd.grad(g, x)


# -------------------------------------------------------------------- dtypes


def test_broadcasting_and_dtypes_are_the_engines_business() -> None:
    x = minigrad.tensor([[1.0], [2.0]], requires_grad=True)
    y = minigrad.tensor(3.0, dtype=minigrad.float64, requires_grad=True)
    out = x * y * minigrad.ones(2, 3)
    assert out.dtype == minigrad.float32
    out.sum().backward()
    assert x.grad.tolist() == [[9.0], [9.0]] and x.grad.dtype == minigrad.float32
    assert y.grad.item() == 9.0 and y.grad.dtype == minigrad.float64


@pytest.mark.parametrize("number", [2, 2.5, True, np.float64(2.5), np.int64(2)])
def test_numbers_do_not_promote(number: Any) -> None:
    for dtype in (minigrad.float16, minigrad.float32, minigrad.float64):
        x = minigrad.tensor([1.0, 2.0], dtype=dtype)
        assert (x * number).dtype == dtype
        assert (number * x).dtype == dtype


def test_integers_and_floats_meet_as_in_torch(torch: Any) -> None:
    for call in (lambda m: m.tensor([1]) * 2.5, lambda m: m.tensor([1]) * m.tensor(2.5), lambda m: m.tensor([1]).exp()):
        ours, theirs = call(minigrad), call(torch)
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]


# -------------------------------------------------------------------- errors


def test_shapes_that_do_not_broadcast_are_named() -> None:
    message = (
        r"mul\(float32 tensor of shape \(2, 3\), float32 tensor of shape \(4,\)\): shapes \(2, 3\) and \(4,\) cannot"
    )
    with pytest.raises(ShapeError, match=message):
        minigrad.ones(2, 3) * minigrad.ones(4)


def test_errors_of_a_forward_are_told_with_the_operation() -> None:
    with pytest.raises(DtypeError, match=r"neg\(bool tensor of shape \(1,\)\)"):
        -minigrad.tensor([True])
    with pytest.raises(TypeError, match="unsupported operand"):
        minigrad.ones(2) * object()
    with pytest.raises(TypeError, match="expected a tensor, an array or a number, got str '2'"):
        minigrad.mul(minigrad.ones(2), "2")


def test_the_other_operand_gets_its_chance() -> None:
    class Meters:
        def __rmul__(self, other: Any) -> str:
            return f"{other.tolist()} m"

    assert minigrad.ones(1) * Meters() == "[1.0] m"


def test_a_modified_value_is_reported_with_both_lines() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    frame = inspect.currentframe()
    assert frame is not None
    line = frame.f_lineno
    out = y * y
    y.add_(1.0)
    with pytest.raises(GraphError) as caught:
        out.sum().backward()
    message = str(caught.value)
    assert message.startswith("MulBackward0: a value needed for gradient computation has been modified")
    assert f'saved by Mul at File "{__file__}", line {line + 1}' in message
    assert f"line {line + 2}, in test_a_modified_value_is_reported_with_both_lines" in message


def test_a_freed_graph_says_so() -> None:
    out = leaf(1.0, 2.0).exp().sum()
    out.backward()
    with pytest.raises(GraphError, match="second time.*retain_graph=True"):
        out.backward()


# -------------------------------------------------------------------- what is written out for a class


class Scale(Function):
    """x * factor, the factor being 2 unless given."""

    symbol, domain = "scale", (Reals(), OneOf(2.0, 3.0))

    def forward(x: Any, factor: float = 2.0) -> Any:
        return x * factor

    def oracle(x: Any, factor: float) -> Any:
        return x * factor

    def dx(g: Any, factor: float) -> Any:
        return g * factor


def test_an_argument_left_out_has_its_default_in_the_rules_too() -> None:
    check_operation(Scale)
    x = leaf(1.0, 3.0)
    y = Scale.apply(x)
    (g,) = minigrad.autograd.grad(y.sum(), x)
    assert y.tolist() == [2.0, 6.0] and g.tolist() == [2.0, 2.0]


def test_a_traceback_shows_the_line_that_called_forward() -> None:
    class Broken(Function):
        def forward(x: Any) -> Any:
            raise KeyError("inside")

    with pytest.raises(KeyError) as caught:
        Broken.apply(leaf(1.0))
    assert "data = forward(a0" in "".join(traceback.format_exception(caught.value))


def test_a_rule_that_gives_another_shape_is_noticed_at_the_leaf() -> None:
    class Wrong(Function):
        def forward(x: Any) -> Any:
            return x * 2

        def dx(g: Any) -> Any:
            return g[:1]

    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"gradient of shape \(1,\) has reached a leaf of shape \(2,\)"):
        Wrong.apply(x).sum().backward()
    assert x.grad is None
