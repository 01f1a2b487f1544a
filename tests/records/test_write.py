"""The table as files: nothing changes on the way through csv, JSON, parquet and pandas."""

import csv
import io
import json
import subprocess
import sys

import pytest

from einbench.records import write
from einbench.records.columns import COLUMNS, NAMES, PANDAS_DTYPES
from einbench.records.read import read
from einbench.verbs.comparison import Comparison


@pytest.fixture
def reading(samples, recorded, tmp_path):
    """Rows of all three harnesses."""
    rows = [
        samples.record("loop", 1 / 3, speedup=1.0, few_samples=True, reason='a "b", c\nd'),
        samples.record("matmul", 1e-9, winner=True, options={"reduction": "sum"}),
        samples.record("tiled", status="rejected", reason="5 rows, off by 9,000", batch=None),
    ]
    samples.comparison(*rows).to_json(tmp_path / "a.json")
    samples.write(tmp_path / "b.json", samples.pytest_benchmark(("loop", [0.1 + 0.2] * 9)))
    return read([tmp_path, recorded])


def test_csv_keeps_every_digit_and_tells_nothing_from_false(reading):
    lines = list(csv.DictReader(io.StringIO(write.as_csv(reading.rows).decode())))
    assert len(lines) == len(reading.rows) == 20
    assert tuple(lines[0]) == NAMES
    kinds = {column.name: column.kind for column in COLUMNS}
    for line, row in zip(lines, reading.rows, strict=True):
        for name, value in row.items():
            if value is None:
                assert line[name] == ""
            elif kinds[name] in ("float", "time"):
                assert float(line[name]) == value
            elif kinds[name] in ("sizes", "options"):
                assert json.loads(line[name]) == value
            else:
                assert line[name] == (str(value).lower() if kinds[name] == "bool" else str(value))


def test_csv_through_pandas_is_the_frame_itself(reading, tmp_path):
    pd = pytest.importorskip("pandas", reason="pandas is an optional extra")
    path = tmp_path / "a.csv"
    path.write_bytes(write.as_csv(reading.rows))
    # every digit is pandas 3.1's default, which warns of being asked
    exactly = {} if pd.__version__ >= "3.1" else {"float_precision": "round_trip"}
    again = pd.read_csv(path, dtype=PANDAS_DTYPES, **exactly)
    frame = write.as_pandas(reading.rows)
    pd.testing.assert_frame_equal(again, frame, check_exact=True)
    spoiled = frame.assign(median_s=frame["median_s"] * (1 + 1e-15))
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(again, spoiled, check_exact=True)


def test_an_empty_table_has_the_same_columns_and_types(reading):
    pytest.importorskip("pandas", reason="pandas is an optional extra")
    empty, full = write.as_pandas([]), write.as_pandas(reading.rows)
    assert list(empty.dtypes.items()) == list(full.dtypes.items())
    assert write.as_csv([]).decode().strip().split(",") == list(NAMES)


def test_a_comparison_at_hand_gives_the_columns_of_an_export(samples):
    pytest.importorskip("pandas", reason="pandas is an optional extra")
    rows = [samples.record("loop", 1.0, speedup=1.0), samples.record("tiled", status="skipped")]
    frame = samples.comparison(*rows).to_pandas()
    assert tuple(frame.columns) == NAMES
    assert list(frame["kernel"]) == ["loop", "tiled"]
    assert list(frame["median_s"].notna()) == [True, False]
    assert set(frame["machine"]) == {"A Processor"}
    assert len(Comparison([], {}).to_pandas()) == 0


def test_pandas_that_is_missing_is_asked_for_in_words(samples, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'einbench\[pandas\]'"):
        samples.comparison().to_pandas()


def test_json_has_schema_machines_columns_and_records(reading):
    document = json.loads(write.as_json(reading.rows, reading.machines))
    assert list(document) == ["schema", "machine", "columns", "records"]
    assert document["schema"] == "einbench.export/1"
    assert document["columns"] == list(NAMES)
    assert document["records"] == reading.rows
    assert document["machine"] == reading.machines
    assert json.loads(write.as_json([], []))["machine"] is None


def test_an_export_is_read_again_and_beside_its_sources_counts_once(samples, recorded, tmp_path):
    first = read([recorded])
    alone = tmp_path / "all.json"
    alone.write_bytes(write.as_json(first.rows, first.machines))
    again = read([alone])
    assert again.rows == first.rows
    assert again.machines == first.machines
    assert read([alone, recorded]).rows == first.rows
    samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "new.json")
    assert len(read([tmp_path, recorded]).rows) == len(first.rows) + 1


@pytest.mark.parametrize("begins", ["=", "+", "-", "@"])
def test_a_formula_from_an_untrusted_file_is_text_in_csv_and_itself_in_json(
    samples, tmp_path, begins
):
    name = f'{begins}HYPERLINK("x")'
    path = samples.comparison(samples.record(name, 1.0, speedup=-1.0)).to_json(tmp_path / "a.json")
    rows = read([path]).rows
    (line,) = csv.DictReader(io.StringIO(write.as_csv(rows).decode()))
    assert line["kernel"] == f"'{name}"
    assert line["speedup"] == "-1.0"
    assert json.loads(write.as_json(rows, []))["records"][0]["kernel"] == name


def test_parquet_keeps_types_values_and_machines(reading, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is an optional extra")
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    path.write_bytes(write.as_parquet(reading.rows, reading.machines))
    table = pq.read_table(path)
    assert table.to_pylist() == [write.flat(row) for row in reading.rows]
    assert json.loads(table.schema.metadata[b"einbench.machine"]) == reading.machines
    path.write_bytes(write.as_parquet([], []))
    empty = pq.read_table(path)
    assert empty.schema.types == table.schema.types
    assert str(empty.schema.field("batch").type) == "int64"


def test_reading_and_writing_load_no_measuring_code_and_nothing_heavy():
    script = """
import sys
import einbench.records.read, einbench.records.write, einbench.records.choice
print([m for m in sys.modules if m.startswith("einbench.measure")
       or m in ("numba", "pandas", "pyarrow", "asv", "click", "rich", "einbench.verbs.compare")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
