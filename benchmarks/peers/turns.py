"""One launch: a fresh process for every contender, and turns in a new random order each round.

A turn is milliseconds long and all turns of a round follow each other, so that what slows the
machine slows all of them, and ratios within a round are fair. Nobody has a turn before it has
agreed with the reference at that size, and nobody is ranked who does not agree again at the end.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from einbench.measure.disturbance import Moment, moment, other_cores

from .agreement import STEPS, Reference, Steps
from .contender import Entry
from .partner import Failed, Partner
from .problem import NAMES

#: what was found of a contender at a size, from good to bad
OK, UNAVAILABLE, FAILED, WRONG = "ok", "unavailable", "failed", "wrong"


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    batches: tuple[int, ...]
    rounds: int
    launches: int
    threads: int
    turn_s: float
    seed: int = 0


@dataclass
class Cell:
    """One contender at one size, over all launches."""

    batch: int
    contender: str
    status: str = OK
    reason: str = ""
    #: the greatest of all comparisons with the reference
    parameter_error: float | None = None
    loss_error: float | None = None
    #: the median step of every turn, a list a launch
    turns_s: list[list[float]] = field(default_factory=list)
    #: of each launch: steps in a turn, and the first step with all that is compiled for it
    steps: list[int] = field(default_factory=list)
    first_step_s: list[float] = field(default_factory=list)
    #: median processor time between two turns of its own: above zero it disturbed the others
    idle_s: list[float] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def fault(self, status: str, reason: str) -> None:
        """It has no rank any more; the first reason is kept."""
        if self.status == OK:
            self.status, self.reason = status, reason


Cells = dict[tuple[int, str], Cell]
Tell = Callable[[str], None]


def launch(
    entries: Sequence[Entry],
    references: Mapping[int, Reference],
    settings: Settings,
    cells: Cells,
    rng: np.random.Generator,
    folder: Path,
    tell: Tell,
) -> dict[int, float]:
    """All sizes with one process a contender; what was found is added to ``cells``.

    Args:
        entries: who takes part.
        references: the problem of each size.
        settings: rounds, threads and length of a turn.
        cells: one for each size and contender; those with a fault take no part.
        rng: decides the order of turns.
        folder: for logs, problems and answers.
        tell: called with what is being done.

    Returns:
        Cores that neither contenders nor this process used while turns were taken, by size.
    """
    others: dict[int, float] = {}
    with ExitStack() as stack:
        partners = []
        for entry in entries:
            own = [cells[batch, entry.name] for batch in settings.batches]
            if all(cell.status != OK for cell in own):
                continue
            tell(f"starting {entry.name}")
            try:
                partners.append(stack.enter_context(Partner(entry, settings.threads, folder)))
            except Failed as problem:
                for cell in own:
                    cell.fault(_at_start(entry), str(problem))
        for batch in settings.batches:
            table = _Table(references[batch], settings, rng, folder)
            for partner in partners:
                cell = cells[batch, partner.entry.name]
                if cell.status == OK:
                    tell(f"batch {batch}: {partner.entry.name}")
                    table.seat(partner, cell)
            tell(f"batch {batch}: {settings.rounds} rounds")
            others[batch] = table.play()
    return others


def _at_start(entry: Entry) -> str:
    """A peer may lack what it needs here; the suite itself has no excuse."""
    return FAILED if entry.ours else UNAVAILABLE


class _Table:
    """Those who have turns at one size."""

    def __init__(
        self, reference: Reference, settings: Settings, rng: np.random.Generator, folder: Path
    ) -> None:
        self._reference = reference
        self._settings = settings
        self._rng = rng
        self._folder = folder
        self._problem = folder / f"problem-{reference.problem.batch}.npz"
        if not self._problem.exists():
            reference.problem.save(self._problem)
        self._seated: list[tuple[Partner, Cell]] = []

    def seat(self, partner: Partner, cell: Cell) -> None:
        """One more, if it agrees with the reference."""
        try:
            loaded = partner.ask("load", problem=str(self._problem))
        except Failed as problem:
            cell.fault(_at_start(partner.entry), str(problem))
            return
        cell.first_step_s.append(loaded["first_step_s"])
        cell.facts = loaded["facts"]
        try:
            self._compare(partner, cell)
            if cell.status == OK:
                planned = partner.ask("plan", turn_s=self._settings.turn_s)
                cell.steps.append(planned["steps"])
                self._seated.append((partner, cell))
        except Failed as problem:
            cell.fault(FAILED, str(problem))

    def play(self) -> float:
        """All rounds, and the comparison again; the cores that others had during the rounds."""
        before = self._moment()
        idle_s: dict[str, list[float]] = {cell.contender: [] for _, cell in self._seated}
        for _, cell in self._seated:
            cell.turns_s.append([])
        for _ in range(self._settings.rounds):
            for partner, cell in self._shuffled():
                try:
                    answer = partner.ask("turn", steps=cell.steps[-1])
                except Failed as problem:
                    cell.fault(FAILED, str(problem))
                    continue
                cell.turns_s[-1].append(answer["step_s"])
                idle_s[cell.contender].append(answer["idle_s"])
        after = self._moment()
        for partner, cell in self._shuffled():
            cell.idle_s.append(statistics.median(idle_s[cell.contender]))
            try:
                self._compare(partner, cell)
            except Failed as problem:
                cell.fault(FAILED, str(problem))
        return other_cores(before, after)

    def _moment(self) -> Moment:
        """The contenders' processor time is no others'."""
        now = moment()
        return now._replace(own_s=now.own_s + sum(p.processor_s() for p, _ in self._seated))

    def _shuffled(self) -> Iterator[tuple[Partner, Cell]]:
        for place in self._rng.permutation(len(self._seated)):
            partner, cell = self._seated[place]
            if cell.status == OK:
                yield partner, cell

    def _compare(self, partner: Partner, cell: Cell) -> None:
        """Its first steps with those of the reference."""
        path = self._folder / f"{cell.contender}.npz"
        partner.ask("steps", count=STEPS, path=str(path))
        with np.load(path, allow_pickle=False) as file:
            found = Steps(tuple(map(float, file["losses"])), tuple(file[name] for name in NAMES))
        path.unlink()
        verdict = self._reference.judge(found)
        cell.parameter_error = max(cell.parameter_error or 0.0, verdict.parameter_error)
        cell.loss_error = max(cell.loss_error or 0.0, verdict.loss_error)
        if verdict.reason:
            cell.fault(WRONG, verdict.reason)
