"""A kernel is looked at once at every size, and of large sizes once for all up to a quarter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import einbench
from einbench.choose import first_use, looked_at
from einbench.choose.environment import environment, threads
from einbench.choose.signature import signature

RELU = einbench.operation("relu")
#: rows of 1,024 float32: 256 KiB
LARGE = 64


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of every look; none is wrong unless a test says so."""
    seen: list[int] = []
    monkeypatch.setattr(looked_at, "_WRONG", {})

    def why_wrong(kernel: Any, problem: Any) -> str:
        seen.append(problem.rows)
        return ""

    monkeypatch.setattr(first_use, "why_wrong", why_wrong)
    return seen


def look(rows: int, features: int = 1024, method: str = "numba") -> str:
    bound = RELU.bind(np.ones((rows, features), np.float32))
    asked = signature(RELU, bound, threads())
    return looked_at.why_wrong_here(RELU[method], bound, environment(RELU), asked)


def test_large_sizes_are_looked_at_from_above(looks: list[int]) -> None:
    for rows in (8 * LARGE, 8 * LARGE, 4 * LARGE, 2 * LARGE):
        assert not look(rows)
    assert looks == [8 * LARGE]
    look(LARGE)
    assert looks == [8 * LARGE, LARGE], "more than four times as many rows say nothing"
    look(9 * LARGE)
    assert looks[2:] == [9 * LARGE], "fewer rows say nothing"
    look(8 * LARGE - 1, features=1025)
    assert looks[3:] == [8 * LARGE - 1], "nor do fewer of another axis"
    look(8 * LARGE - 1, method="simd")
    assert looks[4:] == [8 * LARGE - 1], "nor does another kernel"


def test_small_sizes_are_looked_at_each(looks: list[int]) -> None:
    for rows in (63, 62, 31):
        look(rows)
    assert looks == [63, 62, 31]


def test_a_wrong_result_stands_for_no_other_size(
    looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_use, "why_wrong", lambda kernel, problem: "wrong")
    assert look(4 * LARGE) == "wrong"
    monkeypatch.setattr(first_use, "why_wrong", lambda kernel, problem: looks.append(1) or "")
    assert not look(2 * LARGE)
    assert looks == [1]
