"""The check at the timed size: slices that hold both ends, exact cases, and their answers."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check import sized
from einbench.check.layouts import as_layout
from einbench.check.probe import small_sizes
from einbench.check.sized import exact_case, judge_output, timed_case
from einbench.check.truth import cut
from einbench.problem import Problem

DTYPES = pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
ALL = list(einbench.operations.values())


def each(operations):
    return pytest.mark.parametrize("op", operations, ids=lambda op: op.name)


@pytest.fixture
def sliced(monkeypatch):
    """References so expensive that only a slice is computed at a few hundred rows."""
    monkeypatch.setattr(sized, "_AFFORDABLE_FLOPS", {"float32": 2e3, "float64": 2e3})


def asked(op, dtype, batch=300, seed=0, **options):
    arrays = tuple(op.draw(batch, dtype, 1, **small_sizes(op)).values())
    chosen = op.choose_options(options)
    return timed_case(Problem.of(op, arrays, chosen), seed), arrays, chosen


def right(op):
    """A kernel that is known to be right, and soon done where there is a compiled one."""
    return op["numba" if "numba" in op else op.baseline].function


@each(ALL)
@DTYPES
def test_a_right_kernel_answers_at_the_timed_size(op, dtype):
    case, arrays, options = asked(op, dtype)
    units, reason = judge_output(case, right(op)(*arrays, **options))
    assert reason == ""
    assert units <= case.truth.limit
    assert not case.truth.exact


@each([op for op in ALL if op.independent and not op.independent_options])
@DTYPES
def test_slices_always_hold_the_first_and_the_last_index(op, dtype, sliced):
    kept = []
    for seed in range(5):
        case, arrays, options = asked(op, dtype, seed=seed)
        assert judge_output(case, right(op)(*arrays, **options))[1] == ""
        assert set(case.truth.kept) == set(op.independent)
        for axis, indices in case.truth.kept.items():
            assert indices[0] == 0
            assert indices[-1] == case.problem.sizes[axis] - 1
            assert len(np.unique(indices)) == len(indices) <= case.problem.sizes[axis]
        kept.append(case.truth.kept[op.independent[0]])
    if len(kept[0]) > 2:
        assert any(k.tolist() != kept[0].tolist() for k in kept)


@each([op for op in ALL if op.independent and not op.independent_options])
@pytest.mark.parametrize("end", [0, -1])
def test_a_wrong_first_or_last_entry_is_in_every_slice(op, end, sliced):
    case, arrays, options = asked(op, np.dtype("float32"))
    result = right(op)(*arrays, **options)
    last = result[-1] if len(op.outputs) > 1 else result
    last[(end,) * last.ndim] += 1
    assert "wrong at the timed size" in judge_output(case, result)[1]


@each([op for op in ALL if op.independent])
def test_the_truth_of_a_slice_is_the_slice_of_the_truth(op, sliced):
    options = dict(op.independent_options)
    case, arrays, chosen = asked(op, np.dtype("float32"), **options)
    assert case.truth.kept
    whole = op.reference(*(a.astype(float) if a.dtype.kind == "f" else a for a in arrays), **chosen)
    whole = (whole,) if len(op.outputs) == 1 else whole
    for output, axes, part in zip(whole, op.outputs.values(), case.truth.outputs, strict=True):
        np.testing.assert_allclose(part, cut(output, axes, case.truth.kept), rtol=1e-9, atol=1e-12)


@each([op for op in ALL if not op.independent or op.independent_options])
def test_where_nothing_is_independent_everything_is_judged(op, sliced):
    case, _, _ = asked(op, np.dtype("float32"))
    assert case.truth.kept == {}


@each([op for op in ALL if op.exact])
@DTYPES
@pytest.mark.parametrize("layout", ["C", "F", "sliced"])
def test_a_right_kernel_is_equal_where_every_sum_is_exact(op, dtype, layout):
    sizes = op.all_sizes(300, small_sizes(op))
    case = exact_case(op, dtype, sizes, layout, 0)
    assert case.truth.exact
    for name, array in zip(op.inputs, case.problem.given, strict=True):
        assert array.strides == as_layout(array, layout).strides, name
    result = right(op)(*case.problem.given, **case.problem.options)
    assert judge_output(case, result) == (0.0, "")


@each([op for op in ALL if not op.exact])
def test_operations_without_whole_numbers_ask_no_exact_case(op):
    assert exact_case(op, np.dtype("float32"), op.all_sizes(8, {}), "C", 0) is None


@DTYPES
def test_one_dropped_row_of_60_000_is_named_exactly(dtype):
    op = einbench.operation("bias_gradient")
    sizes = {"batch": 60_000, "units": 7}
    case = exact_case(op, dtype, sizes, "C", 0)
    (rows,) = case.problem.given
    units, reason = judge_output(case, rows[1:].sum(axis=0))
    assert units > 1e30
    assert reason.startswith("not equal where every sum is exact at the timed size: ")
    assert judge_output(case, rows.sum(axis=0))[1] == ""


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda y: None, "returns nothing for outputs"),
        (lambda y: y.astype(np.float64), "wrong dtype: outputs is float64"),
        (lambda y: y[:-1], "wrong shape: outputs is (299, 7)"),
        (np.zeros_like, "wrong at the timed size: outputs is zero everywhere"),
        (lambda y: np.full_like(y, np.nan), "wrong at the timed size: outputs is NaN everywhere"),
        (lambda y: y[::-1], "wrong at the timed size: wrong in every entry"),
    ],
)
def test_a_wrong_answer_at_the_timed_size_is_reported_with_its_fault(spoil, reason):
    op = einbench.operation("linear")
    case, arrays, _ = asked(op, np.dtype("float32"))
    said = judge_output(case, spoil(right(op)(*arrays)))[1]
    assert said.startswith(reason)


def test_few_valued_inputs_are_judged_by_the_wider_limit():
    op = einbench.operation("bias_gradient")
    rows = np.full((60_000, 2), 0.1, np.float32)
    drifted = np.cumsum(rows, axis=0, dtype=np.float32)[-1]
    strict = timed_case(Problem.of(op, (rows,), {}), 0)
    tied = timed_case(Problem.of(op, (rows,), {}), 0, tied=True)
    assert tied.truth.limit > strict.truth.limit
    assert judge_output(strict, drifted)[1] != ""
    assert judge_output(tied, drifted)[1] == ""


@pytest.mark.long
def test_a_step_on_all_of_mnist_has_a_loss_that_every_order_of_summation_counts_to() -> None:
    op = einbench.operation("mlp_sgd_step")
    case = exact_case(op, np.dtype("float32"), op.all_sizes(60_000, {}), "C", 0)
    assert case is not None
    loss, logits = case.truth.outputs[:2]
    labels = dict(zip(op.inputs, case.problem.given, strict=True))["labels"]
    rows = logits.astype(np.float64)
    # as many as memory is allowed for
    assert len(rows) == 30_000
    losses = rows.max(axis=1) - rows[np.arange(len(rows)), labels]
    assert float(loss) == losses.sum()
    assert not (losses % 1024).any()
    # sums of so many of them have 24 bits at most, and those that lose stand everywhere
    assert 1 << 22 < losses.sum() / 1024 <= 1 << 24
    assert all(part.any() for part in np.array_split(losses, 100))
