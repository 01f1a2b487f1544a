"""Memory that checking may take: shares of twice the inputs and outputs and 256 MB."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check import room
from einbench.check.sized import exact_case, part_cases, timed_case
from einbench.problem import Problem

ALL = list(einbench.operations.values())
MB = 1 << 20


def seen(op, rows, **sizes):
    """A problem whose inputs take no memory: one number seen from everywhere."""
    full = op.all_sizes(rows, sizes)
    arrays = {}
    for name, each in op.inputs.items():
        dtype = np.int64 if each.integer else np.float32
        arrays[name] = np.broadcast_to(np.zeros((), dtype), each.shape(full))
    return Problem.of(op, tuple(arrays.values()), op.choose_options({}))


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
@pytest.mark.parametrize("rows", [1_000, 60_000, 3_000_000])
def test_all_that_is_there_at_a_time_fits_into_twice_inputs_and_outputs(op, rows):
    problem = Problem.at(op, rows)
    both = problem.input_bytes + problem.output_bytes
    assert problem.input_bytes + room.needed_bytes(problem) <= 2 * both + 256 * MB


@pytest.mark.parametrize("op", [op for op in ALL if op.leading in op.independent],
                         ids=lambda op: op.name)  # fmt: skip
def test_of_a_large_problem_a_small_slice_is_judged_with_both_ends(op):
    problem = seen(op, 2_000_000)
    case = timed_case(problem, 0, kernels=8)
    if op.independent_options:
        assert case.truth.outputs == ()
        return
    kept = case.truth.kept[op.leading]
    assert (kept[0], kept[-1]) == (0, 1_999_999)
    outputs = sum(part.nbytes for part in case.truth.outputs)
    assert 0 < outputs <= 2 * room.truth_bytes(problem)
    assert list(part_cases(case)) == []


def test_where_no_slice_is_possible_the_first_and_the_last_rows_are_judged():
    op = einbench.operation("mean_squared_error")
    case = timed_case(seen(op, 20_000_000), 0)
    assert case.truth.outputs == ()
    first, last = part_cases(case)
    assert first.problem.rows == last.problem.rows < 20_000_000
    assert first.truth.outputs
    # little more than the share: all of it is in one truth
    middle = timed_case(seen(op, 250_000), 0)
    (whole,) = part_cases(middle)
    assert whole.problem.rows == 250_000


@pytest.mark.long
def test_exact_inputs_of_a_large_problem_have_as_many_rows_as_fit():
    op = einbench.operation("cross_entropy")
    sizes = op.all_sizes(4_000_000, {})
    case = exact_case(op, np.dtype("float32"), sizes, "C", 0)
    assert 100_000 < case.problem.rows < 4_000_000


def test_rows_are_chosen_so_that_all_fits_into_what_is_left():
    op = einbench.operation("relu")
    problem = seen(op, 4_000_000, features=128)
    whole = Problem.at(op, 4_000_000, sizes={"features": 128})
    assert room.fitting_rows(whole, 64 << 30) == 4_000_000
    rows = room.fitting_rows(problem, 3 << 30)
    assert 0 < rows < 4_000_000
    assert rows & (rows - 1) == 0
    assert room.needed_bytes(problem.first_rows(rows)) <= 3 << 29
    assert room.fitting_rows(problem, 1 << 10) == 0


def test_a_view_far_wider_than_what_it_holds_is_not_copied_whole():
    x = np.broadcast_to(np.zeros(1, np.float32), (1 << 40,))
    wide = np.lib.stride_tricks.as_strided(x, (4096, 8), (1 << 20, 4))
    problem = Problem.of(einbench.operation("relu"), (wide,), {})
    assert problem.span_bytes > 3 << 30
    assert 0 < room.fitting_rows(problem, 64 << 30) < 4096


def test_temporaries_beyond_the_share_are_refused_with_the_bytes():
    problem = Problem.at(einbench.operation("relu"), 1000)
    assert room.too_large(64 * MB, problem) == ""
    assert room.too_large(70 * MB, problem).startswith(
        "needs 73.4 MB of temporaries, more than 67."
    )
    assert room.too_large(70 * MB, problem, 80 * MB) == ""
