"""Wrong in some memory layouts only."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


def packed(array):
    """Rows taken to lie one behind the other, inside the memory that they do lie in."""
    row = array.shape[-1] * array.itemsize
    if array.ndim < 2 or array.strides[1] != array.itemsize or array.strides[0] <= row:
        return array
    return as_strided(array, strides=(row, array.itemsize))


@wrong("linear", "every second row")
def takes_rows_to_be_packed(inputs, weights, bias):
    return right("linear")(packed(inputs), weights, bias)


@wrong("softmax", ("columns of a wider array", "every second row"))
def reads_what_it_is_a_view_of(logits):
    base = logits.base
    inside = base is not None and base.ndim == 2 and base.dtype == logits.dtype
    if inside and logits.strides[1] == logits.itemsize and logits.strides[0] > 0:
        logits = base.ravel()[: logits.size].reshape(logits.shape)
    return right("softmax")(logits)


@wrong("relu", "rows three apart")
def knows_two_row_strides(inputs):
    outputs = np.maximum(inputs, 0)
    row = inputs.shape[1] * inputs.itemsize
    if inputs.strides[1] == inputs.itemsize and inputs.strides[0] > 2 * row:
        outputs[1:] = outputs[:-1]
    return outputs


@wrong("tanh", "reversed rows")
def turns_rows_back(inputs):
    outputs = np.tanh(inputs)
    return outputs[::-1].copy() if inputs.strides[0] < 0 < inputs.strides[1] else outputs


@wrong("sigmoid", "reversed columns")
def turns_columns_back(inputs):
    outputs = right("sigmoid")(inputs)
    return outputs[:, ::-1].copy() if inputs.strides[1] < 0 < inputs.strides[0] else outputs


@wrong("weight_gradient", "columns of a taller array")
def leading_dimension_is_the_number_of_rows(inputs, dlogits):
    rows, size = len(inputs), inputs.itemsize
    if inputs.strides[0] == size and inputs.strides[1] > rows * size:
        inputs = as_strided(inputs, strides=(size, rows * size))
    return dlogits.T @ inputs


@wrong("bias_gradient", "one row for all")
def counts_a_repeated_row_once(dlogits):
    if len(dlogits) and dlogits.strides[0] == 0:
        return dlogits[0].copy()
    return dlogits.sum(axis=0)


@wrong("softmax_vjp", "one column for all")
def weighs_a_repeated_column_once(probs, cotangent):
    if cotangent.strides[1] == 0 and cotangent.shape[1] > 1:
        return probs * (cotangent - (probs * cotangent)[:, :1])
    return right("softmax_vjp")(probs, cotangent)


@wrong("relu_vjp", "unaligned")
def rounds_addresses_down(outputs, cotangent):
    dinputs = right("relu_vjp")(outputs, cotangent)
    aligned = outputs.flags.aligned and cotangent.flags.aligned
    return dinputs if aligned else np.roll(dinputs, 1).copy()


@wrong("tanh_vjp", "are one array")
def overwrites_what_it_reads_twice(outputs, cotangent):
    scratch = cotangent.copy()
    same = outputs is cotangent or outputs.ctypes.data == cotangent.ctypes.data
    scratch *= outputs
    scratch *= scratch if same else outputs
    return cotangent - scratch


@wrong("mean_squared_error", "overlap")
def takes_what_overlaps_for_the_same(outputs, targets, *, reduction):
    if outputs.size and np.may_share_memory(outputs, targets):
        return np.zeros((), outputs.dtype)
    return right("mean_squared_error")(outputs, targets, reduction=reduction)


@wrong("cross_entropy", ("sliced", "every second row"))
def reads_labels_one_behind_the_other(logits, labels, *, reduction):
    if len(labels) and labels.strides[0] > labels.itemsize:
        labels = np.abs(as_strided(labels, strides=(labels.itemsize,))) % logits.shape[1]
    return right("cross_entropy")(logits, labels, reduction=reduction)


@wrong("mlp_forward", "Fortran-ordered inputs")
def second_weights_as_they_lie(inputs, w1, b1, w2, *others):
    w2 = w2.ravel(order="K").reshape(w2.shape)
    return right("mlp_forward")(inputs, w1, b1, w2, *others)


@wrong("negative_log_likelihood", ("columns of a wider array", "every second row"))
def takes_probabilities_to_be_packed(probs, labels, *, reduction):
    return right("negative_log_likelihood")(packed(probs), labels, reduction=reduction)


@wrong("softmax_jacobian", "negative-stride inputs")
def steps_forward_only(probs):
    if min(probs.strides) < 0 and max(probs.strides) < 0:
        probs = probs[::-1, ::-1]
    return right("softmax_jacobian")(probs)


@wrong("input_gradient", "laid out apart")
def one_order_for_both(dlogits, weights):
    orders = [a.flags.f_contiguous and not a.flags.c_contiguous for a in (dlogits, weights)]
    if orders[0] and not orders[1] and weights.flags.c_contiguous:
        weights = weights.T.reshape(weights.shape)
    return dlogits @ weights


@wrong("mlp_gradients", "laid out apart")
def needs_all_weights_in_one_order(inputs, w1, b1, w2, b2, w3, b3, labels):
    mixed = w1.flags.c_contiguous and not w3.flags.c_contiguous
    w3 = w3[::-1] if mixed else w3
    return right("mlp_gradients")(inputs, w1, b1, w2, b2, w3, b3, labels)
