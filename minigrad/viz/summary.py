"""The table of a network's layers: shapes, parameters, multiplications, memory. PyTorch: the package torchinfo."""

from __future__ import annotations

import contextlib
import copy
import math
import random as standard_random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import minigrad
from minigrad import modes, random
from minigrad.function import TensorCore, clock
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor
from minigrad.viz.table import COLUMNS, ROWS, Layout


def summary(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: Any = None,
    dtypes: Sequence[Any] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: Any,
) -> ModelStatistics:
    """The layers of `model` in the order of their calls, as a table; printed unless `verbose` is 0. torchinfo: the same.

    The model runs once, on random numbers of `input_size` (a shape with the batch, or a list of shapes, of `dtypes`) or
    on `input_data` (a tensor, a list of arguments or a dict of them), with `kwargs`, in `mode` "eval" (default) or
    "train". Without an input only the parameters are listed. Nothing of the model changes, unless its own `forward` writes
    into parameters.

    `col_names` are any of "input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds",
    "trainable", "kept_size"; `row_settings` of "depth", "var_names", "ascii_only", "hide_recursive_layers"; `depth` is
    the number of levels shown. `verbose=2` adds a line for each weight. `cache_forward_pass` is accepted and ignored.

    The numbers are torchinfo's, but a parameter that several layers share counts once, parameters held by a container
    count into the size too, and `kept_size`, what the layers keep for the backward pass, is new.

    Raises RuntimeError for both kinds of input or when the forward pass fails, ValueError for what is no setting or a
    size below 1, TypeError for sizes that are no tuple or list.
    """
    if input_size is not None and input_data is not None:
        raise RuntimeError("summary: only one of (input_data, input_size) should be specified")
    has_input = input_size is not None or input_data is not None
    if device is not None:
        minigrad.device(device)  # raises for what is no device
    layout = Layout(
        columns=_settings("col_names", col_names, COLUMNS, ("output_size", "num_params", "params_percent")),
        rows=_settings("row_settings", row_settings, ROWS, ("depth",)),
        col_width=col_width,
        depth=depth,
        verbose=(0 if getattr(sys, "ps1", None) else 1) if verbose is None else verbose,
    )
    needs_input = {"input_size", "output_size", "mult_adds", "kept_size"} & set(layout.columns)
    if not has_input and needs_input:
        if col_names is not None:
            raise ValueError(f"summary: give input_data or input_size for the columns {sorted(needs_input)}")
        layout.columns = tuple(name for name in layout.columns if name not in needs_input)
    if mode not in (None, "train", "eval"):
        raise ValueError(f"summary: mode must be 'train' or 'eval', got {mode!r}")

    with random.fork_rng():  # the input is drawn too
        args, named = _inputs(input_size, input_data, batch_dim, dtypes)
        if has_input:
            layers = _run(model, args, {**named, **kwargs}, training=mode == "train")
        else:
            layers = [LayerInfo(place) for place in _places(model)]
    result = ModelStatistics(_complete(layers), [*args, *named.values()] if has_input else None, layout)
    if layout.verbose:
        print(result)
    return result


class ModelStatistics:
    """What `summary` found; its text is the table."""

    def __init__(self, summary_list: list[LayerInfo], inputs: Any, layout: Layout) -> None:
        leaves = [layer for layer in summary_list if layer.is_leaf_layer]
        owned = [p for layer in summary_list for p in layer.owned]
        self.summary_list = summary_list
        self.layout = layout
        self.input_size: Any = None if inputs is None else [tuple(t.shape) for t in _tensors(inputs)]
        self.total_params = sum(p.numel() for p in owned)
        self.trainable_params = sum(p.numel() for p in owned if p.requires_grad)
        self.total_param_bytes = sum(_bytes(p) for p in owned)
        self.total_mult_adds = sum(layer.macs for layer in leaves)
        self.total_input = 0 if inputs is None else sum(_bytes(t) for t in _tensors(inputs))
        self.total_output_bytes = sum(2 * layer.output_bytes for layer in leaves if layer.num_params)  # gradients too
        self.total_kept_bytes = summary_list[0].kept_bytes if summary_list else 0

    def __repr__(self) -> str:
        return self.layout.text(self)


