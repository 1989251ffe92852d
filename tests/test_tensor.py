"""Tensors as objects, against PyTorch: making, sharing, converting and copying them, and meeting NumPy."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import minigrad
from tests.agreement import agree, expression

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def lines(table: str) -> Any:
    """A parametrized test of each line of a table."""
    return pytest.mark.parametrize("line", [line.strip() for line in table.strip().splitlines()])


# -------------------------------------------------------------------- making

scalars = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-2, 2, width=16),
    st.sampled_from([float("nan"), float("inf"), 2**40, -(2**63), 1e300]),
)


@st.composite
def nested(draw: Any, depth: int = 3) -> Any:
    """Nested lists and tuples of numbers, most of them regular, with tensors or NumPy scalars here and there."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(scalars)
    if draw(st.integers(0, 9)) == 0:  # ragged, without empty lists, of which PyTorch takes some and ignores the rest
        return draw(st.lists(scalars | st.lists(scalars, min_size=1, max_size=2), min_size=1, max_size=3))
    inner = draw(nested(depth - 1))
    found = [like(draw, inner) for _ in range(draw(st.integers(0, 3)))]
    return tuple(found) if draw(st.booleans()) else found


def like(draw: Any, data: Any) -> Any:
    return [like(draw, d) for d in data] if isinstance(data, (list, tuple)) else draw(scalars)


@given(nested(), st.none() | st.sampled_from(DTYPES), st.sampled_from(("tensor", "as_tensor")))
def test_dtype_and_shape_are_inferred_from_lists(torch: Any, data: Any, dtype: Any, name: str) -> None:
    agree(torch, lambda L: getattr(L, name)(data, dtype=dtype and getattr(L, dtype)))


@given(st.sampled_from(DTYPES), st.none() | st.sampled_from(DTYPES), st.sampled_from(((), (2,), (0, 2), (2, 3))))
def test_tensors_from_arrays_copy_or_share(torch: Any, given: str, dtype: Any, shape: Any) -> None:
    for name in (
        "tensor",
        "as_tensor",
        "from_numpy",
        *["asarray"] * bool(shape),
    ):  # PyTorch's copies arrays of no dimension

        def program(L: Any, name: str = name) -> Any:
            array = np.arange(int(np.prod(shape)), dtype=np.float64).reshape(shape).astype(given)
            wanted = {} if dtype is None or name == "from_numpy" else {"dtype": getattr(L, dtype)}
            t = getattr(L, name)(array, **wanted)
            array[...] = 1
            before = t.clone()
            t.zero_()
            return before, array

        agree(torch, program)


