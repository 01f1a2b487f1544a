"""S3 (shared/SEEDS.md): 784-50-10 on few images, full batch; what 152 layers do to a signal."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.network.calls import Calls

pytestmark = pytest.mark.long
N = einbench.network
Array = np.ndarray[Any, Any]
FAMILIES = ("loop", "einsum", "matmul", "numba")
families = pytest.mark.parametrize("family", FAMILIES)

DEPTH, WIDTH = 152, 512
#: weights ~ N(0, 2 / 512) whatever the layer, S3's
FIXED = N.normal(sqrt(2 / WIDTH))


def network(loss: Any = None, initial: Any = "he", **given: Any) -> Any:
    layers: list[Any] = [
        N.Linear(784, 50, initial=initial),
        N.ReLU(),
        N.Linear(50, 10, initial=initial),
    ]
    return N.Sequential(layers, loss, **{"kernels": "matmul", "dtype": "float64", **given})


# The figures of its training


def test_untrained_it_is_right_about_one_image_in_ten(digits: Any) -> None:
    """S3 saw about 11 %: chance is 10 %, and one draw of the weights is some percent off.

    Weights that know nothing prefer some classes on all images alike, so that the accuracy is
    as uneven as those classes are: 2.8 % of standard deviation over draws, measured on 200. A
    single one lies within three of them around 10 %, the mean of 40 within three fortieths' roots.
    """
    x, y = digits.x[:1000], digits.y[:1000]
    found = np.array([network(seed=seed, dtype="float32").accuracy(x, y) for seed in range(40)])
    assert abs(found.mean() - 0.10) < 3 * 0.028 / sqrt(40)
    assert (abs(found - 0.10) < 3.5 * 0.028).all()
    assert ((found > 0.10) & (found < 0.12)).any()


def full_batch(digits: Any, loss: Any, **given: Any) -> tuple[Any, Any]:
    """Its training: 100 images, full batch, 30 epochs, rate 0.01."""
    net = network(loss, FIXED, **given)
    x, y = digits.x[:100], digits.y[:100]
    return net, net.fit(x, y, epochs=30, batch=None, optimizer=N.SGD(0.01))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_hundred_images_are_learnt_in_thirty_full_batch_epochs(digits: Any, dtype: str) -> None:
    """100 % with pixels from 0 to 1, N(0, 2 / 512) and the sum that S3 calls a mean.

    Of the weights of 20 seeds, 19 get there.
    """
    reached = 0
    for seed in range(10):
        net, history = full_batch(digits, N.CrossEntropy("sum"), seed=seed, dtype=dtype)
        assert history.steps == history.epochs == 30
        assert history.accuracy[0] < 0.25
        reached += net.accuracy(digits.x[:100], digits.y[:100]) == 1
    assert reached >= 8


@families
def test_it_learns_them_on_any_kernels(digits: Any, family: str) -> None:
    """Loops take seconds: they have fewer images and epochs."""
    count, epochs = (10, 3) if family == "loop" else (100, 30)
    x, y = digits.x[:count], digits.y[:count]
    nets = [network(N.CrossEntropy("sum"), FIXED, seed=2, kernels=k) for k in (family, "matmul")]
    given: dict[str, Any] = {"epochs": epochs, "batch": None, "optimizer": N.SGD(0.01)}
    losses = [net.fit(x, y, **given).step_losses for net in nets]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)


def test_with_a_mean_that_is_one_the_same_rate_is_a_hundred_times_smaller(digits: Any) -> None:
    """So that S3's figure needs the sum; the mean gives it at rate 1."""
    _, mean = full_batch(digits, N.CrossEntropy())
    assert mean.accuracy[-1] < 0.5
    x, y = digits.x[:100], digits.y[:100]
    given: dict[str, Any] = {"epochs": 30, "batch": None}
    one = network(N.CrossEntropy(), FIXED, seed=3).fit(x, y, optimizer=N.SGD(1.0), **given)
    summed = network(N.CrossEntropy("sum"), FIXED, seed=3).fit(x, y, optimizer=N.SGD(0.01), **given)
    np.testing.assert_allclose(one.loss, summed.loss, rtol=1e-9)
    assert one.accuracy == summed.accuracy


