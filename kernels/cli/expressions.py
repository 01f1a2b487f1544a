"""Expressions in place of operations' names: how their axes are read, and which sizes they have."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from einbench.cli.parameters import Decorated, separate
from einbench.names import is_expression, normalise, unknown
from einbench.registry import operation, operations, spelling

if TYPE_CHECKING:
    from einbench.operation import Operation

#: in click's context
_AXES = "einbench.axes"


def _keep_axes(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[_AXES] = value


axes_option = click.option(
    "--axes", type=click.Choice(("letters", "named")), is_eager=True, expose_value=False,
    callback=_keep_axes,
    help="How expressions are read: named axes are words with spaces between them. By default "
    "as words where they are no expression of letters.",
)  # fmt: skip


def spelt(text: str) -> str:
    """An expression as the name of an operation, read as ``--axes`` says.

    Raises:
        ValueError: it is none.
    """
    from einbench.einsum.named import spelt as spell

    return spell(text, click.get_current_context().meta.get(_AXES))


def separate_operations(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[str, ...]:
    """Operations given one by one or separated by commas; those of an expression separate nothing.

    An expression is given alone, and the option repeated for another operation: in
    ``relu,ab,bc->ac`` the beginning of the expression is ambiguous.
    """
    import difflib

    names: list[str] = []
    for value in values:
        if value.strip() and normalise(value) in operations:
            names.append(value.strip())
        elif "->" in value:
            names.append(spelt(value))
        else:
            parts = separate(context, parameter, [value])
            spelling(value)  # raises where another arrow is written
            near = any(difflib.get_close_matches(normalise(part), operations) for part in parts)
            names += parts if near or len(parts) == 1 else [value]
    return tuple(dict.fromkeys(names))


def operations_named(what: str) -> Decorated:
    """Operations by position, with ``--operation``, or both: each once, as ``operations``."""

    def decorate(command: Decorated) -> Decorated:
        @click.argument(
            "operations", nargs=-1, callback=separate_operations, metavar="[OPERATION]..."
        )
        @click.option(
            "--operation", "named", multiple=True, callback=separate_operations, metavar="NAME",
            help=f"Operations to {what}, as by position; several with commas.",
        )  # fmt: skip
        @axes_option
        @functools.wraps(command)
        def both(
            *given: Any, operations: tuple[str, ...], named: tuple[str, ...], **others: Any
        ) -> Any:
            return command(*given, operations=tuple(dict.fromkeys((*operations, *named))), **others)

        return both

    return decorate


class Asked(NamedTuple):
    """Operations, and what a command was given of their sizes."""

    operations: list[Operation]
    #: of axes that are not those of rows
    sizes: dict[str, int]
    #: rows, where a size of their axis was given
    batch: int | None


def operations_of(names: Sequence[str]) -> list[Operation]:
    """The operations of these names, each once; all there are where none is named."""
    return list(dict.fromkeys(map(operation, names))) or list(operations.values())


def asked(names: Sequence[str], sizes: Mapping[str, int]) -> Asked:
    """Operations at these sizes, which expressions are made for.

    Which axes of an expression have none is said in a note.

    Raises:
        ValueError: no operation is called so, or none has an axis that a size is given for.
    """
    ops = operations_of(names)
    rows = list(dict.fromkeys(op.leading for op in ops if op.leading and op.leading in sizes))
    others = {axis: size for axis, size in sizes.items() if axis not in rows}
    if rows:
        _refuse_two_batches(rows[0], ops)
    known = list(dict.fromkeys(axis for op in ops for axis in op.sizes))
    for axis in others:
        if axis not in known:
            where = f" in {ops[0].name}" if len(ops) == 1 else " in any of these operations"
            raise ValueError(unknown("axis", axis, known, where))
    return Asked([_sized(op, others) for op in ops], others, sizes[rows[0]] if rows else None)


def _refuse_two_batches(rows: str, ops: Sequence[Operation]) -> None:
    """Raise where the size of an axis of rows would not be the batch of every operation."""
    context = click.get_current_context()
    for name in ("batch", "batches"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise ValueError(f"{rows} is the axis of rows: --batch and --size both give its size")
    if other := next((op for op in ops if op.leading not in (None, rows)), None):
        raise ValueError(
            f"{rows} is the axis of rows, and {other.leading} that of {other.name}: give --batch"
        )


def _sized(op: Operation, sizes: Mapping[str, int]) -> Operation:
    """An expression made anew with sizes; any other operation, and one with kernels of users."""
    if not is_expression(op.name) or operations.get(op.name) is op:
        return op
    from einbench.einsum.expression import expression, has_own_kernels
    from einbench.einsum.named import is_named
    from einbench.report.grid import listed

    given = {axis: size for axis, size in sizes.items() if axis in op.sizes}
    if missing := [axis for axis in op.sizes if axis not in given]:
        have = "has no size and is" if len(missing) == 1 else "have no size and are"
        meant = ",".join(f"{axis}=100" for axis in missing)
        size = op.sizes[missing[0]]
        click.echo(
            f"einbench: note: {listed(missing)} of {op.name} {have} {size}; give --size {meant}",
            err=True,
        )
    if not given or has_own_kernels(op):
        return op
    return expression(op.name, axes="named" if is_named(op.name) else "letters", **given)
