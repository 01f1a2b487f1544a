"""A kernel's result for a call's own operands, compared with NumPy's in wider precision.

    error = max |y - reference| / (eps sum of |products|)

Of a large result a grid of entries is compared, the first and the last along every axis among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.task import Array, Task

#: products that the reference computes
MOST_PRODUCTS = 1 << 19
#: and elements of operands that are copied for it at a time
MOST_ELEMENTS = 1 << 20
#: a part of the sum of magnitudes that no rounding explains, however many terms there are
_MOST_PART = 1 / 16
_SEED = 0


class Wrong(Exception):  # noqa: N818 - a kernel's result, as `Judge` found it
    """What is wrong with it."""


class Judge:
    """The reference for one task and these operands; made once for all kernels."""

    def __init__(self, task: Task, operands: Sequence[Array]) -> None:
        contraction = task.contraction
        self._task = task
        picked = _picked(task)
        parts = [
            _part(array, [picked.get(i) for i in indices])
            for array, indices in zip(operands, contraction.inputs, strict=True)
        ]
        self._where = [picked.get(i) for i in contraction.output]
        kind = task.dtype.kind
        if kind in "biu":
            self._expected, self._most = _einsum(task, parts, None), 0.0
            return
        wide = _wide(task, prod(_size(i, n, picked) for i, n in enumerate(contraction.sizes)))
        with np.errstate(all="ignore"):
            self._expected, scale = _sums(task, parts, wide)
        facts = np.finfo(task.dtype)
        terms = prod(contraction.sizes[i] for i in task.summed) + len(parts)
        # twice where the reference is no wider than the result
        most = (4 + terms / 2) * (4 if kind == "c" else 1) * (2 if wide == task.dtype else 1)
        self._most = min(most, _MOST_PART / float(facts.eps))
        self._rounding = facts.eps * scale + float(facts.tiny) * terms

    def poison(self, out: Array) -> None:
        """Fill memory with what no right kernel leaves there."""
        if out.dtype.kind in "fc":
            out.fill(np.nan)
        else:
            first = self._expected.reshape(-1)[:1]
            out.fill(np.logical_not(first)[0] if out.dtype.kind == "b" else (first + 1)[0])

    def error(self, out: Array) -> float:
        """The largest error in units of rounding; of whole numbers 0.

        Raises:
            Wrong: a result is none that rounding explains.
        """
        found = _part(out, self._where)
        if self._task.dtype.kind in "biu":
            units = np.where(found == self._expected, 0, np.inf)
        else:
            with np.errstate(all="ignore"):
                units = np.asarray(np.abs(found - self._expected) / self._rounding)
                # where the reference overflows, all that can be said is that no number comes out
                both = ~np.isfinite(found) & ~np.isfinite(self._expected)
                units = np.where(both | (found == self._expected), 0, units)
        good = units <= self._most
        if good.all():
            return float(units.max())
        where = tuple(np.argwhere(~good)[0])
        place = [int(n if p is None else p[n]) for p, n in zip(self._where, where, strict=True)]
        said = f"wrong at {place}: {found[where]} in place of {self._expected[where]}"
        raise Wrong(f"{said}, {units[where]:,.0f} units of rounding")


def finite(operands: Sequence[Array]) -> tuple[Array, ...]:
    """These operands, read-only; what is infinite or NaN replaced by 1, in a copy of such strides.

    What kernels take for such numbers says nothing of those that other calls will have.
    """
    made = []
    for array in operands:
        if array.dtype.kind in "fc" and not _is_finite(array):
            array = _like(array)
        array = array.view()
        array.flags.writeable = False
        made.append(array)
    return tuple(made)


def _is_finite(array: Array) -> bool:
    """Without a mask of all entries, which takes memory: NaN is the least and the largest."""
    parts = (array.real, array.imag) if array.dtype.kind == "c" else (array,)
    return all(bool(np.isfinite(each.min()) and np.isfinite(each.max())) for each in parts)


def _like(array: Array) -> Array:
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.zeros(high - low, np.uint8)
    offset = array.__array_interface__["data"][0] - low
    copy: Array = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
    copy[...] = np.where(np.isfinite(array), array, 1)
    return copy


def _picked(task: Task) -> dict[int, npt.NDArray[np.intp]]:
    """Positions along indices of the result, where there would be too many products otherwise."""
    sizes = dict(enumerate(task.contraction.sizes))
    count = dict(sizes)
    free = [i for i in task.contraction.output if sizes[i] > 2]
    while prod(count.values()) > MOST_PRODUCTS and any(count[i] > 2 for i in free):
        largest = max(free, key=count.__getitem__)
        count[largest] = max(2, count[largest] // 2)
    rng = np.random.default_rng(_SEED)
    return {
        i: np.unique(np.r_[0, sizes[i] - 1, rng.integers(0, sizes[i], count[i] - 2)])
        for i in free
        if count[i] < sizes[i]
    }


def _part(array: Array, where: Sequence[npt.NDArray[np.intp] | None]) -> Array:
    for axis, positions in enumerate(where):
        if positions is not None:
            array = array.take(positions, axis)
    return array


def _size(index: int, size: int, picked: dict[int, npt.NDArray[np.intp]]) -> int:
    return len(picked[index]) if index in picked else size


def _wide(task: Task, products: int) -> np.dtype[Any]:
    """longdouble is as slow as loops: of long sums it computes none."""
    if task.dtype.itemsize <= (8 if task.dtype.kind == "c" else 4):
        return np.result_type(task.dtype, np.float64)
    long = products <= 4 * MOST_PRODUCTS
    return np.result_type(task.dtype, np.longdouble) if long else task.dtype


def _sums(task: Task, parts: Sequence[Array], wide: np.dtype[Any]) -> tuple[Array, Array]:
    """The result in a wide dtype, and the sums of magnitudes; long sums piece by piece."""
    magnitudes = np.abs(wide.type()).dtype
    expected, scale = None, None
    for pieces in _pieces(task, parts):
        more = _einsum(task, pieces, wide)
        of_magnitudes = _einsum(task, [np.abs(each) for each in pieces], magnitudes)
        expected = more if expected is None else expected + more
        scale = of_magnitudes if scale is None else scale + of_magnitudes
    assert expected is not None  # noqa: S101 - there is one piece at least
    assert scale is not None  # noqa: S101 - as above
    return np.asarray(expected), np.asarray(scale)


def _pieces(task: Task, parts: Sequence[Array]) -> Iterator[list[Array]]:
    """The operands on pieces of the longest index that is summed: only a piece is copied."""
    sizes = task.contraction.sizes
    elements = sum(each.size for each in parts)
    longest = max(task.summed, key=sizes.__getitem__, default=None)
    if longest is None or elements <= MOST_ELEMENTS:
        yield list(parts)
        return
    length = max(1, sizes[longest] * MOST_ELEMENTS // elements)
    for first in range(0, sizes[longest], length):
        yield [
            each[tuple(slice(first, first + length) if i == longest else slice(None) for i in own)]
            for each, own in zip(parts, task.contraction.inputs, strict=True)
        ]


def _einsum(task: Task, parts: Sequence[Array], dtype: np.dtype[Any] | None) -> Array:
    if dtype is not None:
        parts = [each.astype(dtype, copy=False) for each in parts]
    pairs = len(parts) > 2 or (len(parts) == 2 and dtype == task.dtype)
    return np.asarray(np.einsum(task.contraction.text, *parts, optimize=pairs))
