"""The nearest kin of a machine, and what its answers cost, on numbers that can be done by hand."""

from __future__ import annotations

from typing import Any

import pytest

from einbench.choose.kin import Measured, differing, distance, left_out, nearest, regrets_of


def facts(**other: Any) -> dict[str, Any]:
    return {
        "cpu": "Intel Xeon A", "architecture": "x86_64", "usable_cores": 2, "numpy": "2.4.6",
        "numba": "0.68.1", "caches": {"L1d": 32768, "L2": 1 << 20, "L3": 32 << 20},
        "blas": [{"vendor": "openblas", "version": "0.3.31", "architecture": "SkylakeX"}],
        **other,
    }  # fmt: skip


HASWELL = [{"vendor": "openblas", "version": "0.3.31", "architecture": "Haswell"}]


def test_a_machine_is_its_own_nearest_kin() -> None:
    assert distance(facts(), facts()) == 0
    assert differing(facts(), facts()) == []


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ({"usable_cores": 4}, {"usable_cores": 16}),
        ({"numpy": "2.5.0"}, {"cpu": "Intel Xeon B"}),
        ({"cpu": "Intel Xeon B"}, {"cpu": "AMD EPYC"}),
        ({"cpu": "AMD EPYC"}, {"cpu": "AMD EPYC", "blas": HASWELL}),
        ({"cpu": "AMD EPYC", "usable_cores": 64}, {"architecture": "aarch64", "cpu": "Neoverse",
                                                   "usable_cores": 64}),
        ({"caches": {"L2": 2 << 20}}, {"caches": {"L2": 16 << 20}}),
    ],
)  # fmt: skip
def test_what_differs_more_is_further_away(near: dict[str, Any], far: dict[str, Any]) -> None:
    assert 0 < distance(facts(), facts(**near)) < distance(facts(), facts(**far))
    assert distance(facts(**far), facts()) == pytest.approx(distance(facts(), facts(**far)))


def test_what_is_not_known_is_no_difference() -> None:
    assert distance({"cpu": None}, facts()) == 0
    assert distance(facts(caches=None, blas=[], usable_cores=None), facts()) == 0


def test_regret_is_what_the_kins_winner_takes_over_the_best() -> None:
    here = Measured(facts(), {"a": {"x": 2.0, "y": 1.0}, "b": {"x": 1.0}, "c": {"x": 5.0}})
    kin = Measured(facts(numpy="2.5.0"), {"a": {"x": 1.0, "y": 3.0}, "b": {"z": 1.0, "x": 2.0}})
    other = Measured(facts(cpu="AMD"), {"a": {"y": 1.0}, "b": {"x": 1.0}, "c": {"x": 1.0}})
    # in "a" the kin's x takes twice as long as y; in "b" its z is not known here, and x is next
    assert regrets_of(here, [other, kin]) == [1.0, 0.0]
    assert nearest(here.facts, [other, kin]) is kin
    found = left_out([here, kin, other])
    assert found is not None
    assert (found.machines, found.cells, found.greatest) == (3, 7, 1.0)
    assert found.right == 5


def test_one_machine_says_nothing_of_kin() -> None:
    assert left_out([Measured(facts(), {"a": {"x": 1.0}})]) is None
