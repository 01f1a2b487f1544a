"""The einbench command: ``main`` is its entry point."""

import click

import kernels
from kernels.cli.check import check
from kernels.cli.compare import compare
from kernels.cli.export import export
from kernels.cli.fastest import fastest
from kernels.cli.gate import gate
from kernels.cli.listing import list_operations
from kernels.cli.machine import machine
from kernels.cli.outcome import OneLine
from kernels.cli.train import train
from kernels.cli.tune import tune
from kernels.cli.wisdom import wisdom

__all__ = ["main"]


@click.group(
    cls=OneLine,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n"
    "  einbench compare --operation softmax --batch 1,128\n"
    "  einbench check softmax_jacobian\n"
    "  einbench fastest weight_gradient --batch 10_000\n"
    "  einbench tune\n"
    "  einbench train --kernels auto\n"
    "  einbench gate main",
)
@click.version_option(kernels.__version__, prog_name="einbench")
@click.option("--plugins", is_flag=True, help="Load kernels that other packages ship first.")
@click.pass_context
def main(context: click.Context, plugins: bool) -> None:
    """Alternative kernels for the same mathematics: checked, timed, ranked.

    Exit status: 0 done, 1 a kernel was rejected or became slower, 2 wrong use or nothing to
    measure, 130 interrupted.
    """
    if plugins:
        kernels.load_plugins()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    compare, check, export, fastest, train, tune, wisdom, gate, list_operations, machine
):  # fmt: skip
    main.add_command(command)
