"""``einbench fastest``: which kernel to call for one operation at one size, and why."""

from __future__ import annotations

import click

from kernels.cli.outcome import INTERRUPTED, REJECTED
from kernels.cli.parameters import (
    batch_option,
    dtype_option,
    json_option,
    plugins_option,
    positive,
    threads_option,
)
from kernels.cli.progress import bar
from kernels.cli.streams import console
from kernels.cli.target import Target

SCHEMA = "einbench.fastest/1"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench fastest softmax_jacobian\n"
    "  einbench fastest weight_gradient --batch 10_000 --threads 1"
)
@click.argument("operation")
@batch_option(128)
@dtype_option
@threads_option
@click.option(
    "--budget", type=positive, default=3.0, show_default=True, metavar="SECONDS",
    help="Of timing, checking and compiling apart.",
)  # fmt: skip
@json_option("every candidate")
@plugins_option
def fastest(
    operation: str,
    batch: int,
    dtype: str,
    threads: int | None,
    budget: float,
    json_path: str | None,
) -> int:
    """Check and time the kernels of one operation, and name the one to call."""
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
