"""Options of the commands that choose: threads as programs find them, and how thoroughly."""

from __future__ import annotations

import click

from einbench.cli.parameters import Decorated, axis_sizes, whole

threads_as_found_option = click.option(
    "--threads", type=whole(1, "1 or 2"), metavar="N",
    help="Of BLAS and numba, part of what is remembered; by default as programs find them.",
)  # fmt: skip
sizes_option = click.option(
    "--size", "sizes", multiple=True, callback=axis_sizes, metavar="AXIS=N",
    help="Size of an axis; that of rows is the batch.",
)  # fmt: skip
again_option = click.option("--again", is_flag=True, help="Measure whatever is remembered.")


def rigor_option(*choices: str, help_text: str) -> Decorated:
    """``--rigor``: ``measure`` by default."""
    return click.option(
        "--rigor", type=click.Choice(choices, case_sensitive=False), default="measure",
        show_default=True, help=help_text,
    )  # fmt: skip
