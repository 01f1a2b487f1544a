"""Medians, their intervals, and which kernel wins or ties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einbench.measure.ranking import Ranking, rank, summarise
from einbench.record import FEWEST_SAMPLES, TIE_RATIO

SECONDS = st.floats(1e-7, 10.0)
NAN = math.nan


def noisy(median_s: float, rounds: int = 60, spread: float = 0.02, seed: int = 1) -> list[float]:
    rng = np.random.default_rng(seed)
    return list(median_s * np.exp(spread * rng.standard_normal(rounds)))


def test_the_best_median_wins_alone() -> None:
    result = rank({"loop": noisy(3.0, seed=1), "fast": noisy(1.0, seed=2)})
    assert result.winner == "fast"
    assert result.ties == ()


def test_the_simplest_of_those_not_distinguished_wins() -> None:
    samples = {"simple": noisy(1.005, seed=1), "clever": noisy(1.0, seed=2)}
    result = rank(samples)
    assert result.summaries["clever"].median_s < result.summaries["simple"].median_s
    assert result.winner == "simple"
    assert result.ties == ("simple", "clever")


@pytest.mark.parametrize(("ratio", "tied"), [(1.015, True), (1.03, False)])
def test_a_tie_is_a_lower_bound_below_two_percent(ratio: float, tied: bool) -> None:
    best = noisy(1.0, spread=0.3)
    samples = {"other": [ratio * s for s in best], "best": best}
    assert (rank(samples).ties == ("other", "best")) is tied


def test_ties_are_judged_within_rounds_not_across_a_drift() -> None:
    # each drifts by a factor of four, so that their intervals overlap by far
    drift = np.linspace(1.0, 4.0, 80)
    samples = {"a": list(1.1 * drift), "b": list(drift)}
    result = rank(samples)
    assert result.summaries["a"].low_s < result.summaries["b"].high_s
    assert result.winner == "b"
    assert result.ties == ()


def test_the_speedup_is_the_median_ratio_within_common_rounds() -> None:
    loop = [10.0, 22.0, 30.0, 40.0, 55.0, 60.0, 70.0, NAN, NAN]
    fast = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 90.0, 90.0]
    summaries = summarise({"loop": loop, "fast": fast}, "loop")
    assert summaries["fast"].speedup == pytest.approx(10.0)
    assert summaries["loop"].speedup == 1.0
    assert summaries["fast"].count == 9
    assert summaries["loop"].count == 7


def test_with_few_common_rounds_the_speedup_is_the_ratio_of_medians() -> None:
    """One cold sample of the winner in the loop's only round must not halve its speed-up."""
    samples = {"loop": [340.0, NAN, NAN, NAN], "fast": [3.0, 0.6, 0.6, 0.6]}
    assert summarise(samples, "loop")["fast"].speedup == pytest.approx(340 / 0.6)


def test_without_a_round_in_common_there_is_no_speedup_and_no_tie() -> None:
    result = rank({"loop": [1.0, NAN], "fast": [NAN, 1.0]}, "loop")
    # equal medians: the first is the best
    assert result.winner == "loop"
    fast = result.summaries["fast"]
    assert (fast.speedup, fast.ratio_to_best, fast.ratio_low) == (None, None, None)


@pytest.mark.parametrize("baseline", [None, "not timed"])
def test_without_a_baseline_there_is_no_speedup(baseline: str | None) -> None:
    assert summarise({"a": noisy(1.0)}, baseline)["a"].speedup is None


def test_few_samples_are_reported_by_their_extremes() -> None:
    few = summarise({"a": [3.0, 1.0, 2.0]})["a"]
    assert (few.low_s, few.median_s, few.high_s, few.few) == (1.0, 2.0, 3.0, True)
    assert not summarise({"a": noisy(1.0, FEWEST_SAMPLES)})["a"].few


