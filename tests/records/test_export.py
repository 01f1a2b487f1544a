"""`einbench export`: one table on stdout or in a file, and a line for all that is not in it."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from einbench.records.columns import NAMES


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def results(samples, tmp_path):
    """A folder with a comparison and with files that are none."""
    folder = tmp_path / "results"
    samples.comparison(samples.record("loop", 1.0)).to_json(folder / "a.json")
    samples.write(folder / "foreign.json", {"name": "another program's"})
    (folder / "half.json").write_text('{"schema":', encoding="utf-8")
    return folder


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_without_arguments_results_come_as_csv_and_the_rest_is_named(results, einbench):
    finished = einbench("export")
    assert finished.status == 0
    assert [row["file"] for row in lines(finished.out)] == ["results/a.json"]
    assert finished.errors == [
        "einbench: warning: results/foreign.json: "
        "neither einbench's, asv's nor pytest-benchmark's; skipped",
        "einbench: warning: results/half.json: "
        "not JSON at line 1, column 11 (Expecting value); skipped",
    ]


@pytest.mark.parametrize("command", [("export",), ("fastest", "--from", "results")])
def test_many_files_of_other_programs_come_in_one_line(samples, results, einbench, command):
    for number in range(4):
        samples.write(results / f"other{number}.json", {"schema": f"einbench.other-{number}/1"})
    half = "einbench: warning: results/half.json: not JSON at line 1"
    finished = einbench(*command)
    assert finished.status == 0
    one, folded = finished.errors
    assert one.startswith(half)
    assert folded == (
        "einbench: warning: 5 other JSON files skipped: results/foreign.json, "
        "results/other0.json, results/other1.json, ... (-v names them all)"
    )
    errors = einbench(*command, "-v").errors
    assert len(errors) == 6
    assert sum("skipped" in line for line in errors) == 6


def test_many_files_with_one_fault_come_in_one_line(samples, results, einbench):
    for number in range(4):
        (results / f"half{number}.json").write_text("{,", encoding="utf-8")
        document = samples.asv(["loop"], [1.0])
        document["results"] = {"theirs.time_it": [[1.0], []]}
        samples.write(results / "m" / f"{number}.json", document)
    errors = einbench("export").errors
    assert [line.partition(": results/")[0] for line in errors] == [
        "einbench: warning",
        "einbench: warning: 5 broken JSON files skipped",
        "einbench: warning: 4 files: asv's, but none of its benchmarks is of kernels",
    ]


def test_of_asvs_default_folder_the_results_are_entered(recorded, tmp_path, einbench):
    for name in ("results", "env", "html"):
        shutil.copytree(recorded, tmp_path / "project" / ".asv" / name)
    for path in ("project", "project/.asv"):
        finished = einbench("export", path)
        assert (finished.status, finished.errors) == (0, [])
        files = {row["file"] for row in lines(finished.out)}
        assert files
        assert all(file.startswith("project/.asv/results/") for file in files)


def test_files_that_were_named_are_answered_one_by_one(samples, results, einbench):
    names = [results / f"other{number}.json" for number in range(5)]
    for name in names:
        samples.write(name, {"name": "another program's"})
    assert len(einbench("export", results / "a.json", *names).errors) == 5


def test_files_and_folders_mix_and_a_file_named_twice_counts_once(results, recorded, einbench):
    finished = einbench("export", results / "a.json", recorded, results)
    assert finished.status == 0
    assert len(lines(finished.out)) == 1 + 16


@pytest.mark.parametrize(
    ("args", "begins"),
    [
        (["--output", "a.json"], b"{"),
        (["--output", "a.csv"], b"operation,"),
        (["--output", "a.txt", "--format", "csv"], b"operation,"),
        (["--output", "table"], b"operation,"),
        (["--output", "a.csv", "--format", "json"], b"{"),
        (["--output", "a.JSON"], b"{"),
    ],
)
def test_the_format_is_what_is_asked_for_or_what_the_name_ends_in(
    results, einbench, tmp_path, args, begins
):
    finished = einbench("export", results / "a.json", *args)
    assert (finished.status, finished.out) == (0, "")
    assert finished.errors == [f"1 row in {args[1]}"]
    assert (tmp_path / args[1]).read_bytes().startswith(begins)


def test_json_on_stdout_has_schema_and_machine(results, samples, einbench):
    document = json.loads(einbench("export", results, "--format", "json").out)
    assert (document["schema"], document["machine"]) == ("einbench.export/1", [samples.MACHINE])
    assert tuple(document["records"][0]) == NAMES


def test_parquet_is_written_to_a_file(results, einbench, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is an optional extra")
    import pyarrow.parquet as pq

    assert einbench("export", "--output", "a.parquet").status == 0
    assert pq.read_table(tmp_path / "a.parquet").column_names == list(NAMES)


def test_parquet_without_pyarrow_is_one_line_that_says_how_to_get_it(
    results, einbench, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    finished = einbench("export", "--output", "a.parquet")
    assert finished.status == 2
    assert finished.errors == [
        "einbench: error: parquet needs pyarrow: pip install 'einbench[parquet]'"
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["absent.json"], "absent.json: No such file"),
        (["--format", "xml"], "no format 'xml'; known: csv, json, parquet"),
        (["--format", "parquet"], "name a file with --output"),
        (["--output", "results"], "it is a folder; choose another file with --output"),
        (["--output", "results/a.json/b.csv"], "cannot write results/a.json/b.csv"),
        (["empty"], "no times in empty; expected asv results"),
    ],
)
def test_wrong_use_is_one_line(results, einbench, tmp_path, args, message):
    (tmp_path / "empty").mkdir()
    finished = einbench("export", *args)
    assert (finished.status, finished.out) == (2, "")
    (line,) = finished.errors
    assert line.startswith("einbench: error: ")
    assert message in line


def test_where_nothing_could_be_read_the_status_is_2_and_no_file_is_made(
    results, einbench, tmp_path
):
    finished = einbench("export", results / "half.json", "--output", "a.csv")
    assert finished.status == 2
    assert [line.split(": ")[1] for line in finished.errors] == ["warning", "error"]
    assert not (tmp_path / "a.csv").exists()


def test_an_output_is_replaced_whole_or_not_at_all(results, einbench, tmp_path, monkeypatch):
    target = tmp_path / "a.csv"
    target.write_text("before", encoding="utf-8")

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        assert einbench("export", results, "--output", "a.csv").status == 130
    assert target.read_text(encoding="utf-8") == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "results"]
    assert einbench("export", results, "--output", "a.csv").status == 0
    assert target.read_text(encoding="utf-8").startswith("operation,")


def test_an_export_in_the_folder_it_came_from_changes_nothing(results, einbench):
    first = einbench("export", results).out
    assert einbench("export", results, "--output", results / "all.json").status == 0
    assert einbench("export", results).out == first


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
def test_a_reader_that_leaves_gets_no_traceback(results, recorded):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(
        [sys.executable, "-m", "einbench.cli", "export", recorded], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == ""
    assert process.wait(60) == 141
