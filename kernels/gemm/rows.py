"""Softmax and cross-entropy of some rows of logits, for compiled bodies."""

from __future__ import annotations

import numpy as np

from kernels.linked import Integers, Pointer, Scalar, at, linked, number


@linked()
def softmax_rows(z: Pointer, rows: int, classes: int, p: Pointer) -> None:
    """p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b]); p may be z."""
    for b in range(rows):
        _softmax_row(at(z, b * classes), classes, at(p, b * classes))


@linked()
def _softmax_row(z: Pointer, classes: int, p: Pointer) -> Scalar:
    """Softmax of one row; gives log(sum exp(z - max)) + max - z[0], or so"""
    largest = z[0]
    for c in range(classes):
        largest = max(largest, z[c])
    total = number(z, 0)
    for c in range(classes):
        p[c] = np.exp(z[c] - largest)
        total += p[c]
    for c in range(classes):
        p[c] /= total
    return np.log(total)


@linked()
def training_rows(z: Pointer, labels: Integers, rows: int, classes: int, d: Pointer) -> Scalar:
    """d = softmax(z) - onehot; gives sum_b log(sum_c exp(z - max)) + (max - z[label])."""
    loss = number(z, 0)
    for b in range(rows):
        own, gradient = at(z, b * classes), at(d, b * classes)
        largest = own[0]
        for c in range(classes):
            largest = max(largest, own[c])
        # the difference first: adding log and maximum would lose the log beside a large maximum
        loss += _softmax_row(own, classes, gradient) + (largest - own[labels[b]])
        gradient[labels[b]] -= number(z, 1)
    return loss
