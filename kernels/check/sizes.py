"""Sizes at which kernels are asked: where one may change its way, beside those, and drawn ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from math import prod
from types import MappingProxyType

import numpy as np

from einbench.check.hostile import changed, changes, hostile, mixed, nonfinite
from einbench.check.probe import Draw, Inputs, Probe

#: one, few, odd, prime, round, at and beside powers of two: vectors, tiles and blocks end there
EDGES = (
    *range(1, 11), 12, 13, 15, 16, 17, 20, 24, 31, 32, 33, 47, 48, 50, 63, 64, 65, 96, 100, 101,
    127, 128, 129,
)  # fmt: skip
#: of other axes, and beyond what a byte counts
_WIDE = (*EDGES, 191, 200, 255, 256, 257)
#: of rows: where kernels begin to share them between threads, or to repack what they multiply with
_MANY = (191, 192, 193, 200, 255, 256, 257, 500, 511, 512, 513, 1000, 1023, 1024, 1025)
#: rows, and sizes of other axes, in succession: every remainder of a division by so many is there
_RUN, _RUN_WIDE = 64, 16
#: the other axes while one is varied, and from how many rows on there are fewer
_FEW = 6
_LONG = 160
#: as many rows as MNIST has, about
_TALL = (20_001, 70_000)
#: of so many axes even a few of each may be too many
_MANY_AXES = 4
_HOSTILE = "hostile rows among harmless ones"


def along_rows(rng: np.random.Generator) -> list[int]:
    """Numbers of rows in ascending order: edges, a run that is drawn, and drawn ones."""
    first = int(rng.integers(200, 960))
    drawn = rng.integers(2, 2_000, 4).tolist()
    return sorted({*EDGES, *_MANY, *range(first, first + _RUN), *drawn})


def along_axis(rng: np.random.Generator) -> list[int]:
    """Sizes of any other axis in ascending order."""
    first = int(rng.integers(66, 260))
    drawn = rng.integers(130, 400, 4).tolist()
    return sorted({*_WIDE, *range(first, first + _RUN_WIDE), *drawn})


def many_sizes(draw: Draw) -> Iterator[Probe]:
    """Along every axis, and as many rows as are timed, harmless values and hostile ones."""
    rng = draw.rng
    if draw.operation.leading is not None:
        yield from _many_rows(draw)
    yield from _along_axes(draw)
    for size in (16, 33, 64, int(rng.integers(18, 60))):
        size = min(size, draw.most)
        alike = dict.fromkeys(draw.operation.sizes, size)
        yield _asked(draw, size, "wrong where all axes are {batch}", "axes", **alike)
    middle = int(rng.integers(40, 200))
    if draw.by_rows:
        yield mixed(draw, middle, **draw.tens(middle))
        rows = int(rng.integers(*_TALL))
        yield replace(mixed(draw, rows, **_few(draw, rows)), series="tall")
        return
    yield from hostile(draw, middle, series="values", **draw.tens(middle))
    yield from nonfinite(draw, middle, series="values", **draw.tens(middle))
    if draw.operation.leading is not None:
        tall = int(rng.integers(*_TALL))
        yield _plain(draw, tall, "right for few rows, wrong for {batch:,}", "tall")


def _many_rows(draw: Draw) -> Iterator[Probe]:
    counts = along_rows(draw.rng)
    wrong = "right for other numbers of rows, wrong for {batch:,}"
    if not draw.by_rows:
        for rows in counts:
            yield _asked(draw, rows, wrong, "rows")
        return
    op = draw.operation
    whole = mixed(draw, max(counts), **_few(draw, max(counts)))
    for rows in counts:
        inputs = _first_rows(draw, whole.inputs, rows)
        exposes = f"{wrong.format(batch=rows)} ({_HOSTILE})"
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
            # fewer of long ones, whose results may have the square of so many entries
            rows = int(draw.rng.integers(1, 20 if size <= 65 else 4))
            yield _asked(draw, rows, f"wrong for {said}", "axes", **sizes)


def _asked(draw: Draw, batch: int, wrong: str, series: str, **sizes: int) -> Probe:
    """Harmless values or hostile ones, as it is drawn."""
    if draw.rng.integers(2):
        return _plain(draw, batch, wrong, series, **sizes)
    chosen = _few(draw, batch, sizes)
    if draw.by_rows:
        asked = mixed(draw, batch, **chosen)
        return replace(asked, exposes=f"{wrong.format(batch=batch)} ({_HOSTILE})", series=series)
    kinds = list(changes(draw.operation, draw.dtype))
    change, names = kinds[int(draw.rng.integers(len(kinds)))]
    asked = changed(draw, change, names, batch, series, **chosen)
    return replace(asked, exposes=f"{wrong.format(batch=batch)} ({change.name})")


def _plain(draw: Draw, batch: int, wrong: str, series: str, **sizes: int) -> Probe:
    """Whole numbers where their sums are exact, else harmless ones."""
    op = draw.operation
    chosen = _few(draw, batch, sizes)
    name = ", ".join(f"{axis} {n}" for axis, n in {"rows": batch, **chosen}.items())
    exact = draw.exact(batch, **chosen)
    # under options that make the sums exact, and now and then under the others
    if exact is not None and (batch > _MANY[-1] or not op.exact_options or batch % 3):
        options = op.choose_options(op.exact_options)
        return Probe(name, wrong.format(batch=batch), exact, options, "exact", series=series)
    inputs = draw(batch, **chosen)
    judged = "tied" if 1 in chosen.values() else "continuous"
    return Probe(name, wrong.format(batch=batch), inputs, draw.options, judged, series=series)


def _few(
    draw: Draw, batch: int, stated: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """Sizes of every axis but the leading one: those that are stated, and one to a few of others,
    so that loops can be asked long ones.
    """
    most = _FEW if batch < _LONG else 3
    axes = list(draw.operation.sizes)
    others = len(axes) - len(stated)
    if others >= _MANY_AXES:
        most = min(most, draw.most_of(others, batch * prod(stated.values())))
    return {axis: int(draw.rng.integers(1, most + 1)) for axis in axes} | dict(stated)
