"""A disk, a folder, a clock or a user that gets in the way: one line, status 2, nothing lost."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import einbench
from einbench.choose import tune as filling
from einbench.cli import main
from einbench.records.journal import Journal
from einbench.verbs import compare as pipeline

COMPARE = ("compare", "relu", "--batch", "1,2", "--budget", "0.05")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def invoke(*args):
    return CliRunner().invoke(main, list(args))


def batches(path: Path) -> set[int]:
    return {record["sizes"]["batch"] for record in json.loads(path.read_text("utf-8"))["records"]}


def mounted(folder: Path, options: str, *args: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder of its own file system; skips where none may be mounted."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], check=False).returncode:
        pytest.skip("no file system may be mounted here")
    folder.mkdir()
    spare = folder.parent / "spare"
    spare.mkdir()
    run = shlex.join([sys.executable, "-m", "einbench.cli", *args])
    script = f"mount -t tmpfs -o {options} none {shlex.quote(str(folder))} || exit 77; cd "
    script += f"{shlex.quote(str(folder))} && {run}"
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script],
        capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(spare)},
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("no file system may be mounted here")
    return done


@pytest.mark.long
def test_on_a_full_disk_the_numbers_are_in_another_folder(tmp_path):
    # the journal's first line has space, and the results have not
    done = mounted(tmp_path / "full", "size=4k", *COMPARE, "--json", "a.json")
    assert done.returncode == 2, done.stderr
    kept = tmp_path / "spare" / "einbench-comparison.json"
    *_, warning, error = done.stderr.splitlines()
    told = {warning, error}
    assert (
        "einbench: error: cannot write a.json: No space left on device; all numbers are in "
        f"{kept}; choose another file with --json PATH" in told
    )
    assert any("a.json.partial: No space left on device; measured cells are in" in t for t in told)
    assert batches(kept) == {1, 2}
    assert "relu" in done.stdout


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path):
    done = mounted(tmp_path / "closed", "ro", *COMPARE)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("einbench: error: cannot write results/compare-")
    assert "Read-only file system" in line


def test_where_its_folder_was_deleted_meanwhile_the_numbers_are_elsewhere(monkeypatch):
    run, runs = pipeline.run, []

    def deletes(*args, **named):
        runs.append(1)
        if len(runs) == 2:
            shutil.rmtree("results")
        return run(*args, **named)

    monkeypatch.setattr(pipeline, "run", deletes)
    Path("results").mkdir()
    done = invoke(*COMPARE, "--json", "results/a.json")
    assert done.exit_code == 2
    assert (
        "einbench: error: cannot write results/a.json: its folder is gone; all numbers are in "
        "einbench-comparison.json; choose another file with --json PATH" in done.stderr
    )
    assert batches(Path("einbench-comparison.json")) == {1, 2}
    assert not Path("results").exists()
    assert "relu" in done.stdout


def test_a_second_comparison_into_one_file_is_refused_and_disturbs_nothing():
    with Journal("a.json") as journal:
        journal.begin({"command": "compare"})
        journal.keep("a", 1)
        before = Path("a.json.partial").read_bytes()
        for more in ((), ("--resume",)):
            done = invoke(*COMPARE, "--json", "a.json", *more)
            assert (done.exit_code, done.stdout) == (2, "")
            assert done.stderr == (
                "einbench: error: a.json is being written by another einbench; wait for it, or "
                "name another file\n"
            )
        assert Path("a.json.partial").read_bytes() == before


def test_a_clock_that_goes_back_changes_no_duration(monkeypatch):
    then = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(then)))
    comparison = einbench.compare("relu", batches=1, budget_s=0.05)
    timed = [record for record in comparison.records if record.median_s is not None]
    assert timed
    assert all(0 < record.low_s <= record.median_s <= record.high_s for record in timed)
    assert comparison.wall_s > 0


@pytest.mark.long
def test_in_python_too_a_comparison_goes_on(monkeypatch):
    run, asked = pipeline.run, []

    def dies(problem, *args, **named):
        asked.append(problem.batch)
        if len(asked) == 2:
            raise SystemError("as a crash would")
        return run(problem, *args, **named)

    monkeypatch.setattr(pipeline, "run", dies)
    wanted = {"batches": (1, 2, 3), "budget_s": 0.1, "keep": "a.json"}
    with pytest.raises(SystemError):
        einbench.compare("relu", **wanted)
    with pytest.raises(ValueError, match="holds 1 cell of an unfinished run; add --resume"):
        einbench.compare("relu", **wanted)
    comparison = einbench.compare("relu", **wanted, resume=True)
    assert asked == [1, 2, 2, 3]
    assert comparison.settings["resumed_cells"] == 1
    assert [r.batch for r in comparison.records if r.kernel == "loop"] == [1, 2, 3]
    assert batches(Path("a.json")) == {1, 2, 3}
    assert [path.name for path in Path().iterdir()] == ["a.json"]


def test_without_a_results_file_cells_are_kept_with_the_choices(monkeypatch, tmp_path):
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    args = ("tune", "relu", "--batch", "1,4", "--again")
    tuned, asked = filling._tuned, []

    def stops(problem, *more):
        asked.append(problem.batch)
        if len(asked) == 2:
            signal.raise_signal(signal.SIGINT)
        return tuned(problem, *more)

    monkeypatch.setattr(filling, "_tuned", stops)
    stopped = invoke(*args)
    assert stopped.exit_code == 130
    assert "1 of 2 cells were measured again; --resume goes on" in stopped.stdout
    went_on = invoke(*args, "--resume")
    assert went_on.exit_code == 0, went_on.output
    assert "einbench: 1 cell taken over from" in went_on.stderr
    assert asked == [1, 4, 4]
    assert not list((tmp_path / "wisdom" / "unfinished").iterdir())


def test_what_was_kept_there_and_never_gone_on_from_is_removed_after_a_month(monkeypatch, tmp_path):
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    unfinished = tmp_path / "wisdom" / "unfinished"
    for name in ("tune-old", "tune-new"):
        journal = Journal(unfinished / name)
        journal.begin({"command": "tune"})
        journal.keep("a", "")
        journal._lock.release()  # as the system does for a process that is gone
    month_ago_s = time.time() - 31 * 86_400
    os.utime(unfinished / "tune-old.partial", (month_ago_s, month_ago_s))
    done = invoke("tune", "relu", "--batch", "1")
    assert done.exit_code == 0, done.output
    assert {path.name for path in unfinished.glob("*.partial")} == {"tune-new.partial"}


#: a command whose results take a minute to write
SLOW = """
import sys, time
from einbench.cli import main, target
def write(self, document):
    print("writing", flush=True)
    time.sleep(60)
