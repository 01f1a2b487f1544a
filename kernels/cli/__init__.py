"""The einbench command: ``start`` is its entry point, ``main`` what it does."""

import sys

import click

import einbench
from einbench.cli.check import check
from einbench.cli.compare import compare
from einbench.cli.dialects import dialects
from einbench.cli.einsum import einsum
from einbench.cli.export import export
from einbench.cli.fastest import fastest
from einbench.cli.gate import gate
from einbench.cli.listing import list_operations
from einbench.cli.machine import machine
from einbench.cli.outcome import OneLine
from einbench.cli.report import report
from einbench.cli.train import train
from einbench.cli.tune import tune
from einbench.cli.wisdom import wisdom
from einbench.host.early import hold_back
from einbench.host.settings import check_settings

__all__ = ["main", "start"]

#: commands that take times in their own process
_MEASURING = {"compare", "einsum", "fastest", "train", "tune"}


@click.group(
    cls=OneLine,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n"
    "  einbench compare --operation softmax --batch 1,128\n"
    "  einbench check softmax_jacobian\n"
    "  einbench fastest weight_gradient --batch 10_000\n"
    '  einbench einsum "qij,qjk->qik" --size 100\n'
    "  einbench tune\n"
    "  einbench train --kernels auto\n"
    "  einbench gate main",
)
@click.version_option(einbench.__version__, prog_name="einbench")
@click.option("--plugins", is_flag=True, help="Load kernels that other packages ship first.")
@click.pass_context
def main(context: click.Context, plugins: bool) -> None:
    """Alternative kernels for the same mathematics: checked, timed, ranked.

    Exit status: 0 done, 1 a kernel was rejected or became slower, 2 wrong use or nothing to
    measure, 130 interrupted, 143 ended by SIGTERM.
    """
    check_settings()
    if plugins:
        einbench.load_plugins()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    compare, check, einsum, dialects, export, report, fastest, train, tune, wisdom, gate,
    list_operations, machine,
):  # fmt: skip
    main.add_command(command)


def start() -> None:
    """The command in a process of its own, which it may set up as measuring needs it."""
    if _MEASURING.intersection(sys.argv[1:]) and not {"-h", "--help"}.intersection(sys.argv[1:]):
        from einbench.jit.spinning import restart_with_timeout

        # Python starts anew, and would show a traceback until its first line runs
        hold_back(True)
        restart_with_timeout()
        hold_back(False)
    main(prog_name="einbench")
