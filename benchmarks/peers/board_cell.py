"""One cell of the scoreboard: an operation at one batch and dtype, by the suite and by its peers.

Every way is checked before any is timed, and who had turns is checked again after them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einbench.measure.disturbance import Moment, moment, other_cores
from einbench.measure.spinning import stop_spinning
from einbench.measure.workload import Images, sizes_for, workload
from einbench.operation import Operation
from einbench.problem import Problem

from .board_check import Checked, Judge
from .board_house import House, Invited
from .board_rows import FAILED, NOT_EXPRESSED, OK, REFUSED, SKIPPED, UNAVAILABLE, Row
from .partner import Failed, Partner
from .task import Task

#: seconds of screening a way
_SCREEN_S = 0.01
#: seconds of rounds in one cell, but for so many rounds
_ROUNDS_S = 20.0
_LEAST_ROUNDS = 6


@dataclass(frozen=True)
class Settings:
    """How much is measured of every cell."""

    rounds: int
    turn_s: float
    threads: int
    seed: int = 0


def make_task(op: Operation, batch: int, dtype: str, images: Images, seed: int) -> Task:
    """The inputs that `einbench compare` times its kernels on, and the first of all options."""
    sizes = sizes_for(op, images, {})
    problem = workload(Problem.at(op, batch, dtype, sizes), images, seed)
    return Task(op, problem.arrays, problem.options)


class Measured:
    """A cell while it is measured."""

    def __init__(self, task: Task, house: House, settings: Settings, folder: Path) -> None:
        self.task = task
        self.rows: list[Row] = []
        self.facts: dict[str, Any] = {}
        self.other_cores = 0.0
        #: seconds of the reference, of each library's checks and screening, and of the rounds
        self.took_s: dict[str, float] = {}
        self._house = house
        self._settings = settings
        self._folder = folder
        self._seated: list[tuple[Partner, Invited, Row]] = []
        self._open: list[Partner] = []

    def run(self) -> None:
        """All of it; whatever a library does, the cell ends."""
        began_s = time.perf_counter()
        judge = Judge.of(self.task, self._settings.seed)
        self._took("reference", began_s)
        path = self._folder / "task.npz"
        Task(self.task.operation, self.task.arrays, self.task.options, judge.case.truth.kept).save(
            path
        )
        try:
            for library in self._house.invited:
                began_s = time.perf_counter()
                self._seat(library, judge, path)
                self._took(library.name, began_s)
            path.unlink()
            stop_spinning()  # the reference's threads
            began_s = time.perf_counter()
            self._play()
            self._took("rounds", began_s)
            for partner, library, row in self._playing():
                self._check(partner, library, row, judge, "outputs")
        finally:
            for partner in self._open:
                if partner.alive:
                    try:
                        partner.ask("close")
                    except Failed as problem:
                        self.rows.append(Row(partner.entry.name, "", FAILED, str(problem)))

    def _took(self, part: str, began_s: float) -> None:
        self.took_s[part] = round(time.perf_counter() - began_s, 2)

    def _seat(self, library: Invited, judge: Judge, path: Path) -> None:
        """Ways that agree with the reference, and of these the fastest."""
        try:
            partner = self._house.partner(library)
        except Failed as problem:
            self.rows.append(Row(library.name, "", UNAVAILABLE, str(problem)))
            return
        rows: list[Row] = []
        try:
            offer = partner.ask("open", path=str(path))
            self._open.append(partner)
            self.facts[library.name] = offer["facts"]
            rows = [Row(library.name, way) for way in offer["ways"]]
            self.rows += rows
            self.rows += [Row(library.name, w, SKIPPED, r) for w, r in offer["skipped"].items()]
            if not rows and not offer["skipped"]:
                self.rows.append(Row(library.name, "", NOT_EXPRESSED, "has no such operation"))
            for row in rows:
                self._check(partner, library, row, judge, "begin")
            self._screen(partner, library, [row for row in rows if row.status == OK])
        except Failed as problem:
            if not rows:
                self.rows.append(Row(library.name, "", FAILED, str(problem)))
            for row in rows:
                row.fault(FAILED, str(problem))

    def _check(
        self, partner: Partner, library: Invited, row: Row, judge: Judge, request: str
    ) -> None:
        path = self._folder / f"{library.name}.npz"
        try:
            answer = partner.ask(request, way=row.way, path=str(path))
        except Failed as problem:
            row.fault(FAILED, str(problem))
            return
        row.first_call_s = answer.get("first_call_s", row.first_call_s)
        if "wrong" in answer:
            checked = Checked(float("inf"), 0.0, answer["wrong"])
        else:
            checked = judge.judge(path, library.ours)
        row.error, row.limit = max(row.error or 0.0, checked.error), checked.limit
        if checked.reason:
            row.fault(REFUSED, checked.reason)

    def _screen(self, partner: Partner, library: Invited, rows: list[Row]) -> None:
        times_s = partner.ask("screen", ways=[row.way for row in rows], share_s=_SCREEN_S)["call_s"]
        chosen = library.chosen(times_s)
        partner.ask("keep", ways=chosen)
        for row in rows:
            row.screened_s = times_s[row.way]
            row.kept = row.way in chosen
            if row.kept:
                self._seated.append((partner, library, row))

    def _play(self) -> None:
        """Rounds in which each has a turn, in a new random order."""
        rng = np.random.default_rng([self._settings.seed, 29])
        before = self._moment()
        for number in range(self._rounds()):
            playing = list(self._playing())
            for place in rng.permutation(len(playing)):
                partner, _, row = playing[place]
                try:
                    plan = row.plan(self._settings.turn_s, first_round=not number)
                    answer = partner.ask("turn", way=row.way, **plan)
                except Failed as problem:
                    row.fault(FAILED, str(problem))
                    continue
                row.turns_s.append(answer["call_s"])
                row.idle_s.append(answer["idle_s"])
        self.other_cores = other_cores(before, self._moment())

    def _rounds(self) -> int:
        """As many as are asked for, or what long calls leave time for."""
        turn_s = self._settings.turn_s
        round_s = sum(max(turn_s, row.screened_s or 0.0) for _, _, row in self._playing())
        affordable = max(int(_ROUNDS_S / round_s), _LEAST_ROUNDS) if round_s else 0
        return min(self._settings.rounds, affordable)

    def _playing(self) -> Iterator[tuple[Partner, Invited, Row]]:
        return (seat for seat in list(self._seated) if seat[2].status == OK)

    def _moment(self) -> Moment:
        """The libraries' processor time is no others'."""
        now = moment()
        return now._replace(own_s=now.own_s + self._house.processor_s())
