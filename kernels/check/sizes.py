"""Sizes at which kernels are asked: where one may change its way, beside those, and drawn ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from einbench.check.hostile import hostile, mixed, nonfinite
from einbench.check.probe import Draw, Probe

#: one, few, odd, prime, at and beside powers of two: vectors, tiles and blocks end there
EDGES = (1, 2, 3, 5, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 101, 127, 128, 129)
#: of other axes, and beyond what a byte counts
_WIDE = (*EDGES, 191, 255, 256, 257)
#: of rows: where kernels begin to share them between threads, or to repack what they multiply with
_MANY = (191, 192, 193, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025)
#: rows in succession, so that every remainder of a division by up to so many is there
_RUN = 64
#: the other axes while one is varied
_FEW = 6
#: as many rows as MNIST has, about
_TALL = (20_001, 70_000)


def along_rows(rng: np.random.Generator) -> list[int]:
    """Numbers of rows in ascending order: edges, a run that is drawn, and drawn ones."""
    first = int(rng.integers(200, 960))
    drawn = rng.integers(2, 2_000, 4).tolist()
    return sorted({*EDGES, *_MANY, *range(first, first + _RUN), *drawn})


def along_axis(rng: np.random.Generator) -> list[int]:
    """Sizes of any other axis in ascending order."""
    return sorted({*_WIDE, *rng.integers(2, 130, 4).tolist(), *rng.integers(130, 400, 3).tolist()})


def _few(draw: Draw) -> dict[str, int]:
    """Of every axis but the leading one: one to a few."""
    return {axis: int(draw.rng.integers(1, _FEW + 1)) for axis in draw.operation.sizes}


def _tens(draw: Draw) -> dict[str, int]:
    return {axis: int(draw.rng.integers(9, 41)) for axis in draw.operation.sizes}


def many_sizes(draw: Draw) -> Iterator[Probe]:
    """Harmless draws along every axis, then hostile ones at sizes that are drawn."""
    op, rng = draw.operation, draw.rng
    if op.leading is not None:
        yield from _many_rows(draw)
    for axis in op.sizes:
        for size in along_axis(rng):
            sizes = {**_few(draw), axis: size}
            wrong = f"wrong for {size} {axis}"
            inputs = draw(int(rng.integers(1, 10)), **sizes)
            yield Probe(f"{axis} {size}", wrong, inputs, draw.options, sweep=True)
    middle = int(rng.integers(40, 200))
    if draw.by_rows:
        for rows, sizes in ((middle, _tens(draw)), (int(rng.integers(1_000, 5_000)), _few(draw)),
                            (int(rng.integers(*_TALL)), _few(draw))):  # fmt: skip
            yield mixed(draw, rows, **sizes)
        return
    yield from hostile(draw, middle, sweep=True, **_tens(draw))
    yield from nonfinite(draw, middle, sweep=True, **_tens(draw))
    if op.leading is not None:
        rows = int(rng.integers(*_TALL))
        wrong = f"right for few rows, wrong for {rows:,}"
        yield Probe(f"batch {rows}", wrong, draw(rows, **_few(draw)), draw.options, sweep=True)


def _many_rows(draw: Draw) -> Iterator[Probe]:
    counts, sizes = along_rows(draw.rng), _few(draw)
    op = draw.operation
    whole = Probe("", "", draw(max(counts), **sizes), draw.options)
    for rows in counts:
        wrong = f"right for other numbers of rows, wrong for {rows:,}"
        if not draw.by_rows:
            yield Probe(f"batch {rows}", wrong, draw(rows, **sizes), draw.options, sweep=True)
            continue
        inputs = {
            name: np.take(array, range(rows), op.inputs[name].names.index(op.leading))
            if op.leading in op.inputs[name].names else array
            for name, array in whole.inputs.items()
        }  # fmt: skip
        yield Probe(f"batch {rows}", wrong, inputs, draw.options, sweep=True, whole=whole)
