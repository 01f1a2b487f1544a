"""The caller's arrays are what they were, whatever kernels do while one is chosen."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.choose.evidence import records

Start = Callable[..., Any]


def by_address(inputs: Any) -> None:
    ctypes.memset(inputs.ctypes.data, 0, 4)


def by_flags(inputs: Any) -> None:
    inputs.flags.writeable = True
    inputs[-1, -1] = 0


def by_base(inputs: Any) -> None:
    whole = inputs
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    whole.reshape(-1).view(np.uint8)[:] = 0


@pytest.mark.long
@pytest.mark.parametrize("rows", [100, 70_000])
@pytest.mark.parametrize("write", [by_address, by_flags, by_base])
def test_a_kernel_that_overwrites_its_input_afterwards_is_rejected_and_harms_nothing(
    write: Callable[[Any], None], rows: int, start: Start
) -> None:
    bench = start(loop=2e-9)

    def spoils(inputs: Any) -> Any:
        outputs = 2 * inputs
        if len(inputs) == rows:
            write(inputs)
        return outputs

    bench.kernel("spoils", 1e-9, spoils)
    given = np.random.default_rng(0).random((rows, 3), np.float32)
    before = given.copy()
    decision = bench.decide_on(given)
    assert decision.kernel.method == "loop"
    np.testing.assert_array_equal(given, before)
    (row,) = [r for r in records(decision) if r.kernel == "spoils"]
    assert (row.status, row.median_s) == ("rejected", None)
    assert "changes its input" in row.reason


def test_the_same_in_a_comparison_where_it_writes_only_after_some_calls(start: Start) -> None:
    bench = start(loop=2e-9)
    calls = []

    def tires(inputs: Any) -> Any:
        outputs = 2 * inputs
        calls.append(len(inputs))
        if calls.count(50_000) > 5:
            by_address(inputs)
        return outputs

    bench.kernel("tires", 1e-9, tires)
    found = einbench.compare(bench.op, batches=50_000, budget_s=0.3)
    (row,) = [r for r in found.records if r.kernel == "tires"]
    assert (row.status, row.reason) == ("rejected", "changes its input inputs at the timed size")
    (winner,) = [r for r in found.records if r.winner]
    assert winner.kernel == "loop"


def test_only_kernels_near_the_fastest_are_checked(start: Start) -> None:
    bench = start(loop=9e-3, slow=5e-3, near=2e-3, quick=1e-3)
    decision = bench.decide(64)
    assert {r.kernel for r in records(decision) if r.error is not None} == {"near", "quick"}
    left_out = {r.kernel: r.reason for r in records(decision) if r.status != "ok"}
    assert left_out.keys() == {"loop", "slow"}
    assert all("not checked" in reason for reason in left_out.values())


def test_where_the_nearest_are_wrong_the_next_are_checked(start: Start) -> None:
    bench = start(loop=50e-3)
    bench.kernel("zeros", 1e-9, np.zeros_like)
    bench.kernel("thrice", 1e-6, lambda inputs: 3 * inputs)
    decision = bench.decide(64)
    assert decision.kernel.method == "loop"
    found = {r.kernel: r.status for r in records(decision)}
    assert found == {"loop": "ok", "zeros": "rejected", "thrice": "rejected"}


def test_steps_of_a_measurement_are_reported_kernel_by_kernel(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    said: list[tuple[float, str]] = []
    bench.decide(progress=lambda part, label: said.append((part, label)))
    labels = [label for _, label in said]
    for step in ("first call of loop", "first call of quick", "checking loop", "checking quick",
                 "hostile rows at this size", "timing"):  # fmt: skip
        assert step in labels
    parts = [part for part, _ in said]
    assert parts == sorted(parts)
    assert 0 <= parts[0] < parts[-1] < 1
