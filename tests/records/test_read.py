"""Reading: every format, any mix of them, and files that are none."""

import json
import math
from pathlib import Path

import pytest

from einbench.records.columns import NAMES, tidy
from einbench.records.pytest_benchmark_file import median_interval
from einbench.records.read import read

README_TABLE = Path(__file__).parents[2] / "results" / "readme-table.json"


def one(rows, **facts):
    (row,) = [r for r in rows if all(r[name] == value for name, value in facts.items())]
    return row


def test_a_comparison_keeps_every_fact_of_a_record_and_of_its_machine(samples, tmp_path):
    path = tmp_path / "a.json"
    rows = [
        samples.record("loop", 1e-3, speedup=1.0, peak_bytes=376),
        samples.record("matmul", 1e-5, winner=True, speedup=100.0, options={"reduction": "sum"}),
        samples.record("tiled", status="skipped", reason="about 2 h at this size"),
    ]
    samples.comparison(*rows).to_json(path)
    reading = read([path])
    assert reading.warnings == []
    assert [tuple(row) for row in reading.rows] == [NAMES] * 3
    loop, matmul, tiled = reading.rows
    assert (loop["median_s"], loop["peak_bytes"], loop["confidence"]) == (1e-3, 376, 0.95)
    assert (loop["batch"], loop["sizes"], loop["options"]) == (128, {"classes": 10}, None)
    assert (matmul["winner"], matmul["options"]) == (True, {"reduction": "sum"})
    assert (tiled["status"], tiled["reason"]) == ("skipped", "about 2 h at this size")
    assert tiled["median_s"] is tiled["samples"] is tiled["confidence"] is None
    for row in reading.rows:
        assert (row["machine"], row["machine_fingerprint"]) == ("A Processor", "abc123")
        assert (row["blas"], row["numpy"], row["python"]) == ("openblas 0.3.30", "2.4.6", "3.11.7")
        assert (row["date"], row["commit"]) == ("2026-03-01T00:00:00Z", None)
        assert (row["harness"], row["file"]) == ("einbench", str(path))
    assert reading.machines == [samples.MACHINE]


@pytest.mark.skipif(not README_TABLE.exists(), reason="only in a checkout")
def test_the_readme_table_is_read_whole():
    reading = read([README_TABLE])
    document = json.loads(README_TABLE.read_text(encoding="utf-8"))
    assert reading.warnings == []
    assert len(reading.rows) == len(document["records"])
    for row, record in zip(reading.rows, document["records"], strict=True):
        assert row["batch"] == record["sizes"]["batch"]
        for name in ("kernel", "median_s", "error", "roofline", "winner", "tie", "status"):
            assert row[name] == record[name]


def test_a_comparison_without_a_date_has_that_of_its_name_or_none(samples, tmp_path):
    document = samples.comparison(samples.record("loop", 1.0)).document()
    del document["date"]
    samples.write(tmp_path / "compare-20261122T022637Z.json", document)
    samples.write(tmp_path / "other.json", document)
    dates = [row["date"] for row in read([tmp_path]).rows]
    assert dates == ["2026-11-22T02:26:37Z", None]


def test_what_fastest_saved_is_read_as_a_comparison(samples, tmp_path):
    document = samples.comparison(samples.record("loop", 1.0)).document()
    samples.write(tmp_path / "a.json", document | {"schema": "einbench.fastest/1"})
    assert [row["kernel"] for row in read([tmp_path]).rows] == ["loop"]


def test_real_asv_results_become_one_row_of_four_benchmarks(recorded):
    reading = read([recorded])
    assert reading.warnings == []
    assert len(reading.rows) == 2 * 4 * 2  # commits, kernels, batches
    assert {row["status"] for row in reading.rows} == {"ok", "failed", "rejected", "skipped"}
    (first,) = (recorded / "reference").glob("48686691-*.json")
    saved = json.loads(first.read_text(encoding="utf-8"))
    row = one(reading.rows, file=str(first), kernel="loop", batch=128)
    assert row["median_s"] == saved["results"]["softmax.time_kernel"][0][1]
    assert row["process_peak_bytes"] == saved["results"]["softmax.peakmem_kernel"][0][1]
    assert (row["error"], row["roofline"], row["peak_bytes"]) == (0.5, 0.25, None)
    assert row["low_s"] <= row["median_s"] <= row["high_s"]
    assert (row["confidence"], row["samples"]) == (0.99, 12)
    assert (row["operation"], row["dtype"], row["harness"]) == ("softmax", "float32", "asv")
    assert (row["machine"], row["cpu"]) == ("reference", "A Processor")
    assert row["commit"] == saved["commit_hash"]
    assert (row["commit_date"], row["python"]) == ("2026-01-01T00:00:00Z", "3.11")
    second = one(reading.rows, commit_date="2026-02-01T00:00:00Z", kernel="loop", batch=128)
    assert second["process_peak_bytes"] is second["roofline"] is None
    assert reading.machines[0]["machine"] == "reference"


