"""``einbench einsum``: race the kernels of one expression, and print the winner as plain Python."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from einbench.cli.expressions import axes_option, spelt
from einbench.cli.outcome import INTERRUPTED, REJECTED
from einbench.cli.parameters import (
    context_option,
    dtype_option,
    positive,
    seed_option,
    separate,
    threads_option,
    time_limit_option,
    whole,
)
from einbench.cli.progress import bar
from einbench.cli.resuming import keeping, resume_option, say_resumed
from einbench.cli.streams import console
from einbench.cli.target import Target, naming, refuse_one_file, refuse_unwritable
from einbench.libraries.contestants import CONTESTANTS, check_contestants
from einbench.record import WRONG

if TYPE_CHECKING:
    from einbench.arguments import Array
    from einbench.kernel import Kernel
    from einbench.operation import Operation
    from einbench.verbs.comparison import Comparison

#: of timing what is emitted beside its kernel
_EMITTED_S = 0.5


def sizes_of(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int]:
    """``100``, which is said as ``""``, and ``k=50``, several with commas."""
    sizes: dict[str, int] = {}
    for part in (part.strip() for value in values for part in value.split(",")):
        axis, equals, number = part.rpartition("=")
        if bool(equals) != bool(axis.strip()):
            raise click.BadParameter(f"{part!r} is no size; write 100, or axis=number, k=50 say")
        if axis.strip() in sizes:
            raise click.BadParameter(
                f"{axis.strip() or 'all'} has two sizes; leave one of them out"
            )
        sizes[axis.strip()] = whole(1, "10 or k=1_000")(number.strip())
    return sizes


@click.command(
    epilog="\b\nExamples:\n"
    '  einbench einsum "qij,qjk->qik" --size 100\n'
    '  einbench einsum "bij,bjk->bik" --size 3 --size b=100_000 --emit bmm.py\n'
    '  einbench einsum "ijk,jkl,kli->il" --size 40 --with torch,cotengra,pytblis\n'
    '  einbench einsum "rows terms, terms columns -> rows columns" --size 64'
)
@click.argument("expression", required=False)
@click.option(
    "--size", "sizes", multiple=True, callback=sizes_of, metavar="[AXIS=]N",
    help="Of an axis; without a name, of all that have no size of their own.",
)  # fmt: skip
@axes_option
@dtype_option
@click.option(
    "--budget", type=positive, default=5.0, show_default=True, metavar="SECONDS",
    help="Of timing.",
)  # fmt: skip
@threads_option
@click.option(
    "--with", "libraries", multiple=True, callback=separate, metavar="LIBRARY",
    help=f"Libraries that compete, each in a process of its own: {', '.join(CONTESTANTS)}; several "
    "with commas. One that raises at the expression is listed as refusing it.",
)  # fmt: skip
@time_limit_option
@seed_option
@context_option
@click.option(
    "--emit", "emitted", is_flag=False, flag_value="-", metavar="[PATH.py]",
    help="Write the fastest kernel as Python that imports NumPy and numba alone; without a path "
    "to stdout, and tables go to stderr.",
)  # fmt: skip
@click.option(
    "--json", "json_path", metavar="PATH",
    help="Write all numbers as JSON to this file; - is stdout, and tables go to stderr.",
)  # fmt: skip
@resume_option("the measurement, one of all kernels together, is")
def einsum(
    expression: str | None,
    sizes: dict[str, int],
    dtype: str,
    budget: float,
    threads: int | None,
    libraries: tuple[str, ...],
    time_limit: float | None,
    seed: int,
    context: str,
    emitted: str | None,
    json_path: str | None,
    resume: bool,
) -> int:
    """Check every kernel of an einsum EXPRESSION, time those that are right, and rank them.

    Kernels are made from the expression: nested loops, as they are and compiled, NumPy's einsum and
    its optimised path, tensordot, a stack of matrix products, and for three operands and more a
    path of pairs.
    """
    from einbench.host.machine import limit_threads
    from einbench.verbs.compare import compare

    expression, emitted = _told_apart(expression, emitted)
    op, letters, rows, given = _operation(expression, sizes)
    check_contestants(libraries)
    if emitted == "-" and json_path == "-":
        raise click.UsageError("--emit and --json both write to stdout; give one of them a path")
    refuse_one_file(emit=emitted, json=json_path)
    target = Target.of(json_path)
    if emitted not in (None, "-"):
        refuse_unwritable(Path(str(emitted)), "--emit")
    tables = Target(None, stdout="-" in (emitted, json_path)).tables
    with keeping(target, resume) as (journal, target):
        with bar() as progress:
            comparison = compare(
                op,
                rows or 1,
                dtypes=dtype,
                threads=threads,
                budget_s=budget,
                seed=seed,
                progress=progress,
                with_=libraries,
                time_limit_s=time_limit,
                context=context,
                keep=journal,
                **given,  # type: ignore[arg-type]  # no axis is called as an argument
            )
        say_resumed(journal, "cell", "cells")
        if comparison.interrupted and not comparison.records:
            click.echo("einbench: interrupted before anything was measured", err=True)
            return INTERRUPTED
        from einbench.report.terminal import show

        show(comparison, console(tables))
        if json_path is not None:
            target.write(comparison.document())
        if emitted is not None:
            drawn = op.draw(rows, dtype, seed, **given)
            with limit_threads(threads):
                _write(op, tuple(drawn.values()), letters, comparison, emitted, tables)
        (journal.end if comparison.interrupted else journal.finish)()
    if comparison.interrupted:
        return INTERRUPTED
    return REJECTED if any(record.status in WRONG for record in comparison.records) else 0


def _told_apart(expression: str | None, emitted: str | None) -> tuple[str, str | None]:
    """The expression and the path of ``--emit``, whose value an expression behind it would be."""
    if expression is None and emitted is not None and not emitted.endswith((".py", "-")):
        return emitted, "-"
    if expression is None:
        raise click.UsageError("Missing argument 'EXPRESSION': \"ij,jk->ik\", say")
    if emitted is not None and "->" in emitted:
        raise click.UsageError(f"--emit {emitted}: expected a path, winner.py say, or none")
    return expression, emitted


class _Asked(NamedTuple):
    """What is raced, and at which sizes."""

    operation: Operation
    #: the expression, its axes as letters
    letters: str
    #: None where no axis is that of rows
    rows: int | None
    #: of the other axes, where the operation was not made for these sizes
    sizes: dict[str, int]


def _operation(text: str, sizes: dict[str, int]) -> _Asked:
    """What is registered under that name, a plugin's say, else an operation made for the sizes."""
    from einbench.einsum.expression import expression
    from einbench.einsum.named import as_letters, is_named
    from einbench.registry import operations

    name = spelt(text)
    axes = "named" if is_named(name) else "letters"
    letters = as_letters(name).text if is_named(name) else name
    made = expression(name, axes=axes)
    there = operations.get(made.name)
    given = _sizes_of_all(text, (there or made).axes, sizes)
    if there is not None:
        rows = given.pop(there.leading) if there.leading else None
        return _Asked(there, letters, rows, given)
    rows = given.pop("batch", None)  # an axis of this name is always that of rows
    return _Asked(expression(name, axes=axes, **given), letters, rows, {})


