"""The cells of a comparison in its journal: what an interrupted one leaves to the next."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from einbench.choose.environment import environment
from einbench.measure.predict import Prediction, Predictions
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.record import Record
from einbench.records.journal import Journal
from einbench.verbs.comparison import Comparison


@dataclass(frozen=True)
class Cell:
    """One problem's records, and what larger problems and the budget need of it."""

    records: list[Record]
    known: Predictions
    timed_s: float


class Kept:
    """Cells by problem, in a journal or, where there is none, nowhere.

    Raises:
        ValueError: the journal's cells were measured with other settings, versions or code.
    """

    def __init__(
        self, journal: Journal | None, settings: Mapping[str, Any], ops: Iterable[Operation]
    ) -> None:
        self._journal = journal
        self._cells: dict[str, Cell] = {}
        if journal is not None:
            code = {op.name: _code(op) for op in ops}
            kept = journal.begin({"command": "compare", **settings, "code": code})
            for name, value in kept.items():
                # one that cannot be read is measured again
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    self._cells[name] = _cell(value)

    @property
    def facts(self) -> dict[str, int]:
        """How many were taken over, for the settings of a document; nothing where none was."""
        return {"resumed_cells": len(self._cells)} if self._cells else {}

    def of(self, problem: Problem) -> Cell | None:
        """What is kept of it."""
        return self._cells.get(_name(problem))

    def keep(self, problem: Problem, cell: Cell) -> None:
        """On disk before this returns, where there is a journal."""
        if self._journal is not None:
            value = {
                "records": [record.to_json() for record in cell.records],
                "known": {method: asdict(at) for method, at in cell.known.items()},
                "timed_s": cell.timed_s,
            }
            self._journal.keep(_name(problem), value)


def written_whole(path: Any, resume: bool, compare: Callable[..., Comparison]) -> Comparison:
    """A comparison that keeps its cells beside this file, and is then written to it.

    Raises:
        ValueError: no file was named, or it holds an unfinished comparison.
    """
    if path is None:
        raise ValueError("resume=True goes on from a file; name it with keep='results.json'")
    with Journal(path, resume=resume) as journal:
        comparison = compare(keep=journal)
        if comparison.records or not comparison.interrupted:
            comparison.to_json(path)
            (journal.end if comparison.interrupted else journal.finish)()
    return comparison


def _cell(value: Mapping[str, Any]) -> Cell:
    return Cell(
        [Record.from_json(record) for record in value["records"]],
        {method: _prediction(at) for method, at in value["known"].items()},
        _seconds(value["timed_s"]),
    )


def _prediction(at: Mapping[str, Any]) -> Prediction:
    found = Prediction(**{**at, "measured_s": _seconds(at["measured_s"])})
    if not (_whole(found.batch) and _whole(found.measured_batch) and 0 < found.part <= 1):
        raise ValueError("expected rows and a part of a row")
    return found


def _whole(rows: Any) -> bool:
    return isinstance(rows, int) and rows >= 0


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds} seconds")
    return seconds


def _name(problem: Problem) -> str:
    return f"{problem.operation.name} {problem.dtype.name} {problem.batch}"


def _code(op: Operation) -> str:
    """A digest of the operation and its kernels."""
    now = environment(op)
    return hashlib.sha256(repr((now.code, now.candidates)).encode()).hexdigest()[:12]
