"""Threads that wait awake for a while: a parallel loop begins within a microsecond.

A thread that sleeps takes fifty microseconds to come, in a virtual machine a hundred, which is what
a whole product of a small batch takes; and numba's own region costs ten whoever comes. So threads
of this pool look for work for some `_SPINS` before they sleep, and give way to whoever else wants
their core, BLAS above all.

A job is so many items, taken in pieces. Each thread begins with a share of its own, the same in
every call, so that data stay in the caches of the core that had them, and then takes what is left
of others'. Nobody is waited for who has not taken a piece: a thread that comes late, or never,
costs nothing but its help. One job has the pool at a time: who finds it busy, or is one of its
threads, does all pieces himself.

The state is a flat int64 array; what different threads write has a cache line of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import threading
from typing import Any

import numpy as np

from kernels import atomics
from kernels.atomics import add, exchange, pause, read
from kernels.bodies import Intrinsic, copy_for_numba, digest_of, helper, jit_of
from kernels.threading_layer import start_threads

# places in the state: how many jobs there were, how many threads are inside the present one (and
# _CLOSED where none may come), who has the pool, who sleeps, the job, whether to end, and memory
# for a mutex and a condition of POSIX threads, which are smaller than two lines everywhere
_LINE = 8
_TICKET, _GATE, _OWNED, _ASLEEP, _JOB, _END, _MUTEX, _CONDITION = (
    n * _LINE for n in (0, 1, 2, 3, 4, 5, 6, 8)
)
_SHARES = 10 * _LINE
_CLOSED = 1 << 32
#: most threads that a job is shared among
_MOST = 64
#: times that a thread looks for work before it sleeps, some hundred microseconds, and after how
#: many it lets others have its core
_SPINS, _GIVING_WAY = 4096, 32

Words = Any  # the state, as a pointer
#: files that say what compiled code expects of the pool
SOURCES = (__file__, atomics.__file__)

#: for the state, from a cache line on
_MEMORY = np.zeros(_SHARES + _MOST * _LINE + _LINE, np.int64)
_LOCK = threading.Lock()
_THREADS: list[threading.Thread] = []


def _intrinsic(build: Any) -> Intrinsic:
    return Intrinsic(build, __file__)


def _build_shared() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def shared(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            # the linker looks up added symbols for functions only; this one is not called
            kind = ir.FunctionType(ir.VoidType(), [])
            address = _function(builder.module, kind, symbol("state"))
            return builder.bitcast(address, ir.IntType(64).as_pointer())

        words: Any = types.CPointer
        return words(types.int64)(), generate

    return intrinsic(shared)


def _build_asked_for() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def asked_for(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(32), [])
            count = _function(builder.module, kind, "get_num_threads")
            return builder.sext(builder.call(count, []), ir.IntType(64))

        return types.int64(), generate

    return intrinsic(asked_for)


def _build_call() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def call(typing: Any, function: Any, first: Any, count: Any, given: Any) -> Any:
        i = types.int64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            kind = ir.FunctionType(ir.VoidType(), [word, word, word]).as_pointer()
            builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])
            return context.get_dummy_value()

        return types.void(i, i, i, i), generate

    return intrinsic(call)


def _posix(name: str, *places: int) -> Intrinsic:
    """A function of POSIX threads, called with these places of the state."""

    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        def called(typing: Any, words: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                pointer = ir.IntType(64).as_pointer()
                kind = ir.FunctionType(ir.IntType(32), [pointer] * len(places))
                function = _function(builder.module, kind, name)
                at = [builder.gep(arguments[0], [ir.IntType(64)(place)]) for place in places]
                builder.call(function, at)
                return context.get_dummy_value()

            return types.void(words), generate

        return intrinsic(called)

    return _intrinsic(build)


_shared = _intrinsic(_build_shared)
_asked_for = _intrinsic(_build_asked_for)
_call = _intrinsic(_build_call)
_lock = _posix("pthread_mutex_lock", _MUTEX)
_unlock = _posix("pthread_mutex_unlock", _MUTEX)
_wait = _posix("pthread_cond_wait", _CONDITION, _MUTEX)
_wake = _posix("pthread_cond_broadcast", _CONDITION)
_give_way = _posix("sched_yield")


@helper()
def everyone() -> int:
    """How many threads would share a job, the caller among them."""
    return min(_asked_for(), _shared()[_END + 1], _MOST)


def _take(state: Words, thread: int) -> None:
    """Pieces of one's own share, then of the others' after it."""
    function, given, total, piece, threads = (
        state[_JOB], state[_JOB + 1], state[_JOB + 2], state[_JOB + 3], state[_JOB + 4]
    )  # fmt: skip
    pieces = (total + piece - 1) // piece
    for turn in range(threads):
        share = (thread + turn) % threads
        place, last = _SHARES + share * _LINE, (share + 1) * pieces // threads
        while read(state, place) < last:
            first = add(state, place, 1) * piece
            if first < last * piece:
                _call(function, first, min(piece, total - first), given)


def _run(function: int, given: int, total: int, piece: int) -> None:
    """All pieces, with the help of whoever is awake; ``function(first, count, given)`` is one."""
    state = _shared()
    pieces = (total + piece - 1) // piece
    threads = min(everyone(), pieces)
    if threads > 1 and exchange(state, _OWNED, 1) == 0:
        state[_JOB], state[_JOB + 1], state[_JOB + 2] = function, given, total
        state[_JOB + 3], state[_JOB + 4] = piece, threads
        for share in range(threads):
            state[_SHARES + share * _LINE] = share * pieces // threads
        add(state, _GATE, -_CLOSED)
        add(state, _TICKET, 1)
        if read(state, _ASLEEP) > 0:
            _lock(state)
            _wake(state)
            _unlock(state)
        _take(state, 0)
        add(state, _GATE, _CLOSED)
        while read(state, _GATE) != _CLOSED:
            pause()
        exchange(state, _OWNED, 0)
    else:
        for first in range(0, total, piece):
            _call(function, first, min(piece, total - first), given)


def _serve(thread: int) -> None:
    """A thread's life: to look for a job, to help, and to sleep when none has come for a while."""
    state = _shared()
    seen = 0
    while read(state, _END) == 0:
        looked = 0
        while read(state, _TICKET) == seen and looked < _SPINS:
            looked += 1
            pause()
            if looked % _GIVING_WAY == 0:
                _give_way(state)
        if read(state, _TICKET) == seen:
            _lock(state)
            # whoever posts a job after this sees that somebody sleeps
            add(state, _ASLEEP, 1)
            while read(state, _TICKET) == seen and read(state, _END) == 0:
                _wait(state)
            add(state, _ASLEEP, -1)
            _unlock(state)
        seen = read(state, _TICKET)
        if add(state, _GATE, 1) < _CLOSED and thread < state[_JOB + 4]:
            _take(state, thread)
        add(state, _GATE, -1)