def test_asv_tells_what_became_of_every_kernel(recorded):
    rows = read([recorded]).rows
    said = {(r["kernel"], r["batch"]): (r["status"], r["reason"]) for r in rows}
    assert said["einsum", 1] == ("ok", None)
    assert said["einsum", 128][0] == "rejected"
    assert "beyond" in said["einsum", 128][1]
    assert said["matmul", 1] == ("failed", "asv could not time it")
    assert said["absent", 1] == ("skipped", "skipped by the benchmark")
    assert said["absent", 128][0] == "skipped"


@pytest.mark.parametrize(("error", "status"), [(math.inf, "rejected"), (None, "failed")])
def test_a_kernel_without_a_finite_error_in_asv_is_not_ok(samples, tmp_path, error, status):
    document = samples.asv(["loop", "matmul"], [1.0, 0.1], errors=[0.5, error])
    samples.write(tmp_path / "reference" / "1a2b3c4d-env.json", document)
    assert [row["status"] for row in read([tmp_path]).rows] == ["ok", status]


def test_other_parameters_of_asv_are_reported_by_their_names(samples, tmp_path):
    document = samples.asv(["loop"], [1.0])
    entry = document["results"]["softmax.time_kernel"]
    entry[1] = [["5"], ["'mean'"], *entry[1], ["2"], ["'F'"]]
    path = samples.write(tmp_path / "reference" / "1a2b3c4d-env.json", document)
    assert "none of its benchmarks is of kernels" in read([path]).warnings[0]
    names = ["classes", "reduction", "kernel", "batch", "dtype", "threads", "layout"]
    samples.write(tmp_path / "benchmarks.json", {
        "softmax.time_kernel": {"param_names": names}, "version": 2,
    })  # fmt: skip
    (row,) = read([tmp_path]).rows
    assert (row["kernel"], row["batch"], row["dtype"]) == ("loop", 128, "float32")
    assert (row["sizes"], row["options"]) == ({"classes": 5}, {"reduction": "mean"})
    assert (row["threads"], row["layout"]) == (2, "F")


def test_benchmarks_of_expressions_say_which(samples, einbench, tmp_path):
    document = samples.asv(["loop", "path"], [2.0, 1.0])
    entry = document["results"].pop("softmax.time_kernel")
    document["results"] = {
        f"{name}.{kind}": entry for name in ("chain", "wide", "twin")
        for kind in ("time_kernel", "track_error")
    }  # fmt: skip
    samples.write(tmp_path / "reference" / "1a2b3c4d-env.json", document)
    names = {"param_names": ["kernel", "batch", "dtype"], "expression": "ij,jk,kl->il"}
    sizes = {"chain": {"j": 4, "k": 5, "l": 6}, "wide": {"j": 4, "k": 5, "l": 700}}
    sizes["twin"] = sizes["wide"]
    samples.write(tmp_path / "benchmarks.json", {
        name: names | {"sizes": sizes[name.partition(".")[0]]} for name in document["results"]
    } | {"version": 2})  # fmt: skip
    reading = read([tmp_path])
    assert (len(reading.rows), reading.warnings) == (6, [])
    assert {row["operation"] for row in reading.rows} == {"ij,jk,kl->il"}
    assert [row["sizes"]["l"] for row in reading.rows].count(700) == 4
    assert reading.rows[0]["sizes"] == sizes["chain"]
    assert {row["batch"] for row in reading.rows} == {128}
    found = einbench("fastest", "--from", tmp_path, "ab,bc,cd->ad", "--json", "-")
    winners = json.loads(found.out)["winners"]
    assert [(w["kernel"], w["sizes"]["l"]) for w in winners] == [
        ("path", 6), ("path", 700), ("path", 700),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "stated", [{"expression": 3}, {"expression": "chain"}, {"sizes": {"j": 4}}]
)
def test_a_benchmark_that_states_no_expression_keeps_its_name(samples, tmp_path, stated):
    samples.write(tmp_path / "reference" / "1a2b3c4d-env.json", samples.asv(["loop"], [1.0]))
    names = {"param_names": ["kernel", "batch", "dtype"]}
    samples.write(tmp_path / "benchmarks.json", {"softmax.time_kernel": names | stated})
    (row,) = read([tmp_path]).rows
    assert (row["operation"], row["sizes"]) == ("softmax", None)


