"""Softmax, its Jacobian and VJP, and cross-entropy of some rows, for compiled bodies."""

from __future__ import annotations

import numpy as np

from einbench.jit.linked import Integers, Pointer, Scalar, at, fresh, linked, number
from einbench.jit.simd.elementwise import copy_non_temporal
from einbench.jit.simd.registers import lanes
from einbench.jit.simd.rows import (
    cross_entropy_group,
    entropy_gradient_group,
    jacobian_of_one,
    log_sum,
    most_classes,
    softmax_group,
    softmax_vjp_group,
)

#: elements of Jacobians that lie in first-level cache before they are stored
_SCRATCH = 1 << 11


@linked(divided=True)
def softmax_rows(first: int, count: int, z: Pointer, classes: int, p: Pointer) -> None:
    """p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b]); p may be z."""
    group = lanes(z)
    row, end = first, first + count
    if classes <= most_classes(group):
        while row + group <= end:
            softmax_group(classes, at(z, row * classes), at(p, row * classes), 0)
            row += group
    while row < end:
        softmax_row(at(z, row * classes), classes, at(p, row * classes))
        row += 1


@linked()
def _largest(z: Pointer, classes: int) -> Scalar:
    largest = z[0]
    for c in range(classes):
        largest = max(largest, z[c])
    return largest


@linked()
def softmax_row(z: Pointer, classes: int, p: Pointer) -> Scalar:
    """Softmax of one row; gives log sum_c exp(z[c] - max z)."""
    largest, total = _largest(z, classes), number(z, 0)
    for c in range(classes):
        p[c] = np.exp(z[c] - largest)
        total += p[c]
    for c in range(classes):
        p[c] /= total
    return np.log(total)


@linked(divided=True)
def softmax_vjp_rows(
    first: int, count: int, p: Pointer, g: Pointer, classes: int, d: Pointer
) -> None:
    """d[b, c] = p[b, c] (g[b, c] - sum_k p[b, k] g[b, k])."""
    group = lanes(p)
    row, end = first, first + count
    if classes <= most_classes(group):
        while row + group <= end:
            here = row * classes
            softmax_vjp_group(classes, at(p, here), at(g, here), at(d, here), 0)
            row += group
    for b in range(row, end):
        total = number(p, 0)
        for c in range(b * classes, (b + 1) * classes):
            total += p[c] * g[c]
        for c in range(b * classes, (b + 1) * classes):
            d[c] = p[c] * (g[c] - total)


@linked(divided=True)
def jacobian_rows(
    first: int, count: int, p: Pointer, classes: int, j: Pointer, non_temporal: int
) -> None:
    """J[b, i, j] = p[b, i] (delta[i, j] - p[b, j])."""
    size = classes * classes
    if non_temporal == 0:
        _jacobian_rows(at(p, first * classes), count, classes, at(j, first * size))
    else:
        # of so small matrices no whole line can be stored: some of them fill first-level cache
        some = max(_SCRATCH // size, 1)
        scratch = fresh(p, some * size)
        for b in range(first, first + count, some):
            rows = min(some, first + count - b)
            _jacobian_rows(at(p, b * classes), rows, classes, scratch)
            copy_non_temporal(scratch, rows * size, at(j, b * size))


@linked()
def _jacobian_rows(p: Pointer, rows: int, classes: int, j: Pointer) -> None:
    if classes <= most_classes(lanes(p)):
        for b in range(rows):
            jacobian_of_one(classes, at(p, b * classes), at(j, b * classes * classes), 0)
    else:
        for b in range(rows):
            for i in range(classes):
                factor = -p[b * classes + i]
                own = (b * classes + i) * classes
                for k in range(classes):
                    j[own + k] = factor * p[b * classes + k]
                j[own + i] += p[b * classes + i]


@linked(divided=True)
def cross_entropy_sums(
    first: int, count: int, z: Pointer, labels: Integers, classes: int, rows: int, sums: Pointer
) -> None:
    """sums[k] = the loss summed over the k-th ``rows`` rows, which ``first`` is a multiple of."""
    for b in range(first, first + count, rows):
        own = min(rows, first + count - b)
        sums[b // rows] = _cross_entropy_rows(at(z, b * classes), at(labels, b), own, classes)


@linked()
def _cross_entropy_rows(z: Pointer, labels: Integers, rows: int, classes: int) -> Scalar:
    """sum_b log(sum_c exp(z[b, c] - max z[b])) + (max z[b] - z[b, label[b]])."""
    group = lanes(z)
    loss = number(z, 0)
    row = 0
    if classes <= most_classes(group):
        while row + group <= rows:
            loss += cross_entropy_group(classes, at(z, row * classes), at(labels, row), 0)
            row += group
    for b in range(row, rows):
        loss += _row_loss(at(z, b * classes), labels[b], classes)
    return loss


@linked()
def _row_loss(z: Pointer, label: int, classes: int) -> Scalar:
    largest, total = _largest(z, classes), number(z, 0)
    for c in range(classes):
        total += np.exp(z[c] - largest)
    # the difference first: adding log and maximum would lose the log beside a large maximum
    return np.log(total) + (largest - z[label])


@linked()
def entropy_gradient_rows(
    z: Pointer, labels: Integers, rows: int, classes: int, d: Pointer, factor: Scalar
) -> Scalar:
    """d = factor (softmax(z) - onehot); gives the summed loss, as `cross_entropy_sums`."""
    group = lanes(z)
    loss = number(z, 0)
    row = 0
    if classes <= most_classes(group):
        while row + group <= rows:
            here, there = at(z, row * classes), at(d, row * classes)
            loss += entropy_gradient_group(classes, here, there, at(labels, row), factor)
            row += group
    for b in range(row, rows):
        own, gradient = at(z, b * classes), at(d, b * classes)
        label = labels[b]
        # the gradient may lie where the logits do
        gap = _largest(own, classes) - own[label]
        loss += softmax_row(own, classes, gradient) + gap
        for c in range(classes):
            gradient[c] *= factor
        gradient[label] -= factor
    return loss


@linked(divided=True)
def entropy_gradients(
    first: int, count: int, z: Pointer, labels: Integers, classes: int, d: Pointer, factor: Scalar
) -> None:
    """d = factor (softmax(z) - onehot)."""
    here = first * classes
    entropy_gradient_rows(at(z, here), at(labels, first), count, classes, at(d, here), factor)


@linked(divided=True)
def label_log_sums(
    first: int, count: int, p: Pointer, labels: Integers, classes: int, rows: int, sums: Pointer
) -> None:
    """sums[k] = sum_b log max(p[b, label[b]], smallest subnormal) over the k-th ``rows`` rows."""
    for b in range(first, first + count, rows):
        own = min(rows, first + count - b)
        sums[b // rows] = _label_log_sum(at(p, b * classes), at(labels, b), own, classes)


@linked()
def _label_log_sum(p: Pointer, labels: Integers, rows: int, classes: int) -> Scalar:
    """sum_b log max(p[b, label[b]], smallest subnormal)."""
    group = lanes(p)
    held = fresh(p, group)
    total = number(p, 0)
    for row in range(0, rows, group):
        for k in range(group):
            # of lanes without a row the logarithm is zero
            own = row + k
            held[k] = p[own * classes + labels[own]] if own < rows else number(p, 1)
        total += log_sum(at(held, 0))
    return total
