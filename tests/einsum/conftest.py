"""What tests of einsum share: a rule picks kernels; choices of a test's own; stand-in libraries."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from einbench.choose import environment
from einbench.einsum import preparing


@pytest.fixture(autouse=True)
def _chosen_by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EINBENCH_WISDOM", "off")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's choices are remembered; nothing was chosen before."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    environment.refresh()
    yield tmp_path / "wisdom"
    environment.refresh()


@pytest.fixture
def compiled_machine() -> None:
    """The machine of float64 is there: while it is not, calls it may be best at choose nothing."""
    preparing.preparing(np.dtype("float64")).wait(None)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``stand_in("opt_einsum", source)``: a module of that name, found before one installed.

    Processes that are started later import it.
    """
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def write(name: str, source: str) -> None:
        (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")

    return write
