"""A kernel that prepares: once a problem, kept, reported, and never inside the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench import Problem
from einbench.check.verdicts import check_small
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.run import run
from einbench.operation import Operation
from einbench.record import Record
from einbench.report.grid import blocks
from einbench.report.notes import notes

Array = np.ndarray[Any, Any]


@pytest.fixture
def op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    """``y = x W``, registered, with a kernel that prepares nothing."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    made = einbench.register(
        Operation(
            name="product_for_a_test",
            formula="Y[r, c] = sum_k X[r, k] W[k, c]",
            inputs={"x": "rows inner", "w": "inner columns"},
            outputs={"y": "rows columns"},
            leading="rows",
            sizes={"inner": 6, "columns": 3},
            terms=lambda s: s["inner"],
            options={"sign": ("plus", "minus")},
            reference=lambda x, w, sign: x @ w if sign == "plus" else -(x @ w),
            scale=lambda y, x, w, sign: np.abs(x) @ np.abs(w),
            flops=lambda s: 2 * s["rows"] * s["inner"] * s["columns"],
            baseline="matmul",
        )
    )

    @made.kernel("matmul")
    def matmul(x: Array, w: Array, *, sign: str) -> Array:
        return x @ w if sign == "plus" else -(x @ w)

    yield made
    einbench.forget(made)


def product(problem: Problem) -> Callable[[Array, Array], Array]:
    """The function of the arrays, with the sign in it."""
    factor = problem.dtype.type(1 if problem.options["sign"] == "plus" else -1)
    return lambda x, w: (x @ w) * factor


def counting(op: Operation, method: str = "planned") -> list[Problem]:
    """A kernel that prepares, and the problems that it prepared for."""
    made: list[Problem] = []

    @op.kernel(method, prepare=True)
    def planned(problem: Problem) -> Callable[[Array, Array], Array]:
        made.append(problem)
        return product(problem)

    return made


def test_it_prepares_once_for_sizes_dtype_options_and_layout(op: Operation) -> None:
    made = counting(op)
    kernel = op["planned"]
    for rows, dtype, sign, order in [
        (4, "float32", "plus", "C"), (5, "float32", "plus", "C"), (4, "float64", "plus", "C"),
        (4, "float32", "minus", "C"), (4, "float32", "plus", "F"),
    ]:  # fmt: skip
        x, w = op.draw(rows=rows, dtype=dtype).values()
        x = np.asarray(x, order=order)  # type: ignore[call-overload]
        before = len(made)
        for _ in range(3):
            np.testing.assert_allclose(
                kernel(x, w, sign=sign), op["matmul"](x, w, sign=sign), rtol=1e-5
            )
        assert len(made) == before + 1
        assert made[-1].sizes == {"rows": rows, "inner": 6, "columns": 3}
        assert (made[-1].dtype, made[-1].options) == (np.dtype(dtype), {"sign": sign})
        assert not made[-1].arrays, "a plan must not keep the arrays of a call alive"


def test_options_left_out_are_those_by_default(op: Operation) -> None:
    made = counting(op)
    x, w = op.draw(rows=3).values()
    op["planned"].function(x, w)
    op["planned"](x, w, sign="plus")
    assert len(made) == 1


def test_it_is_checked_and_writes_to_memory_that_is_given(op: Operation) -> None:
    counting(op)
    assert [str(v) for v in einbench.check(op, rows=20) if not v.passed] == []
    x, w = op.draw(rows=3).values()
    out = np.empty((3, 3), np.float32)
    assert op["planned"](x, w, out=out) is out
    np.testing.assert_allclose(out, x @ w, rtol=1e-5)


def test_what_it_prepares_may_be_another_kernel_whatever_that_can_do() -> None:
    expressed = einbench.expression("ij,jk->ik", i=4, j=5, k=6)
    expressed.kernel("mine", prepare=True)(lambda problem: expressed["matmul"])
    a, b = expressed.draw().values()
    out = np.full((4, 6), np.nan, np.float32)
    assert expressed["mine"](a, b, out=out) is out
    np.testing.assert_array_equal(out, expressed["mine"](a, b))


def test_what_is_chosen_does_not_prepare_again(op: Operation) -> None:
    made = counting(op)
    op.remove("matmul")
    x, w = op.draw(rows=3).values()
    choice = einbench.fastest(op, x, w, budget_s=0.01)
    before = len(made)
    for _ in range(3):
        np.testing.assert_allclose(choice(x, w), x @ w, rtol=1e-5)
        np.testing.assert_allclose(einbench.auto.product_for_a_test(x, w), x @ w, rtol=1e-5)
    assert len(made) == before


