"""Three layers, forward and back, for a tile of rows while it lies in cache.

    o1 = relu(X W1^T + b1); o2 = relu(o1 W2^T + b2); z = o2 W3^T + b3
    d3 = softmax(z) - onehot; d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]

What all tiles share, and what the weights' gradients need of them, lies in one *workspace*: a flat
array, with the place of each part in an array of offsets. Threads are given tiles, then panels of
the gradients; no two of them write to the same place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.compiled import helper
from kernels.gemm.microkernel import PLAIN, RECTIFIED, STEPPED, lanes
from kernels.gemm.products import back, forward, pack, pack_tail, padded, panels_of, weights_panel
from kernels.gemm.taking import finish, take, wait

Array = npt.NDArray[Any]

# axes in ``sizes``
BATCH, FEATURES, HIDDEN1, HIDDEN2, CLASSES = range(5)
# parts of the workspace: packed weights, padded biases, what is left of W2 and W3 beyond whole
# vectors, a row of zeros, and the hidden layers with their gradients
PACKED1, PACKED2, PACKED3, BIAS1, BIAS2, BIAS3, TAIL2, TAIL3, ZEROS, SHARED = range(10)
O1, O2, D1, D2, D3, END = range(9, 15)


@helper()
def tile_rows(batch: int) -> int:
    """Rows of a tile: from the batch alone, so that results do not depend on threads.

    Small ones share a small batch among threads; large ones read the packed weights less often.
    """
    if batch <= 64:
        return 16
    return 32 if batch <= 256 else 64


@helper()
def lay_out(like: Array, sizes: Array) -> Array:
    """Offsets of the parts of the workspace; the hidden layers' are those of the whole batch."""
    size = lanes(like)
    batch, features, hidden1 = sizes[BATCH], sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    wide1, wide2, wide3 = padded(like, hidden1), padded(like, hidden2), padded(like, classes)
    lengths = (
        features * wide1, hidden1 * wide2, hidden2 * wide3, wide1, wide2, wide3,
        hidden2 * size, classes * size, 3 * size,
        batch * hidden1, batch * hidden2, batch * hidden1, batch * hidden2, batch * classes,
    )  # fmt: skip
    places = np.zeros(len(lengths) + 1, np.int64)
    for part in range(len(lengths)):
        # each part begins on a cache line
        places[part + 1] = places[part] + (lengths[part] + size - 1) // size * size
    return places


@helper()
def pack_tasks(like: Array, sizes: Array) -> int:
    """How many there are for `pack_task`."""
    wide = panels_of(like, sizes[HIDDEN1]) + panels_of(like, sizes[HIDDEN2])
    return wide + panels_of(like, sizes[CLASSES]) + 1


@helper()
def pack_task(
    task: int, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    sizes: Array, work: Array, places: Array,
) -> None:  # fmt: skip
    """One panel of packed weights; the last task is all that is small."""
    features, hidden1 = sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    second = panels_of(work, hidden1)
    third = second + panels_of(work, hidden2)
    last = third + panels_of(work, classes)
    if task < second:
        pack(w1, hidden1, features, work[places[PACKED1] :], task)
    elif task < third:
        pack(w2, hidden2, hidden1, work[places[PACKED2] :], task - second)
    elif task < last:
        pack(w3, classes, hidden2, work[places[PACKED3] :], task - third)
    else:
        work[places[BIAS1] : places[SHARED]] = 0
        work[places[BIAS1] : places[BIAS1] + hidden1] = b1
        work[places[BIAS2] : places[BIAS2] + hidden2] = b2
        work[places[BIAS3] : places[BIAS3] + classes] = b3
        pack_tail(w2, 0, hidden2, hidden1, work[places[TAIL2] :])
        pack_tail(w3, 0, classes, hidden2, work[places[TAIL3] :])


@helper()
def forward_tile(
    x: Array, x_at: int, rows: int, sizes: Array, work: Array, places: Array,
    o1: Array, o1_at: int, o2: Array, o2_at: int, logits: Array, logits_at: int, scratch: Array,
) -> None:  # fmt: skip
    """o1, o2 and the logits of some rows."""
    features, hidden1 = sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    forward(
        x, x_at, rows, features, work[places[PACKED1] :], work[places[BIAS1] :], hidden1,
        o1, o1_at, RECTIFIED, scratch,
    )  # fmt: skip
    forward(
        o1, o1_at, rows, hidden1, work[places[PACKED2] :], work[places[BIAS2] :], hidden2,
        o2, o2_at, RECTIFIED, scratch,
    )  # fmt: skip
    forward(
        o2, o2_at, rows, hidden2, work[places[PACKED3] :], work[places[BIAS3] :], classes,
        logits, logits_at, PLAIN, scratch,
    )  # fmt: skip


