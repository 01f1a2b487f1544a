"""Winners that results name: known by hand, never of a kernel that is not ok, never across runs."""

from dataclasses import replace

import pytest

from einbench.records import choice
from einbench.records.read import read


@pytest.fixture
def won(samples, tmp_path):
    """(winner, ties, runner-up) of the one cell in some documents."""

    def of(*documents):
        for number, document in enumerate(documents):
            samples.write(tmp_path / "reference" / f"{number}.json", document)
        (cell,) = choice.cells(read([tmp_path]).rows)
        winner, following = cell.winner, cell.runner_up
        return winner and winner["kernel"], cell.ties, following and following["kernel"]

    return of


def test_a_comparison_has_its_own_winner_and_ties(samples, won):
    rows = [
        samples.record("loop", 1.0),
        samples.record("einsum", 0.10, winner=True, tie=True),
        samples.record("matmul", 0.09, tie=True),
        samples.record("numba", 0.11),
    ]
    assert won(samples.comparison(*rows).document()) == ("einsum", ("matmul",), "numba")


def test_kernels_tie_where_their_intervals_meet_and_the_simplest_wins(samples, won):
    names, times = ["loop", "einsum", "matmul", "numba"], [5.0, 1.05, 1.0, 1.09]
    low, high = [4.9, 1.02, 0.99, 1.07], [5.1, 1.07, 1.01, 1.1]
    # 1.02 < 1.02 x 1.01 < 1.07
    assert won(samples.asv(names, times, low, high)) == ("einsum", ("matmul",), "numba")


def test_an_interval_that_reaches_anywhere_makes_no_tie(samples, won):
    names, times = ["loop", "matmul"], [5.0, 1.0]
    assert won(samples.asv(names, times, [0.1, 0.9], [9.0, 1.1])) == ("matmul", (), "loop")


def test_without_intervals_two_percent_tie(samples, won):
    document = samples.pytest_benchmark(("loop", 1.03), ("einsum", 1.019), ("matmul", 1.0))
    assert won(document) == ("einsum", ("matmul",), "loop")


@pytest.mark.parametrize("status", ["rejected", "failed", "skipped", "unavailable"])
def test_a_kernel_that_is_not_ok_never_wins_however_fast(samples, won, status):
    rows = [
        samples.record("loop", 1.0),
        samples.record("matmul", 0.001, status, winner=True, tie=True),
    ]
    assert won(samples.comparison(*rows).document()) == ("loop", (), None)


def test_a_rejected_kernel_with_the_best_time_does_not_win_in_any_harness(samples, won):
    assert won(samples.pytest_benchmark(("loop", 1.0), ("matmul", 0.01, {"error": 9e3}))) == (
        "loop", (), None,
    )  # fmt: skip
    assert won(samples.asv(["loop", "matmul"], [1.0, 0.01], errors=[0.5, 9e3]))[0] == "loop"


def test_without_a_kernel_that_is_ok_there_is_no_winner(samples, won):
    assert won(samples.asv(["loop", "matmul"], [None, None])) == (None, (), None)


def test_runs_are_not_held_against_each_other_and_the_latest_counts(samples, won):
    old = samples.asv(["loop", "matmul"], [1.0, 0.001], commit="a" * 40, date_ms=1.6e12)
    new = samples.asv(["loop", "einsum"], [1.0, 0.5], commit="b" * 40, date_ms=1.7e12)
    assert won(new, old) == ("einsum", (), "loop")
    dated = samples.comparison(samples.record("loop", 1.0), date="2026-05-01T00:00:00Z")
    undated = samples.comparison(samples.record("einsum", 0.1)).document()
    del undated["date"]
    rows = []
    for document in (dated.document(), undated):
        rows += _rows(document)
    (cell,) = choice.cells(rows)
    assert cell.winner["kernel"] == "loop"


def test_a_later_run_that_timed_nothing_leaves_the_winner_one_that_failed_does_not(samples, won):
    old = samples.asv(["loop", "matmul"], [1.0, 0.1], commit="a" * 40, date_ms=1.6e12)
    new = samples.asv(["loop", "matmul"], None, errors=[0.1, 0.1], commit="b" * 40, date_ms=1.7e12)
    assert won(old, new) == (None, (), None)
    del new["results"]["softmax.time_kernel"]
    assert won(old, new) == ("matmul", (), "loop")


def _rows(document):
    from einbench.records.einbench_file import rows

    return rows(document, str(id(document))).rows


def test_what_differs_in_size_layout_threads_or_machine_is_not_compared(samples):
    differing = [
        {}, {"layout": "F"}, {"threads": 1}, {"dtype": "float64"},
        {"sizes": {"batch": 128, "classes": 11}}, {"options": {"reduction": "sum"}},
    ]  # fmt: skip
    rows = [samples.record("loop", 1.0, **facts) for facts in differing]
    document = samples.comparison(*rows).document()
    assert len(choice.cells(_rows(document))) == len(differing)
    other = samples.MACHINE | {"fingerprint": "other"}
    both = _rows(document) + _rows(samples.comparison(*rows, machine=other).document())
    assert len(choice.cells(both)) == 2 * len(differing)


def test_the_speedup_is_that_of_the_run_else_the_ratio_of_medians(samples):
    rows = [
        samples.record("loop", 1.0, speedup=1.0),
        samples.record("matmul", 0.1, winner=True, speedup=11.0, speedup_predicted=True),
    ]
    (cell,) = choice.cells(_rows(samples.comparison(*rows).document()))
    assert (cell.speedup, cell.speedup_predicted, cell.baseline) == (11.0, True, "loop")
    rows = [replace(row, speedup=None) for row in rows]
    (cell,) = choice.cells(_rows(samples.comparison(*rows).document()))
    assert (cell.speedup, cell.speedup_predicted) == (10.0, False)


def test_kernels_without_an_error_in_the_file_are_reported(samples):
    rows = [samples.record("loop", 1.0, error=None), samples.record("matmul", 0.1)]
    (cell,) = choice.cells(_rows(samples.comparison(*rows).document()))
    assert cell.unchecked == ("loop",)


def test_real_asv_results_name_the_kernels_that_were_made_to_win(recorded):
    cells = choice.cells(read([recorded]).rows)
    assert [(c.facts["batch"], c.winner["kernel"], c.ties) for c in cells] == [
        (1, "einsum", ()), (128, "matmul", ()),
    ]  # fmt: skip
    assert all(cell.facts["commit"].startswith("bbe9e806") for cell in cells)