def test_seconds_of_preparing_add_up(op: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    @op.kernel("slow", prepare=True)
    def slow(problem: Problem) -> Any:
        time.sleep(0.002)
        return product(problem)

    body = op["slow"].body
    assert body.prepare_s == 0
    seen = [0.0]
    for rows in (1, 2, 3):
        op["slow"](*op.draw(rows=rows).values())
        seen.append(body.prepare_s or 0.0)
    assert seen == sorted(set(seen))
    op["slow"](*op.draw(rows=3).values())
    assert body.prepare_s == seen[-1]


def measured(op: Operation, rows: int, clock: Callable[[], float]) -> dict[str, Record]:
    """Records of one problem by that clock."""
    dtype = np.dtype("float32")
    verdicts = {v.method: v for v in check_small(op, op, dtype, seed=0)}
    found = run(
        Problem.at(op, rows).draw(0), Conditions("C", 1, 0), verdicts, {}, None,
        Limits(1.0, 0.1), clock=clock,
    )  # fmt: skip
    return {record.kernel: record for record in found.records}


@pytest.mark.long
def test_preparing_is_never_inside_the_clock(op: Operation) -> None:
    """A clock that only kernels move: a call takes 1 ms, preparing 50 ms."""
    op.remove("matmul")  # which would not move it
    now_s = 0.0

    def spend(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    @op.kernel("slow", prepare=True)
    def slow(problem: Problem) -> Any:
        spend(0.05)
        call = product(problem)

        def timed(x: Array, w: Array) -> Array:
            spend(0.001)
            return call(x, w)

        return timed

    record = measured(op, 40, lambda: now_s)["slow"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.samples > 0
    assert max(s for s in record.samples_s if s is not None) == pytest.approx(0.001)
    assert record.predicted_s == pytest.approx(0.04)  # from one row


def test_what_preparing_took_is_recorded_and_printed_as_compilation_is(op: Operation) -> None:
    @op.kernel("slow", prepare=True)
    def slow(problem: Problem) -> Any:
        time.sleep(0.05 if problem.batch == 40 else 0)
        return product(problem)

    comparison = einbench.compare(op, batches=40, budget_s=0.05)
    record = next(r for r in comparison.records if r.kernel == "slow")
    assert record.prepare_s == op["slow"].body.prepare_s
    assert next(r.prepare_s for r in comparison.records if r.kernel == "matmul") is None
    reported = [
        note.text for note in notes(blocks(comparison.records)[0]) if note.about == "prepared"
    ]
    assert reported == [f"prepared before timing: slow {record.prepare_s:.2f} s"]
    assert reported[0] in " ".join(str(comparison).split())
    assert comparison.to_pandas().set_index("kernel").prepare_s["slow"] == record.prepare_s


def test_what_cannot_prepare_has_failed_and_the_others_are_compared(op: Operation) -> None:
    @op.kernel("broken", prepare=True)
    def broken(problem: Problem) -> Any:
        if problem.batch == 4999:
            raise RuntimeError("no plan for that")
        return product(problem)

    records = einbench.compare(op, batches=4999, budget_s=0.05).records
    found = {r.kernel: r for r in records}
    assert (found["broken"].status, found["broken"].reason) == (
        "failed", "RuntimeError: no plan for that",
    )  # fmt: skip
    assert found["matmul"].status == "ok"
    assert found["matmul"].winner


def test_what_cannot_prepare_any_more_when_it_is_timed_has_failed(op: Operation) -> None:
    """Memory for plans is given up meanwhile, and there is none for another."""
    prepared: set[Problem] = set()

    @op.kernel("once", prepare=True)
    def once(problem: Problem) -> Any:
        if problem in prepared and problem.batch == 40:
            raise RuntimeError("not twice")
        prepared.add(problem)
        call = product(problem)

        def forgetful(x: Array, w: Array) -> Array:
            op["once"].body._made.clear()  # type: ignore[attr-defined]
            return call(x, w)

        return forgetful

    found = {r.kernel: r for r in einbench.compare(op, batches=40, budget_s=0.05).records}
    assert (found["once"].status, found["once"].reason) == ("failed", "RuntimeError: not twice")
    assert found["matmul"].winner


def test_what_prepares_nothing_that_can_be_called_is_reported_in_one_line(op: Operation) -> None:
    @op.kernel("wrong", prepare=True)
    def wrong(problem: Problem) -> Any:
        return problem.sizes

    x, w = op.draw(rows=3).values()
    expected = r"wrong\(problem\) returned dict; a kernel that prepares must return a function"
    with pytest.raises(TypeError, match=expected):
        op["wrong"](x, w)
    (verdict,) = [v for v in einbench.check(op, rows=5) if v.method == "wrong"]
    assert "must return a function of the arrays" in verdict.reason


def test_preparing_and_compiling_come_apart(op: Operation) -> None:
    with pytest.raises(ValueError, match="compile=True and prepare=True; choose one"):
        op.kernel("both", compile=True, prepare=True)(product)


def test_threads_that_call_at_once_prepare_once(op: Operation) -> None:
    made = []

    @op.kernel("slow", prepare=True)
    def slow(problem: Problem) -> Any:
        made.append(problem)
        time.sleep(0.02)
        return product(problem)

    x, w = op.draw(rows=3).values()
    together = threading.Barrier(8)
    results: list[Array] = []

    def call() -> None:
        together.wait()
        results.append(op["slow"](x, w))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(results) == 8
    assert all(np.array_equal(result, x @ w) for result in results)


def test_plans_that_were_made_first_are_given_up_first(op: Operation) -> None:
    from einbench.prepared import MOST_PROBLEMS

    made = counting(op)
    drawn = [op.draw(rows=rows) for rows in range(1, MOST_PROBLEMS + 2)]
    for arrays in drawn:
        op["planned"](**arrays)
    op["planned"](**drawn[-1])
    assert len(made) == MOST_PROBLEMS + 1
    op["planned"](**drawn[0])
    assert len(made) == MOST_PROBLEMS + 2
