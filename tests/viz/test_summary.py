"""viz.summary: torchinfo's numbers on the same networks, and a model that stays as it was."""

from __future__ import annotations

import copy
import random
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import nn, viz
from minigrad.viz.table import width

SHARED_COLUMNS = ["input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable"]


@pytest.fixture(scope="module")
def torchinfo(torch: Any) -> Any:
    return pytest.importorskip("torchinfo", reason="torchinfo (and torch) is not installed: nothing to compare with")


def theirs_as_text(found: Any) -> str:
    """torchinfo's table without two slips: an enumeration's name for a unit (Python 3.11 on), double brackets in dicts."""
    units = {"Units.MEGABYTES": "M", "Units.GIGABYTES": "G", "Units.TERABYTES": "T"}
    text = re.sub("|".join(units), lambda m: units[m.group()], str(found))
    return re.sub(r"\[(\[[\d, ]*\])\]", r"\1  ", text)


def compare(torchinfo: Any, build: Any, *args: Any, **kwargs: Any) -> viz.ModelStatistics:
    """Both summaries of what `build(nn)` makes: the same text but for our last line, the same totals."""
    import torch

    kwargs.setdefault("col_names", SHARED_COLUMNS)
    theirs = torchinfo.summary(build(torch.nn), *args, verbose=0, **kwargs)
    mine = viz.summary(build(nn), *args, verbose=0, **kwargs)
    ours = "".join(line + "\n" for line in str(mine).split("\n") if not line.startswith("Kept for"))
    assert ours == theirs_as_text(theirs) + "\n"
    for name in ("total_params", "trainable_params", "total_mult_adds", "total_output_bytes"):
        assert getattr(mine, name) == getattr(theirs, name), name
    if "batch_dim" not in kwargs:  # theirs lack the batch then
        assert [tuple(size) for size in theirs.input_size] == mine.input_size
    overhead = theirs.total_input - mine.total_input  # theirs has the size of the Python objects in it
    assert 0 <= overhead <= 100 * len(mine.input_size)
    return mine


def trees() -> Any:
    """Nested containers of layers with four inputs and outputs."""
    layer = st.sampled_from(["linear", "no bias", "relu", "dropout", "sigmoid", "again"])
    return st.recursive(layer, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6)


def grow(library: Any, spec: Any, made: list[Any]) -> Any:
    """The layers of a specification. "again" is a layer of the same container: where it stands in two, torchinfo's
    percentages are wrong (some negative)."""
    if isinstance(spec, list):
        inside: list[Any] = []
        return library.Sequential(*(grow(library, part, inside) for part in spec))
    if spec == "again" and made:
        return made[0]
    layer = {
        "linear": lambda: library.Linear(4, 4),
        "no bias": lambda: library.Linear(4, 4, bias=False),
        "relu": library.ReLU,
        "dropout": library.Dropout,
        "sigmoid": library.Sigmoid,
        "again": library.Tanh,
    }[spec]()
    made.append(layer)
    return layer


@given(spec=trees(), batch=st.integers(1, 5), depth=st.integers(1, 4), frozen=st.integers(0, 3))
def test_tables_equal_torchinfos(torchinfo: Any, spec: Any, batch: int, depth: int, frozen: int) -> None:
    def build(library: Any) -> Any:
        model = library.Sequential(grow(library, [spec, "linear"], []))
        for parameter in list(model.parameters())[:frozen]:
            parameter.requires_grad_(False)
        return model

    found = compare(torchinfo, build, (batch, 4), depth=depth, row_settings=["depth", "var_names"])
    import torch

    assert found.total_param_bytes == torchinfo.summary(build(torch.nn), (batch, 4), verbose=0).total_param_bytes


def mixed(library: Any) -> Any:
    """Layers called twice, containers that are not called, own parameters, a layer never called, two inputs."""

    class Mixed(library.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = library.Sequential(library.Linear(6, 5), library.ReLU())
            self.blocks = library.ModuleList([library.Linear(5, 5), library.Sequential(library.Linear(5, 5))])
            self.never = library.Linear(3, 3)
            self.scale = library.Parameter(self.blocks[0].bias.detach().clone())

        def forward(self, x: Any, y: Any, twice: bool = False) -> Any:
            x = self.first(x) + y
            for _ in range(2 if twice else 1):
                for block in self.blocks:
                    x = block(x)
            return {"unscaled": x, "scaled": x * self.scale}

    return Mixed()


@pytest.mark.parametrize("more", [{}, {"twice": True}, {"depth": 1}, {"verbose_rows": True}, {"mode": "train"}])
def test_mixed_networks_equal_torchinfos(torchinfo: Any, more: dict[str, Any], capsys: Any) -> None:
    import torch

    more = dict(more)
    rows = ["var_names"] if more.pop("verbose_rows", False) else ["ascii_only", "depth", "hide_recursive_layers"]
    compare(torchinfo, mixed, [(7, 6), (7, 5)], row_settings=rows, **more)
    compare(torchinfo, mixed, [(6,), (5,)], batch_dim=0, row_settings=rows, **more)
    data = np.ones((2, 6), np.float32), np.ones((2, 5), np.float32)
    theirs = torchinfo.summary(mixed(torch.nn), input_data=[torch.from_numpy(a) for a in data], verbose=0)
    mine = viz.summary(mixed(nn), input_data=[minigrad.from_numpy(a) for a in data], verbose=0)
    assert [layer.output_size for layer in mine.summary_list] == [layer.output_size for layer in theirs.summary_list]


def convolutional(library: Any) -> Any:
    """Every kind of layer that a convolutional network of the book has, and some more."""
    nn = library
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(6, 4, (3, 1), stride=2, groups=2), nn.ReLU(), nn.AvgPool2d(2)),
        nn.ConvTranspose2d(4, 2, 2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(12, 10),
        nn.BatchNorm1d(10),
    )


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_convolutional_networks_equal_torchinfos(torchinfo: Any, mode: str) -> None:
    import torch

    found = compare(torchinfo, convolutional, (5, 3, 16, 20), mode=mode)
    theirs = torchinfo.summary(convolutional(torch.nn), (5, 3, 16, 20), verbose=0)
    assert found.total_param_bytes == theirs.total_param_bytes


