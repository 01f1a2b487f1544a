"""What each commit has, and which cells of both can be compared, before anything is timed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from einbench.blame import is_unknown
from einbench.gate.pair import SAMPLE_S, Compared, Schedule, Start
from einbench.gate.partner import CellError, Partner
from einbench.names import unknown
from einbench.units import seconds_text

#: checking compiles every kernel of an operation
_CHECK_S = 600.0
#: a cell whose call takes longer is left out, and says so
SLOWEST_CALL_S = 0.05


@dataclass(frozen=True)
class Inventory:
    """The kernels of one commit, ``{operation: {method: ...}}``, and what their times mean."""

    #: all operations there are, also those not requested
    operations: Sequence[str]
    #: why each cannot run; empty where it can
    reasons: Mapping[str, Mapping[str, str]]
    #: why each is wrong; empty where it is right
    wrong: Mapping[str, Mapping[str, str]]
    #: operation -> inputs, sizes and options that it is timed with
    problems: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str | None]
    #: operation -> why its check itself did not work
    unchecked: Mapping[str, str]
    #: expression -> why the commit makes no operation of it
    unknown: Mapping[str, str] = field(default_factory=dict)

    def batched(self, operation: str) -> bool:
        """Whether an operation has an axis of rows."""
        problem = self.problems[operation]
        if "leading" in problem:
            return problem["leading"] is not None
        # kept on disk before the axis could have another name
        return any("batch" in axes.split() for axes in problem["inputs"].values())


def take_inventories(
    partners: Sequence[Partner],
    names: Sequence[str],
    batch: int,
    dtype: str,
    report: Callable[[float, str], None],
) -> list[dict[str, Any]]:
    """Every kernel of these operations (of all where none is named), each one checked.

    Both commits check an operation at the same time: nothing is timed meanwhile.

    Returns:
        The fields of an `Inventory` for each partner, as plain data that can be kept on disk.

    Raises:
        LaunchError: the check ends a commit's process, or does not end.
    """
    expressions = [name for name in names if "->" in name]
    found = [_listed(partner.ask("facts", expressions=expressions), names) for partner in partners]
    operations = list(dict.fromkeys(name for one in found for name in one["reasons"]))
    for done, operation in enumerate(operations):
        report(done / len(operations), operation)
        sides = [side for side in (0, 1) if operation in found[side]["reasons"]]
        for side in sides:
            partners[side].send("check", operation=operation, batch=batch, dtype=dtype)
        for side in sides:
            try:
                found[side]["wrong"][operation] = partners[side].answer(_CHECK_S)["wrong"]
            except CellError as problem:
                found[side]["unchecked"][operation] = str(problem)
    return found


def _listed(facts: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """An inventory in which nothing is checked yet."""
    reasons: dict[str, dict[str, str]] = {}
    for one in facts["kernels"]:
        if not names or one["operation"] in names:
            reasons.setdefault(one["operation"], {})[one["kernel"]] = one["reason"]
    return {
        "operations": list(facts["problems"]), "reasons": reasons, "wrong": {}, "unchecked": {},
        "problems": {name: facts["problems"][name] for name in reasons},
        "versions": facts["versions"], "unknown": facts["unknown"],
    }  # fmt: skip


def refuse_unknown(
    names: Iterable[str], sizes: Iterable[str], base: Inventory, head: Inventory
) -> None:
    """Raise where an operation was requested that neither commit has, or the size of no axis.

    Raises:
        ValueError: with the nearest names there are.
    """
    known = dict.fromkeys([*base.operations, *head.operations])
    for name in names:
        if name in base.unknown and name in head.unknown:
            raise ValueError(
                f"{name}: base {base.unknown[name]}, and head {head.unknown[name]}: nothing to "
                "compare"
            )
        if name not in known:
            raise ValueError(unknown("operation", name, known, " in either commit"))
    problems = [*base.problems.values(), *head.problems.values()]
    axes = dict.fromkeys(axis for problem in problems for axis in problem["sizes"])
    for axis in sizes:
        if axis in axes:
            continue
        if any(problem.get("leading") == axis for problem in problems):
            raise ValueError(f"{axis} is the axis of rows: give --batch")
        raise ValueError(unknown("axis", axis, axes, " in any of these operations"))


def sort_out(
    base: Inventory, head: Inventory, batches: Sequence[int], dtype: str
) -> tuple[list[Compared], list[tuple[Compared, str, str]]]:
    """Cells that can be compared, and (cell, status, reason) of those that cannot.

    Statuses: ``wrong`` where head's kernel fails the check, ``missing`` where head lacks it or
    it cannot run there, ``new`` and ``repaired`` where base has nothing to compare with,
    ``unavailable`` where neither can run it.
    """
    cells: list[Compared] = []
    others: list[tuple[Compared, str, str]] = []
    for operation in dict.fromkeys([*base.reasons, *head.reasons]):
        ours, theirs = base.reasons.get(operation, {}), head.reasons.get(operation, {})
        batched = (head if theirs else base).batched(operation)
        lacking = [
            (status, f"{side} {inventory.unknown[operation]}: nothing to compare with")
            for side, inventory, status in (("base", base, "new"), ("head", head, "missing"))
            if operation in inventory.unknown
        ]
        # one line in place of one a kernel
        others += [(Compared(operation, "*", None, dtype), *each) for each in lacking]
        for method in dict.fromkeys([*ours, *theirs]):
            sizes: Sequence[int | None] = batches if batched else [None]
            mine = [Compared(operation, method, batch, dtype) for batch in sizes]
            status, reason = _compare(operation, method, base, head)
            if lacking and status == lacking[0][0]:
                continue
            if status:
                # what is reported of a kernel holds at every size
                others.append((Compared(operation, method, None, dtype), status, reason))
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
    for side, inventory in (("base", base), ("head", head)):
        if operation in inventory.unchecked:
            return "failed", f"the check itself failed in {side}: {inventory.unchecked[operation]}"
    for side, inventory in (("base", base), ("head", head)):
        if is_unknown(why := inventory.wrong.get(operation, {}).get(method, "")):
            return "failed", f"{side}: {why}"
    if wrong := head.wrong[operation].get(method, ""):
        return "wrong", wrong
    if before is None:
        return "new", "not in base: nothing to compare with"
    if before:
        return "new", f"could not run in base: {before}"
    if base.problems[operation] != head.problems[operation]:
        return "missing", f"another problem: {_change(base, head, operation)}"
    if was_wrong := base.wrong[operation].get(method, ""):
        return "repaired", f"wrong in base: {was_wrong}"
    return "", ""


def _change(base: Inventory, head: Inventory, operation: str) -> str:
    """What base and head do not agree on in an operation."""
    before, after = base.problems[operation], head.problems[operation]
    return ", ".join(
        f"{key} {before[key]} in base, {after[key]} in head"
        for key in before
        if before[key] != after.get(key)
    )


def choose_schedules(
    start: Start, cells: Sequence[Compared], report: Callable[[int], None] = lambda done: None
) -> list[Schedule | str]:
    """How to sample every cell, as base takes it, or why it is left out.

    Raises:
        CellError: a kernel that passed the check raises at a size it is to be timed at.
        LaunchError: the process did not start, died or hung.
    """
    chosen: list[Schedule | str] = []
    with start() as partner:
        for done, cell in enumerate(cells):
            report(done)
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
