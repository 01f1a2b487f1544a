"""fastest(): the winner of checked kernels, as something to call and to read."""

from __future__ import annotations

import numpy as np
import pytest

import einbench


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return einbench.operation("softmax_vjp").draw(batch=64)


@pytest.fixture(scope="module")
def choice(drawn) -> einbench.Choice:
    return einbench.fastest("softmax_vjp", drawn["probs"], drawn["cotangent"], budget_s=0.2)


def test_the_choice_computes_what_the_operation_says(choice, drawn):
    probs, cotangent = drawn["probs"], drawn["cotangent"]
    expected = probs * (cotangent - (probs * cotangent).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(choice(probs, cotangent), expected, rtol=1e-4, atol=1e-6)


def test_the_choice_names_its_kernel_and_explains_every_candidate(choice):
    assert choice.kernel.method in einbench.operation("softmax_vjp")
    said = str(choice)
    for kernel in einbench.operation("softmax_vjp"):
        assert kernel.method in said


def test_options_and_arrays_by_name_are_part_of_the_question():
    drawn = einbench.operation("cross_entropy").draw(batch=16)
    choice = einbench.fastest("cross_entropy", **drawn, reduction="sum", budget_s=0.1)
    assert {r.options["reduction"] for r in choice.records} == {"sum"}


def test_a_wrong_kernel_is_not_chosen_though_it_does_nothing(drawn):
    op = einbench.operation("softmax_vjp")
    op.kernel("lazy")(lambda probs, cotangent: np.zeros_like(probs))
    try:
        choice = einbench.fastest(op, **drawn, budget_s=0.1)
    finally:
        op.remove("lazy")
    (lazy,) = [r for r in choice.records if r.kernel == "lazy"]
    assert lazy.status == "rejected"
    assert choice.kernel.method != "lazy"


def test_strided_inputs_are_timed_as_they_are(drawn):
    choice = einbench.fastest(
        "softmax_vjp", drawn["probs"][::2], drawn["cotangent"][::2], budget_s=0.1
    )
    timed = [r for r in choice.records if r.median_s]
    assert len(timed) > 1
    assert {r.layout for r in timed} == {"sliced"}
    assert all("not checked" in r.reason for r in choice.records if r not in timed)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rigor": "patiently"}, "no rigor 'patiently'"),
        ({"budget_s": -1}, "budget_s=-1"),
        ({"threads": 0}, "threads=0"),
    ],
)
def test_wrong_use_says_what_was_expected(drawn, wrong, message):
    with pytest.raises(ValueError, match=message):
        einbench.fastest("softmax_vjp", **drawn, **wrong)


def test_without_any_right_kernel_there_is_no_choice():
    op = einbench.register(
        einbench.Operation(
            name="twice",
            formula="y = 2 x",
            inputs={"inputs": "batch features"},
            outputs={"outputs": "batch features"},
            sizes={"features": 3},
            reference=lambda x: 2 * x,
            scale=lambda y, x: abs(y),
            flops=lambda s: s["batch"] * s["features"],
        )
    )
    try:
        op.kernel("thrice")(lambda inputs: 3 * inputs)
        with pytest.raises(ValueError, match="twice: no kernel is left to choose from"):
            einbench.fastest("twice", np.ones((2, 3)))
    finally:
        from einbench.registry import forget

        forget("twice")


def test_what_was_measured_on_nan_is_not_remembered(monkeypatch, tmp_path):
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    probs, cotangent = einbench.operation("softmax_vjp").draw(batch=3, classes=2).values()
    strange = np.full_like(probs, np.nan)
    assert einbench.fastest("softmax_vjp", strange, cotangent, budget_s=0.05).origin == "measured"
    assert einbench.fastest("softmax_vjp", probs, cotangent, budget_s=0.05).origin == "measured"
    assert einbench.fastest("softmax_vjp", probs, cotangent, budget_s=0.05).origin == "remembered"
