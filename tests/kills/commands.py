"""The five commands that measure, at small settings, and what is known of each from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One of them, and what its output and its files say of what it has measured."""

    name: str
    arguments: tuple[str, ...]
    #: lines of stdout and stderr -> how many cells were measured by then, at least
    measured: Callable[[list[str]], int]
    #: the folder it ran in -> how many cells are on disk
    kept: Callable[[Path], int]
    #: of the results it writes: what was measured, without the numbers
    keys: Callable[[Document], set[Any]]
    #: exit statuses of a whole run
    statuses: tuple[int, ...] = (0,)


def _cells_begun(lines: Iterable[str]) -> int:
    """All but the last cell that was begun are measured, and that one too once all is done."""
    begun = [line for line in lines if re.match(r" *\d+% .*batch \d+|100% done", line)]
    return max(len(begun) - 1, 0)


def _einsum_done(lines: Iterable[str]) -> int:
    return int(any(line.startswith("100% done") for line in lines))


def _epochs(lines: Iterable[str]) -> int:
    rows = [re.match(r"(\d+) +\d+\.\d+ ", line) for line in lines]
    return max((int(row[1]) for row in rows if row), default=0)


def _launches(lines: Iterable[str]) -> int:
    begun = [re.search(r"first measurement, launch (\d+)", line) for line in lines]
    return max((int(one[1]) - 1 for one in begun if one), default=0)


def _journal(folder: Path) -> int:
    """Whole lines that name a cell; a second reader of the format, apart from the package's."""
    path = folder / "out.json.partial"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return len({json.loads(line)["cell"] for line in lines[1:]})


def _launches_kept(folder: Path) -> int:
    return len(list((folder / ".gate" / "unfinished").glob("*/first-*.json")))


def _records(document: Document) -> set[Any]:
    names = ("operation", "kernel", "dtype", "layout", "threads", "context", "leading")
    return {
        (*(record[name] for name in names), tuple(sorted(record["sizes"].items())))
        for record in document["records"]
    }


def _tuned(document: Document) -> set[Any]:
    return {
        (cell["operation"], tuple(sorted(cell["sizes"].items())), cell["dtype"],
         tuple(sorted(cell["threads"].items())), document["settings"]["context"])
        for cell in document["cells"]
    }  # fmt: skip


def _trained(document: Document) -> set[Any]:
    # equal losses: the resumed training is the same training
    epochs = {(record["epoch"], record["loss"]) for record in document["epochs"]}
    return epochs | {("steps", len(document["step_losses"]))}


def _gated(document: Document) -> set[Any]:
    names = ("operation", "kernel", "batch", "dtype")
    return {tuple(cell[name] for name in names) for cell in document["cells"]}


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "compare",
            ("compare", "relu", "--batch", "1,4,16", "--budget", "0.2"),
            _cells_begun, _journal, _records,
        ),
        Command(
            "tune", ("tune", "relu", "--batch", "1,4,16"), _cells_begun, _journal, _tuned
        ),
        Command(
            "train",
            ("train", "--samples", "300", "--batch", "100", "--epochs", "4", "--momentum", "0.5",
             "--kernels", "matmul"),
            _epochs, _journal, _trained,
        ),
        Command(
            "einsum", ("einsum", "ij,jk->ik", "--size", "8", "--budget", "0.2"),
            _einsum_done, _journal, _records,
        ),
        # a noisy machine may make one of two equal commits slower: that is a result as well
        Command(
            "gate",
            ("gate", "HEAD", "HEAD", "--operation", "relu", "--batch", "1", "--threads", "1"),
            _launches, _launches_kept, _gated, (0, 1),
        ),
    )
}  # fmt: skip