def _function(module: Any, kind: Any, name: str) -> Any:
    from llvmlite import ir

    return module.globals.get(name) or ir.Function(module, kind, name)


def share(builder: Any, function: Any, arguments: list[Any]) -> None:
    """Code for ``function(first, count, ...)`` of all items, given (items, piece, ...)."""
    from llvmlite import ir

    word = ir.IntType(64)
    items, piece, *given = arguments
    kind = ir.LiteralStructType([value.type for value in given])
    name = f"{function.name}_piece"
    one = builder.module.globals.get(name)
    if one is None:
        one = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [word] * 3), name)
        one.linkage = "internal"
        inner = ir.IRBuilder(one.append_basic_block())
        packed = inner.load(inner.inttoptr(one.args[2], kind.as_pointer()))
        parts = [inner.extract_value(packed, number) for number in range(len(given))]
        inner.call(function, [*one.args[:2], *parts])
        inner.ret_void()
    with builder.if_else(builder.icmp_signed("<=", items, piece)) as (whole, several):
        with whole:
            builder.call(function, [word(0), items, *given])
        with several:
            # at the function's beginning, or a loop would take more of the stack in every turn
            with builder.goto_entry_block():
                packed = builder.alloca(kind)
            parts = ir.Constant(kind, ir.Undefined)
            for number, value in enumerate(given):
                parts = builder.insert_value(parts, value, number)
            builder.store(parts, packed)
            kind_of_run = ir.FunctionType(ir.VoidType(), [word] * 4)
            run = _function(builder.module, kind_of_run, symbol("run"))
            addresses = [builder.ptrtoint(pointer, word) for pointer in (one, packed)]
            builder.call(run, [*addresses, items, piece])


