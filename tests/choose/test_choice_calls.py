"""Calls of what fastest() gives: looked up for arrays of a known kind, else as of a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench
from einbench.operation import Operation


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return einbench.operation("softmax_vjp").draw(batch=5)


@pytest.fixture
def choice(drawn) -> einbench.Choice:
    return einbench.fastest("softmax_vjp", **drawn, rigor="estimate")


@pytest.fixture
def checked(monkeypatch) -> list[str]:
    """The operations whose arguments were checked, one entry a call."""
    seen: list[str] = []
    bind = Operation.bind

    def counting(op: Operation, *arrays: Any, **named: Any) -> Any:
        seen.append(op.name)
        return bind(op, *arrays, **named)

    monkeypatch.setattr(Operation, "bind", counting)
    return seen


def test_arrays_of_the_kind_it_was_chosen_for_are_checked_once(choice, drawn, checked):
    expected = choice.kernel(**drawn)
    choice(**drawn)
    checked.clear()
    np.testing.assert_array_equal(choice(*drawn.values()), expected)
    np.testing.assert_array_equal(choice(**drawn), expected)
    np.testing.assert_array_equal(choice(drawn["probs"], cotangent=drawn["cotangent"]), expected)
    assert checked == []


def test_other_arrays_are_checked_and_computed_as_any_kernel_does(choice, drawn, checked):
    choice(**drawn)
    choice.kernel._dispatch.clear()  # other tests may have called it
    checked.clear()
    strided = {name: np.repeat(array, 2, axis=0)[::2] for name, array in drawn.items()}
    doubled = {name: array.astype(np.float64) for name, array in drawn.items()}
    fewer = {name: array[:2] for name, array in drawn.items()}
    lists = {name: array.astype(np.float64).tolist() for name, array in drawn.items()}
    for other in (strided, doubled, fewer, lists):
        np.testing.assert_array_equal(choice(**other), choice.kernel(**other))
    assert len(checked) == 8


def test_an_option_is_part_of_the_kind():
    drawn = einbench.operation("cross_entropy").draw(batch=4)
    choice = einbench.fastest("cross_entropy", **drawn, reduction="sum", rigor="estimate")
    for _ in range(2):
        for options in ({}, {"reduction": "sum"}, {"reduction": "mean"}):
            assert choice(**drawn, **options) == choice.kernel(**drawn, **options)


def test_several_results_come_by_their_names():
    drawn = einbench.operation("mlp_gradients").draw(batch=3)
    choice = einbench.fastest("mlp_gradients", **drawn, rigor="estimate")
    for _ in range(2):
        found = choice(**drawn)
        assert found._fields == tuple(choice.kernel.operation.outputs)


def test_memory_for_the_result_is_checked_and_written_to(choice, drawn):
    out = np.empty_like(drawn["probs"])
    for _ in range(2):
        assert choice(**drawn, out=out) is out
        np.testing.assert_array_equal(out, choice.kernel(**drawn))
    with pytest.raises(ValueError, match="must have shape"):
        choice(**drawn, out=out[:2])


@pytest.mark.parametrize("known", [False, True])
def test_errors_are_the_kernel_s(choice, drawn, known):
    probs, cotangent = drawn.values()
    if known:
        choice(probs, cotangent)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        ((probs,), {}),
        ((probs, cotangent, probs), {}),
        ((probs, cotangent), {"probs": probs}),
        ((probs, cotangent), {"axis": 1}),
        ((probs, cotangent[:, :3]), {}),
        ((probs, cotangent.astype(np.float64)), {}),
        ((probs.astype(np.int64), cotangent), {}),
        ((probs[0], cotangent[0]), {}),
        ((None, cotangent), {}),
    ]
    for arrays, named in wrong:
        with pytest.raises((TypeError, ValueError)) as expected:
            choice.kernel(*arrays, **named)
        with pytest.raises(type(expected.value)) as told:
            choice(*arrays, **named)
        assert str(told.value) == str(expected.value)


def test_what_a_kernel_raises_is_raised_once():
    op = einbench.Operation(
        name="refusing", formula="y = x", inputs={"x": "batch"}, outputs={"y": "batch"}, sizes={},
        reference=lambda x: x, scale=lambda y, x: abs(y), flops=lambda sizes: 0.0,
    )  # fmt: skip
    calls = []

    @op.kernel("copy")
    def copy(x: np.ndarray) -> np.ndarray:
        calls.append(x)
        if (x == 7).any():
            raise TypeError("seven")
        return x.copy()

    x = np.ones(3)
    choice = einbench.fastest(op, x, budget_s=0.01)
    choice(x)
    calls.clear()
    with pytest.raises(TypeError, match="seven"):
        choice(x * 7)
    assert len(calls) == 1
