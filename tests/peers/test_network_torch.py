"""Networks against PyTorch: layers, losses, optimizers, and whole trainings step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.network.agreement import Family, judge, roundings

N = einbench.network
Array = np.ndarray[Any, Any]
Tensor = Any

BATCH, FEATURES, HIDDEN, CLASSES = 7, 5, 6, 4
STEPS, DIGITS_BATCH, RATE = 100, 32, 0.1
#: greatest relative difference of a loss of a hundred steps
LIMITS = {"float64": 1e-7, "float32": 1e-4}
#: of a single pass: rounding of some hundred sums
ROUNDING = {"float64": 1e-12, "float32": 2e-5}
FAMILIES = ("loop", "einsum", "matmul", "numba", "tiled", "auto")
NAMES = ["0.weights", "0.bias", "2.weights", "2.bias", "4.weights", "4.bias"]

dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
reductions = pytest.mark.parametrize("reduction", ["mean", "sum"])

#: a layer or loss of ours -> the same function of tensors
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU": lambda z: z.relu(),
    "Tanh": lambda z: z.tanh(),
    "Sigmoid": lambda z: z.sigmoid(),
    "Softmax": lambda z: F.softmax(z, dim=1),
}
LOSSES: dict[str, Callable[[Tensor, Tensor, str], Tensor]] = {
    "CrossEntropy": lambda z, y, r: F.cross_entropy(z, y, reduction=r),
    "NegativeLogLikelihood": lambda z, y, r: F.nll_loss(
        F.softmax(z, dim=1).log(), y, reduction=r
    ),
    "MeanSquaredError": lambda z, y, r: F.mse_loss(z, rows(z, y), reduction=r),
    "SoftmaxMeanSquaredError": lambda z, y, r: F.mse_loss(
        F.softmax(z, dim=1), rows(z, y), reduction=r
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Here and not above: who runs none of these tests does not wait for it."""
    global torch, F  # noqa: PLW0603 - as an import does
    import torch
    import torch.nn.functional as F  # noqa: N812 - its usual name


def rows(z: Tensor, y: Tensor) -> Tensor:
    return F.one_hot(y, z.shape[1]).to(z.dtype)


@pytest.fixture(autouse=True)
def _auto_times_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which kernels are fastest does not matter here: ``auto`` may guess."""
    from einbench.choose.deciding import decide

    monkeypatch.setattr(
        "einbench.network.calls.decide",
        lambda op, bound, threads: decide(op, bound, threads, "estimate"),
    )


@pytest.fixture(scope="module", autouse=True)
def _one_thread(_imported: None) -> Iterator[None]:
    """PyTorch's threads wait for each other, and among busy cores that takes long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array]:
    """Normalised images in float64, as many as a training takes, and their labels."""
    images, labels = einbench.mnist.load().train
    count = STEPS * DIGITS_BATCH
    x = N.normalise(images[:count].reshape(count, -1), dtype="float64")
    return x, labels[:count].astype(np.int64)


def leaves(net: Any) -> list[Tensor]:
    """The network's parameters as they are now, PyTorch's own copies."""
    return [torch.from_numpy(p.copy()).requires_grad_() for p in net.parameters.values()]


def sequential(parameters: Sequence[Tensor], activation: str, x: Tensor) -> Tensor:
    """Linear layers, the activation between them."""
    for number in range(0, len(parameters), 2):
        x = F.linear(x, parameters[number], parameters[number + 1])
        if number + 2 < len(parameters):
            x = ACTIVATIONS[activation](x)
    return x


