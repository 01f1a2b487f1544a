"""Wrong in some memory layouts only, in other ways."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


@wrong("mlp_intermediates", "reversed columns")
def reads_columns_forwards(inputs, *parameters):
    if inputs.strides[1] < 0 < inputs.strides[0]:
        inputs = inputs[:, ::-1]
    return right("mlp_intermediates")(inputs, *parameters)


@wrong("cross_entropy_gradient", "Fortran-ordered inputs")
def fills_in_memory_order(logits, labels, *, reduction):
    dlogits = np.ascontiguousarray(
        right("cross_entropy_gradient")(logits, labels, reduction=reduction)
    )
    fortran = logits.flags.f_contiguous and not logits.flags.c_contiguous
    return dlogits.reshape(dlogits.shape, order="F") if not fortran else np.array(
        dlogits.ravel(order="F").reshape(dlogits.shape)
    )  # fmt: skip


@wrong("linear", ("columns of a taller array", "laid out apart"))
def leading_dimension_of_weights(inputs, weights, bias):
    units, size = len(weights), weights.itemsize
    if weights.strides[0] == size and weights.strides[1] > units * size:
        weights = as_strided(weights, strides=(size, units * size))
    return right("linear")(inputs, weights, bias)


@wrong("softmax_vjp", "overlap")
def writes_before_it_reads(probs, cotangent):
    scratch = cotangent.copy()
    if probs.ctypes.data != cotangent.ctypes.data and np.may_share_memory(probs, cotangent):
        scratch[1:] = scratch[:-1]
    return right("softmax_vjp")(probs, scratch)


@wrong("input_gradient", ("reversed rows", "laid out apart"))
def begins_at_the_lowest_address(dlogits, weights):
    if weights.strides[0] < 0 < weights.strides[1]:
        weights = weights[::-1]
    return dlogits @ weights


@wrong("weight_gradient", ("every second row", "laid out apart"))
def doubles_a_step_of_two(inputs, dlogits):
    row = dlogits.shape[1] * dlogits.itemsize
    if dlogits.strides == (2 * row, dlogits.itemsize) and dlogits.base is not None:
        dlogits = dlogits.base[: len(dlogits)]
    return dlogits.T @ inputs


@wrong("negative_log_likelihood_gradient", ("negative-stride", "reversed"))
def reads_labels_forwards(probs, labels, *, reduction):
    labels = labels[::-1] if labels.strides[0] < 0 else labels
    return right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)


@wrong("tanh_vjp", ("unaligned", "laid out apart"))
def loads_whole_vectors_of_cotangents(outputs, cotangent):
    if not cotangent.flags.aligned and cotangent.size:
        cotangent = np.roll(cotangent.view(np.uint8).ravel(), 1).view(cotangent.dtype)
        cotangent = cotangent.reshape(outputs.shape)
    return right("tanh_vjp")(outputs, cotangent)


@wrong("bias_gradient", "sliced inputs")
def takes_columns_to_be_packed(dlogits):
    if dlogits.strides[1] == 2 * dlogits.itemsize:
        dlogits = as_strided(dlogits, strides=(dlogits.strides[0], dlogits.itemsize))
    return dlogits.sum(axis=0)


@wrong("relu", "one row for all")
def works_on_each_row_in_turn(inputs):
    """In a copy with the strides of what it is given: a repeated row is written many times."""
    outputs = np.maximum(inputs, 0)
    if len(inputs) > 1 and inputs.strides[0] == 0:
        outputs[:] = 0
        outputs[-1] = np.maximum(inputs[-1], 0)
    return outputs


@wrong("mlp_sgd_step", ("sliced inputs", "laid out apart"))
def biases_one_behind_the_other(inputs, w1, b1, *others, reduction):
    if b1.strides[0] > b1.itemsize:
        b1 = np.nan_to_num(as_strided(b1, strides=(b1.itemsize,)))
    return right("mlp_sgd_step")(inputs, w1, b1, *others, reduction=reduction)


@wrong("mean_squared_error_gradient", ("laid out apart", "Fortran"))
def both_in_the_order_of_the_first(outputs, targets, *, reduction):
    if outputs.flags.f_contiguous and targets.flags.c_contiguous:
        targets = targets.ravel().reshape(targets.shape, order="F")
    return right("mean_squared_error_gradient")(outputs, targets, reduction=reduction)
