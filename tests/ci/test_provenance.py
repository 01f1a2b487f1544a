"""A stale installed package is seen, and so is another machine."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def copies(tmp_path) -> tuple[Path, Path]:
    for name in ("installed", "checkout"):
        (tmp_path / name / "forward").mkdir(parents=True)
        (tmp_path / name / "forward" / "linear.py").write_text("x = 1\n", encoding="utf-8")
    return tmp_path / "installed", tmp_path / "checkout"


def test_the_same_files_elsewhere_are_this_checkout(provenance, copies):
    assert provenance.origin(*copies) == "installed, the same files as this checkout"
    assert provenance.origin(copies[1], copies[1]) == "this checkout"


def test_an_older_copy_is_not(provenance, copies):
    installed, checkout = copies
    (checkout / "forward" / "linear.py").write_text("x = 2\n", encoding="utf-8")
    assert "NOT this checkout (files that differ: 1;" in provenance.origin(installed, checkout)
    (checkout / "new.py").write_text("", encoding="utf-8")
    assert "NOT this checkout (files that differ: 2;" in provenance.origin(installed, checkout)


def test_differences_of_two_machines_are_named(provenance):
    then = {"cpu": "A", "numpy": "2.3", "fingerprint": "1"}
    now = {"cpu": "A", "numpy": "2.4", "fingerprint": "2", "threads": 2}
    found = provenance.differences(now, then)
    assert found == ["numpy 2.3 -> 2.4", "threads None -> 2"]
    assert provenance.differences(now, now) == []
    assert provenance.differences(now, {}) == ["no einbench facts in the saved run"]
