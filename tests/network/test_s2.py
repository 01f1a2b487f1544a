"""S2 (shared/SEEDS.md): 784-128-128-10, uniform in [-1, 1), all six gradients, batches of 1000."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import einbench

pytestmark = pytest.mark.long
N = einbench.network
Array = np.ndarray[Any, Any]

#: every method that some whole-network kernel, or a layer's, is called by
FAMILIES = ("loop", "sample_loop", "einsum", "einsum_path", "matmul", "numba", "tiled", "auto")
NAMES = ["0.weights", "0.bias", "2.weights", "2.bias", "4.weights", "4.bias"]
IMAGES = 8
#: entries of every array that are moved, beside all at once in a random direction
ENTRIES = 12
#: of an entry, and of all parameters together, which come to a kink of ReLU sooner
STEP, DIRECTION_STEP = 1e-4, 1e-6
#: its own, on the summed gradient
RATE = 0.0001


def network(loss: Any = None, initial: Any = None, **given: Any) -> Any:
    drawn = N.uniform(-1, 1) if initial is None else initial
    layers: list[Any] = [
        N.Linear(784, 128, initial=drawn), N.ReLU(), N.Linear(128, 128, initial=drawn), N.ReLU(),
        N.Linear(128, 10, initial=drawn),
    ]  # fmt: skip
    loss = N.CrossEntropy("sum") if loss is None else loss
    if loss.takes == "probabilities":
        layers.append(N.Softmax())
    return N.Sequential(layers, loss, **{"kernels": "matmul", "dtype": "float64", **given})


def pre_activations(parameters: list[Array], x: Array) -> tuple[Array, Array, Array]:
    """y1, y2, y3; written down here once more, so that no kernel is its own judge."""
    w1, b1, w2, b2, w3, b3 = parameters
    y1 = x @ w1.T + b1
    y2 = np.maximum(y1, 0) @ w2.T + b2
    return y1, y2, np.maximum(y2, 0) @ w3.T + b3


def summed_loss(parameters: list[Array], x: Array, y: Array) -> float:
    """sum_b log sum_c exp(y3[b, c]) - y3[b, label]"""
    logits = pre_activations(parameters, x)[2]
    gap = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(gap).sum(axis=1)) - gap[np.arange(len(y)), y]).sum())


class Slopes(NamedTuple):
    """Central differences (L(p + h) - L(p - h)) / 2h at S2's initial parameters."""

    loss: float
    #: (array, entry) -> slope
    entries: dict[tuple[int, int], float]
    direction: list[Array]
    along: float


@pytest.fixture(scope="module")
def slopes(digits: Any) -> Slopes:
    x, y = digits.x[:IMAGES], digits.y[:IMAGES]
    parameters = [p.copy() for p in network().parameters.values()]
    rng = np.random.default_rng(0)
    masks = [z > 0 for z in pre_activations(parameters, x)[:2]]

    def moved(step: float, direction: list[Array]) -> float:
        there = [p + step * d for p, d in zip(parameters, direction, strict=True)]
        for z, mask in zip(pre_activations(there, x), masks, strict=False):
            assert ((z > 0) == mask).all(), "a kink of ReLU lies between the two points"
        return summed_loss(there, x, y)

    def slope(step: float, direction: list[Array]) -> float:
        return (moved(step, direction) - moved(-step, direction)) / (2 * step)

    entries = {}
    for number, parameter in enumerate(parameters):
        count = min(ENTRIES, parameter.size)
        for place in map(int, rng.choice(parameter.size, count, replace=False)):
            unit = [np.zeros_like(p) for p in parameters]
            unit[number].flat[place] = 1
            entries[number, place] = slope(STEP, unit)
    direction = [rng.standard_normal(p.shape) for p in parameters]
    along = slope(DIRECTION_STEP, direction)
    return Slopes(summed_loss(parameters, x, y), entries, direction, along)


def agree(net: Any, digits: Any, slopes: Slopes) -> None:
    loss, found = net.gradients(digits.x[:IMAGES], digits.y[:IMAGES])
    assert [f"{number}.{name}" for number, name, _ in found] == NAMES
    gradients = [gradient for _, _, gradient in found]
    for (number, place), slope in slopes.entries.items():
        gradient = gradients[number]
        assert abs(gradient.flat[place] - slope) < 1e-8 * abs(gradient).max(), NAMES[number]
    along = sum(float((g * d).sum()) for g, d in zip(gradients, slopes.direction, strict=True))
    assert along == pytest.approx(slopes.along, rel=1e-7)
    assert loss == pytest.approx(slopes.loss, rel=1e-12)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_all_six_gradients_are_slopes_of_the_summed_loss(
    family: str, whole: bool, digits: Any, slopes: Slopes, estimated: None
) -> None:
    net = network(kernels=family, whole=whole)
    assert (net.whole is not None) == whole
    agree(net, digits, slopes)
    asked = {record.operation for record in net.ledger}
    assert ("mlp_logits_gradients" in asked) == whole
    assert ("weight_gradient" in asked) == (not whole)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_so_they_are_with_softmax_and_likelihood_as_s2_has_them(
    whole: bool, joint: bool, digits: Any, slopes: Slopes
) -> None:
    net = network(N.NegativeLogLikelihood("sum", joint), whole=whole)
    assert (net.whole is not None) == (whole and joint)
    agree(net, digits, slopes)


