"""Devices: there is one, the CPU. The names exist so that device-agnostic programs run unchanged."""

from __future__ import annotations

from typing import Any


class Device:
    """A device, as `torch.device`; only 'cpu' can hold tensors."""

    __slots__ = ("index", "type")
    index: int | None
    type: str

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index
        name, colon, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "mps", "meta") or (colon and not number.isdecimal()):
            raise RuntimeError(f"device: expected cpu, cuda, mps or meta, or one of them with a number, got {type!r}")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (self.type, self.index)


CPU = Device("cpu")


class NoDevice(RuntimeError, AssertionError):
    """A device that is not there. PyTorch raises the one or the other, depending on how it was compiled."""


def check_device(device: Any, name: str) -> None:
    """Raise NoDevice, a RuntimeError, unless device is None or the CPU."""
    if device is not None and Device(device).type != "cpu":
        raise NoDevice(f"{name}: minigrad runs on the CPU; device {str(device)!r} is not available. Use device='cpu'.")
