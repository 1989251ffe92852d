"""Tensor: an array, its gradient and its place in the graph.

The operators and methods that compute are defined beside their operations in `minigrad.ops` and inherited here; this
class has the rest: making tensors, gradients and hooks, conversions, and NumPy's protocols.
"""

from __future__ import annotations

import copy
import operator
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import dtypes, engine, numpy_protocols, printing
from minigrad.device import CPU, Device, check_device
from minigrad.errors import DataError, DimensionError, GraphError, ShapeError, describe
from minigrad.families import tie
from minigrad.function import LEAF, Output, TensorCore, edge_of, raw
from minigrad.function import wrap as wrap
from minigrad.hooks import RemovableHandle, add_hook, hooks_of
from minigrad.memory import Alias, Version, alias_of, check_inplace, detached, share, wrote
from minigrad.ops.arguments import array_of, fitting
from minigrad.ops.compare import CompareMethods
from minigrad.ops.copy import CopyMethods
from minigrad.ops.create import CreateMethods, RandomMethods
from minigrad.ops.elementwise import ElementwiseMethods
from minigrad.ops.index import IndexMethods
from minigrad.ops.join import JoinMethods
from minigrad.ops.linalg import LinalgMethods
from minigrad.ops.reduce import ReduceMethods
from minigrad.ops.shape import ShapeMethods

if TYPE_CHECKING:
    from minigrad.function import Function
    from minigrad.viz.picture import Picture


