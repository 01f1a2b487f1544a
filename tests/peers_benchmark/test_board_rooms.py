"""The scoreboard's rooms: who is best, what the table says, when the process is quiet."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

#: of ways that differ in nothing else
NAMES = [f"way {number}" for number in range(30)]


def cell(operation, batch, ratio, dtype="float32", **more):
    found = {
        "operation": operation, "batch": batch, "dtype": dtype, "ratio": ratio,
        "low": ratio and ratio * 0.9, "high": ratio and ratio * 1.1, "ours": "numba",
        "peer": "torch eager", "ours_s": 2e-6, "peer_s": 1e-6, "roofline": 0.5,
        "other_cores": 0.0, "ways": [],
    }  # fmt: skip
    return {**found, **more}


def refused(library="torch"):
    return {"library": library, "way": "mm", "status": "refused", "reason": "all zeros"}


@pytest.fixture
def document(room):
    cells = [
        cell("linear", 1, 0.5),
        cell("linear", 1000, 2.0),
        cell("relu", 1, 1.05),
        cell("relu", 1000, None, peer=None, peer_s=None, ways=[refused()]),
        cell("linear", 1, 0.25, "float64", other_cores=0.5),
    ]
    return {
        "settings": {"threads": 2, "rounds": 12},
        "cells": cells,
        "summary": room("board_table").summary(cells),
    }


def test_the_table_has_a_place_for_every_cell(room, document):
    lines = room("board_table").table(document)
    assert "| | 1 | 1,000 |" in lines
    assert "| linear | 0.50 (0.45 to 0.55) | 2.00 (1.80 to 2.20) |" in lines
    assert "| relu | 1.05 (0.95 to 1.16) | no peer |" in lines
    assert "| linear | 0.25 (0.23 to 0.28) |" in lines
    assert "| linear | 0.50 |" in lines  # of the roofline, at 1,000 alone
    assert "relu, batch 1,000, float32: torch mm refused: all zeros" in lines
    assert any("disturbed" in line and "1 of 5" in line for line in lines)


def test_a_summary_counts_what_is_above_one_and_names_the_worst(document):
    found = document["summary"]["float32"]
    assert found["cells"] == 4
    assert found["with_ratio"] == 3
    assert found["geometric_mean"] == pytest.approx((0.5 * 2 * 1.05) ** (1 / 3))
    assert found["above_1"] == 2
    assert found["surely_above_1"] == 1
    assert [worst["ratio"] for worst in found["worst"]] == [2.0, 1.05, 0.5]


def test_anybody_who_was_wrong_is_told_by_the_status(room, document):
    wrong = room("board_table").wrong
    assert wrong(document["cells"])
    assert not wrong([cell("linear", 1, 0.5)])
    assert wrong([cell("linear", 1, 0.5, ways=[refused("ours")])])


def test_a_winner_by_luck_is_not_held_against_the_rounds_it_was_lucky_in(room):
    # all are alike: the least of many medians is low, and ratios should be about one
    fair, lucky = [], []
    for seed in range(12):
        times = np.exp(np.random.default_rng(seed).normal(0, 0.3, (31, 40)))
        *many, one = times.tolist()
        found = room("board_ratio").verdict(dict(zip(NAMES, many, strict=True)), {"x": one})
        fair.append(np.log(found["ratio"]))
        lucky.append(np.log(found["ours_s"] / found["peer_s"]))
    assert np.mean(lucky) < -0.08
    assert abs(np.mean(fair)) < 0.04


def test_ratios_are_formed_within_rounds_by_the_best_of_both_sides(room):
    drift = np.linspace(1, 5, 12)
    found = room("board_ratio").verdict(
        {"slow": list(3 * drift), "quick": list(2 * drift)},
        {"torch": list(4 * drift), "jax": list(9 * drift)},
    )
    assert (found["ours"], found["peer"]) == ("quick", "torch")
    assert found["ratio"] == found["low"] == found["high"] == 0.5
    nobody = room("board_ratio").verdict({"quick": [1.0]}, {})
    assert nobody["ratio"] is None
    assert nobody["ours"] == "quick"


def test_of_a_library_those_near_its_best_have_turns_too(room):
    house = room("board_house")
    torch = next(library for library in house.LIBRARIES if library.name == "torch")
    times_s = {"a": 1.0, "b": 5.0, "c": 6.0, "d": 1.05}
    assert torch.chosen(times_s) == ["a", "d"]
    assert torch.chosen({**times_s, "b": 1.09}) == ["a", "d", "b"]
    assert torch.chosen({"a": 1.0}) == ["a"]
    assert torch.chosen({}) == []


def test_short_calls_are_timed_in_groups_and_slow_ones_once(room):
    row = room("board_rows").Row("torch", "mm")
    row.screened_s = 2.0**-20
    plan = row.plan(0.015, first_round=False)
    assert plan["calls"] == 53
    assert plan["groups"] == 296
    row.screened_s = 0.5
    assert row.plan(0.015, first_round=True) == {"untimed": 1, "groups": 1, "calls": 1}
    assert row.plan(0.015, first_round=False) == {"untimed": 0, "groups": 1, "calls": 1}


def test_a_process_is_not_quiet_while_a_thread_of_it_works(room):
    settle = room("quiet").settle
    end_s = time.perf_counter() + 0.15

    def spin():
        while time.perf_counter() < end_s:
            sum(range(1000))

    thread = threading.Thread(target=spin)
    thread.start()
    settle(0.01)
    assert time.perf_counter() > end_s - 0.02
    thread.join()


def test_a_task_travels_bit_for_bit(room, tmp_path):
    import einbench

    op = einbench.operation("cross_entropy")
    task_room = room("task")
    task = task_room.Task(
        op, op.draw(batch=5, dtype="float32"), op.choose_options({}), {"batch": np.array([0, 4])}
    )
    task.save(tmp_path / "task.npz")
    loaded = task_room.Task.load(tmp_path / "task.npz")
    assert loaded.operation is op
    assert loaded.options == {"reduction": "mean"}
    assert loaded.dtype == np.float32
    for name, array in task.arrays.items():
        assert loaded.arrays[name].tobytes() == array.tobytes()
        assert loaded.arrays[name].dtype == array.dtype
        assert not loaded.arrays[name].flags.writeable
    assert loaded.kept["batch"].tolist() == [0, 4]


def test_outputs_that_a_library_does_not_give_are_not_asked_of_it(room):
    import einbench

    op = einbench.operation("mlp_sgd_step")
    task = room("task").Task(op, op.draw(batch=3, dtype="float64"), op.choose_options({}))
    judge = room("board_check").Judge.of(task, 0)
    outputs = op["matmul"](**task.arrays)._asdict()
    del outputs["logits"]
    assert judge.judge_arrays(outputs, ours=False).reason == ""
    outputs["new_b3"] = outputs["new_b3"] + 1e-9
    assert "new_b3" in judge.judge_arrays(outputs, ours=False).reason


def test_a_call_that_was_held_up_stands_for_no_slow_kernel(room, monkeypatch):
    ours = room("ways_ours")
    calls = []

    def called_s(kernel, task, rows):
        calls.append(rows)
        # the first call compiles, the second is held up by somebody else
        return {1: 2.0, 2: 0.3}.get(len(calls), 1e-6 * rows)

    monkeypatch.setattr(ours, "_called_s", called_s)
    task = SimpleNamespace(sizes={"batch": 60_000})
    assert ours._predicted_s("tiled", task) == pytest.approx(0.06)
    calls.clear()
    monkeypatch.setattr(ours, "_called_s", lambda kernel, task, rows: calls.append(rows) or 2.0)
    assert ours._predicted_s("loop", task) == 120_000
    assert calls == [1, 1]  # what is slow is not called again and again


def test_a_way_that_was_held_up_is_screened_again(room, monkeypatch):
    worker = room("board_worker")
    found_s = {"held up": [9.0, 1.0], "steady": [2.0, 2.0], "slow": [50.0]}
    monkeypatch.setattr(worker, "_SLOW_S", 20.0)
    monkeypatch.setattr(worker, "settle", lambda look_s: 0.0)
    monkeypatch.setattr(worker, "_screened_s", lambda way, share_s: found_s[way.name].pop(0))
    seat = worker.Seat(library=None)
    seat._ways = {n: SimpleNamespace(name=n, after=lambda: None) for n in found_s}
    screened = seat.screen(list(found_s), share_s=0.01)["call_s"]
    assert screened == {"held up": 1.0, "steady": 2.0, "slow": 50.0}
    assert not any(found_s.values())
