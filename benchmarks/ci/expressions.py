"""The kernels of thirty expressions on pytest-benchmark's clock, checked before and after.

    pytest benchmarks/ci/expressions.py                       # about ten minutes
    pytest benchmarks/ci/expressions.py -k "chain or outer"   # some of them
    pytest benchmarks/ci/expressions.py --benchmark-disable   # checked, not timed

They are those of benchmarks/einsum/thirty.py, at its sizes: ``--batch`` says nothing here. All else
is as in test_kernels.py. pytest collects this file where it is named, and not with the others.
"""

from __future__ import annotations

import functools
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import einbench

from .groups import MAX_TIME_S, ROUND_S, group, in_order
from .suite import Suite
from .test_kernels import check_and_time

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

_THIRTY = runpy.run_path(str(Path(__file__).parents[1] / "einsum" / "thirty.py"))["THIRTY"]


@functools.cache
def _operations() -> dict[str, tuple[einbench.Operation, int]]:
    """By name, with the size of its first index, which is the axis of rows."""
    found = {}
    for name, text, sizes, _ in _THIRTY:
        others = {index: size for index, size in sizes.items() if index != text[0]}
        found[name] = einbench.expression(text, **others), sizes[text[0]]
    return found


def _cells() -> list[Any]:
    settings: dict[str, Any] = {"max_time": MAX_TIME_S, "min_time": ROUND_S}
    cells = []
    for name, (op, batch) in _operations().items():
        mark = pytest.mark.benchmark(group=f"{name}: {group(op, batch)}", **settings)
        cells += [
            pytest.param(name, each.method, id=f"{name}-{each.method}", marks=mark)
            for each in in_order(op)
        ]
    return cells


@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")
@pytest.mark.parametrize(("expression", "method"), _cells())
def test_expression(
    expression: str,
    method: str,
    suite: Suite,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> None:
    """The kernel is right on hostile draws and at this size; then and only then it has a time."""
    op, batch = _operations()[expression]
    check_and_time(op[method], batch, suite, benchmark, request)
