"""A choice is for the context that it is called in: ranked, remembered and answered by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.choose import environment, measuring
from einbench.choose.book import Spread
from einbench.choose.book_on_disk import book, document
from einbench.choose.tune import exactly, plan, tune
from einbench.choose.wisdom import wisdom
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ALONE, PROGRAM
from einbench.measure import timed
from einbench.measure.beside import PRECEDING


@pytest.fixture
def softmax(auto: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Small arrays, of which measuring is quick, in every context."""
    monkeypatch.setattr(timed, "PRECEDING", PRECEDING)
    return einbench.operation("softmax").draw(batch=4)


@pytest.fixture
def bench(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of two kernels: one takes nearly twice as long alone, the other five times after BLAS."""
    made = start(simple=1.9e-3, pool=1e-3)
    awake = False

    def after_blas(call_s: float) -> Callable[[], object]:
        def product() -> None:
            nonlocal awake
            awake = True

        return product

    def pooled(inputs: Any) -> Any:
        nonlocal awake
        made.now_s += len(inputs) * (5e-3 if awake else 1e-3)
        awake = False
        return 2 * inputs

    made.op.remove("pool")
    made.op.kernel("pool")(pooled)
    monkeypatch.setattr(timed, "PRECEDING", {AFTER_BLAS: after_blas})
    return made


@pytest.mark.parametrize(
    ("context", "winner"), [(ALONE, "pool"), (AFTER_BLAS, "simple"), (AFTER_PAUSE, "pool")]
)
def test_the_winner_is_that_of_the_context(bench: Any, context: str, winner: str) -> None:
    assert bench.decide(4, context=context).kernel.method == winner


def test_choices_of_one_context_answer_no_other(softmax: dict[str, Any]) -> None:
    first = einbench.fastest("softmax", context=ALONE, **softmax)
    second = einbench.fastest("softmax", **softmax)
    third = einbench.fastest("softmax", context=ALONE, **softmax)
    assert [c.origin for c in (first, second, third)] == ["measured", "measured", "remembered"]
    kept = {c.signature.context for c in wisdom().book("softmax").choices}
    assert kept == {ALONE, PROGRAM}


def test_what_was_remembered_before_there_were_contexts_was_chosen_alone(
    softmax: dict[str, Any], folder: Path
) -> None:
    einbench.fastest("softmax", context=ALONE, **softmax)
    path = folder / "softmax.json"
    old = json.loads(path.read_text())
    for choice in old["choices"]:
        del choice["context"]
        choice["times"] = {name: time[:5] for name, time in choice["times"].items()}
    path.write_text(json.dumps(old))
    assert einbench.fastest("softmax", context=ALONE, **softmax).origin == "remembered"
    assert einbench.fastest("softmax", **softmax).origin == "measured"


def test_medians_of_every_context_are_remembered(softmax: dict[str, Any]) -> None:
    measured = einbench.fastest("softmax", **softmax)
    remembered = einbench.fastest("softmax", **softmax)
    assert remembered.origin == "remembered"
    fields = (
        "after_blas_s", "after_blas_low_s", "after_blas_high_s", "after_pause_s",
        "after_pause_low_s", "after_pause_high_s", "context", "median_s",
    )  # fmt: skip
    for name in fields:
        values = [
            {r.kernel: getattr(r, name) for r in choice.records if r.status == "ok"}
            for choice in (measured, remembered)
        ]
        assert values[0] == values[1]
        # on a busy machine there may be no round in which a slow kernel came after a product
        assert values[0][measured.kernel.method] is not None
    text = str(remembered)
    assert "after BLAS" in text
    assert "after a pause" in text
    assert "context program" in text


@pytest.mark.parametrize(
    ("context", "timed"),
    [(ALONE, set()), (AFTER_BLAS, {AFTER_BLAS}), (AFTER_PAUSE, {AFTER_PAUSE})],
)
def test_a_choice_for_one_context_spends_its_time_there(
    context: str, timed: set[str], softmax: dict[str, Any]
) -> None:
    choice = einbench.fastest("softmax", context=context, **softmax)
    winner = next(r for r in choice.records if r.winner)
    found = {at for at in (AFTER_BLAS, AFTER_PAUSE) if getattr(winner, f"{at}_s") is not None}
    assert found == timed


def test_of_one_context_as_many_blocks_are_timed_as_its_rounds_leave_time_for(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "PRECEDING", PRECEDING)
    blocks: dict[str, int] = {}

    def noted(*given: Any, limits: Any, **more: Any) -> Any:
        blocks[context] = limits.blocks
        raise LookupError

    monkeypatch.setattr(measuring, "run", noted)
    for context in (ALONE, AFTER_PAUSE, PROGRAM):
        with pytest.raises(LookupError):
            start(one=0.02, other=0.02).decide(1, context=context)
    # 0.3 s of rounds of 0.04, 0.084 and 0.164 s
    assert blocks == {ALONE: 7, AFTER_PAUSE: 3, PROGRAM: 1}


def test_a_spread_that_is_none_is_damaged(softmax: dict[str, Any]) -> None:
    einbench.fastest("softmax", **softmax)
    found = json.loads(json.dumps(document("softmax", wisdom().book("softmax"))))
    times = next(iter(found["choices"][0]["times"].values()))
    assert isinstance(next(iter(book(found).choices[0].times.values())).after_blas, Spread)
    times[5] = [2.0, 3.0, 4.0]
    with pytest.raises(Exception, match="not wisdom"):
        book(found)


def test_tune_fills_one_context(auto: Any) -> None:
    problems = plan(["relu"], (2,))
    (tuned,) = tune(problems, context=AFTER_PAUSE)
    assert tuned.origin == "measured"
    now = environment.threads()
    assert exactly(problems[0], "measure", now, AFTER_PAUSE) is not None
    assert exactly(problems[0], "measure", now) is None


def test_a_context_that_there_is_not_is_named(softmax: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"context 'after'.*after_blas"):
        einbench.fastest("softmax", context="after", **softmax)


def test_an_estimate_says_that_what_is_remembered_is_of_another_context(
    softmax: dict[str, Any],
) -> None:
    einbench.fastest("softmax", context=ALONE, **softmax)
    guess = einbench.fastest("softmax", rigor="estimate", **softmax)
    assert guess.origin == "estimated"
    assert "context alone" in str(guess)
    np.testing.assert_allclose(guess(**softmax), einbench.operation("softmax").reference(
        softmax["logits"].astype(np.float64)), rtol=1e-5)  # fmt: skip
