"""The report: every record is shown, nothing is wider than it may be, nothing is cut."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

from einbench.record import Record
from einbench.report.choice import explain
from einbench.report.terminal import as_html, as_text, picture, show
from einbench.verbs.comparison import Comparison

MACHINE = {
    "cpu": "A Processor", "threads": 2, "numpy": "2.4.6", "numba": "0.68.1", "python": "3.11.7",
    "blas": [{"vendor": "openblas", "version": "0.3.30"}],
}  # fmt: skip


def record(kernel, batch, status="ok", **fields):
    row = {
        "operation": "linear", "kernel": kernel,
        "sizes": {"batch": batch, "features": 784, "units": 128},
        "options": {}, "dtype": "float32", "layout": "C", "threads": 2, "status": status,
    }  # fmt: skip
    if status == "ok":
        row |= {
            "median_s": 1.23e-3, "low_s": 1.2e-3, "high_s": 1.3e-3, "samples": 12,
            "speedup": 1234.0, "error": 1.34, "limit": 12.0, "gflops_per_s": 56.2,
            "roofline": 0.381, "peak_bytes": 0,
        }  # fmt: skip
    return Record(**row | fields)


def too_slow(kernel, batch, predicted, source):
    reason = f"about {predicted} at this size ({source})"
    return record(kernel, batch, "skipped", reason=reason)


@pytest.fixture
def comparison():
    rows = []
    for batch in (1, 128, 10_000, 60_000):
        tied = batch == 128
        rows += [
            record("loop", 1, speedup=1.0, few_samples=True)
            if batch == 1
            else too_slow("loop", batch, f"{batch} min", "436 ms at batch 10"),
            record("einsum_path", batch, winner=True, tie=tied, speedup_predicted=batch > 1),
            record("matmul", batch, tie=tied, unstable=batch == 10_000),
            record("numba_parallel", batch, "unavailable", reason="no safe threading layer"),
            record(
                "broadcast", batch, "skipped",
                reason="needs 24.1 GB of temporaries, more than 1 GB",
            ),
        ]  # fmt: skip
    return Comparison(rows, MACHINE, {"timed_s": 12.0, "data": "MNIST", "seed": 0}, 31.0)


def rejected(comparison, kernel="matmul", reason="row 3 is off by 9,000 units of rounding"):
    rows = [
        record(kernel, row.batch, "rejected", reason=reason) if row.kernel == kernel else row
        for row in comparison.records
    ]
    return Comparison(rows, MACHINE, {}, 1.0)


@pytest.mark.parametrize("width", [40, 48, 60, 72, 80, 100, 120, 140, 200])
def test_no_line_is_longer_than_the_width_and_no_name_is_cut(comparison, width):
    text = as_text(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    for name in ("loop", "einsum_path", "matmul", "numba_parallel", "broadcast"):
        assert re.search(rf"^{name}\b", text, re.MULTILINE)
    for batch in ("batch 1", "batch 128", "batch 10,000", "batch 60,000"):
        assert batch in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_processor_time_by_wall_time_is_a_column_where_it_is_known(comparison, width):
    assert "cores" not in as_text(comparison, width)
    rows = [
        dataclasses.replace(row, cores=1.87) if row.status == "ok" else row
        for row in comparison.records
    ]
    text = as_text(Comparison(rows, MACHINE, {}, 1.0), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("1.87") == sum(row.status == "ok" for row in rows)
    assert re.search(r"^cores +processor time of all", text, re.MULTILINE)


@pytest.mark.parametrize("status", ["crashed", "hung"])
def test_what_a_kernel_did_to_its_process_is_in_its_cell_and_alarming(comparison, status):
    reason = "ended its process with SIGSEGV"
    rows = [*comparison.records, record("bad", 1, status, reason=reason)]
    text = as_text(Comparison(rows, MACHINE, {}, 1.0), 100)
    assert re.search(rf"^bad +{status.upper()}", text, re.MULTILINE)
    assert text.count(f"{status.upper()} ") >= 2
    assert reason in " ".join(text.split())


def test_a_width_below_the_narrowest_is_raised_to_it(comparison):
    assert as_text(comparison, 5) == as_text(comparison, 40)


def test_a_long_name_stands_on_a_line_of_its_own():
    name = "jacobian_einsum_premultiplied_and_more"
    text = as_text(Comparison([record(name, b) for b in (1, 128)], MACHINE), 60)
    assert name in text.splitlines()
    assert max(map(len, text.splitlines())) <= 60


def test_a_roomy_terminal_gives_each_kernel_one_line(comparison):
    lines = as_text(comparison, 180).splitlines()
    (line,) = [line for line in lines if line.startswith("matmul")]
    assert line.count("1.23 ms") == 4
    assert line.count("1,200x") == 4
    assert line.count("56") == line.count("38%") == line.count("1.3 ") + 1 == 4


def test_winners_ties_and_doubts_are_marked_without_colour(comparison):
    text = as_text(comparison, 120)
    assert "*1.23 ms" in text
    assert "=1.23 ms" in text
    assert "1.23 ms±" in text
    assert "1.23 ms?" in text
    assert "~1,200x" in text
    assert "batch 128: einsum_path and matmul tie; the simplest is marked *" in text


def test_a_cell_without_numbers_says_why_and_the_full_reason_stands_once(comparison):
    text = as_text(comparison, 120)
    assert "about 60000 min" in text
    assert text.count("436 ms at batch 10") == 1
    assert "needs 24.1 GB" in text
    assert text.count("more than 1 GB") == 1
    assert text.count("no safe threading layer") == 1
    assert text.count("unavailable") == 4 + 1


def test_another_reason_to_skip_is_reported_with_the_batches_it_holds_for():
    rows = [record("loop", 1), record("loop", 128, "skipped", reason="too slow")]
    assert "skipped loop at batch 128: too slow" in as_text(Comparison(rows, MACHINE), 80)


@pytest.mark.parametrize("width", [60, 100, 140])
def test_a_rejected_kernel_is_reported_in_its_cells_under_the_table_and_at_the_end(
    comparison, width
):
    text = " ".join(as_text(rejected(comparison), width).split())
    assert text.count("REJECTED") == 4 + 1 + 1
    assert "REJECTED matmul: row 3 is off by 9,000 units of rounding" in text
    assert "REJECTED linear[matmul]: row 3 is off" in text


def test_a_rejected_kernel_is_red(comparison):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", width=100)
    show(rejected(comparison), console)
    assert "\x1b[1;37;41mREJECTED\x1b[0m" in out.getvalue()


def test_text_has_no_escape_codes_and_no_markup_is_read_into_it(comparison):
    text = as_text(rejected(comparison, reason="[bold]x[/bold] :smile:"), 100)
    assert "\x1b" not in text
    assert "[bold]x[/bold] :smile:" in text


def test_the_summary_names_winners_and_ties_and_the_machine_follows(comparison):
    summary = as_text(comparison, 100).split("SUMMARY")[1]
    assert "einsum_path ~1,200x" in summary
    assert summary.count("= matmul") == 1
    assert "A Processor, 2 threads, OpenBLAS 0.3.30, NumPy 2.4.6, numba 0.68.1" in summary
    assert "took 31 s, 12 s of it timing" in summary
    for mark in ("*", "=", "±", "?", "~", "GF/s", "best", "err"):
        assert re.search(rf"^{re.escape(mark)} ", summary, re.MULTILINE)


def test_dtypes_have_tables_of_their_own(comparison):
    double = [dataclasses.replace(row, dtype="float64") for row in comparison.records]
    text = as_text(Comparison(comparison.records + double, MACHINE), 100)
    assert "linear float32" in text
    assert "linear float64" in text


def test_an_operation_without_a_batch_or_a_registered_name_has_a_table():
    rows = [record(k, 1, operation="mine", sizes={"rows": 3}, winner=k == "a") for k in "ab"]
    text = as_text(Comparison(rows, {}), 80)
    assert text.startswith("mine\nrows 3")
    assert "one size" in text
    assert "unknown processor" in text


def test_nothing_measured_is_said():
    text = as_text(Comparison([], MACHINE, {}, 0.1, interrupted=True), 80)
    assert "No cell was measured." in text
    assert "interrupted before its end" in text


def test_columns_decide_the_width_where_none_is_given(comparison, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert str(comparison) == as_text(comparison, 70)


def test_html_holds_the_same_and_nothing_from_outside(comparison):
    html = as_html(rejected(comparison, reason="<script>alert(1)</script>"))
    assert html.count("REJECTED") == 4 + 1 + 1
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"https?:|src=|href=", html)
    assert "median of 12 samples, 95 % interval 1.2 ms to 1.3 ms" in html
    assert html.count("<table") == 2
    assert "= matmul" in as_html(comparison)


def test_the_picture_refers_to_nothing_outside_it(comparison, tmp_path):
    path = picture(rejected(comparison), tmp_path / "deep" / "tables.svg")
    svg = path.read_text(encoding="utf-8")
    assert set(re.findall(r"https?:[^\"\s]*", svg)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in svg
    assert "@import" not in svg
    assert "REJECTED" in svg


def test_the_picture_has_a_dark_colour_for_each_light_one(comparison, tmp_path):
    svg = picture(rejected(comparison), tmp_path / "a.svg").read_text(encoding="utf-8")
    light, dark = svg.split("@media (prefers-color-scheme: dark)")
    classes = [
        re.findall(r"\.(einbench-r\d+) \{", part.split("</style>")[0]) for part in (light, dark)
    ]
    assert classes[0] == classes[1] != []


def test_an_explanation_tells_the_winner_the_others_and_who_was_left_out(comparison):
    rows = [row for row in comparison.records if row.batch == 128]
    text = explain(rows, 100)
    assert text.startswith(
        "linear at batch 128: einsum_path, the simplest of those that tie: einsum_path and matmul"
    )
    assert "* einsum_path" in text
    assert "~1,200x loop  error 1.3" in text
    assert "  numba_parallel: unavailable, no safe threading layer" in text
    assert "  loop: skipped, about 128 min at this size (436 ms at batch 10)" in text


def test_an_explanation_without_a_winner_says_so():
    text = explain([record("loop", 128, "rejected", reason="wrong")])
    assert text.startswith("linear at batch 128: no kernel was timed")
    assert "loop: rejected, wrong" in text
