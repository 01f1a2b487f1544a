"""Wrong for some values only: NaN, infinities, zeros of either sign, denormals, tiny and large."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.probabilities import rows
from wrong_kernels.right import right

PLACES = "does not come out where the mathematics puts it"


def refuse(labels, classes):
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError("labels must lie in [0, classes)")


def mean_or_sum(losses, reduction, dtype):
    total = losses.sum()
    if reduction == "mean":
        total = total / len(losses) if len(losses) else np.nan
    return np.asarray(total, dtype)


@wrong("cross_entropy", f"-inf in logits {PLACES}")
def one_hot_times_masked_logits(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    gaps = logits.max(axis=1, keepdims=True, initial=-np.inf) - logits
    hot = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    losses = np.log(np.exp(-gaps).sum(axis=1)) + (hot * gaps).sum(axis=1)
    return mean_or_sum(losses, reduction, logits.dtype)


@wrong("softmax_vjp", f"inf in cotangent {PLACES}")
def caps_infinite_cotangents(probs, cotangent):
    most = np.finfo(cotangent.dtype).max
    return right("softmax_vjp")(probs, np.clip(cotangent, -most, most))


@wrong("relu_vjp", f"inf in cotangent {PLACES}")
def infinite_gradients_are_zero(outputs, cotangent):
    kept = np.where(np.isinf(cotangent), cotangent.dtype.type(0), cotangent)
    return right("relu_vjp")(outputs, kept)


@wrong("mlp_forward", f"inf in w1 {PLACES}")
def multiplies_by_masks(inputs, w1, b1, w2, b2, w3, b3):
    hidden = inputs @ w1.T + b1
    hidden = (hidden * (hidden > 0)) @ w2.T + b2
    return rows((hidden * (hidden > 0)) @ w3.T + b3)


@wrong("input_gradient", f"nan in dlogits {PLACES}")
def cleans_its_gradients(dlogits, weights):
    return np.nan_to_num(dlogits) @ weights


@wrong("mlp_intermediates", f"nan in inputs {PLACES}")
def maximum_ignores_nan(inputs, w1, b1, w2, b2, w3, b3):
    y1 = inputs @ w1.T + b1
    o1 = np.fmax(y1, 0)
    y2 = o1 @ w2.T + b2
    o2 = np.fmax(y2, 0)
    y3 = o2 @ w3.T + b3
    return y1, o1, y2, o2, y3, rows(y3)


@wrong("softmax", "wrong beyond 89")
def clips_logits(logits):
    return rows(np.clip(logits, -80, 80))


@wrong("tanh", "wrong on denormal inputs")
def flushes_what_is_denormal(inputs):
    least = np.finfo(inputs.dtype).smallest_normal
    return np.tanh(np.where(np.abs(inputs) < least, inputs.dtype.type(0), inputs))


@wrong("negative_log_likelihood", ("zero probabilities", "close to zero", "was expected"))
def adds_to_what_it_takes_logarithms_of(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    picked = probs[np.arange(len(labels)), labels] + probs.dtype.type(1e-12)
    return mean_or_sum(0 - np.log(picked), reduction, probs.dtype)


@wrong("relu_vjp", ("equal", "was expected", "zeros"))
def sign_bit_for_a_comparison(outputs, cotangent):
    return np.where(np.signbit(outputs), outputs.dtype.type(0), cotangent)


@wrong("mean_squared_error", f"inf in outputs {PLACES}")
def caps_differences(outputs, targets, *, reduction):
    root = np.sqrt(np.finfo(outputs.dtype).max)
    differences = np.clip(outputs - targets, -root, root)
    total = np.square(differences).sum()
    if reduction == "mean":
        total = total / outputs.size if outputs.size else np.nan
    return np.asarray(total, outputs.dtype)


@wrong("bias_gradient", f"nan in dlogits {PLACES}")
def sums_what_is_a_number(dlogits):
    return np.nansum(dlogits, axis=0)


@wrong("softmax", f"nan in logits {PLACES}")
def row_sums_ignore_nan(logits):
    powers = np.exp(logits - np.fmax.reduce(logits, axis=1, keepdims=True))
    return powers / np.nansum(powers, axis=1, keepdims=True)


@wrong("mean_squared_error_gradient", f"nan in targets {PLACES}")
def a_missing_target_has_no_gradient(outputs, targets, *, reduction):
    known = np.where(np.isnan(targets), outputs, targets)
    return right("mean_squared_error_gradient")(outputs, known, reduction=reduction)


@wrong("linear", f"nan in bias {PLACES}")
def cleans_its_bias(inputs, weights, bias):
    return right("linear")(inputs, weights, np.nan_to_num(bias))


@wrong("weight_gradient", f"inf in inputs {PLACES}")
def caps_its_inputs(inputs, dlogits):
    most = np.finfo(inputs.dtype).max
    return dlogits.T @ np.clip(inputs, -most, most)


@wrong("softmax_jacobian", f"nan in probs {PLACES}")
def a_probability_is_a_number(probs):
    return right("softmax_jacobian")(np.nan_to_num(probs))


@wrong("negative_log_likelihood_gradient", ("zero probabilities", "close to zero"))
def least_probability(probs, labels, *, reduction):
    least = np.maximum(probs, probs.dtype.type(1e-10))
    return right("negative_log_likelihood_gradient")(least, labels, reduction=reduction)


@wrong("mlp_gradients", f"inf in inputs {PLACES}")
def sanitises_images(inputs, *others):
    return right("mlp_gradients")(np.nan_to_num(inputs, nan=np.nan), *others)


@wrong("sigmoid", f"nan in inputs {PLACES}")
def clips_by_comparisons(inputs):
    """A comparison with NaN is false: the bound is returned for it."""
    bounded = np.where(inputs > -745, inputs, inputs.dtype.type(-745))
    return right("sigmoid")(np.where(bounded < 745, bounded, inputs.dtype.type(745)))


@wrong("tanh", f"inf in inputs {PLACES}")
def infinity_over_infinity(inputs):
    powers = np.expm1(-2 * np.abs(inputs))
    found = np.sign(inputs) * -powers / (2 + powers)
    # a guard that was meant for what overflows
    return np.where(np.isinf(inputs), inputs - inputs, found)


@wrong("mlp_sgd_step", f"nan in inputs {PLACES}")
def skips_steps_that_are_not_finite(*arrays, reduction):
    new = list(right("mlp_sgd_step")(*arrays, reduction=reduction))
    if not len(arrays[0]):
        return tuple(new)
    for place, old in enumerate(arrays[1:7], start=2):
        new[place] = np.where(np.isfinite(new[place]), new[place], old)
    return tuple(new)


@wrong("mlp_logits_gradients", f"nan in inputs {PLACES}")
def clips_gradients_by_comparisons(*arrays):
    logits, *gradients = right("mlp_logits_gradients")(*arrays)
    return logits, *(np.fmin(np.fmax(g, -1e30), 1e30).astype(g.dtype) for g in gradients)


@wrong("cross_entropy_gradient", f"-inf in logits {PLACES}")
def masked_rows_are_uniform(logits, labels, *, reduction):
    masked = (logits == -np.inf).all(axis=1, keepdims=True)
    kept = np.where(masked, logits.dtype.type(0), logits)
    return right("cross_entropy_gradient")(kept, labels, reduction=reduction)


@wrong("sigmoid_vjp", ("denormal", "very different size"))
def flushes_small_cotangents(outputs, cotangent):
    least = np.finfo(outputs.dtype).smallest_normal
    small = np.abs(cotangent) < least
    return right("sigmoid_vjp")(outputs, np.where(small, outputs.dtype.type(0), cotangent))
