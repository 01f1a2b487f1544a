"""`einbench.einsum` on dask arrays: one block of every index at a time.

A block of the result is the sum of what blocks of the operands give. bool is added as ``or``,
integers modulo their range, float16 in float32 and rounded once: values and dtype are those of
`numpy.einsum` on the whole, however the operands are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import dask
import numpy as np
import numpy.typing as npt
from dask.utils import parse_bytes

from einbench.arguments import refuse_masks
from einbench.chunked import is_chunked
from einbench.cluster.block import plain
from einbench.cluster.frozen import Frozen, freeze, tell
from einbench.cluster.graph import Output, blocked, only
from einbench.cluster.mapped import Mapped
from einbench.cluster.operands import aligned, refuse
from einbench.cluster.worker import in_worker, machine, prepare
from einbench.dropin import chosen
from einbench.einsum.dtypes import common, computed_in
from einbench.einsum.language import parse, quoted
from einbench.einsum.plans import plan
from einbench.einsum.shapes import Contraction, bind
from einbench.einsum.task import Run, Task

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
#: bytes of operands and result that a kernel is chosen on
_MOST_BYTES = 64 << 20
#: (expression, shapes, ...) -> the kernel of a machine that none was chosen for
_OWN: dict[Any, str] = {}


def call(text: str, operands: Sequence[Any], dtype: npt.DTypeLike | None, casting: str) -> Any:
    """The result as a dask array.

    Args:
        text: the expression.
        operands: dask arrays, and NumPy's beside them.
        dtype: of all products and sums.
        casting: what may be cast.

    Raises:
        ValueError: the expression is none, shapes do not fit, or sizes of chunks are unknown.
        TypeError: something cannot be cast as ``casting`` says, or blocks are masked or sparse.
    """
    said, given = quoted(text), list(operands)
    for number, value in enumerate(given):
        if is_chunked(value):
            refuse(value, f"{said}: operand {number}", f"operand{number}")
        else:
            refuse_masks(value, f"{said}: operand {number}")
            given[number] = value if isinstance(value, Mapped) else np.asarray(value)
    subscripts = parse(text)
    whole = bind(subscripts, [each.shape for each in given])
    if not whole.fits_numpy:
        raise ValueError(f"{said}: more than 52 indices or 31 operands are not taken in chunks")
    asked = None if dtype is None else np.dtype(dtype)
    if len(given) == 1 and set(whole.inputs[0]) == set(whole.output):
        found = given[0].dtype  # a view, whatever dtype is asked for: as NumPy has it
    else:
        found = common([each.dtype for each in given], None, asked, casting)
    arrays, chunks = aligned(given, whole.inputs)
    arrays, chunks = _smaller(whole, found, arrays, chunks)
    summed = any(len(chunks[i]) > 1 and i not in whole.output for i in chunks)
    work = computed_in(found) if summed else found
    frozen = freeze("einsum", choose, *_largest(whole, arrays, found))
    block = Contracted(whole.text, found.str, work.str, frozen)
    token = (block.text, block.dtype, block.work, frozen.choices, sorted(chunks.items()))
    (result,) = blocked(
        "einsum", block, token, arrays, whole.inputs, [Output(whole.output, found)], chunks
    )
    return result


@dataclass(frozen=True)
class Contracted:
    """What a task computes: an expression on blocks of its operands."""

    text: str
    #: that operands are cast to
    dtype: str
    #: of the sums, where more are added to them
    work: str
    frozen: Frozen

    def __call__(self, *blocks: Any) -> Array:
        """The result, or a part of its sums."""
        arrays = [
            plain(only(None, block), f"{quoted(self.text)}: a block of operand {number}")
            for number, block in enumerate(blocks)
        ]
        if self.work != self.dtype:
            arrays = [each.astype(self.dtype, copy=False) for each in arrays]
        with prepare():
            found = plan(self.text, arrays, np.dtype(self.work), "C", "unsafe", self._kernel)
            return np.asarray(found(*arrays))

    def _kernel(self, task: Task) -> Run:
        return chosen.still(task, self.frozen.here() or self._own(task))

    def _own(self, task: Task) -> str:
        """Chosen here, on random numbers, for a machine that was not there before."""
        if task not in _OWN:
            contraction = task.contraction
            shapes = [contraction.shape(each) for each in contraction.inputs]
            dtypes = [task.dtype.str] * len(shapes)
            _OWN[task] = choose(contraction.text, shapes, dtypes, task.dtype.str)
            tell(
                f"{quoted(self.text)}: a worker uses {_OWN[task]}, and last bits may differ: no "
                f"kernel was chosen for its kind of machine ({machine()})"
            )
        return _OWN[task]


def choose(text: str, shapes: Sequence[Shape], dtypes: Sequence[str], dtype: str) -> str:
    """The name of the fastest kernel here, on one thread: remembered, else measured now."""
    rng = np.random.default_rng(0)
    arrays = [
        _drawn(rng, shape, np.dtype(each)) for shape, each in zip(shapes, dtypes, strict=True)
    ]
    names: list[str] = []

    def note(task: Task) -> Run:
        def run(arrays: Sequence[Array], out: Array) -> None:
            names.append(chosen.name_of(task, arrays, out))

        return run

    with prepare():
        if not in_worker():
            chosen.forget()  # what is known of more threads
        try:
            plan(text, arrays, np.dtype(dtype), "C", "unsafe", note, views=False)(*arrays)
        finally:
            if not in_worker():
                chosen.forget()
    return names[0] if names else "einsum"


def _drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "biu":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.random(shape, np.float32).astype(dtype)


def _largest(
    whole: Contraction, arrays: Sequence[Any], dtype: np.dtype[Any]
) -> tuple[str, list[Shape], list[str], str]:
    """A block of each operand: the largest, but not of more bytes than a choice needs."""
    shapes = [tuple(max(sizes) for sizes in each.chunks) for each in arrays]
    sizes = dict[int, int]()
    for indices, shape in zip(whole.inputs, shapes, strict=True):
        for index, size in zip(indices, shape, strict=True):
            sizes[index] = max(size, sizes.get(index, 0))

    def taken() -> int:
        every = [*whole.inputs, whole.output]
        return sum(prod(sizes[i] for i in each) for each in every) * dtype.itemsize

    while taken() > _MOST_BYTES:
        sizes[max(sizes, key=sizes.__getitem__)] //= 2
    cut = [
        tuple(min(size, sizes[index]) for index, size in zip(indices, shape, strict=True))
        for indices, shape in zip(whole.inputs, shapes, strict=True)
    ]
    return whole.text, cut, [each.dtype.str for each in arrays], dtype.str


def _smaller(
    whole: Contraction, dtype: np.dtype[Any], arrays: Sequence[Any], chunks: Mapping[Any, Any]
) -> tuple[list[Any], dict[Any, Any]]:
    """Chunks cut further where a block of the result would be larger than any that there is."""
    most = parse_bytes(dask.config.get("array.chunk-size"))
    for array in arrays:
        most = max(most, prod(max(sizes) for sizes in array.chunks) * array.dtype.itemsize)
    sizes = {i: max(chunks[i]) for i in whole.output}
    while prod(sizes.values()) * dtype.itemsize > most and max(sizes.values()) > 1:
        widest = max(sizes, key=sizes.__getitem__)
        sizes[widest] = -(-sizes[widest] // 2)
    finer = {i: size for i, size in sizes.items() if size < max(chunks[i])}
    if not finer:
        return list(arrays), dict(chunks)
    cut = [
        array.rechunk(
            {n: finer[i] for n, i in enumerate(each) if i in finer and array.shape[n] > 1}
        )
        for array, each in zip(arrays, whole.inputs, strict=True)
    ]
    return aligned(cut, whole.inputs)
