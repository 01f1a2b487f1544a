"""A plan: what one call of `einbench.einsum` does for operands of one kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from einbench.einsum.dtypes import common, computed_in, is_own
from einbench.einsum.language import parse, quoted
from einbench.einsum.normal import Ready, Step, normalise
from einbench.einsum.results import maker
from einbench.einsum.shapes import Contraction, bind, names_of
from einbench.einsum.task import Array, Refusal, Run, Task, in_order
from einbench.host.memory import available_bytes
from einbench.units import bytes_text

#: products that NumPy makes sooner than sums are taken apart
_FEW_PRODUCTS = 4096
#: elements of an operand whose sums are worth a kernel that is chosen for them
_MANY_SUMMED = 1 << 15
#: results of less than this are made without asking how much memory is left
_ASK_BYTES = 1 << 28
Call = Callable[..., Any]
Kernel = Callable[[Task], Run]


def plan(
    text: str, operands: Sequence[Array], dtype: np.dtype[Any] | None, order: str, casting: str,
    kernel: Kernel, *, views: bool = True, plain: Callable[[Task], bool] = lambda task: False,
    ones: bool = False,
) -> Call:  # fmt: skip
    """A function of operands like these; its result is new, or a view as NumPy gives it.

    Args:
        text: the expression.
        operands: arrays of the dtypes, shapes and strides that are planned for.
        dtype: of products and sums, where it is not what the operands fit in.
        order: memory order of the result: C, F, A or K.
        casting: what may be cast.
        kernel: plans the task that is left of the expression.
        views: whether a transpose or a diagonal is a view.
        plain: whether NumPy's own call is the fastest for a task.
        ones: whether the task has axes of size 1 as well.

    Raises:
        ValueError: the expression is none, or does not fit the operands.
        TypeError: they cannot be cast so.
        MemoryError: the result is larger than the memory that is left.
    """
    subscripts = parse(text)
    contraction = bind(subscripts, [each.shape for each in operands])
    names = names_of(subscripts, contraction)
    one = len(operands) == 1 and set(contraction.inputs[0]) == set(contraction.output)
    if views and one:
        return _view(text, contraction)
    found = common([each.dtype for each in operands], None, dtype, casting)
    if not (is_own(found) and all(is_own(each.dtype) for each in operands)):
        return _numpy(text, dtype=dtype, order=order, casting=casting)
    _refuse_too_large(text, contraction, found)
    fresh = maker(contraction, operands, found, order, names)
    if 0 in contraction.sizes:
        return _result(lambda arrays, out: out.fill(0), fresh)
    work = computed_in(found)
    rounded = _rounding(operands, found)
    task, run = _run(contraction, rounded(operands), work, fresh(), kernel, ones=ones)
    if work is found or work == found:
        # what is summed before any product NumPy sums for every product
        most = max(prod(task.contraction.sizes), _FEW_PRODUCTS)
        if prod(contraction.sizes) <= most and plain(task) and contraction.fits_numpy:
            return _numpy(text, dtype=dtype, order=order, casting=casting)
        return _result(run, fresh)
    wide = maker(contraction, operands, work, order, names)

    def narrow(arrays: Sequence[Array], out: Array) -> None:
        made = wide()
        run(rounded(arrays), made)
        with np.errstate(all="ignore"):
            np.copyto(out, made, casting="same_kind")

    return _result(narrow, fresh)


def plan_into(
    text: str, operands: Sequence[Array], dtype: np.dtype[Any] | None, casting: str, out: Array,
    kernel: Kernel, *, ones: bool = False,
) -> Call:  # fmt: skip
    """A function of operands like these and of memory like ``out``, which it fills.

    Raises:
        ValueError: the expression is none, or does not fit the operands or ``out``.
        TypeError: they cannot be cast so.
    """
    subscripts = parse(text)
    contraction = bind(subscripts, [each.shape for each in operands])
    names = names_of(subscripts, contraction)
    stretched = out.shape != contraction.out_shape
    if stretched and not _repeats(contraction.out_shape, out.shape):
        raise ValueError(
            f"{quoted(text)}: out has shape {out.shape}; expected {contraction.out_shape}"
        )
    found = common([each.dtype for each in operands], out.dtype, dtype, casting)
    own = is_own(found) and is_own(out.dtype) and all(is_own(o.dtype) for o in operands)
    if not own or _may_overlap_itself(out):
        rest = _numpy(text, dtype=dtype, casting=casting)
        return lambda *given: rest(*given[:-1], out=given[-1])
    if 0 in contraction.sizes:
        return _zeros
    work = computed_in(found)
    made = maker(contraction, operands, work, "K", names)
    rounded = _rounding(operands, found)

    beside: list[Run] = []

    def planned(arrays: Sequence[Array]) -> Run:
        # of most calls no operand overlaps the memory, and this is never planned
        if not beside:
            beside.append(_run(contraction, arrays, work, made(), kernel, ones=ones)[1])
        return beside[0]

    def through(*given: Array) -> Array:
        *operands, memory = given
        arrays = rounded(operands)
        result = made()
        planned(arrays)(arrays, result)
        with np.errstate(all="ignore"):
            if work != found:
                result = result.astype(found)
            np.copyto(memory, result, casting="unsafe")
        return memory

    if stretched or not (found == work == out.dtype and all(out.strides) and out.flags.aligned):
        planned(rounded(operands))
        return through
    run = _run(contraction, operands, work, out, kernel, ones=ones)[1]

    def direct(*given: Array) -> Array:
        *arrays, memory = given
        flags = memory.flags
        if not flags.writeable:
            raise ValueError("out is read-only; expected memory that can be written to")
        own = flags.owndata
        for array in arrays:
            # two arrays that own their memory share none
            apart = own and array.flags.owndata and array is not memory
            if not apart and np.may_share_memory(memory, array):
                return through(*given)
        run(arrays, memory)
        return memory

    return direct


def _refuse_too_large(text: str, contraction: Contraction, dtype: np.dtype[Any]) -> None:
    """Raise where there is no memory for a result, before any is allocated.

    Where memory is granted that is not there, the process would end as it is written to.
    """
    needed = prod(contraction.out_shape) * dtype.itemsize
    if needed > _ASK_BYTES and needed > (left := available_bytes()):
        raise MemoryError(
            f"{quoted(text)}: a result of shape {contraction.out_shape}, {dtype}, takes "
            f"{bytes_text(needed)}, and {bytes_text(left)} are left"
        )


def _may_overlap_itself(array: Array) -> bool:
    """Whether two of its elements may share memory: what comes out is NumPy's to say."""
    reach = array.itemsize
    steps = zip(map(abs, array.strides), array.shape, strict=True)
    for step, size in sorted(each for each in steps if each[1] > 1):
        if step < reach:
            return True
        reach += step * (size - 1)
    return False


