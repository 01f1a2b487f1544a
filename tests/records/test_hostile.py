"""Whatever a JSON file holds, reading ends in rows and warnings that can be printed and stored."""

import copy
import json
import math

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from einbench.records import choice, write
from einbench.records.columns import COLUMNS, NAMES
from einbench.records.read import read
from einbench.report.winners import winner_lines

ODD = [
    None, True, -1, 0, 2**70, 10**400, math.nan, math.inf, -math.inf, 1e-320, "", "=1+1",
    "\ud800", "\x1b]0;x\x07", [], {}, [[]], {"a": {"b": []}}, [None] * 3,
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.sampled_from(ODD) | st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
FUZZ = settings(max_examples=100)
TYPES = {"text": str, "int": int, "float": float, "time": float, "bool": bool, "sizes": dict,
         "options": dict}  # fmt: skip


def survives(path):
    """Read, rank, print and write; every value has its column's type."""
    reading = read([path])
    for row in reading.rows:
        assert tuple(row) == NAMES
        for name, kind, *_ in COLUMNS:
            assert row[name] is None or type(row[name]) is TYPES[kind]
    for warning in reading.warnings:
        assert warning.isprintable()
    write.as_csv(reading.rows)
    json.loads(write.as_json(reading.rows, reading.machines))
    for width in (40, 80):
        lines = list(winner_lines(choice.cells(reading.rows), width))
        assert all(text.isprintable() for line in lines for text, _ in line)
    return reading


def spoil(document, places, value):
    """One value somewhere in a document is another."""
    holder, *rest = document, *places
    for place in rest:
        inside = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not inside:
            return
        key = inside[place % len(inside)]
        if isinstance(holder[key], dict | list) and holder[key] and place % 7:
            holder = holder[key]
        else:
            holder[key] = copy.deepcopy(value)
            return


@pytest.fixture(scope="module")
def documents(samples, recorded):
    real = next((recorded / "reference").glob("bbe9e806-*"))
    rows = [samples.record("loop", 1.0, speedup=1.0), samples.record("matmul", 0.1, winner=True)]
    return [
        samples.comparison(*rows).document(),
        samples.pytest_benchmark(("loop", [1.0] * 7), ("matmul", 0.1)),
        json.loads(real.read_text(encoding="utf-8")),
        json.loads(write.as_json(read([real]).rows, [{"machine": "reference"}])),
        json.loads((recorded / "benchmarks.json").read_text(encoding="utf-8")),
    ]


@FUZZ
@given(
    st.integers(0, 4), st.lists(st.integers(0, 10**6), min_size=1, max_size=8), VALUES,
    st.lists(st.integers(0, 10**6), min_size=1, max_size=8), VALUES,
)  # fmt: skip
@example(2, [5] * 8, [["'a'"] * 400] * 4, [1], 1)
def test_wrong_values_anywhere_give_no_traceback(
    tmp_path, documents, which, one, first, two, second
):
    document = copy.deepcopy(documents[which])
    spoil(document, one, first)
    spoil(document, two, second)
    folder = tmp_path / "reference"
    folder.mkdir(exist_ok=True)
    (folder / "1a2b3c4d-env.json").write_text(json.dumps(document), encoding="utf-8")
    survives(tmp_path)


@FUZZ
@given(VALUES)
def test_any_json_gives_no_traceback(tmp_path, value):
    (tmp_path / "a.json").write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "machine.json").write_text(json.dumps(value), encoding="utf-8")
    assert survives(tmp_path).rows == []


@FUZZ
@given(st.binary(max_size=40))
def test_any_bytes_give_no_traceback(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    reading = survives(path)
    assert reading.rows == []
    assert len(reading.warnings) == 1


def test_companions_of_asv_may_be_anything(samples, tmp_path):
    samples.write(tmp_path / "m" / "1a2b3c4d-env.json", samples.asv(["loop"], [1.0]))
    for value in ODD:
        for path in (tmp_path / "benchmarks.json", tmp_path / "m" / "machine.json"):
            path.write_text(json.dumps(value), encoding="utf-8")
        reading = survives(tmp_path)
        assert [row["machine"] for row in reading.rows] == ["reference"]
        assert len(reading.warnings) == 2  # each named where it lies


@pytest.mark.parametrize("depth", [500, 900, 5_000])
def test_deep_nesting_inside_a_right_file_is_cut_or_named(samples, tmp_path, depth):
    content = json.dumps(samples.comparison(samples.record("loop", 1.0)).document())
    nested = "[" * depth + "]" * depth
    path = tmp_path / "a.json"
    path.write_text(content.replace('"seed": 0', f'"seed": {nested}'), encoding="utf-8")
    survives(path)
    path.write_text(content.replace('"cpu":', f'"x": {nested}, "cpu":'), encoding="utf-8")
    survives(path)


def test_more_cells_than_anybody_has_are_refused_at_once(samples, tmp_path):
    document = samples.asv(["loop"], None)
    names = [f"'{n}'" for n in range(3000)]
    document["results"]["softmax.time_kernel"][1] = [names, names, names]
    samples.write(tmp_path / "a.json", document)
    reading = survives(tmp_path)
    assert reading.rows == []
    assert "none of its benchmarks is of kernels" in reading.warnings[0]


def test_a_file_larger_than_any_result_is_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("einbench.host.documents.MOST_BYTES", 2**20)
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**20 + 1)
    assert "larger than 1 MB" in read([tmp_path]).warnings[0]
