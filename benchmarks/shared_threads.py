"""What `einbench.share_threads` changes: ``python benchmarks/shared_threads.py [names]``.

Each cell is timed alone (back to back), after a kernel (each call follows a product of a kernel of
these, which evicts as much from the caches and leaves no threads of BLAS), after BLAS (each follows
the same product of NumPy) and after a pause (each follows 2 ms of sleep), with BLAS's own threads
and with shared ones, in one process: in each round both in random order, BLAS's threads asleep at
the beginning. Ratios are formed within rounds; an interval holds 95 % of bootstrapped medians.
Kernels are compared with themselves alone, functions of NumPy with themselves on BLAS's own
threads, and the results of both with each other.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from bounds.ratios import ratio

import einbench

KERNELS = (
    ("linear", "tiled", 128),
    ("linear", "tiled", 1531),
    ("weight_gradient", "tiled", 1000),
    ("input_gradient", "tiled", 1000),
    ("mlp_forward", "tiled", 1000),
    ("mlp_sgd_step", "tiled", 128),
    ("mlp_sgd_step", "tiled", 1000),
    ("softmax_vjp", "simd", 60000),
    ("softmax_jacobian", "simd", 10000),
    ("tanh", "simd", 10000),
)
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "a @ b": (np.matmul, 2),
    "solve": (np.linalg.solve, 2),
    "svd": (np.linalg.svd, 1),
    "eigh": (np.linalg.eigh, 1),
    "cholesky": (np.linalg.cholesky, 1),
}
SIZES, DTYPES = (200, 600), ("float32", "float64")
OWN, SHARED = "own", "shared"
CONTEXTS = ("alone", "after a kernel", "after BLAS", "after a pause")
#: seconds until OpenBLAS's own threads sleep, and of a pause
_ASLEEP_S, _PAUSE_S = 0.15, 0.002
#: seconds of a context in a round, and calls at least
_TURN_S, _LEAST = 0.04, 3


def time_s(call: Callable[[], Any], before: Callable[[], Any] | None, quantile: float) -> float:
    """Of calls that each follow one of ``before``."""
    clock, taken = time.perf_counter, list[float]()
    for _ in range(2):
        call()
    end_s = clock() + _TURN_S
    while len(taken) < _LEAST or clock() < end_s:
        if before is not None:
            before()
        start_s = clock()
        call()
        taken.append(clock() - start_s)
    return float(np.quantile(taken, quantile))


def measured(
    call: Callable[[], Any],
    products: list[Callable[[], Any]],
    rounds: int,
    quantile: float,
    seed: int,
) -> dict[tuple[str, str], list[float]]:
    """For threads and context, the seconds of each round."""
    rng = np.random.default_rng(seed)
    before = dict(zip(CONTEXTS, (None, *products, partial(time.sleep, _PAUSE_S)), strict=True))
    found: dict[tuple[str, str], list[float]] = {
        (t, c): [] for t in (OWN, SHARED) for c in CONTEXTS
    }
    for _ in range(rounds):
        for threads in rng.permutation((OWN, SHARED)):
            with einbench.share_threads() if threads == SHARED else contextlib.nullcontext():
                time.sleep(_ASLEEP_S)
                for context in CONTEXTS:
                    found[threads, context].append(time_s(call, before[context], quantile))
    return found


def same(call: Callable[[], Any]) -> bool:
    """Whether both sets of threads give the same, but for rounding."""
    own = call()
    with einbench.share_threads():
        shared = call()
    pairs = zip(own, shared, strict=True) if isinstance(own, tuple) else [(own, shared)]
    return all(
        np.allclose(np.abs(a), np.abs(b), rtol=1e-2 if a.dtype == np.float32 else 1e-8, atol=1e-3)
        for a, b in pairs
    )


def shown(of: list[float], to: list[float]) -> str:
    """``1.04 (1.01 to 1.08)``."""
    found = ratio([of], [to])
    return f"{found.median:5.2f} ({found.low:.2f} to {found.high:.2f})"


def called(name: str, method: str, arrays: list[Any]) -> Callable[[], Any]:
    """A call of a kernel, with options as they are where none are given."""
    op = einbench.operation(name)
    options = {option: choices[0] for option, choices in op.options.items()}
    return partial(op[method].entry(arrays, options), *arrays)


def cells(parts: list[str]) -> dict[str, tuple[Callable[[], Any], bool]]:
    """What is timed, and whether it is a function of NumPy."""

    def asked(name: str) -> bool:
        return not parts or any(part in name for part in parts)

    found: dict[str, tuple[Callable[[], Any], bool]] = {}
    for of in KERNELS:
        name = " ".join(map(str, of))
        if asked(name):
            operation, method, batch = of
            drawn = einbench.operation(operation).draw(batch=batch)
            found[name] = called(operation, method, list(drawn.values())), False
    rng = np.random.default_rng(0)
    for size in SIZES:
        for dtype in DTYPES:
            square = rng.standard_normal((size, size))
            positive = (square @ square.T / size + np.eye(size)).astype(dtype)
            for function, (call, takes) in FUNCTIONS.items():
                name = f"{function} {size} {dtype}"
                if asked(name):
                    found[name] = partial(call, *[positive] * takes), True
    return found


def main() -> None:
    """Measure and print, cell by cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quantile", type=float, default=0.5, help="of the calls of a round")
    parser.add_argument("names", nargs="*", help="cells whose name holds one of these; all")
    asked = parser.parse_args()
    other = np.random.default_rng(1).random((600, 600), np.float32)
    products = [called("linear", "tiled", [other, other, other[0]]), lambda: other @ other]
    with einbench.share_threads() as sharing:
        print(f"{sharing}; load {os.getloadavg()[0]:.1f}")
    print(f"medians in microseconds of calls {' / '.join(CONTEXTS)}; ratios with intervals")
    gc.disable()
    for number, (name, (call, numpys)) in enumerate(cells(asked.names).items()):
        found = measured(call, products, asked.rounds, asked.quantile, number)
        print(f"{name}{'' if same(call) else ': RESULTS DIFFER'}")
        for threads in (OWN, SHARED):
            medians = [statistics.median(found[threads, c]) * 1e6 for c in CONTEXTS]
            said = f"  {threads:6} " + " / ".join(f"{us:6.0f}" for us in medians)
            if not numpys:
                alone = found[threads, CONTEXTS[0]]
                said += "  to alone:" + "".join(
                    f"  {context} {shown(found[threads, context], alone)}"
                    for context in CONTEXTS[1:]
                )
            elif threads == SHARED:
                said += "  to own:" + "".join(
                    f"  {context} {shown(found[SHARED, context], found[OWN, context])}"
                    for context in CONTEXTS
                )
            print(said, flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
