"""Whether trainings went the same way, and whether rounding explains it where they did not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from einbench import network as n
from einbench.network.agreement import (
    LIMITS,
    PERTURBED_RUNS,
    Family,
    judge,
    relative_difference,
    roundings,
)
from einbench.network.together import train_together


def family(name: str, *losses: float) -> Family:
    return Family(name, losses=list(losses))


def no_twin(name: str, number: int, steps: int) -> Sequence[float]:
    raise AssertionError("no family diverged: no perturbed is needed")


def test_equal_curves_are_equal() -> None:
    families = [family("a", 2.0, 1.0), family("b", 2.0, 1.0 + 1e-7)]
    judge(families, 1e-4, no_twin)
    assert [f.status for f in families] == ["ok", "ok"]
    assert families[0].difference is None
    assert families[1].difference == pytest.approx(1e-7, rel=1e-6)


def test_a_family_that_parts_is_rejected_with_the_step() -> None:
    families = [family("a", 2.0, 1.0, 0.5), family("b", 2.0, 1.1, 0.5)]
    judge(families, 1e-4, lambda name, number, steps: [2.0, 1.0, 0.5][:steps])
    assert families[1].status == "rejected"
    assert "the loss of step 2 differs from a's by 9.1e-02" in families[1].reason


def test_where_twins_part_as_far_rounding_is_the_reason() -> None:
    asked: list[tuple[str, int]] = []

    def perturbed(name: str, number: int, steps: int) -> Sequence[float]:
        asked.append((name, steps))
        return [2.0, 1.05][:steps] if number == 3 else [2.0, 1.0][:steps]

    families = [family("a", 2.0, 1.0, 0.5), family("b", 2.0, 1.1, 0.9)]
    judge(families, 1e-4, perturbed)
    assert families[1].status == "ok"
    assert families[1].judged == 1
    assert families[1].difference == 0
    assert asked == [("a", 2)] * 4


def test_twins_that_part_a_little_do_not_explain_much() -> None:
    families = [family("a", 2.0, 1.0), family("b", 2.0, 1.1)]
    judge(families, 1e-4, lambda name, number, steps: [2.0, 1.001])
    assert families[1].status == "rejected"


def test_later_steps_are_compared_with_the_first_family_that_took_them() -> None:
    families = [family("a", 2.0), family("b", 2.0, 1.0), family("c", 2.0, 1.5)]
    judge(families, 1e-4, lambda name, number, steps: [2.0, 1.0])
    assert [f.status for f in families] == ["ok", "ok", "rejected"]
    assert "b's" in families[2].reason


def test_numbers_of_agreement() -> None:
    assert relative_difference(0.0, 0.0) == 0
    assert relative_difference(1.0, -1.0) == 2
    assert [roundings(number) for number in range(PERTURBED_RUNS)] == [1, 2, 4, 8, 16, 32] * 2
    assert LIMITS == {"float32": 1e-4, "float64": 1e-9}


def make(name: str) -> n.Sequential:
    return n.Sequential(
        [n.Linear(6, 5), n.ReLU(), n.Linear(5, 3)], kernels=name, seed=1, dtype="float64"
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)), rng.integers(0, 3, 40)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_turns_train_what_one_fit_trains(momentum: float) -> None:
    x, y = data()
    optimizer = n.SGD(0.05, momentum)
    families = train_together(
        make, ["einsum", "matmul"], x, y, steps=20, batch=10, optimizer=optimizer, seed=7
    )
    order = np.random.default_rng(7)
    places = np.concatenate([order.permutation(40) for _ in range(5)])
    history = make("matmul").fit(
        x[places], y[places], epochs=1, batch=10, optimizer=optimizer, order="given"
    )
    for trained in families:
        assert len(trained.losses) == 20
        assert np.allclose(trained.losses, history.step_losses, rtol=1e-12, atol=0)
        assert trained.status == "ok"


def test_a_family_far_beyond_the_budget_is_skipped_with_its_prediction() -> None:
    x, y = data()
    families = train_together(make, ["loop", "matmul"], x, y, steps=4, batch=10, budget_s=1e-7)
    assert [f.status for f in families] == ["skipped", "skipped"]
    assert "a step, and the budget is 1e-07 s" in families[0].reason
    assert not families[0].losses


def test_batches_are_whole_and_a_larger_one_than_the_data_is_refused() -> None:
    x, y = data()
    (trained,) = train_together(make, ["matmul"], x, y, steps=7, batch=15)
    assert len(trained.losses) == 7
    with pytest.raises(ValueError, match="batch 41 does not fit 40 samples"):
        train_together(make, ["matmul"], x, y, batch=41)
