"""What an operation cannot be, refused in one line when it is made and not at its first call."""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword
from typing import TYPE_CHECKING

from einbench.inputs import Input

if TYPE_CHECKING:
    from einbench.operation import Operation


def refuse_impossible(op: Operation) -> None:
    """Raise where axes, sizes, kinds or names of an operation do not fit together.

    Raises:
        TypeError: one name where a tuple of names is expected.
        ValueError: anything else; the message says what to change.
    """
    where = f"operation {op.name}:"
    if not op.inputs or not op.outputs:
        raise ValueError(f"{where} one input and one output at least are needed")
    _refuse_axes(op, where)
    if all(each.integer for each in op.inputs.values()):
        raise ValueError(f"{where} one input at least must be floating")
    for name, each in op.inputs.items():
        _refuse_kind(op, f"{where} {name}", each)
    if isinstance(op.integer_outputs, str):
        given = op.integer_outputs
        raise TypeError(f"{where} integer_outputs={given!r}: expected a tuple, ({given!r},)")
    if strange := set(op.integer_outputs) - set(op.outputs):
        raise ValueError(f"{where} integer outputs {sorted(strange)} are no outputs")
    _refuse_names(where, op.inputs, op.outputs, op.options)


def _refuse_axes(op: Operation, where: str) -> None:
    known = set(op.axes)
    there = f"known axes: {', '.join(sorted(known))}"
    for axes in op.outputs.values():
        if strange := set(axes.split()) - known:
            raise ValueError(f"{where} output axes {sorted(strange)} are in no input; {there}")
    if op.leading is not None and op.leading not in known:
        raise ValueError(f"{where} leading={op.leading!r} is an axis of no input; {there}")
    if op.leading in op.sizes:
        raise ValueError(
            f"{where} every call gives the size of its axis of rows, {op.leading}; leave it out of "
            "sizes={...}, or say leading=None"
        )
    if missing := known - {op.leading} - set(op.sizes):
        raise ValueError(
            f"{where} no default size for axes {sorted(missing)}; name them in sizes={{...}}"
        )


def _refuse_kind(op: Operation, where: str, each: Input) -> None:
    kind = each.kind
    if kind.below is not None and kind.below not in op.axes:
        raise ValueError(f"{where} counts in axis {kind.below!r} of no input")
    if kind.rows and not each.names:
        raise ValueError(f"{where} of kind {kind.name} must have an axis")
    if kind.images and (len(each.names) != 2 or each.names[0] != op.leading):
        raise ValueError(
            f"{where} of kind {kind.name} must have the axis of rows and one of pixels, "
            f"got {each.axes!r}"
        )
    if kind.integer and each.nonfinite:
        raise ValueError(f"{where} holds integers, none of which is infinite or NaN")


def _refuse_names(
    where: str, inputs: Mapping[str, object], outputs: Mapping[str, object],
    options: Mapping[str, object],
) -> None:  # fmt: skip
    if twice := [name for name in inputs if name in options]:
        raise ValueError(f"{where} {twice[0]} is an input and an option; rename one of them")
    for name in options:
        if not name.isidentifier() or iskeyword(name):
            raise ValueError(f"{where} option {name!r} is no name of a Python argument")
    for name in outputs if len(outputs) > 1 else ():
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise ValueError(
                f"{where} output {name!r}: of several each must have a Python name that does not "
                "begin with _"
            )
