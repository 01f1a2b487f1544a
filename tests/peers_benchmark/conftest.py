"""The comparison with peers, as `make peers` runs it, and its modules for single tests."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def module() -> Iterator[Callable[[str], ModuleType]]:
    """``module("ratio")`` is benchmarks/peers/ratio.py."""
    sys.path.insert(0, str(BENCHMARKS))
    yield lambda name: importlib.import_module(f"peers.{name}")
    sys.path.remove(str(BENCHMARKS))
    for name in [n for n in sys.modules if n == "peers" or n.startswith("peers.")]:
        del sys.modules[name]


@dataclass(frozen=True)
class Run:
    """What a run said, and what it wrote."""

    status: int
    out: str
    errors: str
    document: dict[str, Any]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """``board("--batch", "4", ...)`` runs the command; all of a module's write one document."""
    folder = tmp_path_factory.mktemp("board")

    def run(*arguments: str) -> Run:
        environment = {**os.environ, "EINBENCH_WISDOM": str(folder / "wisdom")}
        output = folder / "found.json"
        done = subprocess.run(
            [sys.executable, "-m", "peers.board", str(output), *arguments],
            cwd=BENCHMARKS, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
        return Run(done.returncode, done.stdout, done.stderr, found)

    return run
