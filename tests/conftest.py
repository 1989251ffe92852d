"""Hypothesis profiles, and what decides whether tests may be skipped."""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A developer's loop: few examples, another seed every time, so that many runs see much.
settings.register_profile("quick", max_examples=20, deadline=None)
# Deeper, and the same examples in every run: what fails in CI fails again at home with HYPOTHESIS_PROFILE=ci.
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
in_ci = os.environ.get("CI", "").lower() in ("1", "true")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if in_ci else "quick"))

# What tests start as another process uses this checkout too, from any folder, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)

# In CI a skipped test is a failure: "torch" says so of the comparisons with PyTorch, "tools" of all other tests.
REQUIRED = os.environ.get("MINIGRAD_REQUIRE", "").split(",")


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch, to compare with; without it the test is skipped."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the marker `torch` on every test that may skip for want of PyTorch, so that `-m torch` selects them."""
    sources: dict[Any, bool] = {}
    for item in items:
        module = getattr(item, "module", None)
        if module not in sources:
            sources[module] = module is not None and 'importorskip("torch"' in inspect.getsource(module)
        if sources[module] or "torch" in getattr(item, "fixturenames", ()):
            item.add_marker("torch")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where MINIGRAD_REQUIRE asks for it."""
    report = yield
    kind = "torch" if item.get_closest_marker("torch") is not None else "tools"
    if kind in REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although MINIGRAD_REQUIRE={kind}: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that is skipped while it is imported."""
    report = yield
    kind = "torch" if "torch" in str(report.longrepr).lower() else "tools"
    if kind in REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, although MINIGRAD_REQUIRE={kind}: {report.longrepr}"
    return report
