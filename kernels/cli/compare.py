"""``einbench compare``: check every kernel, time those that pass, rank them, keep it all."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.choosing import sizes_option
from einbench.cli.expressions import asked, operations_named
from einbench.cli.outcome import INTERRUPTED, REJECTED
from einbench.cli.parameters import (
    context_option,
    data_option,
    dtypes_option,
    isolate_option,
    plugins_option,
    positive,
    refuse_beside_scheduler,
    scheduler_option,
    seed_option,
    separate,
    separate_batches,
    threads_option,
    time_limit_option,
)
from einbench.cli.progress import bar
from einbench.cli.resuming import keeping, resume_option, say_resumed
from einbench.cli.streams import console
from einbench.cli.target import Target, naming, refuse_one_file, refuse_unwritable
from einbench.libraries.runtimes import LIBRARIES
from einbench.record import WRONG, Record

if TYPE_CHECKING:
    from einbench.operation import Operation
    from einbench.verbs.comparison import Comparison


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench compare\n"
    "  einbench compare softmax relu --batch 1,128 --budget 10\n"
    "  einbench compare --operation softmax --with torch,jax\n"
    "  einbench compare --operation softmax --size classes=100 --json - | jq .machine\n"
    "  einbench compare softmax --scheduler tcp://10.0.0.1:8786"
)
@operations_named("compare")
@click.option(
    "--batch", "batches", multiple=True, callback=separate_batches, metavar="N",
    help="Rows per call, by default 1, 128, 10_000 and 60_000.",
)  # fmt: skip
@dtypes_option
@click.option("--budget", type=positive, metavar="SECONDS", help="Of timing in all, by default 75.")
@threads_option
@click.option(
    "--layout", default="C", show_default=True, metavar="NAME",
    help="Memory order of the inputs: C, F, sliced, reversed or readonly.",
)  # fmt: skip
@data_option
@seed_option
@click.option(
    "--memory", type=positive, metavar="GB",
    help="Most that a kernel's temporaries may take, by default half of what outputs take, and "
    "64 MiB.",
)  # fmt: skip
@sizes_option
@click.option(
    "--json", "json_path", metavar="PATH",
    help="Where to write all numbers, by default results/compare-TIME.json; - is stdout, and "
    "tables go to stderr.",
)  # fmt: skip
@click.option("--picture", metavar="PATH.svg", help="Draw the tables to this file as well.")
@click.option("--plot", metavar="PICTURE", help="Draw time against batch to this .svg or .png.")
@click.option("--report", metavar="PAGE.html", help="Make a page of it, as einbench report does.")
@click.option(
    "--with", "libraries", multiple=True, callback=separate, metavar="LIBRARY",
    help=f"Libraries that compete: {', '.join(LIBRARIES)}; several with commas.",
)  # fmt: skip
@isolate_option
@time_limit_option
@context_option
@resume_option("operations at a batch that were finished are")
@scheduler_option
@plugins_option
def compare(
    operations: tuple[str, ...],
    batches: tuple[int, ...],
    dtypes: tuple[str, ...],
    budget: float | None,
    threads: int | None,
    layout: str,
    data: str | None,
    seed: int,
    memory: float | None,
    sizes: dict[str, int],
    json_path: str | None,
    picture: str | None,
    plot: str | None,
    report: str | None,
    libraries: tuple[str, ...],
    isolate: bool | None,
    time_limit: float | None,
    context: str,
    resume: bool,
    scheduler: str | None,
) -> int:
    """Check all kernels, time those that are right, and say which is fastest.

    Timed is the call that a kernel's users make, with arrays of any kind; einbench fastest times
    what einbench.auto calls for arrays of one kind, which takes up to some microseconds less.

    Kernels take turns on real images, as often as the budget allows. Speed-ups are against the
    baseline, the plain loop; kernels that cannot be distinguished tie. Ctrl-C keeps what
    was measured.
    """
    from einbench.verbs import compare as pipeline

    ops, sizes, rows = asked(operations, sizes)
    batches = batches if rows is None else (rows,)
    refuse_one_file(json=json_path, picture=picture, plot=plot, report=report)
    target = Target.of(json_path, _default_path())
    if scheduler is not None:
        refuse_beside_scheduler(
            resume=resume, picture=picture, plot=plot, report=report, data=data,
            isolate=isolate, **{"with": libraries, "time-limit": time_limit},
        )  # fmt: skip
        from einbench.cli.fleet import compare_machines

        return compare_machines(scheduler, ops, {
            "batches": list(batches or pipeline.BATCHES),
            "dtypes": list(dtypes or pipeline.DTYPES), "budget_s": budget, "threads": threads,
            "layout": layout, "seed": seed, "context": context, "sizes": sizes,
            "memory_bytes": None if memory is None else int(memory * 1e9),
        }, target)  # fmt: skip
    _refuse_impossible(picture, plot, report)
    with keeping(target, resume) as (journal, target):
        with bar() as progress:
            comparison = pipeline.compare(
                ops,
                batches or pipeline.BATCHES,
                dtypes or pipeline.DTYPES,
                threads,
                budget,
                layout=layout,
                seed=seed,
                data=data,
                memory_bytes=None if memory is None else int(memory * 1e9),
                progress=progress,
                with_=libraries,
                isolate=isolate,
                time_limit_s=time_limit,
                context=context,
                keep=journal,
                **sizes,  # type: ignore[arg-type]  # no axis is called as an argument
            )
        say_resumed(journal, "cell", "cells")
        if comparison.interrupted and not comparison.records:
            click.echo(
                "einbench: interrupted before the first cell was measured; no file was written",
                err=True,
            )
            return INTERRUPTED
        try:
            target = target.write(comparison.document())
            (journal.end if comparison.interrupted else journal.finish)()
        finally:
            # printed even where the disk turned out to be full
            _show(comparison, target)
    _draw(comparison, target, picture, plot, report)
    _end(comparison, ops, target)
    if comparison.interrupted:
        return INTERRUPTED
    wrong = any(record.status in WRONG for record in comparison.records)
    return REJECTED if wrong else 0


def _refuse_impossible(picture: str | None, plot: str | None, report: str | None) -> None:
    """Before anything is measured, what could not be drawn or written after it."""
    if picture is not None:
        if Path(picture).suffix.lower() != ".svg":
            raise ValueError(f"--picture {picture}: expected a name that ends in .svg")
        refuse_unwritable(Path(picture), "--picture")
    if plot is None and report is None:
        return
    from einbench.report.vega import refuse_format, refuse_without_charts

    refuse_without_charts()
    if plot is not None:
        refuse_format(Path(plot), "--plot")
        refuse_unwritable(Path(plot), "--plot")
    if report is not None:
        refuse_unwritable(Path(report), "--report")


def _default_path() -> Path:
    now = datetime.datetime.now(datetime.UTC)
    return Path("results") / f"compare-{now:%Y%m%dT%H%M%SZ}.json"


def _show(comparison: Comparison, target: Target) -> None:
    from einbench.report.terminal import show

    show(comparison, console(target.tables))


def _draw(
    comparison: Comparison,
    target: Target,
    picture: str | None,
    plot: str | None,
    report: str | None,
) -> None:
    """Pictures and the page, each named as it is written."""
    out = console(target.tables)

    def say(what: str, path: Path) -> None:
        out.print(f"{what}: {path}", markup=False, soft_wrap=True)

    out.print("")
    if picture is not None:
        from einbench.report.terminal import picture as draw

        with naming(Path(picture), "--picture PATH"):
            say("picture", draw(comparison, picture))
    if plot is not None:
        from einbench.page.plots import comparison_spec
        from einbench.report.vega import write_picture

        with naming(Path(plot), "--plot PATH"):
            say("chart", write_picture(Path(plot), comparison_spec(comparison.document())))
    if report is not None:
        from einbench.page.files import write_page
        from einbench.page.sources import of_comparison

        saved = "a comparison" if target.path is None else str(target.path)
        with naming(Path(report), "--report PATH"):
            known = of_comparison(comparison.document())
            for path in write_page(known, Path(report), f"einbench report {saved}"):
                say("page", path)


def _end(comparison: Comparison, ops: list[Operation], target: Target) -> None:
    """The last lines: what was cut short, and where everything is."""
    out = console(target.tables)
    kept = "written to stdout" if target.stdout else f"kept in {target.path}"

    def say(text: str, style: str = "") -> None:
        out.print(text, style=style, markup=False, soft_wrap=True)

    if comparison.interrupted:
        measured = len({_cell_of(record) for record in comparison.records})
        count = f"{measured} of {_planned(comparison, ops)} cells"
        say(f"interrupted: {count} were measured and {kept}; --resume goes on", "bold yellow")
    else:
        say(f"all numbers: {'stdout' if target.stdout else target.path}")


def _cell_of(record: Record) -> tuple[Any, ...]:
    return record.operation, record.dtype, record.batch


def _planned(comparison: Comparison, ops: list[Operation]) -> int:
    settings = comparison.settings
    cells = sum(len(settings["batches"]) if op.leading is not None else 1 for op in ops)
    return cells * len(settings["dtypes"])
