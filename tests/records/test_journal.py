"""The journal: on disk cell by cell, taken over whole, and never another run's."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from einbench.records import journal as module
from einbench.records.journal import Busy, Journal

SETTINGS = {"command": "test", "seed": 0}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Of a run that was killed after two cells."""
    path = tmp_path / "results.json"
    journal = Journal(path)
    journal.begin(SETTINGS)
    journal.keep("a", {"n": 1})
    journal.keep("b", {"n": 2})
    journal._lock.release()  # as the system does for a process that is gone
    return path


def resumed(path: Path, settings=SETTINGS) -> dict:
    with Journal(path, resume=True) as journal:
        return dict(journal.begin(settings))


def test_a_cell_is_on_disk_as_soon_as_it_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "r.json") as journal:
        journal.begin(SETTINGS)
        journal.keep("a", [1.5, None])
        header, cell = lines(tmp_path / "r.json.partial")
        assert header["schema"] == module.SCHEMA
        assert header["seed"] == 0
        assert {"einbench", "numpy", "numba", "cpu", "python"} <= header.keys()
        assert cell == {"cell": "a", "value": [1.5, None]}
        journal.finish()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_taken_over_and_added_to(results: Path) -> None:
    with Journal(results, resume=True) as journal:
        assert journal.begin(SETTINGS) == {"a": {"n": 1}, "b": {"n": 2}}
        assert journal.resumed == 2
        journal.keep("c", {"n": 3})
    assert resumed(results).keys() == {"a", "b", "c"}


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_that_was_cut_off_is_no_cell(results: Path, cut: int) -> None:
    partial = results.with_name("results.json.partial")
    partial.write_bytes(partial.read_bytes()[:-cut])
    with Journal(results, resume=True) as journal:
        assert journal.begin(SETTINGS) == {"a": {"n": 1}}
        journal.keep("b", {"n": 4})
    assert resumed(results) == {"a": {"n": 1}, "b": {"n": 4}}


def test_a_damaged_line_costs_that_cell_alone(results: Path) -> None:
    partial = results.with_name("results.json.partial")
    partial.write_text(partial.read_text("utf-8").replace('{"cell":"a"', '{"ce\x00l":"a"'), "utf-8")
    assert resumed(results) == {"b": {"n": 2}}


def test_an_unfinished_run_is_not_written_over(results: Path) -> None:
    with pytest.raises(ValueError, match=r"partial holds 2 cells of an unfinished run; add"):
        Journal(results)
    assert resumed(results).keys() == {"a", "b"}


def test_one_that_was_interrupted_and_written_is(results: Path) -> None:
    with Journal(results, resume=True) as journal:
        journal.begin(SETTINGS)
        journal.end()
    assert resumed(results).keys() == {"a", "b"}
    with Journal(results, resume=True) as journal:
        journal.begin(SETTINGS)
        journal.end()
    with Journal(results) as journal:
        assert journal.begin(SETTINGS) == {}


def test_other_settings_are_refused_and_named_and_nothing_is_lost(results: Path) -> None:
    with pytest.raises(ValueError, match=r"with seed 0, and this is 1; ask for the same, or del"):
        resumed(results, {**SETTINGS, "seed": 1})
    with pytest.raises(ValueError, match="with extra none, and this is true"):
        resumed(results, {**SETTINGS, "extra": True})
    assert resumed(results).keys() == {"a", "b"}