@pytest.mark.parametrize(
    ("samples", "unstable"),
    [
        ([1.0], False),
        ([1.0, 1.19], False),
        ([1.0, 1.3], True),
        (noisy(1.0, 40, spread=0.05), False),
        (noisy(1.0, 7, spread=0.5), True),
        (noisy(1.0, 4000, spread=0.5), False),  # wide samples, a narrow median
    ],
)
def test_an_interval_of_more_than_ten_percent_to_either_side_is_unstable(
    samples: list[float], unstable: bool
) -> None:
    assert summarise({"a": samples})["a"].unstable is unstable


@pytest.mark.parametrize("n", [9, 10, 31, 100])
def test_intervals_cover_the_true_median_about_nineteen_times_in_twenty(n: int) -> None:
    rng = np.random.default_rng(n)
    # skewed as times are: a floor and a tail
    draws = 1 + rng.exponential(0.2, (1500, n))
    summaries = summarise({str(i): list(row) for i, row in enumerate(draws)}, None, rng)
    true_s = 1 + 0.2 * math.log(2)
    covered = np.mean([s.low_s <= true_s <= s.high_s for s in summaries.values()])
    assert 0.90 <= covered <= 0.985


@pytest.mark.parametrize("n", [6, 7, 50, 151])
def test_the_interval_is_that_of_resampling_by_hand(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (20_000, n)), axis=1)
    summary = summarise({"a": list(values)})["a"]
    # no more than 2.5 % lie beyond a bound, and no less lie beyond the next value
    for beyond in (medians < summary.low_s, medians > summary.high_s):
        assert np.mean(beyond) < 0.035
    middle = (summary.high_s - summary.low_s) * 1e-9
    for beyond in (medians <= summary.low_s + middle, medians >= summary.high_s - middle):
        assert np.mean(beyond) > 0.015


def test_the_same_samples_give_the_same_interval() -> None:
    samples = {"a": noisy(1.0), "b": noisy(1.1)}
    assert summarise(samples) == summarise(samples)


@given(
    st.integers(1, 12).flatmap(
        lambda rounds: st.lists(
            st.lists(SECONDS, min_size=rounds, max_size=rounds), min_size=1, max_size=4
        )
    )
)
def test_whatever_the_samples_numbers_are_in_order(lists: list[list[float]]) -> None:
    samples = {f"k{i}": times for i, times in enumerate(lists)}
    result = rank(samples, "k0")
    best_s = min(s.median_s for s in result.summaries.values())
    assert result.winner is not None
    assert result.ties == () or (result.winner == result.ties[0] and len(result.ties) > 1)
    if not result.ties:
        assert result.summaries[result.winner].median_s == best_s
    for name, summary in result.summaries.items():
        assert min(samples[name]) <= summary.low_s <= summary.median_s * (1 + 1e-12)
        assert summary.median_s * (1 - 1e-12) <= summary.high_s <= max(samples[name])
        assert summary.ratio_low is not None
        assert summary.ratio_high is not None
        assert summary.ratio_low <= summary.ratio_high


@given(st.floats(1e-3, 1e3))
def test_another_unit_of_time_changes_no_ranking(unit: float) -> None:
    samples = {"a": noisy(1.0, seed=1), "b": noisy(1.01, seed=2), "c": noisy(2.0, seed=3)}
    scaled = {name: [unit * s for s in times] for name, times in samples.items()}
    one, other = rank(samples), rank(scaled)
    assert (one.winner, one.ties) == (other.winner, other.ties)


def test_nothing_to_rank_has_no_winner() -> None:
    assert rank({}) == Ranking({}, None, ())


@pytest.mark.parametrize("times", [[], [NAN], [0.0], [-1.0, 1.0]])
def test_samples_that_are_none_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="samples of 'a': expected at least one, all above 0"):
        summarise({"a": times})


def test_samples_of_another_number_of_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="samples of 'b': expected 2 rounds"):
        summarise({"a": [1.0, 1.0], "b": [1.0]})


