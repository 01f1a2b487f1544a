"""Two operands as one matrix product, or a stack of them, that copies only what it must.

Indices are of four groups: in both operands and the result (a stack), in both alone (summed), and
in one operand and the result (rows, columns). A group is one axis of a matrix where its indices lie
behind each other; of the orders in which they may, the one that copies least is taken.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from einbench.einsum import rates
from einbench.einsum.shapes import Indices
from einbench.einsum.task import Array, Refusal, Run, Task, by_memory


@dataclass(frozen=True)
class Groups:
    """Indices of a contraction of two operands, by where they are."""

    stack: Indices
    rows: Indices
    summed: Indices
    columns: Indices

    def stacking(self, moved: Indices) -> Groups:
        """The same with these rows or columns in the stack."""
        rows = tuple(i for i in self.rows if i not in moved)
        columns = tuple(i for i in self.columns if i not in moved)
        return Groups((*self.stack, *moved), rows, self.summed, columns)


def groups_of(task: Task) -> Groups:
    """The four groups.

    Raises:
        Refusal: there are not two operands, or an operand has an index of its own that is summed.
    """
    if len(task.strides) != 2:
        raise Refusal("a matrix product has two operands")
    left, right = task.contraction.inputs
    output = task.contraction.output
    if any(i not in right and i not in output for i in left) or any(
        i not in left and i not in output for i in right
    ):
        raise Refusal("an index is summed in one operand alone")
    return Groups(
        tuple(i for i in output if i in left and i in right),
        tuple(i for i in left if i not in right),
        tuple(i for i in left if i in right and i not in output),
        tuple(i for i in right if i not in left),
    )


@dataclass(frozen=True)
class Matrix:
    """How an array becomes a stack of matrices: axes in this order, then this shape."""

    order: tuple[int, ...]
    shape: tuple[int, ...]
    copied: bool

    def step(self, shape: tuple[int, ...]) -> Callable[[Array], Array] | None:
        """What makes the stack of an array of that shape: a view, or a copy in C order where the
        axes do not fit; None where it is one already.
        """
        order, whole = self.order, self.shape
        if order == tuple(range(len(order))):
            if whole == shape and not self.copied:
                return None
            if not self.copied:
                return lambda array: array.reshape(whole)
        elif not self.copied:
            if whole == tuple(shape[axis] for axis in order):
                return lambda array: array.transpose(order)
            return lambda array: array.transpose(order).reshape(whole)
        return lambda array: np.ascontiguousarray(array.transpose(order)).reshape(whole)


@dataclass(frozen=True)
class Product:
    """left @ right in the result's order, or both the other way round."""

    left: Matrix
    right: Matrix
    out: Matrix
    swapped: bool
    #: seconds that it is expected to take
    seconds: float


@functools.lru_cache(maxsize=2048)
def product(task: Task) -> Product:
    """The product that is expected to take the least time.

    Where something must be copied, products are tried as well that have an index of one operand in
    their stack: the other operand is repeated along it, and nothing of it is copied.

    Raises:
        Refusal: it is none.
    """
    groups = groups_of(task)
    made = list(_products(task, groups))
    if all(each.left.copied or each.right.copied or each.out.copied for each in made):
        own = (*groups.rows, *groups.columns)
        for count in (1, 2):
            for moved in itertools.combinations(own, count):
                made += _products(task, groups.stacking(moved))
    return min(made, key=lambda each: each.seconds)


rates.on_change.append(product.cache_clear)


def _products(task: Task, groups: Groups) -> Iterator[Product]:
    orders = (
        _orders(task, groups.rows, (0, -1)),
        _orders(task, groups.summed, (0, 1)),
        _orders(task, groups.columns, (1, -1)),
    )
    for rows, summed, columns in itertools.product(*orders):
        for swapped in (False, True):
            yield _product(task, Groups(groups.stack, rows, summed, columns), swapped=swapped)


def _orders(task: Task, group: Indices, numbers: tuple[int, ...]) -> list[Indices]:
    """Orders of a group: as each of these arrays has them in memory."""
    found = (tuple(i for i in by_memory(task.of(n)) if i in group) for n in numbers)
    return list(dict.fromkeys(found))


def _product(task: Task, groups: Groups, *, swapped: bool) -> Product:
    rows, columns = groups.rows, groups.columns
    if swapped:
        left = _matrix(task, 1, groups.stack, columns, groups.summed)
        right = _matrix(task, 0, groups.stack, groups.summed, rows)
        out = _matrix(task, -1, groups.stack, columns, rows)
    else:
        left = _matrix(task, 0, groups.stack, rows, groups.summed)
        right = _matrix(task, 1, groups.stack, groups.summed, columns)
        out = _matrix(task, -1, groups.stack, rows, columns)
    whole = [(left, int(swapped)), (right, 1 - int(swapped)), (out, -1)]
    sizes = task.contraction.shape
    copied = sum(prod(sizes(tuple(task.of(n)))) for m, n in whole if m.copied)
    stack, summed = prod(sizes(groups.stack)), prod(sizes(groups.summed))
    seconds = rates.product(
        stack, prod(sizes(rows)), summed, prod(sizes(columns)), copied, task.dtype
    )
    return Product(left, right, out, swapped, seconds)


