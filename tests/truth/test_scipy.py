"""softmax, cross-entropy and sigmoid against SciPy, on harmless and on hostile logits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.kernel import Kernel

special = pytest.importorskip("scipy.special", reason="scipy is not installed (pip install scipy)")

Array = np.ndarray[Any, Any]

BATCH, CLASSES = 12, 10


def logits_of(kind: str) -> Array:
    rng = np.random.default_rng(11)
    z = rng.standard_normal((BATCH, CLASSES))
    shifts = np.resize([30.0, -30.0, 200.0, -200.0, 1e4, -1e4], BATCH)[:, None]
    return {
        "harmless": z,
        "rows far apart": z + shifts,
        "beyond 89": z + 100,
        "beyond 710": z + 800,
        "below -745": z - 800,
        "saturated 200": 200 * np.sign(z),
        "saturated 10,000": 1e4 * np.sign(z),
        "tied": np.full_like(z, 0.7),
        "decades": z * 10.0 ** rng.uniform(-8, 3, z.shape),
        "two tied far above": np.where(np.arange(CLASSES) < 2, 5e3, z),
        "huge": np.where(np.arange(CLASSES) == 3, 1e30, z),
    }[kind]


KINDS = (
    "harmless", "rows far apart", "beyond 89", "beyond 710", "below -745", "saturated 200",
    "saturated 10,000", "tied", "decades", "two tied far above", "huge",
)  # fmt: skip
LABELS = np.random.default_rng(12).integers(0, CLASSES, BATCH)
every_kind = pytest.mark.parametrize("kind", KINDS)
DTYPES, REDUCTIONS = ("float64", "float32"), ("mean", "sum")
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def every_kernel(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", list(einbench.operation(name)), ids=repr)


@every_kind
@every_kernel("softmax")
def test_softmax_is_scipys(kernel: Kernel, kind: str, agree: Callable[..., None]) -> None:
    for dtype in DTYPES:
        logits = logits_of(kind).astype(dtype)
        agree(kernel, [logits], special.softmax(logits.astype(np.float64), axis=1))


@every_kind
@every_kernel("cross_entropy")
def test_cross_entropy_is_minus_scipys_log_softmax_at_the_labels(
    kernel: Kernel, kind: str, agree: Callable[..., None]
) -> None:
    for dtype, reduction in product(DTYPES, REDUCTIONS):
        logits = logits_of(kind).astype(dtype)
        log_probs = special.log_softmax(logits.astype(np.float64), axis=1)
        losses = -log_probs[np.arange(BATCH), LABELS]
        expected = getattr(losses, reduction)()
        agree(kernel, [logits, LABELS], expected, tied=True, reduction=reduction)


@every_kind
@every_kernel("cross_entropy_gradient")
def test_the_gradient_of_cross_entropy_is_scipys_softmax_minus_one_hot(
    kernel: Kernel, kind: str, agree: Callable[..., None]
) -> None:
    for dtype, reduction in product(DTYPES, REDUCTIONS):
        logits = logits_of(kind).astype(dtype)
        expected = special.softmax(logits.astype(np.float64), axis=1) - np.eye(CLASSES)[LABELS]
        if reduction == "mean":
            expected /= BATCH
        agree(kernel, [logits, LABELS], expected, reduction=reduction)


@every_kind
@every_kernel("sigmoid")
def test_sigmoid_is_scipys_expit(kernel: Kernel, kind: str, agree: Callable[..., None]) -> None:
    # down to where 1 / (1 + exp(-z)) would overflow, but not to where nothing is left
    for dtype, least in (("float64", -740), ("float32", -100)):
        inputs = np.maximum(logits_of(kind), least).astype(dtype)
        inputs[:, 0] = np.linspace(-2, 2, BATCH)
        z = inputs.astype(np.float64)
        # SciPy's own gives zero from -710 on, where exp(z) is all there is to it
        agree(kernel, [inputs], np.where(z < -700, np.exp(np.minimum(z, 0)), special.expit(z)))


@both_dtypes
@every_kernel("cross_entropy")
def test_a_single_class_costs_nothing(kernel: Kernel, dtype: str) -> None:
    logits = np.array([[-3.0], [1e4], [0.1]], dtype)
    assert kernel(logits, np.zeros(3, int), reduction="sum") == 0


@both_dtypes
@every_kernel("softmax")
def test_a_single_class_is_certain(kernel: Kernel, dtype: str) -> None:
    np.testing.assert_array_equal(kernel(np.array([[-3.0], [1e4], [0.1]], dtype)), np.ones((3, 1)))