target.Target.write = write
sys.exit(main(sys.argv[1:], standalone_mode=False))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize(
    "args",
    [
        (*COMPARE, "--json", "a.json"),
        pytest.param(
            ("train", "--samples", "128", "--epochs", "2000", "--json", "a.json"),
            marks=pytest.mark.long,
        ),
    ],
    ids=lambda args: args[0],
)  # fmt: skip
def test_ctrl_c_once_ends_tidily_and_twice_at_once(args):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        while args[0] == "train" and not Path("a.json.partial.npz").exists():
            time.sleep(0.01)
            assert process.poll() is None, process.communicate()
        if args[0] == "train":
            process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while "writing" not in process.stdout.readline():
            assert process.poll() is None
        if args[0] != "train":  # its second one is the first that comes while it keeps
            process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=50)
    finally:
        process.kill()
    # the latter while Python ends, of which a shell says 130 as well
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in told
    assert Path("a.json.partial").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_the_second_ctrl_c_ends_whatever_is_being_done():
    code = (
        "import time\nfrom einbench.cli.interrupt import first_only\n"
        "with first_only():\n    try:\n        print('begun', flush=True)\n"
        "        time.sleep(60)\n    finally:\n        print('keeping', flush=True)\n"
        "        time.sleep(60)\n        print('kept', flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "keeping\n"
        # what is pressed once may come twice at once, from a terminal and a wrapper
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=50)
    finally:
        process.kill()
    assert (process.returncode, out, told) == (130, "", "einbench: ended at once\n")
