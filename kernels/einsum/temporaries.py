"""Bytes that a kernel allocates beside operands and result, known before it allocates any.

    path       what earlier steps leave and later ones need, the result and temporaries of a step
    blocked    what is left to later jobs, and the scratch of each thread
    matmul     what is copied before the product or after it
    broadcast  two products of operands, one made from the other
    numba      operands that are copied to the order of the loops

NumPy's own kernels declare none: what they copy is decided in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from einbench.einsum import machine, pairs, rates, rule
from einbench.einsum.kernels import MEASURED
from einbench.einsum.language import parse
from einbench.einsum.nest import ANY_SIZES, Nest, nest
from einbench.einsum.normal import normalise
from einbench.einsum.products import product
from einbench.einsum.program import program
from einbench.einsum.shapes import Contraction, Indices, bind
from einbench.einsum.task import Refusal, Task, in_order

#: of a thread of the machine: panels of a product's operands and result
_PANELS_BYTES = 1 << 17


def elements(text: str, shapes: Sequence[tuple[int, ...]], dtype: Any, name: str) -> float:
    """Elements of this dtype for operands of these shapes in C order, sums of one among them."""
    contraction, kind = bind(parse(text), shapes), np.dtype(dtype)
    if 0 in contraction.sizes:
        return 0.0
    normal = normalise(contraction, [_like(shape, kind) for shape in shapes], kind)
    inner, item = normal.contraction, kind.itemsize
    strides = tuple(in_order(inner.shape(each), item) for each in inner.inputs)
    task = Task(inner, kind, strides, in_order(inner.out_shape, item))
    before = sum(
        _count(inner, each)
        for each, ready in zip(inner.inputs, normal.ready, strict=True)
        if ready.summed is not None
    )
    after = 0 if normal.kept is None else prod(inner.out_shape)
    return before + after + bytes_of(task, name) / item


def _like(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """An array with the strides of one in C order, and the memory of one element."""
    return np.lib.stride_tricks.as_strided(
        np.empty((), dtype), shape, in_order(shape, dtype.itemsize)
    )


def bytes_of(task: Task, name: str) -> int:
    """Of a kernel, by name, for a task; 0 where it computes none."""
    name, rank = pairs.order_of(name)
    try:
        if name == "path":
            return _path(task, rank)
        if name == "blocked":
            return _blocked(task, rank)
        if name == "matmul":
            return _matmul(task)
    except Refusal:
        return 0
    if name == "broadcast":
        return _broadcast(task)
    if name in ("loop", "numba", "numba_parallel"):
        return max(_copied(task, nest(task)), _copied(task, nest(task, ANY_SIZES)))
    return 0


def _copied(task: Task, loops: Nest) -> int:
    laid = zip(task.contraction.inputs, loops.operands, strict=True)
    copied = sum(_count(task.contraction, own) for own, each in laid if each.copied)
    return copied * task.dtype.itemsize


def _count(contraction: Contraction, indices: Indices) -> int:
    return prod(contraction.shape(indices))


def _path(task: Task, rank: int) -> int:
    """The most that is there in any step; what a step has read is let go after it."""
    held = [0] * len(task.strides)
    most = 0
    steps = pairs.steps_of(task, rank)
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        made = 0 if last else prod(step.task.contraction.out_shape) * task.dtype.itemsize
        names = {rule.choose(step.task)[0], rule.choose_common(step.task)[0]}
        names |= {name for ask in MEASURED if (name := ask(step.task)) is not None}
        within = max(bytes_of(step.task, name) for name in names)
        most = max(most, sum(held) + made + within)
        for place in (step.second, step.first):
            del held[place]
        held.append(made)
    return most


def _blocked(task: Task, rank: int) -> int:
    made = program(task, rank)
    rows = made.table[: made.jobs * machine.JOB_FIELDS].reshape(-1, machine.JOB_FIELDS)
    scratch, item = int(rows[:, 2].max()), task.dtype.itemsize
    return made.shared * item + rates.threads() * (scratch * item + _PANELS_BYTES)


def _matmul(task: Task) -> int:
    plan = product(task)
    contraction = task.contraction
    first, second = contraction.inputs[:: -1 if plan.swapped else 1]
    whole = ((plan.left, first), (plan.right, second), (plan.out, contraction.output))
    copied = sum(_count(contraction, own) for matrix, own in whole if matrix.copied)
    return copied * task.dtype.itemsize


def _broadcast(task: Task) -> int:
    """The last product is made in the result where nothing is summed."""
    contraction = task.contraction
    *inputs, last = contraction.inputs
    if task.summed:
        inputs.append(last)
    seen: set[int] = set(inputs[0]) if inputs else set()
    most = before = 0
    for each in inputs[1:]:
        seen |= set(each)
        made = _count(contraction, tuple(seen))
        most, before = max(most, before + made), made
    return most * task.dtype.itemsize
