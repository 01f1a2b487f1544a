"""``einbench gate`` on the command line: its statuses, its files, and wrong use."""

from __future__ import annotations

import json
from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner

from einbench.cli import main
from einbench.gate import gate as module
from einbench.gate.environment import BuildError, build
from einbench.gate.estimate import Estimate
from einbench.gate.gate import Finding, Outcome
from einbench.gate.pair import Compared
from einbench.gate.revision import Repository

FOUND = Estimate(1.31, 1.25, 1.4, 1e-5, 1.31e-5, 7)
FINDINGS = {
    0: Finding(Compared("relu", "loop", 1, "float32"), "ok", "", 1.08, FOUND),
    1: Finding(Compared("relu", "loop", 1, "float32"), "regression", "", 1.08, FOUND, FOUND),
    2: Finding(Compared("relu", "loop", None, "float32"), "missing", "not in head"),
}


@pytest.fixture
def run(project, monkeypatch):
    """The command in the project's folder, over a gate with prescribed findings."""
    monkeypatch.chdir(project.top)

    def run(*arguments, status=0, gate=None):
        def found(repository, base, head, settings, limits, folder, progress):
            return Outcome(base, head, settings, limits, {"cpu": "x"}, [FINDINGS[status]])

        monkeypatch.setattr(module, "gate", gate or found)
        return CliRunner().invoke(main, ["gate", *arguments])

    return run


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, "no regression"), (1, "1 regression"), (2, "could not be measured")],
)
def test_the_exit_status_says_what_the_last_line_says(run, status, said):
    result = run("HEAD^", status=status)
    assert result.exit_code == status
    assert said in result.output.strip().splitlines()[-1]


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 2)])
def test_a_cell_too_noisy_to_tell_is_said_in_the_last_line(run, tmp_path, strict, status):
    def found(repository, base, head, settings, limits, folder, progress):
        cell = Compared("relu", "loop", 1, "float32")
        finding = Finding(cell, "unclear", "", 1.08, FOUND)
        return Outcome(base, head, settings, limits, {"cpu": "x"}, [finding])

    document = tmp_path / "gate.json"
    result = run("HEAD^", *strict, "--json", str(document), gate=found)
    assert result.exit_code == status
    assert "1 cell was too noisy" in " ".join(result.output.splitlines()[-2:])
    assert json.loads(document.read_text())["status"] == status


def test_the_numbers_and_the_summary_are_written(run, tmp_path):
    document, summary = tmp_path / "gate.json", tmp_path / "summary.md"
    summary.write_text("of another step\n")
    run("main^", "--json", str(document), "--summary", str(summary), status=1)
    plain = json.loads(document.read_text())
    assert plain["schema"] == "einbench.gate/1"
    assert plain["base"]["asked"] == "main^"
    assert summary.read_text().startswith("of another step\n## einbench gate: 1 regression")


def test_json_on_stdout_is_nothing_but_json(run):
    result = run("main^", "--json", "-", status=1)
    assert json.loads(result.stdout)["status"] == 1
    assert "1 regression" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "'nowhere' is no commit of project"),
        ([""], "'' is no commit of project"),
        (["main", "nowhere"], "'nowhere' is no commit of project"),
        ([], "Missing argument 'BASE'"),
        (["main", "--launches", "3"], "whole number from 7"),
        (["main", "--batch", "1,000"], "write 1000 or 1_000"),
        (["main", "--dtype", "float16"], "float16"),
        (["main", "--threads", "9999"], "threads=9999"),
        (["main", "--summary", "/"], "it is a folder"),
        (["main", "--operation", "ij,jk->iq"], "position 8"),
        (["main", "--operation", "__import__('os'),j->j"], "position 0"),
        (["main", "--operation", "i...->i", "--operation", "relu"], "give them letters"),
        (["main", "--operation", "bi j,j k->bi k"], "--axes named"),
        (["main", "--operation", "ij,jk->ik", "--size", "q=3"], "no axis 'q' in ij,jk->ik"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(run, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "operation", "batches", "sizes"),
    [
        (["ij, jk -> ik", "--size", "i=9,j=3,k=4"], "ij,jk->ik", (9,), {"j": 3, "k": 4}),
        (
            ["batch terms, terms units -> batch units"],
            "batch.terms,terms.units->batch.units",
            (1, 128),
            {},
        ),
        (["bi j, j -> bi", "--axes", "named"], "bi.j,j->bi", (1, 128), {}),
        (["bi j, j -> bi", "--axes", "letters"], "bij,j->bi", (1, 128), {}),
    ],
)
def test_expressions_are_asked_for_in_letters_or_words(run, arguments, operation, batches, sizes):
    asked = []

    def found(repository, base, head, settings, limits, folder, progress):
        asked.append(settings)
        return Outcome(base, head, settings, limits, {"cpu": "x"}, [FINDINGS[0]])

    assert run("HEAD^", "--operation", *arguments, gate=found).exit_code == 0
    (settings,) = asked
    assert (settings.operations, settings.batches) == ((operation,), batches)
    assert settings.sizes == sizes


