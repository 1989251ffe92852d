"""Every public name that PyTorch has too: it takes PyTorch's arguments, and some test compares it with PyTorch."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import minigrad
import minigrad.utils.data

PLACES = ("", "Tensor", "nn", "nn.functional", "nn.init", "optim", "optim.lr_scheduler", "autograd", "utils.data")

# A file of tests compares with PyTorch if its tests take one of these fixtures or import it.
COMPARES = re.compile(r'\b(torch|same|compare): Any|importorskip\("torch"')

# Parameters that have no meaning here: memory layouts, other devices, results written into given tensors.
ABSENT = {"out", "layout", "pin_memory", "memory_format", "generator", "device", "non_blocking"}

# Where the documentation of PyTorch, from which the parameters of its compiled functions are read, says something else
# than its functions take, or where minigrad takes more or less on purpose.
OTHER = {
    "Size": "a class without a readable signature",
    "dtype": "not made by users in PyTorch",
    "broadcast_to": "PyTorch takes size, and documents shape",
    "true_divide": "PyTorch takes input and other, and documents dividend and divisor",
    "einsum": "PyTorch reads its arguments from *args",
    "from_numpy": "positional only",
    "result_type": "any number of values here",
    "no_grad": "an optional function, for use as a decorator without parentheses",
    "enable_grad": "as no_grad",
    "autograd.no_grad": "as no_grad",
    "autograd.enable_grad": "as no_grad",
    "meshgrid": "indexing has a default, which PyTorch warns that it will have",
    "load": "without pickle_load_args: nothing is unpickled but tensors",
    "save": "without PyTorch's two private options",
    "optim.Adam": "one more: eps_hat, the book's epsilon",
    "autograd.backward": "without grad_variables, deprecated",
    "utils.data.random_split": "the default generator is minigrad's",
}


def at(root: Any, place: str) -> Any:
    for part in place.split(".") if place else []:
        root = getattr(root, part)
    return root


def common(torch: Any, place: str) -> list[str]:
    """The public names of a place that both libraries have there, but for modules and what is imported for annotations."""
    import torch.utils.data

    ours, theirs = at(minigrad, place), at(torch, place)
    found = getattr(ours, "__all__", None) or [n for n in dir(ours) if not n.startswith("_")]
    return [
        name
        for name in found
        if hasattr(theirs, name)
        and not inspect.ismodule(getattr(ours, name))
        and str(getattr(getattr(ours, name), "__module__", None) or "minigrad").startswith("minigrad")
    ]


def used() -> set[str]:
    """What comes after a dot, and every word of a string, in the tests that compare with PyTorch."""
    found: set[str] = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        source = path.read_text(encoding="utf-8")
        if path == Path(__file__) or not COMPARES.search(source):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"\w+", node.value))
            elif isinstance(node, ast.JoinedStr):  # f"conv{dims}d" stands for conv1d, conv2d and conv3d
                for n in "123":
                    found.add("".join(v.value if isinstance(v, ast.Constant) else n for v in node.values))
    return found


def parameters(function: Any) -> dict[str, Any] | None:
    """Name -> default of a function's parameters, but for self and *args; None if it has no readable signature."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = {p.name: p.default for p in found if p.name != "self" and p.kind is not p.VAR_POSITIONAL}
    return None if list(named) == ["kwargs"] else named  # (*args, **kwargs) says nothing


def documented(function: Any) -> set[str]:
    """The parameters that the first line of a compiled function's documentation names: `add(input, other, *, alpha=1)`."""
    match = re.match(r"\w+\((.*)\) *->", (inspect.getdoc(function) or "").partition("\n")[0])
    inner = re.sub(r"[\[(][^\])]*[\])]", "", match[1]) if match else ""
    names = [re.split("[=:]", part)[0].split() for part in inner.split(",")]
    return {words[-1] for words in names if words and words[-1].isidentifier()}


def differences(ours: Any, theirs: Any) -> str:
    """How the parameters of ours differ from those of theirs; '' if they do not, or cannot be read."""
    mine, other = parameters(ours), parameters(theirs)
    if mine is None:
        return ""
    if other is None:
        missing = documented(theirs) - set(mine) - ABSENT
        return f"lacks {sorted(missing)}" if missing else ""
    if list(mine) != list(other):
        return f"takes {list(mine)}, PyTorch {list(other)}"
    for name, default in other.items():
        if not callable(default) and str(mine[name]).replace("minigrad.", "torch.") != str(default):
            return f"{name} is {mine[name]!r} by default, in PyTorch {default!r}"
    return ""


@pytest.mark.parametrize("place", PLACES)
def test_every_name_is_compared_with_pytorch(torch: Any, place: str) -> None:
    names, words = common(torch, place), used()
    assert names
    assert not (never := [name for name in names if name not in words]), f"no comparison with PyTorch uses {never}"


@pytest.mark.parametrize("place", PLACES)
def test_every_name_takes_pytorch_s_arguments(torch: Any, place: str) -> None:
    found = {}
    for name in common(torch, place) if place != "Tensor" else ():  # methods: see below
        ours, theirs = getattr(at(minigrad, place), name), getattr(at(torch, place), name)
        what = differences(ours, theirs) if callable(ours) else ""
        path = f"{place}.{name}".lstrip(".")
        if bool(what) != (path in OTHER):
            found[path] = what or "agrees now: take it out of OTHER"
    assert not found


def test_methods_take_what_functions_take(torch: Any) -> None:
    """PyTorch documents its methods by other names than they take, so they are held against minigrad's functions."""
    found = {}
    for name in common(torch, "Tensor"):
        method, function = getattr(minigrad.Tensor, name), getattr(minigrad, name, None)
        if inspect.isfunction(method) and inspect.isfunction(function):
            lacks = set(list(parameters(function) or {})[1:]) - set(parameters(method) or {}) - {"input"}
            lacks.discard("split_size_or_sections")  # split_size in PyTorch's method
            if lacks:
                found[name] = f"Tensor.{name} lacks {sorted(lacks)}"
    assert not found