def _repeats(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a result of that shape fills memory of the other, repeated along axes of size 1."""
    return len(shape) == len(wanted) and all(
        n in (1, m) for n, m in zip(shape, wanted, strict=True)
    )


def _rounding(
    operands: Sequence[Array], dtype: np.dtype[Any]
) -> Callable[[Sequence[Array]], Sequence[Array]]:
    """What rounds operands to float16 where products are of that, and computed in float32."""
    if dtype.char != "e" or all(each.dtype == dtype for each in operands):
        return lambda arrays: arrays

    def rounded(arrays: Sequence[Array]) -> Sequence[Array]:
        with np.errstate(all="ignore"):
            return [each.astype(dtype, copy=False) for each in arrays]

    return rounded


def _zeros(*given: Array) -> Array:
    given[-1].fill(0)
    return given[-1]


def _numpy(text: str, **how: Any) -> Call:
    if how.get("dtype", 0) is None:
        del how["dtype"]
    if not how or (how.get("order") == "K" and how.get("casting") == "safe" and len(how) == 2):
        return lambda *arrays, **more: np.einsum(text, *arrays, **more)
    return lambda *arrays, **more: np.einsum(text, *arrays, **how, **more)


def _view(text: str, contraction: Contraction) -> Call:
    """One operand, no index of it summed: a transpose costs less than NumPy's einsum."""
    (indices,), output = contraction.inputs, contraction.output
    if not indices or len(set(indices)) < len(indices):
        return _numpy(text)
    order = tuple(map(indices.index, output))
    return lambda array: array.transpose(order)


def _result(run: Run, fresh: Callable[[], Array]) -> Call:
    """New memory, filled; a scalar where NumPy gives one."""
    if fresh().ndim == 0:

        def scalar(*arrays: Array) -> Any:
            out = fresh()
            run(arrays, out)
            return out[()]

        return scalar

    def call(*arrays: Array) -> Any:
        out = fresh()
        run(arrays, out)
        return out

    return call


def _run(
    contraction: Contraction, operands: Sequence[Array], dtype: np.dtype[Any], out: Array,
    kernel: Kernel, *, ones: bool = False,
) -> tuple[Task, Run]:  # fmt: skip
    """What fills memory like ``out``: steps before the products, the products, what comes after."""
    normal = normalise(contraction, operands, dtype, ones=ones)
    with np.errstate(all="ignore"):  # NumPy's own loop has no warnings
        steps = [
            _presum(each, operand, dtype, kernel) or each.step(dtype)
            for each, operand in zip(normal.ready, operands, strict=True)
        ]
        ready = [o if step is None else step(o) for o, step in zip(operands, steps, strict=True)]
    inner = out
    shape = normal.contraction.out_shape
    small: Callable[[], Array] | None = None
    where: Any = None
    if normal.kept is not None:
        inner = np.empty(shape, dtype)
        small = lambda: np.empty(shape, dtype)  # noqa: E731 - in place of a name for each
        where = tuple(None if cut != slice(None) else cut for cut in normal.kept)
    elif out.shape != shape:
        raise AssertionError("a result has the axes that are computed, or further ones")
    strides = tuple(each.strides for each in ready)
    task = Task(normal.contraction, dtype, strides, inner.strides)
    base = kernel(task)
    factor = np.array(normal.factor).astype(dtype)[()] if normal.factor != 1 else None
    if dtype.kind == "b":
        factor = None
    if not any(steps) and factor is None and small is None:
        return task, base

    def run(arrays: Sequence[Array], out: Array) -> None:
        with np.errstate(all="ignore"):
            given = tuple([a if s is None else s(a) for a, s in zip(arrays, steps, strict=True)])
            target = out if small is None else small()
            base(given, target)
            if factor is not None:
                np.multiply(target, factor, out=target)
            if small is not None:
                np.copyto(out, target[where])

    return task, run


def _presum(ready: Ready, operand: Array, dtype: np.dtype[Any], kernel: Kernel) -> Step | None:
    """The steps of an operand that has much to sum, its sums as an expression of their own.

    None where it has not, or where no kernel computes that.
    """
    if ready.summed is None or operand.size < _MANY_SUMMED or dtype.kind not in "fc":
        return None
    before = replace(ready, summed=None).step(dtype)
    array = operand if before is None else before(operand)
    indices = tuple(range(array.ndim))
    left = tuple(i for i in indices if i not in ready.summed)
    shape = tuple(array.shape[i] for i in left)
    strides = in_order(shape, dtype.itemsize)
    task = Task(Contraction((indices,), left, array.shape), dtype, (array.strides,), strides)
    try:
        run = kernel(task)
    except Refusal:
        return None

    def step(given: Array) -> Array:
        summed = np.empty(shape, dtype)
        run([given if before is None else before(given)], summed)
        return summed

    return step
