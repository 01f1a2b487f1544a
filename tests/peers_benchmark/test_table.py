"""Which kernel is best, by how much, and the table."""

from __future__ import annotations

import numpy as np
import pytest

#: of ways that differ in nothing else
NAMES = [f"way {number}" for number in range(30)]


def cell(operation, batch, ratio, dtype="float32", **more):
    found = {
        "operation": operation, "batch": batch, "dtype": dtype, "ratio": ratio,
        "low": ratio and ratio * 0.9, "high": ratio and ratio * 1.1, "ours": "numba",
        "peer": "torch_mm_out", "ours_s": 2e-6, "peer_s": 1e-6, "roofline": 0.5,
        "other_cores": 0.0, "ways": [],
    }  # fmt: skip
    return {**found, **more}


def rejected(library="torch", status="rejected"):
    return {"library": library, "way": "mm", "status": status, "reason": "all zeros"}


@pytest.fixture
def document(module):
    cells = [
        cell("linear", 1, 0.5),
        cell("linear", 1000, 2.0),
        cell("relu", 1, 1.05),
        cell("relu", 1000, None, peer=None, peer_s=None, ways=[rejected()]),
        cell("linear", 1, 0.25, "float64", other_cores=0.5),
    ]
    return {"settings": {"threads": 2}, "cells": cells, "summary": module("table").summary(cells)}


def test_the_table_has_a_place_for_every_cell(module, document):
    lines = module("table").table(document)
    assert "| | 1 | 1,000 |" in lines
    assert "| linear | 0.50 (0.45 to 0.55) | 2.00 (1.80 to 2.20) |" in lines
    assert "| relu | 1.05 (0.95 to 1.16) | no peer |" in lines
    assert "| linear | 0.25 (0.23 to 0.28) |" in lines
    assert "| linear | 0.50 |" in lines  # of the roofline, at 1,000 alone
    assert "relu, batch 1,000, float32: torch mm rejected: all zeros" in lines
    assert any("disturbed" in line and "1 of 5" in line for line in lines)


def test_a_summary_counts_what_is_above_one_and_names_the_worst(document):
    found = document["summary"]["float32"]
    assert found["cells"] == 4
    assert found["with_ratio"] == 3
    assert found["geometric_mean"] == pytest.approx((0.5 * 2 * 1.05) ** (1 / 3))
    assert found["above_1"] == 2
    assert found["surely_above_1"] == 1
    assert [worst["ratio"] for worst in found["worst"]] == [2.0, 1.05, 0.5]


@pytest.mark.parametrize(
    ("way", "status"),
    [
        (rejected(), True),
        (rejected(status="refused"), True),  # the status of an older document
        (rejected("ours", "failed"), True),
        (rejected("torch", "failed"), False),
        (rejected("torch", "unavailable"), False),
    ],
)
def test_any_wrong_kernel_is_reported_by_the_status(module, way, status):
    assert module("table").wrong([cell("linear", 1, 0.5, ways=[way])]) == status


def test_a_winner_is_not_compared_in_the_rounds_that_selected_it(module):
    # all are alike: the least of many medians is low, and ratios should be about one
    fair, biased = [], []
    for seed in range(12):
        times = np.exp(np.random.default_rng(seed).normal(0, 0.3, (31, 40)))
        *many, one = times.tolist()
        found = module("ratio").verdict(dict(zip(NAMES, many, strict=True)), {"x": one})
        fair.append(np.log(found["ratio"]))
        biased.append(np.log(found["ours_s"] / found["peer_s"]))
    assert np.mean(biased) < -0.08
    assert abs(np.mean(fair)) < 0.04


def test_ratios_are_formed_within_rounds_by_the_best_of_both_sides(module):
    drift = np.linspace(1, 5, 12)
    found = module("ratio").verdict(
        {"slow": list(3 * drift), "quick": list(2 * drift)},
        {"torch": list(4 * drift), "jax": list(9 * drift)},
    )
    assert (found["ours"], found["peer"]) == ("quick", "torch")
    assert found["ratio"] == found["low"] == found["high"] == 0.5
    missing = module("ratio").verdict({"quick": [1.0]}, {})
    assert missing["ratio"] is None
    assert missing["ours"] == "quick"


def test_kernels_dropped_early_lose_and_the_rounds_of_both_sides_count(module):
    found = module("ratio").verdict(
        {"left": [0.1, 0.1, 0.1], "stayed": [2.0] * 7}, {"torch": [4.0] * 3}
    )
    assert (found["ours"], found["ratios"]) == ("stayed", [0.5] * 3)


def test_the_interval_narrows_with_rounds(module):
    rng = np.random.default_rng(0)
    few, many = (
        module("ratio").verdict({"a": np.exp(rng.normal(0, 0.2, n)).tolist()}, {"b": [1.0] * n})
        for n in (5, 100)
    )
    assert few["low"] < few["ratio"] < few["high"]
    assert many["high"] - many["low"] < few["high"] - few["low"]
