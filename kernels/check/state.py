"""What a kernel's result must not depend on: earlier calls, the thread, and the error state."""

from __future__ import annotations

import secrets
import sys
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
from einbench.host import threading_layer
from einbench.host.locks import ForkedLock
from einbench.problem import Problem
from einbench.units import one_line

Array = npt.NDArray[Any]

_TOGETHER = "while another thread calls it too"
#: a race is lost in one turn of many: so many of both threads, which the interpreter switches
#: between as often
_TURNS, _SWITCH_S = 3, 1e-5
#: of two checks at once each would find what the other does to the process
_OF_PROCESS = ForkedLock()


def surroundings(
    problem: Problem, call: Callable[..., Any], first: Sequence[Array], others: Sequence[Array]
) -> str:
    """The same bits in another thread, in two at once, and in another error state of NumPy.

    What belongs to all of the process is left as it was.

    Args:
        problem: with its inputs.
        call: takes the inputs.
        first: what it gave for them.
        others: inputs of the same shapes, for the other thread.
    """
    names, expected = list(problem.operation.outputs), _bits(first)
    given = problem.given

    def differs(result: Any, right: list[bytes] = expected) -> str:
        pairs = zip(names, _bits(as_tuple(problem.operation, result)), right, strict=True)
        return next((name for name, one, other in pairs if one != other), "")

    of_others = _bits(as_tuple(problem.operation, _quietly(call, others)))
    one, other = _in_threads(call, _TURNS, given, others)
    names_of_one = map(differs, one)
    names_of_other = (differs(each, of_others) for each in other)
    if name := next(filter(None, (*names_of_one, *names_of_other)), ""):
        alone = differs(_in_threads(call, 1, given)[0][0])
        return f"gives another {alone or name} {'in another thread' if alone else _TOGETHER}"
    with _OF_PROCESS.lock, warnings.catch_warnings(), _other_randomness() as drawn_next:
        warnings.simplefilter("ignore")
        filters = list(warnings.filters)
        # filters and np.random belong to all threads: what happens once may be another's doing
        for _ in range(_TURNS if threading.active_count() > 1 else 1):
            warnings.filters[:] = filters  # type: ignore[index]
            np.random.seed(secrets.randbits(32))  # noqa: NPY002 - a state no kernel put it in
            following = drawn_next()
            with np.errstate(all="warn"):
                state = np.geterr()
                if name := differs(call(*given)):
                    where = "where NumPy's error state is another (np.errstate)"
                    return f"gives another {name} {where}"
                if np.geterr() != state:
                    return "changes NumPy's error state (np.seterr)"
            if list(warnings.filters) != filters:
                said = "changes which warnings are shown (warnings.filters)"
            elif drawn_next() != following:
                said = "changes which numbers np.random draws next"
            else:
                return ""
        return said


def _bits(outputs: Sequence[Array]) -> list[bytes]:
    return [bits(output) for output in outputs]


def _quietly(call: Callable[..., Any], given: Sequence[Array]) -> Any:
    with np.errstate(all="ignore"):
        return call(*given)


@contextmanager
def _other_randomness() -> Iterator[Callable[[], bytes]]:
    """np.random is as before after the block; yields what shows its state."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - a kernel may use it

    def drawn_next() -> bytes:
        state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
        return bytes(state["state"]["key"].tobytes()) + bytes([state["state"]["pos"] % 256])

    try:
        yield drawn_next
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _in_threads(call: Callable[..., Any], turns: int, *given: Sequence[Array]) -> list[list[Any]]:
    """What each of several threads gets at the same time in every turn, for inputs of its own."""
    found: list[list[Any]] = [[] for _ in given]
    problems: list[str] = []
    together = threading.Barrier(len(given))
    # numba's number of threads is each Python thread's own, and sums may differ with it
    count = threading_layer.count() if "numba" in sys.modules else None
    used = count and count.get()

    def run(number: int) -> None:
        try:
            if count and used:
                count.set(used)
            for _ in range(turns):
                together.wait()
                found[number].append(_quietly(call, given[number]))
        except threading.BrokenBarrierError:
            pass  # the other one has raised
        except (Exception, SystemExit) as raised:
            problems.append(one_line(raised))
            together.abort()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(given))]
    with _often_switched():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if problems:
        raise RuntimeError(f"in another thread: {problems[0]}")
    return found


@contextmanager
def _often_switched() -> Iterator[None]:
    """Inside, interpreted functions of two threads run in turns: calls of microseconds overlap."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def other_numbers(
    arrays: Mapping[str, Array], fresh: Mapping[str, Array], more: Mapping[str, Array], times: int
) -> list[Callable[[], None]]:
    """Changes in place, one after another, the same for every kernel: all numbers, then a few.

    Each leaves numbers that the operation takes. A kernel that knows arrays by their ids, by some
    of their entries or by their sums does not see that two others of one have changed places.

    Args:
        arrays: to be changed.
        fresh: all of their numbers after the first change.
        more: where single rows are taken from.
        times: of so many changes at most.
    """
    rng = np.random.default_rng(zlib.crc32(b"".join(map(bits, arrays.values()))))

    def whole() -> None:
        for name, array in arrays.items():
            array[...] = fresh[name]

    def exchanged(name: str) -> Callable[[], None]:
        row = arrays[name][tuple(int(rng.integers(n)) for n in arrays[name].shape[:-1])]
        one, other = rng.choice(len(row), 2, replace=False)

        def exchange() -> None:
            row[[one, other]] = row[[other, one]]

        return exchange

    def redrawn(name: str) -> Callable[[], None]:
        place = tuple(int(rng.integers(n)) for n in arrays[name].shape[:-1])

        def redraw() -> None:
            arrays[name][place] = more[name][place]

        return redraw

    rows = [n for n, a in arrays.items() if a.size and a.ndim and a.shape[-1] > 1]
    rounds = max(2, 8 // max(len(rows), 1))
    kinds = [redrawn, *[exchanged] * rounds] if times > 1 else []
    return [whole, *(kind(name) for kind in kinds for name in rows)][:times]


@contextmanager
def restored(arrays: Mapping[str, Array]) -> Iterator[None]:
    """What is changed in them inside the block is undone after it."""
    kept = {name: array.copy() for name, array in arrays.items()}
    try:
        yield
    finally:
        for name, array in arrays.items():
            array[...] = kept[name]
