"""What a kernel's result must not depend on: earlier calls, the thread, and the error state."""

from __future__ import annotations

import threading
import warnings
import zlib
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
    following = _next_of_numpy()
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("ignore")
        state, filters = np.geterr(), list(warnings.filters)
        if name := differs(call()):
            return f"gives another {name} where NumPy's error state is another (np.errstate)"
        if np.geterr() != state:
            return "changes NumPy's error state (np.seterr)"
        if list(warnings.filters) != filters:
            return "changes which warnings are shown (warnings.filters)"
    if _next_of_numpy() != following:
        return "changes which numbers np.random draws next"
    return ""


def _next_of_numpy() -> bytes:
    """What np.random draws next, whose state is everybody's."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - a kernel may use it
    return bytes(state["state"]["key"].tobytes()) + bytes([state["state"]["pos"] % 256])


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

    Each leaves numbers that the operation takes. A kernel that knows arrays by their ids, by some
    of their entries or by their sums does not see that two others of one have changed places.
    """
    arrays = problem.arrays
    fresh = problem.draw(5).arrays
    rng = np.random.default_rng(zlib.crc32(b"".join(map(bits, arrays.values()))))

    def whole() -> None:
        for name, array in arrays.items():
            array[...] = fresh[name]

    def exchanged(array: Array) -> Callable[[], None]:
        row = array[tuple(int(rng.integers(n)) for n in array.shape[:-1])]
        one, other = rng.choice(len(row), 2, replace=False)

        def exchange() -> None:
            row[[one, other]] = row[[other, one]]

        return exchange

    rows = [a for a in arrays.values() if a.size and a.ndim and a.shape[-1] > 1]
    few = [exchanged(array) for _ in range(2) for array in rows] if times > 1 else []
    return [whole, *few][:times]


@contextmanager
def restored(arrays: Mapping[str, Array]) -> Iterator[None]:
    """What is changed in them inside the block is undone after it."""
    kept = {name: array.copy() for name, array in arrays.items()}
    try:
        yield
    finally:
        for name, array in arrays.items():
            array[...] = kept[name]
