"""Whole numbers that count something: every integer dtype, many classes, and none of the range."""

from __future__ import annotations

from collections.abc import Iterator

from einbench.check.probe import BATCH, Draw, Probe

_INTEGERS = ("uint8", "int32", "int8", "int16", "uint16", "uint32", "uint64")
_ROWS = 259
#: at and beyond what a byte counts, with and without its sign
_MANY_CLASSES = ((127, "int8"), (129, "uint8"), (131, "int64"), (256, "uint8"), (300, "int16"))


def labels(draw: Draw) -> Iterator[Probe]:
    """Every width of integers, more classes than a byte counts, and numbers that count nothing."""
    operation, options = draw.operation, draw.options
    for name, each in operation.inputs.items():
        if not each.integer:
            continue
        for integer in _INTEGERS:
            # rows times classes overflow a byte, and two
            inputs = draw(_ROWS if integer == "uint8" else BATCH)
            inputs[name] = inputs[name].astype(integer)
            yield Probe(
                f"{name} as {integer}", f"wrong where {name} are {integer}", inputs, options
            )
        if each.kind.below is None or not each.names:
            continue
        for classes, integer in _MANY_CLASSES:
            own = each.kind.below == operation.leading
            inputs = draw(classes) if own else draw(BATCH + 4, **{each.kind.below: classes})
            inputs[name].flat[:2] = classes - 1, classes // 2
            inputs[name] = inputs[name].astype(integer)
            yield Probe(
                f"{classes} {each.kind.below} as {integer}",
                f"wrong for {classes} {each.kind.below}, {name} as {integer}", inputs, options,
            )  # fmt: skip
        count = operation.all_sizes(BATCH, draw.small)[each.kind.below]
        for outside, where, integer in (
            (-1, 0, "int64"), (count, -1, "int64"), (255, 3, "int64"), (-1, 2, "int8"),
            (count, 1, "uint8"),
        ):  # fmt: skip
            inputs = draw(BATCH)
            inputs[name].flat[where % inputs[name].size] = outside
            inputs[name] = inputs[name].astype(integer)
            yield Probe(
                f"label {outside} as {integer}",
                f"label {outside} of {count} {each.kind.below} is not refused",
                inputs, options, judged="refuse",
            )  # fmt: skip