MAKING = """
    L.tensor([1, 2])
    L.tensor([1, 2.0])
    L.tensor([True, 2])
    L.tensor([True, False])
    L.tensor(3)
    L.tensor(3.0, dtype=L.int64)
    L.tensor([1.7, -1.7], dtype=L.int32)
    L.tensor([0, 2], dtype=L.bool)
    L.tensor(np.float64(2))
    L.tensor(np.float32(2))
    L.tensor(np.int32(2))
    L.tensor([np.float32(2), np.float32(3)])
    L.tensor([np.int8(2), 3])
    L.tensor([np.array([1, 2]), np.array([3, 4])])
    L.tensor(np.arange(6).reshape(2, 3)[:, ::2])
    L.tensor([L.tensor(1.), L.tensor(2.)])
    L.tensor([[L.tensor(1.)], [2]])
    L.tensor(range(3))
    L.tensor([])
    L.tensor([[]])
    L.tensor([[], []])
    L.tensor(())
    L.tensor([[1, 2], [3]])
    L.tensor([1, [2]])
    L.tensor("a")
    L.tensor(["a"])
    L.tensor([[1, 2], ["a", "b"]])
    L.tensor([1., "a"])
    L.tensor([np.uint8(3), 4])
    L.tensor([np.uint8(3)])
    L.tensor([np.uint64(3)])
    L.tensor(np.uint64(3))
    L.tensor([2**63])
    L.tensor([0, 2**63])
    L.tensor([0, 2**63], dtype=L.float16)
    L.tensor(2**64)
    L.tensor([2**63 - 1, -2**63])
    L.tensor(None)
    L.tensor([None])
    L.tensor({})
    L.tensor({1: 2})
    L.tensor(object())
    L.tensor()
    L.tensor(1, 2)
    L.tensor([1, 2], requires_grad=True)
    L.tensor([1., 2], requires_grad=True)
    L.tensor([1., 2], requires_grad=True, dtype=L.int32)
    L.tensor([1, 2], requires_grad=True, dtype=L.float16)
    L.tensor([True], requires_grad=True)
    L.tensor([1.], device="cpu")
    L.tensor([1.], device=L.device("cpu")).device.type
    L.tensor([1.], device="nowhere")
    L.tensor([300], dtype=L.uint8)
    L.tensor([-1], dtype=L.uint8)
    L.tensor([-300], dtype=L.uint8)
    L.tensor([200], dtype=L.int8)
    L.tensor(2**63)
    L.tensor(-2**63)
    L.tensor([70000.], dtype=L.float16)
    L.tensor(np.array(["a"]))
    L.tensor(np.array([1, 2], dtype=np.uint8))
    x = L.tensor([1., 2]); y = L.as_tensor(x); y is x
    x = L.tensor([1., 2]); y = L.as_tensor(x, dtype=L.float64); y.zero_(); x
    x = L.tensor([1., 2], requires_grad=True); L.as_tensor(x).requires_grad
    x = L.tensor([1., 2]); y = x.new_tensor([3, 4]); y
    x = L.tensor([1, 2]); x.new_tensor([3.5, 4])
    x = L.tensor([1, 2]); x.new_tensor([3.5, 4], dtype=L.float16)
    x = L.tensor([1, 2]); x.new_zeros(2, 3)
    x = L.tensor([1, 2]); x.new_zeros((2, 3), dtype=L.float64)
    x = L.tensor([1, 2]); x.new_ones((2,), requires_grad=True)
    x = L.tensor([1.]); x.new_ones((2,), requires_grad=True)
    x = L.tensor([1]); x.new_full((2,), 3.5)
    x = L.tensor([1.]); x.new_full((2, 2), 3)
    x = L.tensor([1.]); x.new_empty(2, 0)
    L.as_tensor(3)
    a = np.ones(2); t = L.asarray(a, copy=True); t[0] = 5; a
    a = np.ones(2); t = L.asarray(obj=a, copy=False); t[0] = 5; a
    a = np.ones(2); L.asarray(a, dtype=L.float32, copy=False)
    L.asarray([1, 2], copy=False)
    a = np.ones(2); L.asarray(a, requires_grad=True)
    x = L.ones(2); L.asarray(x) is x, L.asarray(x, copy=True) is x
    L.asarray(np.ones(2), L.float32)
    a = np.ones(2); t = L.from_dlpack(a, copy=True); t[0] = 5; a
    L.from_dlpack(np.ones(2), device="cpu")
    L.as_tensor([1., 2])
    L.as_tensor("a")
    L.from_numpy([1, 2])
    L.from_numpy(3)
    L.from_numpy(np.array("a"))
    L.from_numpy(np.float32(3))
    L.from_numpy(np.arange(6.).reshape(2, 3).T).stride()
    L.from_numpy(np.arange(6.).reshape(2, 3)[:, 1:]).storage_offset() * 0
    L.is_tensor(L.tensor(1)), L.is_tensor(np.array(1)), L.is_tensor(1)
    L.is_floating_point(L.tensor(1)), L.is_floating_point(L.tensor(1.))
    L.is_floating_point(1.)
    L.numel(L.tensor([[1, 2]]))
    L.numel([1, 2])
    L.Tensor([1, 2])
    L.Tensor([[1, 2], [3, 4]]).dtype
    L.Tensor(2, 3).shape
    L.Tensor(L.Size([2, 3])).shape
    L.Tensor().shape
    L.Tensor((2, 3))
    L.Tensor(2.5)
    L.Tensor("a")
    L.Tensor(np.array([1, 2]))
    L.Tensor(np.array([1., 2], dtype=np.float32)).requires_grad
    L.FloatTensor([1, 2])
    L.FloatTensor([1.5, 2])
    L.FloatTensor(2, 3).shape
    L.FloatTensor()
    L.DoubleTensor([1, 2])
    L.HalfTensor([1, 2])
    L.LongTensor([1, 2])
    L.LongTensor([[1], [2]])
    L.LongTensor(3).shape
    L.IntTensor([1, 2])
    L.ShortTensor([1, 2])
    L.CharTensor([1, 2])
    L.ByteTensor([1, 2])
    L.BoolTensor([True, False])
    L.BoolTensor([1, 0])
    isinstance(L.tensor([1]), L.LongTensor), isinstance(L.tensor([1.]), L.LongTensor)
    isinstance(L.tensor([1.]), L.FloatTensor), isinstance(1., L.FloatTensor)
    L.set_default_dtype(L.float64); x = L.tensor([1., 2]); L.set_default_dtype(L.float32); x
    L.set_default_dtype(L.float64); x = L.tensor([1, 2]).exp(); L.set_default_dtype(L.float32); x
    L.set_default_dtype(L.int64)
    L.get_default_dtype()
"""