def close(found: Any, expected: Any, dtype: str) -> None:
    """Within rounding of the largest entry of the array."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    assert abs(a - b).max() <= ROUNDING[dtype] * abs(b).max()
    assert abs(b).max() > 0, "zeros would pass"


@pytest.mark.parametrize("family", ["loop", "einsum", "matmul", "numba"])
@reductions
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@dtypes
def test_every_layer_and_loss_goes_forward_and_back_as_pytorchs(
    dtype: str, activation: str, loss: str, reduction: str, family: str
) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((BATCH, FEATURES)).astype(dtype)
    y = rng.integers(0, CLASSES, BATCH)
    layers: list[Any] = [
        N.Linear(FEATURES, HIDDEN, initial="uniform"), getattr(N, activation)(),
        N.Linear(HIDDEN, CLASSES, initial="uniform"),
        *([N.Softmax()] if loss == "NegativeLogLikelihood" else []),
    ]  # fmt: skip
    net = N.Sequential(layers, getattr(N, loss)(reduction), kernels=family, dtype=dtype)
    theirs = leaves(net)
    logits = sequential(theirs, activation, torch.from_numpy(x))
    value = LOSSES[loss](logits, torch.from_numpy(y), reduction)
    value.backward()
    if loss == "NegativeLogLikelihood":
        logits = F.softmax(logits, dim=1)
    close(net.forward(x), logits.detach().numpy(), dtype)
    found, gradients = net.gradients(x, y)
    close(found, value.item(), dtype)
    close(net.loss_value(x, y), value.item(), dtype)
    for (_, _, gradient), leaf in zip(gradients, theirs, strict=True):
        assert gradient.dtype == dtype
        close(gradient, leaf.grad.numpy(), dtype)


@reductions
@dtypes
def test_a_likelihood_of_sigmoids_goes_back_as_pytorchs(dtype: str, reduction: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((BATCH, FEATURES)).astype(dtype)
    y = rng.integers(0, CLASSES, BATCH)
    loss = N.NegativeLogLikelihood(reduction)
    net = N.Sequential(
        [N.Linear(FEATURES, CLASSES), N.Sigmoid()], loss, kernels="matmul", dtype=dtype
    )
    theirs = leaves(net)
    probs = torch.sigmoid(F.linear(torch.from_numpy(x), *theirs))
    F.nll_loss(probs.log(), torch.from_numpy(y), reduction=reduction).backward()
    for (_, _, gradient), leaf in zip(net.gradients(x, y)[1], theirs, strict=True):
        close(gradient, leaf.grad.numpy(), dtype)


def mlp(family: str, dtype: str, **given: Any) -> Any:
    """784-128-128-10, by He."""
    layers: list[Any] = [
        N.Linear(784, 128),
        N.ReLU(),
        N.Linear(128, 128),
        N.ReLU(),
        N.Linear(128, 10),
    ]
    return N.Sequential(layers, kernels=family, dtype=dtype, **given)


@pytest.mark.parametrize("initial", ["he", "S2's"])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_all_six_gradients_are_those_of_autograd(
    family: str, whole: bool, initial: str, digits: tuple[Array, Array]
) -> None:
    x, y = digits[0][:8], digits[1][:8]
    net = mlp(family, "float64", loss=N.CrossEntropy("sum"), whole=whole)
    if initial != "he":
        rng = np.random.default_rng(0)
        for parameter in net.parameters.values():
            parameter[...] = rng.uniform(-1, 1, parameter.shape)
    theirs = leaves(net)
    logits = sequential(theirs, "ReLU", torch.from_numpy(x))
    value = F.cross_entropy(logits, torch.from_numpy(y), reduction="sum")
    value.backward()
    loss, gradients = net.gradients(x, y)
    close(loss, value.item(), "float64")
    assert [f"{number}.{name}" for number, name, _ in gradients] == NAMES
    for (_, _, gradient), leaf in zip(gradients, theirs, strict=True):
        close(gradient, leaf.grad.numpy(), "float64")


def their_curve(net: Any, x: Array, y: Array, rate: float, momentum: float) -> list[float]:
    """Losses of torch.optim.SGD from the network's weights, on its batches in the given order."""
    parameters = leaves(net)
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum)
    images, labels = torch.from_numpy(x.astype(net.dtype)), torch.from_numpy(y)
    losses = []
    for start in range(0, len(x), DIGITS_BATCH):
        batch = slice(start, start + DIGITS_BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(sequential(parameters, "ReLU", images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def our_curve(net: Any, x: Array, y: Array, rate: float, momentum: float) -> list[float]:
    optimizer = N.SGD(rate, momentum)
    return net.fit(x, y, batch=DIGITS_BATCH, order="given", optimizer=optimizer).step_losses


#: a compiled one; `make test-peers` has the others as well
TRAINED = [
    pytest.param(family, marks=() if family == "tiled" else pytest.mark.long) for family in FAMILIES
]
descents = pytest.mark.parametrize(("rate", "momentum"), [(RATE, 0.0), (RATE / 10, 0.9)])


@descents
@pytest.mark.parametrize("family", TRAINED)
def test_a_hundred_steps_in_float64_have_the_losses_that_pytorchs_have(
    family: str, rate: float, momentum: float, digits: tuple[Array, Array]
) -> None:
    expected = np.array(their_curve(mlp(family, "float64"), *digits, rate, momentum))
    losses = our_curve(mlp(family, "float64"), *digits, rate, momentum)
    assert len(losses) == len(expected) == STEPS
    assert expected[-10:].mean() < expected[:10].mean() / 2
    np.testing.assert_allclose(losses, expected, rtol=LIMITS["float64"])


@descents
@pytest.mark.parametrize("family", TRAINED)
def test_a_hundred_steps_in_float32_have_them_as_far_as_rounding_lets_them(
    family: str, rate: float, momentum: float, digits: tuple[Array, Array]
) -> None:
    """Where a unit of ReLU is on by a rounding alone, PyTorch begun a rounding away parts, too."""

    def perturbed(name: str, number: int, steps: int) -> list[float]:
        net = mlp("matmul", "float32", seed=seed)
        rng = np.random.default_rng(number)
        for parameter in net.parameters.values():
            away = roundings(number) * np.finfo("float32").eps
            parameter *= 1 + away * rng.uniform(-1, 1, parameter.shape).astype("float32")
        count = steps * DIGITS_BATCH
        return their_curve(net, digits[0][:count], digits[1][:count], rate, momentum)

    for seed in range(3):
        theirs = their_curve(mlp("matmul", "float32", seed=seed), *digits, rate, momentum)
        ours = our_curve(mlp(family, "float32", seed=seed), *digits, rate, momentum)
        families = [Family("torch", losses=theirs), Family(family, losses=ours)]
        judge(families, LIMITS["float32"], perturbed)
        assert families[1].status == "ok", families[1].reason
        if families[1].judged == STEPS:
            return
    pytest.fail("rounding parted the curves of each of three draws of the weights")


def test_loops_layer_by_layer_have_them_on_a_network_they_have_time_for(
    digits: tuple[Array, Array],
) -> None:
    net = N.Sequential(
        [N.Linear(784, 16), N.ReLU(), N.Linear(16, 16), N.ReLU(), N.Linear(16, 10)],
        kernels="loop", dtype="float64", whole=False,
    )  # fmt: skip
    x, y = digits[0][: 3 * DIGITS_BATCH], digits[1][: 3 * DIGITS_BATCH]
    expected = their_curve(net, x, y, RATE, 0.0)
    np.testing.assert_allclose(our_curve(net, x, y, RATE, 0.0), expected, rtol=LIMITS["float64"])


@pytest.mark.parametrize("dtype", [pytest.param("float64", marks=pytest.mark.long), "float32"])
def test_the_comparison_sees_a_rate_that_is_a_thousandth_off(
    dtype: str, digits: tuple[Array, Array]
) -> None:
    expected = their_curve(mlp("matmul", dtype), *digits, RATE, 0.0)
    losses = our_curve(mlp("matmul", dtype), *digits, RATE * 1.001, 0.0)
    assert abs(np.divide(losses, expected) - 1).max() > 5 * LIMITS[dtype]


@reductions
@dtypes
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_momentum_moves_every_parameter_as_torch_optim_does(
    momentum: float, dtype: str, reduction: str
) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, FEATURES)).astype(dtype)
    y = rng.integers(0, CLASSES, 60)
    rate = 0.02 if reduction == "mean" else 0.002
    net = N.Sequential(
        [N.Linear(FEATURES, HIDDEN), N.Tanh(), N.Linear(HIDDEN, CLASSES)],
        N.CrossEntropy(reduction), kernels="matmul", dtype=dtype,
    )  # fmt: skip
    theirs = leaves(net)
    optimizer = torch.optim.SGD(theirs, lr=rate, momentum=momentum)
    for start in range(0, 60, 10):
        optimizer.zero_grad()
        batch = slice(start, start + 10)
        logits = sequential(theirs, "Tanh", torch.from_numpy(x[batch]))
        F.cross_entropy(logits, torch.from_numpy(y[batch]), reduction=reduction).backward()
        optimizer.step()
    net.fit(x, y, batch=10, order="given", optimizer=N.SGD(rate, momentum))
    for parameter, leaf in zip(net.parameters.values(), theirs, strict=True):
        close(parameter, leaf.detach().numpy(), dtype)
