"""The suites of benchmarks/history, imported as asv does: under the name of their folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _forget() -> None:
    for name in [n for n in sys.modules if n == "history" or n.startswith("history.")]:
        del sys.modules[name]


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Import a module of the suite anew under a profile: ``suite("operations", "quick")``."""

    def imported(module: str, profile: str = "quick") -> ModuleType:
        _forget()
        monkeypatch.setenv("EINBENCH_PROFILE", profile)
        return importlib.import_module(f"history.{module}")

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield imported
    _forget()
