"""What a kernel's result must not depend on: earlier calls, the thread, and the error state."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.contract import bits
from einbench.check.truth import as_tuple
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import one_line

Array = npt.NDArray[Any]
Call = Callable[[], Any]


def surroundings(operation: Operation, call: Call, first: Sequence[Array]) -> str:
    """The same bits in another thread, and where NumPy warns of what it usually does not."""
    expected = [bits(output) for output in first]

    def differs(result: Any) -> str:
        pairs = zip(operation.outputs, as_tuple(operation, result), expected, strict=True)
        return next((name for name, output, right in pairs if bits(output) != right), "")

    if name := differs(_in_another_thread(call)):
        return f"gives another {name} in another thread"
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("ignore")
        if name := differs(call()):
            return f"gives another {name} where NumPy's error state is another (np.errstate)"
    return ""


def _in_another_thread(call: Call) -> Any:
    found: list[Any] = []

    def run() -> None:
        try:
            with np.errstate(all="ignore"):
                found.append((call(), ""))
        except (Exception, SystemExit) as raised:
            found.append((None, one_line(raised)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    result, problem = found.pop()
    if problem:
        raise RuntimeError(f"in another thread: {problem}")
    return result


def other_numbers(problem: Problem, times: int) -> list[Callable[[], None]]:
    """Changes in place, one after another, the same for every kernel: all numbers, then a few.

    Each leaves numbers that the operation takes. A kernel that knows arrays by their first, last
    or some entries, or their sums, does not see that two others have changed places.
    """
    arrays = problem.arrays
    fresh = problem.draw(5).arrays
    floating = [
        a for a in arrays.values() if a.dtype.kind == "f" and a.size and a.ndim and a.shape[-1] > 1
    ]

    def whole() -> None:
        for name, array in arrays.items():
            array[...] = fresh[name]

    def exchange(array: Array, part: int, one: int, other: int) -> None:
        row = array[tuple(n // part for n in array.shape[:-1])]
        row[[one, other]] = row[[other, one]]

    def ends() -> None:
        for array in floating:
            exchange(array, 3, 0, -1)

    def inner(array: Array) -> Callable[[], None]:
        middle = array.shape[-1] // 2
        return lambda: exchange(array, 2, middle, middle - 1)

    return [whole, ends, *map(inner, floating)][:times]


@contextmanager
def restored(arrays: Mapping[str, Array]) -> Iterator[None]:
    """What is changed in them inside the block is undone after it."""
    kept = {name: array.copy() for name, array in arrays.items()}
    try:
        yield
    finally:
        for name, array in arrays.items():
            array[...] = kept[name]
