"""Thirty expressions: `einbench.einsum` against NumPy, its optimised path, and opt_einsum.

    python benchmarks/einsum.py [--dtype float32,float64] [--only WORD] [--seconds S]

One process, calls in turns, each library's preparation outside the clock; before each timed block
one untimed call, after a pause in which helper threads of the library before go to sleep. Printed
are the milliseconds of `einbench.einsum`, each one's time over it, and geometric means.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import einbench

#: name, expression, size of each index; the third field says what decides its time
THIRTY: tuple[tuple[str, str, dict[str, int], str], ...] = (
    ("bmm 3x3", "bij,bjk->bik", {"b": 100_000, "i": 3, "j": 3, "k": 3}, "loops"),
    ("bmm 100", "qij,qjk->qik", {"q": 100, "i": 100, "j": 100, "k": 100}, "product"),
    ("matmul", "ij,jk->ik", {"i": 500, "j": 500, "k": 500}, "product"),
    ("matmul nt", "ij,kj->ik", {"i": 500, "j": 500, "k": 500}, "product"),
    ("matvec", "ij,j->i", {"i": 2000, "j": 2000}, "memory"),
    ("rowdots", "bi,bi->b", {"b": 100_000, "i": 3}, "loops"),
    ("rowdots 784", "bi,bi->b", {"b": 2000, "i": 784}, "memory"),
    ("bilinear", "bi,ij,bj->b", {"b": 5000, "i": 64, "j": 64}, "path"),
    ("frobenius", "ij,ij->", {"i": 1000, "j": 1000}, "memory"),
    ("sum", "ij->", {"i": 1000, "j": 1000}, "memory"),
    ("transpose", "ijk->kji", {"i": 100, "j": 100, "k": 100}, "view"),
    ("trace", "bii->b", {"b": 2000, "i": 50}, "memory"),
    ("outer", "i,j->ij", {"i": 1500, "j": 1500}, "memory"),
    ("batch outer", "bi,bj->bij", {"b": 2000, "i": 40, "j": 40}, "memory"),
    ("attention qk", "bqhd,bkhd->bhqk", {"b": 4, "q": 128, "k": 128, "h": 8, "d": 64}, "product"),
    ("attention av", "bhqk,bkhd->bqhd", {"b": 4, "q": 128, "k": 128, "h": 8, "d": 64}, "product"),
    ("mps", "knlc,klma->knmac", {"k": 50, "n": 10, "l": 10, "c": 10, "m": 10, "a": 10}, "product"),
    ("ao2mo", "pqrs,pi->iqrs", {"p": 40, "q": 40, "r": 40, "s": 40, "i": 20}, "product"),
    ("ccsd", "abef,ijef->ijab", {"a": 24, "b": 24, "e": 24, "f": 24, "i": 10, "j": 10}, "product"),
    ("ccsd ring", "mbej,imae->ijab",
     {"m": 12, "b": 24, "e": 24, "j": 12, "i": 12, "a": 24}, "product"),
    ("three", "ijk,jkl,kli->il", {"i": 40, "j": 40, "k": 40, "l": 40}, "path"),
    ("chain", "ij,jk,kl,lm->im", {"i": 40, "j": 40, "k": 40, "l": 40, "m": 40}, "path"),
    ("stress", "ijkl,nkl->nij", {"i": 3, "j": 3, "k": 3, "l": 3, "n": 100_000}, "loops"),
    ("rotate", "nij,njk,nlk->nil", {"n": 50_000, "i": 3, "j": 3, "k": 3, "l": 3}, "loops"),
    ("khatri-rao", "ir,jr->ijr", {"i": 200, "j": 200, "r": 30}, "memory"),
    ("mttkrp", "ijk,jr,kr->ir", {"i": 100, "j": 100, "k": 100, "r": 16}, "path"),
    ("tucker", "abc,ia,jb,kc->ijk",
     {"a": 20, "b": 20, "c": 20, "i": 60, "j": 60, "k": 60}, "path"),
    ("covariance", "ni,n,nj->ij", {"n": 20_000, "i": 40, "j": 40}, "path"),
    ("pairwise", "nd,md->nm", {"n": 1500, "m": 1500, "d": 3}, "loops"),
    ("depthwise", "bchw,c->bchw", {"b": 8, "c": 64, "h": 32, "w": 32}, "memory"),
)  # fmt: skip

#: seconds in which NumPy's helper threads still look for work
_PAUSE_S = 0.12
#: a call that takes so many times the least is timed twice only
_HOPELESS = 20
_BLOCK_S = 5e-4


def contestants(expression: str, arrays: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
    """What each one calls, prepared."""
    found: dict[str, Callable[[], Any]] = {
        "einbench": lambda: einbench.einsum(expression, *arrays),
        "numpy": lambda: np.einsum(expression, *arrays),
        "optimize": lambda: np.einsum(expression, *arrays, optimize=True),
    }
    if importlib.util.find_spec("opt_einsum"):
        import opt_einsum

        prepared = opt_einsum.contract_expression(expression, *[a.shape for a in arrays])
        found["opt_einsum"] = lambda: prepared(*arrays)
    return found


def timed(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Seconds of each call, undelayed, blocks in turns."""
    cost = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        cost[name] = max(time.perf_counter() - start, 1e-7)
    least = min(cost.values())
    found: dict[str, list[float]] = {name: [] for name in calls}
    names, begin = list(calls), time.perf_counter()
    while len(found[names[0]]) < 5 or time.perf_counter() - begin < seconds:
        random.shuffle(names)
        for name in names:
            if cost[name] > _HOPELESS * least and len(found[name]) >= 2:
                continue
            time.sleep(_PAUSE_S)
            rounds = max(1, int(_BLOCK_S / cost[name]))
            calls[name]()
            start = time.perf_counter()
            for _ in range(rounds):
                calls[name]()
            found[name].append((time.perf_counter() - start) / rounds)
    # the lower quartile: what other processes delay is not what is compared
    return {name: float(np.quantile(each, 0.25)) for name, each in found.items()}


