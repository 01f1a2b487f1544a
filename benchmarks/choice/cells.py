"""Timings of every operation at a few sizes, as choices in wisdom folders.

One thread and both dtypes at all sizes, all threads too, and at one batch other strides and
options; then once more what was timed first, in a folder of its own. What a folder holds already
is not measured again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import einbench
from einbench.choose.environment import environment, threads
from einbench.choose.signature import Signature, signature
from einbench.choose.wisdom import wisdom
from einbench.host.machine import limit_threads, usable_threads

BATCHES = (1, 16, 256, 2048, 16384)
#: where other shapes, strides and options are tried
BATCH = 256
_BUDGET_S = 0.25
_SPIN_S = 0.1
_BUSY_S = 0.05


class Cell(NamedTuple):
    """What is measured at once."""

    operation: einbench.Operation
    arrays: Mapping[str, np.ndarray]
    options: Mapping[str, str]
    threads: int


def measure(folder: Path, *, once: bool = False) -> None:
    """Every cell, or with ``once`` those of one thread, one dtype and C order only."""
    os.environ["EINBENCH_WISDOM"] = str(folder)
    for op in einbench.operations.values():
        for cell in _cells(op, once):
            _measure(cell)


def _measure(cell: Cell) -> None:
    op = cell.operation
    with limit_threads(cell.threads):
        bound = op.bind(**cell.arrays, **cell.options)
        asked, here = signature(op, bound, threads()), environment(op)
        if any(choice.signature == asked for choice in wisdom().book(op.name).of(here)):
            return
        given: dict[str, Any] = {**cell.arrays, **cell.options}
        choice = einbench.fastest(op, **given, budget_s=_BUDGET_S, again=True)
    print(op.name, *(f"{axis} {size}" for axis, size in asked.sizes), asked.dtype, asked.layout,
          asked.threads.blas, "->", choice.kernel.method, flush=True)  # fmt: skip


def _drawn(
    op: einbench.Operation, shape: Mapping[str, int], dtype: str = "float32"
) -> Mapping[str, Any]:
    sizes = {axis: size for axis, size in shape.items() if axis != "batch"}
    return op.draw(shape["batch"], dtype, **sizes)


def _cells(op: einbench.Operation, once: bool) -> Iterator[Cell]:
    shapes: list[dict[str, int]] = [{"batch": batch} for batch in BATCHES]
    shapes.append({"batch": BATCH, **{axis: _other(size) for axis, size in op.sizes.items()}})
    for shape in shapes:
        yield Cell(op, _drawn(op, shape), {}, 1)
    if once:
        return
    for shape in shapes:
        yield Cell(op, _drawn(op, shape, "float64"), {}, 1)
        if usable_threads() > 1:
            yield Cell(op, _drawn(op, shape), {}, usable_threads())
    drawn = op.draw(batch=BATCH)
    strided = {name: np.asfortranarray(array) for name, array in drawn.items()}
    yield Cell(op, strided, {}, 1)
    for name, (_, *others) in op.options.items():
        for other in others:
            yield Cell(op, drawn, {name: other}, 1)


def _other(size: int) -> int:
    """Another shape: wide axes become narrower, narrow ones wider."""
    return size // 4 if size > 100 else 8 * size


def records(folder: Path) -> Iterator[tuple[str, Any]]:
    """(operation, remembered choice) of all that was measured here."""
    os.environ["EINBENCH_WISDOM"] = str(folder)
    for name, op in einbench.operations.items():
        for choice in wisdom().book(name).of(environment(op)):
            yield name, choice


def helped(kernel: einbench.Kernel, asked: Signature) -> float:
    """Share of a kernel's processor time that other threads than the caller's spend.

    Of processor time, for cores that others use too do not change it.
    """
    sizes = dict(asked.sizes)
    batch = sizes.pop("batch", None)
    arrays = list(kernel.operation.draw(batch, asked.dtype, **sizes).values())
    options = dict(asked.options)
    with limit_threads(usable_threads()):
        kernel.function(*arrays, **options)
        # threads of a library may spin for a while after its last call
        time.sleep(_SPIN_S)
        end_s = time.perf_counter() + _BUSY_S
        start_s, start_own_s = time.process_time(), time.thread_time()
        while time.perf_counter() < end_s:
            kernel.function(*arrays, **options)
        own_s, all_s = time.thread_time() - start_own_s, time.process_time() - start_s
        return 1 - own_s / all_s
