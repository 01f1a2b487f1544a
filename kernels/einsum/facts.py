"""What judges the kernels of a contraction, as its letters say: truth, scale, probes, FLOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from einbench import draws, wide
from einbench.einsum.language import parse
from einbench.einsum.named import as_letters
from einbench.einsum.shapes import Contraction, Indices, bind
from einbench.einsum.task import Array, Task, in_order

if TYPE_CHECKING:
    from collections.abc import Callable

#: products up to which a plain product in longdouble is quicker than one in parts
_SMALL = 1 << 21


def contraction(text: str, *names: str) -> dict[str, Any]:
    """Arguments of an `Operation` that follow from its expression with named axes.

    ``**contraction("batch units, units features -> batch features", "dlogits", "weights")``:
    independent and added axes, terms, limits, FLOPs, reference, scale, and exact probes of those
    inputs.
    """
    named = as_letters(text)
    subscripts = parse(named.text)
    shown = bind(subscripts, [(1,) * len(each) for each in subscripts.inputs])
    return facts(shown, list(named.names.values()), names)


def facts(shown: Contraction, axes: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The same, where the indices are called by these axes, and the operands by these names."""
    summed = [axes[i] for i in range(len(axes)) if i not in shown.output]
    factors = len(shown.inputs)

    def terms(sizes: Mapping[str, int]) -> float:
        return float(prod(sizes[axis] for axis in summed)) + max(factors - 2, 0)

    def exact(
        rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
    ) -> dict[str, Array]:
        bound = _bound(dtype, terms(sizes), factors)
        shapes = [tuple(sizes[axes[i]] for i in each) for each in shown.inputs]
        return {
            name: draws.integers(rng, shape, dtype, bound)
            for name, shape in zip(names, shapes, strict=True)
        }

    reference = partial(reference_of, shown)
    return {
        "independent": tuple(axes[i] for i in shown.output),
        "added": tuple(summed),
        "terms": terms,
        "tied_limit": lambda terms: 4 + terms / 2,
        "flops": partial(_flops, shown, tuple(axes)),
        "reference": reference,
        "scale": lambda y, *operands: reference(*map(np.abs, operands)),
        "exact": exact,
    }


def _bound(dtype: np.dtype[Any], terms: float, factors: int) -> int:
    """Largest magnitude of integers whose sums of so many products of them stay exact.

    Products in float64 go beyond 2^24, or a float32 in the middle would be exact as well.
    """
    single = dtype == np.float32
    most = ((2.0**24 - 1 if single else 2.0**52) / max(terms, 1.0)) ** (1 / factors)
    if factors > 1:
        most = min(most, 3 if single else 2**20)
    return max(1, int(most))


def _flops(shown: Contraction, axes: Sequence[str], sizes: Mapping[str, int]) -> float:
    """Multiplications and additions of the best order of two operands at a time."""
    if any(sizes[axis] == 0 for axis in axes):
        return 0.0
    whole = Contraction(shown.inputs, shown.output, tuple(sizes[axis] for axis in axes))
    task = task_of(whole)
    if len(whole.inputs) < 3:
        return float(_operations(task))
    from einbench.einsum.pairs import orders_of

    return float(min(sum(_operations(step.task) for step in order) for order in orders_of(task)))


def _operations(task: Task) -> int:
    added = 1 if task.summed else 0
    return task.contraction.iterations * (len(task.strides) - 1 + added)


def task_of(contraction: Contraction) -> Task:
    """For operands in C order; a repeated index stands once."""
    inputs = tuple(tuple(dict.fromkeys(each)) for each in contraction.inputs)
    strides = tuple(in_order(contraction.shape(each), 4) for each in inputs)
    once = Contraction(inputs, contraction.output, contraction.sizes)
    return Task(once, np.dtype(np.float32), strides, in_order(once.out_shape, 4))


def reference_of(shown: Contraction, *operands: Array) -> Array:
    """Two operands at a time, in their precision: loops over all indices would take hours."""
    rest: list[tuple[Indices, Array]] = []
    for number, (indices, array) in enumerate(zip(shown.inputs, operands, strict=True)):
        others = {*shown.output, *(i for n, e in enumerate(shown.inputs) if n != number for i in e)}
        rest.append(_alone(indices, array, others))
    order = _order(shown, operands) if len(rest) > 2 else [(0, 1)] * (len(rest) - 1)
    for one, other in order:
        right, left = rest.pop(other), rest.pop(one)
        kept = {*shown.output, *(i for indices, _ in rest for i in indices)}
        rest.append(_pair(left, right, kept))
    ((indices, array),) = rest
    return np.array(array.transpose([indices.index(i) for i in shown.output]))


def _order(shown: Contraction, operands: Sequence[Array]) -> list[tuple[int, int]]:
    """Places of two operands at a time, as NumPy's greedy search takes them."""
    steps = np.einsum_path(shown.text, *operands, optimize=("greedy", 2**62))[0][1:]
    found, count = [], len(operands)
    for step in steps:
        places = sorted(step)
        while len(places) > 1:  # it may take several at once
            one, other = places[0], places[1]
            found.append((one, other))
            count -= 1
            places = [*(p - (p > one) - (p > other) for p in places[2:]), count - 1]
    return found


def _alone(indices: Indices, array: Array, kept: set[int]) -> tuple[Indices, Array]:
    """One operand: diagonals taken, and sums over what no other has."""
    once = tuple(dict.fromkeys(indices))
    if once != indices:
        array = np.einsum(array, list(indices), list(once))
    axes = tuple(n for n, i in enumerate(once) if i not in kept)
    return tuple(i for i in once if i in kept), array.sum(axis=axes) if axes else array


def _pair(
    left: tuple[Indices, Array], right: tuple[Indices, Array], kept: set[int]
) -> tuple[Indices, Array]:
    """A stack of matrix products, and sums over what neither the result nor another needs."""
    (a, x), (b, y) = left, right
    stack = [i for i in a if i in b and i in kept]
    summed = [i for i in a if i in b and i not in kept]
    rows, columns = [i for i in a if i not in b], [i for i in b if i not in a]
    size = {**dict(zip(a, x.shape, strict=True)), **dict(zip(b, y.shape, strict=True))}

    def matrices(indices: Indices, array: Array, *groups: list[int]) -> Array:
        turned = array.transpose([indices.index(i) for group in groups for i in group])
        return turned.reshape([prod(size[i] for i in group) for group in groups])

    x = matrices(a, x, stack, rows, summed)
    y = matrices(b, y, stack, summed, columns)
    multiply: Callable[[Array, Array], Array] = np.matmul
    large = x.dtype.char == "g" and x.shape[1] * x.shape[2] * y.shape[2] > _SMALL
    if len(x) and (large or (len(x) == 1 and x.dtype == y.dtype == np.float64)):
        multiply = _one_by_one
    result = multiply(x, y)
    indices = (*stack, *rows, *columns)
    return indices, result.reshape([size[i] for i in indices])


def _one_by_one(x: Array, y: Array) -> Array:
    return np.stack([wide.matmul(one, other) for one, other in zip(x, y, strict=True)])
