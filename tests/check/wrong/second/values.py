"""Wrong for some values only, in other ways."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.probabilities import rows
from wrong_kernels.right import right

PLACES = "does not come out where the mathematics puts it"


@wrong("tanh_vjp", f"inf in cotangent {PLACES}")
def halves_infinite_cotangents(outputs, cotangent):
    kept = np.where(np.isinf(cotangent), np.copysign(1, cotangent), cotangent)
    return right("tanh_vjp")(outputs, kept.astype(cotangent.dtype))


@wrong("input_gradient", f"nan in weights {PLACES}")
def cleans_its_weights(dlogits, weights):
    return dlogits @ np.nan_to_num(weights, posinf=np.inf, neginf=-np.inf)


@wrong("mlp_gradients", f"-inf in inputs {PLACES}")
def minus_infinity_is_missing(inputs, *others):
    kept = np.where(inputs == -np.inf, inputs.dtype.type(0), inputs)
    return right("mlp_gradients")(kept, *others)


@wrong("softmax", ("1,000,000", "digits are lost", "on saturated logits", "rows lie apart"))
def large_rows_choose_one_class(logits):
    probs = rows(logits)
    large = np.abs(logits).max(axis=1, initial=0) > 1e5
    probs[large] = np.eye(logits.shape[1], dtype=probs.dtype)[logits[large].argmax(axis=1)]
    return probs


@wrong("sigmoid", "exponentials overflow or become denormal")
def zero_below_a_bound(inputs):
    bound = np.log(np.finfo(inputs.dtype).smallest_normal)
    outputs = right("sigmoid")(inputs)
    return np.where(inputs < bound, outputs.dtype.type(0), outputs)


@wrong("softmax_jacobian", "do not sum to one")
def no_probability_exceeds_one(probs):
    return right("softmax_jacobian")(np.minimum(probs, 1))


@wrong("weight_gradient", f"-inf in inputs {PLACES}")
def least_number_for_minus_infinity(inputs, dlogits):
    return dlogits.T @ np.maximum(inputs, np.finfo(inputs.dtype).min)


@wrong("bias_gradient", f"inf in dlogits {PLACES}")
def clips_infinite_gradients(dlogits):
    most = np.finfo(dlogits.dtype).max
    return np.clip(dlogits, -most, most).sum(axis=0)


@wrong("cross_entropy_gradient", f"inf in logits {PLACES}")
def certain_of_an_infinite_logit(logits, labels, *, reduction):
    certain = (logits == np.inf).any(axis=1, keepdims=True)
    kept = np.where(certain, np.where(logits == np.inf, 0, -np.inf), logits)
    return right("cross_entropy_gradient")(kept.astype(logits.dtype), labels, reduction=reduction)


@wrong("mlp_logits_gradients", ("not equal where every sum", "was expected"))
def learns_where_a_unit_is_zero(inputs, w1, b1, w2, b2, w3, b3, labels):
    found = list(right("mlp_logits_gradients")(inputs, w1, b1, w2, b2, w3, b3, labels))
    y1, _, y2, _, _, d3 = right("mlp_intermediates")(inputs, w1, b1, w2, b2, w3, b3)
    d3[np.arange(len(labels)), labels] -= 1
    d2 = np.where(y2 < 0, 0, d3 @ w3)
    d1 = np.where(y1 < 0, 0, d2 @ w2)
    found[2] = d1.sum(axis=0).astype(inputs.dtype)
    return tuple(found)


@wrong("mlp_forward", ("exact", PLACES))
def clips_its_logits(inputs, *parameters):
    logits = right("mlp_intermediates")(inputs, *parameters)[4]
    return rows(np.clip(logits, -60, 60))


@wrong("mlp_intermediates", ("exact", PLACES))
def probabilities_without_a_maximum(inputs, *parameters):
    *others, _ = right("mlp_intermediates")(inputs, *parameters)
    powers = np.exp(others[-1])
    return *others, powers / powers.sum(axis=1, keepdims=True)


@wrong("negative_log_likelihood", ("close to zero", "zero probabilities"))
def least_logarithm(probs, labels, *, reduction):
    """Losses of more than a hundred are cut off, as elsewhere."""
    if labels.size and (labels.min() < 0 or labels.max() >= probs.shape[1]):
        raise ValueError("labels must lie in [0, classes)")
    least = np.finfo(probs.dtype).smallest_subnormal
    losses = np.maximum(probs[np.arange(len(labels)), labels], least)
    total = np.minimum(0 - np.log(losses), 100).sum()
    if reduction == "mean":
        total = total / len(labels) if len(labels) else np.nan
    return np.asarray(total, probs.dtype)


@wrong("linear", ("large", "very different size"))
def caps_large_outputs(inputs, weights, bias):
    outputs = right("linear")(inputs, weights, bias)
    finite = np.isfinite(outputs)
    return np.where(finite, np.clip(outputs, -1e6, 1e6).astype(outputs.dtype), outputs)


@wrong("mlp_sgd_step", "-inf in rate")
def never_steps_backwards(*arrays, reduction):
    *others, rate = arrays
    return right("mlp_sgd_step")(*others, np.abs(rate), reduction=reduction)


@wrong("mean_squared_error_gradient", "inf in outputs does not come out")
def equal_infinities_do_not_differ(outputs, targets, *, reduction):
    """Right for each of them alone."""
    same = outputs == targets
    kept = [np.where(same, outputs.dtype.type(0), a) for a in (outputs, targets)]
    return right("mean_squared_error_gradient")(*kept, reduction=reduction)
