"""Wrong softmax, wrong Jacobians of it, and wrong VJPs."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong


def rows(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("softmax", "one maximum for all rows instead of each row's own")
def one_global_maximum(logits):
    powers = np.exp(logits - logits.max(initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("softmax", "is the row's maximum subtracted")
def no_maximum(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("softmax", "was expected")
def over_the_batch(logits):
    powers = np.exp(logits - logits.max(axis=0, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=0, keepdims=True)


@wrong("softmax", "nan in logits does not come out where the mathematics puts it")
def nan_becomes_zero(logits):
    return rows(np.where(np.isnan(logits), 0, logits))


@wrong("softmax", "-inf in logits does not come out where the mathematics puts it")
def masked_logits_times_zero(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers *= 1 + 0 * logits
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("softmax", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def stabiliser_in_the_denominator(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / (powers.sum(axis=1, keepdims=True) + powers.dtype.type(1e-8))


@wrong("softmax", "wrong for 1 classes")
def leaves_one_class_alone(logits):
    return logits.copy() if logits.shape[1] == 1 else rows(logits)


@wrong("softmax", "returns a buffer it handed out before", factory=True)
def keeps_one_buffer():
    buffers = {}

    def kernel(logits):
        key = (logits.shape, logits.dtype)
        return (
            np.copyto(buffers.setdefault(key, np.empty_like(logits)), rows(logits)) or buffers[key]
        )

    return kernel


@wrong("softmax", "a second call gives another probs", factory=True)
def right_on_the_first_call():
    called = set()

    def kernel(logits):
        probs = rows(logits)
        if called:
            probs *= logits.dtype.type(1.5)
        called.add(True)
        return probs

    return kernel


@wrong("softmax", "a second call gives another probs", factory=True)
def one_ulp_of_noise():
    rng = np.random.default_rng()

    def kernel(logits):
        probs = rows(logits)
        return np.where(rng.random(probs.shape) < 0.5, probs, np.nextafter(probs, probs + 1))

    return kernel


@wrong("softmax", "second call raises RuntimeError", factory=True)
def fails_on_the_second_call():
    called = set()

    def kernel(logits):
        if called:
            raise RuntimeError("already used")
        called.add(True)
        return rows(logits)

    return kernel


@wrong("softmax", "the timed size", caught="compare", factory=True)
def wrong_from_the_eighth_call():
    calls = {}

    def kernel(logits):
        calls[logits.shape] = calls.get(logits.shape, 0) + 1
        probs = rows(logits)
        right = calls[logits.shape] < 8 or len(logits) != 8
        return probs if right else np.ones_like(probs) / logits.shape[1]

    return kernel


@wrong(
    "softmax", "wrong at the timed size: probs is NaN everywhere", caught="compare", factory=True
)
def nan_from_the_eighth_call():
    calls = {}

    def kernel(logits):
        calls[logits.shape] = calls.get(logits.shape, 0) + 1
        right = calls[logits.shape] < 8 or len(logits) != 8
        return rows(logits) if right else np.full_like(logits, np.nan)

    return kernel


@wrong("softmax_jacobian", "was expected")
def adds_the_outer_product(probs):
    return probs[:, :, None] * (np.eye(probs.shape[1], dtype=probs.dtype) + probs[:, None, :])


@wrong("softmax_jacobian", "was expected")
def forgets_the_diagonal(probs):
    return -probs[:, :, None] * probs[:, None, :]


@wrong("softmax_jacobian", "was expected")
def one_minus_everywhere(probs):
    return probs[:, :, None] * (1 - probs[:, None, :])


@wrong("softmax_jacobian", "was expected")
def first_row_for_all(probs):
    first = probs[:1]
    jacobian = first[:, :, None] * (np.eye(probs.shape[1], dtype=probs.dtype) - first[:, None, :])
    return np.repeat(jacobian, len(probs), axis=0)


@wrong(
    "softmax_jacobian", "wrong dtype: jacobian is float64, expected float32", dtypes=("float32",)
)
def identity_in_double(probs):
    return probs[:, :, None] * (np.eye(probs.shape[1]) - probs[:, None, :])


@wrong("softmax_jacobian", "wrong for 5 classes")
def unrolled_for_ten_classes(probs):
    jacobian = -probs[:, :, None] * probs[:, None, :]
    for i in range(probs.shape[1] if probs.shape[1] in (1, 10) else probs.shape[1] - 1):
        jacobian[:, i, i] += probs[:, i]
    return jacobian


@wrong("softmax_jacobian", "returns a view: jacobian shares memory with the input probs")
def one_row_is_its_own_jacobian(probs):
    if probs.shape[1] == 1:
        return probs[:, :, None]
    return probs[:, :, None] * (np.eye(probs.shape[1], dtype=probs.dtype) - probs[:, None, :])


@wrong("softmax_vjp", "was expected")
def forgets_the_weighted_sum(probs, cotangent):
    return probs * cotangent


@wrong("softmax_vjp", "was expected")
def forgets_the_jacobians_diagonal(probs, cotangent):
    return -probs * (probs * cotangent).sum(axis=1, keepdims=True)


@wrong("softmax_vjp", "was expected")
def repeats_an_index(probs, cotangent):
    jacobian = probs[:, :, None] * (np.eye(probs.shape[1], dtype=probs.dtype) - probs[:, None, :])
    return np.einsum("bii,bi->bi", jacobian, cotangent)


@wrong("softmax_vjp", "was expected")
def mean_for_the_weighted_sum(probs, cotangent):
    return probs * (cotangent - (probs * cotangent).mean(axis=1, keepdims=True))


@wrong("softmax_vjp", "wrong on one-hot rows and zero probabilities")
def divides_by_probabilities(probs, cotangent):
    products = probs * cotangent
    return (products / probs - products.sum(axis=1, keepdims=True)) * probs


@wrong("softmax_vjp", "wrong where rows do not sum to one")
def trusts_rows_to_sum_to_one(probs, cotangent):
    total = (probs * cotangent).sum(axis=1, keepdims=True)
    scaled = total / probs.sum(axis=1, keepdims=True)
    return probs * (cotangent - scaled)


@wrong("softmax_vjp", "returns tuple for dlogits, expected an array")
def returns_a_tuple(probs, cotangent):
    return (probs * (cotangent - (probs * cotangent).sum(axis=1, keepdims=True)),)
