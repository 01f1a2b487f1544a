"""The axis of rows has any name, and is asked for as batch or by that name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.choose import tune
from einbench.cli import main
from einbench.operation import Operation
from einbench.records.asv_file import beyond

Array = np.ndarray[Any, Any]


@pytest.fixture
def op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    """``y = 2 x`` over rows of values."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    made = einbench.register(
        Operation(
            name="doubled_rows",
            formula="Y[r, k] = 2 X[r, k]",
            inputs={"x": "rows width"},
            outputs={"y": "rows width"},
            leading="rows",
            sizes={"width": 3},
            independent=("rows", "width"),
            terms=lambda s: s["rows"],
            reference=lambda x: 2 * x,
            scale=lambda y, x: np.abs(y),
            flops=lambda s: s["rows"] * s["width"],
        )
    )

    @made.kernel("loop")
    def loop(x: Array) -> Array:
        y = np.empty_like(x, order="C")
        for row, result in zip(x, y, strict=True):
            result[...] = 2 * row
        return y

    @made.kernel("ufunc")
    def ufunc(x: Array) -> Array:
        return np.multiply(x, 2, order="C")

    yield made
    einbench.forget(made)


def test_rows_are_drawn_as_batch_or_by_their_name(op: Operation) -> None:
    assert op.draw(5)["x"].shape == op.draw(batch=5)["x"].shape == (5, 3)
    assert op.draw(rows=5)["x"].shape == (5, 3)
    assert op.draw(rows=0)["x"].shape == (0, 3)
    assert op.draw()["x"].shape == (128, 3)
    assert op.draw(5, rows=5, width=2)["x"].shape == (5, 2)
    with pytest.raises(ValueError, match="batch=4 and rows=5 are both its number of rows"):
        op.draw(4, rows=5)


def test_the_check_takes_both_and_says_at_how_many_rows(op: Operation) -> None:
    for asked in ({"batch": 20}, {"rows": 20}):
        verdicts = einbench.check(op, **asked)
        assert [(v.passed, v.batch) for v in verdicts] == [(True, 20)] * 2
    with pytest.raises(ValueError, match="both its number of rows"):
        einbench.check(op, batch=20, rows=21)


def test_records_tables_and_exports_have_the_rows_as_batch(op: Operation) -> None:
    comparison = einbench.compare(op, batches=(1, 20), budget_s=0.1)
    assert [(r.leading, r.batch, r.other_sizes) for r in comparison.records[::2]] == [
        ("rows", 1, {"width": 3}), ("rows", 20, {"width": 3}),
    ]  # fmt: skip
    text = str(comparison)
    assert "batch 1 " in text
    assert "batch 20" in text
    assert "width 3 · float32" in text
    table = comparison.to_pandas()
    assert list(table.batch) == [1, 1, 20, 20]
    assert set(table.sizes) == {'{"width": 3}'}


def test_rows_asked_for_as_another_size_are_answered_with_batches(op: Operation) -> None:
    with pytest.raises(ValueError, match=r"rows is the axis of rows; give batches=\(1, 128\), say"):
        einbench.compare(op, rows=5)
    with pytest.raises(ValueError, match="rows is the axis of rows; give its sizes as batches"):
        tune.plan([op], sizes={"rows": 5})


def test_choices_are_made_remembered_and_interpolated_by_rows(op: Operation) -> None:
    tuned = list(tune.tune(tune.plan([op], batches=(2, 8))))
    assert [(t.origin, str(t.problem)) for t in tuned] == [
        ("measured", "doubled_rows rows 2"), ("measured", "doubled_rows rows 8"),
    ]  # fmt: skip
    assert einbench.fastest(op, op.draw(rows=2)["x"]).origin == "remembered"
    choice = einbench.fastest(op, op.draw(rows=4)["x"], budget_s=0.01)
    assert {r.batch for r in choice.records} == {4}
    assert "doubled_rows at batch 4:" in str(choice)
    x = op.draw(rows=8)["x"]
    np.testing.assert_array_equal(einbench.auto.doubled_rows(x), 2 * x)


@pytest.mark.long
def test_commands_take_batch_for_them(op: Operation, tmp_path: Path) -> None:
    def run(*args: str) -> str:
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == 0, done.output
        return done.output.replace("\u00a0", " ")

    out = str(tmp_path / "out.json")
    run("check", "doubled_rows", "--batch", "9", "--json", out)
    assert {v["batch"] for v in json.loads(Path(out).read_text())["verdicts"]} == {9}
    run("compare", "--operation", "doubled_rows", "--batch", "9", "--budget", "0.05", "--json", out)
    assert "\n    9 " in run("fastest", "--from", out, "--batch", "9")
    run("fastest", "doubled_rows", "--batch", "9", "--json", out)
    run("tune", "doubled_rows", "--batch", "2,9")
    shown = run("wisdom", "show")
    assert "doubled_rows  batch " in shown
    assert "rows 9" not in shown
    csv = tmp_path / "out.csv"
    run("export", out, "--format", "csv", "--output", str(csv))
    assert set(csv.read_text().splitlines()[1].split(",")) >= {"doubled_rows", "9"}


def test_a_limit_that_grows_with_rows_is_that_of_the_rows(op: Operation) -> None:
    facts = {"operation": op.name, "sizes": {"width": 3}, "error": 15.0}
    assert beyond({**facts, "batch": 10})
    assert not beyond({**facts, "batch": 1000})


def test_the_suites_of_pytest_benchmark_and_asv_have_a_cell_for_each_batch(op: Operation) -> None:
    from benchmarks.ci.groups import parameters
    from benchmarks.history.listing import listed

    cells = [cell.id for cell in parameters([op], (1, 128), {})]
    assert cells == [f"doubled_rows-{b}-{k}" for b in (1, 128) for k in ("loop", "ufunc")]
    assert {each.operation for each in listed() if not each.batched} == {
        o.name for o in einbench.operations.values() if o.leading is None
    }