def test_other_versions_are_refused(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = module._here()
    monkeypatch.setattr(module, "_here", lambda: {**here, "numpy": "9.9"})
    with pytest.raises(ValueError, match=r'measured with numpy "\d.*", and this is "9.9"'):
        resumed(results)


def test_another_process_is_kept_out_and_disturbs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with Journal(path) as first:
        first.begin(SETTINGS)
        first.keep("a", 1)
        for resume in (False, True):
            with pytest.raises(Busy, match=r"r\.json is being written by another einbench"):
                Journal(path, resume=resume)
        first.keep("b", 2)
    assert resumed(path).keys() == {"a", "b"}


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    partial = tmp_path / "r.json.partial"
    partial.write_text("a download\nof something\n", "utf-8")
    for resume in (False, True):
        with pytest.raises(ValueError, match="is no journal of this einbench"):
            Journal(tmp_path / "r.json", resume=resume)
    assert partial.read_text("utf-8") == "a download\nof something\n"
    assert list(tmp_path.iterdir()) == [partial]


def test_a_full_disk_is_told_once_and_what_waited_is_written_when_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "r.json"
    with Journal(path) as journal:
        journal.begin(SETTINGS)
        with monkeypatch.context() as patched, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            patched.setattr(os, "fsync", full)
            journal.keep("a", 1)
            journal.keep("b", 2)
        assert [str(each.message) for each in told] == [
            f"einbench's journal: {path}.partial: No space left on device; measured cells are in "
            "memory alone until there is space, or the end"
        ]
        journal.keep("c", 3)
    assert resumed(path) == {"a": 1, "b": 2, "c": 3}


def test_in_a_folder_that_was_deleted_meanwhile_it_is_told_and_not_made_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "results"
    with Journal(folder / "r.json") as journal:
        journal.begin(SETTINGS)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        with pytest.warns(RuntimeWarning, match=r"its folder is gone; measured cells are in mem"):
            journal.keep("a", 1)
        assert not folder.exists()


def test_one_that_was_deleted_meanwhile_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with Journal(path) as journal:
        journal.begin(SETTINGS)
        journal.keep("a", 1)
        path.with_name("r.json.partial").unlink()
        journal.keep("b", 2)
    assert resumed(path) == {"a": 1, "b": 2}


def test_a_run_that_measured_nothing_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "r.json") as journal:
        journal.begin(SETTINGS)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Runs without a results file: with a cell, without one, and one of which parts are left."""
    for name, cells in {"cells": 1, "none": 0}.items():
        journal = Journal(tmp_path / name)
        journal.begin(SETTINGS)
        for number in range(cells):
            journal.keep(f"cell {number}", number)
        journal._lock.release()
        (tmp_path / f"{name}.partial.npz").write_bytes(b"parameters")
    (tmp_path / ".parts.partial.lock").touch()
    (tmp_path / ".parts.partial.ab12.unfinished").touch()
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_runs_that_nobody_goes_on_from_are_removed_with_all_that_lies_beside_them(folder):
    module.purge(folder, unused_s=3600.0)
    assert names(folder) == {"cells.partial", "cells.partial.npz"}
    module.purge(folder, unused_s=3600.0)
    assert resumed(folder / "cells") == {"cell 0": 0}


@pytest.mark.parametrize("touched", ["cells.partial", "cells.partial.npz"])
def test_one_is_as_old_as_the_newest_of_its_files(folder, touched):
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    os.utime(folder / touched)
    module.purge(folder, unused_s=3600.0)
    assert names(folder) == {"cells.partial", "cells.partial.npz"}
    os.utime(folder / touched, (1e9, 1e9))
    module.purge(folder, unused_s=3600.0)
    assert names(folder) == set()


def test_one_that_a_process_has_is_left_alone_however_old(folder):
    with Journal(folder / "none", anew=True) as journal:
        journal.begin(SETTINGS)
        for path in folder.iterdir():
            os.utime(path, (1e9, 1e9))
        module.purge(folder, unused_s=3600.0)
        assert names(folder) == {"none.partial", "none.partial.npz", ".none.partial.lock"}
        journal.keep("a", 1)
    assert resumed(folder / "none") == {"a": 1}


def test_other_files_and_a_folder_that_is_not_there_are_left_alone(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "a.partially").mkdir()
    module.purge(tmp_path, unused_s=0.0)
    assert names(tmp_path) == {"results.json", "a.partially"}
    module.purge(tmp_path / "none", unused_s=0.0)
