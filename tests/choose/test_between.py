"""log t(n) ~ linear in log n: what two remembered sizes say of a third."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from choose_support import choice, signature
from hypothesis import given, settings
from hypothesis import strategies as st

from einbench.choose.between import MOST_APART, MOST_BEYOND, between, beyond
from einbench.choose.book import Remembered

USABLE = ("loop", "einsum", "numba")

SIZES = st.integers(1, 400)
TIES = st.lists(st.sampled_from(USABLE), min_size=1, unique=True).map(tuple)


@st.composite
def remembered(draw: st.DrawFn) -> list[Remembered]:
    """Choices of one kind, one for each size."""
    sizes = draw(st.lists(st.tuples(SIZES, st.integers(1, 4)), max_size=8, unique=True))
    known = []
    for batch, features in sizes:
        tie = draw(TIES)
        seconds = draw(st.floats(1e-7, 1.0))
        known.append(choice(batch, tie[0], tie, features=features, seconds=seconds))
    return known


def plain(found: Remembered | None) -> tuple[int, ...]:
    return () if found is None else tuple(size for _, size in found.signature.sizes)


def test_two_that_agree_answer_for_what_lies_between() -> None:
    found = between([choice(4), choice(64)], signature(16), "measure", USABLE)
    assert found is not None
    assert (found.kernel, plain(found.lower), plain(found.upper)) == ("loop", (4, 3), (64, 3))


def test_the_nearest_are_asked_in_whatever_order_they_are_remembered() -> None:
    known = [choice(b, "numba" if b in (8, 32) else "loop") for b in (2, 64, 32, 4, 8)]
    for order in itertools.permutations(known):
        found = between(order, signature(16), "measure", USABLE)
        assert found is not None
        assert (found.kernel, plain(found.lower), plain(found.upper)) == ("numba", (8, 3), (32, 3))


def test_the_simplest_that_both_agree_on_is_the_answer() -> None:
    known = [
        choice(4, "loop", ("loop", "einsum", "numba")),
        choice(64, "einsum", ("einsum", "numba")),
    ]
    found = between(known, signature(16), "measure", USABLE)
    assert found is not None
    assert found.kernel == "einsum"
    assert between(known, signature(16), "measure", ("numba",)).kernel == "numba"  # type: ignore[union-attr]
    assert between(known, signature(16), "measure", ("loop",)) is None


def test_seconds_follow_a_power_of_the_size() -> None:
    known = [choice(10, seconds=1e-3), choice(1000, seconds=1e-1)]
    found = between(known, signature(100), "measure", USABLE)
    assert found is not None
    assert found.predicted_s == pytest.approx({"loop": 1e-2})


def test_only_what_both_measured_is_predicted() -> None:
    known = [choice(4, "loop", ("loop", "numba")), choice(64, "loop")]
    found = between(known, signature(16), "measure", USABLE)
    assert found is not None
    assert set(found.predicted_s) == {"loop"}


@pytest.mark.parametrize("rigor", ["measure", "patient"])
def test_the_lesser_of_both_rigors_counts(rigor: str) -> None:
    known = [choice(4, rigor="patient"), choice(64, rigor=rigor)]
    found = between(known, signature(16), "patient", USABLE)
    assert (found is not None) == (rigor == "patient")


@pytest.mark.parametrize(
    "part",
    [
        {"dtype": "float64"},
        {"layout": "F"},
        {"integers": "int64"},
        {"options": (("mode", "a"),)},
        {"sizes": (("rows", 64), ("features", 3))},
    ],
    ids=lambda part: next(iter(part)),
)
def test_one_of_another_kind_is_no_neighbour(part: dict[str, Any]) -> None:
    assert between([choice(4), choice(64, **part)], signature(16), "measure", USABLE) is None


def test_neighbours_may_be_so_far_apart_and_no_farther() -> None:
    for upper, known in ((MOST_APART, True), (MOST_APART + 1, False)):
        found = between([choice(1), choice(upper)], signature(16), "measure", USABLE)
        assert (found is not None) is known


def test_a_neighbour_without_rows_is_none() -> None:
    known = [choice(0), choice(1), choice(64)]
    for order in (known, known[::-1]):
        found = between(order, signature(16), "measure", USABLE)
        assert found is not None
        assert plain(found.lower) == (1, 3)


@given(remembered(), SIZES, st.integers(1, 4))
def test_an_answer_wins_or_ties_at_every_size_between_its_neighbours(
    known: list[Remembered], batch: int, features: int
) -> None:
    found = between(known, signature(batch, features), "measure", USABLE)
    if found is None:
        return
    low, high = plain(found.lower), plain(found.upper)
    asked = (batch, features)
    assert all(m <= n <= k <= MOST_APART * m for m, n, k in zip(low, asked, high, strict=True))
    inside = [
        c for c in known if all(m <= n <= k for m, n, k in zip(low, plain(c), high, strict=True))
    ]
    assert all(found.kernel in c.tie for c in inside)
    simpler = USABLE[: USABLE.index(found.kernel)]
    assert not any(all(method in c.tie for c in inside) for method in simpler)
    for method, seconds in found.predicted_s.items():
        ends = [found.lower.times[method].median_s, found.upper.times[method].median_s]
        assert min(ends) * (1 - 1e-9) <= seconds <= max(ends) * (1 + 1e-9)


@given(remembered(), SIZES)
def test_along_one_axis_neighbours_that_agree_always_answer(
    known: list[Remembered], batch: int
) -> None:
    line = [c for c in known if plain(c)[1] == 3]
    below = max((c for c in line if plain(c)[0] <= batch), key=plain, default=None)
    above = min((c for c in line if plain(c)[0] >= batch), key=plain, default=None)
    found = between(line, signature(batch), "measure", USABLE)
    if below is None or above is None or plain(above)[0] > MOST_APART * plain(below)[0]:
        assert found is None
    else:
        agreed = [m for m in USABLE if m in below.tie and m in above.tie]
        assert (found.kernel if found else None) == next(iter(agreed), None)


@settings(max_examples=50)
@given(remembered(), SIZES, st.integers(1, 4), st.integers(0, 8))
def test_what_is_of_another_kind_or_without_rows_changes_nothing(
    known: list[Remembered], batch: int, features: int, place: int
) -> None:
    asked = signature(batch, features)
    answer = between(known, asked, "measure", USABLE)
    others = [
        choice(0, "numba", features=1),
        choice(0, "numba", features=features),
        choice(batch, "numba", features=features, dtype="float64"),
    ]
    assert between([*known[:place], *others, *known[place:]], asked, "measure", USABLE) == answer


def test_seconds_between_two_sizes_may_fall_and_below_both_are_in_proportion_at_least() -> None:
    known = [choice(8, seconds=2e-3), choice(64, seconds=1e-3)]
    found = between(known, signature(36), "measure", USABLE)
    assert found is not None
    assert found.predicted_s["loop"] == pytest.approx(1.5e-3)
    known = [choice(8, seconds=1e-3), choice(64, seconds=1e-1)]
    below = beyond(known, signature(2), "measure", USABLE)
    assert below is not None
    assert below.predicted_s["loop"] == pytest.approx(0.25e-3)


@given(remembered(), SIZES)
@settings(max_examples=100)
def test_beyond_sizes_only_what_wins_or_ties_at_both_answers(
    known: list[Remembered], batch: int
) -> None:
    found = beyond(known, signature(batch), "measure", USABLE)
    if found is not None:
        assert all(found.kernel in each.tie for each in (found.lower, found.upper))
        ends = zip(plain(found.lower), plain(found.upper), (batch, 3), strict=True)
        # the sizes that were measured differ along one axis
        ((low, high, size),) = [each for each in ends if each[0] != each[1]]
        assert size < low or size > high
        near = low if size < low else high
        step = max(size, near) / min(size, near)
        assert step <= min(MOST_BEYOND, high / low)