def _matrix(task: Task, number: int, stack: Indices, rows: Indices, columns: Indices) -> Matrix:
    indices = task.contraction.output if number < 0 else task.contraction.inputs[number]
    sizes, steps = task.contraction.sizes, task.of(number)
    order = tuple(indices.index(i) for i in (*stack, *rows, *columns) if i in indices)
    shape = (
        # an operand that lacks an index of the stack is repeated along it
        *(sizes[i] if i in indices else 1 for i in stack),
        prod(sizes[i] for i in rows),
        prod(sizes[i] for i in columns),
    )
    first, last = (_step(group, steps, sizes) for group in (rows, columns))
    return Matrix(order, shape, not _fits(shape, first, last, task.dtype.itemsize, number < 0))


def _step(group: Indices, steps: dict[int, int], sizes: tuple[int, ...]) -> int | None:
    """Stride of a group as one axis; None where it is none, 0 where it has no index."""
    for first, second in itertools.pairwise(group):
        if steps[first] != steps[second] * sizes[second]:
            return None
    return steps[group[-1]] if group else 0


def _fits(
    shape: tuple[int, ...], first: int | None, last: int | None, itemsize: int, written: bool
) -> bool:
    """Whether BLAS takes a matrix of these strides; the result with its columns contiguous."""
    if first is None or last is None:
        return False
    rows, columns = shape[-2:]
    by_rows = (columns == 1 or last == itemsize) and (rows == 1 or first >= columns * itemsize)
    by_columns = (rows == 1 or first == itemsize) and (columns == 1 or last >= rows * itemsize)
    if columns == 1 or rows == 1:
        step = first if columns == 1 else last
        return rows * columns == 1 or step == itemsize or (step > 0 and not written)
    return by_rows or (by_columns and not written)


def matmul(task: Task) -> Run:
    """`numpy.matmul` on views, and on copies where there is no view.

    Raises:
        Refusal: it is no product.
    """
    plan = product(task)
    first, second = (1, 0) if plan.swapped else (0, 1)
    shape, inputs = task.contraction.shape, task.contraction.inputs
    left = plan.left.step(shape(inputs[first]))
    right = plan.right.step(shape(inputs[second]))
    order = plan.out.order
    if plan.out.copied:
        inner = tuple(shape(tuple(task.contraction.output[i] for i in order)))

        def run_and_copy(arrays: Sequence[Array], result: Array) -> None:
            a, b = arrays[first], arrays[second]
            found = np.matmul(a if left is None else left(a), b if right is None else right(b))
            np.copyto(result.transpose(order), found.reshape(inner))

        return run_and_copy
    out = plan.out.step(task.contraction.out_shape)
    if left is None and right is None and out is None:
        if plan.swapped:
            return lambda arrays, result: np.matmul(arrays[1], arrays[0], out=result)
        return lambda arrays, result: np.matmul(arrays[0], arrays[1], out=result)

    def run(arrays: Sequence[Array], result: Array) -> None:
        a, b = arrays[first], arrays[second]
        np.matmul(
            a if left is None else left(a), b if right is None else right(b),
            out=result if out is None else out(result),
        )  # fmt: skip

    return run


def tensordot(task: Task) -> Run:
    """`numpy.tensordot`, where no index is in both operands and the result.

    Raises:
        Refusal: one is, or it is no product.
    """
    groups = groups_of(task)
    if groups.stack:
        raise Refusal("an index of both operands is kept, which tensordot cannot")
    left, right = task.contraction.inputs
    axes = ([left.index(i) for i in groups.summed], [right.index(i) for i in groups.summed])
    made = (*groups.rows, *groups.columns)
    order = tuple(made.index(i) for i in task.contraction.output)

    def run(arrays: Sequence[Array], result: Array) -> None:
        np.copyto(result, np.tensordot(arrays[0], arrays[1], axes).transpose(order))

    return run


def broadcast(task: Task) -> Run:
    """Operands multiplied entry by entry along all indices, then summed."""
    output = task.contraction.output
    indices = (*output, *task.summed)
    add = np.logical_or if task.dtype.kind == "b" else np.add
    axes = tuple(range(len(output), len(indices)))
    views = []
    for each in task.contraction.inputs:
        order = tuple(each.index(i) for i in indices if i in each)
        where = tuple(slice(None) if i in each else None for i in indices)
        views.append((order, where))

    def run(arrays: Sequence[Array], result: Array) -> None:
        given = [
            a.transpose(order)[(*where, ...)]
            for a, (order, where) in zip(arrays, views, strict=True)
        ]
        total = given[0]
        for each in given[1:-1] if not axes else given[1:]:
            total = np.multiply(total, each)
        if axes:
            whole = np.broadcast_to(total, task.contraction.shape(indices))
            add.reduce(whole, axis=axes, dtype=task.dtype, out=result)
        elif len(given) > 1:
            np.multiply(total, given[-1], out=result)
        else:
            np.copyto(result, total)

    return run
