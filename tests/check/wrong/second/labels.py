"""Wrong for some labels only, in other ways."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


def refuse(labels, classes):
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError("labels must lie in [0, classes)")


@wrong("mlp_sgd_step", ("uint8", "int8"))
def offsets_in_the_dtype_of_labels(*arrays, reduction):
    *others, labels, rate = arrays
    refuse(labels, len(others[-1]))
    classes = len(others[-1])
    with np.errstate(over="ignore"):
        offsets = np.arange(len(labels)).astype(labels.dtype) * labels.dtype.type(classes % 127)
        places = (offsets + labels).astype(np.int64)
    wide = np.arange(len(labels)) * (classes % 127)
    return right("mlp_sgd_step")(*others, (places - wide) % classes, rate, reduction=reduction)


@wrong("negative_log_likelihood", " classes")
def compares_with_bytes(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    classes = np.arange(probs.shape[1]).astype(np.int8)
    hot = labels[:, None].astype(np.int64) == classes
    found = np.where(hot.any(axis=1), hot.argmax(axis=1), 0)
    return right("negative_log_likelihood")(probs, found, reduction=reduction)


@wrong("cross_entropy_gradient", "label 10 of 10 classes is not refused")
def one_class_too_many(logits, labels, *, reduction):
    if labels.size and (labels.min() < 0 or labels.max() > logits.shape[1]):
        raise ValueError("labels must lie in [0, classes)")
    last = max(logits.shape[1] - 1, 0)
    kept = np.minimum(labels.astype(np.int64), last)
    return right("cross_entropy_gradient")(logits, kept, reduction=reduction)


@wrong("mlp_logits_gradients", "is not refused")
def refuses_by_the_mean(*arrays):
    *others, labels = arrays
    classes = len(others[-1])
    if labels.size and not 0 <= labels.mean() < classes:
        raise ValueError("labels must lie in [0, classes)")
    return right("mlp_logits_gradients")(*others, labels.astype(np.int64) % classes)


@wrong("cross_entropy", "uint64")
def leaves_one_width_out(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    known = labels.astype(np.int64)
    if labels.dtype == np.uint64:
        known = np.zeros(len(labels), np.int64)
    return right("cross_entropy")(logits, known, reduction=reduction)


@wrong("negative_log_likelihood_gradient", "int32")
def reads_two_labels_at_once(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    if labels.dtype == np.int32 and len(labels) > 1:
        even = np.ascontiguousarray(labels[: len(labels) // 2 * 2]).view(np.int64)
        labels = np.resize(even, len(labels)) % probs.shape[1]
    return right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)


@wrong("mlp_gradients", " classes")
def seven_bits_and_a_flag(*arrays):
    *others, labels = arrays
    refuse(labels, len(others[-1]))
    return right("mlp_gradients")(*others, labels.astype(np.int64) & 127)
