"""One linear layer on threads: its outputs, and the gradients of its inputs and its weights.

Threads take tiles of rows, or panels of the weights; every sum is taken in the order of the summed
index, on however many threads.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from einbench.jit.bodies import helper
from einbench.jit.claiming import claim_task, finish_task, wait_for_tasks
from einbench.jit.gemm.block import NON_TEMPORAL, PLAIN, gathering_down
from einbench.jit.gemm.dot import dots
from einbench.jit.gemm.products import (
    back_panel,
    forward,
    gather,
    own_tasks,
    own_width,
    pack_panel,
    pad,
    padded,
    panel_width,
    panels_of,
    units_forward,
    weights_panel,
)
from einbench.jit.linked import Integers, Pointer, at, elements_to_line, fresh, linked
from einbench.jit.simd.columns import weighted_sums
from einbench.jit.simd.elementwise import copy_non_temporal, scaled_of
from einbench.jit.simd.registers import lanes

Array = npt.NDArray[Any]

#: fewer rows than these are multiplied with the weights as they are, and fewer than MANY by threads
#: that share the units; more are shared themselves
FEW, MANY = 16, 512
#: rows of a tile, and rows of weights that a task of few rows takes
_TILE, _UNITS = 64, 16
#: below so many bytes of weights, times rows, one thread takes some microseconds
_SERIAL_BYTES = 250_000
#: for inputs' gradients fewer than these are multiplied with one panel of weights after the other
_MANY_GATHERED = 192


@helper()
def run_serially(like: Array, batch: int, units: int, features: int) -> bool:
    """Whether one thread takes less time than waking another."""
    return batch * units * features * like.itemsize < _SERIAL_BYTES


@helper()
def packed_elements(like: Pointer, batch: int, units: int, features: int) -> int:
    """Memory of `outputs_all` for the bias and packed weights, where threads share those."""
    return padded(like, units) * (1 + features) if batch >= MANY else 1


@helper()
def on_lines(matrix: Pointer, columns: int) -> bool:
    """Whether vectors of all rows lie within a line, so that non-temporal stores can be used."""
    return elements_to_line(matrix) == 0 and columns % lanes(matrix) == 0


@linked(divided=True)
def outputs_all(
    number: int, _count: int, threads: int, state: Integers,
    x: Pointer, w: Pointer, bias: Pointer,
    batch: int, units: int, features: int, work: Pointer, z: Pointer,
) -> None:  # fmt: skip
    """Z[b, u] = sum_f X[b, f] W[u, f] + bias[u], as one thread goes through its phases."""
    if batch < FEW:
        tasks = (units + _UNITS - 1) // _UNITS
        task = claim_task(state, 1, number, threads, tasks)
        while task < tasks:
            u = task * _UNITS
            count = min(_UNITS, units - u)
            own, there = at(w, u * features), at(z, u)
            dots(batch, count, x, features, own, features, features, at(bias, u), there, units, 0)
            task = claim_task(state, 1, number, threads, tasks)
    elif batch < MANY:
        memory = fresh(x, own_width(x) * features + 16)
        packed, begun = memory[elements_to_line(memory) :], fresh(x, padded(x, units))
        pad(bias, units, begun)
        tasks = own_tasks(x, units)
        task = claim_task(state, 1, number, threads, tasks)
        while task < tasks:
            units_forward(task, x, batch, features, w, begun, units, packed, z, PLAIN)
            task = claim_task(state, 1, number, threads, tasks)
    else:
        tasks = (batch + _TILE - 1) // _TILE
        wide = padded(x, units)
        packed = at(work, wide)
        panels = 1 + panels_of(x, units)
        task = claim_task(state, 0, number, threads, panels)
        while task < panels:
            if task == 0:
                pad(bias, units, work)
            else:
                pack_panel(w, units, features, packed, task - 1)
            finish_task(state, 0, threads)
            task = claim_task(state, 0, number, threads, panels)
        wait_for_tasks(state, 0, threads, panels)
        task = claim_task(state, 1, number, threads, tasks)
        while task < tasks:
            b = task * _TILE
            own, there = at(x, b * features), at(z, b * units)
            forward(own, min(_TILE, batch - b), features, packed, work, units, there, PLAIN)
            task = claim_task(state, 1, number, threads, tasks)


@helper()
def inputs_elements(like: Pointer, batch: int, units: int, features: int) -> int:
    """Memory of `inputs_all` for packed weights."""
    return units * padded(like, features) if batch >= _MANY_GATHERED else 1


@linked(divided=True)
def inputs_all(
    number: int, _count: int, threads: int, state: Integers,
    d: Pointer, w: Pointer, batch: int, units: int, features: int,
    zeros: Pointer, work: Pointer, dx: Pointer, non_temporal: int,
) -> None:  # fmt: skip
    """dX[b, f] = sum_u dZ[b, u] W[u, f], as one thread goes through its phases."""
    size = lanes(d)
    if batch == 1:
        vectors = padded(d, features) // size
        task = claim_task(state, 1, number, threads, threads)
        while task < threads:
            first = task * vectors // threads * size
            end = min((task + 1) * vectors // threads * size, features)
            weighted_sums(d, at(w, first), units, features, end - first, at(dx, first))
            task = claim_task(state, 1, number, threads, threads)
        return
    panels = panels_of(d, features)
    if batch < _MANY_GATHERED:
        # a panel of weights for all rows
        memory = fresh(d, units * 3 * size + 16)
        packed = memory[elements_to_line(memory) :]
        task = claim_task(state, 1, number, threads, panels)
        while task < panels:
            first, width = task * 3 * size, panel_width(w, features, task)
            if first + width <= features:
                gathering_down(
                    batch, width // size, d, units, 1, at(w, first), features,
                    at(dx, first), features, zeros, units, packed,
                )  # fmt: skip
            else:
                gather(w, units, features, task, packed)
                back_panel(d, batch, units, packed, task, features, zeros, dx, PLAIN)
            task = claim_task(state, 1, number, threads, panels)
        return
    task = claim_task(state, 0, number, threads, panels)
    while task < panels:
        gather(w, units, features, task, at(work, task * 3 * size * units))
        finish_task(state, 0, threads)
        task = claim_task(state, 0, number, threads, panels)
    wait_for_tasks(state, 0, threads, panels)
    tasks = (batch + _TILE - 1) // _TILE
    ending = NON_TEMPORAL if non_temporal != 0 and on_lines(dx, features) else PLAIN
    copied = non_temporal != 0 and ending == PLAIN
    scratch = fresh(d, _TILE * features if copied else 1)
    task = claim_task(state, 1, number, threads, tasks)
    while task < tasks:
        b = task * _TILE
        rows = min(_TILE, batch - b)
        own, there = at(d, b * units), at(dx, b * features)
        made = at(scratch, 0) if copied else there
        for panel in range(panels):
            packed_here = at(work, panel * 3 * size * units)
            back_panel(own, rows, units, packed_here, panel, features, zeros, made, ending)
        if copied:
            copy_non_temporal(scratch, rows * features, there)
        task = claim_task(state, 1, number, threads, tasks)


@linked(divided=True)
def weights_all(
    number: int, _count: int, threads: int, state: Integers,
    x: Pointer, d: Pointer, batch: int, units: int, features: int,
    zeros: Pointer, dw: Pointer,
) -> None:  # fmt: skip
    """dW[u, f] = sum_b dZ[b, u] X[b, f] of not too many rows, as one thread takes its tasks."""
    if batch == 1:
        tasks = (units + _UNITS - 1) // _UNITS
        task = claim_task(state, 0, number, threads, tasks)
        while task < tasks:
            for u in range(task * _UNITS, min((task + 1) * _UNITS, units)):
                scaled_of(x, d[u], features, at(dw, u * features))
            task = claim_task(state, 0, number, threads, tasks)
        return
    tasks = panels_of(x, features)
    task = claim_task(state, 0, number, threads, tasks)
    while task < tasks:
        weights_panel(d, units, x, features, batch, task, dw, 0, zeros, PLAIN, dw, 0)
        task = claim_task(state, 0, number, threads, tasks)
