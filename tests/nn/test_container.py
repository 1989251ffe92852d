"""Containers: every way to build, index, change and print them, as PyTorch has it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, viz
from minigrad.viz.recording import recorded


def seq(lib: Any) -> Any:
    n = lib.nn
    return n.Sequential(n.Linear(2, 3), n.ReLU(), n.Linear(3, 1))


def named(lib: Any) -> Any:
    n = lib.nn
    return n.Sequential(OrderedDict([("first", n.Linear(2, 3)), ("act", n.ReLU()), ("last", n.Linear(3, 1))]))


def listed(lib: Any) -> Any:
    n = lib.nn
    return n.ModuleList([n.Linear(2, 2), n.Linear(2, 2), n.ReLU()])


def held(lib: Any) -> Any:
    n = lib.nn
    return n.ModuleDict({"b": n.ReLU(), "a": n.Linear(1, 1)})


def params(lib: Any) -> Any:
    return lib.nn.ParameterList([lib.zeros(2), lib.nn.Parameter(lib.ones(1, 3)), "text"])


def table(lib: Any) -> Any:
    return lib.nn.ParameterDict({"b": lib.zeros(2), "a": lib.nn.Parameter(lib.ones(1, 3)), "c": 5})


def told(container: Any, *more: Any) -> Any:
    """What a container looks like, in a form that both libraries share."""
    return [
        repr(container).replace("torch.FloatTensor", "FloatTensor").replace("minigrad.", "torch."),
        list(container.state_dict()),
        *more,
    ]


def after(container: Any, change: Any) -> Any:
    """The container after a change, and what the change gave."""
    answer = change(container)
    return told(container, "itself" if answer is container else repr(answer).replace("minigrad.", "torch."))


CASES: dict[str, Any] = {
    "Sequential": lambda lib: told(seq(lib)),
    "Sequential, named": lambda lib: told(named(lib)),
    "Sequential, empty": lambda lib: told(lib.nn.Sequential()),
    "Sequential, indexed": lambda lib: [repr(seq(lib)[i]) for i in (0, 1, -1)],
    "Sequential, sliced": lambda lib: [told(named(lib)[s]) for s in (slice(1), slice(1, None), slice(None, None, -1))],
    "Sequential, out of range": lambda lib: seq(lib)[3],
    "Sequential, out of range below": lambda lib: seq(lib)[-4],
    "Sequential, indexed by text": lambda lib: seq(lib)["0"],
    "Sequential, set": lambda lib: after(named(lib), lambda s: s.__setitem__(-1, lib.nn.Tanh())),
    "Sequential, set to a number": lambda lib: seq(lib).__setitem__(0, 3),
    "Sequential, deleted": lambda lib: after(seq(lib), lambda s: s.__delitem__(1)),
    "Sequential, deleted slice": lambda lib: after(seq(lib), lambda s: s.__delitem__(slice(0, 2))),
    "Sequential, appended": lambda lib: after(seq(lib), lambda s: s.append(lib.nn.Tanh())),
    "Sequential, appended to number": lambda lib: seq(lib).append(3),
    "Sequential, extended": lambda lib: after(seq(lib), lambda s: s.extend([lib.nn.Tanh(), lib.nn.ReLU()])),
    "Sequential, inserted": lambda lib: after(seq(lib), lambda s: s.insert(1, lib.nn.Tanh())),
    "Sequential, inserted from behind": lambda lib: after(seq(lib), lambda s: s.insert(-1, lib.nn.Tanh())),
    "Sequential, inserted at the end": lambda lib: after(seq(lib), lambda s: s.insert(3, lib.nn.Tanh())),
    "Sequential, inserted too far": lambda lib: seq(lib).insert(4, lib.nn.Tanh()),
    "Sequential, inserted number": lambda lib: seq(lib).insert(0, 3),
    "Sequential, popped": lambda lib: after(seq(lib), lambda s: s.pop(0)),
    "Sequential, popped last": lambda lib: after(seq(lib), lambda s: s.pop(-1)),
    "Sequential, popped slice": lambda lib: after(seq(lib), lambda s: s.pop(slice(1, 3))),
    "Sequential + Sequential": lambda lib: told(seq(lib) + named(lib)),
    "Sequential + list": lambda lib: seq(lib) + [lib.nn.ReLU()],
    "Sequential += Sequential": lambda lib: after(seq(lib), lambda s: s.__iadd__(seq(lib))),
    "Sequential += list": lambda lib: seq(lib).__iadd__([lib.nn.ReLU()]),
    "Sequential * 2": lambda lib: told(seq(lib) * 2),
    "2 * Sequential": lambda lib: told(2 * seq(lib)),
    "Sequential *= 2": lambda lib: after(seq(lib), lambda s: s.__imul__(2)),
    "Sequential * 0": lambda lib: seq(lib) * 0,
    "Sequential * 1.5": lambda lib: seq(lib) * 1.5,
    "Sequential, walked": lambda lib: [len(seq(lib)), [repr(m) for m in seq(lib)]],
    "Sequential of a number": lambda lib: lib.nn.Sequential(3),
    "Sequential, public names": lambda lib: [n for n in dir(seq(lib)) if n.isdigit()],
    "ModuleList": lambda lib: told(listed(lib)),
    "ModuleList, empty": lambda lib: told(lib.nn.ModuleList()),
    "ModuleList, mixed": lambda lib: told(lib.nn.ModuleList([lib.nn.ReLU(), seq(lib), seq(lib), lib.nn.ReLU()])),
    "ModuleList, indexed": lambda lib: [repr(listed(lib)[i]) for i in (0, -1)],
    "ModuleList, sliced": lambda lib: told(listed(lib)[1:]),
    "ModuleList, out of range": lambda lib: listed(lib)[3],
    "ModuleList, set": lambda lib: after(listed(lib), lambda s: s.__setitem__(0, lib.nn.Tanh())),
    "ModuleList, deleted": lambda lib: after(listed(lib), lambda s: s.__delitem__(0)),
    "ModuleList, deleted slice": lambda lib: after(listed(lib), lambda s: s.__delitem__(slice(0, 2))),
    "ModuleList, inserted": lambda lib: after(listed(lib), lambda s: s.insert(1, lib.nn.Tanh())),
    "ModuleList, appended": lambda lib: after(listed(lib), lambda s: s.append(lib.nn.Tanh())),
    "ModuleList, extended": lambda lib: after(listed(lib), lambda s: s.extend(iter([lib.nn.Tanh()]))),
    "ModuleList, extended by a number": lambda lib: listed(lib).extend(3),
    "ModuleList, popped": lambda lib: after(listed(lib), lambda s: s.pop(1)),
    "ModuleList + list": lambda lib: told(listed(lib) + [lib.nn.Tanh()]),
    "ModuleList += list": lambda lib: after(listed(lib), lambda s: s.__iadd__([lib.nn.Tanh()])),
    "ModuleList, called": lambda lib: listed(lib)(3),
    "ModuleDict": lambda lib: told(held(lib)),
    "ModuleDict, pairs": lambda lib: told(lib.nn.ModuleDict([("z", lib.nn.ReLU()), ("y", lib.nn.Tanh())])),
    "ModuleDict, of a number": lambda lib: lib.nn.ModuleDict(3),
    "ModuleDict, of bad pairs": lambda lib: lib.nn.ModuleDict([3]),
    "ModuleDict, of triples": lambda lib: lib.nn.ModuleDict([("a", lib.nn.ReLU(), 3)]),
    "ModuleDict, read": lambda lib: [
        repr(held(lib)["a"]),
        len(held(lib)),
        list(held(lib)),
        "a" in held(lib),
        "c" in held(lib),
        list(held(lib).keys()),
        [repr(v) for v in held(lib).values()],
        [k for k, _ in held(lib).items()],
    ],
    "ModuleDict, missing": lambda lib: held(lib)["c"],
    "ModuleDict, set": lambda lib: after(held(lib), lambda s: s.__setitem__("c", lib.nn.Tanh())),
    "ModuleDict, set to a number": lambda lib: held(lib).__setitem__("c", 3),
    "ModuleDict, a name that is taken": lambda lib: held(lib).__setitem__("keys", lib.nn.Tanh()),
    "ModuleDict, deleted": lambda lib: after(held(lib), lambda s: s.__delitem__("a")),
    "ModuleDict, popped": lambda lib: after(held(lib), lambda s: s.pop("a")),
    "ModuleDict, popped missing": lambda lib: held(lib).pop("c"),
    "ModuleDict, cleared": lambda lib: after(held(lib), lambda s: s.clear()),
    "ModuleDict, updated": lambda lib: after(held(lib), lambda s: s.update(lib.nn.ModuleDict({"a": lib.nn.Tanh()}))),
    "ParameterList": lambda lib: told(params(lib)),
    "ParameterList, read": lambda lib: [
        len(params(lib)),
        params(lib)[-1],
        params(lib)[0].tolist(),
        len(list(params(lib))),
    ],
    "ParameterList, sliced": lambda lib: told(params(lib)[:2]),
    "ParameterList, out of range": lambda lib: params(lib)[3],
    "ParameterList, set": lambda lib: after(params(lib), lambda s: s.__setitem__(0, lib.ones(4))),
    "ParameterList, appended": lambda lib: after(params(lib), lambda s: s.append(lib.ones(4))),
    "ParameterList, extended": lambda lib: after(params(lib), lambda s: s.extend([lib.ones(4), 7])),
    "ParameterList, extended by a tensor": lambda lib: params(lib).extend(lib.ones(3)),
    "ParameterList, extended by a number": lambda lib: params(lib).extend(3),
    "ParameterList +=": lambda lib: after(params(lib), lambda s: s.__iadd__([lib.ones(4)])),
    "ParameterList, called": lambda lib: params(lib)(),
    "ParameterDict": lambda lib: [list(table(lib)), list(table(lib).state_dict())],
    "ParameterDict, ordered": lambda lib: list(
        lib.nn.ParameterDict(OrderedDict([("z", lib.ones(1)), ("a", lib.ones(1))]))
    ),
    "ParameterDict, pairs": lambda lib: list(lib.nn.ParameterDict([("z", lib.ones(1)), ("a", lib.ones(1))])),
    "ParameterDict, of a number": lambda lib: lib.nn.ParameterDict(3),
    "ParameterDict, of bad pairs": lambda lib: lib.nn.ParameterDict([3]),
    "ParameterDict, of triples": lambda lib: lib.nn.ParameterDict([("a", 1, 2)]),
    "ParameterDict, read": lambda lib: [
        table(lib)["c"],
        len(table(lib)),
        list(reversed(table(lib))),
        "a" in table(lib),
        table(lib).get("z"),
        table(lib).get("z", 1),
        table(lib).get("c"),
        list(table(lib).keys()),
        [k for k, _ in table(lib).items()],
        len(list(table(lib).values())),
    ],
    "ParameterDict, missing": lambda lib: table(lib)["z"],
    "ParameterDict, number as key": lambda lib: table(lib).__setitem__(3, lib.ones(1)),
    "ParameterDict, set": lambda lib: list((t := table(lib)).__setitem__("z", lib.ones(1)) or t),
    "ParameterDict, set default": lambda lib: [table(lib).setdefault("c", 9), table(lib).setdefault("z", 9)],
    "ParameterDict, deleted": lambda lib: list((t := table(lib)).__delitem__("a") or t),
    "ParameterDict, popped": lambda lib: [(t := table(lib)).pop("c"), list(t)],
    "ParameterDict, popped missing": lambda lib: table(lib).pop("z"),
    "ParameterDict, popped pair": lambda lib: [(t := table(lib)).popitem(), list(t)],
    "ParameterDict, popped from nothing": lambda lib: lib.nn.ParameterDict().popitem(),
    "ParameterDict, cleared": lambda lib: [(t := table(lib)).clear(), list(t), list(t.parameters())],
    "ParameterDict, copied": lambda lib: [list(table(lib).copy()), (t := table(lib)).copy()["a"] is t["a"]],
    "ParameterDict, fromkeys": lambda lib: list(table(lib).fromkeys(["q", "p"], 3).items()),
    "ParameterDict | ParameterDict": lambda lib: list(table(lib) | lib.nn.ParameterDict({"q": 3})),
    "ParameterDict |= ParameterDict": lambda lib: list(table(lib).__ior__(lib.nn.ParameterDict({"q": 3}))),
    "ParameterDict, called": lambda lib: table(lib)(3),
}


def outcome(lib: Any, case: str) -> Any:
    try:
        return CASES[case](lib)
    except Exception as error:
        return error


@pytest.mark.parametrize("case", CASES)
def test_as_pytorch(torch: Any, case: str) -> None:
    mine, theirs = outcome(minigrad, case), outcome(torch, case)
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), (mine, theirs)
    else:
        assert mine == theirs


def test_sequential_applies_one_after_the_other() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = minigrad.tensor([[1.0, -2.0]])
    expected = np.maximum(x.numpy() @ net[0].weight.detach().numpy().T + net[0].bias.detach().numpy(), 0)
    np.testing.assert_allclose(net(x).detach().numpy(), expected, rtol=1e-6)
    assert nn.Sequential()(x) is x


def test_parameter_containers_list_their_contents() -> None:
    assert repr(nn.ParameterList([minigrad.zeros(2), "text"])) == (
        "ParameterList(\n    (0): Parameter containing: [minigrad.float32 of size 2]\n    (1): Object of type: str\n)"
    )
    assert "(a): Parameter containing: [minigrad.float32 of size 1x3]" in repr(
        nn.ParameterDict({"a": minigrad.ones(1, 3)})
    )


def convolutional(dims: int = 2) -> nn.Sequential:
    """Two convolutions, each with a ReLU behind it."""
    convolution: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    own = minigrad.Generator().manual_seed(0)
    model = nn.Sequential(
        convolution(1, 2, 2, padding=1),
        nn.ReLU(),
        convolution(2, 2, 2, padding="same", bias=False),
        nn.ReLU(inplace=True),
        nn.Flatten(0 if dims == 1 else 1),
    )
    for p in model.parameters():
        nn.init.uniform_(p, -1, 1, generator=own)
    return model


def nodes(t: Any) -> list[Any]:
    """The nodes behind a tensor."""
    found, stack = [], [t.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None:
            found.append(node)
            stack += [following for following, _ in node.next_functions]
    return found


def graph(t: Any) -> list[str]:
    """Their names."""
    return [n.name() for n in nodes(t)]


@pytest.mark.parametrize("shape", [(3, 1, 4), (3, 1, 4, 4), (3, 1, 3, 3, 3), (1, 4)])
def test_a_convolution_and_its_relu_are_the_same_at_once_as_apart(shape: tuple[int, ...]) -> None:
    model = convolutional(max(1, len(shape) - 2))
    x = minigrad.tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32), requires_grad=True)
    together = model(x)
    apart = x
    for module in model:
        apart = module(apart)
    np.testing.assert_array_equal(together.detach().numpy(), apart.detach().numpy())
    assert graph(together) == graph(apart)
    inputs = [x, *model.parameters()]
    weights = minigrad.arange(float(together.numel())).reshape(together.shape)
    for a, b in zip(
        minigrad.autograd.grad((together * weights).sum(), inputs),
        minigrad.autograd.grad((apart * weights).sum(), inputs),
        strict=True,
    ):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)


def test_whoever_looks_at_a_convolution_or_its_relu_sees_both() -> None:
    model, x = convolutional(), minigrad.ones(1, 1, 4, 4)
    plain = model(x)
    calls: list[Any] = []

    class Own(nn.ReLU):
        def forward(self, input: Any) -> Any:
            calls.append(input)
            return super().forward(input)

    for index in (0, 1):
        with model[index].register_forward_hook(lambda module, args, result: calls.append(result)):
            model(x)
    relu, model[1] = model[1], Own()
    model(x)
    model[1] = relu
    model[3].forward = lambda input: calls.append(input) or relu(input)
    np.testing.assert_array_equal(model(x).detach().numpy(), plain.detach().numpy())
    del model[3].forward
    between = model[0](x).detach().numpy()
    after = model[1](model[0](x)).detach().numpy()
    assert len(calls) == 4
    for call, wanted in zip(
        calls, (between, after, between, model[2](minigrad.tensor(after)).detach().numpy()), strict=True
    ):
        np.testing.assert_array_equal(call.detach().numpy(), wanted)


def test_recorded_pictures_have_the_convolutions_own_values() -> None:
    model, x = convolutional(), minigrad.tensor(np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 1, 4, 4))
    with viz.record():
        y = model(x)
    relu = next(n for n in nodes(y) if n.name() == "ReluBackward0" and recorded(n).arguments)
    assert (recorded(relu).arguments[0] < 0).any()