@lines(MAKING)
def test_making(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- what it is

PROPERTIES = """
    L.tensor([[1., 2, 3]]).shape
    type(L.tensor([[1., 2, 3]]).shape).__name__
    L.tensor([[1., 2, 3]]).size()
    L.tensor([[1., 2, 3]]).size(1), L.tensor([[1., 2, 3]]).size(-2)
    L.tensor([[1., 2, 3]]).size(2)
    L.tensor([[1., 2, 3]]).size(dim=1)
    L.tensor([[1., 2, 3]]).size("a")
    L.tensor([[1., 2, 3]]).shape[-1]
    L.tensor([[1., 2, 3]]).shape[:1]
    L.tensor([[1., 2, 3]]).shape.numel()
    L.Size([2, 3]) == (2, 3), hash(L.Size([2, 3])) == hash((2, 3))
    L.Size([2, 3]) + (1,)
    type(L.Size([2, 3]) + (1,)).__name__, type((1,) + L.Size([2])).__name__
    L.Size((2, 3)) * 2
    L.Size([1.5])
    L.Size(["a"])
    L.Size(3)
    str(L.Size([2, 3])).rpartition(".")[2]
    pickle.loads(pickle.dumps(L.Size([2, 3])))
    L.tensor([[1., 2, 3]]).ndim, L.tensor(1).ndim
    L.tensor([[1., 2, 3]]).dim(), L.tensor([[1., 2, 3]]).ndimension()
    L.tensor([[1., 2, 3]]).numel(), L.tensor([[1., 2, 3]]).nelement(), L.tensor(1).numel(), L.tensor([]).numel()
    L.tensor([[1., 2, 3]]).dtype, L.tensor([1]).dtype, L.tensor([True]).dtype
    L.tensor([1.]).dtype.is_floating_point, L.tensor([1]).dtype.is_floating_point
    L.tensor([1.]).itemsize, L.tensor([True]).itemsize, L.tensor([1]).element_size()
    L.tensor([1., 2]).nbytes
    str(L.tensor([1.]).device), L.tensor([1.]).device.type, L.tensor([1.]).get_device()
    L.tensor([1.]).device == L.device("cpu")
    L.tensor([1.]).is_cuda, L.tensor([1.]).is_sparse
    L.tensor([1.]).is_complex(), L.tensor([1.]).is_floating_point(), L.tensor([1]).is_floating_point()
    L.tensor([1.]).is_same_size(L.tensor([2])), L.tensor([1.]).is_same_size(L.tensor([2, 3]))
    L.tensor([1.]).is_inference()
    L.tensor([1.]).is_leaf, L.tensor([1.]).exp().is_leaf
    L.tensor([1.], requires_grad=True).exp().is_leaf
    L.tensor([1.], requires_grad=True).grad_fn
    L.tensor([1.], requires_grad=True).exp().grad_fn.name()
    L.tensor([1.]).exp().grad_fn
    L.tensor([1.]).output_nr, L.tensor([1., 2], requires_grad=True).split(1)[1].output_nr
    x = L.tensor([1., 2]); y = x[1:]; y.data_ptr() - x.data_ptr()
    x = L.tensor([1., 2]); y = x[1:]; y.storage_offset(), x.storage_offset()
    x = L.tensor([1., 2]); y = x.view(2); y._base is x, y._is_view(), x._is_view(), x._base
    x = L.tensor([1., 2]); y = x.clone(); y._base, y._is_view()
    x = L.tensor([1., 2]); y = x.detach(); y._base, y._is_view()
    x = L.tensor([[1., 2]]); y = x[0][1:]; y._base is x
    x, y = L.tensor([1.]), L.tensor([1.]); hash(x) == hash(y), hash(x) == hash(x)
    x = L.tensor([1.]); len({x, x, L.tensor([1.])})
    L.tensor([1.]).shape = (1,)
    setattr(L.tensor([1.]), "dtype", L.int64)
    x = L.tensor([1.]); x.label = "mine"; x.label
    L.tensor([1.]).nothing
    x = L.tensor([1.]); x.tag = [1]; x.clone().tag
"""


@lines(PROPERTIES)
def test_properties(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- conversions to Python

CONVERSIONS = """
    L.tensor([[2.5]]).item(), L.tensor(3).item(), L.tensor(True).item()
    type(L.tensor(2.5).item()).__name__, type(L.tensor(2).item()).__name__, type(L.tensor(True).item()).__name__
    L.tensor([1., 2]).item()
    L.tensor([]).item()
    L.tensor(2.5, requires_grad=True).item()
    L.tensor([[1, 2], [3, 4]]).tolist()
    L.tensor(2.5).tolist()
    L.tensor([True]).tolist()
    L.tensor([]).tolist()
    L.tensor(2.5, requires_grad=True).tolist()
    float(L.tensor([2.5])), float(L.tensor(2)), float(L.tensor(True))
    float(L.tensor([1., 2]))
    int(L.tensor(2.7)), int(L.tensor(-2.7)), int(L.tensor([3])), int(L.tensor(True))
    int(L.tensor(float("nan")))
    int(L.tensor(float("inf")))
    int(L.tensor([1, 2]))
    complex(L.tensor(2.5))
    complex(L.tensor([1., 2]))
    bool(L.tensor(0.)), bool(L.tensor([2])), bool(L.tensor([[False]])), bool(L.tensor(float("nan")))
    bool(L.tensor([1, 2]))
    bool(L.tensor([]))
    not L.tensor([1, 2])
    L.tensor(0.) or 3
    [10, 20, 30][L.tensor(1)], [10, 20, 30][L.tensor([2])]
    [10, 20, 30][L.tensor(1.)]
    [10, 20, 30][L.tensor([1, 2])]
    [10, 20][L.tensor(True)]
    list(range(L.tensor(3)))
    "abc" * L.tensor(2)
    f"{L.tensor(2.5):.3f}", f"{L.tensor(3):5d}", f"{L.tensor(2.5)}"
    f"{L.tensor([1., 2]):.3f}"
    "%.2f" % L.tensor(2.5), "%d" % L.tensor(3)
    "%d" % L.tensor([1, 2])
    "{:>8}".format(L.tensor(2))
    len(L.tensor([1, 2, 3])), len(L.zeros(0, 2))
    len(L.tensor(1))
    [v.item() for v in L.tensor([1, 2])]
    list(L.tensor(1))
    a, b = L.tensor([[1., 2], [3, 4]]); b
    a, b = L.tensor([1., 2, 3]); a
    [v.requires_grad for v in L.tensor([1., 2], requires_grad=True)]
    list(reversed(L.tensor([1, 2])))
    sum(L.tensor([1., 2]))
    max(L.tensor([1., 3, 2]))
    sorted(L.tensor([3, 1, 2]))
    2 in L.tensor([1, 2]), 3 in L.tensor([1, 2]), L.tensor(2) in L.tensor([1, 2]), 2. in L.tensor([1, 2])
    float("nan") in L.tensor([float("nan")])
    L.tensor([1, 2]) in L.tensor([[1, 3], [1, 2]])
    "a" in L.tensor([1, 2])
    None in L.tensor([1, 2])
    L.tensor(1) in [L.tensor(0), L.tensor(1)]
    L.tensor([1, 2]) == "a"
    L.tensor([1, 2]) == None
    L.tensor([1, 2]) != None
    L.tensor([1, 2]) < "a"
    round(L.tensor(2.567), 2)
    round(L.tensor(2.567))
    abs(L.tensor(-2.5)), -L.tensor(2), +L.tensor(2)
    ~L.tensor([True, False]), ~L.tensor([1, 2])
    ~L.tensor(1.)
    divmod(L.tensor(7), 2)
    math = __import__("math"); math.sqrt(L.tensor(4.)), math.floor(L.tensor(2.5)), math.ceil(L.tensor(2.5))
    math = __import__("math"); math.trunc(L.tensor(2.5))
"""


@lines(CONVERSIONS)
def test_conversions(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- dtypes

CASTS = """
    L.tensor([1.7, -1.7]).long()
    L.tensor([1.7, -1.7]).int(), L.tensor([1.7]).short(), L.tensor([1.7]).char(), L.tensor([1.7]).byte()
    L.tensor([1.7]).half(), L.tensor([1.7]).double(), L.tensor([2]).float()
    L.tensor([0., 0.5, float("nan")]).bool()
    x = L.tensor([1.]); x.float() is x, x.double() is x
    x = L.tensor([1.]); x.to(L.float32) is x, x.to("cpu") is x, x.to(L.device("cpu")) is x
    x = L.tensor([1.]); x.to(L.float32, copy=True) is x
    x = L.tensor([1.]); x.to(dtype=L.float64)
    x = L.tensor([1.]); x.to("cpu", L.float64)
    x = L.tensor([1.]); x.to(device="cpu", dtype=L.float64, non_blocking=True)
    x = L.tensor([1.]); x.to(L.tensor([1]))
    x = L.tensor([1.]); x.to()
    x = L.tensor([1.]); x.to("nowhere")
    x = L.tensor([1.]); x.to("cuda")
    x = L.tensor([1.]); x.cuda()
    x = L.tensor([1.]); x.cpu() is x
    x = L.tensor([1.]); x.type().rpartition(".")[2]
    x = L.tensor([1]); x.type().rpartition(".")[2]
    x = L.tensor([1.]); x.type(L.int64)
    x = L.tensor([1.]); x.type(L.LongTensor)
    x = L.tensor([1.]); x.type("torch.DoubleTensor".replace("torch", L.__name__))
    x = L.tensor([1.]); x.type("nothing")
    x = L.tensor([1.]); x.type_as(L.tensor([1])), x.type_as(x) is x
    x = L.tensor([1.5], requires_grad=True); y = x.double(); y.sum().backward(); x.grad
    x = L.tensor([1.5], requires_grad=True); y = x.long(); y
    x = L.tensor([1.5], requires_grad=True); x.to(L.float64).requires_grad
"""


@lines(CASTS)
def test_casts(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- gradients' flags

FLAGS = """
    L.tensor([1.]).requires_grad_().requires_grad
    L.tensor([1]).requires_grad_()
    L.tensor([True]).requires_grad_()
    x = L.tensor([1]); x.requires_grad = True; x
    x = L.tensor([1]); x.requires_grad = False; x
    x = L.tensor([1.]); x.requires_grad = True; x.requires_grad = False; x
    x = L.tensor([1.]); x.requires_grad_(requires_grad=True); x
    x = L.tensor([1.], requires_grad=True); y = x * 2; y.requires_grad = False; y
    x = L.tensor([1.], requires_grad=True); y = x * 2; y.requires_grad_(False)
    x = L.tensor([1.], requires_grad=True); y = x * 2; y.requires_grad_(True); y
    x = L.tensor([1.], requires_grad=True); y = x * 2; x.requires_grad_(False); y.backward(); x.grad
    x = L.tensor([1.]); y = x[:]; y.requires_grad_(); x.requires_grad, y.is_leaf
    x = L.tensor([1., 2], requires_grad=True); (x > 1).requires_grad, x.argmax().requires_grad, x.long().requires_grad
    x = L.tensor([1.]); x.grad
    x = L.tensor([1.]); x.grad = L.tensor([2.]); x.grad
    x = L.tensor([1.], requires_grad=True); x.grad = L.tensor([2.]); (x * 3).backward(); x.grad
    x = L.tensor([1.]); g = L.tensor([2.]); x.grad = g; x.grad is g
    x = L.tensor([1.]); x.grad = L.tensor([2., 3])
    x = L.tensor([1.]); x.grad = L.tensor([[2.]])
    x = L.tensor([1.]); x.grad = L.tensor([2], dtype=L.int64)
    x = L.tensor([1.]); x.grad = L.tensor([2.], dtype=L.float64)
    x = L.tensor([1.]); x.grad = 3.
    x = L.tensor([1.]); x.grad = "a"
    x = L.tensor([1.]); x.grad = x
    x = L.tensor([1.]); x.grad = np.array([1.], dtype=np.float32)
    x = L.tensor([1.], requires_grad=True); (x * 2).backward(); x.grad = None; x.grad
    x = L.tensor([1.], requires_grad=True); (x * 2).backward(); del x.grad; x.grad
    x = L.tensor([1, 2]); x.grad = L.tensor([1, 2]); x.grad
    x = L.tensor([1., 2], requires_grad=True); y = x.detach(); y.requires_grad, y.is_leaf, y.grad_fn
    x = L.tensor([1., 2], requires_grad=True); y = x.detach(); y[0] = 5; x
    x = L.tensor([1., 2], requires_grad=True); y = x.detach(); y[0] = 5; x._version, y._version
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; z = y.detach(); z.requires_grad_(); (z * 3).sum().backward(); x.grad, z.grad
    x = L.tensor([1., 2], requires_grad=True); y = x * 2; y.detach_(); y.requires_grad, y.is_leaf
    x = L.tensor([1., 2], requires_grad=True); x.detach_(); x.requires_grad
    x = L.tensor([1., 2], requires_grad=True); y = (x * 2)[:1]; y.detach_()
    x = L.tensor([1., 2], requires_grad=True); y = (x * 2).split(1)[0]; y.detach_()
    x = L.tensor([1., 2], requires_grad=True); x.data
    x = L.tensor([1., 2], requires_grad=True); x.data[0] = 5; x
    x = L.tensor([1., 2], requires_grad=True); x.data -= 1; x
    x = L.tensor([1., 2], requires_grad=True); x.data.mul_(3); x
    x = L.tensor([1., 2], requires_grad=True); x.data = L.tensor([3., 4, 5]); x
    x = L.tensor([1., 2], requires_grad=True); y = L.tensor([3., 4]); x.data = y; y[0] = 9; x
    x = L.tensor([1., 2], requires_grad=True); x.data = L.tensor([3, 4])
    x = L.tensor([1., 2], requires_grad=True); x.data = L.tensor([3., 4], dtype=L.float64); x
    x = L.tensor([1., 2]); x.data = L.tensor([3, 4]); x
    x = L.tensor([1., 2]); x.data = [3, 4]
    x = L.tensor([1., 2]); x.data = 3
    x = L.tensor([1., 2], requires_grad=True); x.data = x.data * 2; (x * 3).sum().backward(); x, x.grad
    x = L.tensor([1., 2], requires_grad=True); y = x.data; y.requires_grad_(); (y * 3).sum().backward(); x.grad, y.grad
    x = L.tensor([1.], requires_grad=True); y = x * 2; y.retain_grad(); y.backward(); y.grad, y.retains_grad, x.retains_grad
    x = L.tensor([1.]); x.retain_grad()
    x = L.tensor([1.], requires_grad=True); y = x * 2; y.backward(); y.grad
    x = L.tensor([1.], requires_grad=True); x.retain_grad(); x.retains_grad
"""


@lines(FLAGS)
def test_gradient_flags(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- copies of the object

COPIES = """
    x = L.tensor([1., 2], requires_grad=True); y = copy.deepcopy(x); y is x, y.requires_grad, y.is_leaf
    x = L.tensor([1., 2], requires_grad=True); y = copy.deepcopy(x); y.data[0] = 5; x, y
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); copy.deepcopy(x).grad
    x = L.tensor([1., 2], requires_grad=True); (x * x).sum().backward(); y = copy.deepcopy(x); y.grad.zero_(); x.grad
    x = L.tensor([1., 2], requires_grad=True); copy.deepcopy(x * 2)
    x = L.tensor([1., 2], requires_grad=True); copy.deepcopy(x.detach() * 2)
    x = L.tensor([1., 2]); a, b = copy.deepcopy([x, x]); a is b
    x = L.tensor([1., 2]); a, b = copy.deepcopy([x, x[1:]]); b[0] = 9; a
    x = L.tensor([1, 2]); x.tag = [1]; y = copy.deepcopy(x); y.tag, y.tag is x.tag
    x = L.tensor([[1., 2], [3, 4]]).T; y = copy.deepcopy(x); y, y.stride()
    x = L.tensor([1., 2], requires_grad=True); y = copy.copy(x); y is x, y.requires_grad, y.is_leaf
    x = L.tensor([1., 2]); y = copy.copy(x); y[0] = 5; x
    x = L.tensor([1., 2], requires_grad=True); y = pickle.loads(pickle.dumps(x)); y, y.is_leaf
    x = L.tensor([[1, 2], [3, 4]]).T; pickle.loads(pickle.dumps(x))
    x = L.tensor(2.5); pickle.loads(pickle.dumps(x))
    x = L.tensor([], dtype=L.int32); pickle.loads(pickle.dumps(x))
    x = L.tensor([True, False]); pickle.loads(pickle.dumps(x))
    x = L.tensor([1., 2]); a, b = pickle.loads(pickle.dumps([x, x])); a is b
    x = L.tensor([1., 2]); a, b = pickle.loads(pickle.dumps([x, x[1:]])); b[0] = 9; a
    x = L.tensor([1., 2], requires_grad=True); y = pickle.loads(pickle.dumps(x)); (y * 2).sum().backward(); y.grad
    x = L.tensor([1., 2]); x.tag = "mine"; pickle.loads(pickle.dumps(x)).tag
    x = L.tensor([1., 2]); y = x.clone(); y[0] = 5; x
    x = L.tensor([1., 2], requires_grad=True); y = x.clone(); y.is_leaf, y.requires_grad
    pickle.loads(pickle.dumps(L.float32)) is L.float32
    copy.deepcopy(L.float32) is L.float32
    pickle.loads(pickle.dumps(L.device("cpu"))) == L.device("cpu")
"""


@lines(COPIES)
def test_copies(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- NumPy, and other libraries

NUMPY = """
    x = L.tensor([1., 2]); a = x.numpy(); a[0] = 5; x
    x = L.tensor([1., 2]); a = x.numpy(); x[0] = 5; a
    x = L.tensor(1.); a = x.numpy(); a[...] = 5; x
    x = L.tensor([1., 2], requires_grad=True); x.numpy()
    x = L.tensor([1., 2], requires_grad=True); x.numpy(force=True)
    x = L.tensor([1., 2], requires_grad=True); x.detach().numpy()
    x = L.tensor([1., 2], requires_grad=True); np.asarray(x)
    x = L.tensor([1., 2], requires_grad=True); np.array(x)
    x = L.tensor([1., 2], requires_grad=True); (x * 2).numpy()
    x = L.tensor([[1, 2]]); np.asarray(x)
    x = L.tensor([[1, 2]]); np.array(x, dtype=np.float32)
    x = L.tensor([1., 2]); a = np.asarray(x); a[0] = 5; x
    x = L.tensor([1., 2]); a = np.array(x); a[0] = 5; x
    np.array([L.tensor(1.), L.tensor(2.)]).tolist()
    np.array(L.tensor([True, False]))
    np.zeros(3)[L.tensor([0, 2])]
    a = np.zeros(3); a[1] = L.tensor(5.); a
    a = np.zeros(3); a[:] = L.tensor([1., 2, 3]); a
    a = np.zeros(3); a[L.tensor([True, False, True])] = 1; a
    np.float32(2) * L.tensor([1., 2])
    np.float64(2) * L.tensor([1., 2])
    np.int64(2) * L.tensor([1, 2])
    L.tensor([1., 2]) * np.float64(2)
    L.tensor([1., 2]) ** np.int64(2)
    L.tensor([1, 2]) + np.float32(2)
    L.tensor([1., 2]) == np.array([1., 3])
    L.tensor([3.])[np.int64(0)]
    L.zeros(np.int64(2), np.int64(3)).shape
    L.tensor([[1., 2]]).sum(np.int64(1))
    L.tensor([1., 2]).reshape(np.int32(2), 1)
    isinstance(L.tensor([1., 2]).numpy(), np.ndarray)
    L.from_dlpack(L.tensor([1., 2]))
    x = L.tensor([1., 2]); y = L.from_dlpack(x); y[0] = 5; x
    a = np.array([1., 2]); y = L.from_dlpack(a); y[0] = 5; a
    x = L.tensor([1., 2]); a = np.from_dlpack(x); a
    x = L.tensor([1., 2], requires_grad=True); np.from_dlpack(x)
    L.tensor([1., 2]).__dlpack_device__()[1]
    memoryview(L.tensor([1., 2]).numpy()).nbytes
"""


@lines(NUMPY)
def test_numpy(torch: Any, line: str) -> None:
    agree(torch, expression(line))


# -------------------------------------------------------------------- what is minigrad's own


def test_a_write_through_data_is_noticed_although_pytorch_lets_it_pass() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.data[0] = 5.0
    assert x._version == 1
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        y.backward()


def test_arrays_of_negative_strides_are_shared() -> None:
    """PyTorch refuses them."""
    array = np.arange(4.0)
    x = minigrad.from_numpy(array[::-1])
    x[0] = 9.0
    assert array.tolist() == [0.0, 1.0, 2.0, 9.0]
    assert copy.deepcopy(x).tolist() == x.tolist() == [9.0, 2.0, 1.0, 0.0]


def test_hooks_do_not_travel_with_copies() -> None:
    x = minigrad.tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: g * 10)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        (y * 2).backward()
        assert y.grad.tolist() == [2.0]


def test_pickles_hold_no_graph() -> None:
    """A result comes back as a leaf, where PyTorch's does too."""
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps(x * 2))
    assert y.is_leaf and y.requires_grad and y.tolist() == [2.0, 4.0]


def test_a_tensor_dies_with_its_last_reference() -> None:
    gc.disable()
    try:
        x = minigrad.tensor([1.0], requires_grad=True)
        y = (x * 2).exp()
        y.backward()
        references = [weakref.ref(t) for t in (x, y, x.grad)]
        del x, y
        assert [r() for r in references] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("call", ["to", "type"])
def test_unknown_keywords_are_refused(call: str) -> None:
    with pytest.raises(TypeError):
        getattr(minigrad.ones(2), call)(minigrad.float64, nothing=3)
