"""One step of stochastic gradient descent of the network 784-128-128-10 under cross-entropy.

A whole training step in one call: the loss, the logits, from which accuracy follows, and the new
parameters.

    L = cross-entropy of z = relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3;
    Wk' = Wk - rate dL/dWk;
    bk' = bk - rate dL/dbk

Kernels, simplest first:

    loop    ``loop`` of `mlp_logits_gradients`, then loss and step
    einsum  the whole batch, one einsum per product and per sum
    matmul  every product is a GEMM
    numba   sample by sample, compiled, loss and step included
    tiled   the step is taken from the blocks of sums in registers
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.forward import mlp_shared as network
from einbench.forward.softmax_shared import softmax_rows
from einbench.gradient import cross_entropy, mlp_logits_gradients, mlp_shared
from einbench.gradient.losses_shared import entropy_losses, entropy_scale, one_hot
from einbench.gradient.mlp_shared import fused_loops
from einbench.gradient.mlp_shared_rounding import training_rounding
from einbench.inputs import IN_SUMS, Input, Kind
from einbench.jit.gemm.block import STEPPED
from einbench.jit.gemm.training import train
from einbench.kernel import BLAS_VARIES, Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
Eight = tuple[Array, Array, Array, Array, Array, Array, Array, Array]


def _reference(inputs: Array, *rest: Array, reduction: str) -> tuple[Array, ...]:
    *parameters, labels, rate = rest
    logits, *gradients = mlp_shared.reference(inputs, *parameters, labels)
    loss = cross_entropy.cross_entropy.reference(logits, labels, reduction=reduction)
    stepped = _stepped(parameters, gradients, rate, len(labels), reduction)
    return loss, logits, *stepped


def _stepped(
    parameters: Any, gradients: Any, rate: Array, batch: int, reduction: str
) -> list[Array]:
    """P - rate G, with the mean's 1 / batch in the rate; a mean over nothing is NaN."""
    factor = rate
    if reduction == "mean":
        factor = rate / batch if batch else rate * np.nan
    return [p - factor * g for p, g in zip(parameters, gradients, strict=True)]


def _scale(
    outputs: tuple[Array, ...], inputs: Array, *rest: Array, reduction: str, eps: float
) -> tuple[Array, ...]:
    """In units of eps, with Ez and EdW as in `mlp_shared_rounding`:

    EL = sqrt(batch) L + sum_b (1 + gap + lse + sum p gap) + sum_b sqrt(sum_c (p - y)^2 Ez^2)
    EW = |W| + rate (EdW + |dW|)
    """
    *parameters, labels, rate = rest
    batch = len(labels)
    _, logits, *new_parameters = outputs
    logits_error, *errors = training_rounding(inputs, *parameters, labels, eps=eps)
    slopes = softmax_rows(logits) - one_hot(labels, logits)
    carried = np.sqrt(np.square(slopes * logits_error).sum(axis=1))
    losses, own = entropy_losses(logits, labels), entropy_scale(logits, labels)
    loss_error = np.sqrt(batch) * losses.sum() + (own + carried).sum()
    factor, mean = float(abs(rate)), reduction == "mean"
    if mean:
        factor, loss_error = factor / max(batch, 1), loss_error / max(batch, 1)
    # rate |dW| is the difference of old and new parameters
    moved = [np.abs(p - new) for p, new in zip(parameters, new_parameters, strict=True)]
    stepped = [
        np.abs(p) + away + factor * error
        for p, away, error in zip(parameters, moved, errors, strict=True)
    ]
    return np.asarray(loss_error), logits_error, *stepped


