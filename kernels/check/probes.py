"""Everything that a kernel is asked before it is timed, from harmless to hostile."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from einbench.check.arranged import arranged, arranged_in_tens, shared
from einbench.check.hostile import hostile, nonfinite
from einbench.check.labels import labels
from einbench.check.probe import BATCH, Draw, Probe, bounded
from einbench.check.sizes import many_sizes
from einbench.operation import Operation

_HOSTILE_BATCH = 12
#: beyond the first tile of anything, with a partial one at the end
MANY = 259
#: entries of a cube of all axes but that of rows, where they are square
_MOST_SQUARE = 1 << 18


def probes(operation: Operation, dtype: np.dtype[Any], seed: int) -> Iterator[Probe]:
    """Every probe that applies, the same for the same seed."""
    draw = Draw(operation, dtype, np.random.default_rng([seed, 7]))
    options, small = draw.options, draw.small

    first = draw(BATCH)
    yield Probe("random", "", first, options, again=16, others=sys.maxsize)
    yield Probe(
        "random again",
        "right for the first inputs of a shape only: an earlier result comes back",
        draw(BATCH), options, again=1,
    )  # fmt: skip
    for name, values in _other_options(operation):
        # the same arrays: an earlier result must not come back for another option
        yield Probe(f"option {name}", f"wrong for {name}", first, values)
    if operation.leading is not None:
        for batch in (1, 2, 0):
            what = "an empty batch" if batch == 0 else f"a batch of {batch}"
            yield Probe(f"batch {batch}", f"wrong for {what}", draw(batch), options)
        for _, values in _other_options(operation):
            yield Probe("batch 0", f"wrong for an empty batch, {values}", draw(0), values)
    if len(small) > 1:
        square = bounded(dict.fromkeys(small, BATCH), _MOST_SQUARE)
        yield Probe(
            "square", "wrong where the weights are square", draw(BATCH - 2, **square), options
        )
        # a result that equals an input must be new memory as well
        zeros = {n: np.zeros_like(a) for n, a in draw(BATCH, **square).items()}
        if all(each.kind.free or each.integer for each in operation.inputs.values()):
            yield Probe("square zeros", "wrong on square zeros", zeros, options, "tied")
    for axis in small:
        for size in (1, 5):
            yield Probe(
                f"{axis} {size}", f"wrong for {size} {axis}", draw(BATCH, **{axis: size}), options
            )
    # hostile values first: a kernel wrong on them is not reported as wrong on a layout or batch
    yield from hostile(draw, _HOSTILE_BATCH)
    yield from nonfinite(draw, BATCH)
    yield from arranged(draw)
    yield from shared(draw)
    if operation.leading is not None:
        yield Probe(
            f"batch {MANY}", f"wrong in a batch of {MANY} but not of {BATCH}", draw(MANY), options,
            again=5, others=1,
        )  # fmt: skip
    yield from exact_probes(operation, dtype, draw.rng, [BATCH, MANY], small)
    yield from labels(draw)
    yield from many_sizes(draw)
    yield from arranged_in_tens(draw)


def exact_probes(
    operation: Operation,
    dtype: np.dtype[Any],
    rng: np.random.Generator,
    batches: list[int],
    sizes: dict[str, int],
) -> Iterator[Probe]:
    """Whole numbers that every order of summation adds up to the same bits."""
    if operation.exact is None:
        return
    options = operation.choose_options(operation.exact_options)
    for batch in batches if operation.leading is not None else batches[:1]:
        chosen = operation.all_sizes(batch, sizes)
        exact = operation.exact(rng, dtype, chosen)
        inputs = {name: exact[name] for name in operation.inputs}
        yield Probe(
            f"integers, batch {batch}",
            "not equal where every sum is exact: an entry is dropped, doubled or misplaced, "
            "or digits are lost on the way",
            inputs, options, judged="exact",
        )  # fmt: skip


def _other_options(operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    for name, choices in operation.options.items():
        for choice in choices[1:]:
            yield f"{name}={choice!r}", operation.choose_options({name: choice})