@helper()
def softmax_tile(
    logits: Array, probs: Array, probs_at: int, at: int, rows: int, classes: int
) -> None:
    """p[b, c] = exp(z[b, c] - max z[b]) / sum_k exp(z[b, k] - max z[b]) for some rows."""
    for b in range(rows):
        z = logits[at + b * classes : at + (b + 1) * classes]
        p = probs[probs_at + b * classes : probs_at + (b + 1) * classes]
        softmax_row(z, p)


@helper()
def softmax_row(z: Array, p: Array) -> Any:
    """p[c] = exp(z[c] - max z) / sum_k exp(z[k] - max z); gives log of that sum, and max z.

    They are given apart: their sum would lose the smaller.
    """
    largest = z[0]
    for c in range(z.shape[0]):
        largest = max(largest, z[c])
    total = z.dtype.type(0)
    for c in range(z.shape[0]):
        p[c] = np.exp(z[c] - largest)
        total += p[c]
    for c in range(z.shape[0]):
        p[c] /= total
    return np.log(total), largest


@helper()
def training_tile(
    first: int, rows: int, x: Array, w2: Array, w3: Array, labels: Array, sizes: Array,
    work: Array, places: Array, logits: Array, factor: Any,
) -> Any:  # fmt: skip
    """Forward and back for some rows: o1, o2, d1, d2, d3 into the workspace, and the logits.

    d3 = factor (softmax(z) - onehot). Gives the loss, summed over the rows.
    """
    hidden1, hidden2, classes = sizes[HIDDEN1], sizes[HIDDEN2], sizes[CLASSES]
    scratch = np.empty(rows * 3 * lanes(x), x.dtype)
    o1, o2 = places[O1] + first * hidden1, places[O2] + first * hidden2
    d1, d2 = places[D1] + first * hidden1, places[D2] + first * hidden2
    d3 = places[D3] + first * classes
    forward_tile(
        x, first * sizes[FEATURES], rows, sizes, work, places,
        work, o1, work, o2, logits, first * classes, scratch,
    )  # fmt: skip
    loss = x.dtype.type(0)
    for b in range(rows):
        z = logits[(first + b) * classes : (first + b + 1) * classes]
        d = work[d3 + b * classes : d3 + (b + 1) * classes]
        label = labels[first + b]
        log_sum, largest = softmax_row(z, d)
        # the difference first: adding log and maximum would lose the log beside a large maximum
        loss += log_sum + (largest - z[label])
        d[label] -= x.dtype.type(1)
        for c in range(classes):
            d[c] *= factor
    zeros = work[places[ZEROS] :]
    back(work, d3, rows, classes, w3, hidden2, work[places[TAIL3] :], zeros, work, d2, scratch)
    _switch_off(work, d2, o2, rows * hidden2)
    back(work, d2, rows, hidden2, w2, hidden1, work[places[TAIL2] :], zeros, work, d1, scratch)
    _switch_off(work, d1, o1, rows * hidden1)
    return loss


@helper()
def _switch_off(work: Array, d: int, o: int, count: int) -> None:
    """d = 0 where o <= 0: a select, so that even NaN is dropped."""
    # views: indices from zero on become vector instructions, and a value that is read before
    # the question becomes a select; every other unit is off, which no branch predictor foresees
    values, outputs = work[d : d + count], work[o : o + count]
    for k in range(count):
        value = values[k]
        values[k] = work.dtype.type(0) if outputs[k] <= 0 else value


@helper()
def gradient_tasks(like: Array, sizes: Array) -> int:
    """How many there are for `gradient_task`."""
    wide = panels_of(like, sizes[FEATURES]) + panels_of(like, sizes[HIDDEN1])
    return wide + panels_of(like, sizes[HIDDEN2]) + 1


@helper()
def gradient_task(
    task: int, x: Array, sizes: Array, work: Array, places: Array,
    dw1: Array, db1: Array, dw2: Array, db2: Array, dw3: Array, db3: Array,
) -> None:  # fmt: skip
    """One panel of a weight gradient; the last task is the biases."""
    zero = x.dtype.type(0)
    _panel_task(
        task, x, sizes, work, places, dw1, db1, dw2, db2, dw3, db3,
        PLAIN, dw1, db1, dw2, db2, dw3, db3, zero,
    )  # fmt: skip