def _exact(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Whole numbers, a rate of one, and a loss that the dtype represents exactly.

    The loss of a row is a multiple of 1024. Where their sum would be too large, some rows, drawn at
    random, are given the label of their largest logit, whose loss is zero.
    """
    drawn = mlp_shared.exact(rng, dtype, sizes)
    labels, forward = drawn["labels"], [drawn[name] for name in network.INPUTS]
    with np.errstate(under="ignore"):
        logits = network.layers(network.matmul_product, *forward)[4].astype(np.float64)
    losses = logits.max(axis=1) - logits[np.arange(len(labels)), labels]
    most = 1024 * 2.0 ** (np.finfo(dtype).nmant + 1)
    while losses.sum() > most:
        losing = rng.random(len(labels)) < 0.9 * most / losses.sum()
        labels = np.where(losing, labels, logits.argmax(axis=1)).astype(labels.dtype)
        losses = np.where(losing, losses, 0)
    return {**drawn, "labels": labels, "rate": np.ones((), dtype)}


def _draw_rate(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any], sizes: Sizes
) -> Array:
    """Large enough to move the weights by much more than they are rounded."""
    return np.asarray(draws.uniform(rng, 0.05, 0.5), dtype)


mlp_sgd_step = register(
    Operation(
        name="mlp_sgd_step",
        formula="L = cross-entropy of z = relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3; "
        "Wk' = Wk - rate dL/dWk; bk' = bk - rate dL/dbk",
        outputs={
            "loss": "",
            "logits": "batch classes",
            **{f"new_{name[1:]}": axes for name, axes in mlp_shared.GRADIENTS.items()},
        },
        reference=_reference,
        scale=_scale,
        exact_options={"reduction": "sum"},
        options={"reduction": ("mean", "sum")},
        **mlp_shared.TRAINING
        | {
            "inputs": {**mlp_shared.INPUTS, "rate": Input("", Kind("rate", _draw_rate), IN_SUMS)},
            "flops": lambda s: mlp_shared.training_flops(s) + 2 * network.weight_count(s),
            "exact": _exact,
            # a step along a part's gradient is no part of the step
            "added": (),
        },
    )
)


def _step(
    logits_and_gradients: Callable[..., mlp_shared.Seven],
    inputs: Array,
    rest: tuple[Array, ...],
    reduction: str,
) -> Any:
    """Gradients, then loss and step; the gradients' memory becomes that of the new parameters."""
    *parameters, labels, rate = rest
    logits, *gradients = logits_and_gradients(inputs, *parameters, labels)
    loss = cross_entropy.indexed(logits, labels, reduction=reduction)
    factor = rate
    if reduction == "mean":
        factor = rate / rate.dtype.type(len(labels)) if len(labels) else rate * np.nan
    for parameter, gradient in zip(parameters, gradients, strict=True):
        np.multiply(gradient, factor, out=gradient)
        np.subtract(parameter, gradient, out=gradient)
    return loss, logits, *gradients


@mlp_sgd_step.kernel("loop")
def sample_loop(inputs: Array, *rest: Array, reduction: str) -> Eight:
    """A Python loop over samples for the gradients, then the step."""
    return _step(mlp_logits_gradients.sample_loop, inputs, rest, reduction)


@mlp_sgd_step.kernel("einsum")
def einsum(inputs: Array, *rest: Array, reduction: str) -> Eight:
    """New over ``loop``: the whole batch, one einsum a product and one a sum."""
    return _step(mlp_logits_gradients.einsum, inputs, rest, reduction)


@mlp_sgd_step.kernel("matmul", varies=BLAS_VARIES)
def matmul(inputs: Array, *rest: Array, reduction: str) -> Eight:
    """New over ``einsum``: every product is a GEMM, forward, back and for the weights."""
    # every parameter is read, and its gradient written, read, written and read once more
    return _step(mlp_logits_gradients.matmul, inputs, rest, reduction)


def _add_loss(logits: Array, labels: Array) -> Any:
    total = logits.dtype.type(0)
    for b in range(logits.shape[0]):
        largest = logits[b, 0]
        for c in range(logits.shape[1]):
            largest = max(largest, logits[b, c])
        powers = logits.dtype.type(0)
        for c in range(logits.shape[1]):
            powers += np.exp(logits[b, c] - largest)
        total += np.log(powers) + (largest - logits[b, labels[b]])
    return total


def _descend(parameters: Array, gradients: Array, factor: Any) -> None:
    p, g = parameters.reshape(parameters.size), gradients.reshape(parameters.size)
    for k in range(p.shape[0]):
        g[k] = p[k] - factor * g[k]


@mlp_sgd_step.kernel("numba", compile=True, fastmath=frozenset({"contract"}))
def loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array,
    rate: Array, reduction: str,
) -> Eight:  # fmt: skip
    """New over ``loop``: every product is a pair of loops, and nothing is allocated inside."""
    logits, g1, c1, g2, c2, g3, c3 = fused_loops(inputs, w1, b1, w2, b2, w3, b3, labels)
    count = inputs.dtype.type(1 if reduction == "sum" else inputs.shape[0])
    factor = rate[()] / count
    loss = np.empty((), inputs.dtype)
    loss[()] = _add_loss(logits, labels) / count
    _descend(w1, g1, factor)
    _descend(b1, c1, factor)
    _descend(w2, g2, factor)
    _descend(b2, c2, factor)
    _descend(w3, g3, factor)
    _descend(b3, c3, factor)
    return loss, logits, g1, c1, g2, c2, g3, c3


@mlp_sgd_step.kernel(
    "tiled", compile=True, parallel=True, extra_elements=mlp_shared.workspace_elements
)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, labels: Array,
    rate: Array, reduction: str, out: Eight,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, from which the step is taken at once."""
    # no gradient of a weight is ever written, if the batch is one chunk of rows
    count = inputs.dtype.type(1 if reduction == "sum" else inputs.shape[0])
    parameters = (w1, b1, w2, b2, w3, b3)
    total = train(inputs, parameters, labels, out[1], out[2:], STEPPED, -rate[()] / count)
    out[0][()] = total / count
