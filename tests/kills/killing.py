"""One command started, killed with all its processes, looked at, and gone on from."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from einbench.choose.book_on_disk import book
from einbench.choose.kept import held
from einbench.choose.wisdom import Wisdom
from einbench.host.documents import load
from einbench.network import checkpoint, storage
from einbench.records.journal import Journal

#: no run of these small settings takes as long
_LIMIT_S = 900.0
RESULTS = "out.json"
PROGRAM = (sys.executable, "-m", "einbench.cli")


@dataclass
class Run:
    """What one process did."""

    lines: list[str]
    status: int
    wall_s: float


@dataclass
class Kill:
    """One kill, and what was found wrong after it."""

    command: str
    seed: int
    measured: int = 0
    kept: int = 0
    ended: bool = False
    problems: list[str] = field(default_factory=list)


def start(command, folder, *more, program=PROGRAM):
    """The real command in a session of its own, its lines as they come."""
    process = subprocess.Popen(
        [*program, *command.arguments, "--json", RESULTS, *more],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        env={**os.environ, "EINBENCH_WISDOM": str(folder / "wisdom"), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )  # fmt: skip
    lines: list[str] = []

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout:
            lines.extend(line.rstrip("\n") for line in process.stdout if line.endswith("\n"))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    return process, lines, listener


def whole(command, folder, *more, program=PROGRAM) -> Run:
    """The command from its beginning to its end."""
    began_s = time.perf_counter()
    process, lines, listener = start(command, folder, *more, program=program)
    try:
        status = process.wait(_LIMIT_S)
    finally:
        _end(process)
    listener.join(_LIMIT_S)
    return Run(lines, status, time.perf_counter() - began_s)


def kill(command, folder, reference, seed, program=PROGRAM) -> Kill:
    """Kill it at a moment drawn from the seed; see `Kill.problems`.

    Every other moment is drawn from the whole run, and every other is shortly after a cell was
    measured: files are written there.

    Args:
        command: what is run.
        folder: an empty one, or for the gate a repository.
        reference: (keys of the results of a whole run, the lines it printed, seconds it took).
        seed: of the moment.
        program: in place of the package's own command.
    """
    keys, lines_of_all, all_s = reference
    rng = random.Random(seed)  # noqa: S311 - moments, no secrets
    found = Kill(command.name, seed)
    process, lines, listener = start(command, folder, program=program)
    try:
        if seed % 2:
            _wait(process, rng.uniform(0, 0.98 * all_s))
        else:
            until = rng.randint(1, command.measured(lines_of_all))
            end_s = time.perf_counter() + _LIMIT_S
            while (
                command.measured(lines) < until
                and process.poll() is None
                and time.perf_counter() < end_s
            ):
                time.sleep(0.001)
            _wait(process, rng.uniform(0, 0.06))
        found.ended = process.poll() is not None
    finally:
        _end(process)
    listener.join(_LIMIT_S)
    found.measured = command.measured(lines)
    found.problems += damaged(folder)
    if not found.problems and not found.ended:
        found.kept = command.kept(folder)
        written = folder / RESULTS
        if written.exists():
            if command.keys(json.loads(written.read_text("utf-8"))) != keys:
                found.problems.append("the results were written before they were whole")
        elif found.kept < found.measured:
            found.problems.append(f"{found.measured} cells were measured, {found.kept} are kept")
    if not found.problems:
        _resume(command, folder, keys, found, program)
    return found


def _resume(command, folder, keys, found, program) -> None:
    again = whole(command, folder, "--resume", program=program)
    if again.status not in command.statuses:
        found.problems.append(f"--resume ended with {again.status}: {again.lines[-3:]}")
        return
    document = json.loads((folder / RESULTS).read_text("utf-8"))
    if command.keys(document) != keys:
        found.problems.append(f"other records: {sorted(command.keys(document) ^ keys, key=str)}")
    took = [re.search(r"einbench: (\d+) \w+( of each)? taken over", line) for line in again.lines]
    taken = max((int(one[1]) for one in took if one), default=0)
    if not found.ended and taken != found.kept:
        found.problems.append(f"{found.kept} cells were kept, {taken} were taken over")
    found.problems += damaged(folder)
    found.problems += [f"left behind: {path}" for path in left(folder)]


def damaged(folder: Path) -> list[str]:
    """What of the files on disk the package's own readers refuse."""
    problems = []

    def readable(path, read) -> None:
        try:
            read()
        except Exception as problem:  # whatever it is, the file is not whole
            problems.append(f"{path.name}: {type(problem).__name__}: {problem}")

    memory = Wisdom(str(folder / "wisdom"))
    for name in held(memory):
        readable(Path(memory.path(name)), lambda name=name: book(load(memory.path(name)), name))
    # the gate's folder is a repository, with files of its own
    results = folder.glob(RESULTS if (folder / ".git").exists() else "*.json")
    plain = [*results, *(folder / ".gate" / "unfinished").glob("*/*.json")]
    for path in plain:
        readable(path, lambda path=path: load(path))
    for path in folder.glob("*.partial"):
        readable(path, lambda path=path: _journal(path))
    for path in folder.glob("*.partial.npz"):
        readable(path, lambda path=path: storage.unpack(path, checkpoint.SCHEMA))
    return problems


def left(folder: Path) -> list[str]:
    """Files that only an unfinished run needs."""
    endings = (".unfinished", ".partial", ".partial.npz", ".partial.lock")
    found = [path for path in folder.rglob("*") if path.name.endswith(endings)]
    unfinished = folder / ".gate" / "unfinished"
    found += list(unfinished.iterdir()) if unfinished.exists() else []
    return [str(path.relative_to(folder)) for path in found if ".git" not in path.parts]


def _journal(path: Path) -> None:
    with Journal(path.with_name(path.name.removesuffix(".partial")), resume=True):
        pass


def _wait(process, seconds_s: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds_s)


def _end(process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
