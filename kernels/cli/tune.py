"""``einbench tune``: measure ahead, so that programs find every choice in memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.choosing import (
    again_option,
    rigor_option,
    sizes_option,
    threads_as_found_option,
)
from einbench.cli.expressions import asked, operations_named
from einbench.cli.outcome import INTERRUPTED, REJECTED, WRONG_USE, complain
from einbench.cli.parameters import (
    context_option,
    dtypes_option,
    json_option,
    plugins_option,
    refuse_beside_scheduler,
    scheduler_option,
    separate_batches,
)
from einbench.cli.progress import bar
from einbench.cli.resuming import keeping, resume_option, say_resumed
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.cli.warned import in_one_line
from einbench.moment import now
from einbench.verbs.tuned import row

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.choose.tune import Tuned
    from einbench.problem import Problem

SCHEMA = "einbench.tune/1"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench tune\n"
    "  einbench tune softmax softmax_vjp --batch 32,128,512\n"
    "  einbench tune linear --size units=64 --rigor patient\n"
    "  einbench tune --scheduler tcp://10.0.0.1:8786"
)
@operations_named("tune")
@click.option(
    "--batch", "batches", multiple=True, callback=separate_batches, metavar="N",
    help="Rows per call, several with commas; by default nine from 1 to 60_000.",
)  # fmt: skip
@dtypes_option
@sizes_option
@threads_as_found_option
@rigor_option(
    "measure",
    "patient",
    help_text="patient times a cell for up to ten times as long.",
)
@again_option
@context_option
@json_option("every cell")
@resume_option("cells that were finished are")
@scheduler_option
@plugins_option
def tune(
    operations: tuple[str, ...],
    batches: tuple[int, ...],
    dtypes: tuple[str, ...],
    sizes: dict[str, int],
    threads: int | None,
    rigor: str,
    again: bool,
    context: str,
    json_path: str | None,
    resume: bool,
    scheduler: str | None,
) -> int:
    """Fill the memory that einbench.fastest and einbench.auto answer from.

    Every kernel is checked, timed and ranked at every batch, and the winner remembered. What is
    remembered already is not measured again: after Ctrl-C the same command goes on where it
    stopped, with --again --resume too. By default all operations, which takes some minutes.
    """
    from einbench.choose.environment import limited
    from einbench.choose.kept import refuse_unwritable
    from einbench.choose.tune import BATCHES, cell_name, plan
    from einbench.choose.tune import tune as fill
    from einbench.choose.wisdom import wisdom

    chosen_batches, chosen_dtypes = batches or BATCHES, dtypes or ("float32",)
    ops, sizes, rows = asked(operations, sizes)
    chosen_batches = chosen_batches if rows is None else (rows,)
    problems = plan(ops, chosen_batches, chosen_dtypes, sizes)
    settings: dict[str, Any] = {
        "batches": list(chosen_batches), "dtypes": list(chosen_dtypes),
        "sizes": sizes, "threads": threads, "rigor": rigor, "again": again, "context": context,
    }  # fmt: skip
    if scheduler is not None:
        refuse_beside_scheduler(resume=resume)
        from einbench.cli.fleet import tune_machines

        return tune_machines(scheduler, problems, settings, Target.of(json_path))
    with limited(threads):
        pass  # an impossible number is refused before anything is begun
    target = Target.of(json_path)
    names = list(dict.fromkeys(each.operation.name for each in problems))
    memory = wisdom()
    refuse_unwritable(memory, names)
    settings = {"operations": names, **settings, "wisdom": memory.folder}
    done: list[Tuned] = []
    began_s = time.perf_counter()
    interrupted = False
    with keeping(target, resume) as (journal, target), in_one_line():
        kept = journal.begin({"command": "tune", **settings})
        try:
            with bar() as progress:
                for tuned in fill(
                    problems, rigor, threads, again=again, context=context, progress=progress,
                    done={name: str(reason) for name, reason in kept.items()},
                ):  # fmt: skip
                    done.append(tuned)  # what is there when Ctrl-C comes stays
                    journal.keep(cell_name(tuned.problem), tuned.reason)
        except KeyboardInterrupt:
            interrupted = True
        say_resumed(journal, "cell", "cells")
        wall_s = time.perf_counter() - began_s
        settings |= {"wall_s": wall_s, "interrupted": interrupted}
        out = console(target.tables)
        try:
            if (target.path or target.stdout) and (done or not interrupted):
                target.write(_document(done, settings))
            if not interrupted:
                journal.finish()
            elif done:
                journal.end()
        finally:
            # printed even where the disk turned out to be full
            _end(done, out, wall_s, memory.folder)
    if interrupted:
        _say_how_far(problems, done, out, rigor, threads, context, again)
        return INTERRUPTED
    if lost := sorted({*memory.unwritten} & {*names}):
        complain(
            f"not on disk, and lost by now: what was measured for {', '.join(lost)}; make room in "
            f"{memory.folder}, or name another folder (EINBENCH_WISDOM), and tune again"
        )
        return WRONG_USE
    return REJECTED if any(t.decision is None for t in done) or _alarms(done) else 0


def _document(done: Sequence[Tuned], settings: dict[str, Any]) -> dict[str, Any]:
    from einbench.host.machine import machine

    return {
        "schema": SCHEMA,
        "date": now(),
        "machine": machine(),
        "settings": settings,
        "cells": [row(tuned) for tuned in done],
    }


def _end(done: Sequence[Tuned], out: Console, wall_s: float, folder: str) -> None:
    """Wrong kernels, cells without any, how many were measured, and where the wisdom is."""
    from einbench.report.choice import plain_text
    from einbench.report.ranges import winner_lines
    from einbench.report.terminal import print_line, print_paragraph
    from einbench.units import seconds_text

    for line in winner_lines([row(tuned) for tuned in done], out.width):
        print_line(out, line)
    if done:
        out.print()
    for text in _alarms(done):
        print_paragraph(out, plain_text(text), "bold white on red")
    for tuned in done:
        if tuned.decision is None:
            text = f"{tuned.problem}: {tuned.reason}"
            print_paragraph(out, plain_text(text), "bold red")
    count = Counter(tuned.origin for tuned in done)
    measured, known = count["measured"], count["remembered"]
    cells = "cell" if measured == 1 else "cells"
    parts = [f"{measured} {cells} measured in {seconds_text(wall_s)}"] if measured else []
    already = f"{known} remembered already"
    parts += [already if measured else f"nothing was measured, {already}"] if known else []
    parts += [f"{count['failed']} without a kernel to choose"] if count["failed"] else []
    print_paragraph(out, ", ".join(parts), "bold green")
    out.print(f"wisdom: {folder}", style="dim", markup=False, soft_wrap=True)


def _alarms(done: Sequence[Tuned]) -> list[str]:
    """A line for each kernel that was found wrong now or when its cell was measured."""
    from einbench.choose.evidence import records
    from einbench.report.grid import blocks
    from einbench.report.notes import wrong

    rows = [row for tuned in done if tuned.decision for row in records(tuned.decision)]
    return list(dict.fromkeys(note.text for note in wrong(blocks(rows))))


def _say_how_far(
    problems: Sequence[Problem],
    done: Sequence[Tuned],
    out: Console,
    rigor: str,
    threads: int | None,
    context: str,
    again: bool,
) -> None:
    from einbench.choose import environment
    from einbench.choose.environment import limited
    from einbench.choose.tune import exactly

    if again:
        text = (
            f"interrupted: {len(done)} of {len(problems)} cells were measured again; --resume "
            "goes on"
        )
    else:
        with limited(threads):
            now = environment.threads()
            kept = sum(exactly(each, rigor, now, context) is not None for each in problems)
        text = (
            f"interrupted: {kept} of {len(problems)} cells are remembered; "
            "the same command goes on from there"
        )
    out.print(text, style="bold yellow", markup=False, soft_wrap=True)
