"""A cell of a notebook that runs twice: the second run counts, and nothing of the first is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.choose import effort

OPERATION = """
import numpy as np
import einbench

op = einbench.register(einbench.Operation(
    name="run_again", formula="y = 3 x", inputs={{"x": "batch f"}}, outputs={{"y": "batch f"}},
    sizes={{"f": 4}}, reference=lambda x: {factor} * x, scale=lambda y, x: np.abs(y),
    flops=lambda s: s["batch"] * s["f"], independent=("batch", "f"){more}))

@op.kernel("loop")
def loop(x):
    y = np.empty_like(x)
    for b in range(len(x)):
        y[b] = {factor} * x[b]
    return y
"""
PLAIN = """
@op.kernel("mine")
def mine(x):
    return {expression}
"""
#: the number is no part of the code: numba makes it a constant
COMPILED = """
factor = {factor}

@op.kernel("mine", compile=True)
def mine(x, out):
    for b in range(x.shape[0]):
        for f in range(x.shape[1]):
            out[b, f] = factor * x[b, f]
"""
PREPARED = """
@op.kernel("mine", prepare=True)
def mine(problem):
    return lambda x: {expression}
"""
#: right, and wrong
RUNS = {
    "another expression": (PLAIN, {"expression": "3 * x"}, {"expression": "3 * np.abs(x)"}),
    "another constant": (PLAIN, {"expression": "3 * x"}, {"expression": "2 * x"}),
    "compiled": (COMPILED, {"factor": 3.0}, {"factor": 2.0}),
    "prepared": (PREPARED, {"expression": "3 * x"}, {"expression": "2 * x"}),
}
X = np.linspace(-2, 2, 4000, dtype=np.float32).reshape(1000, 4)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs source as a notebook does: one namespace, and a file that is none."""
    quick = {rigor: (1e-3, 1, *rest[2:]) for rigor, rest in effort.BUDGETS.items()}
    monkeypatch.setattr(effort, "BUDGETS", quick)
    namespace: dict[str, Any] = {"__name__": "notebook"}

    def run(source: str, **parts: Any) -> Any:
        exec(compile(source.format(**parts), "<cell>", "exec"), namespace)
        return namespace["op"]

    yield run
    if "run_again" in einbench.operations:
        einbench.forget("run_again")


@pytest.mark.long
@pytest.mark.parametrize(("source", "right", "wrong"), RUNS.values(), ids=RUNS)
def test_a_wrong_kernel_in_place_of_a_right_one_is_not_believed(
    cell: Callable[..., Any], source: str, right: Any, wrong: Any
) -> None:
    op = cell(OPERATION, factor=3, more="")
    cell(source, **right)
    before = op["mine"]
    assert all(v.passed for v in einbench.check(op))
    # believed, remembered on disk and looked up, whoever is faster
    op.remove("loop")
    assert einbench.fastest(op, X).kernel is before
    np.testing.assert_allclose(einbench.auto.run_again(X), 3 * X)
    cell(OPERATION, factor=3, more="")
    op = cell(source, **right)
    np.testing.assert_allclose(einbench.auto.run_again(X), 3 * X)
    cell(source, **wrong)
    assert op["mine"] is not before
    assert list(op.kernels) == ["loop", "mine"]
    verdicts = {v.method: v for v in einbench.check(op)}
    assert verdicts["loop"].passed
    assert "wrong in" in verdicts["mine"].reason
    records = {r.kernel: r for r in einbench.compare(op, batches=10, budget_s=0.05).records}
    assert records["mine"].status == "rejected"
    choice = einbench.fastest(op, X)
    assert (choice.kernel.method, choice.origin) == ("loop", "measured")
    np.testing.assert_allclose(einbench.auto.run_again(X), 3 * X)
    # and back
    cell(source, **right)
    assert [v.reason for v in einbench.check(op) if not v.passed] == []


def test_an_operation_defined_again_starts_without_kernels_and_answers_anew(
    cell: Callable[..., Any],
) -> None:
    first = cell(OPERATION, factor=3, more="")
    held = einbench.auto.run_again
    np.testing.assert_allclose(held(X), 3 * X)
    second = cell(OPERATION, factor=2, more="")
    assert einbench.operation("run_again") is second is not first
    assert list(einbench.operations).count("run_again") == 1
    assert list(second.kernels) == ["loop"]
    for call in (held, einbench.auto.run_again):
        np.testing.assert_allclose(call(X), 2 * X)


def test_what_passed_under_another_limit_is_checked_again(cell: Callable[..., Any]) -> None:
    lax = ", limit=lambda terms: 1e9, tied_limit=lambda terms: 1e9"
    op = cell(OPERATION, factor=3, more=lax)
    cell(PLAIN, expression="x * np.float32(3.0001)")
    op.remove("loop")
    assert einbench.fastest(op, X).kernel.method == "mine"
    op = cell(OPERATION, factor=3, more="")
    cell(PLAIN, expression="x * np.float32(3.0001)")
    op.remove("loop")
    with pytest.raises(ValueError, match="no kernel is left to choose from"):
        einbench.fastest(op, X)


def test_an_operation_with_other_inputs_gets_a_function_that_takes_them(
    cell: Callable[..., Any],
) -> None:
    cell(OPERATION, factor=3, more="")
    einbench.auto.run_again(X)
    cell("""
import numpy as np, einbench
op = einbench.register(einbench.Operation(
    name="run_again", formula="y = a x", inputs={{"x": "batch", "a": ""}}, outputs={{"y": "batch"}},
    sizes={{}}, reference=lambda x, a: a * x, scale=lambda y, x, a: abs(y), flops=lambda s: 1))
op.kernel("ufunc")(lambda x, a: a * x)
""")
    one, two = np.ones(3), np.array(2.0)
    np.testing.assert_array_equal(einbench.auto.run_again(one, two), 2 * one)


def test_a_kernel_may_be_renamed_and_change_its_kind_from_run_to_run(
    cell: Callable[..., Any],
) -> None:
    op = cell(OPERATION, factor=3, more="")
    cell(PLAIN.replace("def mine", "def draft"), expression="3 * x")
    cell(COMPILED, factor=3.0)
    assert op["mine"].origin.compile
    cell(PLAIN, expression="x + x + x")
    assert not op["mine"].origin.compile
    assert all(v.passed for v in einbench.check(op))
