"""Machines that were measured, from rows of saved results and from remembered choices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from einbench.choose.book import Remembered
from einbench.choose.kin import Measured
from einbench.choose.machines import Known
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ranked_s
from einbench.records.choice import cells as cells_of
from einbench.records.columns import Row, as_text, text


def of_rows(rows: Sequence[Row], machines: Sequence[Mapping[str, Any]]) -> list[Measured]:
    """One for each machine whose facts a file states, with the cells of its latest runs."""
    facts: dict[str, Mapping[str, Any]] = {}
    for machine in machines:
        if fingerprint := text(machine.get("fingerprint")):
            facts.setdefault(fingerprint, machine)
    found: dict[str, dict[Hashable, dict[str, float]]] = {name: {} for name in facts}
    for cell in cells_of(rows):
        name = cell.facts["machine_fingerprint"]
        if name in found and cell.winner is not None:
            timed = {r["kernel"]: _ranked_s(r) for r in cell.rows if r["status"] == "ok"}
            seconds = {kernel: s for kernel, s in timed.items() if s is not None}
            first = cell.winner["kernel"]
            order = sorted(seconds, key=lambda kernel: (kernel != first, seconds[kernel]))
            found[name][cell_of(cell.facts)] = {kernel: seconds[kernel] for kernel in order}
    return [Measured(facts[name], cells) for name, cells in found.items() if cells]


def cell_of(row: Row) -> Hashable:
    """What is asked, whatever the machine."""
    return (
        row["operation"], row["batch"], row["dtype"], row["layout"], row["threads"],
        as_text(row["sizes"]), as_text(row["options"]),
    )  # fmt: skip


def of_known(known: Known) -> Measured:
    """What one machine remembers, the newest choice of each signature."""
    found: dict[Hashable, dict[str, float]] = {}
    for operation, book in known.books.items():
        for choice in sorted(book.choices, key=lambda each: each.date):
            found[(operation, choice.signature)] = ranked(choice)
    return Measured(known.facts, found)


def ranked(choice: Remembered) -> dict[str, float]:
    """Seconds of each kernel in the context that it was chosen for, the chosen one first."""
    context = choice.signature.context
    seconds = {method: time.ranked_s(context) for method, time in choice.times.items()}
    order = sorted(seconds, key=lambda method: (method != choice.kernel, seconds[method]))
    return {method: seconds[method] for method in order}


def _ranked_s(row: Row) -> float | None:
    if row["median_s"] is None:
        return None
    beside = {AFTER_BLAS: row["after_blas_s"], AFTER_PAUSE: row["after_pause_s"]}
    known = {context: s for context, s in beside.items() if s is not None}
    return ranked_s(row["context"] or "alone", row["median_s"], known)
