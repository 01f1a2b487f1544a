"""Peers are optional: without one its tests are skipped, unless they are asked for.

EINBENCH_REQUIRE_PEERS=1 (``make test-peers`` sets it) makes a missing peer a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.probe import small_sizes
from einbench.check.sized import Incomplete, judge_output, timed_case
from einbench.check.truth import as_tuple, truth
from einbench.libraries import LIBRARIES, library_kernels
from einbench.libraries.runtimes import runtime
from einbench.problem import Problem

#: small enough for interpreted loops
SIZES = {"features": 7, "units": 5, "hidden1": 6, "hidden2": 5, "classes": 4}
BATCH = 5
#: contestants that no machine without a GPU has
NEED_A_DEVICE = ("torch_cuda", "cupy")


def pytest_runtest_setup(item: pytest.Item) -> None:
    callspec = getattr(item, "callspec", None)
    library = callspec.params.get("library") if callspec else None
    reason = runtime(library or item.path.stem.rpartition("_")[2]).reason
    if not reason:
        return
    if os.environ.get("EINBENCH_REQUIRE_PEERS") == "1" and library not in NEED_A_DEVICE:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _agree_with(
    name: str, dtype: str, peer: Callable[..., Any], options: Mapping[str, str], slack: float
) -> None:
    """Every kernel gives what the peer gives for the same drawn inputs, within rounding.

    The peer is given the arrays in the kernel's dtype, and rounds as the kernel does: its error
    and the kernel's add up, so the limit is that of the operation times ``slack``.
    """
    op = einbench.operation(name)
    arrays = op.draw(BATCH, dtype, seed=23, **{axis: SIZES[axis] for axis in op.sizes})
    outputs = tuple(np.asarray(o) for o in as_tuple(op, peer(**arrays, **options)))
    assert {o.dtype for o in outputs} == {np.dtype(dtype)}, "the peer computes in another dtype"
    bound = op.bind(**arrays, **options)
    rounding = truth(Problem.of(op, bound.arrays, bound.options))
    expected = replace(rounding, outputs=tuple(o.astype(np.float64) for o in outputs))
    limit = slack * op.limit(max(float(op.terms(bound.sizes)), 1.0))
    for number in range(len(outputs)):
        zeros = [np.zeros_like(o) if n == number else o for n, o in enumerate(outputs)]
        assert error(zeros, expected).units > 10 * limit, "zeros would pass"
    asked = [kernel for kernel in op if kernel.available]
    assert asked
    for kernel in asked:
        found = error(as_tuple(op, kernel(**arrays, **options)), expected)
        assert found.units <= limit, (
            f"{kernel}: {found.units:.3g} units of rounding apart, limit {limit:.3g}"
        )


@pytest.fixture(scope="session")
def agree_with() -> Callable[..., None]:
    """agree_with(operation, dtype, peer, options, slack) holds every kernel against the peer."""
    return _agree_with


def _libraries_agree(library: str, name: str, dtype: str) -> None:
    """All of a library's ways but compiled ones, judged as in `einbench compare --with`."""
    op = einbench.operation(name)
    arrays = op.draw(BATCH, dtype, seed=23, **small_sizes(op))
    options = op.choose_options({})
    given = tuple(arrays.values())
    problem = Problem.of(op, given, options)
    case = timed_case(problem, 0)
    before = {n: a.tobytes() for n, a in arrays.items()}
    for kernel in library_kernels(library)[name]:
        if not kernel.body.applies(problem) or "compile" in kernel.method:
            continue
        call = kernel.prepared(given, options)
        for _ in range(2):
            result = call(*given)
            if kernel.without:
                result = Incomplete(result, kernel.without)
            _, reason = judge_output(case, result, kernel.slack)
            assert reason == "", f"{kernel}: {reason}"
            zeros = [np.zeros_like(a) for a in as_tuple(op, getattr(result, "outputs", result))]
            wrong = zeros[0] if len(op.outputs) == 1 else tuple(zeros)
            if kernel.without:
                wrong = Incomplete(wrong, kernel.without)
            assert judge_output(case, wrong, kernel.slack)[1], "zeros pass"
    assert {n: a.tobytes() for n, a in arrays.items()} == before


@pytest.fixture(scope="session")
def libraries_agree() -> Callable[[str, str, str], None]:
    """libraries_agree("torch", operation, dtype)."""
    started: set[str] = set()

    def agree(library: str, name: str, dtype: str) -> None:
        if library not in started:
            LIBRARIES[library].start(1)
            started.add(library)
        _libraries_agree(library, name, dtype)

    return agree
