"""A folder of wisdom for each test, and benches on a fake clock."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import einbench
from einbench import registry
from einbench.choose import beside, effort, measuring
from einbench.host import background
from einbench.measure import timed


def _support() -> Any:
    """The module choose_support.py of this folder, which is on no path."""
    path = Path(__file__).with_name("choose_support.py")
    spec = importlib.util.spec_from_file_location("choose_support", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["choose_support"] = module
    spec.loader.exec_module(module)
    return module


SUPPORT = _support()


@pytest.fixture(autouse=True)
def _no_bench_left() -> Iterator[None]:
    """Other tests count the operations there are."""
    before = set(registry.operations)
    yield
    for name in set(registry.operations) - before:
        registry.forget(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's wisdom lies; not made yet."""
    path = tmp_path / "wisdom"
    monkeypatch.setenv("EINBENCH_WISDOM", str(path))
    return path


@pytest.fixture
def start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a bench: ``start(loop=2e-3, quick=1e-3)``, seconds a row, simplest first."""
    # on a fake clock a pause takes no time, and there would be hundreds
    monkeypatch.setattr(timed, "PRECEDING", {})

    def make(facts: dict[str, Any] | None = None, **seconds: Any) -> Any:
        bench = SUPPORT.Bench(**(facts or {}))
        for method, of_it in seconds.items():
            bench.kernel(method, of_it)
        return bench

    return make


@pytest.fixture
def auto(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """einbench.auto as in a process that has just started, and quick; nothing compiles.

    Kernels are checked once a process and calls are timed alone.
    """
    beside._TODO.clear()
    background.wait()
    quick = {rigor: (1e-3, 1, *rest[2:]) for rigor, rest in effort.BUDGETS.items()}
    monkeypatch.setattr(effort, "BUDGETS", quick)
    monkeypatch.setattr(measuring, "check_small", SUPPORT.checked_once)
    monkeypatch.setattr(timed, "PRECEDING", {})
    einbench.auto.refresh()
    yield einbench.auto
    monkeypatch.undo()
    einbench.auto.refresh("measure")
