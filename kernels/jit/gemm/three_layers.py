"""Three layers for a tile of rows while it lies in cache: what all of them share, and forward.

    o1 = relu(X W1^T + b1); o2 = relu(o1 W2^T + b2); z = o2 W3^T + b3

What tiles share lies in one *workspace*, a flat array. Sizes, the place of each part in the
workspace, and the addresses of all arrays stand in one array of int64, the *plan*. The weights
are packed into the workspace, unless there are so few rows that packing would take longer than it
saves.
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
from einbench.jit.linked import (
    Integers,
    Pointer,
    address,
    at,
    elements_to_line,
    fresh,
    linked,
    pointer,
)
from einbench.jit.simd.elementwise import relu_of
from einbench.jit.simd.registers import lanes
from einbench.jit.simd.softmax import softmax_rows

Array = npt.NDArray[Any]

# places in a plan. Sizes: the axes, a layer's inputs and outputs neighbours, and `chunk_rows`
BATCH, FEATURES, HIDDEN1, HIDDEN2, CLASSES, ROWS = range(6)
# where in the workspace: packed weights, padded biases, what is left of W2 and W3 beyond whole
# vectors, a row of zeros, and the hidden layers of a chunk of rows with their gradients
PACKED1, PACKED2, PACKED3, BIAS1, BIAS2, BIAS3, TAIL2, TAIL3, ZEROS, SHARED = range(6, 16)
O1, O2, D1, D2, D3, END = range(15, 21)
# addresses: inputs, parameters, labels, and what is written: up to eight results, and losses
X, W1, B1, W2, B2, W3, B3, LABELS, LOSSES, RESULTS = range(21, 31)
# what a training writes: logits, then gradients or new parameters
LOGITS, G1, C1, G2, C2, G3, C3 = range(30, 37)
# of a training: whether the logits of a chunk are written over those before, and the last ending
OVER, ENDING, _LENGTH = range(37, 40)

#: fewer rows than these are multiplied with weights that are not packed, but for the first layer's
MANY = 192
#: most rows whose hidden layers are kept until the weights' gradients are computed: what is kept
#: does not grow with the batch
CHUNK = 1024
#: below so many multiplications, threads take longer to wake than the work takes
_SERIAL = 1 << 20


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
def run_serially(plan: Array) -> bool:
    """Whether one thread takes less time than waking another."""
    weights = plan[FEATURES] * plan[HIDDEN1] + plan[HIDDEN1] * plan[HIDDEN2]
    return plan[BATCH] * (weights + plan[HIDDEN2] * plan[CLASSES]) < _SERIAL


@helper()
def by_units(plan: Integers) -> bool:
    """Whether threads share the units of the first layer, and then rows; else rows alone."""
    return FEW <= plan[BATCH] < MANY


@helper()
def forward_elements(plan: Array) -> int:
    """Memory of a workspace that nothing but a first layer is kept in."""
    return plan[O2] if by_units(plan) else plan[SHARED]


@helper()
def planned(inputs: Array, parameters: Any) -> Array:
    """The plan for these inputs and (w1, b1, w2, b2, w3, b3); results are not in it yet.

    Each part of the workspace lies on a cache line if the first does.
    """
    w1, b1, w2, b2, w3, b3 = parameters
    size, rows = lanes(inputs), min(inputs.shape[0], chunk_rows(inputs))
    features, hidden1, hidden2, classes = inputs.shape[1], b1.size, b2.size, b3.size
    wide1, wide2, wide3 = padded(inputs, hidden1), padded(inputs, hidden2), padded(inputs, classes)
    packed = 0 if inputs.shape[0] < MANY else 1
    lengths = (
        packed * features * wide1, packed * hidden1 * wide2, packed * hidden2 * wide3,
        wide1, wide2, wide3, hidden2 * size, classes * size, 3 * size,
        rows * hidden1, rows * hidden2, rows * hidden1, rows * hidden2, rows * classes,
    )  # fmt: skip
    plan = np.zeros(_LENGTH, np.int64)
    plan[BATCH], plan[FEATURES], plan[ROWS] = inputs.shape[0], features, chunk_rows(inputs)
    plan[HIDDEN1], plan[HIDDEN2], plan[CLASSES] = hidden1, hidden2, classes
    for part in range(len(lengths)):
        begin = plan[PACKED1 + part]
        plan[PACKED1 + part + 1] = begin + (lengths[part] + size - 1) // size * size
    plan[X] = address(inputs)
    plan[W1], plan[W2], plan[W3] = address(w1), address(w2), address(w3)
    plan[B1], plan[B2], plan[B3] = address(b1), address(b2), address(b3)
    return plan


@linked()
def _pack_task(task: int, work: Pointer, plan: Integers) -> None:
    """The first task is all that is small, any other one panel of packed weights."""
    if task == 0:
        for layer in range(3):
            bias = pointer(work, plan, B1 + 2 * layer)
            pad(bias, plan[HIDDEN1 + layer], at(work, plan[BIAS1 + layer]))
        for layer in range(1, 3):
            weights = pointer(work, plan, W1 + 2 * layer)
            units, features = plan[HIDDEN1 + layer], plan[FEATURES + layer]
            pack_tail(weights, units, features, at(work, plan[TAIL2 + layer - 1]))
        for k in range(plan[ZEROS], plan[SHARED]):
            work[k] = 0
        return
    panel, layer = task - 1, 0
    while panel >= panels_of(work, plan[HIDDEN1 + layer]):
        panel -= panels_of(work, plan[HIDDEN1 + layer])
        layer += 1
    weights, packed = pointer(work, plan, W1 + 2 * layer), at(work, plan[PACKED1 + layer])
    pack_panel(weights, plan[HIDDEN1 + layer], plan[FEATURES + layer], packed, panel)


@linked()
def begin_all(
    number: int, threads: int, state: Integers, work: Pointer, plan: Integers,
    ending: int, c: Pointer,
) -> None:  # fmt: skip
    """Phase 0 of whatever comes after: weights packed, or the first layer where units are shared.

    That layer goes to C, PLAIN or RECTIFIED.
    """
    batch, features, hidden1 = plan[BATCH], plan[FEATURES], plan[HIDDEN1]
    x, w1, shared = pointer(work, plan, X), pointer(work, plan, W1), by_units(plan)
    tasks = 1
    if shared:
        tasks += own_tasks(work, hidden1)
    elif batch >= MANY:
        for layer in range(3):
            tasks += panels_of(work, plan[HIDDEN1 + layer])
    memory = fresh(work, own_width(work) * features + 16 if shared else 16)
    packed, begun = memory[elements_to_line(memory) :], fresh(work, padded(work, hidden1))
    pad(pointer(work, plan, B1), hidden1, begun)
    task = claim_task(state, 0, number, threads, tasks)
    while task < tasks:
        if shared and task < tasks - 1:
            units_forward(task, x, batch, features, w1, begun, hidden1, packed, c, ending)
        else:
            _pack_task(0 if shared else task, work, plan)
        finish_task(state, 0, threads)
        task = claim_task(state, 0, number, threads, tasks)
    wait_for_tasks(state, 0, threads, tasks)


@linked()
def layer_tile(
    a: Pointer, rows: int, layer: int, ending: int, work: Pointer, plan: Integers, c: Pointer
) -> None:
    """One layer, from 0 on, of some rows."""
    features, units = plan[FEATURES + layer], plan[HIDDEN1 + layer]
    bias = at(work, plan[BIAS1 + layer])
    if plan[BATCH] < MANY:
        weights = pointer(work, plan, W1 + 2 * layer)
        dots(rows, units, a, features, weights, features, features, bias, c, units, ending)
    else:
        forward(a, rows, features, at(work, plan[PACKED1 + layer]), bias, units, c, ending)


@linked()
def forward_tile(
    first: int, rows: int, work: Pointer, plan: Integers, o1: Pointer, o2: Pointer, logits: Pointer
) -> None:
    """o1, o2 and the logits of some rows from ``first`` on; o1 is there where units are shared."""
    if not by_units(plan):
        x = at(pointer(work, plan, X), first * plan[FEATURES])
        layer_tile(x, rows, 0, RECTIFIED, work, plan, o1)
    layer_tile(o1, rows, 1, RECTIFIED, work, plan, o2)
    layer_tile(o2, rows, 2, PLAIN, work, plan, logits)


@linked(divided=True)
def forward_all(
    number: int, _count: int, threads: int, state: Integers, work: Pointer, plan: Integers
) -> None:
    """Probabilities of all rows, tile by tile; nothing else of a tile is kept."""
    begin_all(number, threads, state, work, plan, RECTIFIED, at(work, plan[O1]))
    batch, classes, hidden1 = plan[BATCH], plan[CLASSES], plan[HIDDEN1]
    tile, probs = tile_rows(batch), pointer(work, plan, RESULTS)
    o1, o2 = fresh(work, tile * hidden1), fresh(work, tile * plan[HIDDEN2])
    tasks = (batch + tile - 1) // tile
    task = claim_task(state, 1, number, threads, tasks)
    while task < tasks:
        first = task * tile
        rows = min(tile, batch - first)
        p = at(probs, first * classes)
        one = at(work, plan[O1] + first * hidden1) if by_units(plan) else at(o1, 0)
        forward_tile(first, rows, work, plan, one, at(o2, 0), p)
        softmax_rows(rows, rows, p, classes, p)
        task = claim_task(state, 1, number, threads, tasks)


@linked(divided=True)
def intermediates_all(
    number: int, _count: int, threads: int, state: Integers, work: Pointer, plan: Integers
) -> None:
    """Every layer of all rows before and after its activation, tile by tile."""
    begin_all(number, threads, state, work, plan, PLAIN, pointer(work, plan, RESULTS))
    batch = plan[BATCH]
    tile = tile_rows(batch)
    tasks = (batch + tile - 1) // tile
    task = claim_task(state, 1, number, threads, tasks)
    while task < tasks:
        first = task * tile
        rows = min(tile, batch - first)
        a = at(pointer(work, plan, X), first * plan[FEATURES])
        for layer in range(3):
            units = plan[HIDDEN1 + layer]
            y = at(pointer(work, plan, RESULTS + 2 * layer), first * units)
            o = at(pointer(work, plan, RESULTS + 2 * layer + 1), first * units)
            if layer > 0 or not by_units(plan):
                layer_tile(a, rows, layer, PLAIN, work, plan, y)
            if layer < 2:
                relu_of(rows * units, rows * units, y, o, 0)
            else:
                softmax_rows(rows, rows, y, units, o)
            a = o
        task = claim_task(state, 1, number, threads, tasks)
