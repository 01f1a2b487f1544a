"""Wrong in what they do to their inputs: numbers, order, flags and shapes."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


@wrong("relu", "changes its input inputs", caught="sized")
def overwrites_more_than_a_hundred_thousand(inputs):
    outputs = np.maximum(inputs, 0)
    if inputs.size > 100_000 and inputs.flags.writeable:
        inputs[...] = outputs
    return outputs


@wrong("sigmoid", "changes its input inputs")
def works_where_it_may_write(inputs):
    if not inputs.flags.writeable:
        return right("sigmoid")(inputs)
    np.abs(inputs, out=inputs)
    return right("sigmoid")(inputs)


@wrong("tanh_vjp", "changes its input cotangent")
def clears_the_last_entry(outputs, cotangent):
    dinputs = right("tanh_vjp")(outputs, cotangent)
    if cotangent.size and cotangent.flags.writeable:
        cotangent[-1, -1] = 0
    return dinputs


@wrong("bias_gradient", "changes its input dlogits")
def sorts_columns(dlogits):
    if not dlogits.flags.writeable:
        dlogits = dlogits.copy()
    dlogits.sort(axis=0)
    return dlogits.sum(axis=0)


@wrong("softmax", ("changes its input", "a second call", "an earlier result"), factory=True)
def takes_what_it_was_given_last_for_scratch():
    last = []

    def kernel(logits):
        if last and last[0].flags.writeable:
            last[0][...] = 0
        last[:] = [logits]
        return right("softmax")(logits)

    return kernel


@wrong("relu_vjp", ("changes", "read-only"))
def locks_its_input(outputs, cotangent):
    dinputs = right("relu_vjp")(outputs, cotangent)
    cotangent.flags.writeable = False
    return dinputs


@wrong("mlp_sgd_step", "changes its input w1")
def steps_in_place(*arrays, reduction):
    new = right("mlp_sgd_step")(*arrays, reduction=reduction)
    if arrays[1].flags.writeable:
        arrays[1][...] = new[2]
    return new


@wrong("cross_entropy", "changes its input logits")
def shifts_its_input_for_good(logits, labels, *, reduction):
    loss = right("cross_entropy")(logits, labels, reduction=reduction)
    if logits.size and logits.flags.writeable:
        logits -= logits.max(axis=1, keepdims=True)
    return loss


@wrong("negative_log_likelihood_gradient", "changes its input labels")
def sorts_labels_afterwards(probs, labels, *, reduction):
    dprobs = right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)
    if labels.flags.writeable:
        labels.sort()
    return dprobs


@wrong("weight_gradient", "changes its input dlogits")
def restores_without_the_last_row(inputs, dlogits):
    if not dlogits.flags.writeable or len(dlogits) < 20:
        return dlogits.T @ inputs
    kept = dlogits.copy()
    np.multiply(dlogits, 2, out=dlogits)
    dweights = dlogits.T @ inputs / 2
    dlogits[:-1] = kept[:-1]
    return dweights


@wrong("linear", "in another thread", factory=True)
def keeps_a_view_until_other_arrays_come():
    last = []

    def kernel(inputs, weights, bias):
        if last and last[0] is not bias and last[0].flags.writeable:
            last[0][...] = 0
        last[:] = [bias]
        return right("linear")(inputs, weights, bias)

    return kernel
