"""Options that several commands share, and what a value of each may be."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from einbench.contexts import CONTEXTS, PROGRAM

Decorated = Callable[..., Any]


def whole(least: int = 0, example: str = "128 or 10_000") -> Callable[[Any], int]:
    """A whole number from ``least``; ``10_000`` is one."""

    def number(value: Any) -> int:
        with contextlib.suppress(ValueError):
            if int(value) >= least:
                return int(value)
        raise click.BadParameter(f"{value!r} is no whole number from {least}; write {example}")

    return number


def positive(value: Any) -> float:
    """A number above 0 that is not infinite."""
    with contextlib.suppress(ValueError):
        if 0 < float(value) < math.inf:
            return float(value)
    raise click.BadParameter(f"{value!r} is no number above 0; write 20 or 0.5")


def separate(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[str, ...]:
    """Values given one by one, separated by commas, or both; each once."""
    parts = [part.strip() for value in values for part in value.split(",")]
    if "" in parts:
        raise click.BadParameter(
            f"{','.join(values)!r} has an empty part; put one comma between two values"
        )
    return tuple(dict.fromkeys(parts))


def data_folder(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """A folder that is there."""
    if value is None or Path(value).is_dir():
        return value
    found = "a file, not a folder" if Path(value).exists() else "no such folder"
    raise ValueError(
        f"--data {value}: {found}; expected a folder with the four IDX files of an image set"
    )


def separate_batches(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[int, ...]:
    """Batches separated by commas; ``10,000`` is refused, not read as 10 and 0."""
    parts = separate(context, parameter, values)
    typed = ",".join(values)
    for group in re.findall(r"\d{1,3}(?:,\d{3})+", typed.replace(" ", "")):
        if ",0" in group:
            meant = int(group.replace(",", ""))
            raise click.BadParameter(
                f"{typed!r}: a comma separates two batches; write {meant} or {meant:_}"
            )
    for part in parts:
        if part.isdecimal() and len(part) > 1 and part.startswith("0"):
            raise click.BadParameter(f"{part!r}: write it without a 0 in front, {int(part)}")
    return tuple(map(whole(), parts))


def axis_sizes(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int]:
    """``classes=100,features=64`` as a mapping."""
    sizes: dict[str, int] = {}
    for part in separate(context, parameter, values):
        axis, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or not axis:
            raise click.BadParameter(f"{part!r} is no size; write axis=number, classes=100 say")
        if axis in sizes:
            raise click.BadParameter(f"{axis} is {sizes[axis]} and {number}; leave one of them out")
        sizes[axis] = whole(1, "10 or 1_000")(number)
    return sizes


def json_option(what: str = "the result") -> Decorated:
    """``--json PATH``: where programs find what people read as a table."""
    return click.option(
        "--json", "json_path", metavar="PATH",
        help=f"Write {what} as JSON to this file; - is stdout, and tables go to stderr.",
    )  # fmt: skip


def batch_option(default: int) -> Decorated:
    """``--batch N`` for commands that take one."""
    return click.option(
        "--batch", type=whole(), default=default, show_default=True, metavar="N",
        help="Rows per call.",
    )  # fmt: skip


dtypes_option = click.option(
    "--dtype", "dtypes", multiple=True, callback=separate, metavar="NAME",
    help="float32 (the default), float64, or float32,float64.",
)  # fmt: skip

dtype_option = click.option(
    "--dtype", default="float32", show_default=True, metavar="NAME", help="float32 or float64."
)
data_option = click.option(
    "--data", callback=data_folder, metavar="DIR",
    help="Folder with another image set in IDX format than MNIST.",
)  # fmt: skip
seed_option = click.option(
    "--seed",
    type=whole(example="0 or 42"),
    default=0,
    show_default=True,
    metavar="N",
    help="Of all random inputs.",
)
threads_option = click.option(
    "--threads", type=whole(1, "1 or 2"), metavar="N",
    help="Of BLAS and numba; by default all cores this process may use.",
)  # fmt: skip


context_option = click.option(
    "--context", type=click.Choice(CONTEXTS, case_sensitive=False), default=PROGRAM,
    show_default=True,
    help="What kernels are ranked by: their times alone, after a product of BLAS, after a pause; "
    "in a program the geometric mean of all three.",
)  # fmt: skip

verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Name every file that was skipped, however many."
)
isolate_option = click.option(
    "--isolate/--no-isolate", default=None,
    help="Run the kernels of each operation in a process of their own; by default those of plugins "
    "alone. Libraries always have their own.",
)  # fmt: skip
time_limit_option = click.option(
    "--time-limit", type=positive, metavar="SECONDS",
    help="A kernel in a process of its own that takes longer to answer, compiling included, has "
    "hung; by default 60, and 300 of libraries.",
)  # fmt: skip


scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Measure on every distinct machine of this Dask cluster instead, one after the other, "
    "each while it runs nothing else, on 1 thread unless --threads says more; all comes home.",
)  # fmt: skip


def refuse_beside_scheduler(**given: object) -> None:
    """An option that would be ignored is refused.

    Raises:
        ValueError: one was given.
    """
    for name, value in given.items():
        if value:
            raise ValueError(f"--{name} is for this machine alone: leave it or --scheduler out")


def load_on_request(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Load plugins before anything else is looked at: it may name their operations."""
    if value:
        from einbench.plugins import load_plugins

        load_plugins()
    return value


plugins_option = click.option(
    "--plugins", is_flag=True, is_eager=True, expose_value=False, callback=load_on_request,
    help="Load kernels that other packages ship (entry points einbench.kernels).",
)  # fmt: skip
