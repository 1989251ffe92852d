from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigrad
from minigrad import nn, optim
from minigrad.dtypes import ALL
from minigrad.errors import FileFormatError


def again(obj: Any) -> Any:
    file = io.BytesIO()
    minigrad.save(obj, file)
    file.seek(0)
    return minigrad.load(file)


def plain(value: Any) -> Any:
    """value in types that compare: tensors by class, dtype, flag and bits, floats by bits."""
    if isinstance(value, (minigrad.Tensor, np.ndarray, np.generic)):
        array = value.detach().numpy() if isinstance(value, minigrad.Tensor) else np.asarray(value)
        flag = isinstance(value, minigrad.Tensor) and value.requires_grad
        return type(value), array.dtype, array.shape, array.tobytes(), flag
    if isinstance(value, float):
        return float, np.float64(value).tobytes()
    if isinstance(value, dict):
        return type(value), [(plain(k), plain(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [plain(v) for v in value]
    return type(value), value


DTYPES = st.sampled_from([d.numpy for d in ALL])
ARRAYS = DTYPES.flatmap(lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TENSORS = ARRAYS.map(minigrad.tensor) | ARRAYS.map(lambda a: minigrad.from_numpy(a).T if a.ndim == 2 else a)
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.booleans())
OBJECTS = st.recursive(
    SCALARS | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4).map(OrderedDict)
    ),
    max_leaves=12,
)


@given(OBJECTS)
def test_what_is_saved_is_loaded(obj: Any) -> None:
    assert plain(again(obj)) == plain(obj)


@pytest.mark.parametrize(
    "obj",
    [
        {"a": Counter([1, 1, 2]), "b": {1, 2}, "c": frozenset("x")},
        [minigrad.float32, minigrad.boolean, minigrad.device("cpu"), minigrad.Size([2, 3])],
        [np.float32(1.5), np.bool_(True), np.float64(0.1), np.zeros((0, 3), np.int8)],
        {"a/b": minigrad.ones(1), "a": {"b": minigrad.zeros(1)}, "": minigrad.ones(2), "\0": minigrad.ones(3)},
    ],
    ids=["containers", "constants", "numpy", "names"],
)
def test_kinds(obj: Any) -> None:
    assert plain(again(obj)) == plain(obj)


def test_classes_of_tensors() -> None:
    obj = [nn.Parameter(minigrad.ones(2)), nn.Buffer(minigrad.ones(2), persistent=False), minigrad.ones(2)]
    obj += [nn.Parameter(minigrad.ones(2), requires_grad=False), minigrad.ones(2, requires_grad=True) * 2]
    found = again(obj)
    assert [type(t) for t in found] == [nn.Parameter, nn.Buffer, minigrad.Tensor, nn.Parameter, minigrad.Tensor]
    assert [t.requires_grad for t in found] == [True, False, False, False, True]
    assert found[1].persistent is False
    assert all(t.is_leaf for t in found)


def test_one_tensor_twice_stays_one() -> None:
    a = minigrad.ones(3)
    first, (second,) = again([a, (a,)])
    assert first is second


@pytest.mark.parametrize("order", ["C", "F"])
def test_tensors_that_share_memory_do_so_again(order: Any) -> None:
    base = minigrad.from_numpy(np.arange(12.0).reshape(3, 4).copy(order))
    obj = {"row": base[1], "same": base.detach(), "base": base, "step": base[::2, 1:], "other": minigrad.ones(2)}
    found = again(obj)
    assert plain(found) == plain(obj)
    found["base"].fill_(7)
    assert found["row"].tolist() == [7.0] * 4 and found["step"].eq(7).all() and found["same"].eq(7).all()
    assert found["other"].tolist() == [1, 1]


def test_a_write_to_shared_memory_is_noticed_after_loading() -> None:
    a = minigrad.ones(3, requires_grad=True)
    x, y = again([a, a.detach()])
    out = (x * x).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified"):
        out.backward()


def test_a_view_alone_does_not_bring_its_base() -> None:
    file = io.BytesIO()
    minigrad.save(minigrad.zeros(100_000)[:3], file)
    assert len(file.getvalue()) < 2000


def test_tied_weights() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    state = again(model.state_dict())
    state["0.weight"].zero_()
    assert state["1.weight"].eq(0).all()


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad, optim.RMSprop])
def test_training_goes_on_from_a_file(make: Any, tmp_path: Path) -> None:
    """Model, optimiser, schedule and random numbers, saved in the middle: the same steps follow."""

    def build() -> Any:
        model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 2))
        optimizer = make(model.parameters(), lr=0.01)
        return model, optimizer, optim.lr_scheduler.MultiStepLR(optimizer, [2, 3, 6])

    def steps(model: Any, optimizer: Any, scheduler: Any) -> list[float]:
        losses = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(minigrad.randn(8, 4)), minigrad.randint(0, 2, (8,)))
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        return losses

    run = build()
    steps(*run)
    minigrad.save({"states": [part.state_dict() for part in run], "random": minigrad.get_rng_state()}, tmp_path / "a")
    expected = steps(*run)
    other = build()
    checkpoint = minigrad.load(tmp_path / "a")
    for part, state in zip(other, checkpoint["states"], strict=True):
        part.load_state_dict(state)
    minigrad.set_rng_state(checkpoint["random"])
    assert steps(*other) == expected


