"""gate(): is head slower than base? Both built, checked and measured in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from einbench import __version__
from einbench.gate.environment import BuildError, build
from einbench.gate.estimate import Estimate, estimate
from einbench.gate.inventory import (
    Inventory,
    choose_schedules,
    refuse_unknown,
    sort_out,
    take_inventories,
)
from einbench.gate.pair import Compared, Schedule, Start, measure_pair
from einbench.gate.partner import CellError, LaunchError, Partner
from einbench.gate.revision import Repository, Revision
from einbench.gate.settings import Thresholds
from einbench.gate.state import State
from einbench.host.cores import usable_threads
from einbench.host.machine import machine

#: what neither passes nor fails; the latter only where the gate is strict
UNMEASURED = ("missing", "failed")
UNCLEAR = ("unclear",)
REGRESSED = ("regression", "wrong")

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often."""

    operations: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 128)
    dtype: str = "float32"
    #: of axes other than that of rows
    sizes: Mapping[str, int] = field(default_factory=dict)
    #: fresh launches of each commit; undecided cells get up to three times as many
    launches: int = 7
    #: of numba's parallel kernels; BLAS runs on one
    threads: int = field(default_factory=usable_threads)

    @property
    def most_launches(self) -> int:
        """The end of asking again."""
        return 3 * self.launches


@dataclass(frozen=True)
class Finding:
    """The outcome of one cell."""

    cell: Compared
    #: ok, regression, unconfirmed, unclear, faster, wrong, missing, failed, left_out, new, ...
    status: str
    reason: str = ""
    threshold: float | None = None
    first: Estimate | None = None
    #: the second, independent measurement of a suspect
    second: Estimate | None = None


@dataclass(frozen=True)
class Outcome:
    """What the gate found; ``problem`` says why nothing could be measured."""

    base: Revision
    head: Revision
    settings: Settings
    thresholds: Thresholds
    machine: Mapping[str, Any]
    findings: Sequence[Finding] = ()
    versions: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    problem: str = ""
    #: pairs of launches that an interrupted run had left
    resumed: int = 0
    #: what else is to be said
    notes: tuple[str, ...] = ()
    #: a cell too noisy to be distinguished from its threshold is no pass
    strict: bool = False
    #: called when all this is written down: what was measured is needed no more
    forget: Callable[[], None] = lambda: None

    def of(self, *statuses: str) -> list[Finding]:
        """The findings of these statuses."""
        return [finding for finding in self.findings if finding.status in statuses]

    @property
    def status(self) -> int:
        """0 no regression, 1 a regression or a wrong kernel, 2 something was not measured."""
        if self.of(*REGRESSED):
            return 1
        measured = any(finding.first is not None for finding in self.findings)
        unknown = self.of(*UNMEASURED, *(UNCLEAR if self.strict else ()))
        return 2 if self.problem or unknown or not measured else 0


def gate(
    repository: Repository,
    base: Revision,
    head: Revision,
    settings: Settings,
    thresholds: Thresholds,
    folder: Path,
    progress: Progress | None = None,
) -> Outcome:
    """Measure two commits side by side; an interrupted run goes on where it stopped.

    A kernel regresses where its time over all launches exceeds base's by the operation's
    threshold, with the whole interval and by more than the floor, and does so again in a second
    measurement with launches of its own.

    Args:
        repository: where both commits are.
        base: what is compared with.
        head: what is judged.
        settings: what to measure, and how often.
        thresholds: how much slower is too slow.
        folder: where environments and unfinished runs are kept.
        progress: called with the part done and what is being done.

    Raises:
        ValueError: an operation or axis is requested, or has a threshold, that neither commit has.
    """
    report = progress or (lambda part, label: None)
    facts = {**machine(), "threads": settings.threads}
    outcome = partial(Outcome, base, head, settings, thresholds, facts)
    key = {
        "version": __version__, "base": base.commit, "head": head.commit, **asdict(settings),
        "thresholds": asdict(thresholds), "machine": facts["fingerprint"],
    }  # fmt: skip
    state = State(folder / "unfinished", key)
    try:
        starts = _build(repository, (base, head), settings, folder, state, report)
        inventories = _inventories(starts, settings, state, report)
        refuse_unknown(settings.operations, settings.sizes, *inventories)
        thresholds.refuse_unknown(name for one in inventories for name in one.operations)
        run = _Run(starts, settings, thresholds, state, report)
        findings = run.judge_all(*inventories)
    except (BuildError, CellError, LaunchError) as problem:
        # what was measured is kept: the next try goes on from there
        return outcome(problem=str(problem))
    except ValueError:
        state.finish()
        raise
    versions = {"base": inventories[0].versions, "head": inventories[1].versions}
    return outcome(findings=findings, versions=versions, resumed=run.resumed, forget=state.finish)


def _build(
    repository: Repository,
    revisions: Sequence[Revision],
    settings: Settings,
    folder: Path,
    state: State,
    report: Progress,
) -> list[Start]:
    starts: list[Start] = []
    for place, (side, revision) in enumerate(zip(("base", "head"), revisions, strict=True)):
        report(0.02 + 0.05 * place, f"{side}: installing {revision.short}")
        python = build(repository, revision, side, folder / "env")
        log = state.folder / f"{side}.log"
        starts.append(partial(Partner, side, python, log, settings.threads, settings.sizes))
    return starts