def test_a_wrong_table_in_heads_pyproject_is_wrong_use(run, project):
    project.commit("pyproject.toml", "[tool.einbench.gate]\nthreshold = 0.5\n", "loose")
    result = run("HEAD^")
    assert result.exit_code == 2
    assert "threshold = 0.5" in result.stderr


def test_a_commit_that_brings_other_thresholds_than_base_has_is_reported(run, project):
    assert "thresholds" not in run("HEAD^").output
    project.commit("pyproject.toml", "[tool.einbench.gate]\nthreshold = 1.5\n", "looser")
    result = run("HEAD^")
    assert "thresholds are head's, and not as in base" in " ".join(result.output.split())


def test_two_gates_at_once_would_measure_each_other(run, project):
    (project.top / ".gate").mkdir()
    with filelock.FileLock(project.top / ".gate" / "lock"):
        result = run("HEAD^")
    assert result.exit_code == 2
    assert "another gate is running" in result.stderr
    assert run("HEAD^").exit_code == 0


def test_ctrl_c_keeps_what_was_measured_and_says_so(run):
    def interrupted(*_):
        raise KeyboardInterrupt

    result = run("HEAD^", gate=interrupted)
    assert result.exit_code == 130
    assert "interrupted before anything was measured" in result.stderr

    def interrupted_later(repository, base, head, settings, limits, folder, progress):
        (folder / "unfinished" / "x").mkdir(parents=True)
        (folder / "unfinished" / "x" / "first-00.json").write_text("[]")
        raise KeyboardInterrupt

    result = run("HEAD^", gate=interrupted_later)
    assert "the same command goes on from there" in result.stderr


def test_what_is_not_committed_is_not_measured_and_that_is_reported(run, project):
    assert "not committed" not in run("HEAD^").stderr
    (project.top / "file.txt").write_text("three")
    assert "not committed" in run("HEAD^").stderr
    assert "not committed" not in run("HEAD", "HEAD^").stderr


@pytest.mark.long
def test_a_commit_that_pip_cannot_install_says_what_pip_said(project, tmp_path):
    project.commit("pyproject.toml", "[project\n", "broken")
    repository = Repository(project.top)
    with pytest.raises(BuildError, match=r"could not be installed: .*TOML.*\(log: "):
        build(repository, repository.revision("HEAD"), "head", tmp_path / "env")
    # and half an environment will not be taken for a whole one
    assert not list((tmp_path / "env").glob("*/einbench-complete"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_was_measured_is_forgotten_only_when_it_is_written(run, tmp_path):
    forgotten = []

    def found(repository, base, head, settings, limits, folder, progress):
        return Outcome(
            base, head, settings, limits, {"cpu": "x"}, [FINDINGS[0]], resumed=2,
            forget=lambda: forgotten.append(1),
        )  # fmt: skip

    done = run("main", "--json", "/dev/full", "--resume", gate=found)
    assert (done.exit_code, forgotten) == (2, [])
    assert "einbench: 2 launches of each taken over" in done.stderr
    assert "all numbers are in" in done.stderr
    assert run("main", "--json", str(tmp_path / "gate.json"), gate=found).exit_code == 0
    assert forgotten == [1]
