from __future__ import annotations

from benchmarks.catalogue import Engine


def need_device(threads: int) -> None:
    """Raise ImportError where tinygrad cannot compile for the CPU."""
    from tinygrad import Device

    try:
        Device[Device.DEFAULT].renderer  # noqa: B018
    except RuntimeError as error:
        raise ImportError(f"tinygrad has {error}: its CPU device needs clang or LLVM") from error


ENGINE = Engine(
    "tinygrad",
    library="tinygrad",
    programs="tinygrad",
    note="steps compiled by `TinyJit` with clang; its CPU device uses one thread whatever is asked for",
    environment={"DEV": "CPU", "TRAINING": "1"},
    setup=need_device,
)
