"""The comparison with peers, as `make peers-step` runs it, and its rooms for single tests."""

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
def room() -> Iterator[Callable[[str], ModuleType]]:
    """``room("agreement")`` is benchmarks/peers/agreement.py."""
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

    def records(self, contender: str) -> list[dict[str, Any]]:
        return [r for r in self.document["records"] if r["contender"] == contender]


Command = Callable[..., Run]


@pytest.fixture
def step(tmp_path: Path) -> Command:
    """``step("--batch", "4", ...)`` runs the command; ``mine`` is the code of a module of ours."""
    return _command("peers.step", tmp_path)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """As ``step``; all tests of a module have one document, which each run writes anew."""
    return _command("peers.board", tmp_path_factory.mktemp("board"))


def _command(module: str, folder: Path) -> Command:
    def run(*arguments: str, mine: str = "") -> Run:
        (folder / "mine.py").write_text(mine, encoding="utf-8")
        paths = filter(None, [str(folder), os.environ.get("PYTHONPATH")])
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths), "EINBENCH_WISDOM": str(folder / "wisdom"),
        }  # fmt: skip
        output = folder / "found.json"
        done = subprocess.run(
            [sys.executable, "-m", module, str(output), *arguments],
            cwd=BENCHMARKS, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
        return Run(done.returncode, done.stdout, done.stderr, found)

    return run