def test_numpy_reads_the_weights_by_name(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    minigrad.save({"model": model.state_dict(), "epoch": 3}, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert (file["model/weight"] == model.weight.detach().numpy()).all()


def test_a_plain_npz_is_a_state_dict(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", w=np.ones((2, 3), ">f4"), b=np.arange(3))
    found = minigrad.load(tmp_path / "a.npz", map_location="cpu", weights_only=True)
    assert plain(found) == plain({"w": minigrad.ones(2, 3), "b": minigrad.arange(3)})


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("obj", "place"),
    [
        (nn.Linear(1, 1), "Linear at obj;"),
        ({"model": [1, nn.ReLU()]}, r"ReLU at obj\['model'\]\[1\]"),
        ([lambda: None], r"function at obj\[0\]"),
        ({"x": 1j}, r"complex at obj\['x'\]"),
        (np.array(["a"]), "str|<U1"),
    ],
)
def test_other_objects_are_refused_and_nothing_is_written(obj: Any, place: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(TypeError, match=place):
        minigrad.save(obj, tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_an_object_that_contains_itself_is_refused() -> None:
    obj: dict[str, Any] = {}
    obj["a"] = [obj]
    with pytest.raises(ValueError, match=r"dict at obj\['a'\]\[0\] contains itself"):
        minigrad.save(obj, io.BytesIO())


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        minigrad.load(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        minigrad.save(1, tmp_path / "no" / "a")


def test_no_other_device(tmp_path: Path) -> None:
    minigrad.save(1, tmp_path / "a")
    with pytest.raises(RuntimeError, match="CPU"):
        minigrad.load(tmp_path / "a", map_location="cuda")


def test_a_file_that_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    minigrad.save({"w": minigrad.arange(100), "epoch": 3}, path)
    whole = path.read_bytes()
    for length in (0, 3, 30, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"a' is not a whole file"):
            minigrad.load(path)


@given(st.data())
def test_damage_is_noticed(data: Any) -> None:
    """One changed byte gives an error, or, where it stands in a part that says nothing, the same object."""
    obj = {"w": minigrad.arange(30), "n": [1, 2.5, "x"]}
    file = io.BytesIO()
    minigrad.save(obj, file)
    content = bytearray(file.getvalue())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        found = minigrad.load(io.BytesIO(bytes(content)))
    except (RuntimeError, NotImplementedError):
        return
    assert plain(found) == plain(obj)


def rewritten(obj: Any, change: Any) -> io.BytesIO:
    """A saved object with its structure changed by hand."""
    import json

    file, out = io.BytesIO(), io.BytesIO()
    minigrad.save(obj, file)
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "structure.json":
                structure = json.loads(content)
                change(structure)
                content = json.dumps(structure).encode()
            target.writestr(name, content)
    return out


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(minigrad=99),
        lambda s: s.pop("value"),
        lambda s: s["value"].append({"tensor": 5}),
        lambda s: s["value"].append({"eval": "1"}),
        lambda s: s["tensors"][0].update(array="missing"),
        lambda s: s["tensors"][0].update(offset=0, shape=[1000], strides=[1]),
        lambda s: s["tensors"][0].update(offset=2, shape=[2], strides=[-3]),
        lambda s: s["tensors"][0].update(offset=-1, shape=[1], strides=[1]),
    ],
)
def test_a_structure_that_does_not_fit(change: Any) -> None:
    with pytest.raises(FileFormatError):
        minigrad.load(rewritten([minigrad.arange(3)], change))


def test_a_zip_file_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FileFormatError, match="neither of minigrad.save"):
        minigrad.load(tmp_path / "a")


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", w=np.array([{}], object))
    with pytest.raises(FileFormatError):
        minigrad.load(tmp_path / "a.npz")


def test_killed_while_writing(tmp_path: Path) -> None:
    """A process that does nothing but save is killed at some moment: the file is whole, whichever it is."""
    path = tmp_path / "a"
    program = (
        "import minigrad, sys\n"
        "for i in range(10**6):\n"
        "    minigrad.save({'w': minigrad.full((200_000,), i), 'i': i}, sys.argv[1])\n"
        "    print(i, flush=True)\n"
    )
    for pause in (0.0, 0.013):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = minigrad.load(path)
        assert found["i"] >= 2 and found["w"].eq(found["i"]).all()


# ------------------------------------------------------------------------------------------------ PyTorch's files


def state_of(torch: Any) -> dict[str, Any]:
    base = torch.arange(12.0).reshape(3, 4)
    return {
        "model": torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "views": [base, base[1:, ::2], base.T, base[0, 0]],
        "dtypes": [torch.tensor([0, 1, 2]).to(getattr(torch, d.name)) for d in ALL],
        "numbers": (1, 2.5, None, True, "x", -(2**70), torch.Size([2, 3])),
        "counter": Counter([1, 1]),
        "set": {1, 2},
        "empty": torch.empty(0, 3),
    }


def test_files_of_pytorch(torch: Any, tmp_path: Path) -> None:
    state = state_of(torch)
    torch.save(state, tmp_path / "a.pt")
    found = minigrad.load(tmp_path / "a.pt")

    def same(a: Any, b: Any) -> None:
        if isinstance(a, torch.Tensor):
            assert type(a).__name__ == type(b).__name__
            assert (str(a.dtype)[6:], tuple(a.shape), a.requires_grad) == (
                b.dtype.name,
                tuple(b.shape),
                b.requires_grad,
            )
            assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
        elif isinstance(a, dict):
            assert type(a) is type(b) and list(a) == list(b)
            for key in a:
                same(a[key], b[key])
        elif isinstance(a, (list, tuple)):
            assert type(a).__name__ == type(b).__name__ and len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                same(x, y)
        else:
            assert type(a) is type(b) and a == b

    same(state, found)
    found["views"][0].zero_()
    assert all(view.eq(0).all() for view in found["views"])


def test_an_optimizer_of_pytorch_goes_on_here(torch: Any, tmp_path: Path) -> None:
    start = [np.random.default_rng(0).standard_normal((3, 2)), np.random.default_rng(1).standard_normal(3)]
    results = []

    def steps(library: Any, parameters: Any, optimizer: Any) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            sum((p * p * p).sum() for p in parameters).backward()
            optimizer.step()

    theirs = [torch.tensor(a, requires_grad=True) for a in start]
    optimizer = torch.optim.AdamW(theirs, lr=0.1)
    steps(torch, theirs, optimizer)
    torch.save({"parameters": theirs, "optimizer": optimizer.state_dict()}, tmp_path / "a.pt")
    steps(torch, theirs, optimizer)
    results.append([p.detach().numpy() for p in theirs])

    loaded = minigrad.load(tmp_path / "a.pt")
    ours = loaded["parameters"]
    mine = optim.AdamW(ours, lr=1)
    mine.load_state_dict(loaded["optimizer"])
    steps(minigrad, ours, mine)
    for a, b in zip(results[0], ours, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-12)


def test_bfloat16_becomes_float32(torch: Any, tmp_path: Path) -> None:
    values = torch.randn(50).to(torch.bfloat16)
    torch.save(values, tmp_path / "a.pt")
    assert (minigrad.load(tmp_path / "a.pt").numpy() == values.float().numpy()).all()


def test_the_older_format_and_other_objects_of_pytorch(torch: Any, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "old", _use_new_zipfile_serialization=False)
    with pytest.raises(FileFormatError, match="older format"):
        minigrad.load(tmp_path / "old")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "module")
    with pytest.raises(FileFormatError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        minigrad.load(tmp_path / "module")


class Evil:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def hostile(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("call", [(os.mkdir, "made"), (eval, "1"), (getattr, 1, "real"), (print, "x")])
def test_a_pickle_that_would_run_something(
    call: Any, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = hostile(tmp_path / "a.pt", pickle.dumps({"w": Evil(*call)}, protocol))
    with pytest.raises(pickle.UnpicklingError, match="nothing was run"):
        minigrad.load(path, weights_only=False)
    assert os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.parametrize(
    "pickled",
    [
        b"ctorch\nFloatStorage\n}(X\x01\x00\x00\x00xK\x01ub.",  # BUILD with a dict on a name that is known
        b"ccollections\nOrderedDict\n(N}X\x01\x00\x00\x00xK\x01stb.",  # attributes on a class
        b"ctorch\nSize\n(N}X\x04\x00\x00\x00xxxxK\x01stb.",
        b"(K\x01Q.",  # a persistent id that is none
        b"garbage",
        b"",
    ],
)
def test_a_pickle_that_would_change_something_or_is_none(pickled: bytes, tmp_path: Path) -> None:
    before = dict(vars(minigrad.Size)), dict(vars(OrderedDict))
    with pytest.raises(FileFormatError):
        minigrad.load(hostile(tmp_path / "a.pt", pickled))
    assert (dict(vars(minigrad.Size)), dict(vars(OrderedDict))) == before


def test_a_tensor_that_reaches_outside_its_storage(torch: Any, tmp_path: Path) -> None:
    torch.save(torch.ones(4), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                assert b"K\x04\x85" in content  # the shape (4,)
                content = content.replace(b"K\x04\x85", b"K\x40\x85")
            target.writestr(name, content)
    with pytest.raises(FileFormatError, match="does not fit"):
        minigrad.load(tmp_path / "b.pt")
