"""Headless Chromium for the tests, by selenium: pages opened, stepped, looked at, and listened to."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)

# Every visible text, its contrast with what is painted behind it. In an SVG that is the last shape below its middle.
CONTRASTS = """
const rgb = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
const clear = c => c == 'none' || c == 'transparent' || rgb(c)[3] === 0
const light = c => { const [r, g, b] = rgb(c).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  return .2126 * r + .7152 * g + .0722 * b }
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05) }
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!clear(c)) return c }
  return 'rgb(255, 255, 255)' }
const found = []
for (const svg of document.querySelectorAll('svg')) {
  const parts = [...svg.querySelectorAll('text, ellipse, circle, rect, polygon, path')]
  parts.forEach((t, i) => {
    const style = getComputedStyle(t)
    if (t.tagName != 'text' || !t.checkVisibility({visibilityProperty: true}) || !t.textContent.trim()) return
    const b = t.getBoundingClientRect(), x = (b.left + b.right) / 2, y = (b.top + b.bottom) / 2
    let back = behind(svg)
    for (const s of parts.slice(0, i)) {
      const c = getComputedStyle(s).fill, r = s.getBoundingClientRect()
      if (s.tagName != 'text' && !clear(c) && r.left <= x && x <= r.right && r.top <= y && y <= r.bottom) back = c
    }
    found.push([t.textContent, ratio(style.fill, back)])
  })
}
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement
  if (!walk.currentNode.data.trim() || e.closest('svg, script, style') || !e.checkVisibility({visibilityProperty: true})) continue
  found.push([walk.currentNode.data, ratio(getComputedStyle(e).color, behind(e))])
}
return found
"""


class Browser:
    """One Chromium. `driver` is selenium's."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> None:
        """Load a file in a window of this width, in light or dark mode, with or without JavaScript."""
        command = self.driver.execute_cdp_cmd
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        command("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})
        command("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(page.as_uri())

    def requests(self) -> list[str]:
        """Everything asked for since the last call, by address."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def console(self) -> list[str]:
        """What the console says, violations of the content security policy among it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def run(self, script: str, *args: Any) -> Any:
        """The value of a JavaScript function's body."""
        return self.driver.execute_script(script, *args)

    def click(self, id: str) -> None:
        self.driver.find_element("id", id).click()

    def press(self, *keys: str) -> None:
        """Type into whatever has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def text(self, id: str) -> str:
        return str(self.driver.find_element("id", id).text)

    def picture(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))


def start(profile: Path) -> Iterator[Browser]:
    """A Chromium with a fresh profile; skips the test where it, its driver or selenium is missing."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium and its chromedriver are not installed (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    try:
        yield Browser(found)
    finally:
        found.quit()


def check_contrast(browser: Browser, at_least: int = 10) -> None:
    """Every text that is visible now, at least so many, stands out by 4.5 or more (WCAG AA)."""
    contrasts = browser.run(CONTRASTS)
    assert len(contrasts) >= at_least
    low = [(text, round(ratio, 2)) for text, ratio in contrasts if ratio < 4.5]
    assert not low, low


def data_of(text: str) -> dict[str, Any]:
    """The start and the steps in the text of a page."""
    found = re.search(r'<script type="application/json" id="steps">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))
