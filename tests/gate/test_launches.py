"""Real launches of two installed packages, side by side: the gate from end to end, pip apart."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import einbench
from einbench.gate import gate as module
from einbench.gate.gate import Settings, gate
from einbench.gate.installed import NAMES
from einbench.gate.pair import Compared, Schedule, measure_pair
from einbench.gate.partner import CellError, LaunchError, Partner
from einbench.gate.revision import Revision
from einbench.gate.settings import Thresholds

CELL = Compared("relu", "ufunc", 128, "float32")
SETTINGS = Settings(("relu",), (128,), launches=3, threads=1)

SLOWED = """
import dataclasses, time
from einbench.body import Plain
from einbench.deferred import load
load()
from einbench.registry import operations
_relu = operations["relu"]
_body = _relu["ufunc"].function
def _slow(outputs):
    clock = time.perf_counter
    start_s = clock()
    result = _body(outputs)
    end_s = start_s + 3 * (clock() - start_s)
    while clock() < end_s:
        pass
    return result
_relu._kernels.add(dataclasses.replace(_relu["ufunc"], body=Plain(_slow)))
"""
WRONG = """
import dataclasses
from einbench.body import Plain
from einbench.deferred import load
load()
from einbench.registry import operations
_relu = operations["relu"]
_relu._kernels.add(dataclasses.replace(_relu["ufunc"], body=Plain(lambda x: x * 0)))
"""
RENAMED = """
import dataclasses
from einbench.body import Plain
from einbench.deferred import load
load()
from einbench.registry import operations
_relu = operations["relu"]
_kernel = _relu["ufunc"]
_relu.remove("ufunc")
_relu._kernels.add(dataclasses.replace(_kernel, method="maximum"))
"""
DIES = """
import dataclasses, os
from einbench.body import Plain
from einbench.deferred import load
load()
from einbench.registry import operations
_relu = operations["relu"]
_relu._kernels.add(dataclasses.replace(_relu["ufunc"], body=Plain(lambda x: os._exit(7))))
"""
WANDERS = """
import dataclasses
from einbench.body import Plain
from einbench.deferred import load
load()
from einbench.registry import operations
_relu = operations["relu"]
_made = []
def _body(x):
    _made.append(1)
    out = x * (x > 0)
    if len(_made) > 20_000:
        out[0, 0] += 1
    return out
