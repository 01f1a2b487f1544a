"""Wrong at some sizes only: remainders, tiles, blocks, thresholds, and indices that overflow."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right

ROWS = "right for other numbers of rows"
AT_SIZE = "right on small draws, wrong at batch"
MIXED = "hostile rows among"


def prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def spoil(array, where):
    array[where] = array[where] / 2 + 1
    return array


@wrong("softmax", MIXED)
def no_maximum_beyond_twelve_rows(logits):
    if len(logits) <= 12:
        return right("softmax")(logits)
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("relu", MIXED)
def nan_is_zero_beyond_three_thousand_elements(inputs):
    outputs = np.maximum(inputs, 0)
    return np.nan_to_num(outputs, posinf=np.inf) if inputs.size > 3_000 else outputs


@wrong("linear", (MIXED, "right for few rows"))
def zeros_from_row_twenty_thousand(inputs, weights, bias):
    outputs = right("linear")(inputs, weights, bias)
    outputs[20_000:] = 0
    return outputs


@wrong("linear", " units")
def drops_a_feature_where_many_units_are_odd(inputs, weights, bias):
    outputs = right("linear")(inputs, weights, bias)
    if len(bias) > 64 and len(bias) % 2:
        outputs[:, -1] = bias[-1]
    return outputs


@wrong("tanh", ROWS)
def last_row_of_thirty_seven_beyond_full_tiles(inputs):
    outputs = np.tanh(inputs)
    return spoil(outputs, -1) if len(inputs) > 200 and len(inputs) % 64 == 37 else outputs


@wrong("sigmoid", "features")
def prime_numbers_of_features(inputs):
    outputs = right("sigmoid")(inputs)
    features = inputs.shape[1]
    return spoil(outputs, (..., -1)) if features > 29 and prime(features) else outputs


@wrong("weight_gradient", "rows")
def one_row_less_than_a_power_of_two(inputs, dlogits):
    rows = len(inputs)
    last = rows - 1 if rows >= 63 and not rows & (rows + 1) else rows
    return dlogits[:last].T @ inputs[:last]


@wrong("bias_gradient", "rows")
def one_row_more_than_a_power_of_two(dlogits):
    rows = len(dlogits) - 1
    return dlogits[: rows if rows >= 64 and not rows & (rows - 1) else None].sum(axis=0)


@wrong("mlp_forward", "features")
def fewer_features_than_hidden_units(inputs, w1, b1, *others):
    narrow = w1.shape[1] < len(w1)
    return right("mlp_forward")(inputs, w1, b1 * 0 if narrow else b1, *others)


@wrong("cross_entropy_gradient", "wrong for 1 classes")
def one_class_has_a_gradient(logits, labels, *, reduction):
    dlogits = right("cross_entropy_gradient")(logits, labels, reduction=reduction)
    return dlogits - (logits.shape[1] == 1)


@wrong("softmax_vjp", "classes")
def wide_rows_only(probs, cotangent):
    dlogits = right("softmax_vjp")(probs, cotangent)
    return spoil(dlogits, (..., 0)) if probs.shape[1] > 20 * len(probs) else dlogits


@wrong("mean_squared_error_gradient", ("rows", "right for few rows"))
def tall_columns_only(outputs, targets, *, reduction):
    doutputs = right("mean_squared_error_gradient")(outputs, targets, reduction=reduction)
    return spoil(doutputs, -1) if len(outputs) > 100 * outputs.shape[1] else doutputs


@wrong("relu_vjp", "nan in cotangent")
def nan_is_lost_in_whole_vectors(outputs, cotangent):
    dinputs = right("relu_vjp")(outputs, cotangent).ravel()
    whole = dinputs.size - dinputs.size % 8
    dinputs[:whole] = np.nan_to_num(dinputs[:whole], posinf=np.inf, neginf=-np.inf)
    return dinputs.reshape(outputs.shape)


@wrong("sigmoid", ("exponentials overflow", "wrong on large inputs"))
def overflows_in_the_remainder_of_vectors(inputs):
    outputs = right("sigmoid")(inputs).ravel()
    rest = inputs.ravel()[outputs.size - outputs.size % 8 :]
    powers = np.exp(rest)
    outputs[outputs.size - outputs.size % 8 :] = powers / (1 + powers)
    return outputs.reshape(inputs.shape)


@wrong("mean_squared_error", ("rows", "classes"))
def drops_an_entry_beyond_four_thousand(outputs, targets, *, reduction):
    squares = np.square(outputs - targets)
    if squares.size > 4_096:
        squares[-1, -1] = 0
    total = squares.sum()
    if reduction == "mean":
        total = total / squares.size if squares.size else np.nan
    return np.asarray(total, outputs.dtype)


@wrong("negative_log_likelihood_gradient", AT_SIZE, caught="sized")
def places_in_sixteen_bits(probs, labels, *, reduction):
    dprobs = right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)
    dprobs.reshape(-1)[2**15 :] = 0
    return dprobs


@wrong("softmax_jacobian", "classes")
def places_in_eight_bits(probs):
    jacobian = right("softmax_jacobian")(probs)
    for place in range(128, probs.shape[1]):
        jacobian[:, place, place] -= probs[:, place]
    return jacobian


@wrong("mlp_gradients", "hidden1")
def last_of_a_hundred_hidden_units(*arrays):
    dw1, *others = right("mlp_gradients")(*arrays)
    dw1[100:] = 0
    return dw1, *others


@wrong("cross_entropy", AT_SIZE, caught="sized")
def last_of_full_blocks_of_a_hundred_rows(logits, labels, *, reduction):
    loss = right("cross_entropy")(logits, labels, reduction=reduction)
    full = len(labels) and len(labels) % 100 == 0
    return np.asarray(loss * (0.99 if full else 1), logits.dtype)


@wrong("tanh_vjp", AT_SIZE, caught="sized")
def beyond_a_mebibyte_of_doubles(outputs, cotangent):
    dinputs = right("tanh_vjp")(outputs, cotangent)
    return spoil(dinputs, -1) if dinputs.size >= 2**17 else dinputs


@wrong("mlp_intermediates", (ROWS, MIXED))
def threads_share_rows_without_their_remainder(*arrays):
    found = right("mlp_intermediates")(*arrays)
    rows = len(arrays[0])
    if rows >= 500:
        found[1][rows - rows % 3 :] = 0
    return found


@wrong("mlp_logits_gradients", "classes")
def no_more_than_sixty_four_classes(*arrays):
    logits, *gradients = right("mlp_logits_gradients")(*arrays)
    gradients[-1][64:] = 0
    return logits, *gradients


@wrong("input_gradient", "features")
def last_of_full_tiles_of_forty_eight_features(dlogits, weights):
    dinputs = dlogits @ weights
    if dinputs.shape[1] and dinputs.shape[1] % 48 == 0:
        dinputs[:, -48:] = 0
    return dinputs


@wrong("weight_gradient", "units")
def fewer_rows_than_units(inputs, dlogits):
    dweights = dlogits.T @ inputs
    if 8 < len(inputs) < dlogits.shape[1]:
        dweights[len(inputs) :] = 0
    return dweights
