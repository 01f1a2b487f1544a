"""``einbench gate``: is a commit slower than another one, beyond what noise can do?"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from einbench.cli.choosing import sizes_option
from einbench.cli.expressions import asked, axes_option, operations_of, separate_operations
from einbench.cli.outcome import INTERRUPTED, complain
from einbench.cli.parameters import (
    dtype_option,
    json_option,
    separate_batches,
    whole,
)
from einbench.cli.progress import bar
from einbench.cli.resuming import resume_option
from einbench.cli.streams import console
from einbench.cli.target import Target, naming, refuse_one_file, refuse_unwritable
from einbench.gate.state import KEPT_DAYS

if TYPE_CHECKING:
    from einbench.gate.revision import Repository, Revision
    from einbench.gate.settings import Thresholds

#: beside the repository's own files: environments, unfinished runs, and the lock
FOLDER = ".gate"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench gate main\n"
    "  einbench gate HEAD~3 HEAD --operation softmax_vjp,linear --batch 128\n"
    '  einbench gate main --operation "bij,bjk->bik" --size i=3,j=3,k=3\n'
    "  einbench gate main HEAD --json gate.json --summary summary.md"
)
@click.argument("base")
@click.argument("head", default="HEAD")
@click.option(
    "--operation", "names", multiple=True, callback=separate_operations, metavar="NAME",
    help="Operations to measure, by default all; several with commas.",
)  # fmt: skip
@click.option(
    "--batch", "batches", multiple=True, callback=separate_batches, metavar="N",
    help="Rows per call, by default 1 and 128.",
)  # fmt: skip
@sizes_option
@axes_option
@dtype_option
@click.option(
    "--launches", type=whole(7, "7 or 15"), default=7, show_default=True, metavar="N",
    help="Fresh processes of each commit; up to three times as many where undecided.",
)  # fmt: skip
@click.option(
    "--threads", type=whole(1, "1 or 2"), metavar="N",
    help="Of numba's parallel kernels, by default all cores; BLAS runs on one.",
)  # fmt: skip
@click.option(
    "--strict", is_flag=True,
    help="End with 2 where a cell was too noisy to be distinguished from its threshold.",
)  # fmt: skip
@json_option("every cell")
@resume_option("launches that were finished are", f"for {KEPT_DAYS} days in {FOLDER}")
@click.option("--summary", metavar="PATH", help="Append the tables as Markdown to this file.")
def gate(
    base: str,
    head: str,
    names: tuple[str, ...],
    batches: tuple[int, ...],
    sizes: dict[str, int],
    dtype: str,
    launches: int,
    threads: int | None,
    strict: bool,
    json_path: str | None,
    summary: str | None,
    resume: bool,
) -> int:
    """Measure commit BASE against commit HEAD, side by side, and name what became slower.

    Both are installed in environments of their own, every kernel is checked, and fresh processes
    of both take turns. Exit status: 0 no regression, 1 a regression or a wrong kernel, 2 something
    could not be measured. A cell that stays too noisy to be distinguished from its threshold is
    no regression, and said; with --strict it is a 2. Interrupted, the same command goes on where
    it stopped, with --resume or without.
    """
    import filelock

    from einbench.gate.gate import Settings
    from einbench.gate.gate import gate as run
    from einbench.gate.revision import Repository
    from einbench.gate.settings import thresholds
    from einbench.host.machine import limit_threads
    from einbench.names import check_dtype, normalise
    from einbench.report.gate import document, markdown, show

    refuse_one_file(json=json_path, summary=summary)
    expressions = [name for name in names if "->" in name]
    if expressions and len(expressions) == len(names):
        _, sizes, rows = asked(names, sizes)
        batches = batches if rows is None else (rows,)
    else:
        operations_of(expressions)  # what is none is refused before anything is installed
    repository = Repository(Path.cwd())
    before, after = repository.revision(base), repository.revision(head)
    limits = thresholds(repository.read(after, "pyproject.toml"))
    notes = _changed_limits(limits, repository, before)
    target = Target.of(json_path)
    if summary is not None:
        refuse_unwritable(Path(summary), "--summary")
    with limit_threads(threads) as used:
        settings = Settings(
            tuple(map(normalise, names)), batches or (1, 128), check_dtype(dtype).name, sizes,
            launches, used,
        )  # fmt: skip
    folder = repository.top / FOLDER
    folder.mkdir(exist_ok=True)
    _warn_of_changes(repository, after)
    try:
        with filelock.FileLock(folder / "lock", timeout=0), bar() as progress:
            outcome = run(repository, before, after, settings, limits, folder, progress)
    except filelock.Timeout:
        raise ValueError(
            f"another gate is running in {repository.top.name}: two at once would measure each "
            "other; wait for it"
        ) from None
    except KeyboardInterrupt:
        kept = any((folder / "unfinished").glob("*/first-*.json"))
        complain(
            "interrupted; finished launches are kept, and the same command goes on from there"
            if kept
            else "interrupted before anything was measured"
        )
        return INTERRUPTED
    if resume:
        took = f"{outcome.resumed} launches of each taken over" if outcome.resumed else ""
        click.echo(f"einbench: {took or 'nothing was kept: all is measured'}", err=True)
    outcome = dataclasses.replace(outcome, notes=notes, strict=strict)
    try:
        target.write(document(outcome))
        if summary is not None:
            _append(Path(summary), markdown(outcome))
        outcome.forget()
    finally:
        # printed even where the disk turned out to be full
        show(outcome, console(target.tables))
    return outcome.status


def _append(summary: Path, text: str) -> None:
    with naming(summary, "--summary PATH"), summary.open("a", encoding="utf-8") as file:
        file.write(text)


def _changed_limits(limits: Thresholds, repository: Repository, base: Revision) -> tuple[str, ...]:
    """A commit brings the thresholds that it is judged by: said where they are not base's."""
    from einbench.gate.settings import thresholds

    try:
        before = thresholds(repository.read(base, "pyproject.toml"))
    except ValueError:
        return ()
    if before == limits:
        return ()
    return (f"thresholds are head's, and not as in base: {before} -> {limits}",)


def _warn_of_changes(repository: Repository, head: Revision) -> None:
    """What is not committed is not measured: say so where there is any."""
    if repository.changed and repository.revision("HEAD").commit == head.commit:
        click.echo("einbench: note: changes that are not committed are not measured", err=True)
