"""What each machine of a cluster gave: its winners, how much was measured, what it could not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from einbench.report.columns import Line
from einbench.report.provenance import machine_text
from einbench.report.ranges import winner_lines
from einbench.report.terminal import wrapped_lines


class Given(Protocol):
    """Of one machine; `einbench.verbs.fleet.OnMachine` is one."""

    @property
    def machine(self) -> Mapping[str, Any]:
        """As `einbench machine` states it."""

    @property
    def workers(self) -> int:
        """Of its kind."""

    @property
    def found(self) -> list[dict[str, Any]]:
        """Tuned cells."""

    @property
    def reasons(self) -> list[str]:
        """A line for each failure."""

    @property
    def choices(self) -> int:
        """That it remembers."""


def tuned_lines(machines: Sequence[Given], width: int) -> Iterator[Line]:
    """Machine after machine: its winners, and what was brought home."""
    for number, each in enumerate(machines):
        if number:
            yield []
        yield from head_lines(each, width)
        yield from winner_lines(each.found, width)
        count = Counter(cell["origin"] for cell in each.found)
        parts = [
            f"{count[origin]} {said}"
            for origin, said in (
                ("measured", "measured"), ("remembered", "remembered already"),
                ("failed", "without a kernel to choose"),
            )
            if count[origin]
        ]  # fmt: skip
        if each.choices:
            parts.append(f"{each.choices:,} choices remembered")
        yield from wrapped_lines("; ".join(parts), width, "bold green")
        yield from reason_lines(each, width)


def head_lines(each: Given, width: int) -> Iterator[Line]:
    """The machine, and of how many workers it is the kind."""
    named = f"{machine_text(each.machine)}, {each.machine['fingerprint']}"
    named += f": {each.workers} worker{'s' * (each.workers != 1)}" if each.workers else ""
    yield from wrapped_lines(named, width, "bold")


def reason_lines(each: Given, width: int) -> Iterator[Line]:
    """A line for each failure."""
    for reason in each.reasons:
        yield from wrapped_lines(reason, width, "bold red")
