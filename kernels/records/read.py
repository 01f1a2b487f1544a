"""Any mix of asv results, pytest-benchmark JSON and saved comparisons as one tidy table."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from einbench.host.documents import Damaged, Unreadable, load
from einbench.names import shortened
from einbench.records import asv_file, einbench_file, pytest_benchmark_file
from einbench.records.columns import NAMES, Row, mapping, plain, text
from einbench.records.found import Found, most_rows
from einbench.records.jsonfile import Foreign, NoTimes, found

_COMPANIONS = ("machine.json", "benchmarks.json")
#: so many files with one fault are named, each in a line; more of them share one
_FEW = 3


@dataclass
class Reading:
    """Rows in the order of the files, the machines they name, and what was not read."""

    rows: list[Row] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)
    #: ``path: what is wrong with it; skipped``, each a line
    warnings: list[str] = field(default_factory=list)
    #: of those about files that were found in a folder, by kind: path -> its line
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)

    def warn(
        self, path: str, problem: str, fate: str = "; skipped", kind: str | None = None
    ) -> None:
        """Keep a line on a file, and of which kind it is where there may be many."""
        self.warnings.append(f"{text(path)}: {shortened(problem, 500)}{fate}")
        if kind is not None:
            self.kinds.setdefault(kind, {})[text(path) or ""] = self.warnings[-1]

    def told(self, verbose: bool = False) -> list[str]:
        """The warnings, those of many files with one fault in a line; all of them if verbose."""
        many = {
            kind: about
            for kind, about in self.kinds.items()
            if len(about) > _FEW and not verbose
        }  # fmt: skip
        folded = {line for about in many.values() for line in about.values()}
        return [
            *(warning for warning in self.warnings if warning not in folded),
            *(
                f"{len(about):,} {kind}: {', '.join(list(about)[:_FEW])}, ... (-v names them all)"
                for kind, about in many.items()
            ),
        ]


def read(paths: Iterable[str | os.PathLike[str]]) -> Reading:
    """Everything that files, and the ``*.json`` below folders, say of kernels.

    A file that is broken, half-written, foreign or of a newer format is named in ``warnings``
    and skipped; the suite's own documents without times are named only where they were
    requested. Rows of an export that is read together with its sources appear once.

    Raises:
        OSError: a path that was named does not exist or cannot be looked at.
    """
    reading = Reading()
    named = dict.fromkeys(map(Path, paths))
    sources: list[Found] = []
    exports: list[Found] = []
    companions = _Companions()
    for path in found(named, reading.warn):
        try:
            document = load(path)
            most = most_rows(path.stat().st_size)
            read_file, is_export = _rows(document, path, companions, most)
        except NoTimes as problem:
            if path in named:
                reading.warn(str(path), str(problem))
            continue
        except Unreadable as problem:
            kind = None if path in named else _kind(problem)
            reading.warn(str(path), str(problem), kind=kind)
            continue
        if read_file is None:
            continue
        for note in read_file.notes():
            reading.warn(str(path), note, "", None if path in named else f"files: {note}")
        (exports if is_export else sources).append(read_file)
    _collect(reading, sources, exports)
    return reading


def _kind(problem: Unreadable) -> str:
    """What several files that were not read have in common, as the end of a sentence."""
    if isinstance(problem, Foreign):
        return "other JSON files skipped"
    return "broken JSON files skipped" if isinstance(problem, Damaged) else f"files: {problem}"


def _rows(
    document: Any, path: Path, companions: _Companions, most: int
) -> tuple[Found | None, bool]:
    """What a file holds, None for a companion of others; and whether it is an export."""
    if not isinstance(document, dict):
        raise Foreign("JSON, but no results: not an object")
    if einbench_file.is_einbench(document):
        is_export = document["schema"] == einbench_file.EXPORT
        return einbench_file.rows(document, str(path), most), is_export
    if asv_file.is_asv(document):
        machine = companions.load(path.parent / _COMPANIONS[0])
        benchmarks = companions.load(path.parent.parent / _COMPANIONS[1])
        return asv_file.rows(document, str(path), machine, benchmarks, most), False
    if pytest_benchmark_file.is_pytest_benchmark(document):
        return pytest_benchmark_file.rows(document, str(path), most), False
    if asv_file.is_companion(document):
        return None, False
    raise Foreign("neither einbench's, asv's nor pytest-benchmark's")


class _Companions:
    """The files beside asv's results, each read once; a broken one is reported where it is met."""

    def __init__(self) -> None:
        self._known: dict[Path, Mapping[str, Any]] = {}

    def load(self, path: Path) -> Mapping[str, Any]:
        if path not in self._known:
            try:
                self._known[path] = mapping(load(path))
            except Unreadable:
                self._known[path] = {}
        return self._known[path]


def _collect(reading: Reading, sources: list[Found], exports: list[Found]) -> None:
    for read_file in sources:
        reading.rows.extend(read_file.rows)
    known = {_content(row) for row in reading.rows} if exports else set()
    for read_file in exports:
        for row in read_file.rows:
            content = _content(row)
            if content not in known:
                known.add(content)
                reading.rows.append(row)
    machines: dict[str, dict[str, Any]] = {}
    for read_file in (*sources, *exports):
        for machine in map(plain, read_file.machines):
            machines.setdefault(json.dumps(machine, sort_keys=True), machine)
    reading.machines = list(machines.values())


def _content(row: Row) -> bytes:
    """All of a row but where it was read: the same file has another name from another folder."""
    values = [row[name] for name in NAMES if name != "file"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
