"""``einbench fastest``: which kernel to call, measured now or told by saved results, and why."""

from __future__ import annotations

import click

from kernels.cli.outcome import INTERRUPTED, REJECTED
from kernels.cli.parameters import (
    json_option,
    plugins_option,
    positive,
    separate,
    separate_batches,
    threads_option,
)
from kernels.cli.progress import bar
from kernels.cli.streams import console
from kernels.cli.target import Target

SCHEMA = "einbench.fastest/1"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench fastest softmax_jacobian\n"
    "  einbench fastest weight_gradient --batch 10_000 --threads 1\n"
    "  einbench fastest --from results\n"
    "  einbench fastest softmax --from results/asv --machine reference --batch 128,1000"
)
@click.argument("operation", required=False)
@click.option(
    "--batch", "batches", multiple=True, callback=separate_batches, metavar="N",
    help="Rows per call, by default 128; with --from all there are, or several with commas.",
)  # fmt: skip
@click.option(
    "--dtype", "dtypes", multiple=True, callback=separate, metavar="NAME",
    help="float32 or float64, by default float32; with --from all there are.",
)  # fmt: skip
@threads_option
@click.option(
    "--budget", type=positive, metavar="SECONDS",
    help="Of timing, checking and compiling apart, by default 3.",
)  # fmt: skip
@click.option(
    "--from", "sources", multiple=True, metavar="PATH",
    help="Time nothing: tell who won in the results in this folder or file, of any harness; "
    "may be given several times.",
)  # fmt: skip
@click.option("--machine", metavar="NAME", help="With --from: only results of this one.")
@click.option(
    "--commit", metavar="REV", help="With --from: results of this one, by default the latest."
)
@json_option("every candidate")
@plugins_option
def fastest(
    operation: str | None,
    batches: tuple[int, ...],
    dtypes: tuple[str, ...],
    threads: int | None,
    budget: float | None,
    sources: tuple[str, ...],
    machine: str | None,
    commit: str | None,
    json_path: str | None,
) -> int:
    """Check and time the kernels of one operation, and name the one to call.

    With --from, read it from asv results, pytest-benchmark JSON and saved comparisons: for each
    machine, operation, batch and dtype the winner of the latest run that has it. Comparisons
    have interleaved times and tell ties themselves; asv and pytest-benchmark take kernels one
    after another, so kernels tie there where their intervals come within 2 % of overlapping and
    their medians are within 10 % of the best.
    """
    if sources:
        _refuse("--from times nothing; leave it out", threads=threads, budget=budget)
        from kernels.cli.fastest_saved import answer

        return answer(sources, operation, batches, dtypes, machine, commit, json_path)
    _refuse("only results have one: it needs --from PATH", machine=machine, commit=commit)
    if operation is None:
        raise click.UsageError(
            "Missing argument 'OPERATION': name one, or results with --from PATH.",
            click.get_current_context(),
        )
    for option, values in (("--batch", batches), ("--dtype", dtypes)):
        if len(values) > 1:
            raise ValueError(f"{option}: one at a time where it is timed; several need --from PATH")
    batch, dtype = (batches or (128,))[0], (dtypes or ("float32",))[0]
    return _measure(operation, batch, dtype, threads, budget or 3.0, json_path)


def _refuse(why: str, **given: object) -> None:
    """An option that would be ignored is refused."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"--{name}: {why}")


def _measure(
    operation: str,
    batch: int,
    dtype: str,
    threads: int | None,
    budget: float,
    json_path: str | None,
) -> int:
    """Of the kernels of one operation at one size."""
    from kernels import pipeline, registry
    from kernels.report.choice import explain
    from kernels.report.grid import blocks
    from kernels.report.notes import wrong
    from kernels.report.provenance import machine_text
    from kernels.report.terminal import print_line, print_paragraph

    op = registry.operation(operation)
    target = Target.of(json_path)
    with bar() as progress:
        found = pipeline.compare(op, batch, dtype, threads, budget, progress=progress)
    if not found.records:  # Ctrl-C came first
        raise KeyboardInterrupt
    winner = next((r["kernel"] for r in found.records if r["winner"]), None)
    plain = found.document()
    target.write(
        {
            "schema": SCHEMA,
            "date": plain["date"],
            "machine": plain["machine"],
            "settings": plain["settings"],
            "operation": op.name,
            "kernel": winner,
            "records": plain["records"],
        }
    )
    out = console(target.tables)
    for line in explain(found.records, out.width).splitlines():
        print_line(out, [(line, "bold green" if line.startswith("* ") else "")])
    alarms = wrong(blocks(found.records))
    for note in alarms:
        print_paragraph(out, note.text, "bold white on red")
    out.print()
    print_paragraph(out, machine_text(found.machine), "dim")
    if found.interrupted:
        return INTERRUPTED
    return REJECTED if alarms or winner is None else 0
