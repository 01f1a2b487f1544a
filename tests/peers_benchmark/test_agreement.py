"""A contender that computes anything but the training step is refused, with what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.measure.workload import Images

BATCH = 1000


@pytest.fixture(scope="module")
def agreement(room):
    return room("agreement")


@pytest.fixture(scope="module")
def images():
    pixels, labels = einbench.mnist.load().train
    return Images(pixels[:BATCH].reshape(BATCH, -1), labels[:BATCH], "MNIST")


@pytest.fixture(scope="module")
def reference(agreement, images):
    return agreement.reference(images, BATCH)


def train(agreement, problem, *, spoil=None, spoil_loss=None, rows=slice(None), rate=None):
    """Steps by the suite's own matmul kernels, which something may be done to."""
    inputs, labels = problem.inputs[rows], problem.labels[rows]
    parameters = [p.copy() for p in problem.parameters]
    rate = problem.rate if rate is None else rate
    losses = []
    for _ in range(agreement.STEPS):
        logits = einbench.operation("mlp_intermediates")["matmul"](inputs, *parameters).y3
        losses.append(float(einbench.operation("cross_entropy")["indexed"](logits, labels)))
        gradients = list(einbench.operation("mlp_gradients")["matmul"](inputs, *parameters, labels))
        if spoil is not None:
            spoil(gradients, parameters)
        for p, g in zip(parameters, gradients, strict=True):
            p -= np.float32(rate / problem.batch) * g
    losses = losses if spoil_loss is None else spoil_loss(losses)
    return agreement.Steps(tuple(losses), tuple(parameters))


def test_right_steps_agree_with_room_to_spare(agreement, reference):
    verdict = reference.judge(train(agreement, reference.problem))
    eps = np.finfo(np.float32).eps
    assert verdict.reason == ""
    assert verdict.parameter_error < agreement.PARAMETER_LIMIT * eps / 5
    assert verdict.loss_error < agreement.LOSS_LIMIT * eps / 5


def no_learning(gradients, parameters):
    for g in gradients:
        g[...] = 0


def a_gradient_forgotten(gradients, parameters):
    gradients[5][...] = 0


def a_gradient_turned(gradients, parameters):
    gradients[2][...] = gradients[2].T.copy()


def half_precision(gradients, parameters):
    for g in gradients:
        g[...] = (g / BATCH).astype(np.float16).astype(np.float32) * BATCH


def no_number(gradients, parameters):
    gradients[0][0, 0] = np.nan


WRONG = {
    "does not learn": ({"spoil": no_learning}, "w1 is 1 of its way"),
    "forgets a bias": ({"spoil": a_gradient_forgotten}, "b3"),
    "transposes a gradient": ({"spoil": a_gradient_turned}, "w2"),
    "rounds to half precision": ({"spoil": half_precision}, "of its way"),
    "makes a NaN": ({"spoil": no_number}, "w1 is nan"),
    "forgets the last row": ({"rows": slice(BATCH - 1)}, "of its way"),
    "sums where the mean is asked for": ({"rate": 0.1 * BATCH}, "of its way"),
    "has a rate a thousandth too high": ({"rate": 0.1001}, "of its way"),
    "tells the loss after the step": (
        {"spoil_loss": lambda losses: [*losses[1:], losses[-1]]},
        "the loss before step 1",
    ),
    "tells no loss": ({"spoil_loss": lambda losses: [0.0] * len(losses)}, "the loss before step 1"),
    "tells too few losses": ({"spoil_loss": lambda losses: losses[:1]}, "1 losses, expected 3"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_step_is_refused_and_its_fault_is_told(agreement, reference, fault):
    how, told = WRONG[fault]
    with np.errstate(all="ignore"):
        found = train(agreement, reference.problem, **how)
    verdict = reference.judge(found)
    assert told in verdict.reason
    assert not np.isnan(verdict.parameter_error)


def test_parameters_of_another_dtype_or_shape_are_refused(agreement, reference):
    right = train(agreement, reference.problem)
    wide = agreement.Steps(right.losses, tuple(p.astype(np.float64) for p in right.parameters))
    assert "w1 is float64" in reference.judge(wide).reason
    turned = agreement.Steps(right.losses, tuple(p.T for p in right.parameters))
    assert "w1 is float32 (784, 128)" in reference.judge(turned).reason


def test_all_contenders_are_given_the_same_bits(room, reference, tmp_path):
    problem = reference.problem
    problem.save(tmp_path / "problem.npz")
    loaded = room("problem").Problem.load(tmp_path / "problem.npz")
    for there, here in zip(
        (loaded.inputs, loaded.labels, *loaded.parameters),
        (problem.inputs, problem.labels, *problem.parameters),
        strict=True,
    ):
        assert there.dtype == here.dtype
        assert there.tobytes() == here.tobytes()
        assert not there.flags.writeable
    assert loaded.rate == problem.rate
    assert loaded.widths == (784, 128, 128, 10)
