"""What `einbench.einsum` costs over its winner: ``python benchmarks/einsum_dispatch.py [rounds]``.

The winner is called directly, with the operands and memory that it fills, new where the call makes
some. Both are timed in turns, in rounds of random order; printed are the medians of both and of
their difference within rounds, in microseconds.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

import numpy as np

import einbench
from einbench.choose import environment
from einbench.dropin import chosen
from einbench.einsum.kernels import KERNELS

CASES: dict[str, tuple[str, list[tuple[int, ...]], bool]] = {
    "one operand": ("ij->j", [(20, 20)], False),
    "one operand, 0-d": ("i->", [(20,)], False),
    "two operands": ("ij,jk->ik", [(20, 20), (20, 20)], False),
    "two operands, 0-d": ("i,i->", [(20,), (20,)], False),
    "two operands, out=": ("ij,jk->ik", [(20, 20), (20, 20)], True),
    "two operands, NumPy's": ("ij,ij->ij", [(4, 4), (4, 4)], False),
    "batches of 3 x 3": ("bij,bjk->bik", [(3000, 3, 3), (3000, 3, 3)], False),
    "three operands": ("bi,ij,bj->b", [(8, 6), (6, 6), (8, 6)], False),
    "three operands, 0-d": ("i,ij,j->", [(6,), (6, 6), (6,)], False),
    "three operands, out=": ("bi,ij,bj->b", [(8, 6), (6, 6), (8, 6)], True),
}
ROUNDS, CALLS = 300, 200


def sample(call: Callable[[], Any], count: int) -> float:
    """Seconds of a call, the mean of so many."""
    began_s = time.perf_counter()
    for _ in repeat(None, count):
        call()
    return (time.perf_counter() - began_s) / count


def cost(
    text: str, shapes: list[tuple[int, ...]], into: bool, rounds: int
) -> tuple[str, list[float]]:
    """The winner; medians of its calls, of einsum's and of their difference in microseconds."""
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape) for shape in shapes]
    memory = np.asarray(np.einsum(text, *arrays))
    keywords: dict[str, Any] = {"out": memory} if into else {}
    environment.refresh()
    einbench.einsum(text, *arrays, **keywords)
    (task,) = chosen._KNOWN
    name = chosen._KNOWN[task]
    run, shape = KERNELS[name](task), memory.shape
    given = tuple(arrays)

    def direct() -> None:
        run(given, memory if into else np.empty(shape))

    def plain() -> None:
        np.einsum(text, *given, **keywords)

    both = {
        "winner": plain if name == "einsum" else direct,
        "call": lambda: einbench.einsum(text, *arrays, **keywords),
    }
    count = max(1, min(CALLS, int(2e-3 / sample(both["winner"], 3))))
    taken: dict[str, list[float]] = {"winner": [], "call": []}
    gc.disable()
    for _ in range(rounds):
        for which in rng.permutation(list(both)):
            taken[which].append(sample(both[which], count))
    gc.enable()
    winner, call = np.array(taken["winner"]), np.array(taken["call"])
    return name, [1e6 * float(np.median(each)) for each in (winner, call, call - winner)]


def main(rounds: int) -> None:
    """A line a case."""
    print(f"{'case':24}{'expression':15}{'winner':>16}{'takes':>9}{'call':>9}{'more':>8}  in us")
    for case, (text, shapes, into) in CASES.items():
        name, numbers = cost(text, shapes, into, rounds)
        direct_us, call_us, more_us = numbers
        print(
            f"{case:24}{text:15}{name:>16}{direct_us:9.2f}{call_us:9.2f}{more_us:8.2f}", flush=True
        )


def _rounds() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS, help="of all cases")
    rounds: int = parser.parse_args().rounds
    return rounds


if __name__ == "__main__":
    main(_rounds())