class Place:
    """Where a module stands in the model."""

    def __init__(self, name: str, module: Module, depth: int, parent: Place | None) -> None:
        self.name, self.module, self.depth, self.parent = name, module, depth, parent

    def containers(self) -> list[Place]:
        """The modules around it, outermost first, without the model itself."""
        found = []
        place = self.parent
        while place is not None and place.depth > 0:
            found.append(place)
            place = place.parent
        return found[::-1]


class LayerInfo:
    """One line of the table: one call of a module, or a container that is not called itself."""

    def __init__(self, place: Place) -> None:
        module = place.module
        self.place = place
        self.module = module
        self.var_name = place.name
        self.class_name = type(module).__name__
        self.depth = place.depth
        self.depth_index = 0
        self.is_leaf_layer = not any(True for _ in module.children())
        self.is_recursive = False  # the module has an earlier line
        self.children: list[LayerInfo] = []
        self.executed = False
        self.input_size: list[int] = []
        self.output_size: list[int] = []
        self.output_bytes = 0
        self.kept_bytes = 0  # for the backward pass, by itself and what it contains
        self.begin = self.end = 0  # nodes with numbers between are its own
        kernel = getattr(module, "kernel_size", None)
        self.kernel_size = list(kernel) if isinstance(kernel, Iterable) else kernel
        self.parameters = dict(module.named_parameters())
        self.num_params = sum(p.numel() for p in self.parameters.values())
        self.param_bytes = sum(_bytes(p) for p in self.parameters.values())
        self.trainable_params = sum(p.numel() for p in self.parameters.values() if p.requires_grad)
        self.owned: list[Parameter] = []  # the parameters that count in this line
        self.macs = 0

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    @property
    def trainable(self) -> str:
        """ "True", "False", "Partial", or "--" without parameters."""
        if not self.num_params:
            return "--"
        return "Partial" if 0 < self.trainable_params < self.num_params else str(self.trainable_params > 0)

    def own_params(self, with_children: bool) -> int:
        """The parameters that count here, or here and below."""
        layers = [self, *self.children] if with_children else [self]
        return sum(p.numel() for layer in layers for p in layer.owned)

    def finish(self, inputs: Any, outputs: Any) -> None:
        """Note what went in and came out; count the multiplications as torchinfo does."""
        self.input_size, _ = _size(inputs)
        self.output_size, itemsize = _size(outputs)
        self.output_bytes = itemsize * math.prod(self.output_size)
        self.executed = True
        batch = self.output_size[0] if self.output_size else 1
        places = batch * math.prod(self.output_size[2:])  # a convolution uses its weights at each
        steps = math.prod(self.output_size[:2])  # a recurrent layer, whose weights have longer names, at each of these
        for name, parameter in self.parameters.items():
            if name in ("weight", "bias"):
                self.macs += parameter.numel() * (places if "Conv" in self.class_name else batch)
            elif "weight" in name or "bias" in name:
                self.macs += parameter.numel() * steps


# -------------------------------------------------------------------- running the model


