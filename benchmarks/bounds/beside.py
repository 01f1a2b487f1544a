"""BLAS beside parallel kernels: a matrix product after one takes its usual time.

    make bounds-beside

In rounds, in random order, the same product of BLAS is timed after itself, and right after a call
of a parallel kernel. The ratio is formed within each round. Where threads of one library waited for
work by spinning, as numba's do on its ``omp`` layer, the second would take many times as long as
the first. A call in between also evicts the product's matrices from the caches: as a control,
another product of BLAS is among these calls, which leaves no threads but those of BLAS.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.moment import now

from .ratios import ratio

SCHEMA = "einbench.bounds-beside/1"
#: calls before the product: parallel kernels of each kind, at sizes at which they use several
_BEFORE = (
    ("mlp_forward", "tiled", 1_000),
    ("mlp_sgd_step", "tiled", 1_000),
    ("softmax_jacobian", "simd", 60_000),
    ("softmax_jacobian", "numba_parallel", 10_000),
)
#: rows, inner and columns of the product: the first layer at three batches
_PRODUCTS = ((128, 784, 128), (1_000, 784, 128), (10_000, 784, 128))
#: the other product: 14 MB, as much as those kernels move, or less
_OTHER = (4_000, 784, 128)


def main(arguments: Sequence[str]) -> int:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(prog="python -m bounds.beside", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("output", type=Path, help="the JSON document")
    parser.add_argument("--rounds", type=int, default=200)
    requested = parser.parse_args(arguments)
    records = []
    print("| product | alone µs | after | µs | ratio | 95 % |\n|---|---|---|---|---|---|")
    for shape in _PRODUCTS:
        for record in _measured(shape, requested.rounds):
            records.append(record)
            print(
                f"| {' x '.join(map(str, shape))} | {record['alone_s'] * 1e6:.0f} "
                f"| {record['after']} | {record['after_s'] * 1e6:.0f} | {record['ratio']:.2f} "
                f"| {record['low']:.2f} to {record['high']:.2f} |",
                flush=True,
            )
    document = {
        "schema": SCHEMA,
        "date": now(),
        "machine": machine(),
        "records": records,
    }
    write_whole(requested.output, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return 0


def _measured(shape: tuple[int, int, int], rounds: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    product, other = _product(shape, rng), _product(_OTHER, rng)
    rounds = max(20, rounds // max(shape[0] // 1_000, 1))
    before: dict[str, Callable[[], object]] = {"alone": product, "another product of BLAS": other}
    for name, method, batch in _BEFORE:
        op = einbench.operation(name)
        arrays = list(op.draw(batch).values())
        entry = op[method].entry(arrays, op.choose_options({}))
        before[f"{name}[{method}] at {batch:,}"] = partial(entry, *arrays)
    samples_s: dict[str, list[float]] = {name: [] for name in before}
    for call in before.values():
        call()
    names = list(before)
    for _ in range(rounds):
        for place in rng.permutation(len(names)):
            name = names[place]
            before[name]()
            start_s = time.perf_counter()
            product()
            samples_s[name].append(time.perf_counter() - start_s)
    alone_s = samples_s.pop("alone")
    records = []
    for name, after_s in samples_s.items():
        found = ratio([after_s], [alone_s])
        records.append({
            "product": shape, "after": name, "rounds": rounds,
            "alone_s": float(np.median(alone_s)), "after_s": float(np.median(after_s)),
            "ratio": found.median, "low": found.low, "high": found.high,
        })  # fmt: skip
    return records


def _product(shape: tuple[int, int, int], rng: np.random.Generator) -> Callable[[], object]:
    rows, inner, columns = shape
    a = rng.standard_normal((rows, inner), np.float32)
    b = rng.standard_normal((inner, columns), np.float32)
    return partial(np.matmul, a, b, out=np.empty((rows, columns), np.float32))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
