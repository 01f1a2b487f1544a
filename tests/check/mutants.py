"""Random changes of right kernels: ``python mutants.py [COUNT]`` says how many the check catches.

A mutant is a kernel of the suite in which one thing is changed. It counts where the check rejects
it, or where a search that is independent of the check finds a difference from the truth at sizes
that the suite times: see `mutants_search`. The others are equivalent. Every mutant follows from
the seed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from random import Random
from unittest.mock import patch

import mutants_edits
import mutants_wrapped
from mutants_run import Check, Mutant, Outcome, check, run
from mutants_source import Key, parts_of, tree_of

import einbench
from einbench.body import Plain
from einbench.names import check_dtype
from einbench.operation import Operation

DTYPES = ("float32", "float64")
WRAPPED = ("buffer", "cache", "calls", "state", "out", "view")
#: the share of mutants that the check is to catch
LEAST_SHARE = 0.98

#: a kernel's method, the texts that are changed, and the difference
Change = tuple[str, dict[Key, str], str]


@cache
def changes(op: Operation) -> dict[str, list[Change]]:
    """Every change of the text of every interpreted kernel, by kind."""
    found: dict[str, list[Change]] = {}
    for kernel in op:
        # a compiled body that calls vectors or threads is no Python; its loop is here as `loop`
        if not isinstance(kernel.body, Plain):
            continue
        parts = parts_of(kernel)
        own = next(iter(parts))
        for key, function in parts.items():
            tree = tree_of(function)
            before = ast.unparse(tree)
            for kind, text in mutants_edits.edits(tree):
                found.setdefault(kind, []).append((kernel.method, {key: text}, diff(before, text)))
        tree = tree_of(parts[own])
        names = {a.arg for a in (*tree.args.posonlyargs, *tree.args.args)}
        for kind, statement in mutants_wrapped.given(op):
            text = _before(tree, statement, op, names)
            found.setdefault(kind, []).append((kernel.method, {own: text}, f"+ {statement}"))
    return found


def _before(tree: ast.FunctionDef, statement: str, op: Operation, names: set[str]) -> str:
    """The function with a statement about an input before all others."""
    lines = ast.unparse(tree).splitlines()
    setting = []
    if tree.args.vararg is not None:
        rest = tree.args.vararg.arg
        others = [name for name in op.inputs if name not in names]
        setting = [f"{', '.join(others)}, = {rest}", statement, f"{rest} = ({', '.join(others)},)"]
    return "\n".join([lines[0], *(f"    {line}" for line in setting or [statement]), *lines[1:]])


def diff(before: str, after: str) -> str:
    """Lines removed and added."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def plan(count: int, seed: int, dtypes: tuple[str, ...] = DTYPES) -> list[Mutant]:
    """So many mutants, spread evenly over operations, and over the kinds that each has."""
    rng = Random(seed)  # noqa: S311 - no secret
    ops = list(einbench.operations.values())
    known = {op.name: changes(op) for op in ops}
    made: list[Mutant] = []
    seen: set[tuple[object, ...]] = set()
    used: Counter[str] = Counter()
    while len(made) < count:
        op = ops[len(made) % len(ops)]
        dtype = dtypes[len(made) // len(ops) % len(dtypes)]
        kinds = [*known[op.name], *WRAPPED, "threshold"]
        fewest = min(used[kind] for kind in kinds)
        kind = rng.choice([k for k in kinds if used[k] == fewest])
        mutant = _made(rng, op, dtype, kind, known[op.name])
        key = op.name, mutant.method, dtype, mutant.around, tuple(mutant.changed.items())
        if key in seen:
            used[kind] += 1 / 64  # nothing new of this kind, perhaps: others come first
            continue
        seen.add(key)
        used[kind] += 1
        made.append(mutant)
    return made


def _made(
    rng: Random, op: Operation, dtype: str, kind: str, known: dict[str, list[Change]]
) -> Mutant:
    if kind in WRAPPED:
        method = rng.choice([k.method for k in op if isinstance(k.body, Plain)])
        text = mutants_wrapped.around(rng, op, kind)
        return Mutant(op.name, method, dtype, kind, {}, text, diff=text.strip())
    if kind != "threshold":
        method, changed, lines = rng.choice(known[kind])
        return Mutant(op.name, method, dtype, kind, changed, diff=lines)
    inner = rng.choice(list(known))
    method, changed, lines = rng.choice(known[inner])
    text, (axis, sizes) = mutants_wrapped.at_sizes(rng, op)
    return Mutant(
        op.name, method, dtype, kind, changed, text, axis, tuple(sizes),
        f"{lines}\n{text.strip()}",
    )  # fmt: skip


def outcomes_of(
    mutants: list[Mutant],
    by: Check = check,
    tell: Callable[[int, int], object] = lambda n, of: None,
) -> tuple[list[Outcome], list[str]]:
    """All outcomes, in order, found by two processes; and right kernels that are rejected."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, mutant in enumerate(mutants):
        groups.setdefault((mutant.operation, mutant.dtype), []).append(number)
    found: dict[int, Outcome] = {}
    rejected: list[str] = []
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    pool = ProcessPoolExecutor(
        min(2, os.cpu_count() or 1), multiprocessing.get_context("spawn"), max_tasks_per_child=1
    )
    with patch.dict(os.environ, single), pool:
        asked = {
            pool.submit(run, [mutants[n] for n in numbers], by): numbers
            for numbers in groups.values()
        }
        for future in as_completed(asked):
            outcomes, wrong = future.result()
            found |= dict(zip(asked[future], outcomes, strict=True))
            rejected += wrong
            tell(len(found), len(mutants))
    return [found[number] for number in range(len(mutants))], rejected


def share_of(outcomes: Iterable[Outcome]) -> float:
    """The part of those that differ which the check catches; NaN of none."""
    differing = [o for o in outcomes if o.differs]
    return sum(o.stopped for o in differing) / len(differing) if differing else float("nan")


def as_table(outcomes: list[Outcome]) -> str:
    """One line a kind, and one for all."""
    kinds = sorted({o.mutant.kind for o in outcomes})
    lines = [
        f"{'kind':12}{'made':>7}{'equivalent':>12}{'differ':>8}{'caught':>8}{'ended':>7}{'share':>9}"
    ]
    for kind in [*kinds, ""]:
        of_kind = [o for o in outcomes if kind in ("", o.mutant.kind)]
        differing = [o for o in of_kind if o.differs]
        share = f"{100 * share_of(of_kind):.1f} %" if differing else "-"
        lines.append(
            f"{kind or 'all':12}{len(of_kind):7}{len(of_kind) - len(differing):12}"
            f"{len(differing):8}{sum(o.stopped for o in differing):8}"
            f"{sum(bool(o.ended) for o in differing):7}{share:>9}"
        )
    return "\n".join(lines)


def described(outcome: Outcome) -> str:
    """What was changed, and what the search and the check found."""
    m = outcome.mutant
    said = [f"{m.operation}[{m.method}] {m.dtype}, {m.kind}"]
    said += [f"    {line}" for line in m.diff.splitlines()]
    if m.axis:
        said.append(f"    another at {len(m.sizes):,} sizes of {m.axis}: {m.sizes[:5]} ...")
    for what, text in (
        ("search", outcome.found), ("check", outcome.caught), ("process", outcome.ended)
    ):  # fmt: skip
        if text:
            said.append(f"  {what}: {text}")
    return "\n".join(said)


def main(arguments: list[str]) -> int:
    """Exit status 1 where the share is too small or a right kernel is rejected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=1000, help="mutants to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default=",".join(DTYPES), help="float32, float64 or both")
    parser.add_argument("--json", dest="path", help="write every outcome to this file as well")
    given = parser.parse_args(arguments)
    try:
        dtypes = tuple(check_dtype(dtype).name for dtype in given.dtype.split(","))
    except (TypeError, ValueError) as problem:
        parser.error(str(problem))
    if given.count < 1:
        parser.error(f"COUNT is {given.count}; expected 1 at least")

    def tell(done: int, of: int) -> None:
        print(f"{done:,} of {of:,}", file=sys.stderr, flush=True)

    outcomes, rejected = outcomes_of(plan(given.count, given.seed, dtypes), tell=tell)
    if given.path:
        rows = [
            {
                "operation": o.mutant.operation, "kernel": o.mutant.method,
                "dtype": o.mutant.dtype, "kind": o.mutant.kind, "diff": o.mutant.diff,
                "caught": o.caught, "found": o.found, "ended": o.ended,
            }
            for o in outcomes
        ]  # fmt: skip
        Path(given.path).write_text(json.dumps(rows, indent=1))
    print(as_table(outcomes))
    survivors = [o for o in outcomes if o.differs and not o.stopped]
    for outcome in survivors:
        print(f"\nnot caught: {described(outcome)}")
    for reason in rejected:
        print(f"\nright, and rejected: {reason}")
    for outcome in outcomes:
        if outcome.caught and not outcome.found and not outcome.ended:
            print(f"\ncaught, and the search found nothing: {described(outcome)}")
    return 1 if rejected or not share_of(outcomes) >= LEAST_SHARE else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
