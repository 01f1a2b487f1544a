"""What rounding can do to the gradients of a whole network: forward errors carried back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import wide
from einbench.forward.mlp_shared_rounding import forward_rounding

Array = npt.NDArray[Any]
Errors = tuple[Array, Array, Array, Array, Array, Array, Array]

_ROWS = 4096

#: the root of what is far above the smallest square
_SQUARED = 1e-140


def training_rounding(inputs: Array, *rest: Array, eps: float) -> Errors:
    """Root-mean-square errors in units of eps, d the gradient at a pre-activation:

    Ez as in `forward_rounding`;  Ed3 = Ep + |d3|;  Eg = sqrt(Ed^2 W^2) + sqrt(n) |d| |W|;
    Ed  = on Eg + ambiguous |g| / eps;
    EdW = sqrt(batch) (|d| + U)^T |o| + sqrt((Ed^2)^T o^2 + (d^2)^T Eo^2).

    U is the absolute error of a subnormal d, carried back by |W|: a probability of 1e-41 has four
    digits, and the gradients that depend on it have no more.

    The sums over the batch are taken block by block, for 60,000 rows of all that is carried
    would be more than a gigabyte.
    """
    *parameters, labels = rest
    batch = len(labels)
    blocks = [
        _block_sums(inputs[rows], parameters, labels[rows], eps=eps)
        for rows in (slice(i, i + _ROWS) for i in range(0, max(batch, 1), _ROWS))
    ]
    logits = np.concatenate([block[0] for block in blocks])
    pairs = zip(*(block[1] for block in blocks), strict=True)
    dw1, db1, dw2, db2, dw3, db3 = (
        np.sqrt(batch) * sum(rounded for rounded, _ in of_one)
        + np.hypot.reduce([carried for _, carried in of_one])
        for of_one in pairs
    )
    return logits, dw1, db1, dw2, db2, dw3, db3


def _block_sums(
    inputs: Array, parameters: list[Array], labels: Array, *, eps: float
) -> tuple[Array, list[tuple[Array, Array]]]:
    """Errors of the logits; for every gradient, sum |d| |o| and the root of squared errors."""
    forward = forward_rounding(inputs, *parameters, eps=eps)
    _, _, w2, _, w3, _ = parameters
    o1, o2, _, d3 = forward.values
    d3[np.arange(len(labels)), labels] -= 1
    e3 = forward.probs + np.abs(d3)
    g2 = wide.product(d3, w3)
    e2 = _carried_back(d3, e3, w3, o2, g2, forward.ambiguous2, eps)
    d2 = np.where(o2 <= 0, 0, g2)
    g1 = wide.product(d2, w2)
    e1 = _carried_back(d2, e2, w2, o1, g1, forward.ambiguous1, eps)
    d1 = np.where(o1 <= 0, 0, g1)
    u3 = np.full_like(d3, _least(eps))
    u2 = np.where(o2 > 0, _least(eps) + wide.product(u3, np.abs(w3)), 0)
    u1 = np.where(o1 > 0, _least(eps) + wide.product(u2, np.abs(w2)), 0)
    sums = []
    for d, u, e, o, eo in (
        (d1, u1, e1, inputs, None),
        (d2, u2, e2, o1, forward.o1),
        (d3, u3, e3, o2, forward.o2),
    ):
        carried = _root_of_squares(e, o)
        if eo is not None:
            carried = np.hypot(carried, _root_of_squares(d, eo))
        rounded = np.abs(d) + u
        sums.append((wide.product(rounded.T, np.abs(o)), carried))
        sums.append((rounded.sum(axis=0), _root_of_squares(e, np.ones((len(e), 1)))[:, 0]))
    return forward.y3, sums


def _root_of_squares(a: Array, b: Array) -> Array:
    """sqrt((a^2)^T b^2); where squares are too small to be numbers, as of 1e-200, |a|^T |b|."""
    found = np.sqrt(wide.product(np.square(a).T, np.square(b)))
    if (small := found < _SQUARED).any():
        found[small] = (np.abs(a).T @ np.abs(b))[small]
    return np.asarray(found)


def _least(eps: float) -> float:
    """The smallest positive number of the precision with that eps, in units of eps."""
    precision = np.float32 if eps == np.finfo(np.float32).eps else np.float64
    return float(np.finfo(precision).smallest_subnormal) / eps


def _carried_back(
    d: Array, e: Array, weights: Array, o: Array, g: Array, ambiguous: Array, eps: float
) -> Array:
    carried = _root_of_squares(e.T, weights)
    rounded = np.sqrt(weights.shape[0]) * wide.product(np.abs(d), np.abs(weights))
    return np.where(o > 0, carried + rounded, 0) + np.where(ambiguous, np.abs(g) / eps, 0)
