"""A measured cell as a record, ready for JSON."""

from __future__ import annotations

from typing import Any

from einbench.measure.roofline import Roofline

from .board_cell import Measured
from .board_house import OURS
from .board_ratio import verdict
from .board_rows import OK

Record = dict[str, Any]


def record(cell: Measured, roofline: Roofline, code: str) -> Record:
    """What was found, who was best, and by how much."""
    task = cell.task
    ranked = [row for row in cell.rows if row.status == OK and row.turns_s]
    ours = {row.way: row.turns_s for row in ranked if row.library == OURS}
    peers = {f"{row.library} {row.way}": row.turns_s for row in ranked if row.library != OURS}
    found = verdict(ours, peers)
    fraction = None
    if found["ours_s"]:
        sizes, dtype = task.sizes, task.dtype
        fraction = roofline.fraction(task.operation, sizes, dtype, found["ours_s"])
    return {
        "operation": task.operation.name,
        "batch": task.sizes["batch"],
        "dtype": task.dtype.name,
        "sizes": task.sizes,
        "options": dict(task.options),
        "code": code,
        **found,
        "roofline": fraction,
        # beside libraries and board: above a tenth, ratios suffer
        "other_cores": cell.other_cores,
        "took_s": cell.took_s,
        "facts": cell.facts,
        "ways": [row.record() for row in cell.rows],
    }