_relu._kernels.add(dataclasses.replace(_relu["ufunc"], body=Plain(_body)))
"""
CHATTERS = "print('a line that was not requested', flush=True)\n"


def environment(folder: Path, code: str = "") -> Path:
    """An environment with this package and more code at its end; all else is this one's."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(
        sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)})
    )
    shutil.copytree(
        Path(einbench.__file__).parent, packages / NAMES[0], ignore=shutil.ignore_patterns("data")
    )
    with (packages / NAMES[0] / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(code)
    for library in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        with (packages / "this.pth").open("a", encoding="utf-8") as file:
            file.write(f"{library}\n")
    return folder / "bin" / "python"


@pytest.fixture(autouse=True)
def without_compiling(monkeypatch):
    """Compiling in a new environment takes longer than all of these tests."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("base") / "env")


@pytest.fixture
def start(tmp_path):
    def start(python, side="head", sizes=None):
        return lambda: Partner(side, python, tmp_path / f"{side}.log", 1, sizes or {})

    return start


@pytest.fixture
def judge(plain, tmp_path, monkeypatch):
    """The whole gate of the plain package against one with other code."""

    def judge(code):
        pythons = {"base": plain, "head": environment(tmp_path / "env", code)}
        monkeypatch.setattr(module, "build", lambda repository, revision, side, _: pythons[side])
        base, head = (Revision(n, c * 40, "2026-01-01", n) for n, c in (("b", "a"), ("h", "b")))
        return gate(None, base, head, SETTINGS, Thresholds(1.5, 1e-7), tmp_path / "gate")

    return judge


def statuses(outcome):
    unremarkable = ("ok", "unavailable")  # compiled kernels, in these tests
    return {f.cell.kernel: f.status for f in outcome.findings if f.status not in unremarkable}


@pytest.mark.long
def test_a_kernel_that_takes_three_times_as_long_is_found_and_no_other(judge):
    outcome = judge(SLOWED)
    assert statuses(outcome) == {"ufunc": "regression"}
    assert outcome.status == 1
    assert outcome.versions["base"]["numpy"] == np.__version__


@pytest.mark.long
def test_a_wrong_kernel_is_reported_as_wrong_with_its_reason_and_gets_no_time(judge):
    outcome = judge(WRONG)
    assert statuses(outcome) == {"ufunc": "wrong"}
    (finding,) = outcome.of("wrong")
    assert "zero" in finding.reason
    assert finding.first is None
    assert outcome.status == 1


@pytest.mark.long
def test_a_renamed_kernel_could_not_be_measured(judge):
    outcome = judge(RENAMED)
    assert statuses(outcome) == {"ufunc": "missing", "maximum": "new"}
    assert outcome.status == 2


def test_a_commit_whose_process_dies_could_not_be_measured(judge):
    outcome = judge(DIES)
    assert outcome.status == 2
    assert "head died with status 7" in outcome.problem


@pytest.mark.long
def test_what_a_package_prints_is_no_answer(judge):
    assert judge(CHATTERS).status == 0


def test_an_import_that_fails_is_reported(start, tmp_path):
    broken = environment(tmp_path / "env", "raise RuntimeError('half a merge')")
    with pytest.raises(LaunchError, match="RuntimeError: half a merge"):
        start(broken)()


def test_an_environment_without_the_package_is_not_measured_by_another_one(start):
    # whatever is found outside its prefix, or not found at all: no other kernels are launched
    outside = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    with pytest.raises(LaunchError, match="neither einbench nor kernels is installed"):
        start(outside)()


def test_a_kernel_that_raises_ends_the_cell_and_not_the_launch(start, plain):
    with start(plain)() as partner:
        with pytest.raises(CellError, match="'nowhere'"):
            partner.ask("check", operation="nowhere", batch=1, dtype="float32")
        assert partner.ask("ready", **CELL.request())["call_s"] > 0


def test_no_answer_in_time_ends_the_launch(start, plain):
    with start(plain)() as partner:
        partner.send("check", operation="relu", batch=128, dtype="float32")
        with pytest.raises(LaunchError, match="no answer within 0 s"):
            partner.answer(timeout_s=0.001)


def test_a_pair_samples_both_sides_as_often_as_its_schedule_says(start, plain):
    starts = [start(plain, "base"), start(plain, "head")]
    done = []
    (record,) = measure_pair(
        starts, [(CELL, Schedule(3, 5))], np.random.default_rng(0), done.append
    )
    assert [len(record[side]) for side in ("base_s", "head_s")] == [5, 5]
    assert min(*record["base_s"], *record["head_s"]) > 0
    assert done == [1]


@pytest.mark.long
def test_a_kernel_that_gives_other_bits_after_many_calls_is_wrong(start, plain, tmp_path):
    wanders = environment(tmp_path / "env", WANDERS)
    starts = [start(plain, "base"), start(wanders, "head")]
    schedule = Schedule(5_000, 5)
    (record,) = measure_pair(starts, [(CELL, schedule)], np.random.default_rng(0))
    assert record["wrong"]
    assert record["side"] == "head"
    (record,) = measure_pair(starts[:1] * 2, [(CELL, schedule)], np.random.default_rng(0))
    assert "problem" not in record


@pytest.mark.long
def test_expressions_are_compared_at_the_sizes_that_were_given(plain, tmp_path, monkeypatch):
    """Head knows them; the commit before, here one that lacks the function, does not."""
    before = environment(tmp_path / "before", "_PLACES.pop('expression')")
    base, head = (Revision(n, c * 40, "2026-01-01", n) for n, c in (("b", "a"), ("h", "b")))
    named = "rows.terms,terms->rows"
    settings = Settings(
        ("bi,bi->b", named), (64,), sizes={"i": 3, "terms": 5}, launches=3, threads=1
    )

    def judged(older):
        pythons = {"base": older, "head": plain}
        monkeypatch.setattr(module, "build", lambda repository, revision, side, _: pythons[side])
        # what one has measured, the same gate would go on from
        state = tmp_path / older.parent.parent.parent.name
        return gate(None, base, head, settings, Thresholds(9.0, 1.0), state)

    outcome = judged(plain)
    assert not outcome.problem
    assert not outcome.of("new", "missing")
    timed = {(f.cell.operation, f.cell.kernel) for f in outcome.of("ok")}
    assert {("bi,bi->b", "einsum"), (named, "matmul")} <= timed
    without = judged(before)
    assert not any(finding.first for finding in without.findings)
    assert [(f.cell.name, f.status, f.reason) for f in without.of("new")] == [
        (f"{name}[*]", "new", "base knows no expressions: nothing to compare with")
        for name in settings.operations
    ]


def test_a_launch_makes_expressions_of_these_sizes_and_says_which_it_refuses(start, plain):
    with start(plain, sizes={"j": 3, "k": 4, "units": 7})() as partner:
        found = partner.ask("facts", expressions=["ij,jk->ik", "ij->q", "linear"])
        assert found["problems"]["ij,jk->ik"]["sizes"] == {"j": 3, "k": 4}
        assert found["problems"]["ij,jk->ik"]["leading"] == "i"
        assert found["problems"]["linear"]["sizes"]["units"] == 7
        assert "refuses it: " in found["unknown"]["ij->q"]
        assert "position 4" in found["unknown"]["ij->q"]
        cell = Compared("ij,jk->ik", "matmul", 5, "float32")
        assert partner.ask("ready", **cell.request())["call_s"] > 0
        assert partner.ask("same") == {"same": True}
