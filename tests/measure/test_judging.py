"""One kernel judged: its faults are its own, and the question stays what it was."""

from __future__ import annotations

import numpy as np

import kernels
from kernels.measure.check import check_small


def test_a_kernel_that_writes_to_its_inputs_does_not_get_its_siblings_rejected():
    op = kernels.operation("relu")

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
    for verdict in kernels.check("relu", batch=9, dtype="float64"):
        assert verdict.dtype == "float64"
        assert verdict.batch == 9
