"""One kernel judged: its faults are its own, and the question stays what it was."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.truth import as_tuple, truth
from einbench.check.verdicts import check_small
from einbench.problem import Problem


def test_a_kernel_that_writes_to_its_inputs_does_not_get_its_siblings_rejected():
    op = einbench.operation("relu")

    @op.kernel("bad")
    def bad(inputs):
        if inputs.flags.writeable:
            inputs[...] = 0
        return np.maximum(inputs, 0)

    try:
        verdicts = {v.method: v for v in check_small(op, [op["bad"], *op], np.dtype("f4"), 0)}
    finally:
        op.remove("bad")
    assert verdicts.pop("bad").reason.startswith("changes its input")
    assert all(v.passed for v in verdicts.values()), [str(v) for v in verdicts.values()]


def test_every_verdict_tells_its_precision_and_largest_batch():
    for verdict in einbench.check("relu", batch=9, dtype="float64"):
        assert verdict.dtype == "float64"
        assert verdict.batch == 9


def test_a_kernel_that_raises_at_a_larger_batch_only_is_reported_and_ends_nothing():
    op = einbench.operation("relu")

    @op.kernel("gives_up_at_ten")
    def gives_up_at_ten(inputs):
        if len(inputs) == 10:
            raise MemoryError("ten is too many")
        return np.maximum(inputs, 0)

    try:
        verdicts = {v.method: v for v in einbench.check(op, batch=10)}
    finally:
        op.remove("gives_up_at_ten")
    assert "MemoryError: ten is too many" in verdicts.pop("gives_up_at_ten").reason
    assert all(v.passed for v in verdicts.values())


def test_a_kernel_that_raises_while_its_batch_is_looked_for_is_judged_where_it_raised():
    op = einbench.operation("relu")

    @op.kernel("one_is_too_few")
    def one_is_too_few(inputs):
        if inputs.shape == (1, 128):
            raise ValueError("one row is too few")
        return np.maximum(inputs, 0)

    try:
        verdicts = {v.method: v for v in einbench.check(op, batch=64)}
    finally:
        op.remove("one_is_too_few")
    assert "one row is too few" in verdicts["one_is_too_few"].reason


@pytest.mark.parametrize(
    "changed",
    [{"scale": lambda y, x: np.inf + 0 * y}, {"scale": lambda y, x: -abs(y)},
     {"terms": lambda sizes: float("inf")}, {"reference": lambda x: None},
     {"reference": lambda x: x[:1]}],
)  # fmt: skip
def test_an_operation_by_which_every_kernel_would_pass_is_refused(changed):
    op = einbench.Operation(**{
        "name": "doubled_for_a_test", "formula": "y = 2 x", "inputs": {"x": "batch"},
        "outputs": {"y": "batch"}, "sizes": {}, "reference": lambda x: 2 * x,
        "scale": lambda y, x: abs(y), "flops": lambda sizes: 1, **changed,
    })  # fmt: skip
    op.kernel("wrong")(lambda x: 3 * x)
    with pytest.raises(ValueError, match="operation doubled_for_a_test: its"):
        einbench.check(op)


@pytest.mark.parametrize("batch", [10**14, 10**17, 10**19, 10**27])
def test_what_no_memory_holds_is_unchecked_however_large(batch):
    verdicts = einbench.check("relu", batch=batch)
    assert {v.status for v in verdicts} == {"unchecked"}


def test_a_matrix_is_no_array_of_the_contract():
    op = einbench.operation("relu")
    op.kernel("matrix")(lambda inputs: np.maximum(inputs, 0).view(np.matrix))
    try:
        (verdict,) = check_small(op, [op["matrix"]], np.dtype("f4"), 0)
    finally:
        op.remove("matrix")
    assert "returns matrix for outputs" in verdict.reason


def test_probabilities_too_small_for_their_squares_condemn_no_right_kernel():
    op = einbench.operation("mlp_logits_gradients")
    inputs = op.draw(8, "float64")
    rng = np.random.default_rng(0)
    for name in ("w1", "b1", "w2", "b2", "w3", "b3"):
        inputs[name] = rng.uniform(-2, 2, inputs[name].shape)
    known = truth(Problem.of(op, list(inputs.values()), {}))
    result = op["matmul"].function(*inputs.values())
    assert error(as_tuple(op, result), known).units <= known.limit
