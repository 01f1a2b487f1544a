"""``--machine``: one that was measured by name, or any by a file that describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from einbench.choose.kin import Measured, differing, left_out, nearest, regret_text
from einbench.host.documents import Unreadable, load
from einbench.names import shortened, unknown
from einbench.report.columns import Line
from einbench.report.provenance import machine_text
from einbench.report.terminal import wrapped_lines

_MOST_BYTES = 1 << 20


class Found(NamedTuple):
    """Whose answers are taken."""

    facts: Mapping[str, Any]
    #: of the machine that was described and never measured; None where the answers are its own
    asked: Mapping[str, Any] | None
    #: how many machines there are to choose from, and what their kin's answers cost
    regret: str

    def lines(self, width: int) -> Iterator[Line]:
        """The machine; of a kin what it differs in, and what that costs."""
        if self.asked is None:
            yield from wrapped_lines(f"measured on {_text(self.facts)}", width, "bold")
            return
        yield from wrapped_lines(f"never measured: {_text(self.asked)}", width, "bold yellow")
        apart = "; ".join(differing(self.asked, self.facts)) or "nothing that is known"
        yield from wrapped_lines(f"nearest kin: {_text(self.facts)}", width, "bold")
        yield from wrapped_lines(f"different: {apart}", width)
        yield from wrapped_lines(self.regret, width)


def is_description(given: str) -> bool:
    """A file rather than a name."""
    return given.endswith(".json") or Path(given).is_file()


def description(given: str) -> Mapping[str, Any]:
    """The facts in a file, as ``einbench machine --json`` writes it.

    Raises:
        ValueError: it holds no machine, or cannot be read.
    """
    expected = "expected what einbench machine --json writes"
    try:
        found = load(given, _MOST_BYTES)
    except Unreadable as problem:
        raise ValueError(f"--machine {given}: {problem}; {expected}") from None
    facts = found.get("machine", found) if isinstance(found, dict) else None
    if not isinstance(facts, dict) or not isinstance(facts.get("cpu"), str):
        raise ValueError(f"--machine {given}: no machine in it; {expected}")
    return facts


def of_description(facts: Mapping[str, Any], machines: Sequence[Measured]) -> Found:
    """The machine itself where it is among these, else its nearest kin."""
    same = [m for m in machines if m.facts["fingerprint"] == facts.get("fingerprint")]
    if same:
        return Found(same[0].facts, None, "")
    regret = regret_text(left_out(machines), len(machines))
    return Found(nearest(facts, machines).facts, facts, regret)


def named(given: str, machines: Sequence[Measured]) -> list[Found]:
    """Those of this fingerprint or processor.

    Raises:
        ValueError: none is; the message lists those there are.
    """
    name = given.strip().casefold()
    keys = ("fingerprint", "cpu")
    found = [m for m in machines if name in (str(m.facts.get(k)).casefold() for k in keys)]
    if not found:
        known = dict.fromkeys(str(m.facts.get(k)) for m in machines for k in keys)
        raise ValueError(
            unknown("machine", given, known) + "; or a file of einbench machine --json"
        )
    return [Found(m.facts, None, "") for m in found]


def _text(facts: Mapping[str, Any]) -> str:
    parts = [machine_text(facts)]
    if facts.get("usable_cores"):
        parts.append(f"{facts['usable_cores']} cores")
    if facts.get("fingerprint"):
        parts.append(str(facts["fingerprint"]))
    return shortened(", ".join(parts), 300)