def test_a_median_far_from_the_best_is_no_tie_however_wide_its_interval():
    """Bimodal samples, as from threads that wait for each other."""
    quick = [1.0] * 9
    torn = [1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0]
    ranking = rank({"torn": torn, "quick": quick})
    assert ranking.summaries["torn"].ratio_low < TIE_RATIO
    assert ranking.winner == "quick"
    assert ranking.ties == ()


def test_few_rounds_in_which_the_best_was_disturbed_make_no_tie():
    """A loop whose few rounds fell where the best was disturbed does not tie with it."""
    samples = {"loop": [3.0] * 7 + [NAN] * 60, "best": [40.0] * 7 + noisy(1.0)}
    assert rank(samples).ties == ()
    assert rank(samples).winner == "best"


def test_a_ratio_that_wanders_from_block_to_block_is_a_tie() -> None:
    """Each block alone would be significant, but for different kernels."""
    best = noisy(1.0, rounds=200, spread=0.001, seed=3)
    wander = np.repeat([1.10, 0.97, 1.12, 0.98, 1.09], 40)
    samples = {"other": list(np.array(best) * wander), "best": best}
    assert rank(samples).ties == ()
    blocked = rank(samples, blocks=(40,) * 5)
    assert blocked.ties == ("other", "best")
    assert blocked.winner == "other"


def test_blocks_that_agree_change_no_ranking() -> None:
    samples = {"other": noisy(1.09, 200, seed=1), "best": noisy(1.0, 200, seed=2)}
    assert rank(samples, blocks=(40,) * 5).winner == rank(samples).winner == "best"
    assert rank(samples, blocks=(40,) * 5).ties == ()


def test_who_left_after_the_first_block_is_judged_by_its_rounds() -> None:
    samples = {"slow": noisy(5.0, 40) + [NAN] * 160, "best": noisy(1.0, 200)}
    summary = rank(samples, blocks=(40,) * 5).summaries["slow"]
    assert summary.ratio_low is not None
    assert summary.ratio_low > 4


def test_the_interval_across_blocks_is_that_of_students_t() -> None:
    from scipy.stats import t

    medians = np.array([1.05, 1.20, 1.10, 1.30, 1.15])
    samples = {"other": list(np.repeat(medians, 3)), "best": [1.0] * 15}
    summary = summarise(samples, blocks=(3,) * 5)["other"]
    logs = np.log(medians)
    low, _ = t.interval(0.95, 4, logs.mean(), logs.std(ddof=1) / np.sqrt(5))
    assert summary.ratio_low == pytest.approx(min(math.exp(low), 1.05), rel=1e-3)


def delayed(median_s: float, part: float, delay_s: float, seed: int) -> list[float]:
    """Samples of which a part was delayed by another process."""
    rng = np.random.default_rng(seed)
    return [s + delay_s * rng.exponential() * (rng.random() < part) for s in noisy(median_s, 80)]


@pytest.mark.parametrize("part", [0.3, 0.6, 0.8])
def test_in_disturbance_the_undelayed_samples_say_which_is_faster(part: float) -> None:
    """On all cores a kernel is delayed far more often than a simple one on one core."""
    for seed in range(20):
        samples = {
            "simple": delayed(450e-6, 0.1, 4e-3, seed),
            "on all cores": delayed(258e-6, part, 4e-3, seed + 99),
        }
        assert rank(samples, disturbed=True).winner == "on all cores"
    if part > 0.7:  # as medians say it is the other way round
        assert rank(samples).winner == "simple"


def test_in_disturbance_within_five_percent_the_simplest_wins() -> None:
    samples = {"simple": delayed(1.03, 0.3, 9, 1), "clever": delayed(1.0, 0.3, 9, 2)}
    assert rank(samples, disturbed=True).ties == ("simple", "clever")
    samples["simple"] = delayed(1.1, 0.3, 9, 1)
    assert rank(samples, disturbed=True).winner == "clever"
