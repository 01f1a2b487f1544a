"""Which kernels compute a network, what they cost, and that all of them train alike."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.network.families import Families
from einbench.operation import Operation

N = einbench.network
Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).standard_normal((320, 12))
Y = X[:, :4].argmax(axis=1)
FAMILIES = ("loop", "einsum", "matmul", "numba", "auto")


def layers(hidden: int = 8, features: int = 12, classes: int = 4) -> list[Any]:
    return [
        N.Linear(features, hidden), N.ReLU(), N.Linear(hidden, hidden), N.ReLU(),
        N.Linear(hidden, classes),
    ]  # fmt: skip


def used(net: Any) -> dict[str, str]:
    return {record.operation: record.kernel for record in net.ledger}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("matmul", {"relu": "ufunc", "cross_entropy": "indexed", "linear": "matmul"}),
        ("einsum", {"relu": "ufunc", "cross_entropy": "einsum", "bias_gradient": "einsum"}),
        ("einsum_path", {"linear": "einsum_path", "bias_gradient": "einsum", "relu_vjp": "ufunc"}),
        ("sample_loop", {"linear": "sample_loop", "relu": "loop", "cross_entropy": "loop"}),
        ("numba", {"linear": "numba", "relu": "numba", "cross_entropy": "numba"}),
        ("ufunc", {"linear": "matmul", "relu": "ufunc", "bias_gradient": "sum"}),
        ("indexed", {"cross_entropy_gradient": "indexed", "input_gradient": "matmul"}),
        ("loop", dict.fromkeys(("linear", "relu", "cross_entropy", "weight_gradient"), "loop")),
        ("Einsum-Path", {"linear": "einsum_path"}),
    ],
)
def test_a_family_falls_back_to_the_next_of_its_kind(family: str, expected: dict[str, str]) -> None:
    net = N.Sequential(layers(), kernels=family, whole=False)
    net.gradients(X[:4], Y[:4])
    assert {name: used(net)[name] for name in expected} == expected


def test_threads_fall_back_to_one_thread() -> None:
    if not einbench.operation("linear")["numba_parallel"].available:
        pytest.skip("no safe threading layer")
    families = Families("numba_parallel")
    assert [families.kernel(einbench.operation(n)).method for n in ("linear", "bias_gradient")] == [
        "numba_parallel", "numba"
    ]  # fmt: skip


def test_vectors_by_hand_fall_back_to_tiles_before_loops() -> None:
    families = Families("simd")
    found = {name: families.kernel(einbench.operation(name)).method for name in (
        "relu", "linear", "negative_log_likelihood_gradient"
    )}  # fmt: skip
    assert found == {
        "relu": "simd", "linear": "tiled", "negative_log_likelihood_gradient": "filled"
    }  # fmt: skip


def test_a_kernel_says_its_family_where_it_is_registered() -> None:
    relu, softmax = einbench.operation("relu"), einbench.operation("softmax")
    assert relu["ufunc"].family == "arrays"
    assert relu["numba"].family == "numba"
    relu.kernel("mine", family="Own-Kind")(relu["ufunc"].function)
    softmax.kernel("other", family="own_kind")(softmax["ufunc"].function)
    try:
        assert Families("other").kernel(relu).method == "mine"
        assert Families("mine").kernel(softmax).method == "other"
        assert Families("mine").kernel(einbench.operation("linear")).method == "matmul"
    finally:
        relu.remove("mine")
        softmax.remove("other")


def test_every_family_has_a_kernel_of_every_operation() -> None:
    methods = {method for op in einbench.operations.values() for method in op.kernels}
    for method in methods:
        if all(op[method].available for op in einbench.operations.values() if method in op):
            for op in einbench.operations.values():
                assert Families(method).kernel(op) is not None


def test_one_operation_may_have_a_kernel_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from einbench.choose.deciding import decide

    asked: list[str] = []

    def watched(op: Operation, bound: Any, threads: Any) -> Any:
        asked.append(op.name)
        return decide(op, bound, threads, "estimate")

    monkeypatch.setattr("einbench.network.calls.decide", watched)
    net = N.Sequential(
        layers(), kernels={"linear": "einsum", "ReLU": "loop", "relu_vjp": "auto"}, whole=False
    )
    net.gradients(X, Y)
    assert used(net)["linear"] == "einsum"
    assert used(net)["relu"] == "loop"
    assert set(asked) == {
        "relu_vjp", "cross_entropy", "cross_entropy_gradient", "weight_gradient", "bias_gradient",
        "input_gradient",
    }  # fmt: skip
    assert net.kernels == {"linear": "einsum", "relu": "loop"}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("matmull", "no kernels 'matmull' of any operation; did you mean matmul"),
        ({"lineal": "matmul"}, "no operation 'lineal'; did you mean linear"),
        ({"relu": "matmul"}, "no kernel 'matmul' of relu"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(choice: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as problem:
        N.Sequential(layers(), kernels=choice)
    assert "\n" not in str(problem.value)


def test_what_is_no_choice_of_kernels_is_refused() -> None:
    with pytest.raises(TypeError, match="kernels=3: expected 'auto', a method"):
        N.Sequential(layers(), kernels=3)


def test_a_kernel_that_cannot_run_is_refused_with_the_reason() -> None:
    linear = einbench.operation("linear")
    linear.kernel("elsewhere", requires=("no_such_package",))(linear["matmul"].function)
    try:
        for choice in ("elsewhere", {"linear": "elsewhere"}):
            with pytest.raises(
                ValueError, match="'elsewhere' of linear is unavailable: no_such_package is not"
            ):
                N.Sequential(layers(), kernels=choice)
    finally:
        linear.remove("elsewhere")


def test_numba_switched_off_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    with pytest.raises(ValueError, match="unavailable: numba's compiler is switched off"):
        N.Sequential(layers(), kernels="numba")


def test_a_kernel_added_by_hand_trains_a_network() -> None:
    relu, calls = einbench.operation("relu"), []

    @relu.kernel("mine")
    def mine(inputs: Array) -> Array:
        calls.append(len(inputs))
        return np.maximum(inputs, 0)

    try:
        net = N.Sequential(layers(), kernels={"relu": "mine"} | dict.fromkeys(
            ("linear", "weight_gradient", "input_gradient", "bias_gradient"), "matmul"
        ) | dict.fromkeys(("cross_entropy", "cross_entropy_gradient"), "indexed")
        | {"relu_vjp": "ufunc"}, whole=False)  # fmt: skip
        net.fit(X, Y, batch=160)
        assert calls == [160] * 4
    finally:
        relu.remove("mine")


def test_the_ledger_counts_every_call_and_its_time() -> None:
    net = N.Sequential(layers(), kernels="matmul", whole=False)
    history = net.fit(X, Y, epochs=2, batch=32)
    records = {record.operation: record for record in net.ledger}
    expected = {
        "linear": 60, "relu": 40, "cross_entropy": 20, "cross_entropy_gradient": 20,
        "weight_gradient": 60, "bias_gradient": 60, "input_gradient": 40, "relu_vjp": 40,
    }  # fmt: skip
    assert {name: record.calls for name, record in records.items()} == expected
    assert net.ledger.total_s == pytest.approx(sum(r.seconds_s for r in records.values()))
    assert 0 < net.ledger.total_s < sum(history.epoch_s)
    seconds = [record.seconds_s for record in net.ledger]
    assert seconds == sorted(seconds, reverse=True)
    assert net.ledger.records[0]["operation"] == net.ledger[0].operation
    table = str(net.ledger).splitlines()
    assert table[0].split() == ["operation", "kernel", "calls", "seconds", "share"]
    assert len(table) == 1 + len(net.ledger) == 9
    net.ledger.clear()
    assert len(net.ledger) == net.ledger.total_s == net.ledger.preparing_s == 0
    net.forward(X)
    assert {record.operation: record.calls for record in net.ledger} == {"linear": 3, "relu": 2}


def test_a_plain_step_of_the_whole_network_is_one_call() -> None:
    net = N.Sequential(layers(), kernels="matmul")
    net.fit(X, Y, batch=32)
    assert {(r.operation, r.calls) for r in net.ledger} == {("mlp_sgd_step", 10)}


def test_a_step_with_momentum_is_two_calls_and_the_update() -> None:
    net = N.Sequential(layers(), kernels="matmul")
    net.fit(X, Y, batch=32, optimizer=N.SGD(0.1, momentum=0.5))
    assert {(r.operation, r.calls) for r in net.ledger} == {
        ("mlp_logits_gradients", 10), ("cross_entropy", 10)
    }  # fmt: skip
    net.ledger.clear()
    net.predict(X)
    assert [(r.operation, r.calls) for r in net.ledger] == [("mlp_forward", 1)]


def test_compiling_stands_apart_from_the_time_of_calls() -> None:
    net = N.Sequential(layers(), kernels="numba")
    net.gradients(X[:2], Y[:2])
    assert net.ledger.preparing_s > 0
    assert all(record.calls == 1 for record in net.ledger)


def curve(family: str, make: Any, x: Array, y: Array, batch: int, rate: float) -> Array:
    net = make(family)
    history = net.fit(x, y, steps=100, batch=batch, optimizer=N.SGD(rate), seed=7)
    assert history.steps == 100
    return np.array(history.step_losses)


def close(curves: dict[str, Array]) -> None:
    reference = curves["matmul"]
    assert reference[-10:].mean() < reference[:10].mean()
    for family, losses in curves.items():
        np.testing.assert_allclose(losses, reference, rtol=1e-9, err_msg=family)


@pytest.mark.long
@pytest.mark.parametrize("whole", [True, False])
def test_the_families_losses_agree_over_a_hundred_steps(
    whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from einbench.choose.deciding import decide

    # which kernels are fastest is measured for the digits below, once
    monkeypatch.setattr(
        "einbench.network.calls.decide",
        lambda op, bound, threads: decide(op, bound, threads, "estimate"),
    )

    def make(family: str) -> Any:
        return N.Sequential(layers(), kernels=family, dtype="float64", whole=whole)

    close({family: curve(family, make, X, Y, 32, 0.1) for family in FAMILIES})


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (N.NegativeLogLikelihood, [N.Softmax]),
        (N.MeanSquaredError, []),
        (N.SoftmaxMeanSquaredError, []),
    ],
)
def test_the_families_losses_agree_for_every_loss(loss: Any, last: Any) -> None:
    def make(family: str) -> Any:
        hidden = [N.Linear(12, 8), N.Sigmoid(), N.Linear(8, 4), *(layer() for layer in last)]
        return N.Sequential(hidden, loss(), kernels=family, dtype="float64")

    families = ("loop", "einsum", "matmul", "numba")
    close({family: curve(family, make, X, Y, 16, 0.3) for family in families})


@pytest.mark.long
def test_the_families_losses_agree_on_digits() -> None:
    images, labels = einbench.mnist.load().train
    x, y = images[:640].reshape(640, -1) / 255, labels[:640]

    def make(family: str) -> Any:
        return N.Sequential(layers(128, 784, 10), kernels=family, dtype="float64")

    close({family: curve(family, make, x, y, 32, 0.1) for family in FAMILIES})


def test_networks_are_imported_when_they_are_asked_for_and_numba_when_it_is_called() -> None:
    code = (
        "import sys, einbench; before = set(sys.modules); einbench.network.Sequential("
        "[einbench.network.Linear(2, 2)], kernels='matmul').forward([1, 2]); "
        "print('einbench.network' in before, 'numba' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"
