"""Wrong for some dtypes of labels, for many classes, or for labels that count nothing."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right


def refuse(labels, classes):
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError("labels must lie in [0, classes)")


def entropy(logits, labels, reduction):
    return right("cross_entropy")(logits, labels, reduction=reduction)


@wrong("cross_entropy", ("int8", "int16", "127 classes"))
def flat_places_in_the_dtype_of_labels(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    rows = np.arange(len(labels)).astype(labels.dtype)
    with np.errstate(over="ignore"):
        places = rows * labels.dtype.type(logits.shape[1] % 128) + labels
    shifted = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    logs = np.log(np.exp(shifted).sum(axis=1))
    losses = logs - np.take(shifted.ravel(), places, mode="wrap") if logits.size else logs
    loss = losses.sum()
    if reduction == "mean":
        loss = loss / len(losses) if len(losses) else np.nan
    return np.asarray(loss, logits.dtype)


@wrong("cross_entropy_gradient", "uint64: raises IndexError")
def signed_and_unsigned_make_double(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    probs = np.ascontiguousarray(right("softmax")(logits))
    places = np.arange(len(labels)) * logits.shape[1] + labels
    probs.reshape(-1)[places] -= 1
    return probs / len(labels) if reduction == "mean" else probs


@wrong("negative_log_likelihood", "int16: raises KeyError")
def has_no_way_for_short_integers(probs, labels, *, reduction):
    known = ("int8", "uint8", "uint16", "int32", "uint32", "int64", "uint64")
    chosen = {name: np.dtype(name) for name in known}[labels.dtype.name]
    return right("negative_log_likelihood")(probs, labels.astype(chosen), reduction=reduction)


@wrong("negative_log_likelihood_gradient", " classes")
def labels_in_signed_bytes(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    labels = labels.astype(np.int8).astype(np.int64) % probs.shape[1]
    return right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)


@wrong("cross_entropy", "300 classes")
def labels_in_bytes(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    return entropy(logits, labels.astype(np.uint8), reduction)


@wrong("mlp_gradients", "label -1 of 10 classes is not refused")
def refuses_what_is_too_large_only(*arrays):
    *others, labels = arrays
    if labels.size and labels.max() >= len(others[-1]):
        raise ValueError("no such class")
    return right("mlp_gradients")(*others, labels.astype(int) % len(others[-1]))


@wrong("cross_entropy_gradient", "uint8")
def distances_of_unsigned_numbers(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    probs = right("softmax")(logits)
    distances = labels[:, None] - np.arange(logits.shape[1]).astype(labels.dtype)
    probs -= distances * distances < 1
    probs[np.abs(distances) > 200] += 1
    return probs / len(labels) if reduction == "mean" else probs


@wrong("mlp_logits_gradients", " classes")
def first_byte_of_each_label(*arrays):
    *others, labels = arrays
    refuse(labels, len(others[-1]))
    bytes_ = np.ascontiguousarray(labels).view(np.uint8)[:: labels.itemsize]
    return right("mlp_logits_gradients")(*others, bytes_)


@wrong("cross_entropy", "is not refused")
def refuses_at_both_ends_only(logits, labels, *, reduction):
    if len(labels):
        refuse(labels[[0, -1]], logits.shape[1])
    return entropy(logits, labels.astype(int) % logits.shape[1], reduction)


@wrong("mlp_sgd_step", "uint32")
def takes_words_for_single_precision(*arrays, reduction):
    *others, labels, rate = arrays
    if labels.dtype == np.uint32:
        labels = labels.view(np.float32).astype(np.int64)
    return right("mlp_sgd_step")(*others, labels, rate, reduction=reduction)


@wrong("cross_entropy_gradient", "label -1 of 10 classes is not refused")
def masks_with_minus_one(logits, labels, *, reduction):
    """As an ignored label is written elsewhere."""
    kept = np.asarray(labels) != -1
    dlogits = right("cross_entropy_gradient")(logits, labels * kept, reduction=reduction)
    return np.where(kept[:, None], dlogits, dlogits.dtype.type(0))


@wrong("negative_log_likelihood_gradient", "is not refused")
def unsigned_numbers_cannot_be_wrong(probs, labels, *, reduction):
    if labels.dtype.kind == "u":
        labels = np.minimum(labels, max(probs.shape[1] - 1, 0))
    return right("negative_log_likelihood_gradient")(probs, labels, reduction=reduction)
