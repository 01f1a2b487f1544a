"""A worker pool whose threads spin before they sleep: a parallel loop begins in a microsecond.

Waking a sleeping thread takes fifty microseconds, a hundred in a virtual machine, as long as a
whole product of a small batch; numba's own parallel region costs ten whatever the number of
threads. So a worker spins for `_SPINS` polls before it sleeps, and yields its core to other
threads, such as those of BLAS.

A job is a number of items, computed in pieces. Each thread begins with a share of its own, the same
in every call, so that data stay in the caches of its core, and then claims pieces of other shares.
The caller waits only for pieces that were claimed, not for threads that have claimed none. The pool
runs one job at a time: a caller that finds it busy, or is one of its threads, does all pieces
itself.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import threading
import time
from typing import Any

import numpy as np

from einbench.host.forking import import_numba
from einbench.host.libraries import library
from einbench.host.locks import ForkedLock
from einbench.host.slices import shorten
from einbench.host.threading_layer import running_layer, start_threads, threads_without
from einbench.jit.atomics import add, exchange, pause, read
from einbench.jit.bodies import callback_of, copy_for_numba, helper, jit_of
from einbench.jit.pool_code import (
    ASLEEP,
    CLOSED,
    CONDITION,
    CORES,
    END,
    GATE,
    JOB,
    KEPT_OFF,
    LINE,
    MOST,
    MOST_CORES,
    MUTEX,
    NUMBERS,
    OWNED,
    SHARES,
    TICKET,
    call,
    least,
    lock,
    num_threads,
    own_core,
    restrict,
    shared,
    symbol,
    unlock,
    wait,
    wake,
    wanted,
    yield_core,
)

#: polls of a worker before it sleeps, about a hundred microseconds, and polls between two yields of
#: its core
_SPINS, _YIELD_EVERY = 2048, 16
#: pieces for each thread: one that is delayed leaves some to others
_PIECES = 8

Words = Any  # the state, as a pointer

#: for the state, from a cache line on
_MEMORY = np.zeros(SHARES + MOST * LINE + LINE, np.int64)
_LOCK = ForkedLock()
_THREADS: list[threading.Thread] = []


@helper()
def _claim_pieces(state: Words, thread: int) -> None:
    """Claim and compute pieces: of the thread's own share first, then of the following ones."""
    function, given, total, piece, threads = (
        state[JOB], state[JOB + 1], state[JOB + 2], state[JOB + 3], state[JOB + 4]
    )  # fmt: skip
    pieces = (total + piece - 1) // piece
    for turn in range(threads):
        share = (thread + turn) % threads
        place, last = SHARES + share * LINE, (share + 1) * pieces // threads
        while read(state, place) < last:
            first = add(state, place, 1) * piece
            if first < last * piece:
                call(function, first, least(piece, total - first), given)


def _run(function: int, given: int, total: int, piece: int, exactly: int) -> int:
    """All pieces, with the workers that spin; ``function(first, count, given)`` is one piece.

    A piece of 0 is as long as leaves every thread some. As many threads take part as are asked
    for, and where the pool is at work the caller does all. Where ``exactly`` is not 0 so many do,
    the caller among them, and where the pool is at work nothing is done. Whether all is done is
    what it returns, 1 or 0. A worker that comes late finds its share untouched or claimed by
    another: as many pieces as there are threads may wait for each other, for each gets a thread.
    """
    state = shared()
    threads = exactly if exactly > 0 else num_threads()
    if piece == 0:
        piece = total // (_PIECES * threads)
        if piece == 0:
            piece = 1
    pieces = (total + piece - 1) // piece
    threads = least(threads, pieces)
    if threads <= 1 or exchange(state, OWNED, 1) != 0:
        if exactly > 0:
            return 0
        for first in range(0, total, piece):
            call(function, first, least(piece, total - first), given)
        return 1
    state[JOB], state[JOB + 1], state[JOB + 2] = function, given, total
    state[JOB + 3], state[JOB + 4] = piece, threads
    for share in range(threads):
        state[SHARES + share * LINE] = share * pieces // threads
    add(state, GATE, -CLOSED)
    add(state, TICKET, 1)
    if read(state, ASLEEP) > 0:
        # Linux may wake a thread on the waker's own core although another is idle; both then share
        # it until the load is balanced, some milliseconds later. In a virtual machine of two cores
        # a product of 1,000 rows, after a pause of 50 ms, took 5.0 and not 3.0 ms in two turns of
        # three. A function of its own would take numba a tenth of a second more to compile
        core = own_core()
        if 0 <= core < MOST_CORES and core != state[KEPT_OFF]:
            state[KEPT_OFF] = core
            word, bit = CORES + core // 64, 1 << (core % 64)
            before = state[word]
            state[word] = before & ~bit
            for thread in range(1, state[END + 1]):
                # one that has not started yet has number 0, which is the caller's to the system
                if state[NUMBERS + thread] > 0:
                    restrict(state, state[NUMBERS + thread])
            state[word] = before
        lock(state)
        wake(state)
        unlock(state)
    _claim_pieces(state, np.int64(0))  # numba compiles it anew for 0 as a literal
    add(state, GATE, CLOSED)
    waited = 0
    while read(state, GATE) != CLOSED:
        pause()
        waited += 1
        if waited % _YIELD_EVERY == 0:
            yield_core(state)
    exchange(state, OWNED, 0)
    return 1