@helper()
def step_task(
    task: int, x: Array, sizes: Array, work: Array, places: Array,
    n1: Array, m1: Array, n2: Array, m2: Array, n3: Array, m3: Array,
    w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, rate: Any,
) -> None:  # fmt: skip
    """One panel of new weights, W - rate dW; the last task is the biases."""
    _panel_task(
        task, x, sizes, work, places, n1, m1, n2, m2, n3, m3,
        STEPPED, w1, b1, w2, b2, w3, b3, -rate,
    )  # fmt: skip


@helper()
def _panel_task(
    task: int, x: Array, sizes: Array, work: Array, places: Array,
    dw1: Array, db1: Array, dw2: Array, db2: Array, dw3: Array, db3: Array,
    ending: int, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array, factor: Any,
) -> None:  # fmt: skip
    batch, features, hidden1 = sizes[BATCH], sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    second = panels_of(x, features)
    third = second + panels_of(x, hidden1)
    last = third + panels_of(x, hidden2)
    zeros = work[places[ZEROS] :]
    d1, d2, d3 = work[places[D1] :], work[places[D2] :], work[places[D3] :]
    if task < second:
        weights_panel(d1, hidden1, x, features, batch, task, dw1, zeros, ending, w1, factor)
    elif task < third:
        o1 = work[places[O1] :]
        weights_panel(
            d2, hidden2, o1, hidden1, batch, task - second, dw2, zeros, ending, w2, factor
        )
    elif task < last:
        o2 = work[places[O2] :]
        weights_panel(d3, classes, o2, hidden2, batch, task - third, dw3, zeros, ending, w3, factor)
    else:
        _sum_rows(d1, batch, hidden1, db1, ending, b1, factor)
        _sum_rows(d2, batch, hidden2, db2, ending, b2, factor)
        _sum_rows(d3, batch, classes, db3, ending, b3, factor)


@helper()
def _sum_rows(
    d: Array, rows: int, columns: int, sums: Array, ending: int, base: Array, factor: Any
) -> None:
    """sums[u] = sum_b d[b, u], row by row; or ``base + factor`` times that."""
    sums[:] = 0
    for b in range(rows):
        row = d[b * columns : (b + 1) * columns]
        for u in range(columns):
            sums[u] += row[u]
    if ending == STEPPED:
        for u in range(columns):
            sums[u] = base[u] + factor * sums[u]


@helper()
def pack_all(
    state: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    sizes: Array, work: Array, places: Array,
) -> None:  # fmt: skip
    """Phase 0 of whatever comes after it."""
    tasks = pack_tasks(work, sizes)
    task = take(state, 0)
    while task < tasks:
        pack_task(task, w1, b1, w2, b2, w3, b3, sizes, work, places)
        finish(state, 0)
        task = take(state, 0)
    wait(state, 0, tasks)


@helper()
def train_all(
    state: Array, x: Array, w2: Array, w3: Array, labels: Array, sizes: Array,
    work: Array, places: Array, logits: Array, losses: Array,
) -> None:  # fmt: skip
    """Phase 1: all tiles forward and back, and the loss of each."""
    batch = sizes[BATCH]
    tile, one = tile_rows(batch), x.dtype.type(1)
    tasks = (batch + tile - 1) // tile
    task = take(state, 1)
    while task < tasks:
        first = task * tile
        losses[task] = training_tile(
            first, min(tile, batch - first), x, w2, w3, labels, sizes, work, places, logits, one
        )
        finish(state, 1)
        task = take(state, 1)
    wait(state, 1, tasks)


@helper()
def probs_tile(
    first: int, x: Array, sizes: Array, work: Array, places: Array, probs: Array
) -> None:
    """Probabilities of the tile that begins at this row; nothing else of it is kept."""
    batch, classes = sizes[BATCH], sizes[CLASSES]
    tile = tile_rows(batch)
    rows = min(tile, batch - first)
    o1, o2 = np.empty(tile * sizes[HIDDEN1], x.dtype), np.empty(tile * sizes[HIDDEN2], x.dtype)
    logits = np.empty(tile * classes, x.dtype)
    scratch = np.empty(tile * 3 * lanes(x), x.dtype)
    forward_tile(
        x, first * sizes[FEATURES], rows, sizes, work, places, o1, 0, o2, 0, logits, 0, scratch
    )
    softmax_tile(logits, probs, first * classes, 0, rows, classes)
