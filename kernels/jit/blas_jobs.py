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

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np

from einbench.host.locks import ForkedLock
from einbench.jit import pool
from einbench.jit.bodies import Intrinsic, callback_of, copy_for_numba, digest_of
from einbench.jit.pool_code import END, LINE, posix, run, shared, symbol, words_of, yield_core

# places: what is to be done, the number of the first job, code of a thread and of the pool's piece;
# memory for a mutex; the threads made for a call
DO_JOB, DATA, SIZE, GIVEN, FIRST, MAIN, PIECE = range(7)
MUTEX, MADE = LINE, 3 * LINE
#: most jobs of a call
MOST_JOBS = 512

_LOCK = ForkedLock()
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
    elif count > shared()[END + 1] or run(words[PIECE], 0, count, 1, count) == 0:
        _on_new_threads(words, count)
    unlock_blas(words)


def _limit(last: int, threads: int) -> None:
    """Between two calls: no job has a higher number, and the pool so many threads, 0 as it has."""
    words = blas()
    lock_blas(words)
    words[FIRST] = min(words[FIRST], last)
    if threads > 0:
        shared()[END + 1] = threads
    unlock_blas(words)


def _before_fork() -> None:
    """Wait for the call that is under way: as it forks, OpenBLAS frees memory that jobs work in."""
    lock_blas(blas())


def _after_fork() -> None:
    unlock_blas(blas())


def _in_child() -> None:
    """There are no other threads, until the pool starts them anew."""
    shared()[END + 1] = 1
    unlock_blas(blas())


class _Code(NamedTuple):
    run: Any
    alone: Any
    piece: Any
    limit: Any
    around_fork: tuple[Any, Any, Any]


@functools.cache
def _compiled() -> _Code:
    """What is called by address, and must be kept alive."""
    import numba
    from llvmlite.binding import add_symbol

    add_symbol(symbol("blas"), _address())
    word, small = numba.types.int64, numba.types.int32

    digest = digest_of(run.sources | {__file__})

    def compiled(function: Any, kind: Any) -> Any:
        return callback_of(copy_for_numba(function, f"einbench_blas_{digest}"), kind)

    none = numba.types.void
    return _Code(
        compiled(_run_jobs, none(small, word, small, word, word, small)),
        compiled(_do_alone, word(word)),
        compiled(_do, none(word, word, word)),
        compiled(_limit, none(word, word)),
        tuple(compiled(each, none()) for each in (_before_fork, _after_fork, _in_child)),
    )


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
    with _LOCK.lock:
        if _words()[PIECE] == 0:
            _begin(last)
    _compiled().limit.ctypes(last, 0)
    return address()


def address() -> int:
    """Of the function that OpenBLAS is given."""
    return int(_compiled().run.address)


def end() -> None:
    """End the pool; a call that comes later gets threads of its own."""
    # no Python is run while calls wait: one of them may hold what Python runs by
    _compiled().limit.ctypes(MOST_JOBS, 1)
    pool.end()


def _begin(last: int) -> None:
    words, code, system = _words(), _compiled(), ctypes.CDLL(None)
    system.pthread_mutex_init(ctypes.byref(words, 8 * MUTEX), None)
    words[FIRST], words[MAIN], words[PIECE] = last, code.alone.address, code.piece.address
    # not Python's hooks, after which other threads run again before it forks; GNU's library has the
    # function under a name of its own
    register = getattr(system, "pthread_atfork", None) or system.__register_atfork
    register(*(ctypes.c_void_p(each.address) for each in code.around_fork), None)
