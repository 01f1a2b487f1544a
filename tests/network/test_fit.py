"""Training: which steps are taken, on which samples, and what the history says of them."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
Array = np.ndarray[Any, Any]
COUNT, FEATURES, CLASSES = 50, 4, 3


def network(**given: Any) -> Any:
    layers = [N.Linear(FEATURES, 8), N.Tanh(), N.Linear(8, CLASSES)]
    return N.Sequential(layers, **{"kernels": "matmul", "dtype": "float64", **given})


@pytest.fixture
def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((COUNT, FEATURES))
    return x, x[:, :CLASSES].argmax(axis=1)


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.parameters.values(), other.parameters.values(), strict=True)
    return all(bool((a == b).all()) for a, b in pairs)


def by_hand(net: Any, batches: Any, rate: float, momentum: float = 0.0) -> list[float]:
    """p <- p - rate v, v <- momentum v + g; the losses before each step."""
    losses, velocities = [], [np.zeros_like(p) for p in net.parameters.values()]
    for x, y in batches:
        loss, gradients = net.gradients(x, y)
        losses.append(loss)
        for v, p, (_, _, g) in zip(velocities, net.parameters.values(), gradients, strict=True):
            v[...] = momentum * v + g
            p -= rate * v
    return losses


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_batches_in_the_given_order_are_stepped_on_one_by_one(
    data: tuple[Array, Array], momentum: float, reduction: str
) -> None:
    x, y = data
    rate = 0.1 if reduction == "mean" else 0.01
    loss = N.CrossEntropy(reduction)
    net, hand = network(loss=loss), network(loss=loss)
    slices = [slice(start, start + 8) for start in range(0, COUNT, 8)] * 3
    expected = by_hand(hand, [(x[s], y[s]) for s in slices], rate, momentum)
    history = net.fit(x, y, epochs=3, batch=8, order="given", optimizer=N.SGD(rate, momentum))
    np.testing.assert_allclose(history.step_losses, expected, rtol=1e-12)
    for a, b in zip(net.parameters.values(), hand.parameters.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_an_epoch_is_the_mean_over_its_samples(data: tuple[Array, Array]) -> None:
    x, y = data
    history = network().fit(x, y, epochs=2, batch=8, optimizer=N.SGD(0.1))
    sizes = [8] * 6 + [2]
    for epoch in range(2):
        losses = history.step_losses[epoch * 7 : epoch * 7 + 7]
        assert history.loss[epoch] == pytest.approx(np.average(losses, weights=sizes))
    still = network(loss=N.CrossEntropy("sum"))
    loss, accuracy = still.evaluate(x, y)
    history = still.fit(x, y, batch=8, optimizer=N.SGD(0.0), validation=(x, y))
    assert history.loss == pytest.approx([loss])
    assert history.accuracy == pytest.approx([accuracy])
    assert history.validation_loss == pytest.approx([loss])
    assert history.validation_accuracy == [accuracy]
    assert sum(history.step_losses) == pytest.approx(loss * COUNT)
    assert still.loss_value(x, y) == pytest.approx(loss * COUNT)


def test_every_sample_is_seen_once_an_epoch_when_shuffled(data: tuple[Array, Array]) -> None:
    x, _ = data
    seen: list[int] = []

    class Watched:
        """A loss that notes which samples come by, reported by their target's number."""

        reduction, labels, takes = "sum", False, "anything"
        inner = N.MeanSquaredError("sum")

        def value(self, calls: Any, outputs: Array, targets: Array) -> Array:
            seen.extend(int(t) for t in targets[:, 0])
            return self.inner.value(calls, outputs, targets)

        def gradient(self, calls: Any, outputs: Array, targets: Array) -> Array:
            return self.inner.gradient(calls, outputs, targets)

    numbers = np.arange(COUNT)
    net = N.Sequential([N.Linear(FEATURES, 1)], Watched(), kernels="matmul")
    net.fit(x, numbers, epochs=2, batch=8, optimizer=N.SGD(0.0))
    first, second = seen[:COUNT], seen[COUNT:]
    assert sorted(first) == sorted(second) == list(numbers)
    assert first != second != list(numbers)
    seen.clear()
    net.fit(x, numbers, steps=40, batch=8, order="random", optimizer=N.SGD(0.0))
    assert len(seen) == 320
    assert set(seen) == set(numbers)
    seen.clear()
    net.fit(x, numbers, epochs=2, batch=8, order="given", optimizer=N.SGD(0.0))
    assert seen == [*numbers, *numbers]


