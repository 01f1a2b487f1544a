"""One kill each of the quick commands, and a command that loses what it measured, found out."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no sessions to kill")
FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def harness():
    """The modules beside this one, which are run as a program."""
    sys.path.insert(0, str(FOLDER))
    try:
        commands, killing = (importlib.import_module(n) for n in ("commands", "killing"))
    finally:
        sys.path.remove(str(FOLDER))
    return commands.COMMANDS, killing


#: what a run of three cells prints and writes; `{keep}` is what it does with each cell
FAKE = """
import json, os, sys, time
from pathlib import Path
from einbench.records.journal import Journal
resume = "--resume" in sys.argv
with Journal("out.json", resume=resume) as journal:
    kept = journal.begin({{"command": "fake"}})
    if resume:
        print(f"einbench: {{len(kept)}} cells taken over from there", flush=True)
    for n in range(3):
        print(f" {{33 * n}}% fake batch {{n}}", flush=True)
        time.sleep(0.02)
        if str(n) not in kept:
            {keep}
    print("100% done", flush=True)
    {write}
    journal.finish()
"""
KEEP = "journal.keep(str(n), n)"
WRITE = "Path('out.json').write_text(json.dumps(list(range(3))))"
LOSES = "pass"
HALF = "journal.keep(str(n), n); Path('other.json').open('w').write('{\"half\": ')"
LEAVES = "journal.keep(str(n), n); Path('.out.json.x.unfinished').touch()"
#: the results cell by cell, in place
PIECEMEAL = "Path('out.json').write_text('[0'); time.sleep(0.5); " + WRITE


@pytest.mark.long
@pytest.mark.parametrize(
    ("keep", "write", "said"),
    [
        (KEEP, WRITE, ""),
        (LOSES, WRITE, "cells were measured, 0 are kept"),
        (HALF, WRITE, "other.json: Damaged: not JSON"),
        (LEAVES, WRITE, "left behind: .out.json.x.unfinished"),
        (KEEP, PIECEMEAL, "out.json: Damaged: not JSON"),
    ],
)
def test_a_writer_that_is_not_whole_is_found_out(harness, tmp_path, keep, write, said):
    commands, killing = harness
    program = tmp_path / "fake.py"
    program.write_text(FAKE.format(keep=keep, write=write))
    command = commands["compare"].__class__(
        "fake", (), commands["compare"].measured, commands["compare"].kept, set
    )
    argv = (sys.executable, str(program))
    whole = killing.whole(command, _made(tmp_path / "whole"), program=argv)
    problems = []
    for seed in range(0, 12 if said else 4, 2):
        folder = _made(tmp_path / str(seed))
        found = killing.kill(
            command, folder, ({0, 1, 2}, whole.lines, whole.wall_s), seed, program=argv
        )
        problems += found.problems
        if problems:
            break
    assert (said in problems[0]) if said else not problems


def test_a_comparison_killed_after_a_cell_goes_on_without_it(harness, tmp_path):
    commands, killing = harness
    command = commands["compare"]
    whole = killing.whole(command, _made(tmp_path / "whole"))
    assert whole.status == 0, whole.lines
    keys = command.keys(json.loads((tmp_path / "whole" / killing.RESULTS).read_text("utf-8")))
    found = killing.kill(
        command, _made(tmp_path / "killed"), (keys, whole.lines, whole.wall_s), seed=2
    )
    assert not found.problems
    assert found.measured > 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
