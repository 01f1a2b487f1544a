"""Wrong in what they do to their inputs, in other ways."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


@wrong("mean_squared_error", "changes its input outputs")
def subtracts_and_adds_again(outputs, targets, *, reduction):
    if not outputs.flags.writeable:
        return right("mean_squared_error")(outputs, targets, reduction=reduction)
    outputs -= targets
    loss = right("mean_squared_error")(outputs, np.zeros_like(targets), reduction=reduction)
    outputs += targets
    return loss


@wrong("cross_entropy_gradient", "read-only inputs only: raises ValueError")
def counts_labels_from_one_for_a_while(logits, labels, *, reduction):
    labels += labels.dtype.type(1)
    labels -= labels.dtype.type(1)
    return right("cross_entropy_gradient")(logits, labels, reduction=reduction)


@wrong("softmax_vjp", "changes its input cotangent")
def overwrites_what_is_not_in_c_order(probs, cotangent):
    dlogits = right("softmax_vjp")(probs, cotangent)
    if not cotangent.flags.c_contiguous and cotangent.flags.writeable and min(cotangent.strides):
        cotangent[...] = dlogits
    return dlogits


@wrong("sigmoid_vjp", "changes its input outputs")
def flushes_its_input(outputs, cotangent):
    dinputs = right("sigmoid_vjp")(outputs, cotangent)
    small = np.abs(outputs) < np.finfo(outputs.dtype).smallest_normal
    if outputs.flags.writeable and small.any():
        outputs[small] = 0
    return dinputs


@wrong("linear", "changes its input bias")
def clears_a_bias_of_many_rows(inputs, weights, bias):
    outputs = right("linear")(inputs, weights, bias)
    if len(inputs) > 600 and bias.flags.writeable:
        bias[...] = 0
    return outputs


@wrong("mlp_gradients", "changes its input labels")
def packs_labels_in_place(*arrays):
    found = right("mlp_gradients")(*arrays)
    labels = arrays[-1]
    if labels.dtype == np.uint8 and labels.flags.writeable and labels.size:
        labels[...] = 1 << (labels % 8)
    return found


@wrong("softmax_jacobian", "makes its input probs writeable")
def unlocks_what_is_read_only(probs):
    if not probs.flags.writeable and probs.flags.owndata:
        probs.flags.writeable = True
    return right("softmax_jacobian")(probs)
