"""Shared libraries of wheels are found where their distribution lists them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from einbench.host import libraries


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Packages in a folder that is not the environment's, as those that a user installs."""
    packages = tmp_path / "lib" / "python3" / "site-packages"
    facts = packages / "tbb-2022.1.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tbb\nVersion: 2022.1\n")
    (facts / "RECORD").write_text("../../libtbb.so.12,,\ntbb-2022.1.dist-info/METADATA,,\n")
    monkeypatch.setattr(sys, "path", [str(packages)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(libraries, "_data_folder", lambda: str(tmp_path / "data"))
    libraries.library.cache_clear()
    yield tmp_path
    libraries.library.cache_clear()


def test_a_library_is_found_among_the_files_that_its_distribution_lists(elsewhere: Path) -> None:
    (elsewhere / "lib" / "libtbb.so.12").write_bytes(b"")
    assert libraries.library("tbb") == str(elsewhere / "lib" / "libtbb.so.12")
    assert libraries.why_missing(("tbb",)) == ""


def test_a_distribution_whose_library_was_left_out_is_named() -> None:
    assert libraries.library("tbb") is None
    assert libraries.why_missing(("tbb",)) == (
        "tbb 2022.1 is installed, but libtbb.so.12 is nowhere among its files; pip install "
        "--target leaves it out: install tbb without"
    )


def test_what_is_not_installed_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert libraries.why_missing(("tbb",)) == "tbb is not installed (pip install tbb)"