def _inventories(
    starts: Sequence[Start], settings: Settings, state: State, report: Progress
) -> list[Inventory]:
    plain = state.load("inventories")
    if plain is None:
        report(0.1, "starting both")
        with starts[0]() as base, starts[1]() as head:
            plain = take_inventories(
                (base, head), settings.operations, max(settings.batches), settings.dtype,
                lambda part, name: report(0.1 + 0.05 * part, f"checking {name}"),
            )  # fmt: skip
        state.save("inventories", plain)
    return [Inventory(**one) for one in plain]


class _Run:
    """The measuring: what was launched so far, and what it says."""

    def __init__(
        self,
        starts: Sequence[Start],
        settings: Settings,
        thresholds: Thresholds,
        state: State,
        report: Progress,
    ) -> None:
        self._starts = starts
        self._settings = settings
        self._thresholds = thresholds
        self._state = state
        self._report = report
        self._schedules: dict[Compared, Schedule] = {}
        self.resumed = 0

    def judge_all(self, base: Inventory, head: Inventory) -> list[Finding]:
        """A finding for every cell of both commits."""
        settings = self._settings
        cells, others = sort_out(base, head, settings.batches, settings.dtype)
        findings = [Finding(cell, status, reason) for cell, status, reason in others]
        findings += self._leave_out(cells)
        first, failed = self._measure("first", list(self._schedules), (0.2, 0.8))
        suspects = [cell for cell, found in first.items() if found.slower(*self._limits(cell))]
        second, failed_again = self._measure("second", suspects, (0.8, 1.0))
        failed.update(failed_again)
        findings += failed.values()
        findings += [
            self._finding(cell, found, second.get(cell))
            for cell, found in first.items()
            if cell not in failed
        ]
        return findings

    def _limits(self, cell: Compared) -> tuple[float, float]:
        return self._thresholds.of(cell.operation), self._thresholds.floor_s

    def _finding(self, cell: Compared, first: Estimate, second: Estimate | None) -> Finding:
        limits = self._limits(cell)
        if second is not None:
            status = "regression" if second.slower(*limits) else "unconfirmed"
        elif first.undecided(*limits):
            status = "unclear"
        else:
            status = "faster" if first.faster(*limits) else "ok"
        return Finding(cell, status, "", limits[0], first, second)

    def _leave_out(self, cells: Sequence[Compared]) -> list[Finding]:
        """Choose how each cell is sampled; those that are too slow say so."""
        kept = self._state.load("schedules")
        if kept is None:
            chosen = choose_schedules(
                self._starts[0],
                cells,
                lambda done: self._report(0.15 + 0.05 * done / len(cells), "choosing samples"),
            )
            kept = [one if isinstance(one, str) else asdict(one) for one in chosen]
            self._state.save("schedules", kept)
        left_out = []
        for cell, one in zip(cells, kept, strict=True):
            if isinstance(one, str):
                left_out.append(Finding(cell, "left_out", one))
            else:
                self._schedules[cell] = Schedule(**one)
        return left_out

    def _measure(
        self, stage: str, cells: Sequence[Compared], span: tuple[float, float]
    ) -> tuple[dict[Compared, Estimate], dict[Compared, Finding]]:
        """Launch pairs until every cell is decided, or has had its most; and what failed."""
        launches: dict[Compared, list[Mapping[str, Any]]] = {cell: [] for cell in cells}
        failed: dict[Compared, Finding] = {}
        least, most = self._settings.launches, self._settings.most_launches
        number = 0
        open_cells = list(cells)
        while open_cells and number < most:
            # what is still undecided takes far less than the least number of launches did
            part = span[0] + (span[1] - span[0]) * min(number / (least + 1), 1.0)
            label = f"{stage} measurement, launch {number + 1}"
            for record in self._pair(stage, number, open_cells, (part, label)):
                cell = Compared(
                    *(record[name] for name in ("operation", "kernel", "batch", "dtype"))
                )
                if "problem" in record:
                    failed[cell] = _failure(cell, record)
                else:
                    launches[cell].append(record)
            number += 1
            open_cells = [cell for cell in open_cells if cell not in failed]
            if number >= least:
                # a median that dips below the threshold for a moment decides nothing, once it
                # was beyond it: a suspect's was in the first measurement
                first = number == least and stage == "first"
                open_cells = [
                    c for c in open_cells if self._goes_on(c, estimate(launches[c]), first)
                ]
        return {c: estimate(taken) for c, taken in launches.items() if c not in failed}, failed

    def _goes_on(self, cell: Compared, found: Estimate, first_time: bool) -> bool:
        threshold, floor_s = self._limits(cell)
        return found.undecided(threshold, floor_s) if first_time else found.open(threshold)

    def _pair(
        self, stage: str, number: int, cells: Sequence[Compared], done: tuple[float, str]
    ) -> list[dict[str, Any]]:
        """One launch of each commit, kept on disk as soon as it is over."""
        name = f"{stage}-{number:02}"
        records: list[dict[str, Any]] | None = self._state.load(name)
        if records is not None:
            self.resumed += 1
            return records
        self._report(*done)
        scheduled = [(cell, self._schedules[cell]) for cell in cells]
        try:
            records = measure_pair(self._starts, scheduled, np.random.default_rng())
        except LaunchError:
            # one failure may be the machine, out of memory for a moment; two are the commit
            records = measure_pair(self._starts, scheduled, np.random.default_rng())
        self._state.save(name, records)
        return records


def _failure(cell: Compared, record: Mapping[str, Any]) -> Finding:
    """What a kernel that passed the check did when it was to be timed."""
    if record.get("wrong") and record["side"] == "head":
        return Finding(cell, "wrong", record["problem"])
    return Finding(cell, "failed", f"{record['side']}: {record['problem']}")