def _serve(thread: int) -> None:
    """A worker's loop: spin for a job, take part in it, and sleep where none comes for a while."""
    state = shared()
    seen = 0
    while read(state, END) == 0:
        looked = 0
        while read(state, TICKET) == seen and looked < _SPINS:
            looked += 1
            pause()
            if looked % _YIELD_EVERY == 0:
                yield_core(state)
        if read(state, TICKET) == seen:
            lock(state)
            # a job that is posted after this finds that a worker sleeps
            add(state, ASLEEP, 1)
            while read(state, TICKET) == seen and read(state, END) == 0:
                wait(state)
            add(state, ASLEEP, -1)
            unlock(state)
        seen = read(state, TICKET)
        if add(state, GATE, 1) < CLOSED and thread < state[JOB + 4]:
            _claim_pieces(state, thread)
        add(state, GATE, -1)


@functools.cache
def _known_to_linker() -> tuple[Any, Any]:
    """The compiled code, which must be kept alive: of a job, and of a worker's loop."""
    import numba
    from llvmlite.binding import add_symbol

    add_symbol(symbol("state"), _address())
    word = numba.types.int64
    run = callback_of(_copied(_run, "run"), word(word, word, word, word, word))
    add_symbol(symbol("run"), run.address)
    serve = jit_of(_copied(_serve, "serve"))
    serve.compile((word,))
    return run, serve


def _asked_without() -> Any:
    return np.int32(wanted()[0])


@functools.cache
def _say_how_many() -> Any:
    """In place of numba's function, which the linker knows once numba has a threading layer.

    The pool needs none: where TBB is not installed its kernels run all the same.
    """
    import numba
    from llvmlite.binding import add_symbol

    add_symbol(symbol("wanted"), ctypes.addressof(threads_without()))
    asked = callback_of(_copied(_asked_without, "asked"), numba.types.int32())
    add_symbol("get_num_threads", asked.address)
    return asked


def _copied(function: Any, part: str) -> Any:
    return copy_for_numba(function, symbol(part))


def _address() -> int:
    """Of the state, from a cache line on."""
    return -(-_MEMORY.ctypes.data // 64) * 64


def start(least: int = 1) -> None:
    """Start as many threads as numba has, or ``least``, and give the linker the code of a job.

    Without POSIX threads the pool has none, and a caller does all pieces itself.
    """
    import_numba()
    from numba.core.compiler_lock import global_compiler_lock

    # the first: a fork waits for it, and for none of those that are taken inside
    with global_compiler_lock, _LOCK.lock:
        if library("tbb") is not None or running_layer() is not None:
            start_threads()  # numba knows how many threads to use when its own are there
        else:
            _say_how_many()
        if not _THREADS and _known_to_linker():
            _begin()
        if os.name == "posix":
            _grow(least)


def threads() -> frozenset[threading.Thread]:
    """The pool's own, which run nothing but its jobs."""
    return frozenset(_THREADS)


def _begin() -> None:
    import numba

    words = (ctypes.c_int64 * (SHARES + MOST * LINE)).from_address(_address())
    ctypes.memset(words, 0, ctypes.sizeof(words))
    words[GATE] = CLOSED
    if os.name != "posix":
        return
    library = ctypes.CDLL(None)
    library.pthread_mutex_init(ctypes.byref(words, 8 * MUTEX), None)
    library.pthread_cond_init(ctypes.byref(words, 8 * CONDITION), None)
    words[KEPT_OFF] = -1
    for core in os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ():
        if core < MOST_CORES:
            mask = words[CORES + core // 64] | 1 << core % 64
            words[CORES + core // 64] = mask
    _grow(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set at run time


def _grow(threads: int) -> None:
    """Let there be so many, with the caller of a job; there are never fewer than before."""
    words = (ctypes.c_int64 * SHARES).from_address(_address())
    _, serve = _known_to_linker()
    for number in range(1 + len(_THREADS), min(threads, MOST)):
        thread = threading.Thread(
            target=serve, args=(number,), name=f"einbench-{number}", daemon=True
        )
        thread.start()
        words[NUMBERS + number] = thread.native_id or 0
        shorten(thread.native_id or 0)
        _THREADS.append(thread)
    words[END + 1] = 1 + len(_THREADS)


def _renew() -> None:
    """In a forked child no thread exists but the one that forked."""
    if _THREADS:
        before = 1 + len(_THREADS)
        _THREADS.clear()
        _begin()
        _grow(before)


def end() -> None:
    """End the threads before the code that they run is unloaded; callers then work alone."""
    words = (ctypes.c_int64 * SHARES).from_address(_address())
    words[END], words[END + 1] = 1, 1
    if _THREADS:
        library = ctypes.CDLL(None)
        for name, place in (
            ("pthread_mutex_lock", MUTEX),
            ("pthread_cond_broadcast", CONDITION),
            ("pthread_mutex_unlock", MUTEX),
        ):
            getattr(library, name)(ctypes.byref(words, 8 * place))
    # one that is in the middle of a piece is waited for, but not for ever
    until_s = time.monotonic() + 1
    for thread in _THREADS:
        thread.join(timeout=max(until_s - time.monotonic(), 0))
    _THREADS.clear()


atexit.register(end)
with contextlib.suppress(AttributeError):  # where there is no fork
    os.register_at_fork(after_in_child=_renew)
