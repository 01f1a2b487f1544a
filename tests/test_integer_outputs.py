"""Outputs that are whole numbers: int64, equal or wrong, everywhere that floating ones are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.truth import exact_truth, truth
from einbench.operation import Operation
from einbench.problem import Problem

Array = np.ndarray[Any, Any]


def best_by_hand(scores: Array) -> Array:
    found = np.empty(len(scores), np.int64)
    for r in range(len(scores)):
        best = 0
        for k in range(scores.shape[1]):
            if scores[r, k] > scores[r, best]:
                best = k
        found[r] = best
    return found


def best_to_memory(scores: Array, out: Array) -> None:
    for r in range(len(scores)):
        best = 0
        for k in range(scores.shape[1]):
            if scores[r, k] > scores[r, best]:
                best = k
        out[r] = best


def make(**changes: Any) -> Operation:
    facts: dict[str, Any] = {
        "name": "best_for_a_test",
        "formula": "l[r] = argmax_k S[r, k]",
        "inputs": {"scores": "rows kinds"},
        "outputs": {"labels": "rows"},
        "integer_outputs": ("labels",),
        "leading": "rows",
        "sizes": {"kinds": 9},
        "independent": ("rows",),
        "reference": lambda scores: scores.argmax(axis=1),
        "scale": lambda labels, scores: np.ones(labels.shape),
        "flops": lambda s: s["rows"] * s["kinds"],
    }
    return Operation(**{**facts, **changes})


@pytest.fixture
def op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    made = einbench.register(make())
    made.kernel("loop")(best_by_hand)
    made.kernel("ufunc")(lambda scores: scores.argmax(axis=1))
    made.kernel("numba", compile=True)(best_by_hand)
    made.kernel("numba_out", compile=True)(best_to_memory)
    yield made
    einbench.forget(made)


def reasons(op: Operation) -> dict[str, str]:
    return {v.method: v.reason for v in einbench.check(op, rows=40)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interpreted_and_compiled_kernels_are_right_with_and_without_memory(
    op: Operation, dtype: str
) -> None:
    assert [str(v) for v in einbench.check(op, rows=300, dtype=dtype) if not v.passed] == []
    scores = op.draw(rows=20, dtype=dtype)["scores"]
    for kernel in op:
        out = np.full(20, -1, np.int64)
        for result in (kernel(scores), kernel(scores, out=out), out):
            assert result.dtype == np.int64
            np.testing.assert_array_equal(result, scores.argmax(axis=1))


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_memory_for_them_is_of_int64(op: Operation, dtype: str) -> None:
    with pytest.raises(TypeError, match=f"out for labels must be an array of int64, got {dtype}"):
        op["ufunc"](op.draw(rows=3)["scores"], out=np.empty(3, dtype))


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (lambda s: s.argmax(axis=1) + (np.arange(len(s)) == 3), r"labels[3] is"),
        (lambda s: s.argmax(axis=1).astype(np.int32), "labels is int32, expected int64"),
        (lambda s: s.argmax(axis=1).astype(s.dtype), "labels is float32, expected int64"),
        (
            lambda s: [int(n) for n in s.argmax(axis=1)],
            "returns list for labels",
        ),
    ],
)
def test_one_beside_the_truth_is_wrong_however_small_the_difference(
    op: Operation, kernel: Callable[[Array], Any], said: str
) -> None:
    """The scale says that rounding may make a difference of one: of whole numbers it may not."""
    op.kernel("wrong")(kernel)
    assert said in reasons(op)["wrong"]


def test_whole_numbers_beyond_what_a_float_holds_are_compared_exactly() -> None:
    large = 2**53 + 1
    op = make(
        outputs={"labels": "rows"},
        reference=lambda scores: np.full(len(scores), large),
        exact=lambda rng, dtype, sizes: {"scores": np.ones((sizes["rows"], 9), dtype)},
    )
    op.kernel("right")(lambda scores: np.full(len(scores), large))
    op.kernel("wrong")(lambda scores: np.full(len(scores), large - 1))
    found = reasons(op)
    assert found["right"] == ""
    assert "is 9,007,199,254,740,992 where 9,007,199,254,740,993 was expected" in found["wrong"]
    problem = Problem.at(op, 3).draw(0)
    for expected in (truth(problem), exact_truth(problem)):
        assert expected.outputs[0].dtype == np.int64


def test_a_reference_that_gives_no_whole_numbers_is_reported_in_one_line() -> None:
    op = make(reference=lambda scores: scores[:, 0])
    with pytest.raises(ValueError, match="its reference gives labels that are no whole numbers"):
        einbench.check(op)


def test_floating_and_whole_outputs_come_together() -> None:
    op = make(
        outputs={"largest": "rows", "labels": "rows"},
        reference=lambda scores: (scores.max(axis=1), scores.argmax(axis=1)),
        scale=lambda outputs, scores: (np.abs(outputs[0]), np.zeros(len(scores))),
    )
    op.kernel("both")(lambda scores: (scores.max(axis=1), scores.argmax(axis=1)))
    op.kernel("wrong")(lambda scores: (scores.max(axis=1), scores.argmin(axis=1)))
    found = reasons(op)
    assert found["both"] == ""
    assert "labels" in found["wrong"]
    result = op["both"](**op.draw(rows=2))
    assert (result.largest.dtype, result.labels.dtype) == (np.float32, np.int64)


def test_they_are_compared_and_chosen_like_others(op: Operation) -> None:
    records = einbench.compare(op, batches=(1, 50), budget_s=0.1).records
    assert {(r.status, r.error) for r in records} == {("ok", 0.0)}
    scores = op.draw(rows=20)["scores"]
    choice = einbench.fastest(op, scores, budget_s=0.01)
    out = np.empty(20, np.int64)
    for result in (
        choice(scores), einbench.auto.best_for_a_test(scores),
        einbench.auto.best_for_a_test(scores, out=out), out,
    ):  # fmt: skip
        np.testing.assert_array_equal(result, scores.argmax(axis=1))


def test_a_kernel_that_returns_a_number_of_pythons_gets_a_message_what_to_do() -> None:
    op = make(outputs={"labels": ""}, reference=lambda scores: np.asarray(scores.argmax()),
              independent=(), leading=None, sizes={"rows": 4, "kinds": 9})  # fmt: skip
    op.kernel("number")(lambda scores: int(scores.argmax()))
    op.kernel("array")(lambda scores: np.asarray(scores.argmax()))
    assert reasons_of(op) == {
        "array": "",
        "number": "returns int for labels, expected an array of int64 without axes: "
        "np.asarray(labels)",
    }


def test_a_floating_number_of_pythons_as_well() -> None:
    op = make(outputs={"total": ""}, integer_outputs=(), independent=(),
              reference=lambda scores: scores.sum(),
              terms=lambda s: s["rows"] * s["kinds"],
              scale=lambda total, scores: np.abs(scores).sum())  # fmt: skip
    op.kernel("number")(lambda scores: float(scores.sum()))
    op.kernel("scalar")(lambda scores: scores.sum())
    for method, kind in (("number", "float"), ("scalar", "float32")):
        assert reasons_of(op)[method] == (
            f"returns {kind} for total, expected an array of float32 without axes: "
            "np.asarray(total)"
        )


def reasons_of(op: Operation) -> dict[str, str]:
    return {v.method: v.reason for v in einbench.check(op)}
