"""Module: registration, walking, conversion, state dicts and text, each as PyTorch has it."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn


class Net(nn.Module):
    """A network with parameters, buffers, submodules and a shared one. At module level so that it can be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.again = self.first
        self.scale = nn.Parameter(minigrad.ones(2))
        self.register_parameter("absent", None)
        self.register_buffer("count", minigrad.tensor(3))
        self.register_buffer("mean", minigrad.zeros(2))
        self.register_buffer("cache", minigrad.zeros(2), persistent=False)
        self.note = "not registered"

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return self.body(self.first(x)) * self.scale


def both(build: Callable[[Any], Any], torch: Any) -> tuple[Any, Any]:
    """What a function of the library gives on minigrad and on PyTorch: its result, or the type of its error."""
    found = []
    for library in (minigrad, torch):
        try:
            found.append(build(library))
        except Exception as error:
            found.append(type(error))
    return found[0], found[1]


def network(lib: Any) -> Any:
    """The same network in either library."""

    class Net(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = lib.nn.Linear(3, 4)
            self.body = lib.nn.Sequential(lib.nn.Linear(4, 4), lib.nn.ReLU(), lib.nn.Linear(4, 2, bias=False))
            self.again = self.first
            self.scale = lib.nn.Parameter(lib.ones(2))
            self.tied = self.body[0].weight
            self.register_parameter("absent", None)
            self.register_buffer("count", lib.tensor(3))
            self.register_buffer("mean", lib.zeros(2))
            self.register_buffer("cache", lib.zeros(2), persistent=False)
            self.register_buffer("nothing", None)
            self.add_module("void", None)

        def forward(self, x: Any) -> Any:
            return self.body(self.first(x)) * self.scale

    return Net()


# -------------------------------------------------------------------- registration


def test_what_is_assigned_is_registered() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "body.0.weight",
        "body.0.bias",
        "body.2.weight",
    ]
    assert [name for name, _ in net.named_buffers()] == ["count", "mean", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "body"]
    assert net.absent is None
    assert net.note == "not registered"


def test_an_attribute_can_change_its_kind() -> None:
    net = nn.Module()
    net.x = nn.Parameter(minigrad.zeros(1))
    del net.x
    net.x = nn.Linear(1, 1)
    assert dict(net.named_parameters()).keys() == {"x.weight", "x.bias"}
    del net.x
    net.x = 5
    assert net.x == 5
    net.x = nn.Parameter(minigrad.zeros(1))  # replaces the plain attribute
    assert "x" not in net.__dict__
    net.x = None
    assert list(net.parameters()) == []
    assert net.x is None
    net.b = nn.Buffer(minigrad.zeros(2), persistent=False)
    net.b = minigrad.ones(2)
    assert net.get_buffer("b").tolist() == [1, 1]
    assert "b" not in net.state_dict()
    net.b = nn.Parameter(minigrad.zeros(1))
    assert list(net.buffers()) == []
    assert list(net.state_dict()) == ["b"]
    net.b = None
    assert net.state_dict() == {}
    del net.b
    net.register_buffer("b", minigrad.zeros(1), persistent=False)
    net.b = nn.ReLU()
    assert net._non_persistent_buffers_set == set()
    del net.b
    net.b = nn.Buffer(minigrad.zeros(1))
    net.b = minigrad.ones(1)
    assert list(net.state_dict()) == ["b"]


def test_a_deleted_or_unknown_attribute_raises() -> None:
    net = Net()
    for name in ("first", "scale", "mean", "note"):
        delattr(net, name)
        with pytest.raises(AttributeError, match=f"'Net' object has no attribute '{name}'"):
            getattr(net, name)
    with pytest.raises(AttributeError):
        del net.nothing_of_that_name


