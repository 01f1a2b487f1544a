"""The contract of a kernel, clause by clause: what an output must be, whatever its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.truth import HasOutputs, as_tuple
from einbench.problem import Problem

Array = npt.NDArray[Any]


def form(problem: Problem, result: Any, without: Sequence[str] = ()) -> str:
    """Number of outputs, type, dtype and shape; the broken clause in words, or nothing."""
    operation, dtype = problem.operation, problem.dtype
    names = [name for name in operation.outputs if name not in without]
    if len(operation.outputs) > 1 and not isinstance(result, tuple | list):
        return f"returns {type(result).__name__}, expected a tuple of {len(names)} arrays"
    outputs = as_tuple(operation, result)
    if len(outputs) != len(names):
        return f"returns {len(outputs)} outputs, expected {len(names)}: {', '.join(names)}"
    shapes = operation.output_shapes(problem.sizes)
    for name, output in zip(names, outputs, strict=True):
        right = operation.output_dtype(name, dtype)
        if type(output) is not np.ndarray:  # a matrix or a masked array computes otherwise
            kind = "nothing" if output is None else type(output).__name__
            expected = f"expected an array of {right}"
            if not shapes[name]:
                expected = f"expected an array of {right} without axes: np.asarray({name})"
            return f"returns {kind} for {name}, {expected}"
        if output.dtype != right:
            return f"wrong dtype: {name} is {output.dtype}, expected {right}"
        if output.shape != shapes[name]:
            return f"wrong shape: {name} is {output.shape}, expected {shapes[name]}"
    return ""


def memory(
    operation: HasOutputs,
    outputs: Sequence[Array],
    inputs: Mapping[str, Array],
    earlier: Sequence[Array],
) -> str:
    """Outputs are new memory: no view of an input, of each other, or of an earlier output."""
    names = list(operation.outputs)
    for number, (name, output) in enumerate(zip(names, outputs, strict=True)):
        for other, array in inputs.items():
            if _shares(output, array):
                return f"returns a view: {name} shares memory with the input {other}"
        for before in earlier:
            if _shares(output, before):
                return f"returns a buffer it handed out before: {name} is not new memory"
        for other, output2 in zip(names[:number], outputs[:number], strict=True):
            if _shares(output, output2):
                return f"returns a view: {name} shares memory with {other}"
        if not output.flags.writeable:
            return f"returns a view: {name} is read-only"
    return ""


def _shares(output: Array, earlier: Array) -> bool:
    # what owns its memory shares it with an earlier array if it is that array or the owner of its
    # memory; the intervals of memory need not be worked out
    if output.flags.owndata:
        return output is earlier or output is earlier.base
    return np.may_share_memory(output, earlier)


def bits(array: Array) -> bytes:
    """The bytes of the numbers, in C order: equal where bit for bit the same."""
    if array.dtype.char in "gG":  # has bytes that mean nothing
        short = "d" if array.dtype.char == "g" else "D"
        return (high := array.astype(short)).tobytes() + (array - high).astype(short).tobytes()
    return array.tobytes()


def changed(inputs: Mapping[str, Array], before: Mapping[str, bytes]) -> str:
    """Inputs are left bit for bit as they were."""
    for name, array in inputs.items():
        if bits(array) != before[name]:
            return f"changes its input {name}"
    return ""


def locked(inputs: Mapping[str, Array], before: Mapping[str, bool]) -> str:
    """Inputs stay writeable or read-only, as they were."""
    for name, array in inputs.items():
        if array.flags.writeable != before[name]:
            made = "read-only" if before[name] else "writeable"
            array.flags.writeable = before[name]
            return f"makes its input {name} {made}"
    return ""


def repeats(
    operation: HasOutputs,
    call: Callable[[], Any],
    first: Sequence[Array],
    inputs: Mapping[str, Array],
    times: int,
    enough: Callable[[], bool] = lambda: False,
) -> str:
    """The same inputs give the same bits in new memory, and earlier outputs stay as they are.

    Called again so many times, or once and then until ``enough``.
    """
    before = [bits(output) for output in first]
    held = list(first)
    for _ in range(times):
        again = as_tuple(operation, call())
        for name, output, was in zip(operation.outputs, first, before, strict=True):
            if bits(output) != was:
                return (
                    f"returns a buffer it handed out before: a later call changed {name} "
                    "of an earlier one"
                )
        if problem := memory(operation, again, inputs, held):
            return problem
        for name, output, was in zip(operation.outputs, again, before, strict=True):
            if bits(output) != was:
                return f"a second call gives another {name} for the same inputs"
        held.extend(again)
        if enough():
            break
    return ""


def memory_for(outputs: Sequence[Array]) -> tuple[Array, ...]:
    """Memory that a kernel may be given for such results."""
    return tuple(np.empty(output.shape, output.dtype) for output in outputs)


def into(
    operation: HasOutputs,
    write: Callable[[Any], object],
    expected: Sequence[Array],
    given: tuple[Array, ...],
) -> str:
    """A kernel that is given memory writes all of the result there, the same bits, every time."""
    out = given if len(given) > 1 else given[0]
    # nothing that may be added to; then what the kernel itself wrote; then numbers
    for held, said in (
        (np.nan, ""),
        (None, " the second time"),
        (0, " with zeros"),
        (1, " with ones"),
        (-1, " with numbers below zero"),
    ):
        if held is not None:
            for output in given:
                output[...] = -1 if output.dtype.kind != "f" and np.isnan(held) else held
        write(out)
        for name, found, right in zip(operation.outputs, given, expected, strict=True):
            if bits(found) != bits(right):
                return f"writes another {name} into memory that it is given{said}"
    return ""
