"""NumPy's error state is the caller's: where it raises, the check's own draws do not."""

from __future__ import annotations

import numpy as np
import pytest

import einbench


@pytest.mark.long
@pytest.mark.parametrize("name", ["softmax", "sigmoid", "mlp_sgd_step", "softmax_vjp"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_kernels_pass_where_numpy_raises_and_the_state_stays(name, dtype):
    with np.errstate(all="raise"):
        verdicts = einbench.check(name, batch=16, dtype=dtype)
        assert set(np.geterr().values()) == {"raise"}
    for verdict in verdicts:
        assert verdict.passed or "unavailable" in verdict.reason, str(verdict)


def test_a_comparison_and_a_choice_are_made_where_numpy_raises():
    op = einbench.operation("softmax")
    inputs = op.draw(64)
    inputs["logits"][:, 0] = -200  # its exponential underflows
    with np.errstate(all="raise"):
        found = einbench.compare(op, batches=64, budget_s=0.2)
        choice = einbench.fastest(op, **inputs, again=True)
    assert {r.status for r in found.records} <= {"ok", "unavailable", "skipped"}
    assert choice.kernel in op.kernels.values()
