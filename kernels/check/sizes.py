"""Sizes at which kernels are asked: where one may change its way, beside those, and drawn ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from einbench.check.hostile import hostile, mixed, nonfinite
from einbench.check.probe import Draw, Inputs, Probe

#: one, few, odd, prime, at and beside powers of two: vectors, tiles and blocks end there
EDGES = (1, 2, 3, 5, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 101, 127, 128, 129)
#: of other axes, and beyond what a byte counts
_WIDE = (*EDGES, 191, 255, 256, 257)
#: of rows: where kernels begin to share them between threads, or to repack what they multiply with
_MANY = (191, 192, 193, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025)
#: rows in succession, so that every remainder of a division by up to so many is there
_RUN = 64
#: the other axes while one is varied, and from how many rows on there are fewer
_FEW = 6
_LONG = 160
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


def many_sizes(draw: Draw) -> Iterator[Probe]:
    """Along every axis, then hostile values at sizes that are drawn."""
    rng = draw.rng
    if draw.operation.leading is not None:
        yield from _many_rows(draw)
    yield from _along_axes(draw)
    middle = int(rng.integers(40, 200))
    if draw.by_rows:
        for rows, sizes in ((middle, _tens(draw)), (int(rng.integers(1_000, 5_000)), _few(draw, _LONG)),
                            (int(rng.integers(*_TALL)), _few(draw, _LONG))):  # fmt: skip
            yield mixed(draw, rows, **sizes)
        return
    yield from hostile(draw, middle, series="values", **_tens(draw))
    yield from nonfinite(draw, middle, series="values", **_tens(draw))
    if draw.operation.leading is not None:
        yield _plain(
            draw, int(rng.integers(*_TALL)), "right for few rows, wrong for {batch:,}", "rows"
        )


def _many_rows(draw: Draw) -> Iterator[Probe]:
    counts = along_rows(draw.rng)
    wrong = "right for other numbers of rows, wrong for {batch:,}"
    if not draw.by_rows:
        for rows in counts:
            yield _plain(draw, rows, wrong, "rows")
        return
    op = draw.operation
    whole = Probe("", "", draw(max(counts), **_few(draw, max(counts))), draw.options)
    for rows in counts:
        inputs = _first_rows(draw, whole.inputs, rows)
        exposes = wrong.format(batch=rows)
        yield Probe(
            f"{op.leading} {rows}", exposes, inputs, draw.options, series="rows", whole=whole
        )  # fmt: skip


def _first_rows(draw: Draw, inputs: Inputs, rows: int) -> Inputs:
    op = draw.operation
    return {
        name: np.take(array, range(rows), op.inputs[name].names.index(op.leading))
        if op.leading in op.inputs[name].names
        else array
        for name, array in inputs.items()
    }


def _along_axes(draw: Draw) -> Iterator[Probe]:
    """Two axes at once, one ascending while the other descends: few numbers at any size."""
    axes = list(draw.operation.sizes)
    for one, other in zip_longest(axes[::2], axes[1::2]):
        ascending = along_axis(draw.rng)
        descending = along_axis(draw.rng)[::-1]
        for number, size in enumerate(ascending):
            sizes = {one: size}
            if other is not None:
                sizes[other] = descending[min(number, len(descending) - 1)]
            said = " and ".join(f"{n} {axis}" for axis, n in sizes.items())
            rows = int(draw.rng.integers(1, 10))
            yield _plain(draw, rows, f"wrong for {said}", "axes", **sizes)


def _plain(draw: Draw, batch: int, wrong: str, series: str, **sizes: int) -> Probe:
    """Whole numbers where their sums are exact, else harmless ones."""
    op = draw.operation
    chosen = {**_few(draw, batch), **sizes}
    name = ", ".join(f"{axis} {n}" for axis, n in {"rows": batch, **chosen}.items())
    exact = draw.exact(batch, **chosen)
    # under options that make the sums exact, and now and then under the others
    if exact is not None and (batch > _MANY[-1] or not op.exact_options or batch % 3):
        options = op.choose_options(op.exact_options)
        return Probe(name, wrong.format(batch=batch), exact, options, "exact", series=series)
    inputs = draw(batch, **chosen)
    return Probe(name, wrong.format(batch=batch), inputs, draw.options, series=series)


def _few(draw: Draw, batch: int) -> dict[str, int]:
    """Of every axis but the leading one: one to a few, so that loops can be asked long ones."""
    most = _FEW if batch < _LONG else 3
    return {axis: int(draw.rng.integers(1, most + 1)) for axis in draw.operation.sizes}


def _tens(draw: Draw) -> dict[str, int]:
    return {axis: int(draw.rng.integers(9, 41)) for axis in draw.operation.sizes}
