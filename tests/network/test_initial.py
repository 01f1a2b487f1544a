"""Initial weights have the spread that their name says, by the layer's own size."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import einbench

N = einbench.network
UNITS, FEATURES = 300, 500


@pytest.mark.parametrize(
    ("initial", "std"),
    [
        ("he", sqrt(2 / FEATURES)),
        ("xavier", sqrt(2 / (FEATURES + UNITS))),
        ("normal", sqrt(1 / FEATURES)),
        ("uniform", sqrt(1 / 3 / FEATURES)),
        (N.normal(0.5), 0.5),
        (N.uniform(-1, 1), sqrt(1 / 3)),
    ],
)
def test_weights_have_the_standard_deviation_of_their_name(initial: object, std: float) -> None:
    net = N.Sequential([N.Linear(FEATURES, UNITS, initial=initial)], dtype="float64")
    weights, bias = net.parameters.values()
    assert weights.std() == pytest.approx(std, rel=0.02)
    assert abs(weights.mean()) < 5 * std / sqrt(weights.size)
    uniform = initial == "uniform" or isinstance(initial, type(N.uniform(0, 1)))
    assert bias.any() == uniform
    assert abs(weights).max() < (std * sqrt(3) if uniform else 6 * std)
    assert abs(bias).max() <= std * sqrt(3)


def test_one_seed_gives_one_network_and_the_same_in_both_dtypes() -> None:
    single, again, double, other = (
        N.Sequential([N.Linear(5, 4), N.ReLU(), N.Linear(4, 3)], dtype=dtype, seed=seed)
        for dtype, seed in (("float32", 1), ("float32", 1), ("float64", 1), ("float32", 2))
    )
    for name, array in single.parameters.items():
        assert (array == again.parameters[name]).all()
        assert (array == double.parameters[name].astype("float32")).all()
    assert not (single.parameters["0.weights"] == other.parameters["0.weights"]).all()


def test_parameters_are_in_c_order_from_a_cache_line_on_and_the_layers_own() -> None:
    net = N.Sequential(
        [N.Linear(5, 4, initial=lambda rng, u, f: np.asfortranarray(rng.random((u, f))))]
    )
    for array in net.parameters.values():
        assert array.flags.c_contiguous
        assert array.ctypes.data % 64 == 0
    net.parameters["0.bias"][:] = 7
    assert (net.forward(np.zeros(5)) == 7).all()


def test_a_function_of_ones_own_is_held_to_its_shape() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 4\); expected \(4, 5\)"):
        N.Sequential([N.Linear(5, 4, initial=lambda rng, u, f: rng.random((f, u)))])
    with pytest.raises(ValueError, match="not finite"):
        N.Sequential([N.Linear(5, 4, initial=lambda rng, u, f: np.full((u, f), np.nan))])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no initialisation 'xaver'; did you mean xavier"):
        N.Linear(5, 4, initial="xaver")
    with pytest.raises(TypeError, match="expected one of he, xavier, normal, uniform"):
        N.Linear(5, 4, initial=3)
    with pytest.raises(ValueError, match="expected low below high"):
        N.uniform(1, 1)
    with pytest.raises(ValueError, match="std=-1"):
        N.normal(-1)
