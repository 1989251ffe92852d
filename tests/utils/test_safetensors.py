from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigrad
from minigrad.dtypes import ALL
from minigrad.errors import FileFormatError, MissingExtra
from minigrad.utils import safetensors

pytest.importorskip("safetensors", reason="safetensors is not installed")

ARRAYS = st.sampled_from([d.numpy for d in ALL]).flatmap(
    lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name != "__metadata__"), ARRAYS, max_size=4))
def test_what_is_saved_is_loaded(state: Any) -> None:
    found = safetensors.load(safetensors.save({name: minigrad.from_numpy(a) for name, a in state.items()}))
    assert {n: (t.numpy().dtype, t.shape, t.numpy().tobytes()) for n, t in found.items()} == {
        n: (a.dtype, a.shape, a.tobytes()) for n, a in state.items()
    }


def test_any_layout_of_memory(tmp_path: Path) -> None:
    """safetensors 0.8.0 wrote the bytes of such arrays in the order of the memory."""
    a = minigrad.arange(24.0).reshape(2, 3, 4)
    state = {"transposed": a.permute(2, 0, 1), "step": a[:, ::2], "negative": minigrad.from_numpy(a.numpy()[:, ::-1])}
    safetensors.save_file(state, tmp_path / "a", metadata={"format": "pt"})
    for name, tensor in safetensors.load_file(tmp_path / "a").items():
        np.testing.assert_array_equal(tensor.numpy(), state[name].numpy())


def test_files_of_pytorch(torch: Any, tmp_path: Path) -> None:
    theirs = pytest.importorskip("safetensors.torch")
    state = {"w": torch.randn(3, 2), "n": torch.arange(3)}
    theirs.save_file(state, tmp_path / "a")
    found = safetensors.load_file(tmp_path / "a")
    assert {n: t.tolist() for n, t in found.items()} == {n: t.tolist() for n, t in state.items()}
    safetensors.save_file(found, tmp_path / "b")
    assert all(torch.equal(t, state[n]) for n, t in theirs.load_file(tmp_path / "b").items())


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="'epoch' is a int"):
        safetensors.save_file({"epoch": 3}, tmp_path / "a")  # type: ignore[dict-item]
    assert os.listdir(tmp_path) == []
    whole = safetensors.save({"w": minigrad.ones(3)})
    for content in (b"", whole[:4], whole[:-1], b"x" * 40):
        with pytest.raises(FileFormatError, match="not a whole safetensors file"):
            safetensors.load(content)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingExtra, match=r"minigrad\[safetensors\]"):
        safetensors.save({})