def test_the_books_convolutional_network() -> None:
    """SimpleConvNet (book, section 7.5): 433,890 parameters."""
    model = nn.Sequential(
        nn.Conv2d(1, 30, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4320, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    found = viz.summary(model, (1, 1, 28, 28), verbose=0)
    assert [layer.num_params for layer in found.summary_list] == [433_890, 780, 0, 0, 0, 432_100, 0, 1_010]
    assert found.summary_list[1].output_size == [1, 30, 24, 24]
    assert found.summary_list[1].macs == 780 * 24 * 24


def test_running_statistics_stay_bitwise_the_same() -> None:
    model = convolutional(nn)
    before = {k: v.numpy().tobytes() for k, v in model.state_dict().items()}
    viz.summary(model, (5, 3, 16, 20), mode="train", verbose=0)
    assert {k: v.numpy().tobytes() for k, v in model.state_dict().items()} == before
    assert model.training


def test_without_an_input_only_parameters_are_listed(torchinfo: Any) -> None:
    import torch

    theirs = torchinfo.summary(mixed(torch.nn), verbose=0, col_names=["num_params", "params_percent"])
    assert str(viz.summary(mixed(nn), verbose=0)) == str(theirs)


def test_every_weight_has_a_line_when_verbose(torchinfo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    columns = ["kernel_size", "num_params"]
    torchinfo.summary(mixed(torch.nn), [(7, 6), (7, 5)], verbose=2, col_names=columns)
    theirs = theirs_as_text(capsys.readouterr().out)
    viz.summary(mixed(nn), [(7, 6), (7, 5)], verbose=2, col_names=columns)
    mine = capsys.readouterr().out
    assert [line for line in mine.split("\n") if not line.startswith("Kept for")] == theirs.split("\n")


class Tied(nn.Module):
    """An autoencoder with the weight of its encoder, seen from the other side."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.same = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.decoder.weight = self.encoder.weight
        self.same.weight, self.same.bias = self.encoder.weight, self.encoder.bias

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return self.same(self.decoder(self.encoder(x)))


def tied(library: Any) -> Any:
    """A layer and another one with its weight."""
    first, second = library.Linear(8, 8), library.Linear(8, 8)
    second.weight = first.weight
    return library.Sequential(first, second)


def test_torchinfo_counts_shared_weights_in_every_layer(torchinfo: Any) -> None:
    """The one place where the totals are not torchinfo's."""
    import torch

    theirs = torchinfo.summary(tied(torch.nn), (2, 8), verbose=0)
    mine = viz.summary(tied(nn), (2, 8), verbose=0)
    assert mine.total_params == sum(p.numel() for p in tied(torch.nn).parameters()) == 80
    assert theirs.total_params == 144
    assert mine.total_mult_adds == theirs.total_mult_adds


def test_shared_weights_count_once() -> None:
    found = viz.summary(Tied(), (2, 8), verbose=0, col_names=["num_params", "params_percent", "mult_adds"])
    assert found.total_params == sum(p.numel() for p in Tied().parameters()) == 64 + 8 + 8
    assert found.total_param_bytes == 4 * found.total_params
    assert [layer.own_params(False) for layer in found.summary_list] == [0, 72, 8, 0]
    assert "(shared)" in str(found).split("\n")[6]
    assert found.total_mult_adds == 3 * 2 * (64 + 8)  # but every use multiplies


def test_shares_add_to_one() -> None:
    text = str(viz.summary(mixed(nn), [(2, 6), (2, 5)], verbose=0))
    assert sum(map(float, re.findall(r"(\d+\.\d+)%", text))) == pytest.approx(100, abs=0.05)


def test_parameters_of_containers_count_into_the_size() -> None:
    found = viz.summary(mixed(nn), [(2, 6), (2, 5)], verbose=0)
    assert found.total_param_bytes == 4 * found.total_params


def test_what_layers_keep_for_backward() -> None:
    n = 10 * 4  # bytes of one row of ten
    model = nn.Sequential(nn.Linear(6, 10), nn.Sigmoid(), nn.Linear(10, 10), nn.Sigmoid())
    found = viz.summary(model, (3, 6), verbose=0, col_names=["kept_size"])
    # Sigmoids keep their results; the second Linear reads the first one's, which is there already; inputs are no cost.
    assert [layer.kept_bytes for layer in found.summary_list] == [2 * 3 * n, 0, 3 * n, 0, 3 * n]
    assert found.total_kept_bytes == 2 * 3 * n
    model.requires_grad_(False)
    assert viz.summary(model, (3, 6), verbose=0).total_kept_bytes == 0


def test_wide_characters_take_two_columns() -> None:
    class 全连接网络(nn.Sequential):
        pass

    model = nn.Sequential(全连接网络(nn.Linear(2, 2)), nn.Linear(2, 2))
    rows = [line for line in str(viz.summary(model, (1, 2), verbose=0)).split("\n") if "[1, 2]" in line]
    assert len(rows) == 4
    assert len({width(line[: line.index("[1, 2]")]) for line in rows}) == 1
    assert len({line.index("[1, 2]") for line in rows}) == 2


class Restless(nn.Module):
    """Changes whatever a forward pass may change."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.dropout = nn.Dropout()
        self.register_buffer("running", minigrad.zeros(3))
        self.register_buffer("none", None)
        self.generator = minigrad.Generator()
        self.calls = 0
        self.seen: list[minigrad.Tensor] = []

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        x = self.dropout(self.linear(x)) + minigrad.rand(3) + minigrad.rand(3, generator=self.generator)
        with minigrad.no_grad():
            self.running += x.mean(0)
            self.count = self.running.sum()
        self.calls += 1
        self.seen.append(x)
        np.random.rand()
        random.random()
        self.linear.register_forward_hook(lambda *_: None)
        self.last = x
        return x


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_nothing_of_the_model_changes(mode: str) -> None:
    model = nn.Sequential(Restless(), Restless())
    model[1].eval()
    model[0].linear.train(False)
    called = []
    model[1].register_forward_hook(lambda *_: called.append(1))
    model[0].remembered = model[0].linear(minigrad.ones(1, 3))  # has a graph: this model cannot be deep-copied
    loss = (model[0].linear(minigrad.ones(1, 3)) * model[0].running).sum()  # keeps the buffer

    def state() -> Any:
        return [
            [
                module.training,
                {k: v for k, v in vars(module).items() if k not in ("_hooks", "generator")},
                None if module._hooks is None else {k: dict(v) for k, v in vars(module._hooks).items()},
                [p.grad for p in module.parameters()],
                copy.deepcopy(module.generator.get_state().numpy()) if hasattr(module, "generator") else None,
                [None if b is None else b.numpy().tobytes() for b in module.buffers()],
            ]
            for module in model.modules()
        ]

    before, ids = state(), [id(b) for b in model.buffers()]

    def random_states() -> Any:
        return minigrad.get_rng_state().numpy().tobytes(), repr(np.random.get_state()), random.getstate()

    random_before = random_states()
    viz.summary(model, (5, 3), verbose=0, mode=mode)
    assert called == [1]
    assert random_states() == random_before
    assert repr(state()) == repr(before)
    assert [id(b) for b in model.buffers()] == ids
    loss.backward()  # raises if a buffer it keeps had been written

    before = state()
    with pytest.raises(RuntimeError, match="forward pass of Sequential failed"):
        viz.summary(model, (5, 4), verbose=0, mode=mode)
    assert repr(state()) == repr(before)


def test_settings_that_make_no_sense_raise(torchinfo: Any) -> None:
    import torch

    model = nn.Linear(2, 2)
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (RuntimeError, {"input_size": (1, 2), "input_data": [1]}),
        (ValueError, {"col_names": ["output_size"]}),
        (ValueError, {"input_size": (1, 2), "col_names": ["size"]}),
        (ValueError, {"input_size": (1, 2), "row_settings": ["size"]}),
        (ValueError, {"input_size": (1, 2), "col_width": 0}),
        (ValueError, {"input_size": (1, 2), "verbose": 3}),
        (ValueError, {"input_size": (1, 2), "mode": "same"}),
        (ValueError, {"input_size": (1, -2)}),
        (ValueError, {"input_size": ()}),
        (TypeError, {"input_size": 3}),
        (RuntimeError, {"input_size": (1, 3)}),
    ]
    for error, arguments in cases:
        with pytest.raises(error):
            torchinfo.summary(torch.nn.Linear(2, 2), **{"verbose": 0, **arguments})
        with pytest.raises(error, match="summary: "):
            viz.summary(model, **{"verbose": 0, **arguments})


def test_printed_once_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    found = viz.summary(nn.Linear(2, 2), (1, 2))
    assert capsys.readouterr().out == f"{found}\n"
    viz.summary(nn.Linear(2, 2), (1, 2), verbose=0)
    assert capsys.readouterr().out == ""
