"""Every behaviour asked of every library, each in a process of its own that may die."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from einbench.dialects.cases import BEHAVIOURS, Behaviour
from einbench.dialects.judged import VERDICTS, Answer, Verdict, judge, raised
from einbench.dialects.spoken import SPOKEN
from einbench.libraries.runtimes import runtime
from einbench.measure.process import Process, WorkerEnded, spawned
from einbench.units import one_line

SCHEMA = "einbench.dialects/1"
#: longest that a call of a few numbers may take; JAX and sparse compile in it
TIMEOUT_S = 60.0
#: of each process: einsumt and dask return other numbers with one
_THREADS = 2

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Column:
    """One library: its answers by behaviour, in the order of the cases."""

    library: str
    version: str
    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    #: why there are none
    reason: str = ""

    @property
    def shown(self) -> str:
        """Heading of the column."""
        return SPOKEN[self.library].shown

    def verdict(self, behaviour: str) -> Verdict:
        """The worst of a behaviour's cases."""
        return max((a.verdict for a in self.answers[behaviour]), key=VERDICTS.index)

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        cells = {
            name: {"verdict": self.verdict(name), "calls": [a.to_json() for a in answers]}
            for name, answers in self.answers.items()
        }
        return {
            "library": self.library, "shown": self.shown, "version": self.version,
            "reason": self.reason, "behaviours": cells,
        }  # fmt: skip


def ask(
    libraries: Sequence[str],
    behaviours: Sequence[Behaviour] = BEHAVIOURS,
    progress: Progress = lambda part, label: None,
    timeout_s: float = TIMEOUT_S,
) -> list[Column]:
    """A column for each library, with a reason where it has no answers."""
    columns = []
    for number, name in enumerate(libraries):
        progress(number / len(libraries), SPOKEN[name].shown)
        columns.append(_column(name, behaviours, timeout_s))
    progress(1.0, "done")
    return columns


def _column(name: str, behaviours: Sequence[Behaviour], timeout_s: float) -> Column:
    if reason := runtime(name).reason:
        return Column(name, "", reason=reason)
    asked = _Asked(name, timeout_s)
    try:
        answers = {each.name: asked.answers(each) for each in behaviours}
    except _NeverStartedError as problem:
        return Column(name, _version(name), reason=str(problem))
    finally:
        asked.close()
    return Column(name, _version(name), answers)


def _version(name: str) -> str:
    try:
        return version(SPOKEN[name].distribution)
    except PackageNotFoundError:
        return "unknown"


class _NeverStartedError(Exception):
    """The library cannot be imported."""


class _Asked:
    """A library's process, started anew where it died."""

    def __init__(self, name: str, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._process: Process | None = None

    def answers(self, behaviour: Behaviour) -> list[Answer]:
        """Of all cases of a behaviour."""
        place = BEHAVIOURS.index(behaviour)
        found = []
        for number, case in enumerate(behaviour.cases):
            process = self._running()
            try:
                found.append(judge(case, process.ask("case", behaviour=place, number=number)))
            except WorkerEnded as ended:
                self.close()
                found.append(Answer(str(case), "died", str(ended)))
            except Exception as problem:
                found.append(raised(case, one_line(problem)))
        return found

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
        self._process = None

    def _running(self) -> Process:
        if self._process is None:
            try:
                started = spawned(runtime(self._name), _THREADS, "einbench.dialects.answering")
                self._process = Process(started, self._timeout_s)
            except Exception as problem:
                raise _NeverStartedError(f"cannot be imported: {one_line(problem)}") from problem
        return self._process
