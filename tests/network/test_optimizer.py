"""A step of gradient descent, in place or into other arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("into_others", [False, True])
def test_steps_are_the_formula(dtype: str, momentum: float, into_others: bool) -> None:
    rng = np.random.default_rng(0)
    parameters = [rng.standard_normal(shape).astype(dtype) for shape in ((3, 2), (3,))]
    expected, speeds = [p.copy() for p in parameters], [np.zeros_like(p) for p in parameters]
    descent = N.SGD(0.1, momentum).begin(parameters)
    for factor in (1.0, 0.25, 1.0):
        gradients = [rng.standard_normal(p.shape).astype(dtype) for p in parameters]
        for p, v, g in zip(expected, speeds, gradients, strict=True):
            v[...] = momentum * v + factor * g
            p -= 0.1 * v
        before: list[Any] = [p.copy() for p in parameters]
        others = [np.empty_like(p) for p in parameters] if into_others else None
        descent.step(parameters, gradients, factor, others)
        if others is not None:
            assert all((p == b).all() for p, b in zip(parameters, before, strict=True))
            parameters = others
        for p, e in zip(parameters, expected, strict=True):
            assert p.dtype == dtype
            np.testing.assert_allclose(p, e, rtol=1e-6 if dtype == "float32" else 1e-13)


def test_a_rate_of_another_kind_of_number_makes_no_float64_of_float32() -> None:
    layers = [N.Linear(4, 3)]
    net = N.Sequential(layers, kernels="matmul")
    net.fit(np.eye(4), [0, 1, 2, 0], batch=2, optimizer=N.SGD(np.float64(0.1), np.float64(0.5)))
    assert {p.dtype.name for p in net.parameters.values()} == {"float32"}
