"""The tidy table as csv, JSON, parquet, and a pandas frame."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from einbench.records.columns import COLUMNS, NAMES, PANDAS_DTYPES, Row, as_text

SCHEMA = "einbench.export/1"
#: what a spreadsheet takes for the beginning of a formula
_FORMULAS = ("=", "+", "-", "@")


def as_csv(rows: Iterable[Row]) -> bytes:
    """UTF-8 with a heading; nothing where nothing is known, numbers with every digit.

    A text from an untrusted file that begins like a formula (``=``, ``+``, ``-``, ``@``) gets an
    apostrophe before it: csv is what people open in a spreadsheet, and no kernel's name begins
    so. JSON and parquet have it as it is.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)
    for row in rows:
        writer.writerow([_field(value) for value in flat(row).values()])
    return out.getvalue().encode()


def as_json(rows: Sequence[Row], machines: Sequence[Mapping[str, Any]]) -> bytes:
    """A document with schema, machines, columns and records; sizes and options are objects."""
    document = {
        "schema": SCHEMA, "machine": list(machines) or None, "columns": NAMES, "records": rows,
    }  # fmt: skip
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def as_parquet(rows: Sequence[Row], machines: Sequence[Mapping[str, Any]]) -> bytes:
    """Columns of fixed types, also where all of a column is empty.

    Raises:
        ImportError: pyarrow is not installed; the message says how to get it.
    """
    pa, pq = pyarrow()
    types = {"int": pa.int64(), "float": pa.float64(), "time": pa.float64(), "bool": pa.bool_()}
    fields = [pa.field(c.name, types.get(c.kind, pa.string())) for c in COLUMNS]
    about = {"einbench.schema": SCHEMA, "einbench.machine": json.dumps(list(machines) or None)}
    table = pa.Table.from_pylist([flat(row) for row in rows], pa.schema(fields, about))
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def as_pandas(rows: Sequence[Row]) -> Any:
    """A DataFrame with every column, dtypes as ``PANDAS_DTYPES`` has them.

    Raises:
        ImportError: pandas is not installed; the message says how to get it.
    """
    try:
        import pandas as pd
    except ImportError as problem:
        raise ImportError("to_pandas() needs pandas: pip install 'einbench[pandas]'") from problem
    values = {name: [row[name] for row in map(flat, rows)] for name in NAMES}
    return pd.DataFrame(
        {name: pd.Series(listed, dtype=PANDAS_DTYPES[name]) for name, listed in values.items()}
    )


def pyarrow() -> tuple[Any, Any]:
    """pyarrow and its writer of parquet.

    Raises:
        ImportError: it is not installed; the message says how to get it.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise ImportError("parquet needs pyarrow: pip install 'einbench[parquet]'") from problem
    return pa, pq


def flat(row: Row) -> Row:
    """The row with sizes and options as JSON text."""
    return row | {name: as_text(row[name]) for name in ("sizes", "options")}


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    written = str(value)
    formula = isinstance(value, str) and written.startswith(_FORMULAS)
    return f"'{written}" if formula else written