def test_normalised_pixels_need_a_smaller_step_and_reach_the_same(digits: Any) -> None:
    """At mean 0 and deviation 1 an image is 3 times as long: 0.001 of the sum, 0.1 of the mean."""
    x, y = N.normalise(digits.x, dtype="float64")[:100], digits.y[:100]
    assert abs(N.normalise(digits.x).mean()) < 1e-6
    for loss, rate in ((N.CrossEntropy("sum"), 0.001), (N.CrossEntropy(), 0.1)):
        net = network(loss, FIXED)
        net.fit(x, y, epochs=30, batch=None, optimizer=N.SGD(rate))
        assert net.accuracy(x, y) == 1


@pytest.mark.parametrize(
    ("loss", "reached", "part"),
    [
        (N.MeanSquaredError(), 0.9, 0.3),
        # its gradient is at most 2 / (samples classes), and softmax is flat besides
        (N.SoftmaxMeanSquaredError(), 0.4, 0.9),
        (N.CrossEntropy(), 1.0, 0.05),
    ],
    ids=repr,
)
def test_it_trains_with_each_of_its_three_losses(
    digits: Any, loss: Any, reached: float, part: float
) -> None:
    """50 epochs, rate 0.5."""
    x, y = digits.x[:100], digits.y[:100]
    net = network(loss)
    history = net.fit(x, N.one_hot(y, 10), epochs=50, batch=None, optimizer=N.SGD(0.5))
    assert history.loss[-1] < part * history.loss[0]
    assert net.accuracy(x, y) >= reached
    assert net.accuracy(x, y) > history.accuracy[0] + 0.25


# 152 layers of 512 units


def through(initial: Any, *, relu: bool, depth: int = DEPTH, seed: int = 0) -> Iterator[Array]:
    """What comes out of one layer after the other, from 32 rows of N(0, 1)."""
    rng, calls = np.random.default_rng(seed), Calls("matmul")
    signal = rng.standard_normal((32, WIDTH)).astype("float32")
    for _ in range(depth):
        layer = N.Linear(WIDTH, WIDTH, initial=initial)
        layer.begin(rng, np.dtype("float32"))
        signal = layer.forward(calls, signal)
        if relu:
            signal = N.ReLU().forward(calls, signal)
        yield signal


def last(signals: Iterator[Array]) -> tuple[float, float]:
    """Mean and standard deviation after all layers."""
    for signal in signals:  # noqa: B007 - only one is kept at a time
        pass
    return float(signal.mean(dtype="float64")), float(signal.std(dtype="float64"))


def near(expected: float, spread: float) -> tuple[float, float]:
    """Three standard deviations of its logarithm around it."""
    return expected * exp(-3 * spread), expected * exp(3 * spread)


#: A layer multiplies the squared length by a mean of 512 squares over what it should be. Its log
#: has variance (E z^4 / (E z^2)^2 - 1) / 512, which is 2 / 512 and behind ReLU 5 / 512, and a mean
#: that is half of that below zero. The length has half the log.
SPREAD = sqrt(DEPTH * 2 / WIDTH) / 2
RELU_SPREAD = sqrt(DEPTH * 5 / WIDTH) / 2
RELU_DRIFT = exp(-DEPTH * 5 / WIDTH / 4)
#: standard deviation and mean of max(z, 0) where its mean square is 1
RELU_STD, RELU_MEAN = sqrt(1 - 1 / pi), sqrt(1 / pi)


@pytest.mark.parametrize("relu", [False, True])
def test_weights_of_deviation_one_overflow(relu: bool) -> None:
    """Each layer multiplies by sqrt(512), or sqrt(256): float32 is full after 28, or 32."""
    growth = sqrt(WIDTH / 2 if relu else WIDTH)
    expected = log(float(np.finfo("float32").max)) / log(growth)
    with np.errstate(over="ignore", invalid="ignore"):
        signals = enumerate(through(N.normal(1), relu=relu), 1)
        depth = next(number for number, signal in signals if not np.isfinite(signal).all())
    assert abs(depth - expected) < 3


def test_scaled_by_the_root_of_the_fan_in_the_deviation_stays_near_one() -> None:
    _, std = last(through("normal", relu=False))
    low, high = near(1, SPREAD)
    assert low < std < high


def test_and_vanishes_behind_relu() -> None:
    """Each layer halves the mean square: some 1e-24 are left, as S3 saw."""
    _, std = last(through("normal", relu=True))
    expected = RELU_STD * RELU_DRIFT * 2 ** (-DEPTH / 2)
    assert 1e-24 < expected < 1e-23
    low, high = near(expected, RELU_SPREAD)
    assert low < std < high


def test_the_two_in_hes_scale_is_what_relu_takes_away() -> None:
    mean, std = last(through("he", relu=True))
    low, high = near(RELU_STD * RELU_DRIFT, RELU_SPREAD)
    assert low < std < high
    # about 0.5 where the deviation is about 1
    assert mean / std == pytest.approx(RELU_MEAN / RELU_STD, rel=0.15)


