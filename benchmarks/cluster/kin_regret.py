"""What it costs to answer for a machine by its nearest kin, or by any other machine.

    python benchmarks/cluster/kin_regret.py results/machines.json > results/machines-kin.txt

Each machine is left out once. A machine on one number of threads and on another is two: such rows
are told apart as cores are. regret = t(the other's winner here) / t(the best here) - 1, by the
times of each machine's own run; a kernel that was timed on one of the two only says nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from einbench.choose.kin import Measured, distance, left_out, nearest, regret_text, regrets_of
from einbench.records.kin import of_rows
from einbench.records.read import read


def main(paths: Sequence[str]) -> None:
    """Read files and folders, and print a line a machine."""
    reading = read(paths)
    machines = [
        each
        for threads in sorted({row["threads"] for row in reading.rows if row["threads"]})
        for each in _on_threads(reading.rows, reading.machines, threads)
    ]
    print(f"{len(machines)} machines: processor, kernels of BLAS for, NumPy, threads\n")
    print(f"{'machine':38}  {'nearest kin (distance)':36}  cells  median    90 %   worst")
    for each in machines:
        others = [other for other in machines if other is not each]
        kin = nearest(each.facts, others)
        regrets = sorted(regrets_of(each, others))
        apart = f"{_name(kin)} ({distance(each.facts, kin.facts):.2f})"
        print(f"{_name(each):38}  {apart:36}  {_quantiles(regrets)}")
    print(f"\n{regret_text(left_out(machines), len(machines))}")
    anyone = sorted(
        regret
        for each in machines
        for other in machines
        if other is not each
        for regret in regrets_of(each, [other])
    )
    print(f"by each other machine instead of the nearest: {_quantiles(anyone)}")


def _on_threads(rows: Any, facts: Any, threads: int) -> list[Measured]:
    """The machines of rows on so many threads, as cells that no longer say how many."""
    found = of_rows([row for row in rows if row["threads"] == threads], facts)
    return [
        Measured(
            {**each.facts, "usable_cores": threads},
            {(*cell[:4], *cell[5:]): seconds for cell, seconds in each.cells.items()},  # type: ignore[index]
        )
        for each in found
    ]


def _name(machine: Measured) -> str:
    blas = (machine.facts.get("blas") or [{}])[0]
    return (
        f"{machine.facts['cpu']}, {blas.get('architecture')}, {machine.facts['numpy']}, "
        f"{machine.facts['usable_cores']}"
    )


def _quantiles(regrets: Sequence[float]) -> str:
    if not regrets:
        return "    0"
    at = [regrets[int(part * (len(regrets) - 1))] for part in (0.5, 0.9, 1.0)]
    return f"{len(regrets):>5}  " + "  ".join(f"{regret:>6.1%}" for regret in at)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a document of results, or a folder"
    )
    main(parser.parse_args().paths)
