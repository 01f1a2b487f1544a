"""Whether a changed kernel differs from the operation at all: a search that is not the check.

It asks the cases of `mutants_cases`, calls several times, and compares with the truth by twice the
limit. Of the check it uses only what rounding may do: `einbench.check.truth` and
`einbench.check.error`.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from mutants_cases import Case, truth_of

from einbench.check.error import error
from einbench.check.truth import as_tuple
from einbench.kernel import Kernel

Array = npt.NDArray[Any]

#: of a call of the right kernel: slower cases are left out
_MOST_CALL_S = 0.1


def askable(kernel: Kernel, found: list[Case]) -> list[Case]:
    """The cases that the right kernel answers, rightly, in little time."""
    kept = []
    slow = 0.0
    for case in found:
        weight = sum(a.size for a in case.problem.arrays.values())
        if slow and weight > slow:
            continue
        start_s = time.perf_counter()
        if not differs_at(kernel, case):
            kept.append(case)
        if time.perf_counter() - start_s > 3 * _MOST_CALL_S:
            slow = weight
    return kept


def differs(
    kernel: Kernel, found: Iterable[Case], limit_s: float, right: Kernel | None = None
) -> str:
    """The first difference, in words; nothing where there is none, or time is over.

    Where a right kernel is given, cases that it does not answer rightly do not count.
    """
    end_s = time.monotonic() + limit_s
    for case in found:
        reason = differs_at(kernel, case)
        if reason and not (right and differs_at(right, case)):
            return f"{case.name}: {reason}"
        if time.monotonic() > end_s:
            break
    return ""


def differs_at(kernel: Kernel, case: Case) -> str:
    """What a kernel does at one case that the operation or its contract does not have."""
    problem = case.problem
    arrays, options = problem.given, problem.options
    before = [a.tobytes() for a in arrays]

    def call() -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kernel.function(*arrays, **options)

    if case.truth is None:
        try:
            call()
        except (ValueError, IndexError):
            return ""
        except Exception as raised:
            return f"raises {type(raised).__name__}"
        return "takes what must be refused"
    try:
        return _differences(kernel, case, call, before)
    except Exception as raised:
        return f"raises {type(raised).__name__}: {raised}"


def _differences(kernel: Kernel, case: Case, call: Callable[[], Any], before: list[bytes]) -> str:
    problem, expected = case.problem, case.truth
    assert expected is not None
    op, arrays = problem.operation, problem.given
    shapes = list(op.output_shapes(problem.sizes).values())
    dtypes = [op.output_dtype(name, problem.dtype) for name in op.outputs]
    handed: list[Array] = []
    first: list[bytes] = []
    for _ in range(4):
        result = call()
        if len(shapes) > 1 and not isinstance(result, tuple | list):
            return "gives no tuple"
        outputs = as_tuple(op, result)
        if len(outputs) != len(shapes):
            return "gives another number of results"
        for output, shape, dtype in zip(outputs, shapes, dtypes, strict=True):
            if type(output) is not np.ndarray or (output.shape, output.dtype) != (shape, dtype):
                return f"gives {type(output).__name__} of another shape or dtype"
            if not output.flags.writeable or not output.dtype.isnative:
                return "gives read-only or foreign memory"
            if any(np.may_share_memory(output, other) for other in (*arrays, *handed)):
                return "gives memory that is not new"
        if [a.tobytes() for a in arrays] != before:
            return "changes an input"
        if not error(outputs, expected).units <= expected.limit:
            return "gives other numbers"
        found = [o.tobytes() for o in outputs]
        first = first or found
        if found != first:
            return "gives other bits the second time"
        handed.extend(outputs)
    if [o.tobytes() for o in handed[: len(first)]] != first:
        return "changes an earlier result"
    return _elsewhere(kernel, case, first)


def _elsewhere(kernel: Kernel, case: Case, first: list[bytes]) -> str:
    """In another thread and error state, into memory, and for other numbers in the arrays."""
    problem = case.problem
    op, arrays, options = problem.operation, problem.given, problem.options
    held: list[Any] = []

    def warned() -> None:
        with np.errstate(all="warn"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held.append(as_tuple(op, kernel.function(*arrays, **options)))

    warned()
    thread = threading.Thread(target=warned)
    thread.start()
    thread.join()
    if len(held) < 2 or any([o.tobytes() for o in outputs] != first for outputs in held):
        return "gives other bits in another thread or error state"
    if kernel.takes_out:
        for value in (0, 1, np.nan):
            memory = tuple(np.full(o.shape, value, o.dtype) for o in held[0])
            with np.errstate(all="ignore"):
                kernel.into(arrays, options, memory if len(memory) > 1 else memory[0])
            if [o.tobytes() for o in memory] != first:
                return "writes something else into memory"
    if problem.rows > 2000 or not all(a.flags.writeable for a in arrays):
        return ""
    kept = [a.copy() for a in arrays]
    try:
        for changed in (problem.draw(7).arrays, None):
            for name, array in problem.arrays.items():
                if changed is not None:
                    array[...] = changed[name]
                elif array.ndim and array.dtype.kind == "f" and array.size > 1:
                    at = (len(array) // 2,)
                    array[at] = array[at][..., ::-1] if array.ndim > 1 else array[at] * 0.75
            expected = truth_of(problem)
            assert expected is not None
            with np.errstate(all="ignore"):
                outputs = as_tuple(op, kernel.function(*arrays, **options))
            if not error(outputs, expected).units <= expected.limit:
                return "gives an earlier result for other numbers"
    finally:
        for array, was in zip(arrays, kept, strict=True):
            array[...] = was
    return ""
