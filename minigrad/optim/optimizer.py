"""Optimizer: the base of all optimisers. PyTorch: `torch.optim.Optimizer`."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from minigrad.function import user_frame
from minigrad.memory import stamp
from minigrad.modes import enable_grad
from minigrad.nn.parameter import clear_grad
from minigrad.tensor import Tensor, tensor, wrap

ndarray = np.ndarray  # NumPy's module is slow to look into
Array: TypeAlias = "np.ndarray[Any, Any]"
Group: TypeAlias = dict[str, Any]
Parameters: TypeAlias = "Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]"


class Optimizer:
    """Changes parameters by their gradients. PyTorch: the same.

    `param_groups` lists dictionaries, each with its `params` and the options of the subclass, read anew at every step;
    `state` maps a parameter to what is kept for it. A subclass defines `_update(group)`, or `step` itself.
    `params` is an iterable of tensors, of (name, tensor) pairs, or of dictionaries with `params` and options that differ
    from `defaults`. Raises TypeError or ValueError for anything else, and for tensors that are results or given twice.
    """

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"a single {type(params).__name__}; put it into a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._scratch: dict[Any, Array] = {}
        self._opt_called = False
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own; options left out are the defaults. Raises as the constructor."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        if len(set(map(id, params))) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each step will change them as often "
                "as they occur; in future, this will cause an error",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with names' if names else 'without names'} to the optimizer"
                )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    # ---------------------------------------------------------------- stepping

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros. A parameter without one is left as it is."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                else:
                    clear_grad(p, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient, in place. `closure` computes the loss anew; its result is given."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._opt_called = True  # schedulers warn if they are stepped before it
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: Group) -> None:
        """Change the parameters of one group, on arrays."""
        raise NotImplementedError

    def _live(self, group: Group) -> Iterator[tuple[Tensor, Array, Array, Array]]:
        """The parameters that have a gradient: each with its array, the gradient's, and scratch of the same shape.

        The gradient is that of `maximize` and of a coupled `weight_decay`, if the group asks for them; the caller must
        write neither into it nor, unless it is the scratch itself, keep it.
        """
        maximize, decay = group["maximize"], float(group["weight_decay"])
        if group.get("decoupled_weight_decay"):
            decay = 0.0
        frame = user_frame()
        code, at = frame.f_code, frame.f_lasti
        known = self._scratch
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            array, grad = p._data, grad._data
            if array.__class__ is not ndarray:
                array = p._buffer()
            work = known.get((array.shape, array.dtype, ""))
            if work is None:
                work, known = self.scratch(array), self._scratch
            if maximize:
                grad = np.negative(grad, out=self.scratch(array, "gradient"))
            if decay:
                np.multiply(array, decay, out=work)
                grad = np.add(grad, work, out=self.scratch(array, "gradient"))
            yield p, array, grad, work
            stamp(p, code, at)

    def scratch(self, like: Array, purpose: str = "") -> Array:
        """An array of this shape and dtype to write into: the same memory for all parameters, so that it stays cached."""
        key = like.shape, like.dtype, purpose
        found = self._scratch.get(key)
        if found is None:
            whole = self._scratch.get(key[1:])
            if whole is None or whole.size < like.size:
                self._scratch = {k: v for k, v in self._scratch.items() if k[-2:] != key[1:]}
                whole = self._scratch[key[1:]] = np.empty(like.size, like.dtype)
            found = self._scratch[key] = whole[: like.size].reshape(like.shape)
        return found

    # ---------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {index: {...}}, "param_groups": [...]}`, parameters as indices: PyTorch's structure."""
        params = list(chain.from_iterable(group["params"] for group in self.param_groups))
        index = {id(p): i for i, p in enumerate(params)}
        return {
            "state": {index[id(p)] if isinstance(p, Tensor) else p: entry for p, entry in self.state.items()},
            "param_groups": [
                {**group, "params": [index[id(p)] for p in group["params"]]} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a copy of what `state_dict` gave, tensors in the dtype of their parameter.

        Options it lacks keep their defaults. Raises ValueError if the numbers of groups or parameters differ.
        """
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, the optimizer has {len(self.param_groups)}"
            )
        for new, own in zip(saved, self.param_groups, strict=True):
            if len(new["params"]) != len(own["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"{len(new['params'])} parameters instead of {len(own['params'])}"
                )
        owner = dict(
            zip(
                chain.from_iterable(group["params"] for group in saved),
                chain.from_iterable(group["params"] for group in self.param_groups),
                strict=True,
            )
        )
        self.state = defaultdict(dict)
        for i, entry in state_dict["state"].items():
            if i in owner:
                self.state[owner[i]] = {k: self._restored(v, k, owner[i]) for k, v in entry.items()}
            else:
                self.state[i] = deepcopy(entry)
        names = [{"param_names": own["param_names"]} if "param_names" in own else {} for own in self.param_groups]
        self.param_groups = [
            {**self.defaults, **name, **new, "params": own["params"]}
            for name, new, own in zip(names, saved, self.param_groups, strict=True)
        ]

    def _restored(self, value: Any, key: str, param: Tensor) -> Any:
        """A copy of one loaded value: tensors follow the parameter's dtype, but for the number of steps."""
        if key == "step":
            return value.detach().clone() if isinstance(value, Tensor) else steps(value)
        if isinstance(value, Tensor):
            return wrap(value.detach()._buffer().astype(param._data.dtype, order="C"))
        return deepcopy(value)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._scratch = {}
        self._opt_called = False

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {i}\n")
            lines += [f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params"]
        return f"{type(self).__name__} ({''.join(lines)})"


def steps(count: float = 0.0) -> Tensor:
    """A number of steps as PyTorch keeps it: a 0-d tensor of the default dtype."""
    return tensor(float(count))


def advance(count: Tensor) -> float:
    """Add 1 to a number of steps, in place, and give it."""
    buffer = count._buffer()
    now = float(buffer) + 1
    buffer.fill(now)
    return now


@lru_cache(maxsize=256)
def scalar(value: float, dtype: np.dtype[Any]) -> Array:
    """A number as a 0-d array: NumPy takes half as long to multiply a small array by it as by a Python float."""
    found = np.array(value, dtype)
    found.flags.writeable = False
    return found


def at_least_zero(name: str, value: Any) -> None:
    """Raise ValueError for an option below 0 or NaN."""
    if not value >= 0:
        raise ValueError(f"Invalid {name}: {value}")


def not_differentiable(differentiable: bool) -> None:
    """Raise NotImplementedError if gradients through the step itself are asked for."""
    if differentiable:
        raise NotImplementedError(
            "differentiable=True: steps are made in place on arrays, without a graph; write the update with tensor "
            "operations and autograd.grad(..., create_graph=True) to differentiate through it"
        )