# The flaws, and the sound version of each


def test_the_initial_scale_follows_the_layers_own_fan_in() -> None:
    """S3 divides by the root of 512 in a layer of 50 inputs, too."""
    weights = network().parameters
    for name, fan_in in (("0.weights", 784), ("2.weights", 50)):
        spread = 5 / sqrt(2 * weights[name].size)
        assert weights[name].std() == pytest.approx(sqrt(2 / fan_in), rel=spread)
        assert weights[name].std() != pytest.approx(sqrt(2 / WIDTH), rel=spread)


@families
def test_a_mean_is_a_mean_and_a_sum_is_called_one(digits: Any, family: str) -> None:
    """The same images twice: the mean and its gradients stay, the sum doubles."""
    x, y = digits.x[:2], digits.y[:2]
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    for factor, reduction in ((1, "mean"), (2, "sum")):
        for loss in (N.CrossEntropy, N.MeanSquaredError, N.SoftmaxMeanSquaredError):
            net = network(loss(reduction), kernels=family)
            one, other = net.gradients(x, y), net.gradients(*twice)
            assert other[0] == pytest.approx(factor * one[0], rel=1e-12)
            for (_, _, g), (_, _, h) in zip(one[1], other[1], strict=True):
                np.testing.assert_allclose(h, factor * g, rtol=1e-10, atol=1e-13)


def test_mean_squared_error_is_a_mean_over_samples_and_classes() -> None:
    """dY = 2 (y - t) / (n m)"""
    y, t = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    calls, loss = Calls("matmul"), N.MeanSquaredError()
    assert loss.value(calls, y, t) == np.square(y - t).mean()
    np.testing.assert_array_equal(loss.gradient(calls, y, t), 2 * (y - t) / 6)


def test_a_class_that_does_not_occur_keeps_its_place(digits: Any) -> None:
    """S3 counts the classes that it sees, and its rows are then too short."""
    kept = digits.y[:500] != 9
    x, y = digits.x[:500][kept], digits.y[:500][kept]
    assert len(np.unique(y)) == 9
    rows = N.one_hot(y, 10)
    assert rows.shape == (len(y), 10)
    assert not rows[:, 9].any()
    curves = [
        network().fit(x, targets, epochs=3, batch=50, seed=1).step_losses for targets in (y, rows)
    ]
    assert curves[0] == curves[1]
    missing_first = digits.y[:500] != 0
    x, y = digits.x[:500][missing_first], digits.y[:500][missing_first]
    net = network()
    net.fit(x, y, epochs=5, batch=50)
    assert net.accuracy(x, y) > 0.8


@families
@pytest.mark.parametrize("activation", [N.ReLU, N.Tanh, N.Sigmoid, N.Softmax])
def test_going_back_leaves_the_gradient_that_was_given_alone(activation: Any, family: str) -> None:
    rng, calls, layer = np.random.default_rng(0), Calls(family), activation()
    z, given = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    outputs = layer.forward(calls, z)
    kept = outputs.copy(), given.copy()
    back = layer.backward(calls, z, outputs, given, True)
    np.testing.assert_array_equal(outputs, kept[0])
    np.testing.assert_array_equal(given, kept[1])
    assert not np.shares_memory(back.inputs, given)
    if activation is N.ReLU:
        np.testing.assert_array_equal(back.inputs, given * (z > 0))
        assert (back.inputs != given).any()


def test_boolean_rows_are_one_hot_rows(digits: Any) -> None:
    """`np.bool` came and went: ours asks for no such name."""
    x, y = digits.x[:50], digits.y[:50]
    rows = y[:, None] == np.arange(10)
    curves = [network().fit(x, t, batch=25, order="given").step_losses for t in (y, rows)]
    assert curves[0] == curves[1]


def test_data_is_dealt_out_and_loaded_with_a_validation_set(digits: Any) -> None:
    """DataSet and DataLoader, which lacked `self`."""
    (x, y), (held, answers) = N.split(digits.x[:1000], digits.y[:1000], 0.2)
    assert (len(x), len(held)) == (800, 200)
    assert [len(labels) for _, labels in N.batches(x, y, 300, seed=0)] == [300, 300, 200]
    history = network().fit(x, y, epochs=5, batch=100, validation=(held, answers))
    assert len(history.validation_accuracy) == 5
    assert history.validation_accuracy[-1] > 0.75
