"""Helpers of this folder, which is on no path, as fixtures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from .suite_run import ROOT, Finished, collected, run


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Finished]:
    return lambda *arguments, **named: run(*arguments, folder=tmp_path, **named)


@pytest.fixture
def ids(tmp_path: Path) -> Callable[..., list[str]]:
    return lambda *arguments, **named: collected(*arguments, folder=tmp_path, **named)


@pytest.fixture
def provenance() -> ModuleType:
    path = ROOT / "benchmarks" / "ci" / "provenance.py"
    spec = importlib.util.spec_from_file_location("provenance", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