def before_init(lib: Any) -> Any:
    class Early(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.x = lib.nn.Parameter(lib.zeros(1))

    return Early()


def module_before_init(lib: Any) -> Any:
    class Early(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.x = lib.nn.ReLU()

    return Early()


def buffer_before_init(lib: Any) -> Any:
    class Early(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.register_buffer("x", lib.zeros(1))

    return Early()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "parameter before init": before_init,
    "module before init": module_before_init,
    "buffer before init": buffer_before_init,
    "parameter, dotted": lambda lib: lib.nn.Module().register_parameter("a.b", None),
    "parameter, empty": lambda lib: lib.nn.Module().register_parameter("", None),
    "parameter, number": lambda lib: lib.nn.Module().register_parameter(3, None),
    "parameter, taken": lambda lib: lib.nn.Module().register_parameter("forward", None),
    "parameter, a tensor": lambda lib: lib.nn.Module().register_parameter("a", lib.zeros(1)),
    "parameter, a result": lambda lib: lib.nn.Module().register_parameter(
        "a", lib.nn.Parameter(lib.zeros(1)).requires_grad_() * 2
    ),
    "buffer, dotted": lambda lib: lib.nn.Module().register_buffer("a.b", None),
    "buffer, empty": lambda lib: lib.nn.Module().register_buffer("", None),
    "buffer, number": lambda lib: lib.nn.Module().register_buffer(3, None),
    "buffer, taken": lambda lib: lib.nn.Linear(1, 1).register_buffer("weight", None),
    "buffer, a list": lambda lib: lib.nn.Module().register_buffer("a", [1.0]),
    "module, dotted": lambda lib: lib.nn.Module().add_module("a.b", None),
    "module, empty": lambda lib: lib.nn.Module().add_module("", None),
    "module, number": lambda lib: lib.nn.Module().add_module(3, None),
    "module, taken": lambda lib: lib.nn.Module().add_module("training", None),
    "module, a tensor": lambda lib: lib.nn.Module().add_module("a", lib.zeros(1)),
    "a tensor where a parameter was": lambda lib: setattr(lib.nn.Linear(1, 1), "weight", lib.zeros(1, 1)),
    "a module where a parameter was": lambda lib: setattr(lib.nn.Linear(1, 1), "weight", lib.nn.ReLU()),
    "a number where a module was": lambda lib: setattr(network(lib), "first", 3),
    "a number where a buffer was": lambda lib: setattr(network(lib), "mean", 3),
    "no forward": lambda lib: lib.nn.Module()(3),
    "submodule that is not there": lambda lib: network(lib).get_submodule("body.7"),
    "submodule that is a parameter": lambda lib: network(lib).get_submodule("scale"),
    "parameter that is not there": lambda lib: network(lib).get_parameter("body.0.width"),
    "parameter that is a buffer": lambda lib: network(lib).get_parameter("mean"),
    "buffer that is not there": lambda lib: network(lib).get_buffer("middle"),
    "buffer that is a parameter": lambda lib: network(lib).get_buffer("scale"),
    "training neither true nor false": lambda lib: network(lib).train("yes"),
    "integer network": lambda lib: network(lib).to(lib.int64),
    "a device that is not there": lambda lib: network(lib).to("abacus"),
    "a graphics card that is not there": lambda lib: lib.nn.Sequential(lib.nn.Linear(1, 1)).cuda(),
    "state dict that is none": lambda lib: network(lib).load_state_dict([1]),
    "state dict with a list": lambda lib: lib.nn.Linear(1, 1).load_state_dict(
        {"weight": [[1.0]], "bias": lib.zeros(1)}
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_pytorch_refuses_is_refused_with_its_exception(torch: Any, case: str) -> None:
    mine, theirs = both(REFUSED[case], torch)
    assert isinstance(theirs, type) and issubclass(theirs, Exception)
    assert isinstance(mine, type) and issubclass(mine, theirs)


# -------------------------------------------------------------------- walking

WALKS: dict[str, Callable[[Any], Any]] = {
    "parameters": lambda net: [name for name, _ in net.named_parameters()],
    "parameters, prefixed": lambda net: [name for name, _ in net.named_parameters("net")],
    "parameters, own": lambda net: [name for name, _ in net.named_parameters(recurse=False)],
    "parameters, repeated": lambda net: [name for name, _ in net.named_parameters(remove_duplicate=False)],
    "buffers": lambda net: [name for name, _ in net.named_buffers()],
    "modules": lambda net: [(name, type(m).__name__) for name, m in net.named_modules()],
    "modules, repeated": lambda net: [name for name, _ in net.named_modules(prefix="n", remove_duplicate=False)],
    "children": lambda net: [name for name, _ in net.named_children()],
    "counts": lambda net: [len(list(w())) for w in (net.parameters, net.buffers, net.modules, net.children)],
    "own parameters": lambda net: len(list(net.parameters(recurse=False))),
    "state": lambda net: list(net.state_dict()),
    "state, prefixed": lambda net: list(net.state_dict(prefix="net.")),
    "text": repr,
    "get": lambda net: [
        tuple(net.get_parameter("body.2.weight").shape),
        tuple(net.get_buffer("mean").shape),
        net.get_submodule("") is net,
        repr(net.get_submodule("body.1")),
    ],
    "public names": lambda net: [n for n in dir(net) if n in ("first", "body", "scale", "mean", "forward", "0")],
    "modes": lambda net: [net.eval().training, net.body[1].training, net.train() is net, net.body.training],
    "applied": lambda net: (seen := []) or net.apply(lambda m: seen.append(type(m).__name__)) and seen,
}


@pytest.mark.parametrize("walk", WALKS)
def test_walks_as_pytorch(torch: Any, walk: str) -> None:
    mine, theirs = both(lambda lib: WALKS[walk](network(lib)), torch)
    assert mine == theirs


def test_modes_reach_every_submodule() -> None:
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_apply_visits_children_first() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_freezing() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_zero_grad_drops_or_fills() -> None:
    net = Net()
    net(minigrad.ones(1, 3)).sum().backward()
    kept = net.scale.grad
    assert kept is not None
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is kept
    assert kept.tolist() == [0, 0]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_zero_grad_cuts_the_graph_of_a_gradient() -> None:
    p = nn.Parameter(minigrad.ones(2))
    (p * p * p).sum().backward(create_graph=True)
    net = nn.Module()
    net.p = p
    net.zero_grad(set_to_none=False)
    assert p.grad is not None and not p.grad.requires_grad
    assert p.grad.tolist() == [0, 0]


# -------------------------------------------------------------------- conversion


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda net: net.double(), minigrad.float64),
        (lambda net: net.half(), minigrad.float16),
        (lambda net: net.double().float(), minigrad.float32),
        (lambda net: net.to(minigrad.float64), minigrad.float64),
        (lambda net: net.to("cpu", minigrad.float64), minigrad.float64),
        (lambda net: net.to(device="cpu", dtype=minigrad.float16), minigrad.float16),
        (lambda net: net.to(minigrad.zeros(1, dtype=minigrad.float64)), minigrad.float64),
        (lambda net: net.to("cpu"), minigrad.float32),
        (lambda net: net.to(minigrad.device("cpu"), non_blocking=True), minigrad.float32),
        (lambda net: net.to(np.float64), minigrad.float64),
        (lambda net: net.cpu(), minigrad.float32),
    ],
)
def test_conversion_keeps_parameters_the_same_objects(convert: Any, dtype: Any) -> None:
    net = Net()
    net(minigrad.ones(1, 3)).sum().backward()
    before = list(net.parameters())
    assert convert(net) is net
    for old, new in zip(before, net.parameters(), strict=True):
        assert old is new
        assert new.dtype is new.grad.dtype is dtype
        assert new.is_leaf and new.requires_grad
    assert net.mean.dtype is dtype
    assert net.count.dtype is minigrad.int64
    assert net(minigrad.ones(1, 3, dtype=dtype)).dtype is dtype


def test_type_converts_everything() -> None:
    net = nn.Module()
    net.register_buffer("count", minigrad.tensor(3))
    assert net.type(minigrad.float64).count.dtype is minigrad.float64


# -------------------------------------------------------------------- state


def test_a_state_dict_shares_memory_and_keep_vars_gives_the_tensors() -> None:
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert not state["scale"].requires_grad
    state["scale"].fill_(7)
    assert net.scale.tolist() == [7, 7]
    assert net.state_dict(keep_vars=True)["scale"] is net.scale


def test_loading_copies_in_place() -> None:
    source, target = Net(), Net()
    before = dict(target.named_parameters())
    found = target.load_state_dict(source.state_dict())
    assert found == ([], [])
    assert repr(found) == "<All keys matched successfully>"
    for name, p in target.named_parameters():
        assert p is before[name]
        assert np.array_equal(p.detach().numpy(), source.get_parameter(name).detach().numpy())
    source.scale.data.fill_(9)
    assert target.scale.tolist() == [1, 1]


def test_loading_keeps_the_dtype_of_the_module() -> None:
    target = Net().double()
    target.load_state_dict(Net().state_dict())
    assert {p.dtype for p in target.parameters()} == {minigrad.float64}


def test_assign_puts_the_tensors_themselves_in_place() -> None:
    net = nn.Linear(2, 1)
    net.weight.requires_grad_(False)
    given = {"weight": minigrad.ones(1, 2, dtype=minigrad.float64), "bias": nn.Parameter(minigrad.zeros(1))}
    net.load_state_dict(given, assign=True)
    assert net.bias is given["bias"]
    assert net.weight.dtype is minigrad.float64
    assert not net.weight.requires_grad
    given["weight"].fill_(5)
    assert net.weight.tolist() == [[5, 5]]


def changed(lib: Any) -> Any:
    state = network(lib).state_dict()
    state["body.0.wieght"] = state.pop("body.0.weight")
    state["extra"] = lib.zeros(1)
    state["scale"] = lib.zeros(3)
    state["first.bias"] = lib.zeros(())
    return state


def test_the_complaint_lists_everything_in_pytorchs_words(torch: Any) -> None:
    texts = []
    for lib in (minigrad, torch):
        with pytest.raises(RuntimeError) as raised:
            network(lib).load_state_dict(changed(lib))
        texts.append(str(raised.value).replace("minigrad.Size", "torch.Size"))
    assert texts[0] == texts[1]
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        network(minigrad).load_state_dict(changed(minigrad), strict=False)


def test_not_strict_tells_what_was_missing_as_pytorch(torch: Any) -> None:
    def load(lib: Any) -> Any:
        state = changed(lib)
        del state["scale"], state["first.bias"]
        found = network(lib).load_state_dict(state, strict=False)
        return found.missing_keys, found.unexpected_keys, repr(found)

    mine, theirs = both(load, torch)
    assert mine == theirs


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_dict_goes_to_pytorch_and_back(torch: Any, assign: bool) -> None:
    mine, theirs = network(minigrad), network(torch)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(
        mine(minigrad.from_numpy(x)).detach().numpy(),
        theirs(torch.from_numpy(x)).detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )
    other = network(minigrad)
    other.load_state_dict(
        {k: minigrad.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()}, assign=assign
    )
    for name, value in mine.state_dict().items():
        assert np.array_equal(other.state_dict()[name].numpy(), value.numpy())


def test_a_one_element_vector_loads_into_a_scalar() -> None:
    net = nn.Module()
    net.s = nn.Parameter(minigrad.tensor(1.0))
    net.load_state_dict({"s": minigrad.tensor([4.0])})
    assert net.s.item() == 4


class Extra(nn.Module):
    extra: Any = "kept"

    def get_extra_state(self) -> Any:
        return self.extra

    def set_extra_state(self, state: Any) -> None:
        self.extra = state


def test_extra_state() -> None:
    source = nn.Sequential(Extra())
    source[0].extra = "changed"
    state = source.state_dict()
    assert state == {"0._extra_state": "changed"}
    target = nn.Sequential(Extra())
    target.load_state_dict(state)
    assert target[0].extra == "changed"
    with pytest.raises(RuntimeError, match='Missing key.*"0._extra_state"'):
        target.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key.*"0._extra_state"'):
        nn.Sequential(nn.ReLU()).load_state_dict(state)


def test_hooks_of_the_state_dict() -> None:
    net = nn.Linear(1, 1)
    seen: list[str] = []
    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(f"pre {prefix}"))
    handle = net.register_state_dict_post_hook(lambda module, state, prefix, meta: state.update({prefix + "more": 1}))
    state = nn.Sequential(net).state_dict()
    assert seen == ["pre 0."]
    assert state["0.more"] == 1
    handle.remove()
    assert "more" not in net.state_dict()
    net.register_state_dict_post_hook(lambda *_: {})
    with pytest.raises(RuntimeError, match="must return None"):
        net.state_dict()


