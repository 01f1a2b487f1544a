"""Files that are broken, half-written, foreign or newer: each is named, and the rest is read."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from einbench.records.read import read

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "half.json": ('{"schema": "einbench.comparison/1",\n "rec', "not JSON at line 2, column 2"),
    "empty.json": ("", "empty"),
    "binary.json": (b"\xff\xfe\x00\x80{", "not text"),
    "zip.json": (b"PK\x03\x04\xff\xff", "not text"),
    "list.json": ("[1, 2]", "not an object"),
    "number.json": ("17", "not an object"),
    "other.json": ('{"name": "x"}', "neither einbench's, asv's nor pytest-benchmark's"),
    "deep.json": ("[" * 100_000, "nested too deeply"),
    "digits.json": ('{"a": ' + "9" * 5000 + "}", "thousands of digits"),
    "newer.json": ('{"schema": "einbench.comparison/2", "records": []}', "another einbench"),
    "odd.json": ('{"schema": "einbench.poetry/1"}', "nothing this einbench knows"),
    "bare.json": ('{"schema": "einbench.comparison/1"}', "without records"),
    "asv3.json": ('{"commit_hash": "a", "env_name": "b", "results": {}, "version": 3}', "format 3"),
    "asv1.json": ('{"commit_hash": "a", "env_name": "b", "results": {}, "version": 1}',
                  "run asv update"),
    "asv0.json": ('{"commit_hash": "a", "results": {}, "version": 1}',
                  "asv's result format 1: this einbench reads 2; run asv update"),
    "asv.json": ('{"commit_hash": "a", "env_name": "b", "results": {"x": [1]}, "version": 2}',
                 "none of its benchmarks is of kernels"),
    "theirs.json": ('{"machine_info": {}, "benchmarks": [{"name": "x", "stats": {}}]}',
                    "none of its benchmarks names a kernel"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_broken_or_foreign_file_is_named_and_the_rest_is_read(samples, tmp_path, name):
    content, problem = FOREIGN[name]
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(data)
    samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "z.json")
    reading = read([tmp_path])
    assert len(reading.rows) == 1
    (warning,) = reading.warnings
    assert warning.startswith(f"{tmp_path / name}: ")
    assert problem in warning
    assert warning.endswith("; skipped")


def test_the_suites_own_documents_without_times_are_named_where_they_were_requested(tmp_path):
    schemas = {"check": "verdicts without times", "gate": "a gate's verdicts"}
    for schema, problem in schemas.items():
        file = tmp_path / f"{schema}.json"
        file.write_text(f'{{"schema": "einbench.{schema}/1"}}', encoding="utf-8")
        (warning,) = read([file]).warnings
        assert problem in warning
    assert not read([tmp_path]).warnings


def test_what_ships_is_read_without_a_warning():
    reading = read([ROOT / "results"])
    assert reading.rows
    assert not reading.warnings


def test_every_schema_that_the_suite_writes_is_read_or_known_to_hold_no_times(tmp_path):
    written = {
        schema
        for folder in ("kernels", "benchmarks")
        for file in (ROOT / folder).rglob("*.py")
        for schema in re.findall(r'^SCHEMA = "(.*)"$', file.read_text("utf-8"), re.M)
    }
    assert {"einbench.tune/1", "einbench.bounds-memory/1"} < written
    # these two are no JSON files
    for number, schema in enumerate(written - {"einbench.network/1", "einbench.training/1"}):
        document = f'{{"schema": "{schema}", "records": []}}'
        (tmp_path / f"{number}.json").write_text(document, encoding="utf-8")
    assert not read([tmp_path]).warnings


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_what_is_no_file_is_named_and_not_waited_for(samples, tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle.json").symlink_to(tmp_path / "circle.json")
    secret = tmp_path / "secret.json"
    secret.write_text("{}", encoding="utf-8")
    secret.chmod(0)
    samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "a.json")
    reading = read([tmp_path])
    assert len(reading.rows) == 1
    warnings = {Path(w.partition(": ")[0]).name: w.partition(": ")[2] for w in reading.warnings}
    assert warnings.keys() == {
        "pipe.json", "folder.json", "nowhere.json", "circle.json", "secret.json",
    }  # fmt: skip
    assert warnings["pipe.json"] == "no regular file; skipped"


def test_a_path_that_is_not_there_is_wrong_use(tmp_path):
    with pytest.raises(FileNotFoundError):
        read([tmp_path / "absent.json"])


def test_every_prefix_of_a_real_file_is_named_and_gives_nothing(samples, recorded, tmp_path):
    real = [
        json.dumps(samples.comparison(samples.record("loop", 1.0)).document()),
        json.dumps(samples.pytest_benchmark(("loop", 1.0))),
        next((recorded / "reference").glob("bbe9e806-*")).read_text(encoding="utf-8"),
    ]
    path = tmp_path / "a.json"
    for content in real:
        path.write_text(content, encoding="ascii")
        assert read([path]).rows
        for length in reversed(range(len(content))):
            os.truncate(path, length)
            reading = read([path])
            assert reading.rows == []
            assert len(reading.warnings) == 1


def test_benchmarks_records_and_values_that_cannot_be_read_are_reported(samples, tmp_path):
    document = samples.comparison(samples.record("loop", 1.0, layout=7)).document()
    document["records"] += [{"kernel": "of no operation"}, "text"]
    samples.write(tmp_path / "a.json", document)
    theirs = samples.pytest_benchmark(("loop", 1.0))
    theirs["benchmarks"].append({"name": "test_other", "stats": {}})
    samples.write(tmp_path / "b.json", theirs)
    reading = read([tmp_path])
    assert len(reading.rows) == 2
    assert [w.partition(": ")[2] for w in reading.warnings] == [
        "left out, as records of no operation or kernel: 2",
        "left empty, as values of a wrong kind: layout",
        "left out, as no kernel's benchmarks: test_other",
    ]
