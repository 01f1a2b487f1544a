"""The pool: every piece is done once, whoever comes; threads sleep, wake, fork and end."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

from einbench.host.cores import usable_threads
from einbench.host.machine import limit_threads
from einbench.jit import pool, pool_code
from einbench.jit.atomics import add, pause, read
from einbench.jit.compiled import Compiled
from einbench.jit.linked import Integers, Pointer, at, linked

Array = np.ndarray[Any, Any]

several = pytest.mark.skipif(usable_threads() < 2, reason="there is one core")

#: turns that a piece waits for another one at most
MOST_POLLS = 1 << 26


@linked(divided=True)
def count_up(first: int, count: int, c: Pointer) -> None:
    for k in range(first, first + count):
        c[k] += 1


@linked(divided=True)
def count_rows_up(first: int, count: int, c: Pointer, columns: int) -> None:
    """A job of a piece of a job."""
    for row in range(first, first + count):
        count_up(columns, 3, at(c, row * columns))


@linked(divided=True)
def meet(first: int, _count: int, c: Pointer, counter: Integers, met: Integers) -> None:
    """Two pieces that go on only when both have begun, which takes two threads."""
    add(counter, 0, 1)
    waited = 0
    while read(counter, 0) < 2 and waited < MOST_POLLS:
        pause()
        waited += 1
    met[first] = read(counter, 0)
    c[first] = first


@linked(divided=True)
def in_order(first: int, _count: int, c: Pointer, counter: Integers) -> None:
    c[first] = add(counter, 0, 1)


@pytest.mark.parametrize("name", ["run", "num_threads", "shared", "lock", "least"])
def test_code_depends_on_all_that_the_symbols_it_calls_are_named_by(name: str) -> None:
    assert getattr(pool_code, name).sources >= set(pool_code.SOURCES)


def counting(c: Array, asked: Array) -> Array:
    found = c.copy()
    count_up(found.size, asked[0], found)
    return found


def counting_rows(c: Array) -> Array:
    found = c.copy()
    count_rows_up(c.shape[0], 1, found, c.shape[1])
    return found


def meeting(c: Array, met: Array) -> Array:
    counter, found = np.zeros(1, np.int64), met.copy()
    meet(2, 1, c.copy(), counter, found)
    return found


def ordering(c: Array) -> Array:
    counter, found = np.zeros(1, np.int64), c.copy()
    in_order(c.size, 1, found, counter)
    return found


COUNTING, COUNTING_ROWS, MEETING, ORDERING = (
    Compiled(body, method="numba", parallel=True)
    for body in (counting, counting_rows, meeting, ordering)
)
ONE = np.zeros(2)


def meets() -> list[int]:
    found: list[int] = MEETING(ONE, np.zeros(2, np.int64)).tolist()
    return found


@pytest.mark.parametrize("items", [0, 1, 2, 3, 63, 64, 65, 1000, 4097])
@pytest.mark.parametrize("piece", [1, 2, 7, 64, 5000])
def test_every_item_is_done_once(items: int, piece: int) -> None:
    for _ in range(20):
        found = COUNTING(np.zeros(items), np.array([piece]))
        np.testing.assert_array_equal(found, np.ones(items))


def test_a_piece_may_be_divided_itself() -> None:
    np.testing.assert_array_equal(COUNTING_ROWS(np.zeros((50, 40))), np.ones((50, 40)))


def test_python_threads_may_ask_at_once() -> None:
    wrong: list[int] = []

    def ask() -> None:
        for _ in range(300):
            found = COUNTING(np.zeros(5000), np.array([16]))
            if not (found == 1).all():
                wrong.append(1)

    COUNTING(np.zeros(2), np.array([1]))
    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert not wrong


def wait_until_asleep() -> None:
    """Until all threads of the pool sleep, and take nothing from others."""
    words = np.frombuffer((ctypes.c_int64 * 80).from_address(pool._address()), np.int64)
    for _ in range(1000):
        if words[pool_code.ASLEEP] == words[pool_code.END + 1] - 1:
            break
        time.sleep(0.01)
    assert words[pool_code.ASLEEP] == words[pool_code.END + 1] - 1


@several
def test_a_second_thread_helps_also_after_it_has_slept() -> None:
    assert meets() == [2, 2]
    for _ in range(3):
        wait_until_asleep()
        assert meets() == [2, 2]


@several
@pytest.mark.skipif(sys.platform != "linux", reason="threads have no cores of their own here")
def test_threads_are_not_woken_on_the_core_of_whoever_calls() -> None:
    assert meets() == [2, 2]
    cores = os.sched_getaffinity(0)
    numbers = [thread.native_id for thread in pool.threads()]
    try:
        for core in [*cores, *cores]:
            os.sched_setaffinity(0, {core})  # of this thread alone
            wait_until_asleep()
            assert meets() == [2, 2]
            for number in numbers:
                assert number is not None
                assert os.sched_getaffinity(number) == cores - {core}
    finally:
        os.sched_setaffinity(0, cores)
    wait_until_asleep()
    assert meets() == [2, 2]


@several
@pytest.mark.skipif(sys.platform != "linux", reason="threads have no cores of their own here")
def test_a_thread_without_a_number_yet_does_not_cost_the_caller_his_core() -> None:
    assert meets() == [2, 2]
    cores = os.sched_getaffinity(0)
    words = (ctypes.c_int64 * pool_code.SHARES).from_address(pool._address())
    number = words[pool_code.NUMBERS + 1]
    wait_until_asleep()
    words[pool_code.NUMBERS + 1], words[pool_code.KEPT_OFF] = 0, -1
    try:
        assert meets() == [2, 2]
        assert os.sched_getaffinity(0) == cores
    finally:
        words[pool_code.NUMBERS + 1], words[pool_code.KEPT_OFF] = number, -1


@several
def test_a_thread_set_to_work_alone_does() -> None:
    with limit_threads(1):
        np.testing.assert_array_equal(ORDERING(np.zeros(500)), np.arange(500))
    assert sorted(ORDERING(np.zeros(500)).tolist()) == list(range(500))


FORKED = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import test_pool
assert test_pool.meets() == [2, 2]
child = os.fork()
if child == 0:
    ok = test_pool.meets() == [2, 2]
    ok = ok and (test_pool.COUNTING(np.zeros(999), np.array([8])) == 1).all()
    os._exit(0 if ok else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert test_pool.meets() == [2, 2]
"""

ENDING = """
import sys, threading
sys.path.insert(0, sys.argv[1])
import numpy as np
import test_pool

def ask():
    while True:
        test_pool.COUNTING(np.zeros(5000), np.array([16]))

test_pool.meets()
threading.Thread(target=ask, daemon=True).start()
test_pool.meets()
print("bye")
"""


@pytest.mark.long
@several
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(("source", "said"), [(FORKED, ""), (ENDING, "bye\n")], ids=["fork", "end"])
def test_a_child_has_threads_of_its_own_and_a_process_ends(
    source: str, said: str, tmp_path: Path
) -> None:
    # numba keeps compiled code beside this file for a module of another name
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", source, str(Path(__file__).parent)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_what_is_divided_begins_with_first_and_count() -> None:
    def rows(c: Pointer, first: int, count: int) -> None:
        pass

    def total(first: int, count: int, c: Pointer) -> int:
        return count

    for wrong in (rows, total):
        with pytest.raises(TypeError, match=r"divided means \(first: int, count: int"):
            linked(divided=True)(wrong)
