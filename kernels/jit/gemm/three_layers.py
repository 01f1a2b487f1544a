"""Three layers for a tile of rows while it lies in cache: what all of them share, and forward.

    o1 = relu(X W1^T + b1); o2 = relu(o1 W2^T + b2); z = o2 W3^T + b3

What tiles share lies in one *workspace*: a flat array, with the place of each part in an array of
offsets. The weights are packed into it, unless there are so few rows that packing would take
longer than it saves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.jit.bodies import helper
from einbench.jit.claiming import claim_task, finish_task, wait_for_tasks
from einbench.jit.gemm.block import PLAIN, RECTIFIED
from einbench.jit.gemm.dot import dots
from einbench.jit.gemm.linear import FEW
from einbench.jit.gemm.products import (
    forward,
    own_tasks,
    own_width,
    pack_panel,
    pack_tail,
    pad,
    padded,
    panels_of,
    units_forward,
)
from einbench.jit.linked import Integers, Pointer, at, elements_to_line, fresh, linked
from einbench.jit.simd.elementwise import relu_of
from einbench.jit.simd.registers import lanes
from einbench.jit.simd.softmax import softmax_rows

Array = npt.NDArray[Any]

# axes in ``sizes``, where a layer's inputs and outputs are neighbours, and `chunk_rows`
BATCH, FEATURES, HIDDEN1, HIDDEN2, CLASSES, ROWS = range(6)
# parts of the workspace: packed weights, padded biases, what is left of W2 and W3 beyond whole
# vectors, a row of zeros, and the hidden layers of a chunk of rows with their gradients
PACKED1, PACKED2, PACKED3, BIAS1, BIAS2, BIAS3, TAIL2, TAIL3, ZEROS, SHARED = range(10)
O1, O2, D1, D2, D3, END = range(9, 15)

#: fewer rows than these are multiplied with weights that are not packed, but for the first layer's
MANY = 192
#: most rows whose hidden layers are kept until the weights' gradients have taken them up: what is
#: kept does not grow with the batch
CHUNK = 1024
#: below so many multiplications, threads take longer to wake than the work takes
_ALONE = 1 << 20


@helper()
def chunk_rows(like: Array) -> int:
    """Rows whose hidden layers are kept at a time: as many bytes in either precision."""
    return CHUNK * 4 // like.itemsize


@helper()
def tile_rows(batch: int) -> int:
    """Rows of a tile: from the batch alone, so that results do not depend on threads.

    Small ones share a small batch among threads; large ones read the packed weights less often.
    """
    if batch <= 64:
        return 16
    return 32 if batch <= 256 else 64


@helper()
def run_serially(sizes: Array) -> bool:
    """Whether one thread is done before another would have woken."""
    weights = sizes[FEATURES] * sizes[HIDDEN1] + sizes[HIDDEN1] * sizes[HIDDEN2]
    return sizes[BATCH] * (weights + sizes[HIDDEN2] * sizes[CLASSES]) < _ALONE


@helper()
def by_units(sizes: Integers) -> bool:
    """Whether threads share the units of the first layer, and then rows; else rows alone."""
    return FEW <= sizes[BATCH] < MANY


@helper()
def forward_elements(sizes: Array, places: Array) -> int:
    """Memory of a workspace that nothing but a first layer is kept in."""
    return places[O2] if by_units(sizes) else places[SHARED]


@helper()
def lay_out(like: Array, sizes: Array) -> Array:
    """Offsets of the parts of the workspace, each on a cache line if its beginning is."""
    size = lanes(like)
    rows, features = min(sizes[BATCH], chunk_rows(like)), sizes[FEATURES]
    hidden1, hidden2, classes = sizes[HIDDEN1], sizes[HIDDEN2], sizes[CLASSES]
    wide1, wide2, wide3 = padded(like, hidden1), padded(like, hidden2), padded(like, classes)
    packed = 0 if sizes[BATCH] < MANY else 1
    lengths = (
        packed * features * wide1, packed * hidden1 * wide2, packed * hidden2 * wide3,
        wide1, wide2, wide3, hidden2 * size, classes * size, 3 * size,
        rows * hidden1, rows * hidden2, rows * hidden1, rows * hidden2, rows * classes,
    )  # fmt: skip
    places = np.zeros(len(lengths) + 1, np.int64)
    for part in range(len(lengths)):
        places[part + 1] = places[part] + (lengths[part] + size - 1) // size * size
    return places


@linked()
def _pack_task(
    task: int, w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer,
    sizes: Integers, work: Pointer, places: Integers,
) -> None:  # fmt: skip
    """The first task is all that is small, any other one panel of packed weights."""
    features, hidden1 = sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    second = 1 + panels_of(work, hidden1)
    third = second + panels_of(work, hidden2)
    if task == 0:
        pad(b1, hidden1, at(work, places[BIAS1]))
        pad(b2, hidden2, at(work, places[BIAS2]))
        pad(b3, classes, at(work, places[BIAS3]))
        pack_tail(w2, hidden2, hidden1, at(work, places[TAIL2]))
        pack_tail(w3, classes, hidden2, at(work, places[TAIL3]))
        for k in range(places[ZEROS], places[SHARED]):
            work[k] = 0
    elif task < second:
        pack_panel(w1, hidden1, features, at(work, places[PACKED1]), task - 1)
    elif task < third:
        pack_panel(w2, hidden2, hidden1, at(work, places[PACKED2]), task - second)
    else:
        pack_panel(w3, classes, hidden2, at(work, places[PACKED3]), task - third)


@linked()
def begin_all(
    number: int, threads: int, state: Integers, x: Pointer,
    w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer,
    sizes: Integers, work: Pointer, places: Integers, ending: int, c: Pointer,
) -> None:  # fmt: skip
    """Phase 0 of whatever comes after: weights packed, or the first layer where units are shared.

    That layer goes to C, PLAIN or RECTIFIED.
    """
    batch, features, hidden1 = sizes[BATCH], sizes[FEATURES], sizes[HIDDEN1]
    shared = by_units(sizes)
    tasks = 1
    if shared:
        tasks += own_tasks(work, hidden1)
    elif batch >= MANY:
        tasks += panels_of(work, hidden1) + panels_of(work, sizes[HIDDEN2])
        tasks += panels_of(work, sizes[CLASSES])
    memory = fresh(work, own_width(work) * features + 16 if shared else 16)
    packed, begun = memory[elements_to_line(memory) :], fresh(work, padded(work, hidden1))
    pad(b1, hidden1, begun)
    task = claim_task(state, 0, number, threads, tasks)
    while task < tasks:
        if shared and task < tasks - 1:
            units_forward(task, x, batch, features, w1, begun, hidden1, packed, c, ending)
        else:
            own = 0 if shared else task
            _pack_task(own, w1, b1, w2, b2, w3, b3, sizes, work, places)
        finish_task(state, 0, threads)
        task = claim_task(state, 0, number, threads, tasks)
    wait_for_tasks(state, 0, threads, tasks)


@linked()
def layer_tile(
    a: Pointer, rows: int, weights: Pointer, layer: int, ending: int,
    sizes: Integers, work: Pointer, places: Integers, c: Pointer,
) -> None:  # fmt: skip
    """One layer, from 1 on, of some rows; ``weights`` are its own, packed before or not."""
    features, units = sizes[layer], sizes[layer + 1]
    bias = at(work, places[BIAS1 + layer - 1])
    if sizes[BATCH] < MANY:
        dots(rows, units, a, features, weights, features, features, bias, c, units, ending)
    else:
        forward(a, rows, features, at(work, places[PACKED1 + layer - 1]), bias, units, c, ending)


@linked()
def forward_tile(
    x: Pointer, rows: int, w1: Pointer, w2: Pointer, w3: Pointer,
    sizes: Integers, work: Pointer, places: Integers, o1: Pointer, o2: Pointer, logits: Pointer,
) -> None:  # fmt: skip
    """o1, o2 and the logits of some rows; o1 is there where units are shared."""
    if not by_units(sizes):
        layer_tile(x, rows, w1, 1, RECTIFIED, sizes, work, places, o1)
    layer_tile(o1, rows, w2, 2, RECTIFIED, sizes, work, places, o2)
    layer_tile(o2, rows, w3, 3, PLAIN, sizes, work, places, logits)


@linked(divided=True)
def forward_all(
    number: int, _count: int, threads: int, state: Integers, x: Pointer,
    w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer,
    sizes: Integers, work: Pointer, places: Integers, probs: Pointer,
) -> None:  # fmt: skip
    """Probabilities of all rows, tile by tile; nothing else of a tile is kept."""
    begin_all(
        number, threads, state, x, w1, b1, w2, b2, w3, b3, sizes, work, places,
        RECTIFIED, at(work, places[O1]),
    )  # fmt: skip
    batch, features, classes = sizes[BATCH], sizes[FEATURES], sizes[CLASSES]
    hidden1, tile = sizes[HIDDEN1], tile_rows(batch)
    o1, o2 = fresh(x, tile * hidden1), fresh(x, tile * sizes[HIDDEN2])
    tasks = (batch + tile - 1) // tile
    task = claim_task(state, 1, number, threads, tasks)
    while task < tasks:
        first = task * tile
        rows = min(tile, batch - first)
        p = at(probs, first * classes)
        one = at(work, places[O1] + first * hidden1) if by_units(sizes) else at(o1, 0)
        own = at(x, first * features)
        forward_tile(own, rows, w1, w2, w3, sizes, work, places, one, o2, p)
        softmax_rows(rows, rows, p, classes, p)
        task = claim_task(state, 1, number, threads, tasks)


@linked(divided=True)
def intermediates_all(
    number: int, _count: int, threads: int, state: Integers, x: Pointer,
    w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer,
    sizes: Integers, work: Pointer, places: Integers,
    y1: Pointer, o1: Pointer, y2: Pointer, o2: Pointer, y3: Pointer, o3: Pointer,
) -> None:  # fmt: skip
    """Every layer of all rows before and after its activation, tile by tile."""
    begin_all(number, threads, state, x, w1, b1, w2, b2, w3, b3, sizes, work, places, PLAIN, y1)
    batch, features, classes = sizes[BATCH], sizes[FEATURES], sizes[CLASSES]
    hidden1, hidden2 = sizes[HIDDEN1], sizes[HIDDEN2]
    tile = tile_rows(batch)
    tasks = (batch + tile - 1) // tile
    task = claim_task(state, 1, number, threads, tasks)
    while task < tasks:
        first = task * tile
        rows = min(tile, batch - first)
        one, two, last = first * hidden1, first * hidden2, first * classes
        if not by_units(sizes):
            own = at(x, first * features)
            layer_tile(own, rows, w1, 1, PLAIN, sizes, work, places, at(y1, one))
        relu_of(rows * hidden1, rows * hidden1, at(y1, one), at(o1, one), 0)
        layer_tile(at(o1, one), rows, w2, 2, PLAIN, sizes, work, places, at(y2, two))
        relu_of(rows * hidden2, rows * hidden2, at(y2, two), at(o2, two), 0)
        layer_tile(at(o2, two), rows, w3, 3, PLAIN, sizes, work, places, at(y3, last))
        softmax_rows(rows, rows, at(y3, last), classes, at(o3, last))
        task = claim_task(state, 1, number, threads, tasks)
