"""The Python that ``einbench einsum --emit`` writes, timed beside the winner that it stands for.

    python benchmarks/einsum/emitted.py [--dtype float32] [--only WORD,...] [--budget SECONDS]

Of each expression the kernels are compared, and the winner is emitted: its source is run in a
namespace of its own, imports NumPy and numba alone, and is judged and timed in turns with the
winner by `einbench.race`. ``emitted`` names the kernel in the source: another one than the winner
where that is instructions of this processor, which are no plain Python; then the fastest of the
others.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from thirty import THIRTY

import einbench
from einbench.einsum.emit import emit, is_plain
from einbench.host.machine import machine
from einbench.record import Record
from einbench.units import seconds_text

#: one of each kind: small fixed sizes, a product, one pass, a sum, paths of three to four operands
SOME = (
    "bmm 3x3", "bmm 100", "matmul", "rowdots", "bilinear", "trace", "outer", "attention qk",
    "ccsd ring", "three", "chain", "rotate", "mttkrp", "covariance",
)  # fmt: skip
_IMPORTS = {"numpy", "numba"}


class Timed(NamedTuple):
    """The winner of an expression, and its source beside it."""

    name: str
    winner: str
    #: the kernel that the source holds
    emitted: str
    records: dict[str, Record]
    lines: int


def main(arguments: Sequence[str]) -> int:
    """Compare, emit, race, print."""
    asked = _parser().parse_args(arguments)
    words = [word for word in asked.only.split(",") if word]
    chosen = [e for e in THIRTY if any(w in e[0] for w in words) or (not words and e[0] in SOME)]
    if not chosen:
        print(f"emitted: no expression has {asked.only!r} in its name", file=sys.stderr)
        return 2
    print(f"{asked.dtype:14}{'winner':16}{'':>9}  {'emitted':16}{'':>9}{'ratio':>7}  lines")
    wrong = 0
    for name, text, sizes, _ in chosen:
        found = timed(name, text, sizes, asked.dtype, asked.budget)
        print(*lines(found), sep="\n", flush=True)
        wrong += any(record.status != "ok" for record in found.records.values())
    facts = machine()
    print(f"{facts['cpu']}, NumPy {facts['numpy']}, numba {facts['numba']}")
    return 1 if wrong else 0


def timed(name: str, text: str, sizes: dict[str, int], dtype: str, budget_s: float) -> Timed:
    """The winner and its source, in turns on the same operands."""
    op = einbench.expression(text, axes="letters", **sizes)
    records = einbench.compare(op, dtypes=dtype, budget_s=budget_s).records
    winner = op[next(record.kernel for record in records if record.winner)]
    seconds = {r.kernel: r.median_s for r in records if r.median_s and is_plain(r.kernel)}
    plain = is_plain(winner.method)
    written = winner.method if plain else min(seconds, key=seconds.__getitem__)
    shapes = [each.shape(op.sizes) for each in op.inputs.values()]
    source = emit(text, shapes, dtype, written)
    arrays = op.draw(dtype=dtype).values()
    # called as its users do: what it prepares is looked up
    functions: dict[str, Callable[..., Any]] = {"winner": winner, "emitted": contract_of(source)}
    race = einbench.race(functions, *arrays, budget_s=budget_s)
    raced = {record.kernel: record for record in race.records}
    return Timed(name, winner.method, written, raced, source.count("\n"))


def contract_of(source: str) -> Callable[..., Any]:
    """The function of emitted source, run in a namespace that holds nothing else.

    Raises:
        ValueError: it imports something else than NumPy and numba.
    """
    tree = ast.parse(source)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    if names - _IMPORTS:
        raise ValueError(f"emitted source imports {', '.join(sorted(names - _IMPORTS))}")
    scope: dict[str, Any] = {}
    exec(compile(tree, "<emitted>", "exec"), scope)  # noqa: S102 - what is measured
    contract: Callable[..., Any] = scope["contract"]
    return contract


def lines(found: Timed) -> Iterator[str]:
    """A row; below it, why one of both has no time."""
    first, second = found.records["winner"], found.records["emitted"]
    shown = ["-" if each.median_s is None else seconds_text(each.median_s)
             for each in (first, second)]  # fmt: skip
    ratio = "-"
    if first.median_s is not None and second.median_s is not None:
        ratio = f"{second.median_s / first.median_s:.2f}x"
    yield (
        f"{found.name:14}{found.winner:16}{shown[0]:>9}  {found.emitted:16}{shown[1]:>9}"
        f"{ratio:>7}  {found.lines:5}"
    )
    for record in found.records.values():
        if record.status != "ok":
            yield f"  {record.kernel} {record.status}: {record.reason}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dtype", default="float32", help="float32 or float64 (float32)")
    parser.add_argument("--only", default="", metavar="WORD,...",
                        help=f"parts of names, by default: {', '.join(SOME)}")  # fmt: skip
    parser.add_argument("--budget", type=float, default=1.0, metavar="SECONDS",
                        help="of timing, twice for each expression (1)")  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