def _sizes_of_all(text: str, every: Sequence[str], sizes: Mapping[str, int]) -> dict[str, int]:
    """The size of each axis; one without is refused."""
    from einbench.names import unknown
    from einbench.report.grid import listed

    given = {axis: size for axis, size in sizes.items() if axis}
    if strange := [axis for axis in given if axis not in every]:
        raise click.UsageError(unknown("axis", strange[0], every, f" in {text}"))
    if "" in sizes:
        given = {**dict.fromkeys(every, sizes[""]), **given}
    if missing := [axis for axis in every if axis not in given]:
        have = f"axis {missing[0]} has" if len(missing) == 1 else f"axes {listed(missing)} have"
        meant = ",".join(f"{axis}=100" for axis in missing)
        raise click.UsageError(f"{have} no size: give --size {meant}, or --size 100 for all")
    return given


def _write(
    op: Operation,
    arrays: Sequence[Array],
    letters: str,
    comparison: Comparison,
    path: str,
    tables: IO[str],
) -> None:
    """The winner's source; to stdout where there is no path."""
    from einbench.einsum.emit import emit, is_plain
    from einbench.host.documents import write_whole
    from einbench.kernel import HERE
    from einbench.units import ratio_text

    timed = [r for r in comparison.records if r.status == "ok" and r.median_s is not None]
    winner = next((record for record in timed if record.winner), None)
    here = [r for r in timed if r.runtime in HERE]
    # a kernel that was added to the expression has source of its own
    plain = [r for r in here if is_plain(r.kernel) and not _added(op, r.kernel)]
    best = winner if winner in plain else min(plain, key=lambda r: r.median_s or 0, default=None)
    if best is None or winner is None:
        raise ValueError("no kernel passed the check and was timed: there is nothing to emit")
    source = emit(letters, [each.shape for each in arrays], arrays[0].dtype, best.kernel)
    if path == "-":
        click.echo(source, nl=False)
    else:
        with naming(Path(path), "--emit PATH"):
            write_whole(path, source)
        console(tables).print(f"{best.kernel} as Python: {path}", markup=False, soft_wrap=True)
    slower, said = (best.median_s or 0.0) / (winner.median_s or 1.0), ""
    if "@numba" in source:
        # einbench compiles loops for arrays that do not overlap, and its own threads share them
        slower *= _over_kernel(op[best.kernel], arrays, source)
        said = (
            f"{best.kernel} is emitted as numba compiles and shares its loops: "
            f"{ratio_text(slower)} its time"
        )
    if best is not winner:
        what = "instructions of this processor" if winner in here else "a library's call"
        if winner in here and _added(op, winner.kernel):
            what = f"a function of {op[winner.kernel].origin.module or 'another module'}"
        said = f"{winner.kernel} is {what}: emitted is {best.kernel}, {ratio_text(slower)} its time"
    if said:
        console(tables).print(said, markup=False, soft_wrap=True)


def _added(op: Operation, kernel: str) -> bool:
    """Whether a kernel is none of those that are made of every expression."""
    from einbench.einsum.expression import expression

    return kernel in op and op[kernel].origin.module != expression.__module__


def _over_kernel(kernel: Kernel, arrays: Sequence[Array], source: str) -> float:
    """The time of emitted source over that of the kernel it stands for, in turns."""
    import numpy as np

    from einbench.measure.blocks import interleave_in_blocks

    scope: dict[str, Any] = {}
    exec(compile(source, "<emitted>", "exec"), scope)  # noqa: S102 - written by `emit`
    calls = {
        "kernel": partial(kernel.prepared(arrays, {}), *arrays),
        "emitted": partial(scope["contract"], *arrays),
    }
    expected_s = {}
    for name, call in calls.items():
        call()  # compiled now
        began_s = time.perf_counter()
        call()
        expected_s[name] = time.perf_counter() - began_s
    timing = interleave_in_blocks(
        lambda: calls, 4, budget_s=_EMITTED_S, rng=np.random.default_rng(0),
        expected_s=expected_s, keep=lambda output: None,
    )  # fmt: skip
    return float(np.nanmedian(timing.samples["emitted"]) / np.nanmedian(timing.samples["kernel"]))
