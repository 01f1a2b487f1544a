"""What each commit has, and which cells of both can be compared, before anything is timed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernels.gate.pair import SAMPLE_S, Cell, Schedule, Start
from kernels.gate.partner import CellError, Partner
from kernels.names import unknown
from kernels.units import seconds_text

#: checking compiles every kernel of an operation
_CHECK_S = 600.0
#: a cell whose call takes longer is left out, and says so
SLOWEST_CALL_S = 0.05


@dataclass(frozen=True)
class Inventory:
    """The kernels of one commit by operation: why each cannot run or is wrong, empty if right."""

    reasons: Mapping[str, Mapping[str, str]]
    wrong: Mapping[str, Mapping[str, str]]
    batched: Mapping[str, bool]
    versions: Mapping[str, str | None]


def take_inventory(
    start: Start,
    names: Sequence[str],
    batch: int,
    dtype: str,
    told: Callable[[str], None] = lambda operation: None,
) -> dict[str, Any]:
    """Every kernel of these operations (of all where none is named), each one checked.

    Returns plain data for `as_inventory`, so that it can be kept on disk.

    Raises:
        LaunchError: the commit cannot be imported, or the check ends its process.
    """
    with start() as partner:
        facts = partner.ask("facts")
        reasons: dict[str, dict[str, str]] = {}
        batched: dict[str, bool] = {}
        for one in facts["kernels"]:
            if not names or one["operation"] in names:
                reasons.setdefault(one["operation"], {})[one["kernel"]] = one["reason"]
                batched[one["operation"]] = one["batched"]
        wrong = {}
        for operation, methods in reasons.items():
            told(operation)
            wrong[operation] = _check(partner, operation, batch, dtype, methods)
    return {
        "reasons": reasons, "wrong": wrong, "batched": batched, "versions": facts["versions"],
    }  # fmt: skip


def as_inventory(plain: Mapping[str, Any]) -> Inventory:
    """What `take_inventory` returned, by name."""
    return Inventory(plain["reasons"], plain["wrong"], plain["batched"], plain["versions"])


def _check(
    partner: Partner, operation: str, batch: int, dtype: str, methods: Iterable[str]
) -> dict[str, str]:
    try:
        found = partner.ask(
            "check", patience_s=_CHECK_S, operation=operation, batch=batch, dtype=dtype
        )
    except CellError as problem:
        return dict.fromkeys(methods, f"the check itself failed: {problem}")
    return dict(found["wrong"])


def refuse_unknown(names: Iterable[str], base: Inventory, head: Inventory) -> None:
    """Raise where an operation was asked for that neither commit has.

    Raises:
        ValueError: with the nearest names there are.
    """
    known = dict.fromkeys([*base.reasons, *head.reasons])
    for name in names:
        if name not in known:
            raise ValueError(unknown("operation", name, known, " in either commit"))


def sort_out(
    base: Inventory, head: Inventory, batches: Sequence[int], dtype: str
) -> tuple[list[Cell], list[tuple[Cell, str, str]]]:
    """Cells that can be compared, and (cell, status, reason) of those that cannot.

    Statuses: ``wrong`` where head's kernel fails the check, ``missing`` where head lacks it or
    it cannot run there, ``new`` and ``repaired`` where base has nothing to compare with,
    ``unavailable`` where neither can run it.
    """
    cells: list[Cell] = []
    others: list[tuple[Cell, str, str]] = []
    for operation in dict.fromkeys([*base.reasons, *head.reasons]):
        ours, theirs = base.reasons.get(operation, {}), head.reasons.get(operation, {})
        batched = (head if theirs else base).batched[operation]
        for method in dict.fromkeys([*ours, *theirs]):
            sizes: Sequence[int | None] = batches if batched else [None]
            mine = [Cell(operation, method, batch, dtype) for batch in sizes]
            status, reason = _compare(operation, method, base, head)
            if status:
                # what is told of a kernel holds at every size
                others.append((Cell(operation, method, None, dtype), status, reason))
            else:
                cells.extend(mine)
    return cells, others


def _compare(operation: str, method: str, base: Inventory, head: Inventory) -> tuple[str, str]:
    """(status, reason) of a kernel that cannot be timed against its former self."""
    before = base.reasons.get(operation, {}).get(method)
    after = head.reasons.get(operation, {}).get(method)
    if after is None:
        there = ", ".join(head.reasons.get(operation, {}))
        where = f"head has {there}" if there else f"head has no operation {operation}"
        return "missing", f"not in head: was it renamed or removed? {where}"
    if after:
        if before:
            return "unavailable", after
        return "missing", f"cannot run in head: {after}"
    wrong = head.wrong[operation].get(method, "")
    if wrong:
        return "wrong", wrong
    if before is None:
        return "new", "not in base: nothing to compare with"
    if before:
        return "new", f"could not run in base: {before}"
    if was_wrong := base.wrong[operation].get(method, ""):
        return "repaired", f"wrong in base: {was_wrong}"
    return "", ""


def choose_schedules(
    start: Start, cells: Sequence[Cell], told: Callable[[int], None] = lambda done: None
) -> list[Schedule | str]:
    """How to sample every cell, as base takes it, or why it is left out.

    Raises:
        CellError: a kernel that passed the check raises at a size it is to be timed at.
        LaunchError: the process did not start, died or hung.
    """
    chosen: list[Schedule | str] = []
    with start() as partner:
        for done, cell in enumerate(cells):
            told(done)
            call_s = partner.ask("probe", limit_s=SLOWEST_CALL_S, **cell.request())["call_s"]
            if call_s > SLOWEST_CALL_S:
                chosen.append(f"too slow for the gate: about {seconds_text(call_s)} a call")
                continue
            # one call is no measure of a short one: as many as a tenth of a sample needs
            few = math.ceil(SAMPLE_S / 10 / max(call_s, 1e-9))
            if few > 1:
                call_s = partner.ask("sample", calls=few)["call_s"]
            chosen.append(Schedule.of(call_s))
    return chosen
