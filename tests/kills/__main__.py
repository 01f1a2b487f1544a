"""``make kills N=200``: kill each command at N / 5 moments, and say what was lost: nothing."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from commands import COMMANDS
from killing import RESULTS, kill, whole

_CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Status 1 where anything was found wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=200, help="kills in all, a fifth each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    given = parser.parse_args()
    names = given.commands.split(",")
    wrong = 0
    for name in names:
        with tempfile.TemporaryDirectory(prefix="einbench-kills-") as scratch:
            wrong += _all(name, given.n // len(COMMANDS), given.seed, Path(scratch))
    return int(bool(wrong))


def _all(name: str, times: int, seed: int, scratch: Path) -> int:
    command = COMMANDS[name]
    began_s = time.perf_counter()
    folder = _folder(name, scratch / "whole")
    whole(command, folder)  # what is compiled, or installed, is there from now on
    (folder / RESULTS).unlink(missing_ok=True)
    shutil.rmtree(folder / "wisdom", ignore_errors=True)
    reference = whole(command, folder)
    if reference.status not in command.statuses:
        print(f"{name}: a whole run ended with {reference.status}: {reference.lines[-3:]}")
        return 1
    keys = command.keys(json.loads((folder / RESULTS).read_text("utf-8")))
    killed = ended = measured = kept = wrong = 0
    for number in range(times):
        if name == "gate":  # its environments take a minute to install
            here = folder
            (here / RESULTS).unlink(missing_ok=True)
        else:
            here = _folder(name, scratch / str(number))
        found = kill(command, here, (keys, reference.lines, reference.wall_s), seed + number)
        killed, ended = killed + (not found.ended), ended + found.ended
        measured, kept = measured + found.measured, kept + found.kept
        for problem in found.problems:
            print(f"{name}, seed {found.seed}: {problem}", flush=True)
        wrong += bool(found.problems)
        if here is not folder:
            shutil.rmtree(here)
    took_s = time.perf_counter() - began_s
    print(
        f"{name:8} {killed} killed, {ended} ended before; {measured} cells measured by then, "
        f"{kept} kept; {wrong} wrong; {took_s:.0f} s",
        flush=True,
    )
    return wrong


def _folder(name: str, folder: Path) -> Path:
    if name == "gate":
        subprocess.run(
            ["git", "clone", "--quiet", "--depth=1", f"file://{_CHECKOUT}", str(folder)],  # noqa: S607
            check=True,
        )
    else:
        folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
