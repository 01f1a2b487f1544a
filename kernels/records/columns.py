"""The columns of the tidy table: their names, order, types and meaning, and how a value gets in.

A fact that a file does not state stays None: nothing is guessed, and nothing is computed that
the file could have said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from einbench.record import FIELDS, LEADING, Record

#: one row of the table: every column's name, and None where nothing is known
Row = dict[str, Any]


class Column(NamedTuple):
    """A name, one of the kinds below, its meaning, and its unit; empty where it has none."""

    name: str
    kind: str
    meaning: str
    unit: str = ""


#: type of a field -> kind of its column
_KINDS = {
    "str": "text", "Status": "text", "int": "int", "int | None": "int", "float | None": "float",
    "bool": "bool", "Mapping[str, str]": "options",
}  # fmt: skip


def _recorded(*names: str) -> Iterator[Column]:
    """Columns that hold what a field of `Record` holds."""
    for one in fields(Record):
        if one.name in names:
            kind = "time" if one.metadata["unit"] == "s/call" else _KINDS[str(one.type)]
            yield Column(one.name, kind, one.metadata["meaning"], one.metadata["unit"])


COLUMNS = (
    *_recorded("operation", "kernel"),
    Column("batch", "int", "rows per call; empty where the operation has no axis of rows"),
    *_recorded("dtype", "layout", "threads"),
    Column("sizes", "sizes", "of the other axes as JSON: {axis: size}"),
    *_recorded("options"),
    Column("machine", "text", "asv's name of the machine, else its processor"),
    Column("machine_fingerprint", "text", "processor, caches, BLAS and versions as one word"),
    Column("cpu", "text", "as it calls itself"),
    Column("commit", "text", "that was timed, -dirty where it had uncommitted changes"),
    Column("commit_date", "text", "ISO 8601, UTC"),
    Column("date", "text", "of the run; ISO 8601, UTC"),
    Column("environment", "text", "asv's name of it"),
    Column("python", "text", "version"),
    Column("numpy", "text", "version"),
    Column("numba", "text", "version"),
    Column("blas", "text", "vendor and version"),
    *_recorded("status", "reason", "median_s", "low_s", "high_s"),
    Column("confidence", "float", "of that interval; empty for the extremes of few samples"),
    *_recorded(
        "after_blas_s", "after_blas_low_s", "after_blas_high_s", "after_pause_s",
        "after_pause_low_s", "after_pause_high_s", "samples", "calls_per_sample", "unstable",
        "few_samples", "speedup", "speedup_predicted", "error", "limit",
        "gflops_per_s", "gbytes_per_s", "roofline", "peak_bytes",
    ),
    Column("process_peak_bytes", "int", "asv's peakmem: the process, Python included", "bytes"),
    *_recorded(
        "compile_s", "prepare_s", "cores", "runtime", "predicted_s", "context", "winner", "tie"
    ),
    Column("harness", "text", "einbench, asv or pytest-benchmark"),
    Column("file", "text", "where it was read, as it was named"),
)  # fmt: skip
NAMES = tuple(column.name for column in COLUMNS)
#: columns that are made from a record
RECORDED = tuple(name for name in NAMES if name in (*FIELDS, "batch"))

#: dtypes to read an exported csv with; before pandas 3.1 floats keep every digit only with
#: ``float_precision="round_trip"`` beside them. A kernel called "nan" stays one only with
#: ``keep_default_na=False, na_values=[""]``
PANDAS_DTYPES = {
    column.name: {"int": "Int64", "float": "float64", "time": "float64", "bool": "boolean"}.get(
        column.kind, "string"
    )
    for column in COLUMNS
}

_MOST_INT = 2**63 - 1


def tidy(facts: Mapping[str, Any], spoiled: set[str]) -> Row:
    """A row with every column, each value of its column's type or None.

    Args:
        facts: by column; others are left out.
        spoiled: gets the names of columns whose value was of a wrong kind.
    """
    row = {}
    for column in COLUMNS:
        value = facts.get(column.name)
        found = row[column.name] = None if value is None else _READ[column.kind](value)
        if found is None and not _absent(value):
            spoiled.add(column.name)
    return row


def text(value: Any) -> str | None:
    """A string that can be printed and stored anywhere: control characters and halves of
    surrogate pairs are replaced, white space becomes one space; None for anything else.
    """
    if not isinstance(value, str):
        return None
    words = " ".join(value.split())
    if not words.isprintable():
        words = "".join(c if c.isprintable() else "\ufffd" for c in words)
    return words or None


def number(value: Any) -> float | None:
    """A finite number as a float; None for anything else, a boolean too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: Any) -> int | None:
    """A whole number from 0 that 64 bits hold; 3.0 is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_INT else None


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object, an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A JSON array, an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def plain(value: Any, depth: int = 6) -> Any:
    """What a file says of a machine, fit to be written again: NaN and what nests deeply is None."""
    if isinstance(value, dict | list) and not depth:
        return None
    if isinstance(value, dict):
        return {str(text(k)): plain(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MOST_INT else None
    return number(value) if isinstance(value, float) else text(value)


def as_text(value: Any) -> str | None:
    """Sizes and options as the JSON that csv, parquet and pandas hold."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _time(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and found > 0 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _sizes(value: Any) -> dict[str, int] | None:
    named = {text(axis): count(size) for axis, size in mapping(value).items() if axis != LEADING}
    return {axis: size for axis, size in named.items() if axis and size is not None} or None


def _options(value: Any) -> dict[str, str] | None:
    named = {text(name): text(choice) for name, choice in mapping(value).items()}
    return {name: choice for name, choice in named.items() if name and choice} or None


def _absent(value: Any) -> bool:
    """Nothing was said, in one of the ways that JSON has for it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or (isinstance(value, dict) and value.keys() <= {LEADING}) or value == ""


_READ: Mapping[str, Callable[[Any], Any]] = {
    "text": text, "int": count, "float": number, "time": _time, "bool": _flag,
    "sizes": _sizes, "options": _options,
}  # fmt: skip