def test_a_mean_has_the_gradients_of_the_sum_over_the_batch(digits: Any, slopes: Slopes) -> None:
    x, y = digits.x[:IMAGES], digits.y[:IMAGES]
    for whole in (True, False):
        summed = network(whole=whole).gradients(x, y)
        mean = network(N.CrossEntropy("mean"), whole=whole).gradients(x, y)
        assert mean[0] == pytest.approx(summed[0] / IMAGES, rel=1e-13)
        for (_, _, one), (_, _, other) in zip(mean[1], summed[1], strict=True):
            np.testing.assert_allclose(one, other / IMAGES, rtol=1e-12, atol=1e-14)


def test_the_differences_would_show_a_missing_gradient(digits: Any, slopes: Slopes) -> None:
    """Five of S2's six gradients were never written."""
    net = network()
    for missing in range(6):

        class Without:
            @staticmethod
            def gradients(x: Array, y: Array, missing: int = missing) -> Any:
                loss, found = net.gradients(x, y)
                return loss, [
                    (number, name, 0 * gradient if place == missing else gradient)
                    for place, (number, name, gradient) in enumerate(found)
                ]

        with pytest.raises(AssertionError):
            agree(Without, digits, slopes)


@pytest.mark.parametrize("family", ["loop", "einsum", "matmul", "numba"])
def test_minus_log_zero_is_that_of_the_smallest_number_to_the_digit(family: str) -> None:
    for loss in (N.NegativeLogLikelihood("sum"), N.NegativeLogLikelihood()):
        net = network(loss, kernels=family)
        for parameter in net.parameters.values():
            parameter[:] = 0
        net.parameters["4.bias"][:2] = [1000, 0]
        assert net.probabilities(np.zeros(784))[1] == 0
        assert str(net.loss_value(np.zeros(784), 1)) == "744.4400719213812"


def flawed(x: Array, batch: int) -> list[Array]:
    """S2's slices: the start is i where it should be i * batch."""
    return [x[i : i + batch] for i in range(len(x) // batch)]


def test_batches_are_whole_slices_where_s2s_overlap(digits: Any) -> None:
    x, y, batch = digits.x[:5000], np.arange(5000), 1000
    seen = [list(t) for _, t in N.batches(x, y, batch, "given")]
    assert np.concatenate(seen).tolist() == list(y)
    overlapping = np.concatenate(flawed(y, batch))
    assert len(overlapping) == 5000
    assert len(set(overlapping)) == 1004


@pytest.mark.parametrize("order", ["given", "shuffled"])
def test_every_image_is_stepped_on_once_an_epoch(digits: Any, order: str) -> None:
    """Of parameters that stay, the losses of the steps add up to the loss of the data."""
    x, y, net = digits.x[:5000], digits.y[:5000], network()
    given: dict[str, Any] = {"epochs": 2, "batch": 1000, "order": order}
    losses = net.fit(x, y, optimizer=N.SGD(0.0), **given).step_losses
    assert len(losses) == 10
    whole = net.loss_value(x, y)
    assert sum(losses[:5]) == pytest.approx(whole, rel=1e-12)
    assert sum(losses[5:]) == pytest.approx(whole, rel=1e-12)
    slices = [net.loss_value(x[i : i + 1000], y[i : i + 1000]) for i in range(0, 5000, 1000)]
    assert (losses[:5] == pytest.approx(slices, rel=1e-12)) == (order == "given")
    pairs = zip(flawed(x, 1000), flawed(y, 1000), strict=True)
    overlapping = sum(net.loss_value(some, labels) for some, labels in pairs)
    assert overlapping != pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_training_runs_to_the_end_and_the_loss_falls(digits: Any, dtype: str) -> None:
    """Batches of 1000, 3 epochs, rate 0.0001 on the summed gradient."""
    net = network(N.NegativeLogLikelihood("sum"), dtype=dtype)
    before = {name: p.copy() for name, p in net.parameters.items()}
    start, right = net.evaluate(*digits)
    history = net.fit(*digits, epochs=3, batch=1000, optimizer=N.SGD(RATE))
    assert history.steps == 30
    assert history.loss == sorted(history.loss, reverse=True)
    loss, accuracy = net.evaluate(*digits)
    assert loss < history.loss[-1] < history.loss[0] < start
    assert loss < start / 10
    assert accuracy > right + 0.3
    assert all((p != before[name]).any() for name, p in net.parameters.items())


def test_weights_by_fan_in_do_not_saturate_softmax_as_uniform_ones_do(digits: Any) -> None:
    x, y = digits.x[:1000], digits.y[:1000]
    confident = {}
    for name, initial in (("uniform in [-1, 1)", N.uniform(-1, 1)), ("he", "he")):
        net = network(initial=initial)
        confident[name] = float((net.probabilities(x).max(axis=1) > 0.999).mean())
        if initial == "he":
            # nothing is known yet: all classes alike cost log 10
            assert net.evaluate(x, y)[0] == pytest.approx(np.log(10), abs=0.5)
    assert confident["uniform in [-1, 1)"] > 0.75
    assert confident["he"] == 0


def test_one_sample_and_a_batch_give_the_same_and_more_dimensions_are_refused(digits: Any) -> None:
    net = network()
    rows = net.probabilities(digits.x[:5])
    for sample, row in zip(digits.x[:5], rows, strict=True):
        np.testing.assert_allclose(net.probabilities(sample), row, rtol=1e-10, atol=1e-300)
    with pytest.raises(ValueError, match="x has 3 dimensions"):
        net.probabilities(digits.x[:5].reshape(5, 28, 28))
