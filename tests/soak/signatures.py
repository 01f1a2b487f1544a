"""Bookkeeping of a program that calls with ever new shapes.

    python tests/soak/signatures.py [SIGNATURES] [--seed N]

Half of the signatures are of ten expressions through `einbench.einsum`, half of four operations
through `einbench.auto`; all differ. Every hundredth result is compared with NumPy's. What is
counted are Python's and NumPy's own allocations, as tracemalloc sees them, those of numba's files
apart: they are compiled code. Status 1: beyond 64 MB, or a wrong result.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
from expected import EXPRESSIONS, OPERATIONS, drawn, is_right

LIMIT_BYTES = 64 * 2**20
#: signatures before the first count: what is kept of the first ones is kept once
_WARM = 50
_JUDGED = 100
#: sizes are drawn from 1 up to this
_SIZES = 96
_COMPILED = [tracemalloc.Filter(False, f"*/{name}/*") for name in ("numba", "llvmlite")]


def signatures(rng: np.random.Generator) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name and the sizes of its axes, without end, none twice."""
    names, seen = [*EXPRESSIONS, *OPERATIONS], set()
    while True:
        name = names[rng.integers(len(names))]
        axes = EXPRESSIONS.get(name) or OPERATIONS[name]
        sizes = tuple(rng.integers(1, _SIZES if len(axes) > 1 else 10**6, len(axes)).tolist())
        if (name, sizes) not in seen:
            seen.add((name, sizes))
            yield name, sizes


def kept_bytes() -> int:
    """What is allocated now and not compiled code."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [
            *_COMPILED,
            tracemalloc.Filter(False, __file__),
            tracemalloc.Filter(False, tracemalloc.__file__),
        ]
    )
    return sum(trace.size for trace in snapshot.traces)


def main(arguments: list[str]) -> int:
    """Call, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="signatures")
    parser.add_argument("signatures", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    rng = np.random.default_rng(asked.seed)
    found = signatures(rng)
    wrong, first, start_s = 0, 0, time.perf_counter()
    for number in range(_WARM + asked.signatures):
        if number == _WARM:
            tracemalloc.start()
            first = kept_bytes()
        name, sizes = next(found)
        call, arrays = drawn(name, sizes, rng)
        result = call(*arrays)
        if number % _JUDGED == 0 and not is_right(name, arrays, result):
            print(f"signatures: {name} is wrong at sizes {sizes}")
            wrong += 1
        if number >= _WARM and (number - _WARM + 1) % max(asked.signatures // 10, 1) == 0:
            kept = (kept_bytes() - first) / 2**20
            wall_s = time.perf_counter() - start_s
            print(f"{number - _WARM + 1:>8,} signatures: {kept:6.1f} MB kept, {wall_s:,.0f} s")
            sys.stdout.flush()
    grown = kept_bytes() - first
    return int(wrong > 0 or grown > LIMIT_BYTES)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EINBENCH_WISDOM"] = folder
        status = main(sys.argv[1:])
    sys.exit(status)
