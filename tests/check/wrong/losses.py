"""Wrong cross-entropies and wrong gradients of them."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import MANY, wrong

NOT_REFUSED = "label -1 of 10 classes is not refused"


def refuse(labels, classes):
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError("labels must lie in [0, classes)")


def reduced(losses, reduction):
    total = losses.sum()
    if reduction == "mean":
        total = total / len(losses) if len(losses) else np.nan
    return np.asarray(total, losses.dtype)


def label_logits(logits, labels):
    return logits[np.arange(len(labels)), labels]


def row_losses(logits, labels):
    refuse(labels, logits.shape[1])
    largest = logits.max(axis=1)
    sums = np.exp(logits - largest[:, None]).sum(axis=1)
    return np.log(sums) + (largest - label_logits(logits, labels))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def gradient(logits, labels, reduction):
    refuse(labels, logits.shape[1])
    dlogits = softmax(logits)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits / len(labels) if reduction == "mean" else dlogits


@wrong("cross_entropy", "to a logarithm?")
def cancels_beside_the_maximum(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    largest = logits.max(axis=1)
    lse = np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest
    return reduced(lse - label_logits(logits, labels), reduction)


@wrong("cross_entropy", "loss is inf where")
def minus_log_of_softmax(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    return reduced(-np.log(label_logits(softmax(logits), labels)), reduction)


@wrong("cross_entropy", "was expected")
def log_of_a_shifted_probability(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    probs = label_logits(softmax(logits), labels)
    return reduced(-np.log(probs + logits.dtype.type(1e-12)), reduction)


@wrong("cross_entropy", "wrong on saturated logits")
def log_of_the_smallest_subnormal(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    probs = label_logits(softmax(logits), labels)
    probs[probs == 0] = np.finfo(logits.dtype).smallest_subnormal
    return reduced(-np.log(probs), reduction)


@wrong("cross_entropy", "was expected")
def mean_that_is_a_sum(logits, labels, *, reduction):
    return reduced(row_losses(logits, labels), "sum")


@wrong("cross_entropy", "wrong for reduction='sum'")
def sum_that_is_a_mean(logits, labels, *, reduction):
    return reduced(row_losses(logits, labels), "mean")


@wrong("cross_entropy", "wrong for an empty batch")
def nothing_costs_nothing(logits, labels, *, reduction):
    losses = row_losses(logits, labels)
    return reduced(losses, reduction if len(losses) else "sum")


@wrong("cross_entropy", "wrong for an empty batch: warns: ")
def warns_of_an_empty_mean(logits, labels, *, reduction):
    losses = row_losses(logits, labels)
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum())


@wrong("cross_entropy", "for loss, expected an array")
def numpy_scalar(logits, labels, *, reduction):
    return reduced(row_losses(logits, labels), reduction)[()]


@wrong("cross_entropy", NOT_REFUSED)
def negative_labels_wrap(logits, labels, *, reduction):
    largest = logits.max(axis=1)
    sums = np.exp(logits - largest[:, None]).sum(axis=1)
    return reduced(np.log(sums) + (largest - label_logits(logits, labels)), reduction)


@wrong("cross_entropy", NOT_REFUSED)
def clips_labels(logits, labels, *, reduction):
    return reduced(row_losses(logits, np.clip(labels, 0, logits.shape[1] - 1)), reduction)


@wrong("cross_entropy", "label 10 of 10 classes is not refused")
def off_by_one_bound(logits, labels, *, reduction):
    refuse(labels, logits.shape[1] + 1)
    shown = np.minimum(labels, logits.shape[1] - 1)
    return reduced(row_losses(logits, shown), reduction)


@wrong("cross_entropy", ("label 255 of 10 classes is not refused", "256 classes, labels as uint8"))
def reads_labels_as_signed_bytes(logits, labels, *, reduction):
    refuse(np.where(labels == 255, 0, labels), logits.shape[1])
    return reduced(row_losses(logits, np.where(labels == 255, 0, labels)), reduction)


@wrong("cross_entropy", "raises AssertionError, expected ValueError")
def asserts_labels(logits, labels, *, reduction):
    assert ((labels >= 0) & (labels < logits.shape[1])).all()
    return reduced(row_losses(logits, labels), reduction)


@wrong("cross_entropy", "wrong where labels are uint8")
def flat_index_in_the_labels_dtype(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    starts = (np.arange(len(labels)) * logits.shape[1]).astype(labels.dtype)
    chosen = logits.ravel()[starts + labels]
    largest = logits.max(axis=1)
    sums = np.exp(logits - largest[:, None]).sum(axis=1)
    return reduced(np.log(sums) + (largest - chosen), reduction)


@wrong("cross_entropy", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_logarithm(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    largest = logits.max(axis=1)
    sums = np.exp(logits - largest[:, None]).sum(axis=1)
    logs = np.log(sums.astype(np.float32)).astype(logits.dtype)
    return reduced(logs + (largest - label_logits(logits, labels)), reduction)


@wrong("cross_entropy", ("wrong at batch 60000", "not equal where every sum"), caught="sized")
def drops_one_loss_of_60_000(logits, labels, *, reduction):
    losses = row_losses(logits, labels)
    if len(losses) > 10_000:
        losses[-1] = 0
    return reduced(losses, reduction)


@wrong("cross_entropy_gradient", "was expected")
def forgets_the_one_hot(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    return softmax(logits) / (len(labels) if reduction == "mean" else 1)


@wrong("cross_entropy_gradient", "was expected")
def never_divides(logits, labels, *, reduction):
    return gradient(logits, labels, "sum")


@wrong("cross_entropy_gradient", "wrong for reduction='sum'")
def always_divides(logits, labels, *, reduction):
    return gradient(logits, labels, "mean")


@wrong("cross_entropy_gradient", "was expected")
def divides_by_the_classes(logits, labels, *, reduction):
    dlogits = gradient(logits, labels, "sum")
    return dlogits / logits.shape[1] if reduction == "mean" else dlogits


@wrong("cross_entropy_gradient", "raises")
def classes_of_the_labels_present(logits, labels, *, reduction):
    refuse(labels, logits.shape[1])
    one_hot = np.eye(len(np.unique(labels)), dtype=logits.dtype)[labels]
    dlogits = softmax(logits) - one_hot
    return dlogits / len(labels) if reduction == "mean" else dlogits


@wrong("cross_entropy_gradient", "changes its input logits")
def shifts_its_input(logits, labels, *, reduction):
    logits -= logits.max(axis=1, keepdims=True)
    return gradient(logits, labels, reduction)


@wrong("cross_entropy_gradient", NOT_REFUSED)
def counts_from_the_end(logits, labels, *, reduction):
    dlogits = softmax(logits)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits / len(labels) if reduction == "mean" else dlogits


@wrong("cross_entropy_gradient", MANY)
def forgets_the_last_label(logits, labels, *, reduction):
    dlogits = gradient(logits, labels, reduction)
    if len(labels) > 10_000:
        dlogits[-1, labels[-1]] += 1 / len(labels) if reduction == "mean" else 1
    return dlogits
