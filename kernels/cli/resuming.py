"""``--resume``: where a command keeps what it has measured, and how it goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.target import Target, special

if TYPE_CHECKING:
    from einbench.records.journal import Journal

#: what runs without a results file have kept is removed after so many days
_KEPT_DAYS = 30
_WHERE = f"beside the results, or for {_KEPT_DAYS} days with remembered choices"


def resume_option(what: str, where: str = _WHERE) -> Callable[..., Any]:
    """``--resume``: ``what`` is kept, "cells that were finished are", and where."""
    return click.option(
        "--resume", is_flag=True,
        help=f"Go on where the same command was interrupted or killed: {what} kept, {where}, and "
        "not measured again.",
    )  # fmt: skip


@contextlib.contextmanager
def keeping(target: Target, resume: bool) -> Iterator[tuple[Journal, Target]]:
    """The journal of this run, and its target, whose name no other run has meanwhile.

    Beside the file that was named, or a new one of the default name; where results go to no file,
    in the folder of remembered choices, by a name made of the command and all it was given.

    Raises:
        ValueError: another run writes that file, or an unfinished one is there and not resumed.
    """
    from einbench.records.journal import Busy, Journal

    with contextlib.ExitStack() as held:
        if target.path is not None and not special(target.path):
            journal, target = _beside(target, resume)
        else:
            place = _place(held)
            for path in _numbered(place):
                with contextlib.suppress(Busy):
                    journal = Journal(path, resume=resume, anew=not resume)
                    break
        with journal:
            yield journal, target


def say_resumed(journal: Journal, one: str, several: str) -> None:
    """How many were taken over, on stderr; nothing where that was not asked for."""
    if journal.resume:
        count = journal.resumed
        kept = f"{count} {one if count == 1 else several} taken over from {journal.path}"
        click.echo(f"einbench: {kept if count else 'nothing was kept: all is measured'}", err=True)


def _beside(target: Target, resume: bool) -> tuple[Journal, Target]:
    from einbench.records.journal import ENDING, Busy, Journal

    path = target.path
    assert path is not None  # noqa: S101 - asked by the only caller
    if not target.new:
        return Journal(path, resume=resume), target
    if resume:
        pattern = f"{path.name.split('-')[0]}-*{path.suffix}{ENDING}"
        for found in sorted(path.parent.glob(pattern), key=_written, reverse=True):
            with contextlib.suppress(Busy):
                named = found.with_name(found.name.removesuffix(ENDING))
                # its name is this run's: what an interrupted one wrote there is in the journal
                return Journal(named, resume=True), replace(target, path=named, new=False)
    for name in _numbered(path):
        if not name.exists() and not name.with_name(name.name + ENDING).exists():
            with contextlib.suppress(Busy):
                return Journal(name), replace(target, path=name)
    raise AssertionError


def _place(held: contextlib.ExitStack) -> Path:
    """Of a run without a results file."""
    from einbench.host.folders import wisdom_folder
    from einbench.records.journal import purge

    context = click.get_current_context()
    given = {name: value for name, value in context.params.items() if name != "resume"}
    said = repr((Path.cwd(), sorted(given.items())))
    name = f"{context.info_name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    folder = Path(wisdom_folder()) / "unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        purge(folder, _KEPT_DAYS * 86_400)
    except OSError:  # read-only, or asked to keep nothing: then nothing is there to go on from
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="einbench-")))
    return folder / name


def _numbered(path: Path) -> Iterator[Path]:
    """``a.json``, ``a-2.json`` and so on."""
    yield path
    number = 1
    while True:
        number += 1
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _written(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
