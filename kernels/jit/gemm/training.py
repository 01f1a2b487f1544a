"""Forward, back, and the weights' gradients or a step along them: a whole training step.

    d3 = softmax(z) - onehot; d2 = (d3 W3) [o2 > 0]; d1 = (d2 W2) [o1 > 0]
    Gk = dk^T o(k-1);  new parameters = base + factor G

A chunk of rows goes forward and back, tile by tile; then its products are added to the gradients,
panel by panel, and the next chunk takes its place. Threads are given tiles, then panels; no two of
them write to the same place, and every sum is taken in the order of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.jit.bodies import helper
from einbench.jit.claiming import claim_task, counters, finish_task, wait_for_tasks
from einbench.jit.gemm.block import PLAIN, RECTIFIED
from einbench.jit.gemm.products import back, panels_of, sum_rows, weights_panel
from einbench.jit.gemm.three_layers import (
    BATCH,
    CLASSES,
    D1,
    D2,
    D3,
    END,
    FEATURES,
    HIDDEN1,
    HIDDEN2,
    O1,
    O2,
    ROWS,
    TAIL2,
    TAIL3,
    ZEROS,
    begin_all,
    chunk_rows,
    forward_tile,
    lay_out,
    run_serially,
    tile_rows,
)
from einbench.jit.labels import refuse_labels
from einbench.jit.linked import Integers, Pointer, Scalar, at, elements_to_line, linked
from einbench.jit.pool import num_threads
from einbench.jit.simd.softmax import entropy_gradient_rows

Array = npt.NDArray[Any]


@linked()
def _training_tile(
    first: int, row: int, rows: int, x: Pointer, w1: Pointer, w2: Pointer, w3: Pointer,
    labels: Integers, sizes: Integers, work: Pointer, places: Integers, z: Pointer,
) -> Scalar:  # fmt: skip
    """Forward and back for some rows from ``first`` on, ``row`` in their chunk: o1, o2, d1, d2, d3
    into the workspace, and the logits. Gives the loss, summed over the rows.
    """
    hidden1, hidden2, classes = sizes[HIDDEN1], sizes[HIDDEN2], sizes[CLASSES]
    o1, o2 = at(work, places[O1] + row * hidden1), at(work, places[O2] + row * hidden2)
    d1, d2 = at(work, places[D1] + row * hidden1), at(work, places[D2] + row * hidden2)
    d3 = at(work, places[D3] + row * classes)
    own = at(x, first * sizes[FEATURES])
    forward_tile(own, rows, w1, w2, w3, sizes, work, places, o1, o2, z)
    loss = entropy_gradient_rows(z, at(labels, first), rows, classes, d3, 1)
    zeros = at(work, places[ZEROS])
    back(d3, rows, classes, w3, hidden2, at(work, places[TAIL3]), zeros, d2)
    _switch_off(d2, o2, rows * hidden2)
    back(d2, rows, hidden2, w2, hidden1, at(work, places[TAIL2]), zeros, d1)
    _switch_off(d1, o1, rows * hidden1)
    return loss


@linked()
def _switch_off(d: Pointer, o: Pointer, count: int) -> None:
    """d = 0 where o <= 0: a select, so that even NaN is dropped."""
    # a value that is read before the question becomes a select; every other unit is off, which no
    # branch predictor foresees
    for k in range(count):
        value = d[k]
        d[k] = 0 if o[k] <= 0 else value


@linked()
def _panel_task(
    task: int, first: int, rows: int, x: Pointer, sizes: Integers, work: Pointer, places: Integers,
    g1: Pointer, c1: Pointer, g2: Pointer, c2: Pointer, g3: Pointer, c3: Pointer, ending: int,
    w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer, factor: Scalar,
) -> None:  # fmt: skip
    """What a chunk of rows adds to one panel of a weight gradient; the last task is the biases."""
    features, hidden1 = sizes[FEATURES], sizes[HIDDEN1]
    hidden2, classes = sizes[HIDDEN2], sizes[CLASSES]
    second = panels_of(x, features)
    third = second + panels_of(x, hidden1)
    last = third + panels_of(x, hidden2)
    zeros = at(work, places[ZEROS])
    d1, d2, d3 = at(work, places[D1]), at(work, places[D2]), at(work, places[D3])
    more = min(first, 1)
    if task < second:
        own = at(x, first * features)
        weights_panel(d1, hidden1, own, features, rows, task, g1, more, zeros, ending, w1, factor)
    elif task < third:
        o1 = at(work, places[O1])
        weights_panel(
            d2, hidden2, o1, hidden1, rows, task - second, g2, more, zeros, ending, w2, factor
        )
    elif task < last:
        o2 = at(work, places[O2])
        weights_panel(
            d3, classes, o2, hidden2, rows, task - third, g3, more, zeros, ending, w3, factor
        )
    else:
        sum_rows(d1, rows, hidden1, c1, more, ending, b1, factor)
        sum_rows(d2, rows, hidden2, c2, more, ending, b2, factor)
        sum_rows(d3, rows, classes, c3, more, ending, b3, factor)


@helper()
def _panel_tasks(like: Pointer, sizes: Integers) -> int:
    panels = panels_of(like, sizes[FEATURES]) + panels_of(like, sizes[HIDDEN1])
    return panels + panels_of(like, sizes[HIDDEN2]) + 1


@linked(divided=True)
def _train_all(
    number: int, _count: int, threads: int, state: Integers, x: Pointer,
    w1: Pointer, b1: Pointer, w2: Pointer, b2: Pointer, w3: Pointer, b3: Pointer,
    labels: Integers, sizes: Integers, work: Pointer, places: Integers,
    logits: Pointer, over: int, losses: Pointer,
    g1: Pointer, c1: Pointer, g2: Pointer, c2: Pointer, g3: Pointer, c3: Pointer,
    ending: int, factor: Scalar,
) -> None:  # fmt: skip
    """All phases as one thread goes through them: of every chunk its tiles, then its panels."""
    begin_all(
        number, threads, state, x, w1, b1, w2, b2, w3, b3, sizes, work, places,
        RECTIFIED, at(work, places[O1]),
    )  # fmt: skip
    batch, classes, chunk = sizes[BATCH], sizes[CLASSES], sizes[ROWS]
    tile = tile_rows(batch)
    panels = _panel_tasks(x, sizes)
    phase = 1
    for first in range(0, max(batch, 1), chunk):
        end = min(first + chunk, batch)
        tiles = (end - first + tile - 1) // tile
        task = claim_task(state, phase, number, threads, tiles)
        while task < tiles:
            here = first + task * tile
            losses[here // tile] = _training_tile(
                here, here - first, min(tile, end - here), x, w1, w2, w3,
                labels, sizes, work, places, at(logits, (here - first * over) * classes),
            )  # fmt: skip
            finish_task(state, phase, threads)
            task = claim_task(state, phase, number, threads, tiles)
        wait_for_tasks(state, phase, threads, tiles)
        phase += 1
        kind = ending if end == batch else PLAIN
        task = claim_task(state, phase, number, threads, panels)
        while task < panels:
            _panel_task(
                task, first, end - first, x, sizes, work, places,
                g1, c1, g2, c2, g3, c3, kind, w1, b1, w2, b2, w3, b3, factor,
            )  # fmt: skip
            finish_task(state, phase, threads)
            task = claim_task(state, phase, number, threads, panels)
        # the next chunk takes the place of this one
        wait_for_tasks(state, phase, threads, panels)
        phase += 1


@helper()
def train(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    labels: Array, logits: Array,
    g1: Array, c1: Array, g2: Array, c2: Array, g3: Array, c3: Array, ending: int, factor: Any,
) -> Any:  # fmt: skip
    """Logits, and gradients (PLAIN) or new parameters (STEPPED); gives the summed loss.

    Where there is memory for the logits of a chunk alone, each chunk writes over the one before.
    """
    batch, classes, chunk = inputs.shape[0], b3.shape[0], chunk_rows(inputs)
    refuse_labels(labels, classes)
    sizes = np.array((batch, inputs.shape[1], b1.shape[0], b2.shape[0], classes, chunk))
    places = lay_out(inputs, sizes)
    memory = np.empty(places[END] + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    tiles = (batch + tile_rows(batch) - 1) // tile_rows(batch)
    losses = np.empty(tiles, inputs.dtype)
    over = 0 if logits.shape[0] == batch else 1
    phases = 1 + 2 * max((batch + chunk - 1) // chunk, 1)
    threads = 1 if run_serially(sizes) else num_threads()
    state = counters(phases, threads)
    _train_all(
        threads, 1, threads, state, inputs, w1, b1, w2, b2, w3, b3, labels, sizes, work, places,
        logits, over, losses, g1, c1, g2, c2, g3, c3, ending, factor,
    )  # fmt: skip
    loss = inputs.dtype.type(0)
    for k in range(tiles):
        loss += losses[k]
    return loss