def test_pytest_benchmark_rows_have_what_their_suite_says(samples, tmp_path):
    document = samples.pytest_benchmark(
        ("loop", [3e-3, 1e-3, 2e-3, 5e-3, 4e-3, 6e-3, 7e-3], {"speedup": 1.0}),
        ("matmul", 1e-5, {"peak_bytes": 10}),
        ("wrong", 1e-6, {"error": 9000.0}),
        ("broken", 1e-6, {"error": math.inf}),
    )
    reading = read([samples.write(tmp_path / "a.json", document)])
    loop, matmul, wrong, broken = reading.rows
    assert (loop["median_s"], loop["low_s"], loop["high_s"]) == (4e-3, 1e-3, 7e-3)
    assert (loop["confidence"], loop["samples"], loop["calls_per_sample"]) == (0.95, 7, 3)
    assert (loop["batch"], loop["sizes"], loop["threads"]) == (128, {"classes": 10}, 2)
    assert (loop["commit"], loop["commit_date"]) == ("ab12", "2026-02-01T00:00:00Z")
    assert (loop["date"], loop["machine_fingerprint"]) == ("2026-03-02T00:00:00Z", "abc123")
    assert matmul["low_s"] is matmul["confidence"] is None  # saved without its data
    assert (matmul["peak_bytes"], matmul["status"]) == (10, "ok")
    assert (wrong["status"], broken["status"]) == ("rejected", "rejected")
    assert "a-host" not in json.dumps([reading.rows, reading.machines])


def test_uncommitted_changes_and_a_missing_commit_are_reported(samples, tmp_path):
    for number, saved in enumerate([{"id": "ab", "dirty": True}, {"id": "unversioned"}]):
        document = samples.pytest_benchmark(("loop", 1.0)) | {"commit_info": saved}
        samples.write(tmp_path / f"{number}.json", document)
    assert [row["commit"] for row in read([tmp_path]).rows] == ["ab-dirty", None]


def test_any_mix_is_one_table_and_nothing_is_lost(samples, recorded, tmp_path):
    samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "deep" / "er" / "a.json")
    samples.write(tmp_path / ".benchmarks" / "b.json", samples.pytest_benchmark(("loop", 1.0)))
    samples.write(tmp_path / ".venv" / "c.json", {"not": "looked at"})
    reading = read([tmp_path, recorded])
    assert reading.warnings == []
    assert [row["harness"] for row in reading.rows] == ["pytest-benchmark", "einbench"] + 16 * [
        "asv"
    ]
    assert len(reading.machines) == 2


def test_a_file_given_twice_is_read_once(samples, tmp_path):
    path = samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "a.json")
    (tmp_path / "link.json").symlink_to(path)
    assert len(read([path, tmp_path, tmp_path / ".." / tmp_path.name]).rows) == 1
    samples.comparison(samples.record("loop", 1.0)).to_json(tmp_path / "b.json")
    assert len(read([tmp_path]).rows) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("median_s", -1.0), ("median_s", 0), ("median_s", "1"), ("median_s", True),
        ("median_s", 10**400), ("batch", 2**63), ("batch", -1), ("batch", 1.5), ("winner", 1),
        ("kernel", 3), ("sizes", [1]),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_kind_is_left_empty_and_reported(name, value):
    spoiled = set()
    assert tidy({name: value}, spoiled)[name] is None
    assert spoiled == {name}


@pytest.mark.parametrize("value", [None, "", math.nan, math.inf])
def test_nothing_is_no_wrong_value(value):
    spoiled = set()
    tidy(
        {"median_s": value if value != "" else None, "reason": value if value == "" else None},
        spoiled,
    )
    assert spoiled == set()


def test_texts_can_be_printed_and_stored_anywhere():
    row = tidy({"kernel": "a\x1b[31m\ud800\n b", "operation": "\x00"}, set())
    assert row["kernel"] == "a\ufffd[31m\ufffd b"
    assert row["operation"] == "\ufffd"


def test_the_interval_of_a_median_needs_six_values_and_covers_it():
    assert median_interval([1.0] * 5) is None
    assert median_interval([6.0, 1.0, 2.0, 5.0, 3.0, 4.0]) == (1.0, 6.0)
    # Conover's table: of 20 values the 6th and the 15th hold 95.9 %
    assert median_interval([float(n) for n in range(1, 21)]) == (6.0, 15.0)
    low, high = median_interval([float(n) for n in range(100_001)])
    assert 49_600 < low < 50_000 < high < 50_400
