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
    B1,
    BATCH,
    C1,
    C2,
    C3,
    CLASSES,
    D1,
    D2,
    D3,
    END,
    ENDING,
    FEATURES,
    G1,
    G2,
    G3,
    HIDDEN1,
    HIDDEN2,
    LABELS,
    LOGITS,
    LOSSES,
    O1,
    O2,
    OVER,
    ROWS,
    TAIL2,
    TAIL3,
    W1,
    W2,
    W3,
    ZEROS,
    X,
    begin_all,
    forward_tile,
    planned,
    run_serially,
    tile_rows,
)
from einbench.jit.labels import refuse_labels
from einbench.jit.linked import (
    Integers,
    Pointer,
    Scalar,
    address,
    at,
    elements_to_line,
    linked,
    pointer,
)
from einbench.jit.pool_code import num_threads
from einbench.jit.simd.softmax import entropy_gradient_rows

Array = npt.NDArray[Any]


@linked()
def _training_tile(first: int, row: int, rows: int, work: Pointer, plan: Integers) -> Scalar:
    """Forward and back for some rows from ``first`` on, ``row`` in their chunk: o1, o2, d1, d2, d3
    into the workspace, and the logits. Gives the loss, summed over the rows.
    """
    hidden1, hidden2, classes = plan[HIDDEN1], plan[HIDDEN2], plan[CLASSES]
    o1, o2 = at(work, plan[O1] + row * hidden1), at(work, plan[O2] + row * hidden2)
    d1, d2 = at(work, plan[D1] + row * hidden1), at(work, plan[D2] + row * hidden2)
    d3 = at(work, plan[D3] + row * classes)
    z = at(pointer(work, plan, LOGITS), (first - (first - row) * plan[OVER]) * classes)
    forward_tile(first, rows, work, plan, o1, o2, z)
    labels = at(pointer(plan, plan, LABELS), first)
    loss = entropy_gradient_rows(z, labels, rows, classes, d3, 1)
    w2, w3, zeros = pointer(work, plan, W2), pointer(work, plan, W3), at(work, plan[ZEROS])
    back(d3, rows, classes, w3, hidden2, at(work, plan[TAIL3]), zeros, d2)
    _switch_off(d2, o2, rows * hidden2)
    back(d2, rows, hidden2, w2, hidden1, at(work, plan[TAIL2]), zeros, d1)
    _switch_off(d1, o1, rows * hidden1)
    return loss


@linked()
def _switch_off(d: Pointer, o: Pointer, count: int) -> None:
    """d = 0 where o <= 0: a select, not a product, so that NaN becomes zero too."""
    # a load before the comparison becomes a select; a branch would be mispredicted: about half of
    # the units are off
    for k in range(count):
        value = d[k]
        d[k] = 0 if o[k] <= 0 else value


@linked()
def _panel_task(
    task: int, first: int, rows: int, work: Pointer, plan: Integers, ending: int, factor: Scalar
) -> None:
    """What a chunk of rows adds to one panel of a weight gradient; the last task is the biases."""
    more, panel = min(first, 1), task
    for layer in range(3):
        features, units = plan[FEATURES + layer], plan[HIDDEN1 + layer]
        panels = panels_of(work, features)
        if panel < panels:
            x = at(pointer(work, plan, X), first * features)
            weights_panel(
                at(work, plan[D1 + layer]), units,
                x if layer == 0 else at(work, plan[O1 + layer - 1]), features, rows, panel,
                pointer(work, plan, G1 + 2 * layer), more, at(work, plan[ZEROS]),
                ending, pointer(work, plan, W1 + 2 * layer), factor,
            )  # fmt: skip
            return
        panel -= panels
    for layer in range(3):
        sum_rows(
            at(work, plan[D1 + layer]), rows, plan[HIDDEN1 + layer],
            pointer(work, plan, C1 + 2 * layer), more,
            ending, pointer(work, plan, B1 + 2 * layer), factor,
        )  # fmt: skip


@helper()
def _panel_tasks(work: Pointer, plan: Integers) -> int:
    panels = panels_of(work, plan[FEATURES]) + panels_of(work, plan[HIDDEN1])
    return panels + panels_of(work, plan[HIDDEN2]) + 1


@linked(divided=True)
def _train_all(
    number: int, _count: int, threads: int, state: Integers, work: Pointer, plan: Integers,
    factor: Scalar,
) -> None:  # fmt: skip
    """All phases as one thread goes through them: of every chunk its tiles, then its panels."""
    begin_all(number, threads, state, work, plan, RECTIFIED, at(work, plan[O1]))
    batch, chunk, losses = plan[BATCH], plan[ROWS], pointer(work, plan, LOSSES)
    tile = tile_rows(batch)
    panels = _panel_tasks(work, plan)
    phase = 1
    for first in range(0, max(batch, 1), chunk):
        end = min(first + chunk, batch)
        tiles = (end - first + tile - 1) // tile
        task = claim_task(state, phase, number, threads, tiles)
        while task < tiles:
            here = first + task * tile
            rows = min(tile, end - here)
            losses[here // tile] = _training_tile(here, here - first, rows, work, plan)
            finish_task(state, phase, threads)
            task = claim_task(state, phase, number, threads, tiles)
        wait_for_tasks(state, phase, threads, tiles)
        phase += 1
        ending = plan[ENDING] if end == batch else PLAIN
        task = claim_task(state, phase, number, threads, panels)
        while task < panels:
            _panel_task(task, first, end - first, work, plan, ending, factor)
            finish_task(state, phase, threads)
            task = claim_task(state, phase, number, threads, panels)
        # the next chunk takes the place of this one
        wait_for_tasks(state, phase, threads, panels)
        phase += 1


@helper()
def train(
    inputs: Array, parameters: Any, labels: Array, logits: Array, results: Any,
    ending: int, factor: Any,
) -> Any:  # fmt: skip
    """Logits, and gradients (PLAIN) or new parameters (STEPPED); gives the summed loss.

    ``parameters`` are (w1, b1, w2, b2, w3, b3), ``results`` what has their shapes. Where there is
    memory for the logits of a chunk alone, each chunk writes over the one before.
    """
    plan = planned(inputs, parameters)
    batch, chunk = plan[BATCH], plan[ROWS]
    refuse_labels(labels, plan[CLASSES])
    memory = np.empty(plan[END] + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    tiles = (batch + tile_rows(batch) - 1) // tile_rows(batch)
    losses = np.empty(tiles, inputs.dtype)
    g1, c1, g2, c2, g3, c3 = results
    plan[LABELS], plan[LOSSES], plan[LOGITS] = address(labels), address(losses), address(logits)
    plan[G1], plan[G2], plan[G3] = address(g1), address(g2), address(g3)
    plan[C1], plan[C2], plan[C3] = address(c1), address(c2), address(c3)
    plan[OVER], plan[ENDING] = 0 if logits.shape[0] == batch else 1, ending
    phases = 1 + 2 * max((batch + chunk - 1) // chunk, 1)
    threads = 1 if run_serially(plan) else num_threads()
    state = counters(phases, threads)
    _train_all(threads, 1, threads, state, work, plan, factor)
    loss = inputs.dtype.type(0)
    for k in range(tiles):
        loss += losses[k]
    return loss
