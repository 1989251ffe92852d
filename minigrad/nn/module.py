"""Module: the base of every layer and network. PyTorch: `torch.nn.Module`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar

import minigrad
from minigrad import dtypes
from minigrad.device import Device
from minigrad.hooks import HookTable, RemovableHandle
from minigrad.nn.hooks import Hook, ModuleHooks, call_with_hooks, register
from minigrad.nn.parameter import Parameter, clear_grad
from minigrad.nn.registry import Registry
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.viz.picture import Picture

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
M = TypeVar("M", bound="Module")

EXTRA_STATE = "_extra_state"


class HasForward(Protocol[P, R]):
    """What `Module.__call__` needs to know of a module: with it, a call has the type of the module's own forward."""

    _hooks: ModuleHooks | None

    @property
    def forward(self) -> Callable[P, R]: ...


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it did not expect."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def _forward_unimplemented(self: Module, *input: Any) -> Any:
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


def indent(text: str, spaces: int = 2) -> str:
    """Every line but the first moved to the right; blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


class Module(Registry):
    """Base of layers and networks: parameters, buffers and submodules become known by being assigned as attributes.

    A subclass calls `super().__init__()` first and defines `forward`. Calling the module calls `forward` with the hooks
    around it; type checkers see `forward`'s own signature. PyTorch: `torch.nn.Module`.
    """

    _hooks: ModuleHooks | None = None  # made on an instance by the first hook
    training: bool

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["training"] = True

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self: HasForward[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._hooks is None:
            return self.forward(*args, **kwargs) if kwargs else self.forward(*args)  # type: ignore[call-arg]
        found: R = call_with_hooks(self, self._hooks, args, kwargs)  # type: ignore[arg-type]
        return found

    # ---------------------------------------------------------------- changing everything below

    def apply(self: M, fn: Callable[[Module], None]) -> M:
        """Call `fn` on every submodule, children first, then on this one; give this one back."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Put every parameter, gradient and buffer through `fn`; parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with minigrad.no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    grad, parameter.grad = parameter.grad, None
                    parameter.data = fn(parameter.data)
                    parameter.grad = None if grad is None else fn(grad)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """`to(device)`, `to(dtype)`, `to(tensor)`: convert in place. Only floating-point members change their dtype.

        Raises TypeError for a dtype that is not floating-point.
        """
        dtype = None
        for a in (*args, *kwargs.values()):
            if isinstance(a, Tensor):
                dtype = a.dtype
            elif a is not None and not isinstance(a, (str, bool, Device)):
                dtype = dtypes.from_numpy_dtype(dtypes.as_numpy(a))
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")
        minigrad.empty(0).to(*args, **kwargs)  # raises for what Tensor.to does not take
        return self if dtype is None else self.type(dtype, floating_only=True)

    def type(self: M, dst_type: Any, *, floating_only: bool = False) -> M:
        """Convert every parameter and buffer to a dtype, in place. PyTorch: the same, without `floating_only`."""
        wanted = dtypes.from_numpy_dtype(dtypes.as_numpy(dst_type))
        return self._apply(lambda t: t.to(wanted) if not floating_only or t.dtype.is_floating_point else t)

    def float(self: M) -> M:
        """Convert floating-point parameters and buffers to float32."""
        return self.type(dtypes.float32, floating_only=True)

    def double(self: M) -> M:
        """Convert floating-point parameters and buffers to float64."""
        return self.type(dtypes.float64, floating_only=True)

    def half(self: M) -> M:
        """Convert floating-point parameters and buffers to float16."""
        return self.type(dtypes.float16, floating_only=True)

    def cpu(self: M) -> M:
        """This module: everything lives in the memory of the CPU."""
        return self

    def cuda(self: M, device: Any = None) -> M:
        """Raises RuntimeError: there is no GPU here."""
        return self._apply(lambda t: t.cuda(device))

    def train(self: M, mode: bool = True) -> M:
        """Set training mode here and below; it matters to Dropout and BatchNorm. Raises ValueError unless a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Set evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say whether the parameters here and below want gradients; False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    # ---------------------------------------------------------------- hooks

    def _hook_tables(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns replaces the positional arguments.

        With `with_kwargs`: `hook(module, args, kwargs)`, returning None or `(args, kwargs)`.
        """
        return register(self._hook_tables().forward_pre, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        With `with_kwargs`: `hook(module, args, kwargs, output)`. `always_call` calls it even if forward raised.
        """
        return register(self._hook_tables().forward, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients enter the module; what it returns replaces them."""
        return register(self._hook_tables().backward_pre, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients by the positional inputs are known.

        Tuples with None for what is no tensor; what the hook returns replaces `grad_input`.
        """
        return register(self._hook_tables().backward, Hook(hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's part of a state dict is made."""
        return register(self._hook_tables().state_dict_pre, Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after this module's part was made, to change it."""
        return register(self._hook_tables().state_dict_post, Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before loading."""
        return register(self._hook_tables().load_pre, Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may edit the two lists."""
        return register(self._hook_tables().load_post, Hook(hook))

    def _hooks_for(self, occasion: str) -> list[Callable[..., Any]]:
        table: HookTable = getattr(self._hooks, occasion) if self._hooks is not None else HookTable()
        return [hook.call for hook in table.values()]

    # ---------------------------------------------------------------- state

    def get_extra_state(self) -> Any:
        """What to keep in the state dict beside tensors: a subclass that defines it defines `set_extra_state` too."""
        raise RuntimeError(f"{self._get_name()} has an extra state to load but does not define get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(f"{self._get_name()} has an extra state to save but does not define set_extra_state()")

    def _persistent(self) -> dict[str, Tensor]:
        """This module's own entries of the state dict."""
        buffers = {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}
        members: dict[str, Tensor | None] = {**self._parameters, **buffers}
        return {k: v for k, v in members.items() if v is not None}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Write this module's own entries; a subclass may write others."""
        for name, tensor in self._persistent().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Every parameter and persistent buffer under its dotted name, sharing memory with the module.

        `keep_vars=True` gives the tensors themselves instead of detached ones.
        """
        found = OrderedDict() if destination is None else destination
        for hook in self._hooks_for("state_dict_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(found, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks_for("state_dict_post"):
            if hook(self, found, prefix, {}) is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return found

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Read this module's own entries, adding to the three lists; a subclass may read others."""
        for hook in self._hooks_for("load_pre"):
            hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._persistent()
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_tensor(name, tensor, state_dict[key], key, local_metadata.get("assign", False))
                error_msgs += [error] if error else []
            else:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        wants_extra = type(self).set_extra_state is not Module.set_extra_state
        if wants_extra and extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif wants_extra:
            missing_keys.append(extra)
        elif extra in state_dict:
            unexpected_keys.append(extra)
        for key in state_dict:
            if key.startswith(prefix) and key != extra:
                first, dot, _ = key[len(prefix) :].partition(".")
                if first not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_tensor(self, name: str, own: Tensor, given: Any, key: str, assign: bool) -> str | None:
        """Copy one entry into its place, or put it there. Gives the text of what is wrong with it, if anything."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected minigrad.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
        if own.shape == () and given.shape == (1,):
            given = given[0]
        if given.shape != own.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {own.shape}."
            )
        with minigrad.no_grad():
            if not assign:
                own.copy_(given)
            elif isinstance(own, Parameter):
                given = given if isinstance(given, Parameter) else Parameter(given)
                setattr(self, name, given.requires_grad_(own.requires_grad))
            else:
                setattr(self, name, given)
        return None

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the entries of a state dict into parameters and buffers; gives the missing and unexpected keys.

        Each keeps its own dtype and stays the same object. `assign=True` puts the given tensors themselves in place.
        Raises RuntimeError listing every shape that differs and, if `strict`, every missing and unexpected key;
        TypeError if it is no mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing_keys: list[str] = []
        unexpected_keys: list[str] = []
        error_msgs: list[str] = []
        found = _IncompatibleKeys(missing_keys, unexpected_keys)

        def load(module: Module, entries: dict[str, Any], prefix: str) -> None:
            local_metadata = {"assign": True} if assign else {}
            module._load_from_state_dict(
                entries, prefix, local_metadata, True, missing_keys, unexpected_keys, error_msgs
            )
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in entries.items() if k.startswith(below)}, below)
            for hook in module._hooks_for("load_post"):
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

        load(self, OrderedDict(state_dict), "")
        if strict:
            for kind, keys in (("Unexpected", unexpected_keys), ("Missing", missing_keys)):
                if keys:
                    names = ", ".join(f'"{k}"' for k in keys)
                    error_msgs.insert(0, f"{kind} key(s) in state_dict: {names}. ")
        if error_msgs:
            raise RuntimeError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(self._get_name(), "\n\t".join(error_msgs))
            )
        return found

    # ---------------------------------------------------------------- pictures and text

    def graph(self, *inputs: Any, **options: Any) -> Picture:
        """Draw a run of a copy of this module on these inputs, a card per module; nothing of the module changes.

        Options: `depth`, how deep modules are opened (as deep as gives at most 150 cards); `style`, "book" or "compact"
        draws every operation, "auto" if they are few; others as `viz.graph`, and keyword arguments of forward.
        """
        from minigrad.viz.graph import graph_of_module

        return graph_of_module(self, *inputs, **options)

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the repr shows between the brackets before the submodules; one or several lines."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        inside = "\n  ".join(["", *lines]) + "\n" if lines else ""
        return f"{self._get_name()}({inside})"
