"""Jobs of BLAS on the pool's threads: the function that OpenBLAS calls in place of its own threads.

OpenBLAS hands over the jobs of a call and the function that does one of them: for every job
``callback(sync, do_job, jobs, size, data, given)`` calls ``do_job(number, data + job * size,
given)``. Its source is driver/others/blas_server.c, ``exec_blas``. What that asks of a caller:

- jobs of one call wait for each other, spinning: each needs a thread of its own. Where the pool is
  at work, or BLAS is called in one of its pieces, threads are made for this call alone.
- a job's number chooses its working memory, and no two jobs may have one number at once: calls take
  turns. The numbers of OpenBLAS's own threads count from 0, and LU hands jobs to those directly
  (``exec_blas_async``, in lapack/getrf/getrf_parallel.c): so these count down from the last.
- ``sync`` is always 1: the call returns when all jobs are done.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from einbench.jit import pool
from einbench.jit.bodies import Intrinsic, callback_of, copy_for_numba, digest_of, sources_of
from einbench.jit.pool import share_out
from einbench.jit.pool_code import END, LINE, posix, shared, symbol, words_of, yield_core

# places: what is to be done, the number of the first job, code of a thread and of the pool's piece;
# memory for a mutex; the threads made for a call
DO_JOB, DATA, SIZE, GIVEN, FIRST, MAIN, PIECE = range(7)
MUTEX, MADE = LINE, 3 * LINE
#: most jobs of a call
MOST_JOBS = 512

_MEMORY = np.zeros(MADE + MOST_JOBS + LINE, np.int64)


def _build_call_job() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def call_job(typing: Any, function: Any, number: Any, data: Any, given: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word, small = ir.IntType(64), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [small, word, small]).as_pointer()
            number, data, given = arguments[1:]
            taken = [builder.trunc(number, small), data, builder.trunc(given, small)]
            builder.call(builder.inttoptr(arguments[0], kind), taken)
            return context.get_dummy_value()

        return types.void(i, i, i, i), generate

    return intrinsic(call_job)


def _build_begin_thread() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def begin_thread(typing: Any, words: Any, place: Any, main: Any, argument: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word, small = ir.IntType(64), ir.IntType(32)
            kind = ir.FunctionType(small, [word.as_pointer(), word, word, word])
            function = get_or_insert_function(builder.module, kind, "pthread_create")
            made = builder.gep(arguments[0], [arguments[1]])
            failed = builder.call(function, [made, word(0), *arguments[2:]])
            return builder.sext(failed, word)

        return i(words, i, i, i), generate

    return intrinsic(begin_thread)


def _build_join_thread() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def join_thread(typing: Any, words: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            kind = ir.FunctionType(ir.IntType(32), [word, word])
            function = get_or_insert_function(builder.module, kind, "pthread_join")
            made = builder.load(builder.gep(arguments[0], [arguments[1]]))
            builder.call(function, [made, word(0)])
            return context.get_dummy_value()

        return types.void(words, types.int64), generate

    return intrinsic(join_thread)


blas = words_of("blas")
lock_blas = posix("pthread_mutex_lock", MUTEX)
unlock_blas = posix("pthread_mutex_unlock", MUTEX)
#: ``call_job(function, number, data, given)``: OpenBLAS does one job
call_job = Intrinsic(_build_call_job, __file__)
#: ``begin_thread(words, place, main, argument)``: 0 where a thread was made, noted at that place
begin_thread = Intrinsic(_build_begin_thread, __file__)
#: ``join_thread(words, place)``: wait for the end of the thread that is noted there
join_thread = Intrinsic(_build_join_thread, __file__)


def _do(first: int, count: int, _given: int) -> None:
    """So many jobs of the present call, one after the other."""
    words = blas()
    for job in range(first, first + count):
        last = words[FIRST]
        number = last - job if job <= last else job
        call_job(words[DO_JOB], number, words[DATA] + job * words[SIZE], words[GIVEN])


def _do_alone(job: int) -> int:
    """What a thread that was made for a call does."""
    _do(job, 1, 0)
    return 0


def _on_new_threads(words: Any, jobs: int) -> None:
    for job in range(1, jobs):
        # some of the jobs may have begun: they would wait for ever for one that is given up
        while begin_thread(words, MADE + job, words[MAIN], job) != 0:
            yield_core(words)
    _do(0, 1, 0)
    for job in range(1, jobs):
        join_thread(words, MADE + job)


def _run_jobs(_sync: int, do_job: int, jobs: int, size: int, data: int, given: int) -> None:
    """What OpenBLAS calls."""
    words = blas()
    lock_blas(words)
    count = jobs + 0  # as int64, which what is called here is compiled for
    words[DO_JOB], words[DATA], words[SIZE], words[GIVEN] = do_job, data, size, given
    if count == 1:
        _do(0, 1, 0)
    elif count > shared()[END + 1] or not share_out(words[PIECE], 0, count, 1, count):
        _on_new_threads(words, count)
    unlock_blas(words)


@functools.cache
def _compiled() -> tuple[Any, Any, Any]:
    """For OpenBLAS, for a thread of its own and for the pool; they must be kept alive."""
    import numba
    from llvmlite.binding import add_symbol

    add_symbol(symbol("blas"), _address())
    word, small = numba.types.int64, numba.types.int32

    digest = digest_of(sources_of(_run_jobs) | {__file__})

    def compiled(function: Any, kind: Any) -> Any:
        return callback_of(copy_for_numba(function, f"einbench_blas_{digest}"), kind)

    run = compiled(_run_jobs, numba.types.void(small, word, small, word, word, small))
    alone = compiled(_do_alone, word(word))
    piece = compiled(_do, numba.types.void(word, word, word))
    return run, alone, piece


def _address() -> int:
    """Of the words, from a cache line on."""
    return -(-_MEMORY.ctypes.data // 64) * 64


def _words() -> Any:
    return (ctypes.c_int64 * (MADE + MOST_JOBS)).from_address(_address())


def start(threads: int, last: int) -> int:
    """Give the pool so many threads at least, and say the address for OpenBLAS to call.

    Args:
        threads: as many as BLAS has.
        last: the highest number that a job of any of them may have.
    """
    pool.start(threads)
    _compiled()
    words = _words()
    if words[PIECE] == 0:
        _begin()
        words[FIRST] = last
    with _between_calls():
        words[FIRST] = min(words[FIRST], last)
    return address()


def address() -> int:
    """Of the function that OpenBLAS is given."""
    run, _, _ = _compiled()
    return int(run.address)


def _begin() -> None:
    words = _words()
    ctypes.CDLL(None).pthread_mutex_init(ctypes.byref(words, 8 * MUTEX), None)
    _, alone, piece = _compiled()
    words[MAIN], words[PIECE] = alone.address, piece.address


@contextlib.contextmanager
def _between_calls() -> Iterator[None]:
    _hold()
    try:
        yield
    finally:
        _go_on()


def _hold() -> None:
    """Wait for the call that is under way, and let none begin."""
    if _words()[PIECE] != 0:
        ctypes.CDLL(None).pthread_mutex_lock(ctypes.byref(_words(), 8 * MUTEX))


def _go_on() -> None:
    if _words()[PIECE] != 0:
        ctypes.CDLL(None).pthread_mutex_unlock(ctypes.byref(_words(), 8 * MUTEX))


def end() -> None:
    """End the pool; a call that comes later gets threads of its own."""
    with _between_calls():
        pool.end()


def _renew() -> None:
    if _words()[PIECE] != 0:
        _begin()


if hasattr(os, "register_at_fork"):
    # as it forks, OpenBLAS frees the memory that jobs work in
    os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_renew)
