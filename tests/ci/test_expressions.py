"""The thirty expressions on pytest-benchmark's clock, in a suite that is run where it is named."""

from __future__ import annotations

import pytest

from einbench.records.read import read

FILE = "expressions.py"
SOME = "rowdots and not 784 and einsum"


@pytest.mark.long
def test_all_thirty_are_there_and_in_no_other_run(suite):
    listed = suite("--collect-only", "-q", file=FILE).out.splitlines()
    names = {line.partition("[")[2].rpartition("-")[0] for line in listed if "::" in line}
    assert len(names) == 30
    assert "test_expression" not in suite("--collect-only", "-q", "-k", "einsum").out


@pytest.mark.long
def test_they_are_checked_where_nothing_is_timed(suite):
    finished = suite("-q", "-k", SOME, "--benchmark-disable", file=FILE)
    assert finished.status == 0, finished.out
    assert "NOT TIMED: --benchmark-disable was given; run without it (2 checked)" in finished.out


@pytest.mark.long
def test_what_was_timed_is_read_back_as_an_expression(suite, tmp_path):
    results = tmp_path / "results.json"
    finished = suite(
        "-q", "-k", SOME, "--benchmark-max-time=0.01", f"--benchmark-json={results}", file=FILE
    )
    assert finished.status == 0, finished.out
    rows = {row["kernel"]: row for row in read([results]).rows}
    assert set(rows) == {"einsum", "einsum_path"}
    assert all(row["operation"] == "bi,bi->b" and row["median_s"] > 0 for row in rows.values())
    assert rows["einsum"]["batch"] == 100_000
    assert rows["einsum"]["speedup"] > 0
