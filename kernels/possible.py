"""What an operation cannot be, refused in one line when it is made and not at its first call."""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword
from typing import TYPE_CHECKING

from einbench.inputs import Input

if TYPE_CHECKING:
    from einbench.operation import Operation


#: sizes of axes stand beside these arguments of `Operation.draw`, `check` and `compare`
_TAKEN_AXES = ("seed", "dtype", "isolate", "time_limit_s")
#: arrays and options stand beside these arguments of `fastest`
_TAKEN_NAMES = ("rigor", "threads", "budget_s", "again", "op_or_name")


_MAPPINGS = {
    "inputs": '{"x": "batch features"}', "outputs": '{"y": "batch"}', "sizes": '{"features": 10}',
    "options": '{"reduction": ("mean", "sum")}', "reads": '{"x": "batch"}',
    "independent_options": '{"reduction": "sum"}', "exact_options": '{"reduction": "sum"}',
    "added_options": '{"reduction": "sum"}', "averaged": '{"mean": "batch"}',
}  # fmt: skip


def refuse_wrong_types(op: Operation) -> None:
    """Raise where an argument is not of the type that its documentation says.

    Raises:
        TypeError: the message says what is expected.
    """
    where = f"operation {op.name}:"
    for field, example in _MAPPINGS.items():
        given = getattr(op, field)
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise TypeError(f"{where} {field}={given!r}: expected names and values, {example}")
    for field in ("integer_outputs", "independent", "added"):
        given = getattr(op, field)
        if not isinstance(given, tuple | list):
            raise TypeError(f"{where} {field}={given!r}: expected a tuple, ({given!r},)")
    for field in ("reference", "scale", "flops", "terms", "limit", "tied_limit", "exact"):
        given = getattr(op, field)
        if not (callable(given) or (field == "exact" and given is None)):
            raise TypeError(f"{where} {field}={given!r}: expected a function, see help(Operation)")
    if not isinstance(op.formula, str):
        raise TypeError(f"{where} formula={op.formula!r}: expected a string")
    _refuse_values(where, op)


def _refuse_values(where: str, op: Operation) -> None:
    for name, axes in op.inputs.items():
        if not isinstance(axes, str | Input):
            raise TypeError(
                f"{where} input {name} is {axes!r}; expected its axes, 'batch features' say, or an "
                "Input; every input is needed in every call, there are no optional ones"
            )
    for name, given in op.outputs.items():
        if not isinstance(given, str):
            raise TypeError(f"{where} output {name} is {given!r}; expected its axes, 'batch' say")
    for name, choices in op.options.items():
        strings = isinstance(choices, tuple | list) and all(isinstance(c, str) for c in choices)
        if not strings or not choices:
            raise TypeError(
                f"{where} option {name}={choices!r}: expected a tuple of strings, the default "
                "first; a number is an input without axes"
            )
    for axis, size in op.sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise TypeError(f"{where} sizes: {axis}={size!r}; expected a whole number from 1")


def refuse_impossible(op: Operation) -> None:
    """Raise where axes, sizes, kinds or names of an operation do not fit together.

    Raises:
        ValueError: the message says what to change.
    """
    where = f"operation {op.name}:"
    if not op.inputs or not op.outputs:
        raise ValueError(f"{where} one input and one output at least are needed")
    _refuse_axes(op, where)
    if all(each.integer for each in op.inputs.values()):
        raise ValueError(f"{where} one input at least must be floating")
    for name, each in op.inputs.items():
        _refuse_kind(op, f"{where} {name}", each)
    if strange := set(op.integer_outputs) - set(op.outputs):
        raise ValueError(f"{where} integer outputs {sorted(strange)} are no outputs")
    if op.name == "refresh" or op.name.startswith("_"):
        raise ValueError(f"{where} einbench.auto.{op.name} is taken; choose another name")
    _refuse_names(where, op.inputs, op.outputs, op.options)


def _refuse_axes(op: Operation, where: str) -> None:
    known = set(op.axes)
    there = f"known axes: {', '.join(sorted(known))}"
    for axes in op.outputs.values():
        if strange := set(axes.split()) - known:
            raise ValueError(
                f"{where} output axes {sorted(strange)} are in no input; {there}: sizes of outputs "
                "must follow from the inputs', so give the output those (a convolution that is "
                "padded has them), or an input that has the new axis"
            )
    if op.leading is not None and op.leading not in known:
        raise ValueError(f"{where} leading={op.leading!r} is an axis of no input; {there}")
    if op.leading in op.sizes:
        raise ValueError(
            f"{where} every call gives the size of its axis of rows, {op.leading}; leave it out of "
            "sizes={...}, or say leading=None"
        )
    for axis in known | set(op.sizes):
        if axis in _TAKEN_AXES or (axis == "batch" and op.leading != "batch"):
            raise ValueError(
                f"{where} an axis cannot be called {axis!r}, for draw, check or compare take an "
                "argument of that name; rename it"
            )
        if not axis.isidentifier():
            raise ValueError(f"{where} axis {axis!r} is no name of a Python argument; rename it")
    if unused := set(op.sizes) - known:
        raise ValueError(f"{where} sizes of {sorted(unused)}, which are axes of no input; {there}")
    averaged = " ".join(op.averaged.values()).split()
    parts = {"independent": op.independent, "added": op.added, "averaged": averaged}
    for field, stated in parts.items():
        if strange := set(stated) - known:
            raise ValueError(f"{where} {field}={sorted(strange)} are axes of no input; {there}")
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
    for name in (*inputs, *options):
        if name in _TAKEN_NAMES:
            raise ValueError(
                f"{where} {name!r} cannot be an input or an option, for fastest takes an argument "
                "of that name; rename it"
            )
    for name in options:
        if not name.isidentifier() or iskeyword(name):
            raise ValueError(f"{where} option {name!r} is no name of a Python argument")
    for name in outputs if len(outputs) > 1 else ():
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise ValueError(
                f"{where} output {name!r}: of several each must have a Python name that does not "
                "begin with _"
            )
