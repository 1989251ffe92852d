"""One Chromium for all the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.viz.browser import Browser, start


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium with a fresh profile; the test is skipped without it."""
    yield from start(tmp_path_factory.mktemp("profile"))
