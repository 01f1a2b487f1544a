"""A rule picks the kernels of `einbench.einsum`, but where a test is about choosing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from einbench.choose import environment


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