@functools.cache
def symbol(part: str) -> str:
    """What the linker knows a part of the pool by."""
    return f"einbench_pool_{part}_{digest_of(frozenset(SOURCES))}"


@functools.cache
def _known_to_linker() -> tuple[Any, Any]:
    """The compiled code, which must be kept alive: of a job, and of a thread's life."""
    import numba
    from llvmlite.binding import add_symbol

    add_symbol(symbol("state"), _address())
    word = numba.types.int64
    run = numba.cfunc(numba.types.void(word, word, word, word), cache=True)(_copied(_run, "run"))
    add_symbol(symbol("run"), run.address)
    serve = jit_of(_copied(_serve, "serve"))
    serve.compile((word,))
    return run, serve


def _copied(function: Any, part: str) -> Any:
    return copy_for_numba(function, symbol(part))


def _address() -> int:
    """Of the state, from a cache line on."""
    return -(-_MEMORY.ctypes.data // 64) * 64


def start() -> None:
    """Have the threads there, as many as numba has, and the code of a job where linkers find it.

    Where there are no POSIX threads there are none, and whoever calls does everything alone.
    """
    start_threads()  # numba knows how many threads to use when its own are there
    with _LOCK:
        if not _THREADS and _known_to_linker():
            _begin()


def _begin() -> None:
    import numba

    words = (ctypes.c_int64 * (_SHARES + _MOST * _LINE)).from_address(_address())
    ctypes.memset(words, 0, ctypes.sizeof(words))
    words[_GATE] = _CLOSED
    if os.name != "posix":
        return
    library = ctypes.CDLL(None)
    library.pthread_mutex_init(ctypes.byref(words, 8 * _MUTEX), None)
    library.pthread_cond_init(ctypes.byref(words, 8 * _CONDITION), None)
    _, serve = _known_to_linker()
    most = min(numba.config.NUMBA_NUM_THREADS, _MOST)  # type: ignore[attr-defined]  # set at run time
    words[_END + 1] = most
    for number in range(1, most):
        thread = threading.Thread(
            target=serve, args=(number,), name=f"einbench-{number}", daemon=True
        )
        thread.start()
        _THREADS.append(thread)


def _renew() -> None:
    """In a child of fork no thread is but the one that forked."""
    global _LOCK  # noqa: PLW0603 - a thread that held it is not in the child
    _LOCK = threading.Lock()
    if _THREADS:
        _THREADS.clear()
        _begin()


def _end() -> None:
    """Let the threads go before the code that they run in goes."""
    words = (ctypes.c_int64 * _SHARES).from_address(_address())
    words[_END] = 1
    if _THREADS:
        library = ctypes.CDLL(None)
        for name, place in (
            ("pthread_mutex_lock", _MUTEX),
            ("pthread_cond_broadcast", _CONDITION),
            ("pthread_mutex_unlock", _MUTEX),
        ):
            getattr(library, name)(ctypes.byref(words, 8 * place))
    for thread in _THREADS:
        thread.join(timeout=1)
    _THREADS.clear()


atexit.register(_end)
with contextlib.suppress(AttributeError):  # where there is no fork
    os.register_at_fork(after_in_child=_renew)
