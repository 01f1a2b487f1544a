"""A training that ends before its time loses nothing that was good."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(5)
X = RNG.standard_normal((48, 4))
Y = X[:, :3].argmax(axis=1)


def network(**given: Any) -> Any:
    layers = [N.Linear(4, 8), N.ReLU(), N.Linear(8, 3)]
    return N.Sequential(layers, **{"kernels": "matmul", "dtype": "float64", **given})


def copies(net: Any) -> list[Array]:
    return [p.copy() for p in net.parameters.values()]


def equal(one: list[Array], other: list[Array]) -> bool:
    return all(bool((a == b).all()) for a, b in zip(one, other, strict=True))


class Broken:
    """Cross-entropy that is no number from some step on."""

    reduction, labels, takes = "mean", True, "logits"

    def __init__(self, step: int, value: float = np.nan) -> None:
        self.inner, self.left, self.instead = N.CrossEntropy(), step, value

    def value(self, calls: Any, outputs: Array, targets: Array) -> Any:
        self.left -= 1
        if self.left <= 0:
            return np.asarray(self.instead)
        return self.inner.value(calls, outputs, targets)

    def gradient(self, calls: Any, outputs: Array, targets: Array) -> Any:
        return self.inner.gradient(calls, outputs, targets)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("step", [1, 2, 3, 8, 11])
def test_a_loss_that_is_no_number_keeps_the_last_parameters_that_gave_one(
    bad: float, step: int
) -> None:
    net = network(loss=Broken(step, bad))
    before: list[list[Array]] = [copies(net)]  # each step's parameters, before it
    names = net.parameters
    with pytest.raises(N.Diverged) as problem:
        net.fit(
            X, Y, epochs=4, batch=8, order="given", optimizer=N.SGD(0.1),
            on_step=lambda number, loss: before.append(copies(net)),
        )  # fmt: skip
    assert f"the loss became {bad} at step {step} (epoch {(step - 1) // 6 + 1})" in str(
        problem.value
    )
    assert "rate 0.1" in str(problem.value)
    assert "\n" not in str(problem.value)
    assert problem.value.step == step
    # those with which the step before was taken, for its loss is the last finite one
    assert equal(copies(net), before[max(step - 2, 0)])
    assert all(net.parameters[name] is array for name, array in names.items())
    history = problem.value.history
    assert history.steps == step - 1
    assert history.epochs == (step - 1) // 6
    assert np.isfinite(history.step_losses).all()


def test_a_rate_that_is_too_large_is_reported_and_what_is_kept_can_be_used() -> None:
    for momentum in (0.0, 0.9):
        net = network(loss=N.MeanSquaredError())
        with pytest.raises(N.Diverged, match="try a smaller rate") as problem:
            net.fit(X, Y, epochs=500, batch=8, optimizer=N.SGD(1e3, momentum))
        assert isinstance(problem.value, ValueError)
        assert all(np.isfinite(p).all() for p in net.parameters.values())
        assert np.isfinite(net.forward(X)).all()
        assert problem.value.history.step_losses


def test_an_update_that_overflows_at_the_very_end_is_undone() -> None:
    net = network(loss=N.MeanSquaredError("sum"))
    before = copies(net)
    with pytest.raises(
        N.Diverged, match="a parameter is no finite number after the step at step 1"
    ):
        net.fit(X * 1e150, Y, batch=None, optimizer=N.SGD(1e200))
    assert equal(copies(net), before)


def test_a_validation_loss_that_is_no_number_stops_the_training_too() -> None:
    net = network(loss=Broken(7))
    before: list[list[Array]] = [copies(net)]
    with pytest.raises(N.Diverged, match="the validation loss became nan at step 6"):
        net.fit(X, Y, batch=8, validation=(X, Y), on_step=lambda *_: before.append(copies(net)))
    assert equal(copies(net), before[5])


def interrupting(at: int) -> Any:
    def on_step(number: int, loss: float) -> None:
        if number == at:
            raise KeyboardInterrupt

    return on_step


@pytest.mark.parametrize(("at", "epochs"), [(1, 0), (6, 0), (7, 1), (12, 1), (13, 2), (15, 2)])
@pytest.mark.parametrize("way", ["return", "raise"])
def test_an_interrupt_goes_back_to_the_last_whole_epoch(at: int, epochs: int, way: str) -> None:
    net, whole = network(), network()
    given: dict[str, Any] = {"batch": 8, "seed": 1, "optimizer": N.SGD(0.1, 0.9)}
    if epochs:
        whole.fit(X, Y, epochs=epochs, **given)
    given |= {"epochs": 5, "on_step": interrupting(at), "on_interrupt": way}
    if way == "raise":
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, **given)
    else:
        history = net.fit(X, Y, **given)
        assert history.stopped == "interrupted"
        assert (history.epochs, history.steps) == (epochs, epochs * 6)
        assert f"stopped after {epochs * 6} steps: interrupted" in str(history)
    assert equal(copies(net), copies(whole))


def test_an_interrupt_after_an_epoch_keeps_it() -> None:
    def on_epoch(history: Any) -> None:
        if history.epochs == 2:
            raise KeyboardInterrupt

    net, whole = network(), network()
    history = net.fit(X, Y, epochs=5, batch=8, on_epoch=on_epoch, on_interrupt="return")
    whole.fit(X, Y, epochs=2, batch=8)
    assert history.epochs == 2
    assert equal(copies(net), copies(whole))


def test_an_interrupt_inside_a_kernel_leaves_no_half_step() -> None:
    net, whole = network(), network()
    inner, left = net.calls, [3 * 6 * 4]

    class Interrupted:
        """The calls of the network, until one of them is interrupted."""

        def __call__(self, *arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return inner(*arguments, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    net.calls = Interrupted()
    history = net.fit(X, Y, epochs=9, batch=8, on_interrupt="return")
    assert 0 < history.epochs < 9
    whole.fit(X, Y, epochs=history.epochs, batch=8)
    assert equal(copies(net), copies(whole))


def test_another_error_leaves_whole_parameters_behind() -> None:
    def on_step(number: int, loss: float) -> None:
        if number == 3:
            raise RuntimeError("of the caller's own")

    net, whole = network(), network()
    names = net.parameters
    with pytest.raises(RuntimeError, match="of the caller's own"):
        net.fit(X, Y, epochs=2, batch=8, on_step=on_step)
    whole.fit(X, Y, steps=3, batch=8)
    assert equal(copies(net), copies(whole))
    assert all(net.parameters[name] is array for name, array in names.items())


def test_diverged_can_be_sent_to_another_process() -> None:
    problem = N.Diverged("the loss became nan", 3, 1, 0.5, N.History(loss=[1.0]))
    again = pickle.loads(pickle.dumps(problem))  # noqa: S301 - made in the line before
    assert (str(again), again.step, again.epoch, again.rate) == ("the loss became nan", 3, 1, 0.5)
    assert again.history.loss == [1.0]


#: in a process of its own: output of a test runner allocates memory too
EPOCHS = """
import gc, json, sys, tracemalloc
import numpy as np
import einbench

N = einbench.network
rng = np.random.default_rng(0)
x, y = rng.standard_normal((512, 64)), rng.integers(0, 10, 512)
net = N.Sequential(
    [N.Linear(64, 32), N.ReLU(), N.Linear(32, 32), N.ReLU(), N.Linear(32, 10)],
    kernels="matmul", dtype="float64",
)
held, peaks = [], []

def on_epoch(history):
    gc.collect()
    now, peak = tracemalloc.get_traced_memory()
    held.append(now)
    peaks.append(peak)
    tracemalloc.reset_peak()

tracemalloc.start()
net.fit(x, y, epochs=12, batch=32, order=sys.argv[1], validation=(x, y), on_epoch=on_epoch)
tracemalloc.stop()
print(json.dumps([held, peaks]))
"""


@pytest.mark.parametrize("order", ["shuffled", "given", "random"])
def test_memory_is_flat_over_epochs(order: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EPOCHS, order], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    held, peaks = json.loads(done.stdout)
    assert len(held) == len(peaks) == 12
    # beside the losses of the steps, 32 bytes each and 8 in the list
    steps = 16 * 9
    assert held[-1] - held[2] < 60 * steps + 4096
    assert max(peaks[3:]) - peaks[2] < 60 * steps + 4096
