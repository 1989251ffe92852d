from __future__ import annotations

import re
from collections import OrderedDict, UserList, namedtuple
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.utils.data import default_collate, default_convert

Point = namedtuple("Point", ["x", "y"])


def tensors(library: Any) -> dict[str, Any]:
    """Batches with one expected shape of result, for minigrad or PyTorch."""
    return {
        "tensors": [library.tensor([1.0, 2.0]), library.tensor([3.0, 4.0])],
        "0-d tensors": [library.tensor(1), library.tensor(2)],
        "arrays": [np.array([1, 2], np.int32), np.array([3, 4], np.int32)],
        "0-d arrays": [np.array(1.5, np.float32), np.array(2.5, np.float32)],
        "numpy scalars": [np.float32(1.5), np.float32(2.5)],
        "numpy bools": [np.True_, np.False_],
        "ints": [1, 2, 3],
        "bools": [True, False],
        "floats": [1.0, 2.5],
        "strings": ["a", "b"],
        "bytes": [b"a", b"b"],
        "mappings": [{"a": 1, "b": [1.0, 2.0]}, {"a": 2, "b": [3.0, 4.0]}],
        "ordered mappings": [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
        "tuples": [(1, "a"), (2, "b")],
        "named tuples": [Point(1, 2.0), Point(3, 4.0)],
        "lists": [[1, 2], [3, 4]],
        "user lists": [UserList([1, 2]), UserList([3, 4])],
        "ranges": [range(2), range(2)],
        "nested": [({"a": [np.float64(1)]}, Point(True, "s")), ({"a": [np.float64(2)]}, Point(False, "t"))],
    }


def plain(value: Any) -> Any:
    """Types, dtypes and values, comparable across the two libraries."""
    if hasattr(value, "tolist"):
        return "tensor", str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value), [(key, plain(entry)) for key, entry in value.items()]
    if isinstance(value, (list, tuple, UserList)):
        return type(value), [plain(entry) for entry in value]
    return value


@pytest.mark.parametrize("name", list(tensors(minigrad)))
def test_collate_and_convert_as_pytorch(torch: Any, name: str) -> None:
    from torch.utils import data as theirs

    our_batch, their_batch = tensors(minigrad)[name], tensors(torch)[name]
    assert plain(default_collate(our_batch)) == plain(theirs.default_collate(their_batch))
    assert plain(default_convert(our_batch)) == plain(theirs.default_convert(their_batch))


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([1, 2], ("tensor", "int64", (2,), [1, 2])),
        ([0.5, 1.0], ("tensor", "float64", (2,), [0.5, 1.0])),
        ([True, False], ("tensor", "bool", (2,), [True, False])),
        ([np.float32(1), np.float32(2)], ("tensor", "float32", (2,), [1.0, 2.0])),
        ([np.zeros((2, 1), np.uint8)] * 3, ("tensor", "uint8", (3, 2, 1), [[[0], [0]]] * 3)),
        (["a", "b"], (list, ["a", "b"])),
        ([(1, "a"), (2, "b")], (list, [("tensor", "int64", (2,), [1, 2]), (tuple, ["a", "b"])])),
    ],
)
def test_collate(batch: list[Any], expected: Any) -> None:
    assert plain(default_collate(batch)) == expected


def test_gradients_flow_through_a_batch() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    default_collate([x, x * 3]).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 4.0]


def test_a_batch_shares_no_memory_with_its_samples() -> None:
    array = np.zeros(2, np.float32)
    batch = default_collate([array, array])
    array[:] = 1
    assert batch.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_errors() -> None:
    with pytest.raises(RuntimeError, match=re.escape("equal size, but the samples have lengths [1, 2]")):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="stack"):
        default_collate([minigrad.tensor([1.0]), minigrad.tensor([1.0, 2.0])])
    for sample in (object(), None, np.array(["a"]), {1, 2}):
        with pytest.raises(TypeError, match="batch must contain tensors, numpy arrays, numbers, dicts or lists; found"):
            default_collate([sample])


def test_convert_leaves_other_things_alone() -> None:
    sample = {"text": "a", "array": np.arange(2), "tuple": (np.array(1.0), None)}
    converted = default_convert(sample)
    assert converted["text"] == "a"
    assert plain(converted["array"]) == ("tensor", "int64", (2,), [0, 1])
    assert plain(converted["tuple"]) == (list, [("tensor", "float64", (), 1.0), None])
    assert isinstance(sample["array"], np.ndarray)
    text = np.array(["a"])
    assert default_convert(text) is text
