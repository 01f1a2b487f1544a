"""Inputs in every memory layout, in several at once, and in memory that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from einbench.check.layouts import LAYOUTS, MORE_LAYOUTS
from einbench.check.probe import BATCH, Draw, Probe

_NAMES = (
    ("F", "Fortran-ordered"), ("sliced", "sliced"), ("reversed", "negative-stride"),
    ("readonly", "read-only"),
)  # fmt: skip
#: rows of larger draws: where kernels copy what they are given in pieces
_ROWS = (30, 90)
#: draws of which each input has a layout that is drawn
_ASSORTED = 5


def arranged(draw: Draw) -> Iterator[Probe]:
    """Each layout of all inputs at small sizes, then each input in another."""
    for layout, which in _NAMES:
        yield _laid(draw, BATCH, layout, f"{which} inputs", f"wrong on {which} inputs only")
    for layout in MORE_LAYOUTS:
        yield _laid(draw, BATCH, layout, layout, f"wrong where inputs are laid out: {layout}")
    if len(draw.operation.inputs) == 1:
        return
    names = [*LAYOUTS, *MORE_LAYOUTS]
    inputs = list(draw.operation.inputs)
    apart = [{n: "F" if n == one else "C" for n in inputs} for one in inputs]
    apart += [
        {n: names[int(draw.rng.integers(len(names)))] for n in inputs} for _ in range(_ASSORTED)
    ]
    for number, chosen in enumerate(apart):
        said = ", ".join(f"{name}: {layout}" for name, layout in chosen.items())
        yield Probe(
            f"assorted layouts {number}", f"wrong where inputs are laid out apart ({said})",
            draw(BATCH), draw.options, "tied", chosen,
        )  # fmt: skip


def arranged_in_tens(draw: Draw) -> Iterator[Probe]:
    """Each layout of all inputs at larger sizes, which are drawn."""
    for layout in (*LAYOUTS, *MORE_LAYOUTS):
        rows = int(draw.rng.integers(*_ROWS))
        wrong = f"wrong where inputs are laid out: {layout}, {rows} rows"
        laid = _laid(draw, rows, layout, f"{layout}, {rows} rows", wrong, **draw.tens(rows))
        yield replace(laid, series="layouts")


def _laid(draw: Draw, batch: int, layout: str, name: str, wrong: str, **sizes: int) -> Probe:
    # one row or column for all makes equal values
    judged = "tied" if "for all" in layout else "continuous"
    return Probe(name, wrong, draw(batch, **sizes), draw.options, judged, layout)


def shared(draw: Draw) -> Iterator[Probe]:
    """Two inputs of one shape that are one array, or lie a row apart in one."""
    inputs = draw.operation.inputs
    floating = [name for name, each in inputs.items() if not each.integer]
    for one, other in combinations(floating, 2):
        if inputs[one].names != inputs[other].names or not inputs[one].names:
            continue
        given = draw(BATCH)
        given[other] = given[one]
        yield Probe(
            f"{one} is {other}", f"wrong where {one} and {other} are one array", given,
            draw.options, "tied",
        )  # fmt: skip
        given = draw(BATCH)
        longer = np.concatenate([given[one], given[one][:1]])
        given[one], given[other] = longer[:-1], longer[1:]
        yield Probe(
            f"{one} beside {other}", f"wrong where {one} and {other} overlap in memory", given,
            draw.options, "tied",
        )  # fmt: skip
