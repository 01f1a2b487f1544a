"""Shapes, dtypes, layouts and values chosen by Hypothesis: every kernel gives what it should.

Hypothesis draws one case; every kernel of the operation is judged on it as the check does:
error against the reference, inputs untouched, output in new memory of the right shape and
dtype, and the same bits on a second call.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import einbench
from einbench.check.judging import judge
from einbench.check.layouts import LAYOUTS
from einbench.check.posed import pose
from einbench.check.probes import Probe
from einbench.operation import Operation

Array = np.ndarray[Any, Any]

LABEL_DTYPES = ("int64", "int32", "int8", "uint8", "uint64")
EXAMPLES = 40, pytest.param(200, marks=pytest.mark.long)

# what each input may hold where not any number that products and sums keep finite
PROBABILITIES = st.one_of(st.just(0.0), st.just(1.0), st.floats(2.0**-20, 1.0, width=32))
BOUNDED = {
    "probs": PROBABILITIES,
    "outputs of tanh_vjp": st.floats(-1, 1, width=32),
    "outputs of sigmoid_vjp": st.floats(0, 1, width=32),
    "logits": st.floats(-(2.0**60), 2.0**60, width=32),
    # a Jacobian of probabilities holds products down to 1e-12: no products of denormals with
    # large numbers, which correct kernels round to zero
    "cotangent of softmax_vjp": st.integers(-(2**20), 2**20).map(lambda n: n / 1024),
}  # fmt: skip
# through three layers an underflow early may meet a large weight late: whole fractions
FRACTIONS = st.integers(-4096, 4096).map(lambda n: n / 1024)
ANYTHING = {
    "float32": st.floats(-(2.0**40), 2.0**40, width=32),
    "float64": st.floats(-(2.0**300), 2.0**300, width=64),
}


def elements(op: Operation, name: str, dtype: str) -> st.SearchStrategy[float]:
    if op.name.startswith("mlp"):
        return FRACTIONS
    for key in (f"{name} of {op.name}", name):
        if key in BOUNDED:
            return BOUNDED[key]
    return ANYTHING[dtype]


@st.composite
def cases(draw: st.DrawFn, op: Operation) -> tuple[Probe, np.dtype[Any]]:
    """One probe of any sizes, dtype, layout, options and values."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    sizes = {
        axis: draw(st.integers(0 if axis == op.leading else 1, 6), label=axis) for axis in op.axes
    }
    inputs = {}
    for name, each in op.inputs.items():
        shape = each.shape(sizes)
        if each.integer:
            kind = draw(st.sampled_from(LABEL_DTYPES))
            count = sizes.get(each.kind.below, 6)
            inputs[name] = draw(hnp.arrays(kind, shape, elements=st.integers(0, count - 1)))
        else:
            inputs[name] = draw(hnp.arrays(dtype, shape, elements=elements(op, name, dtype)))
    options = {name: draw(st.sampled_from(list(c))) for name, c in op.options.items()}
    judged = "tied"
    # not in weights: many zeros are drawn here, and a BLAS may leave out what a zero multiplies
    holding = {n: e for n, e in op.inputs.items() if inputs[n].size and e.kind.name != "weights"}
    nonfinite = [(n, v) for n, each in holding.items() for v in each.nonfinite]
    if nonfinite and draw(st.integers(0, 2), label="one in three is not finite") == 2:
        name, value = draw(st.sampled_from(nonfinite))
        inputs[name].flat[draw(st.integers(0, inputs[name].size - 1))] = value
        judged = "nonfinite"
    layout = draw(st.sampled_from(list(LAYOUTS)))
    return Probe("drawn", "", inputs, options, judged=judged, layout=layout), np.dtype(dtype)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("op", list(einbench.operations.values()), ids=lambda op: op.name)
def test_every_kernel_gives_what_the_mathematics_says_for_inputs_nobody_chose(
    op: Operation, examples: int
) -> None:
    available = [kernel for kernel in op if kernel.available]
    assert available

    @settings(
        max_examples=examples,
        derandomize="CI" in os.environ,
        database=None,
    )
    @given(cases(op))
    def every_kernel_is_right(case: tuple[Probe, np.dtype[Any]]) -> None:
        probe, dtype = case
        posed = pose(op, probe, dtype)
        failures = [
            str(v) for v in (judge(kernel, [posed]) for kernel in available) if not v.passed
        ]
        assert not failures, "\n".join(failures)

    every_kernel_is_right()


@pytest.mark.parametrize("op", list(einbench.operations.values()), ids=lambda op: op.name)
def test_the_reference_of_a_drawn_case_is_not_all_zeros(op: Operation) -> None:
    """Otherwise the property above would hold for a kernel that returns zeros."""
    found = []

    @settings(max_examples=20, derandomize=True, database=None)
    @given(cases(op))
    def collect(case: tuple[Probe, np.dtype[Any]]) -> None:
        posed = pose(op, case[0], case[1])
        assert posed.truth is not None
        found.append(any(output.any() for output in posed.truth.outputs))

    collect()
    assert any(found)


@pytest.mark.parametrize("name", ["mlp_logits_gradients", "mlp_gradients"])
def test_gradients_from_a_subnormal_probability_have_its_few_digits_and_no_fewer(name: str) -> None:
    op = einbench.operation(name)
    w1, w2, w3 = (np.zeros(shape, np.float32) for shape in ((6, 5), (4, 6), (3, 4)))
    x, b1 = np.zeros((1, 5), np.float32), np.zeros(6, np.float32)
    x[0, 4], w1[0, 4], b1[4] = -3.3183594, -2.8027344, 1.9375
    w2[2, 0], w2[2, 4], w3[1, 2] = 1.8388672, 3.8632812, -3.8789062
    inputs = {
        "inputs": x, "w1": w1, "b1": b1, "w2": w2, "b2": np.zeros(4, np.float32), "w3": w3,
        "b3": np.zeros(3, np.float32), "labels": np.zeros(1, np.int64),
    }  # fmt: skip
    posed = pose(op, Probe("few digits", "", inputs, {}, judged="tied"), np.dtype("float32"))
    right = op["matmul"](**inputs)
    assert 0 < abs(right.dw1[4, 4]) < np.finfo(np.float32).tiny
    for kernel in (kernel for kernel in op if kernel.available):
        assert judge(kernel, [posed]).passed

    def without_them(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(np.where(abs(a) < 1e-38, np.float32(0), a) for a in op["matmul"](*arrays))

    op.kernel("without_them")(without_them)
    try:
        assert not judge(op["without_them"], [posed]).passed
    finally:
        op.remove("without_them")
