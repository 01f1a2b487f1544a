"""What every test of a kernel against an independent truth needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from einbench.check.error import error
from einbench.check.truth import as_tuple, truth
from einbench.kernel import Kernel
from einbench.problem import Problem


@pytest.fixture(autouse=True)
def _only_what_can_run_here(request: pytest.FixtureRequest) -> None:
    """A kernel that cannot run on this machine is reported as skipped, with its reason."""
    callspec = getattr(request.node, "callspec", None)
    for value in callspec.params.values() if callspec else ():
        if isinstance(value, Kernel) and value.reason:
            pytest.skip(value.reason)


def _assert_agreement(
    kernel: Kernel, arrays: Sequence[Any], expected: Any, *, tied: bool = False, **options: str
) -> None:
    """A kernel's output lies within rounding of an independent truth, and zeros would not.

    Twice the operation's limit: the independent truth was rounded as well.
    """
    op = kernel.operation
    bound = op.bind(*arrays, **options)
    dtype = next(array.dtype for array in bound.arrays if array.dtype.kind == "f")
    rounding = truth(Problem.of(op, bound.arrays, bound.options))
    outputs = tuple(np.asarray(e, np.longdouble) for e in as_tuple(op, expected))
    independent = replace(rounding, outputs=outputs)
    terms = max(float(op.terms(bound.sizes)), 1.0)
    limit = 2 * (op.tied_limit if tied else op.limit)(terms)
    got = as_tuple(op, kernel(*arrays, **options))
    assert [g.shape for g in got] == [e.shape for e in outputs]
    assert {g.dtype for g in got} == {dtype}
    found = error(got, independent)
    name = list(op.outputs)[found.output]
    assert found.units <= limit, f"{name}{found.worst}: {found.units:.3g} units, limit {limit:.3g}"
    for number, name in enumerate(op.outputs):
        zeros = [np.zeros_like(g) if n == number else g for n, g in enumerate(got)]
        assert error(zeros, independent).units > 10 * limit, f"zeros would pass for {name}"


@pytest.fixture(scope="session")
def agree() -> Callable[..., None]:
    """agree(kernel, arrays, expected, **options) asserts that the kernel gives the expected."""
    return _assert_agreement