class Size(tuple[int, ...]):
    """A shape: a tuple of ints. PyTorch: `Size`. Raises TypeError for anything else."""

    __slots__ = ()

    def __new__(cls, sizes: Iterable[int] = ()) -> Size:
        return tuple.__new__(cls, map(operator.index, sizes))

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        n = 1
        for k in self:
            n *= k
        return n

    def __getitem__(self, index: Any) -> Any:
        found: Any = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size((*self, *other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return Size((*other, *self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple(self) * times)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"minigrad.Size({list(self)})"

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


class Tensor(
    ElementwiseMethods,
    CompareMethods,
    ReduceMethods,
    ShapeMethods,
    JoinMethods,
    IndexMethods,
    LinalgMethods,
    CopyMethods,
    CreateMethods,
    RandomMethods,
    TensorCore,
):
    """A multi-dimensional array that records the operations on it. Make one with `minigrad.tensor`.

    `Tensor(data)` copies data as float32, as PyTorch's legacy constructor; `Tensor(2, 3)` is an uninitialised tensor.
    """

    __slots__ = ()
    __array_priority__ = 1000

    def __init__(self, *data: Any) -> None:
        self._data = _legacy(data, dtypes.as_numpy(None), "Tensor")
        self._node = self._grad = self._alias = None

    # ---------------------------------------------------------------- what it is

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return tuple.__new__(Size, self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes. Raises DimensionError for a dim out of range."""
        if dim is None:
            return tuple.__new__(Size, self._data.shape)
        if not -self._data.ndim <= dim < self._data.ndim:
            raise DimensionError(f"size: Dimension out of range for shape {self._data.shape}, got {dim}")
        return self._data.shape[dim]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim  # type: ignore[no-any-return]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim  # type: ignore[no-any-return]

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    nelement = numel

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.BY_NUMPY[self._data.dtype]

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self._data.itemsize  # type: ignore[no-any-return]

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._data.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._data.nbytes  # type: ignore[no-any-return]

    @property
    def device(self) -> Device:
        """The CPU."""
        return CPU

    is_cuda = False
    is_sparse = False

    def get_device(self) -> int:
        """-1: the CPU has no number."""
        return -1

    def is_complex(self) -> bool:
        """False."""
        return False

    def is_same_size(self, other: Tensor) -> bool:
        """Whether both shapes are equal."""
        return bool(self._data.shape == other._data.shape)

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self._data.dtype.kind == "f"  # type: ignore[no-any-return]

    def is_inference(self) -> bool:
        """False: tensors made in `inference_mode` are ordinary ones that recorded nothing."""
        return False

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._buffer().ctypes.data

    def storage_offset(self) -> int:
        """Where the first element stands, in elements, from the start of the memory that the array shares."""
        array = base = self._buffer()
        while isinstance(base.base, np.ndarray):
            base = base.base
        return (array.ctypes.data - base.ctypes.data) // array.itemsize

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (TensorCore, int, float)):
            raise RuntimeError(f"a tensor contains tensors and numbers; it cannot be searched for {element!r:.60}")
        return bool((self == element).any())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise RuntimeError(
                f"Boolean value of a tensor with {self._data.size} elements is ambiguous: {describe(self)}; "
                "use .any() or .all()"
            )
        return bool(self._data)

    def item(self) -> Any:
        """The only element as a Python number. Raises RuntimeError unless there is exactly one."""
        if self._data.size != 1:
            raise ShapeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self._data.ndim else object.__format__(self, spec)

    def __repr__(self) -> str:
        node = self.grad_fn
        return printing.format_tensor(
            np.asarray(self._data),
            requires_grad=node is None and self.requires_grad,
            grad_fn=None if node is None else node.name(),
        )

    # ---------------------------------------------------------------- its gradient and its place in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it. Settable on leaves only."""
        return self._node is not None or edge_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients, or no longer. Raises RuntimeError for integers, and for results if False."""
        node = self._node
        if not requires_grad:
            if node is not None and node is not LEAF:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._node = None
        elif node is None:
            if self._data.dtype.kind != "f":
                raise RuntimeError(
                    f"only Tensors of floating point dtype can require gradients, this is a {describe(self)}; "
                    "convert it with .float()"
                )
            self._node = LEAF
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made it, rather than a recorded operation."""
        return isinstance(edge_of(self), (TensorCore, type(None)))

    @property
    def grad_fn(self) -> Function | None:
        """The node of the operation that made it; None for a leaf."""
        edge = edge_of(self)
        if edge is None or isinstance(edge, TensorCore):
            return None
        return edge.edges[0] if isinstance(edge, Output) else edge  # type: ignore[no-any-return]

    @property
    def output_nr(self) -> int:
        """Which of its operation's results it is."""
        edge = edge_of(self)
        return edge.index if isinstance(edge, Output) else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up, or None."""
        return self._grad  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if value is self:
                raise RuntimeError("grad: a tensor cannot be its own gradient")
            if not isinstance(value, TensorCore):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}")
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {value._data.shape}, the tensor {self._data.shape}"
                )
            if value._data.dtype != self._data.dtype:
                raise RuntimeError(f"assigned grad has dtype {value._data.dtype}, the tensor {self._data.dtype}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without history. Writes through it are noticed when a saved value is read."""
        return detached(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorCore):
            raise TypeError(f"data: expected a tensor, not {type(value).__name__}")
        if self._node is LEAF and value._data.dtype.kind != "f":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point")
        if self._alias is not None and self._alias.base is not None:
            self._alias.base = None
        wrote(self)
        self._data = value._buffer()
        value_alias = alias_of(value)
        if self._alias is not value_alias:
            self._alias.version.count = max(self._alias.version.count, value_alias.version.count)

    def detach(self) -> Tensor:
        """The same memory without history. PyTorch: `detach`."""
        return detached(self)

    def detach_(self) -> Tensor:
        """Forget the history; the tensor becomes a leaf. PyTorch: `detach_`."""
        if self._alias is not None and self._alias.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of self to the `.grad` of every leaf (or of `inputs`) it was computed from.

        `gradient` has self's shape and may be left out for a single element. PyTorch: `Tensor.backward`. Raises
        GraphError if there is no graph, it was freed, or a value it saved was modified.
        """
        if gradient is not None and not isinstance(gradient, TensorCore):
            raise TypeError(f"backward: gradient must be a Tensor or None, not {type(gradient).__name__}")
        if isinstance(inputs, TensorCore):
            inputs = [inputs]
        engine.backward([self], [gradient], retain_graph, create_graph, inputs)

    def retain_grad(self) -> None:
        """Keep `.grad` of this result too. PyTorch: `retain_grad`."""
        edge = edge_of(self)
        if edge is None:
            raise GraphError("can't retain_grad on Tensor that has requires_grad=False")
        if not isinstance(edge, TensorCore):
            hooks_of(edge).retain = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this result."""
        edge = edge_of(self)
        extra = None if edge is None or isinstance(edge, TensorCore) else edge.extra
        hooks = extra and extra.hooks
        return hooks is not None and hooks.retain is not None and hooks.retain() is self

    def graph(self, **options: Any) -> Picture:
        """Draw what this tensor was computed from: values above the arrows, gradients below. Options: `viz.graph`."""
        from minigrad.viz import graph

        return graph(self, **options)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call hook(gradient) when the gradient is computed; what it returns, if anything, replaces it."""
        edge = edge_of(self)
        if edge is None:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
        return add_hook(edge, "tensor", hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call hook(self) after the gradient of this leaf has been added to `.grad`."""
        if self._node is not LEAF:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(self, "accumulated", hook)

    # ---------------------------------------------------------------- memory

    def _buffer(self) -> np.ndarray[Any, Any]:
        """The array, writeable and shared by every tensor over it: a scalar is put into a 0-d array first."""
        data = self._data
        if data.__class__ is not np.ndarray:
            data = self._data = np.array(data)
        return data  # type: ignore[no-any-return]

    def _wrote(self, frame: Any = None) -> None:
        """Tell the engine that the buffer was written from outside, as optimisers do."""
        wrote(self, frame)

    def _check_inplace(self, name: str) -> None:
        check_inplace(self, name)

    @property
    def _version(self) -> int:
        """How often the buffer was written."""
        return 0 if self._alias is None else self._alias.version.count

    @property
    def _base(self) -> Tensor | None:
        """The tensor this is a differentiable view of."""
        return None if self._alias is None else self._alias.base

    def _is_view(self) -> bool:
        return self._base is not None

    # ---------------------------------------------------------------- other libraries

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself, sharing memory. Raises RuntimeError if gradients are required, unless `force`."""
        if not force and self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead, or force=True."
            )
        alias_of(self)
        return self._buffer()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a copy is needed to convert {describe(self)} to {dtype}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return numpy_protocols.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocols.function(function, args, kwargs)

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self._buffer().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._buffer().__dlpack_device__()

    # ---------------------------------------------------------------- copies of the object

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment; use detach() or clone() first"
            )
        out = wrap(_deepcopy(self._data, memo))
        out.__class__ = type(self)
        out._node = self._node
        if self._alias is not None:  # tensors that share one array still know of each other's writes
            out._alias = Alias(memo.setdefault(id(self._alias.version), Version()))
        memo[id(self)] = out
        out._grad = copy.deepcopy(self._grad, memo)
        for name, value in self.__dict__.items():
            if name not in ("hooks", "_accumulator"):
                out.__dict__[name] = copy.deepcopy(value, memo)
        return out

    def __reduce__(self) -> Any:
        extra = {k: v for k, v in self.__dict__.items() if k not in ("hooks", "_accumulator")}
        return _rebuild, (type(self), self._data, self.requires_grad, self._grad, extra)


def _deepcopy(data: Any, memo: dict[int, Any]) -> Any:
    """A copy of the array; views of one buffer are views of one copy of it, as in PyTorch."""
    root = data
    while isinstance(getattr(root, "base", None), np.ndarray):
        root = root.base
    if root is data or not (root.flags.c_contiguous or root.flags.f_contiguous):
        return copy.deepcopy(data, memo)
    buffer, offset = copy.deepcopy(root, memo).ravel("K"), data.ctypes.data - root.ctypes.data
    return np.ndarray(data.shape, data.dtype, buffer, offset, data.strides)


def _rebuild(cls: type[Tensor], data: Any, requires_grad: bool, grad: Any, extra: dict[str, Any]) -> Any:
    out = wrap(data)
    out.__class__ = cls
    out._node = LEAF if requires_grad else None
    out._grad = grad
    out.__dict__.update(extra)
    return out


tie(Tensor, share)


# -------------------------------------------------------------------- making tensors from data


def _plain(data: Any) -> Any:
    """Nested lists with tensors in them as lists of arrays."""
    if isinstance(data, TensorCore):
        return data._data
    if isinstance(data, (list, tuple)) and any(isinstance(d, (TensorCore, list, tuple)) for d in data):
        return [_plain(d) for d in data]
    return data


def _meeting(data: Any) -> np.dtype[Any] | None:
    """The dtype in which the elements of nested lists meet; None if there are none."""
    if isinstance(data, (TensorCore, np.ndarray, np.generic)):
        return raw(data).dtype  # type: ignore[no-any-return]
    if not isinstance(data, (list, tuple)):
        return dtypes.as_numpy(None if isinstance(data, float) else type(data))
    found = None
    for kind in set(map(type, data)):
        if kind is float or kind is int or kind is bool:
            found = dtypes.promote(found, _meeting(kind()))
        else:
            for d in data:
                if type(d) is kind:
                    found = dtypes.promote(found, _meeting(d))
    return found


def _array(data: Any, dtype: Any, name: str) -> Any:
    """A new array of data with the dtype that PyTorch would infer."""
    plain = _plain(list(data) if isinstance(data, range) else data)
    if isinstance(plain, str):
        raise DataError(f"{name}: data must be numbers, nested lists of numbers or arrays, not {data!r:.60}")
    try:
        array = np.array(plain)
    except ValueError as error:
        raise DataError(f"{name}: expected nested lists of equal lengths: {error}") from None
    numbers = not isinstance(plain, (np.ndarray, np.generic))
    if array.dtype.kind not in "biuf" or array.dtype == np.uint64:
        integers = numbers and all(isinstance(n, int) for n in array.astype(object).flat)
        if not integers:
            raise DataError(f"{name}: could not infer dtype of {type(data).__name__} {data!r:.60}; give numbers")
        if dtype is None or dtypes.as_numpy(dtype).kind in "iu":
            raise DataError(f"{name}: Overflow: integers must be of 64 bits, got {data!r:.60}")
    if dtype is None:
        wanted = array.dtype if not numbers else (_meeting(plain) or dtypes.as_numpy(None)) if array.size else None
        wanted = dtypes.as_numpy(wanted)
        if wanted.kind in "iu" and array.dtype.kind == "f" and array.size:  # what NumPy makes of [0, 2**63]
            raise DataError(f"{name}: Overflow: integers must be of 64 bits, got {data!r:.60}")
        return array.astype(wanted, copy=False)
    wanted = dtypes.as_numpy(dtype)
    if numbers and wanted.kind in "iu" and array.size:
        for extreme in (array.min(), array.max()):
            fitting(name, extreme.item(), wanted)
    return array.astype(wanted, copy=False)


def _legacy(data: tuple[Any, ...], dtype: np.dtype[Any], name: str) -> Any:
    """The array of `FloatTensor(data)`, a copy, or of `FloatTensor(2, 3)`, uninitialised."""
    if len(data) != 1 or isinstance(data[0], (int, Size)):
        return np.empty(Size(data[0] if data and isinstance(data[0], Size) else data or (0,)), dtype)
    if isinstance(data[0], (float, str)):
        raise TypeError(f"{name}: data must be a sequence, an array or sizes, got {data[0]!r:.60}; use tensor()")
    return np.array(_array(data[0], dtype, name))


class TensorType:
    """PyTorch's older name for tensors of one dtype: `LongTensor([1, 2])`, `x.type(LongTensor)`, `isinstance(x, LongTensor)`."""

    def __init__(self, name: str, dtype: dtypes.dtype) -> None:
        self.name, self.dtype = name, dtype.numpy

    def __call__(self, *data: Any) -> Tensor:
        return wrap(_legacy(data, self.dtype, self.name))

    def __instancecheck__(self, x: object) -> bool:
        return isinstance(x, TensorCore) and x._data.dtype == self.dtype

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"


HalfTensor, FloatTensor = TensorType("HalfTensor", dtypes.float16), TensorType("FloatTensor", dtypes.float32)
DoubleTensor, BoolTensor = TensorType("DoubleTensor", dtypes.float64), TensorType("BoolTensor", dtypes.boolean)
CharTensor, ByteTensor = TensorType("CharTensor", dtypes.int8), TensorType("ByteTensor", dtypes.uint8)
ShortTensor, IntTensor = TensorType("ShortTensor", dtypes.int16), TensorType("IntTensor", dtypes.int32)
LongTensor = TensorType("LongTensor", dtypes.int64)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of data: numbers, nested lists, arrays. Python floats become the default dtype.

    PyTorch: `tensor`. Raises TypeError for other data, ValueError for ragged lists.
    """
    check_device(device, "tensor")
    array = _array(data, dtype, "tensor")
    out = wrap(array if array.ndim else array[()])
    return out.requires_grad_() if requires_grad else out


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """data as a tensor, sharing memory with an array or being the tensor itself where the dtype allows."""
    check_device(device, "as_tensor")
    if isinstance(data, Tensor):
        return data.to(dtype) if dtype is not None else data
    if isinstance(data, np.ndarray) and data.dtype in dtypes.BY_NUMPY:
        wanted = data.dtype if dtype is None else dtypes.as_numpy(dtype)
        return wrap(data.astype(wanted, copy=False))
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """obj as a tensor: shared where that is possible, or a copy if `copy`. PyTorch: `asarray`.

    Raises ValueError if `copy` is False and memory cannot be shared.
    """
    out = as_tensor(obj, dtype, device)
    shared = out is obj or isinstance(obj, np.ndarray) and np.shares_memory(out._data, obj)
    if copy is False and not shared:
        raise ValueError(f"asarray: cannot share the memory of {describe(obj)} as {out.dtype}; leave copy out")
    out = out.clone() if copy and shared else out.detach() if shared and requires_grad else out
    return out.requires_grad_() if requires_grad else out


def from_numpy(array: np.ndarray[Any, Any], /) -> Tensor:
    """A tensor over the array's own memory: writes to one are seen in the other. PyTorch: `from_numpy`.

    Raises TypeError for anything but an array of a dtype that tensors can hold.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.from_numpy_dtype(array.dtype)
    return wrap(array)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's tensor, or a copy of it. PyTorch: `from_dlpack`."""
    check_device(device, "from_dlpack")
    array = np.from_dlpack(ext_tensor)
    return wrap(np.array(array) if copy else array)


def is_tensor(obj: Any, /) -> bool:
    """Whether obj is a Tensor. PyTorch: `is_tensor`."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements. PyTorch: `numel`."""
    return int(array_of("numel", "input", input).size)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floats. PyTorch: `is_floating_point`."""
    return bool(array_of("is_floating_point", "input", input).dtype.kind == "f")
