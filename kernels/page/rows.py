"""Numbers of charts: a row of the export, and what only a page says of it.

floor_s = roofline median_s              no kernel takes less
rate = flops / median_s / 1e9            where the file has none and the operation is known
paid = (compile_s + prepare_s) / (s_other - s)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from einbench.contexts import PROGRAM
from einbench.page.charts import LEAST_ERROR
from einbench.page.tables import Table, rounded, times_of
from einbench.records.columns import Row

Fact = dict[str, Any]


def facts(tables: Sequence[Table], places: Mapping[int, int]) -> list[Fact]:
    """One for each row of each table.

    Args:
        tables: of the page.
        places: ``id`` of a row -> its place in the export.
    """
    families = _families()
    found = []
    for number, table in enumerate(tables):
        paid = _paid(table)
        for row in table.rows:
            fact = {
                "i": places[id(row)],
                "table": number,
                "x": max(row["batch"] or 1, 1),
                "family": families.get(row["kernel"], row["kernel"]),
                "program_s": times_of(row, PROGRAM)[0],
                "paid": paid.get((row["kernel"], row["batch"])),
                **_derived(row),
            }
            found.append({name: value for name, value in fact.items() if value is not None})
    return found


def crossings(tables: Sequence[Table]) -> list[Fact]:
    """One for each change of the winner, in each context."""
    return [
        {
            "table": number,
            "context": context,
            "x": each.batch,
            "word": f"{each.after} from {rounded(each.batch):,}",
            "late": _late(table, each.batch),
        }
        for number, table in enumerate(tables)
        for context in table.contexts
        for each in table.crossings(context)
    ]


def full(fact: Fact, row: Row, context: str) -> Fact:
    """A row as charts take it, as ``page.js`` makes it too."""
    time, low, high = times_of(row, context)
    return {**row, **fact, "t": time, "lo": low, "hi": high}


def _late(table: Table, batch: float) -> bool:
    """Whether it is to the right on a logarithmic axis, where words beside it go to the left."""
    known = [b for b in table.batches if b]
    return math.log(batch / min(known)) > 0.6 * math.log(max(known) / min(known))


def _derived(row: Row) -> Fact:
    time = row["median_s"]
    if row["status"] != "ok" or not time:
        return {}
    part = row["roofline"]
    known = _of_operation(row)
    rate = row["gflops_per_s"] or (known.get("flops", 0.0) / time / 1e9) or None
    moved = row["gbytes_per_s"] or (known.get("bytes", 0.0) / time / 1e9) or None
    return {
        "units": None if row["error"] is None else max(row["error"], LEAST_ERROR),
        "floor_s": part * time if part else None,
        "rate": rate,
        "ceiling": rate / part if rate and part else None,
        "intensity": rate / moved if rate and moved else None,
        "bound": row["limit"] or known.get("limit"),
    }


def _of_operation(row: Row) -> dict[str, float]:
    """FLOPs, bytes and the limit of the error, of an operation that is known here."""
    from einbench.registry import operations

    op = operations.get(row["operation"])
    if op is None or (row["gflops_per_s"] is not None and row["limit"] is not None):
        return {}
    sizes = {**op.sizes, **(row["sizes"] or {})}
    if op.leading is not None:
        sizes[op.leading] = row["batch"] or 1
    try:
        terms = max(float(op.terms(sizes)), 1.0)
        limit = max(op.limit(terms), op.tied_limit(terms))
        return {
            "flops": float(op.flops(sizes)),
            "bytes": float(sum(op.traffic_bytes(sizes, row["dtype"] or "float32"))),
            "limit": limit,
        }
    except (KeyError, TypeError, ValueError, ArithmeticError):  # sizes of another operation
        return {}


def _paid(table: Table) -> dict[tuple[str, Any], float]:
    """Calls after which preparing and compiling are paid back, against what needs neither."""
    cost = dict(costs(table))
    found = {}
    for batch in table.batches:
        times = {
            row["kernel"]: row["median_s"]
            for row in table.rows
            if row["batch"] == batch and row["status"] == "ok" and row["median_s"]
        }
        free = [time for kernel, time in times.items() if not cost.get(kernel)]
        for kernel, time in times.items():
            if cost.get(kernel) and free and time < min(free):
                found[kernel, batch] = max(cost[kernel] / (min(free) - time), 1.0)
    return found


def costs(table: Table) -> Iterator[tuple[str, float]]:
    """Seconds that each kernel took before its first call, the most at any batch."""
    for kernel in table.kernels:
        spent = [
            (row["compile_s"] or 0.0) + (row["prepare_s"] or 0.0)
            for row in table.rows
            if row["kernel"] == kernel
        ]
        yield kernel, max(spent, default=0.0)


def _families() -> dict[str, str]:
    from einbench.registry import operations

    return {kernel.method: kernel.family for op in operations.values() for kernel in op}
