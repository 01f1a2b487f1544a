"""Ctrl-C while `einsum`, `tune` and `gate` measure: once ends tidily, twice at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

#: a command whose n-th measurement waits for the keys, and its end too where it is asked to
PROGRAM = """
import sys, time
from einbench.cli import main

HOW, *ARGUMENTS = sys.argv[1:]

def waiting(module, name, number, measure=None):
    measure, calls = measure or getattr(module, name), []
    def wait(*args, **named):
        calls.append(1)
        if len(calls) < number or HOW == "never":
            return measure(*args, **named)
        try:
            print("measuring", flush=True)
            time.sleep(60)
        finally:
            if HOW == "twice":
                print("ending", flush=True)
                time.sleep(60)
    setattr(module, name, wait)

if ARGUMENTS[0] == "einsum":
    import importlib
    waiting(importlib.import_module("einbench.verbs.compare"), "run", 1)
elif ARGUMENTS[0] == "tune":
    from einbench.choose import tune
    waiting(tune, "_tuned", 2)
else:
    from contextlib import nullcontext
    from einbench.gate import gate
    from einbench.gate.pair import Schedule
    found = {
        "operations": ["op"], "unchecked": {}, "reasons": {"op": {"steady": ""}},
        "wrong": {"op": {"steady": ""}}, "versions": {"numpy": "2"},
        "problems": {"op": {"inputs": {"x": "batch units"}, "sizes": {}, "options": {}}},
    }
    def pair(starts, cells, rng):
        return [
            {"operation": cell.operation, "kernel": cell.kernel, "batch": cell.batch,
             "dtype": cell.dtype, "base_s": [1.0], "head_s": [1.0]}
            for cell, _ in cells
        ]
    gate.build = lambda *_: "python"
    gate.Partner = lambda *_: nullcontext()
    gate.take_inventories = lambda *_: [found, found]
    gate.choose_schedules = lambda start, cells, report: [Schedule(1, 5) for _ in cells]
    waiting(gate, "measure_pair", 2, pair)
sys.exit(main(ARGUMENTS, standalone_mode=False))
"""
#: how it is asked for, what is said after one key, and what of it the next run takes over
COMMANDS = {
    "einsum": (
        ("einsum", "ij,jk->ik", "--size", "4", "--budget", "0.05", "--json", "a.json"),
        "interrupted before anything was measured",
        "nothing was kept: all is measured",
    ),
    "tune": (
        ("tune", "relu", "--batch", "1,4", "--json", "a.json"),
        "interrupted: 1 of 2 cells are remembered; the same command goes on from there",
        "1 cell taken over from a.json.partial",
    ),
    "gate": (
        ("gate", "HEAD", "--batch", "1", "--json", "a.json"),
        "interrupted; finished launches are kept, and the same command goes on from there",
        "1 launches of each taken over",
    ),
}
LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("einsum", "tune")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A repository of one commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / ".git" / "wisdom"))
    who = ["-c", "user.name=n", "-c", "user.email=n@localhost"]
    subprocess.run(["git", "init", "--quiet"], check=True)  # noqa: S607 - the user's git
    subprocess.run(
        ["git", *who, "commit", "--quiet", "--allow-empty", "-m", "one"],  # noqa: S607
        check=True,
    )


def start(how: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def press_when(said: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while said not in process.stdout.readline():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)


def interrupted(name: str) -> tuple[str, str]:
    process = start("once", *COMMANDS[name][0])
    try:
        press_when("measuring", process)
        out, told = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode == 130
    return out, told


@pytest.mark.parametrize("name", COMMANDS)
def test_once_says_what_is_kept_and_leaves_whole_files(name):
    out, told = interrupted(name)
    assert "Traceback" not in told
    assert COMMANDS[name][1] in out + told
    if name == "tune":
        assert len(json.loads(Path("a.json").read_text("utf-8"))["cells"]) == 1
    else:
        assert not Path("a.json").exists()
    assert Path("a.json.partial").exists() == (name == "tune")


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_goes_on_after_it(name):
    interrupted(name)
    process = start("never", *COMMANDS[name][0], "--resume")
    _, told = process.communicate(timeout=500)
    assert process.returncode == 0, told
    assert COMMANDS[name][2] in told
    document = json.loads(Path("a.json").read_text("utf-8"))
    assert document["schema"] == f"einbench.{'comparison' if name == 'einsum' else name}/1"
    assert [path.name for path in Path().iterdir() if path.name[0] != "."] == ["a.json"]


@pytest.mark.parametrize("name", [*LONG, "gate"])
def test_twice_ends_at_once_with_whole_files(name):
    process = start("twice", *COMMANDS[name][0])
    try:
        press_when("measuring", process)
        press_when("ending", process)
        while process.poll() is None:  # keys that are close together are one
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        _, told = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode == 130
    assert told.splitlines()[-1] == "einbench: ended at once"
    assert "Traceback" not in told
    kept = [*Path().glob("*.partial"), *Path(".gate").glob("unfinished/*/*.json")]
    for path in kept:
        for line in path.read_text("utf-8").splitlines():
            json.loads(line)
    # of einsum nothing was measured yet
    assert any(kept)
    assert not Path("a.json").exists()