@pytest.mark.parametrize("order", ["shuffled", "given", "random"])
def test_one_seed_gives_one_training(data: tuple[Array, Array], order: str) -> None:
    nets = [network() for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        net.fit(*data, epochs=2, batch=8, order=order, seed=seed)
    assert same(nets[0], nets[1])
    assert same(nets[0], nets[2]) == (order == "given")


def test_without_a_seed_the_networks_own_numbers_go_on(data: tuple[Array, Array]) -> None:
    one, other = network(seed=3), network(seed=3)
    first = one.fit(*data, batch=8, optimizer=N.SGD(0.0)).step_losses
    again = one.fit(*data, batch=8, optimizer=N.SGD(0.0)).step_losses
    assert first == other.fit(*data, batch=8, optimizer=N.SGD(0.0)).step_losses
    assert first != again


@pytest.mark.parametrize("order", ["shuffled", "given"])
def test_all_samples_at_once_are_a_step_an_epoch(data: tuple[Array, Array], order: str) -> None:
    x, y = data
    net, hand = network(), network()
    history = net.fit(x, y, epochs=30, batch=None, order=order, optimizer=N.SGD(0.5))
    expected = by_hand(hand, [(x, y)] * 30, 0.5)
    assert history.steps == history.epochs == 30
    np.testing.assert_allclose(history.step_losses, expected, rtol=1e-12)
    assert history.loss == history.step_losses
    assert history.loss[-1] < history.loss[0] / 2


def test_one_random_sample_a_step_learns_as_well(data: tuple[Array, Array]) -> None:
    net = network()
    reported: list[int] = []
    history = net.fit(
        *data, steps=1000, batch=1, order="random", every=250, optimizer=N.SGD(0.05),
        on_epoch=lambda history: reported.append(history.steps),
    )  # fmt: skip
    assert reported == [250, 500, 750, 1000]
    assert history.epochs == 4
    assert history.steps == 1000
    assert net.accuracy(*data) > 0.9


def test_steps_end_in_the_middle_of_a_round(data: tuple[Array, Array]) -> None:
    history = network().fit(*data, steps=10, batch=8)
    assert history.steps == 10
    assert history.epochs == ceil(10 / 7)
    np.testing.assert_allclose(history.loss[1], np.mean(history.step_losses[7:]))


def test_neither_epochs_nor_steps_are_one_epoch(data: tuple[Array, Array]) -> None:
    assert network().fit(*data, batch=8).steps == 7


def test_training_stops_after_the_epoch_that_reached_the_target(
    data: tuple[Array, Array],
) -> None:
    given: dict[str, Any] = {"epochs": 200, "batch": 8, "optimizer": N.SGD(0.3), "target": 0.9}
    history = network().fit(*data, **given)
    assert history.stopped == "target"
    assert history.accuracy[-1] >= 0.9 > max(history.accuracy[:-1])
    validated = network().fit(*data, **given, validation=data)
    assert validated.validation_accuracy[-1] >= 0.9 > max(validated.validation_accuracy[:-1])
    assert "the target was reached" in str(validated)
    short = network().fit(*data, **{**given, "epochs": 1})
    assert short.stopped == ""


def test_a_history_is_a_table_and_records(data: tuple[Array, Array]) -> None:
    history = network().fit(*data, epochs=2, batch=8, validation=data)
    lines = str(history).splitlines()
    assert lines[0].split() == [
        "epoch", "loss", "accuracy", "validation", "loss", "validation", "accuracy", "seconds"
    ]  # fmt: skip
    assert len(lines) == 3
    assert [r["epoch"] for r in history.records] == [1, 2]
    assert history.records[1]["validation_accuracy"] == history.validation_accuracy[1]
    assert all(s > 0 for s in history.epoch_s)
    plain = network().fit(*data, batch=8)
    assert "validation_loss" not in plain.records[0]
    assert "validation" not in str(plain)


def test_steps_are_reported_as_they_are_taken(data: tuple[Array, Array]) -> None:
    reported: list[tuple[int, float]] = []
    history = network().fit(
        *data, epochs=2, batch=8, on_step=lambda n, loss: reported.append((n, loss))
    )
    assert reported == list(enumerate(history.step_losses, start=1))


def test_parameters_are_the_same_arrays_after_training(data: tuple[Array, Array]) -> None:
    net = network()
    before = net.parameters
    for steps in (1, 2, 3):
        net.fit(*data, batch=8, steps=steps)
        assert all(net.parameters[name] is array for name, array in before.items())
    assert (net.forward(data[0]) == net.forward(data[0])).all()


def test_the_rate_may_change_on_the_way(data: tuple[Array, Array]) -> None:
    net, sgd = network(), N.SGD(0.5)
    held: list[Array] = []

    def stop_moving(history: Any) -> None:
        sgd.rate = 0.0
        held.append(net.parameters["0.weights"].copy())

    net.fit(*data, epochs=2, batch=8, optimizer=sgd, on_epoch=stop_moving)
    assert (held[0] == held[1]).all()
