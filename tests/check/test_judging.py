"""One kernel judged: its faults are its own, and the question stays what it was."""

from __future__ import annotations

import numpy as np

import einbench
from einbench.check.verdicts import check_small


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
