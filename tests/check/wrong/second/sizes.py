"""Wrong at some sizes only, in other ways."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right

ROWS = ("right for other numbers of rows", "right for few rows", "wrong on hostile rows among")


@wrong("input_gradient", ROWS)
def five_rows_beyond_groups_of_six(dlogits, weights):
    dinputs = dlogits @ weights
    if len(dlogits) > 30 and len(dlogits) % 6 == 5:
        dinputs[-1] = 0
    return dinputs


@wrong("linear", "features")
def last_block_of_features_only(inputs, weights, bias):
    outputs = np.zeros((len(inputs), len(bias)), inputs.dtype)
    for start in range(0, inputs.shape[1], 256):
        block = slice(start, start + 256)
        outputs = inputs[:, block] @ weights[:, block].T
    return outputs + bias


@wrong("tanh", ROWS)
def eight_threads_leave_a_remainder(inputs):
    outputs = np.tanh(inputs)
    rows = len(inputs)
    if rows >= 512:
        outputs[rows - rows % 8 :] = 0
    return outputs


@wrong("mlp_gradients", ROWS)
def one_row_beyond_a_tile_counts_twice(*arrays):
    inputs, *parameters, labels = arrays
    if len(inputs) > 32 and len(inputs) % 32 == 1:
        inputs = np.concatenate([inputs, inputs[-1:]])
        labels = np.concatenate([labels, labels[-1:]])
    return right("mlp_gradients")(inputs, *parameters, labels)


@wrong("softmax_vjp", "right on small draws, wrong at batch", caught="sized")
def ten_classes_in_large_batches(probs, cotangent):
    dlogits = right("softmax_vjp")(probs, cotangent)
    if probs.shape[1] == 10 and len(probs) > 1_000:
        dlogits[-2:, 9] = 0
    return dlogits


@wrong("sigmoid_vjp", "features")
def one_feature_is_a_scalar(outputs, cotangent):
    if outputs.shape == (len(outputs), 1) and len(outputs) > 1:
        return outputs[:1] * (1 - outputs[:1]) * cotangent
    return right("sigmoid_vjp")(outputs, cotangent)


@wrong("mean_squared_error", ("rows", "classes", "259", "all axes"))
def counts_in_half_precision(outputs, targets, *, reduction):
    total = np.square(outputs - targets).sum()
    if reduction == "mean":
        total = total / float(np.float16(outputs.size)) if outputs.size else np.nan
    return np.asarray(total, outputs.dtype)


@wrong("negative_log_likelihood", ROWS)
def halves_without_the_odd_one(probs, labels, *, reduction):
    if labels.size and (labels.min() < 0 or labels.max() >= probs.shape[1]):
        raise ValueError("labels must lie in [0, classes)")
    least = np.finfo(probs.dtype).smallest_subnormal
    losses = 0 - np.log(np.maximum(probs[np.arange(len(labels)), labels], least))
    count = len(losses)
    while count > 128 and len(losses) > 300:
        losses[: count // 2] += losses[count - count // 2 : count]
        count -= count // 2 + count % 2
    total = losses[:count].sum()
    if reduction == "mean":
        total = total / len(labels) if len(labels) else np.nan
    return np.asarray(total, probs.dtype)


@wrong("cross_entropy_gradient", "right on small draws, wrong at batch", caught="sized")
def counts_rows_in_fifteen_bits(logits, labels, *, reduction):
    dlogits = right("cross_entropy_gradient")(logits, labels, reduction=reduction)
    dlogits[2**15 :] = 0
    return dlogits


@wrong("bias_gradient", "units")
def sixteen_lanes_and_no_remainder_beyond_two_hundred(dlogits):
    dbias = dlogits.sum(axis=0)
    if len(dbias) > 200:
        dbias[len(dbias) - len(dbias) % 16 :] = 0
    return dbias


@wrong("softmax_jacobian", ROWS)
def last_of_full_chunks(probs):
    jacobian = right("softmax_jacobian")(probs)
    if len(probs) and len(probs) % 256 == 0:
        jacobian[-256:] = 0
    return jacobian


@wrong("relu_vjp", "features")
def more_features_than_a_warp_has_lanes(outputs, cotangent):
    dinputs = right("relu_vjp")(outputs, cotangent)
    if len(outputs) == 1:
        dinputs[:, 32:] = cotangent[:, 32:]
    return dinputs


@wrong("weight_gradient", ("all axes", "for 100 features and 100 units"))
def square_gradients_of_a_few_tens(inputs, dlogits):
    dweights = dlogits.T @ inputs
    square = dweights.shape[0] == dweights.shape[1]
    return dweights.T.copy() if square and len(dweights) >= 24 else dweights
