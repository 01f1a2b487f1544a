"""``einbench check``: is every kernel right, and by how many units of rounding is it off?"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.choosing import sizes_option
from einbench.cli.expressions import asked, operations_named
from einbench.cli.outcome import INTERRUPTED, REJECTED, WRONG_USE
from einbench.cli.parameters import (
    batch_option,
    dtypes_option,
    isolate_option,
    json_option,
    plugins_option,
    seed_option,
    time_limit_option,
)
from einbench.cli.progress import bar
from einbench.cli.streams import console
from einbench.cli.target import Target

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.check.judging import Verdict

SCHEMA = "einbench.check/1"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench check\n"
    "  einbench check softmax softmax_vjp --batch 10_000 --dtype float32,float64"
)
@operations_named("check")
@batch_option(128)
@sizes_option
@dtypes_option
@seed_option
@json_option("the verdicts")
@isolate_option
@time_limit_option
@plugins_option
def check(
    operations: tuple[str, ...],
    batch: int,
    sizes: dict[str, int],
    dtypes: tuple[str, ...],
    seed: int,
    json_path: str | None,
    isolate: bool | None,
    time_limit: float | None,
) -> int:
    """Judge every kernel against a slow, wide reference on hostile inputs.

    Errors are in units of what rounding explains. Exit status 1 where a kernel is wrong, else 2
    where memory, time, the disk or a compiler left one unchecked; one that cannot run here is
    neither.
    """
    from einbench.host.machine import machine
    from einbench.names import check_dtype
    from einbench.report.terminal import print_paragraph
    from einbench.verbs.check import check as judge

    ops, sizes, rows = asked(operations, sizes)
    batch = batch if rows is None else rows
    chosen = [check_dtype(dtype).name for dtype in dtypes or ("float32",)]
    target = Target.of(json_path)
    verdicts: list[Verdict] = []
    interrupted = False
    try:
        with bar() as progress:
            for number, op in enumerate(ops):
                progress(number / len(ops), f"{op.name}: checking")
                own = {axis: size for axis, size in sizes.items() if axis in op.sizes}
                for dtype in chosen:
                    verdicts.extend(
                        judge(
                            op,
                            batch=batch,
                            dtype=dtype,
                            seed=seed,
                            isolate=isolate,
                            time_limit_s=time_limit,
                            **own,
                        )
                    )
    except KeyboardInterrupt:
        if not verdicts:
            raise
        interrupted = True
    settings = {
        "batch": batch, "sizes": sizes, "dtypes": chosen, "seed": seed, "interrupted": interrupted
    }  # fmt: skip
    document = {
        "schema": SCHEMA,
        "machine": machine(),
        "settings": settings,
        "verdicts": [_row(verdict) for verdict in verdicts],
    }
    out = console(target.tables)
    try:
        target.write(document)
    finally:
        # printed even where the disk turned out to be full
        _show(verdicts, out, batch)
    scope = f"{' and '.join(chosen)}, batch {batch:,}, seed {seed}; errors in units of rounding"
    print_paragraph(out, _count(verdicts, batch), "bold red" if _wrong(verdicts) else "bold green")
    print_paragraph(out, scope, "dim")
    if interrupted:
        judged = len({v.kernel.operation.name for v in verdicts})
        print_paragraph(out, f"interrupted: {judged} of {len(ops)} operations were checked", "bold")
        return INTERRUPTED
    if _wrong(verdicts):
        return REJECTED
    return WRONG_USE if any(verdict.status == "unchecked" for verdict in verdicts) else 0


def _word(verdict: Verdict) -> str:
    return "FAILED" if verdict.status == "rejected" else verdict.status


def _wrong(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.status == "rejected"]


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "operation": verdict.kernel.operation.name,
        "kernel": verdict.method,
        "dtype": verdict.dtype,
        "status": verdict.status,
        "passed": verdict.passed,
        "available": verdict.kernel.available,
        "error": verdict.error if math.isfinite(verdict.error) else None,
        "limit": verdict.limit if math.isfinite(verdict.limit) else None,
        "reason": verdict.reason,
        "batch": verdict.batch,
    }


def _show(verdicts: Sequence[Verdict], out: Console, batch: int) -> None:
    from einbench.report.terminal import print_line

    name = max(len(v.method) for v in verdicts)
    heading = f"  {'kernel'.ljust(name)}  verdict         error   limit"
    print_line(out, [(heading, "dim")])
    shown = ""
    styles = {
        "passed": "green",
        "FAILED": "bold white on red",
        "unavailable": "dim",
        "unchecked": "yellow",
    }
    for verdict in verdicts:
        status = _word(verdict)
        group = f"{verdict.kernel.operation.name} {verdict.dtype}"
        if group != shown:
            shown = group
            print_line(out, [(group, "bold cyan")])
        numbers = [_number(verdict.error), _number(verdict.limit)]
        print_line(
            out,
            [
                (f"  {verdict.method.ljust(name)}  ", ""),
                (status, styles[status]),
                (" " * (11 - len(status)), ""),
                ("".join(f"  {number:>8}" for number in numbers)[2:], "dim"),
                (_smaller(verdict, batch), "dim"),
            ],
        )
        if not verdict.passed:
            indent = " " * 4
            for line in textwrap.wrap(
                verdict.reason, out.width, initial_indent=indent, subsequent_indent=indent
            ):
                print_line(out, [(line, "red" if status == "FAILED" else styles[status])])
    print_line(out, [])


def _smaller(verdict: Verdict, batch: int) -> str:
    """At what batch a kernel was checked that is too slow, or too large, for the requested one."""
    if not verdict.passed or verdict.batch >= batch:
        return ""
    return f"  at batch {verdict.batch:,}"


def _number(value: float) -> str:
    from einbench.units import number_text

    return number_text(value) if math.isfinite(value) else "-"


def _count(verdicts: Sequence[Verdict], batch: int) -> str:
    counts = dict.fromkeys(("passed", "FAILED", "unchecked", "unavailable"), 0)
    for verdict in verdicts:
        counts[_word(verdict)] += 1
    counted = [f"{n} {status}" for status, n in counts.items() if n or status == "passed"]
    less = sum(bool(_smaller(verdict, batch)) for verdict in verdicts)
    smaller = f"; {less} could be checked at a smaller batch only, for time or memory" * bool(less)
    return f"{', '.join(counted)} of {len(verdicts)} kernels{smaller}"