def _inputs(input_size: Any, input_data: Any, batch_dim: int | None, dtypes: Any) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments for one call."""
    if isinstance(input_data, Mapping):
        return [], {name: _as_tensors(value) for name, value in input_data.items()}
    if input_data is not None:
        data = _as_tensors(input_data)
        return (list(data) if isinstance(data, (list, tuple)) else [data]), {}
    if input_size is None:
        return [], {}
    if not isinstance(input_size, (tuple, list)):
        raise TypeError(f"summary: input_size must be a tuple or a list of them, got {type(input_size).__name__}")
    sizes = list(input_size) if input_size and isinstance(input_size[0], (tuple, list)) else [input_size]
    if any(n <= 0 for size in sizes for n in size) or not input_size:
        raise ValueError(f"summary: sizes must be at least 1, got input_size={input_size}")
    args = []
    for size, dtype in zip(sizes, dtypes or [minigrad.float32] * len(sizes), strict=True):
        x = minigrad.rand(*size)
        args.append((x if batch_dim is None else x.unsqueeze(batch_dim)).to(dtype))
    return args, {}


def _as_tensors(data: Any) -> Any:
    """The same structure with tensors for arrays."""
    if isinstance(data, np.ndarray):
        return minigrad.from_numpy(data)
    if isinstance(data, (list, tuple)) and not hasattr(data, "_fields"):
        return type(data)(map(_as_tensors, data))
    return data


def _places(model: Module) -> list[Place]:
    """Every place of the tree of modules, a module that stands at several of them each time, in order."""
    found = []
    stack = [Place(type(model).__name__, model, 0, None)]
    while stack:
        place = stack.pop()
        found.append(place)
        stack += [
            Place(name, module, place.depth + 1, place)
            for name, module in reversed(place.module._modules.items())
            if module is not None
        ]
    return found


def _run(model: Module, args: list[Any], kwargs: dict[str, Any], training: bool) -> list[LayerInfo]:
    """Call the model once; a line for each call of a module in it."""
    calls: list[LayerInfo] = []
    with _untouched(model):
        model.train(training)
        for place in {id(place.module): place for place in _places(model)}.values():
            _watch(place, calls)
        try:
            with modes.enable_grad():
                outputs = model(*args, **kwargs)
        except Exception as error:
            done = [layer for layer in calls if layer.executed]
            raise RuntimeError(
                f"summary: the forward pass of {type(model).__name__} failed: {error}\n"
                f"layers that ran: {done}; input sizes: {[tuple(t.shape) for t in _tensors([args, kwargs])]}"
            ) from error
        constants = [*model.parameters(), *model.buffers(), *_tensors([args, kwargs])]
        _count_kept(outputs, {_owner(t._data) for t in constants}, calls)
    return calls


def _watch(place: Place, calls: list[LayerInfo]) -> None:
    running: list[LayerInfo] = []

    def before(module: Module, inputs: Any) -> None:
        layer = LayerInfo(place)
        layer.begin = clock()
        calls.append(layer)
        running.append(layer)

    def after(module: Module, inputs: Any, outputs: Any) -> None:
        layer = running.pop()
        layer.end = clock()
        layer.finish(inputs, outputs)

    place.module.register_forward_pre_hook(before)
    place.module.register_forward_hook(after)


@contextlib.contextmanager
def _untouched(model: Module) -> Iterator[None]:
    """What the block does to the modules' modes, hooks, buffers and attributes, and to random states, is undone after it.

    The block works on copies of the buffers, so that the buffers' write counters stay as they are too, and of lists,
    dicts and generators. Parameters are not copied. (A copy of the whole model would not do: it cannot be made of a
    model that holds a tensor with a graph, an output that it remembers.)
    """
    modules = list(model.modules())
    before = [dict(vars(module)) for module in modules]
    states = standard_random.getstate(), np.random.get_state()
    copies: dict[int, Any] = {}

    def copied(value: Any) -> Any:
        """One copy of each, so that what modules share stays shared."""
        if id(value) not in copies:
            if isinstance(value, Tensor):
                copies[id(value)] = value.detach().clone()
            elif isinstance(value, random.Generator):
                copies[id(value)] = value.clone_state()
            else:
                copies[id(value)] = copy.copy(value)
        return copies[id(value)]

    try:
        for module in modules:
            fields = vars(module)
            for name, value in fields.items():
                if isinstance(value, (list, dict, set, random.Generator)):
                    fields[name] = copied(value)
            fields["_buffers"] = {name: b if b is None else copied(b) for name, b in module._buffers.items()}
            fields["_hooks"] = _hooks_of_its_own(module)
        yield
    finally:
        for module, fields in zip(modules, before, strict=True):
            vars(module).clear()
            vars(module).update(fields)
        standard_random.setstate(states[0])
        np.random.set_state(states[1])


def _hooks_of_its_own(module: Module) -> Any:
    """New tables with the module's hooks, to which more may be added."""
    from minigrad.nn.hooks import ModuleHooks

    new = ModuleHooks()
    for name, table in vars(module._hooks).items() if module._hooks is not None else ():
        getattr(new, name).update(table)
    return new


