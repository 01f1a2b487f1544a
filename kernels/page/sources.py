"""What a page is made of, read from files: times, raw samples, races, dialects, and how they came.

A file that cannot be read becomes a warning, and the others make the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from einbench.host.documents import Unreadable, load
from einbench.records.columns import Row, as_text, mapping, number, plain, sequence, text
from einbench.records.einbench_file import COMPARISONS, SEVERAL, comparison_rows
from einbench.records.jsonfile import found
from einbench.records.read import read

RACE = "einbench.einsum-race/1"
DIALECTS = "einbench.dialects/1"

_SAME = ("file", "operation", "kernel", "batch", "dtype", "layout", "threads", "sizes", "options")


class Run(NamedTuple):
    """One document: where it was read, when it was made, on what machine, with what settings."""

    file: str
    date: str
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    interrupted: bool


class Document(NamedTuple):
    """A race or a table of dialects, as it was read."""

    file: str
    content: Mapping[str, Any]


@dataclass
class Material:
    """Everything that was read; rows are those of the export."""

    rows: list[Row] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    races: list[Document] = field(default_factory=list)
    dialects: list[Document] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: of rows: place of the row -> seconds per call, one a round
    samples: dict[int, list[float | None]] = field(default_factory=dict)


def material(paths: Sequence[str], verbose: bool = False) -> Material:
    """What files, and the ``*.json`` below folders, hold.

    Args:
        paths: files and folders.
        verbose: a warning for each of many files with one fault.

    Raises:
        OSError: a path that was named does not exist.
    """
    known = Material()
    samples: dict[tuple[Any, ...], list[float | None]] = {}
    others: dict[str, None] = {}
    named = {Path(path) for path in paths}
    for path in found(paths, lambda *_: None):
        try:
            document = mapping(load(path))
        except Unreadable:
            document = {}
        schema = document.get("schema")
        if schema == RACE:
            known.races.append(Document(str(path), document))
        elif schema == DIALECTS:
            known.dialects.append(Document(str(path), document))
        else:
            several = sequence(document.get("comparisons")) if schema == SEVERAL else [document]
            for each in map(mapping, several):
                if each.get("schema") in COMPARISONS:
                    known.runs.append(_run(each, str(path)))
                    _samples(each, text(str(path)), samples)
            if path in named:
                others[str(path)] = None
    others |= dict.fromkeys(path for path in paths if Path(path).is_dir())
    reading = read(others)
    known.rows, known.machines = reading.rows, reading.machines
    known.warnings = reading.told(verbose)
    for place, row in enumerate(known.rows):
        taken = samples.get(_key(row))
        if taken:
            known.samples[place] = taken
    return known


def of_comparison(document: Mapping[str, Any]) -> Material:
    """What a comparison that is at hand makes a page of."""
    known = Material(comparison_rows(document), [dict(mapping(document.get("machine")))])
    known.runs.append(_run(document, ""))
    samples: dict[tuple[Any, ...], list[float | None]] = {}
    _samples(document, None, samples)
    known.samples = {n: s for n, row in enumerate(known.rows) if (s := samples.get(_key(row)))}
    return known


def _run(document: Mapping[str, Any], file: str) -> Run:
    return Run(
        file,
        text(document.get("date")) or "",
        mapping(plain(mapping(document.get("machine")))),
        mapping(plain(mapping(document.get("settings")))),
        document.get("interrupted") is True,
    )


def _samples(
    document: Mapping[str, Any],
    file: str | None,
    into: dict[tuple[Any, ...], list[float | None]],
) -> None:
    """Of every record, under what its row says of itself."""
    for record in map(mapping, sequence(document.get("records"))):
        taken = [number(s) for s in sequence(record.get("samples_s"))]
        if any(s is not None for s in taken):
            alone = {**document, "records": [record]}
            into |= {_key({**row, "file": file}): taken for row in comparison_rows(alone)}


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(
        as_text(row[name]) if name in ("sizes", "options") else row[name] for name in _SAME
    )


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each once, in the order in which they came, nothing that is empty."""
    return list(dict.fromkeys(value for value in values if value not in (None, "")))
