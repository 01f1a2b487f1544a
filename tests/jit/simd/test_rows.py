"""Kernels of rows: any number of rows and classes, on as many threads as there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.truth import Truth, truth
from einbench.host.machine import limit_threads
from einbench.problem import Problem

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64")
ROWS = 41
CLASSES = range(1, 41)
#: results of which a row is a row's alone
BY_ROW = {
    "softmax": {}, "softmax_vjp": {}, "softmax_jacobian": {},
    "cross_entropy_gradient": {"reduction": "sum"},
}  # fmt: skip


def drawn(name: str, batch: int, dtype: str, classes: int) -> dict[str, Array]:
    arrays = einbench.operation(name).draw(batch, dtype, seed=classes, classes=classes)
    if "logits" in arrays:
        # far apart, each row about a place of its own
        shifts = np.random.default_rng(classes).uniform(-300, 300, (batch, 1))
        arrays["logits"] = (arrays["logits"] * 6 + shifts).astype(dtype)
    return arrays


def true(name: str, arrays: dict[str, Array], options: dict[str, str]) -> tuple[Truth, float]:
    op = einbench.operation(name)
    bound = op.bind(**arrays, **options)
    limit = op.limit(max(float(op.terms(bound.sizes)), 1.0))
    return truth(Problem.of(op, bound.arrays, bound.options)), limit


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BY_ROW)
def test_any_number_of_rows_and_classes_is_what_the_reference_says(name: str, dtype: str) -> None:
    kernel = einbench.operation(name)["simd"]
    for classes in CLASSES:
        arrays = drawn(name, ROWS, dtype, classes)
        expected, limit = true(name, arrays, BY_ROW[name])
        for rows in range(ROWS + 1):
            some = {key: array[:rows] for key, array in arrays.items()}
            found = kernel(**some, **BY_ROW[name])
            assert found.shape == (rows, *expected.outputs[0].shape[1:])
            own = replace(
                expected,
                outputs=(expected.outputs[0][:rows],),
                roundings=(expected.roundings[0][:rows],),
            )
            assert error([found], own).units <= limit, (rows, classes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_any_number_of_losses_is_what_the_reference_says(reduction: str, dtype: str) -> None:
    for classes in CLASSES:
        arrays = drawn("cross_entropy", ROWS, dtype, classes)
        for rows in (*range(1, 19), 31, 32, 33, 40, 41):
            for name in ("cross_entropy", "cross_entropy_gradient"):
                some = {key: array[:rows] for key, array in arrays.items()}
                expected, limit = true(name, some, {"reduction": reduction})
                found = einbench.operation(name)["simd"](**some, reduction=reduction)
                assert error([found], expected).units <= limit, (name, rows, classes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_rows_have_no_loss_and_no_mean(dtype: str) -> None:
    z, labels = np.empty((0, 10), dtype), np.empty(0, np.int64)
    kernel = einbench.operation("cross_entropy")["simd"]
    assert kernel(z, labels, reduction="sum") == 0
    assert np.isnan(kernel(z, labels, reduction="mean"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [1, 10, 16, 17, 32, 33, 40])
def test_nothing_is_written_beside_the_result(classes: int, dtype: str) -> None:
    for name, options in BY_ROW.items():
        kernel = einbench.operation(name)["simd"]
        for rows in (1, 7, 16, 19, 40):
            arrays = drawn(name, rows, dtype, classes)
            expected = kernel(**arrays, **options)
            # not on a cache line's beginning, as inputs are not either
            memory = np.full(expected.size + 65, 7, dtype)
            out = memory[33:-32].reshape(expected.shape)
            apart = {key: np.concatenate([array[:1], array])[1:] for key, array in arrays.items()}
            kernel(**apart, **options, out=out)
            assert out.tobytes() == expected.tobytes()
            assert (memory[:33] == 7).all()
            assert (memory[-32:] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [3, 10, 33])
@pytest.mark.parametrize("name", [*BY_ROW, "cross_entropy"])
def test_threads_do_not_change_a_bit(name: str, classes: int, dtype: str) -> None:
    options = {"reduction": "sum"} if name.startswith("cross") else {}
    arrays = drawn(name, (1 << 17) // classes + 531, dtype, classes)
    kernel = einbench.operation(name)["simd"]
    several = kernel(**arrays, **options)
    with limit_threads(1):
        alone = kernel(**arrays, **options)
    assert several.tobytes() == alone.tobytes()
    expected, limit = true(name, arrays, options)
    assert error([several], expected).units <= limit
    if name == "cross_entropy":
        return
    # a few rows at a time, on the caller's own thread
    step = 16 * 50
    parts = [
        kernel(**{key: array[b : b + step] for key, array in arrays.items()}, **options)
        for b in range(0, len(several), step)
    ]
    assert np.concatenate(parts).tobytes() == several.tobytes()