# -------------------------------------------------------------------- sizes


def _tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a structure of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)


def _size(value: Any) -> tuple[list[int], int]:
    """Shape and bytes per element of what stands for a layer's inputs or outputs: the first tensor, a dict's last."""
    if isinstance(value, Mapping):
        value = list(value.values())[-1:]
    first = next(_tensors(value), None)
    return ([], 0) if first is None else (list(first.shape), first.dtype.itemsize)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.dtype.itemsize


def _owner(data: Any) -> int:
    """Which buffer an array lives in, by the id of the array that owns it."""
    while isinstance(data, np.ndarray) and isinstance(data.base, np.ndarray):
        data = data.base
    return id(data)


def _count_kept(outputs: Any, constants: set[int], calls: list[LayerInfo]) -> None:
    """Add to each layer the bytes that the graph of `outputs` keeps for it; what two layers keep, the first has."""
    nodes = {}
    stack = [t.grad_fn for t in _tensors(outputs)]
    while stack:
        node = stack.pop()
        if node is not None and not isinstance(node, TensorCore) and node.number not in nodes:
            nodes[node.number] = node
            stack += node.edges
    seen = set(constants)
    for number in sorted(nodes):
        for data in _arrays(nodes[number].saved):
            owner = _owner(data)
            if owner not in seen:
                seen.add(owner)
                for layer in calls:
                    if layer.begin < number < layer.end:
                        layer.kept_bytes += data.nbytes


def _arrays(saved: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays among what a node saved."""
    if isinstance(saved, TensorCore):
        saved = saved._data
    if isinstance(saved, np.ndarray):
        yield saved
    elif isinstance(saved, (list, tuple)):
        for part in saved:
            yield from _arrays(part)


# -------------------------------------------------------------------- the list of lines


def _complete(calls: list[LayerInfo]) -> list[LayerInfo]:
    """The lines with the containers that are not called, numbers, children, and each parameter in one of them."""
    layers: list[LayerInfo] = []
    around: dict[int, Module] = {}
    for call in calls:
        for place in call.place.containers():
            if around.get(place.depth) is not place.module:
                layers.append(LayerInfo(place))
                around[place.depth] = place.module
        around = {depth: module for depth, module in around.items() if depth < call.depth}
        around[call.depth] = call.module
        layers.append(call)

    seen: set[int] = set()
    counts: dict[int, int] = {}
    for i, layer in enumerate(layers):
        layer.is_recursive = id(layer.module) in seen
        seen.add(id(layer.module))
        layer.depth_index = counts[layer.depth] = counts.get(layer.depth, 0) + 1
        end = next((k for k in range(i + 1, len(layers)) if layers[k].depth <= layer.depth), len(layers))
        layer.children = layers[i + 1 : end]
    _own([layer for layer in layers if layer.is_leaf_layer])
    taken = {id(p) for layer in layers for p in layer.owned}
    _own([layer for layer in reversed(layers) if not layer.is_leaf_layer], taken)
    return layers


def _own(layers: list[LayerInfo], taken: set[int] | None = None) -> None:
    """Give each parameter to the first layer that has it."""
    taken = set() if taken is None else taken
    for layer in layers:
        layer.owned = [p for p in layer.parameters.values() if id(p) not in taken]
        taken |= {id(p) for p in layer.owned}


def _settings(
    what: str, given: Iterable[str] | None, known: Iterable[str], default: tuple[str, ...]
) -> tuple[str, ...]:
    chosen = default if given is None else tuple(given)
    for name in chosen:
        if name not in known:
            raise ValueError(f"summary: {name!r} is none of the {what}: {', '.join(known)}")
    return chosen