def test_hooks_of_loading() -> None:
    net = nn.Linear(1, 1)

    def rename(module: Any, state: Any, prefix: str, *_: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    def forgive(module: Any, keys: Any) -> None:
        keys.missing_keys.clear()

    net.register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(forgive)
    given = {"kernel": minigrad.tensor([[4.0]])}
    net.load_state_dict(given)
    assert net.weight.item() == 4
    assert list(given) == ["kernel"]
    net.register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(AssertionError, match="not expected to return"):
        net.load_state_dict({**given, "bias": minigrad.zeros(1)}, strict=False)


# -------------------------------------------------------------------- copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_independent_and_whole(duplicate: Any) -> None:
    net = Net().eval()
    x = minigrad.ones(2, 3)
    other = duplicate(net)
    assert np.array_equal(net(x).detach().numpy(), other(x).detach().numpy())
    assert repr(other) == repr(net)
    assert not other.training
    assert other.again is other.first
    assert all(type(p) is nn.Parameter and p.requires_grad for p in other.parameters())
    assert "cache" not in other.state_dict()
    other.scale.data.fill_(5)
    assert net.scale.tolist() == [1, 1]


# -------------------------------------------------------------------- text


def described(lib: Any, extra: str, children: bool) -> str:
    class Odd(lib.nn.Module):  # type: ignore[misc, name-defined]
        def extra_repr(self) -> str:
            return extra

    module = Odd()
    if children:
        module.child = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Sequential())
    return repr(module)


@pytest.mark.parametrize("extra", ["", "a=1", "a=1\nb=2"])
@pytest.mark.parametrize("children", [False, True])
def test_text_as_pytorch(torch: Any, extra: str, children: bool) -> None:
    assert described(minigrad, extra, children) == described(torch, extra, children)


def test_a_call_has_the_type_of_forward(tmp_path: Any) -> None:
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    program = tmp_path / "program.py"
    program.write_text("""
from minigrad import Tensor, nn, zeros

class Pair(nn.Module):
    def forward(self, x: Tensor, scale: float = 1.0) -> tuple[Tensor, int]:
        return x * scale, 3

reveal_type(Pair()(zeros(2)))
reveal_type(nn.Linear(2, 3)(zeros(2)))
Pair()("text")
Pair()()
Pair()(zeros(2), scal=3)
""")
    text, _, _ = mypy.run(["--no-incremental", "--cache-dir=/dev/null", str(program)])
    assert 'Revealed type is "tuple[minigrad.tensor.Tensor, int]"' in text
    assert 'Revealed type is "minigrad.tensor.Tensor"' in text
    assert text.count("error:") == 3
