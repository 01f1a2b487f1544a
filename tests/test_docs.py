"""The API reference that ``make docs`` builds has every public name in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import einbench

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference.py"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, str(REFERENCE), str(folder)],
        capture_output=True, text=True, check=False, cwd=folder, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")  # pdoc warns of what it cannot resolve
    return folder


def test_every_public_name_is_in_the_reference(pages: Path) -> None:
    front = (pages / "einbench.html").read_text(encoding="utf-8")
    # the verb of that name is defined in einbench.verbs; the subpackage ``check`` is another
    front += (pages / "einbench" / "verbs" / "check.html").read_text(encoding="utf-8")
    names = [name for name in einbench.__all__ if name not in ("mnist", "network")]
    assert [name for name in names if f'id="{name}"' not in front] == []


@pytest.mark.parametrize("module", ["mnist", "network"])
def test_every_public_name_of_a_public_module_is_in_the_reference(pages: Path, module: str) -> None:
    page = (pages / "einbench" / f"{module}.html").read_text(encoding="utf-8")
    names = getattr(einbench, module).__all__
    assert names
    assert [name for name in names if f'id="{name}"' not in page] == []
