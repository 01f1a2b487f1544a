"""Every registered kernel passes the check, in both dtypes and over 25 of two hundred seeds."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.judging import Verdict
from einbench.check.verdicts import check_small
from einbench.operation import Operation
from einbench.verbs.check import check

COUNT = 200


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "kernel", [k for op in einbench.operations.values() for k in op], ids=lambda k: str(k)[8:-1]
)
def test_every_kernel_passes_the_small_check(kernel, dtype):
    if not kernel.available:
        pytest.skip(kernel.reason)
    verdict = small_verdicts(kernel.operation, dtype)[kernel.method]
    assert verdict.passed, verdict.reason
    assert 0 <= verdict.error <= verdict.limit


@functools.lru_cache(maxsize=4)
def small_verdicts(op: Operation, dtype: str) -> dict[str, Verdict]:
    """Of all its kernels: the truth of a draw takes longer than most of them."""
    return {v.method: v for v in check_small(op, list(op), np.dtype(dtype), 0)}


@pytest.mark.long
def test_every_kernel_passes_over_many_seeds(record_testsuite_property):
    """What rounding does stays below every limit; ``python seeds.py`` shows how far, at all."""
    seeds = script("seeds")
    worst, rejected = seeds.over_seeds(COUNT)
    print(seeds.as_table(worst))
    assert not rejected, rejected[:5]
    assert len(worst) == 2 * len(einbench.operations)
    for key, answer in worst.items():
        record_testsuite_property(f"worst error, {key}", f"{answer['error']:.3g}")


def script(name: str) -> Any:
    """A program beside this file, as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["softmax_vjp", "bias_gradient", "relu"])
def test_check_judges_every_kernel_in_order_and_at_the_batch_asked_for(name, dtype):
    op = einbench.operation(name)
    verdicts = check(op, batch=1000, dtype=dtype, **dict.fromkeys(op.sizes, 7))
    assert [v.method for v in verdicts] == list(op.kernels)
    for verdict in verdicts:
        assert verdict.passed or verdict.reason.startswith("unavailable"), str(verdict)
    assert max(v.batch for v in verdicts) == 1000


def test_a_kernel_that_cannot_run_is_distinguished_from_a_wrong_one():
    op = einbench.operation("relu")
    op.kernel("elsewhere", requires=("no_such_distribution",))(lambda inputs: inputs)
    try:
        (verdict,) = check_small(op, [op["elsewhere"]], np.dtype("float32"), 0)
    finally:
        op.remove("elsewhere")
    assert not verdict.passed
    assert verdict.reason.startswith("unavailable: no_such_distribution is not installed")
