"""Rows from what einbench itself saved: comparisons, `fastest --json`, and exports."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from einbench.host.documents import Unreadable
from einbench.record import CONFIDENCE, LEADING
from einbench.records.columns import Row, mapping, sequence, text
from einbench.records.dates import from_iso, from_name
from einbench.records.found import Found
from einbench.records.jsonfile import Foreign, NoTimes

HARNESS = "einbench"
COMPARISONS = ("einbench.comparison/1", "einbench.fastest/1")
EXPORT = "einbench.export/1"
#: comparisons of several machines
SEVERAL = "einbench.comparisons/1"
_OTHERS = {
    "einbench.check": "verdicts without times",
    "einbench.list": "a list of kernels without times",
    "einbench.machine": "a machine without times",
    "einbench.journal": "unfinished: run its command again with --resume",
    "einbench.gate": "a gate's verdicts on two commits, not times of one",
    "einbench.tune": "winners, not the times of those that lost",
    "einbench.tunes": "winners, not the times of those that lost",
    "einbench.answers": "answers of a machine's memory, not a run's times",
    "einbench.train": "a training",
    "einbench.dialects": "answers of einsum libraries without times",
    "einbench.paces": "what steps of einsum take on a machine, not times of kernels",
    "einbench.wisdom": "remembered choices; einbench wisdom import reads it",
    "einbench.choices": "remembered choices",
    "einbench.winners": "winners, not the times they won with; read the files it names",
}
#: beginnings of what the studies under results/ are called
_STUDIES = (
    "einbench.bounds-",
    "einbench.choice-",
    "einbench.einsum-",
    "einbench.gate-",
    "einbench.peers-",
)


def is_einbench(document: Mapping[str, Any]) -> bool:
    """It says so."""
    schema = document.get("schema")
    return isinstance(schema, str) and schema.startswith("einbench.")


def rows(document: Mapping[str, Any], file: str | None, most: int = sys.maxsize) -> Found:
    """One row a record.

    Args:
        document: the file, or what would be one.
        file: its name, for the rows.
        most: rows that a file of this size may have.

    Raises:
        Unreadable: another document of ours, one of a newer einbench, or more rows.
    """
    schema = str(text(document.get("schema")))
    if schema == SEVERAL:
        found = Found(most)
        for each in map(mapping, sequence(document.get("comparisons"))):
            if each.get("schema") not in COMPARISONS or not isinstance(each.get("records"), list):
                raise Unreadable(f"{schema} with something else than comparisons")
            _add(found, each, file)
        return found
    if schema not in (*COMPARISONS, EXPORT):
        _refuse(schema)
    if not isinstance(document.get("records"), list):
        raise Unreadable(f"{schema} without records")
    found = Found(most)
    if schema == EXPORT:
        found.machines = [m for m in sequence(document.get("machine")) if isinstance(m, dict)]
        for record in document["records"]:
            found.add(mapping(record))
        return found
    _add(found, document, file)
    return found


def comparison_rows(document: Mapping[str, Any]) -> list[Row]:
    """Rows of a comparison that is at hand and was read from nowhere."""
    return rows(document, None).rows


def _add(found: Found, document: Mapping[str, Any], file: str | None) -> None:
    """The records of one machine."""
    machine = mapping(document.get("machine"))
    if machine:
        found.machines.append(dict(machine))
    shared = {
        **machine_facts(machine), "harness": HARNESS, "file": file,
        "date": from_iso(document.get("date")) or from_name(file or ""),
    }  # fmt: skip
    for record in document["records"]:
        found.add(_facts(mapping(record)) | shared)


def machine_facts(machine: Mapping[str, Any]) -> dict[str, Any]:
    """What einbench records of a machine, by column."""
    cpu = text(machine.get("cpu"))
    libraries = [mapping(library) for library in sequence(machine.get("blas"))]
    named = [f"{text(b.get('vendor')) or 'BLAS'} {text(b.get('version')) or ''}" for b in libraries]
    return {
        "machine": cpu,
        "machine_fingerprint": text(machine.get("fingerprint")),
        "cpu": cpu,
        "python": text(machine.get("python")),
        "numpy": text(machine.get("numpy")),
        "numba": text(machine.get("numba")),
        "blas": " and ".join(sorted({name.strip() for name in named})) or None,
    }


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    leading = text(record.get("leading", LEADING))
    sizes = record.get("sizes")
    if isinstance(sizes, dict):
        sizes = {axis: size for axis, size in sizes.items() if axis != leading}
    few = record.get("few_samples") is True or record.get("low_s") is None
    return {
        **record,
        "batch": mapping(record.get("sizes")).get(leading or ""),
        "sizes": sizes,
        "confidence": None if few else CONFIDENCE,
        # 0 samples is how a record says that there is no time
        "samples": record.get("samples") or None,
    }


def _refuse(schema: str) -> None:
    family = schema.partition("/")[0]
    for known in (*COMPARISONS, EXPORT, SEVERAL):
        if known.startswith(f"{family}/"):
            raise Unreadable(f"{schema} is of another einbench: this one reads {known}")
    if family in _OTHERS:
        raise NoTimes(f"{schema} holds {_OTHERS[family]}")
    if family.startswith(_STUDIES):
        raise NoTimes(f"{schema} holds the numbers of a study, as results/README.md explains")
    raise Foreign(f"{schema}: nothing this einbench knows")
