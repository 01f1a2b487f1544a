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


def other_numbers(arrays: Mapping[str, Array]) -> list[Callable[[], None]]:
    """Changes in place, one after another: whole arrays, then single entries of the first.

    Each leaves numbers that the operation takes: rows change places and floating numbers become
    smaller.
    """
    floating = [array for array in arrays.values() if array.dtype.kind == "f" and array.size]

    def whole() -> None:
        for array in arrays.values():
            if array.ndim:
                array[...] = array[::-1].copy()
            if array.dtype.kind == "f":
                array *= array.dtype.type(0.75)

    def entry(array: Array, where: float) -> Callable[[], None]:
        def change() -> None:
            place = np.unravel_index(int(where * (array.size - 1)), array.shape)
            array[place] *= array.dtype.type(0.5)

        return change

    return [whole, *(entry(array, where) for array in floating for where in (1.0, 0.4))]


@contextmanager
def restored(arrays: Mapping[str, Array]) -> Iterator[None]:
    """What is changed in them inside the block is undone after it."""
    kept = {name: array.copy() for name, array in arrays.items()}
    try:
        yield
    finally:
        for name, array in arrays.items():
            array[...] = kept[name]
