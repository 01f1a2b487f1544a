"""Values that a right kernel survives and a wrong one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from einbench import draws
from einbench.check.probe import Draw, Inputs, Probe
from einbench.host import denormals
from einbench.inputs import Hostile
from einbench.operation import Operation

_DECADES = Hostile(
    "values over decades",
    "wrong on values of very different size",
    lambda rng, x: x * draws.over_octaves(rng, -27, 27, x.shape),
)
_FEW = Hostile(
    "few values", "wrong where values are equal", lambda rng, x: 0.7 * np.sign(x), "tied"
)
ZEROS = Hostile("zeros", "wrong on zeros", lambda rng, x: np.zeros_like(x), "tied")


def changes(
    operation: Operation, dtype: np.dtype[Any]
) -> Iterator[tuple[Hostile, tuple[str, ...]]]:
    """Hostile values of each kind, then of any floating input, and the inputs that get them."""
    floating = {n: each.kind for n, each in operation.inputs.items() if not each.integer}
    for name, kind in floating.items():
        for hostile in kind.hostile:
            yield hostile, (name,)
    free = tuple(name for name, kind in floating.items() if kind.free)
    if free:
        if all(kind.decades for kind in floating.values()):
            yield _DECADES, free
        yield _FEW, free[:1]
        yield ZEROS, free
    if denormals.are_flushed():
        return
    tiny = 300 * float(np.finfo(dtype).smallest_subnormal)
    small = Hostile("denormals", "wrong on denormal inputs", lambda rng, x: x * tiny, "tied")
    # of products of several inputs' rounding, that of a denormal may be enlarged by the others
    known = all(kind.decades for kind in floating.values())
    for name in floating if known else list(floating)[:1]:
        yield small, (name,)


def hostile(draw: Draw, batch: int, *, series: str = "", **sizes: int) -> Iterator[Probe]:
    """Every change alone, of all of a draw."""
    for change, names in changes(draw.operation, draw.dtype):
        yield changed(draw, change, names, batch, series, **sizes)


def changed(
    draw: Draw, change: Hostile, names: tuple[str, ...], batch: int, series: str, **sizes: int
) -> Probe:
    """One change, of these inputs."""
    inputs = draw(batch, **sizes)
    for name in names:
        inputs[name] = np.asarray(change.change(draw.rng, inputs[name]), draw.dtype)
    exposes = f"{change.exposes}, {batch} rows" if series else change.exposes
    # of one class every probability is one: their sums round as those of equal values do
    judged = "tied" if 1 in sizes.values() else change.judged
    # zeros in the result as well: of memory that is given none may stay as it was
    again = 1 if change is ZEROS and not series else 0
    return Probe(change.name, exposes, inputs, draw.options, judged, again=again, series=series)


def mixed(draw: Draw, batch: int, **sizes: int) -> Probe:
    """Rows of every kind among harmless ones, in any order, those with NaN and infinity too."""
    op, rng = draw.operation, draw.rng
    inputs = draw(batch, **sizes)
    rows = {n: e.names.index(op.leading) for n, e in op.inputs.items() if op.leading in e.names}
    applied = changes(op, draw.dtype)
    kinds = [(change, n) for change, names in applied for n in names if n in rows]
    chosen = rng.integers(0, 2 * len(kinds), batch)
    for number, (change, name) in enumerate(kinds):
        with np.errstate(all="ignore"):
            changed = np.asarray(change.change(rng, inputs[name]), draw.dtype)
        of_kind = chosen == number
        np.moveaxis(inputs[name], rows[name], 0)[of_kind] = np.moveaxis(changed, rows[name], 0)[
            of_kind
        ]
    values = [(n, v) for n in rows for v in op.inputs[n].nonfinite]
    for name, value in values:
        array = np.moveaxis(inputs[name], rows[name], 0)
        # the last row as well: it is what a kernel that is wrong at the end leaves out
        for row in {*rng.integers(0, batch, 1 + batch // 200).tolist(), batch - 1}:
            array[(row, *(int(rng.integers(n)) for n in array.shape[1:]))] = value
    return Probe(
        f"hostile rows among {batch}", f"wrong on hostile rows among {batch:,}", inputs,
        draw.options, judged="mixed", series="values",
    )  # fmt: skip


def nonfinite(draw: Draw, batch: int, *, series: str = "", **sizes: int) -> Iterator[Probe]:
    """Each value alone, first in a row, and in every row of each input that must carry it."""
    operation, rng = draw.operation, draw.rng
    at = f", {batch} rows" if series else ""
    for name, each in operation.inputs.items():
        in_rows = each.names[:1] == (operation.leading,)
        beside = [
            n for n, e in operation.inputs.items()
            if n > name and e.names == each.names and not e.integer
        ]  # fmt: skip
        for value in () if each.integer else (*each.nonfinite, -0.0):
            wrong = f"{value} in {name} does not come out where the mathematics puts it{at}"

            def placed(where: str, place: Callable[[Inputs], None], wrong: str = wrong) -> Probe:
                inputs = draw(batch, **sizes)
                place(inputs)
                return Probe(where, wrong, inputs, draw.options, judged="nonfinite", series=series)

            def anywhere(inputs: Inputs, name: str = name, value: float = value) -> None:
                array = inputs[name]
                array[tuple(int(rng.integers(n)) for n in array.shape)] = value

            def first(inputs: Inputs, name: str = name, value: float = value) -> None:
                # the first entry is what a running maximum starts from
                array = inputs[name]
                array[(-1, *(0,) * (array.ndim - 1)) if array.ndim else ()] = value

            def alone(inputs: Inputs, name: str = name, value: float = value) -> None:
                inputs[name][-1] = value

            def both(other: str, inputs: Inputs, name: str = name, value: float = value) -> None:
                place = tuple(int(rng.integers(n)) for n in inputs[name].shape)
                inputs[name][place] = inputs[other][place] = value

            def everywhere(inputs: Inputs, name: str = name, value: float = value) -> None:
                _in_every_row(operation, inputs, name, value)

            if not series:
                yield placed(f"{value} in {name}", anywhere)
            if in_rows:
                yield placed(f"{value} in every row of {name}", everywhere)
                if not series:
                    yield placed(f"{value} first in a row of {name}", first)
                    yield placed(f"{value} in all of a row of {name}", alone)
                    for other in beside:
                        yield placed(f"{value} in {name} and {other}", partial(both, other))


def _in_every_row(operation: Operation, inputs: Inputs, name: str, value: float) -> None:
    """One entry may lie where a mask hides it: two in each row, and half of the labels' own."""
    array = inputs[name]
    if array.ndim < 2:
        array[...] = value
        return
    rows = np.arange(len(array))
    for step in (1, 3):
        array[(rows, *(step * rows % n for n in array.shape[1:]))] = value
    # of a loss of probabilities no other entry counts
    names = operation.inputs[name].names
    for labels, each in operation.inputs.items():
        if each.integer and (*each.names, each.kind.below) == names:
            array[rows[::2], inputs[labels][::2]] = value
