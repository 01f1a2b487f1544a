"""Headless Chromium with the network cut, for the tests of pages that are opened."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: `make report-test` sets it: every other run leaves the browser out
ASKED = "EINBENCH_BROWSER"
#: and this: what is missing is then a failure
REQUIRED = "EINBENCH_REQUIRE_BROWSER"
_WAIT_S = 60.0
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def chromium() -> str | None:
    """The program, as Debian, Ubuntu and Google call it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def left_out() -> str:
    """Why no page is opened here; empty where it is, or must be."""
    if os.environ.get(REQUIRED):
        return ""
    return missing() if os.environ.get(ASKED) else f"make report-test opens pages ({ASKED}=1)"


def missing() -> str:
    """What there is not, empty where the browser can be started."""
    for module in ("selenium", "axe_playwright_python", "altair", "vl_convert"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: make report-test installs it"
    if chromium() is None or shutil.which("chromedriver") is None:
        return "there is no Chromium or no driver: apt-get install chromium chromium-driver"
    return ""


class Browser:
    """One Chromium: pages opened from disk, and what it had to say of them."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, path: Path, at: str = "", width: int = 1280, dark: bool = False) -> None:
        """The page, once its script has run."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get("about:blank")  # the same address with another hash loads nothing
        self.said()
        self.driver.get(f"{path.as_uri()}{at}")
        self.wait("return document.documentElement.dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: Any) -> Any:
        """What a script returns once that is true."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            if found := self.run(script, *arguments):
                return found
            time.sleep(0.05)
        pytest.fail(f"never true: {script}")

    def draw_all(self) -> None:
        """Open what is folded and show every chart once."""
        self.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        for number in range(self.run("return document.querySelectorAll('figure').length")):
            self.wait(
                "const f = document.querySelectorAll('figure')[arguments[0]];"
                "if (f.offsetParent === null || f.dataset.drawn) return true;"
                "f.scrollIntoView({block: 'center'}); return false;",
                number,
            )

    def said(self) -> tuple[list[str], list[str]]:
        """(errors of the console, addresses that were asked for) since the last call."""
        errors = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
        ]
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return errors, asked

    def downloaded(self, name: str) -> str:
        """The text of a file that a click began to save."""
        path = self.downloads / name
        self._until(lambda: path.exists() and not list(self.downloads.glob("*.crdownload")))
        return path.read_text("utf-8")

    @staticmethod
    def _until(true: Callable[[], bool]) -> None:
        end = time.monotonic() + _WAIT_S
        while not true():
            if time.monotonic() > end:
                pytest.fail("nothing was downloaded")
            time.sleep(0.05)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of all these tests."""
    if reason := missing():
        pytest.fail(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium())
    for argument in (*_ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    allowed = {"behavior": "allow", "downloadPath": str(downloads)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    yield Browser(driver, downloads)
    driver.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text("utf-8")
