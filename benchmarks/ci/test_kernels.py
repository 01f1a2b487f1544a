"""Every kernel of the registry on pytest-benchmark's clock, checked before and after.

    make bench-ci                                           # all of it, to results/bench-ci.json
    pytest benchmarks/ci -k "softmax_jacobian and 128"      # one group
    pytest benchmarks/ci -k "[relu-1-"                      # the ids are operation-batch-kernel

Batches are 1, 128 and 1000 rows in float32; ``--batch`` and ``--threads`` choose others, and
every ``--benchmark-*`` flag of the plugin counts as in other suites.

- A wrong kernel fails with the reason, and leaves no time. A kernel that cannot run here, or
  would take more than a quarter of a second a call, is skipped with the reason.
- ``speedup`` in ``extra_info`` is the baseline's median over the kernel's, the two taken one
  after the other, where ``einbench compare`` times them by turns: it is the better judge of
  a close race.
- ``--benchmark-compare-fail`` has one threshold for all and lets a renamed kernel pass. To
  gate a change, ``einbench gate BASE HEAD``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import einbench
from einbench.check.sized import judge_output
from einbench.kernel import Kernel
from einbench.measure.recorded import compile_s
from einbench.units import one_line

from .provenance import blas_text
from .suite import DTYPE, Place, Suite
from .untimed import CHECKED, why_untimed

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


# a kernel that fails before it is timed leaves the fixture unused, which needs no second error
@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")
def test_kernel(
    operation: str,
    batch: int | None,
    kernel: str,
    suite: Suite,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> None:
    """The kernel is right on hostile draws and at this size; then and only then it has a time."""
    check_and_time(einbench.operation(operation)[kernel], batch, suite, benchmark, request)


def check_and_time(
    chosen: Kernel,
    batch: int | None,
    suite: Suite,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> None:
    """Fail where a kernel is wrong; else it has a time, and facts beside it."""
    suite.check(chosen)
    if reason := why_untimed(request.config):
        pytest.skip(CHECKED + reason)
    place = suite.place(chosen.operation, batch)
    suite.warm(place, chosen)

    # the plugin keeps no benchmark with an error: none counts before its last output is judged
    benchmark.has_error = True
    suite.unjudged.add(request.node.nodeid)
    error, reason = np.nan, ""
    try:
        with np.errstate(all="ignore"):
            output = benchmark(chosen.function, *place.problem.given, **place.problem.options)
        error, reason = judge_output(place.question, output)
    except (Exception, SystemExit) as problem:  # whatever a kernel raises is its result
        reason = f"raises {one_line(problem)}"
    if reason:
        pytest.fail(f"{place.name(chosen)}: {reason}", pytrace=False)
    timed: Any = benchmark.stats
    median_s = timed["median"]
    suite.remember(place, chosen, median_s, timed["min"])
    benchmark.extra_info.update(_facts(suite, place, chosen, error, median_s))
    benchmark.has_error = False
    suite.unjudged.remove(request.node.nodeid)


def _facts(
    suite: Suite, place: Place, kernel: Kernel, error: float, median_s: float
) -> dict[str, Any]:
    """What stands beside the times in the JSON."""
    op = place.problem.operation
    flops = op.flops(place.problem.sizes)
    baseline = suite.baseline(place)
    return {
        "operation": op.name,
        "kernel": kernel.method,
        "batch": place.problem.batch,
        "dtype": DTYPE.name,
        "sizes": dict(place.problem.sizes),
        "threads": suite.facts["threads"],
        "error": float(error),
        "limit": float(place.question.truth.limit),
        "flops": float(flops),
        "gflops_per_s": flops / median_s / 1e9,
        "gbytes_per_s": sum(op.traffic_bytes(place.problem.sizes, DTYPE)) / median_s / 1e9,
        "baseline": op.baseline,
        "speedup": baseline.seconds / median_s if baseline else None,
        "speedup_predicted": baseline.predicted if baseline else False,
        "blas": blas_text(suite.facts),
        "compile_s": compile_s(kernel),
    }