def right(expression: str, arrays: list[np.ndarray], found: Any) -> bool:
    """Whether a result is the float64 one within rounding."""
    wide = [a.astype(np.float64) for a in arrays]
    truth = np.einsum(expression, *wide, optimize=True)
    scale = np.einsum(expression, *map(np.abs, wide), optimize=True)
    eps = np.finfo(arrays[0].dtype).eps
    return found.shape == truth.shape and bool(np.all(np.abs(found - truth) <= 100 * eps * scale))


def main() -> None:
    """Race the thirty and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtype", default="float32,float64")
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--seconds", type=float, default=1.5, help="of timing for each")
    given = parser.parse_args()
    for dtype in given.dtype.split(","):
        ratios: dict[str, list[float]] = {}
        for name, expression, sizes, decides in THIRTY:
            if given.only not in name:
                continue
            rng = np.random.default_rng(0)
            parts = expression.split("->")[0].split(",")
            arrays = [rng.standard_normal([sizes[i] for i in p]).astype(dtype) for p in parts]
            calls = contestants(expression, arrays)
            start = time.perf_counter()
            assert right(expression, arrays, calls["einbench"]()), f"{expression}: wrong"  # noqa: S101
            first = time.perf_counter() - start
            times = timed(calls, given.seconds)
            own = times.pop("einbench")
            line = "  ".join(f"{other} {t / own:8.2f}" for other, t in times.items())
            print(
                f"{dtype} {name:13}{expression:20}{decides:8}{own * 1e3:9.4f} ms  {line}  best "
                f"{min(times.values()) / own:6.2f}  first call {first:.2f} s",
                flush=True,
            )
            for other, seconds in (*times.items(), ("best", min(times.values()))):
                ratios.setdefault(other, []).append(seconds / own)
        means = {other: statistics.geometric_mean(each) for other, each in ratios.items()}
        print(f"{dtype} geometric means over einbench:", {n: round(m, 2) for n, m in means.items()})


if __name__ == "__main__":
    main()
