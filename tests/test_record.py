"""Record: frozen, typed, with its units in its names, and the same from JSON as to JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import einbench
from einbench.record import FIELDS, STATUSES, Record
from einbench.records.columns import COLUMNS, NAMES
from einbench.verbs.comparison import Comparison

#: without a column: raw samples, and the name of the axis whose size is ``batch``
NOT_EXPORTED = {"samples_s", "leading"}
#: as they were saved before records had ``prepare_s`` and ``leading``, in this order
OLD = {
    "operation": "softmax", "kernel": "matmul", "sizes": {"batch": 128, "classes": 10},
    "options": {"reduction": "sum"}, "dtype": "float32", "layout": "C", "threads": 2,
    "status": "ok", "reason": "", "median_s": 1e-05, "low_s": 9e-06, "high_s": 1.1e-05,
    "samples": 2, "samples_s": [9e-06, None, 1.1e-05], "calls_per_sample": 5, "unstable": True,
    "few_samples": True, "speedup": 12.5, "speedup_predicted": False, "error": 0.5, "limit": 4.0,
    "gflops_per_s": 1.5, "gbytes_per_s": 2.5, "roofline": 0.25, "peak_bytes": 1024,
    "compile_s": 0.0, "predicted_s": 1.2e-05, "winner": True, "tie": False,
}  # fmt: skip
#: ends of names -> how the metadata names the unit, for all fields but ratios and counts
UNITS = {"_s": ("s", "s/call"), "gflops_per_s": ("1e9 operations/s",),
         "gbytes_per_s": ("1e9 bytes/s",), "_bytes": ("bytes",)}  # fmt: skip


def changed(**fields: Any) -> Record:
    return dataclasses.replace(Record.from_json(OLD), **fields)


def test_a_record_of_an_older_version_loads_with_batch_as_its_axis_of_rows() -> None:
    record = Record.from_json(OLD)
    assert (record.batch, record.leading, record.prepare_s) == (128, "batch", None)
    assert record.other_sizes == {"classes": 10}
    assert record.samples_s == (9e-06, None, 1.1e-05)
    assert {name: record.to_json()[name] for name in OLD} == OLD


def test_what_json_holds_gives_the_same_record_again() -> None:
    for record in (
        changed(),
        changed(prepare_s=0.5, leading="rows", sizes={"rows": 3, "batch": 7}),
        changed(leading=None, sizes={}),
        changed(status="failed", reason="ValueError: no", median_s=None, samples_s=()),
    ):
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_rows_are_counted_along_the_leading_axis() -> None:
    sizes = {"rows": 3, "batch": 7}
    assert changed(leading="rows", sizes=sizes).batch == 3
    assert changed(leading="rows", sizes=sizes).other_sizes == {"batch": 7}
    assert changed(leading=None, sizes=sizes).batch is None
    assert changed(leading=None, sizes=sizes).other_sizes == sizes


def test_the_new_fields_stand_beside_those_they_belong_to_and_the_others_as_they_stood() -> None:
    assert [name for name in FIELDS if name in OLD] == list(OLD)
    assert FIELDS[FIELDS.index("compile_s") + 1] == "prepare_s"
    assert FIELDS[FIELDS.index("sizes") + 1] == "leading"
    assert tuple(changed().to_json()) == FIELDS


def test_json_has_null_for_what_is_no_number() -> None:
    plain = changed(error=math.inf, roofline=math.nan).to_json()
    assert plain["error"] is plain["roofline"] is None
    json.dumps(plain, allow_nan=False)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed().status = "rejected"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("kernel", None, "a record without kernel; expected what Record.to_json"),
        ("kernel", 7, "a record whose kernel is 7: expected text"),
        ("kernel", "\ud800", r"kernel is '\\ud800': expected text"),
        ("status", "wrong", "status is 'wrong': expected one of ok, rejected, skipped"),
        ("status", ["ok"], r"status is \['ok'\]: expected one of ok"),
        ("sizes", {"batch": "128"}, "sizes is {'batch': '128'}: expected {axis: whole number}"),
        ("sizes", {"batch": -1}, "sizes is {'batch': -1}: expected {axis: whole number}"),
        ("sizes", [128], r"sizes is \[128\]: expected {axis: whole number}"),
        ("options", {"reduction": 1}, "options is {'reduction': 1}: expected {name: text}"),
        ("threads", True, "threads is True: expected a whole number from 0"),
        ("threads", 2**63, "threads is 9223372036854775808: expected a whole number from 0"),
        ("leading", 1, "leading is 1: expected text or null"),
        ("median_s", "fast", "median_s is 'fast': expected a finite number or null"),
        ("median_s", math.nan, "median_s is nan: expected a finite number or null"),
        ("median_s", 10**400, "median_s is 10+...0+: expected a finite number or null"),
        ("samples_s", 3, "samples_s is 3: expected a list of finite numbers and null"),
        ("samples_s", [1, "2"], r"samples_s is \[1, '2'\]: expected a list of finite"),
        ("winner", 1, "winner is 1: expected true or false"),
        ("peak_bytes", 1.5, "peak_bytes is 1.5: expected a whole number from 0, or null"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(entry: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Record.from_json(OLD | {entry: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [[OLD], "text", 3, None])
def test_what_is_no_object_is_no_record(document: Any) -> None:
    with pytest.raises(ValueError, match=r": expected what Record\.to_json\(\) gives"):
        Record.from_json(document)


def test_what_a_newer_version_adds_is_left_out() -> None:
    assert Record.from_json(OLD | {"joules": 3.0}) == Record.from_json(OLD)


def test_names_end_in_the_unit_that_is_said_of_them() -> None:
    for one in dataclasses.fields(Record):
        ends = max((end for end in UNITS if one.name.endswith(end)), key=len, default=None)
        expected = UNITS[ends] if ends else ("", "units of rounding")
        assert one.metadata["unit"] in expected, one.name
        assert one.metadata["meaning"], one.name
        assert f"{one.name}: {one.metadata['meaning']}" in (einbench.Record.__doc__ or "")


def test_every_field_has_a_column_or_is_known_to_have_none() -> None:
    assert set(FIELDS) - set(NAMES) == NOT_EXPORTED


def test_columns_say_of_a_field_what_the_field_says() -> None:
    columns = {column.name: column for column in COLUMNS}
    hints = get_type_hints(Record)
    kinds = {int: "int", bool: "bool", str: "text"}
    for one in dataclasses.fields(Record):
        if one.name not in NOT_EXPORTED | {"sizes"}:
            column = columns[one.name]
            assert (column.meaning, column.unit) == (one.metadata["meaning"], one.metadata["unit"])
            if hints[one.name] in kinds:
                assert column.kind == kinds[hints[one.name]]


def test_another_leading_axis_is_the_batch_of_the_tidy_table() -> None:
    from einbench.records.einbench_file import comparison_rows

    record = changed(leading="rows", sizes={"rows": 3, "features": 7})
    (row,) = comparison_rows(Comparison([record], {}).document())
    assert (row["batch"], row["sizes"]) == (3, {"features": 7})


def test_every_status_is_documented() -> None:
    (meaning,) = [one.metadata["meaning"] for one in dataclasses.fields(Record)
                  if one.name == "status"]  # fmt: skip
    assert all(status in meaning for status in STATUSES)


def test_saved_comparisons_load() -> None:
    """Of the repository: saved long before there was a Record."""
    root = Path(__file__).parents[1]
    document = json.loads((root / "results" / "readme-table.json").read_text("utf-8"))
    records = [Record.from_json(record) for record in document["records"]]
    assert len(records) == len(document["records"]) > 0
    for record, old in zip(records, document["records"], strict=True):
        assert {name: record.to_json()[name] for name in old} == old
