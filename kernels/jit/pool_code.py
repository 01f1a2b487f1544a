"""Operations of the pool that numba cannot express: calls by address, and POSIX threads.

The state of the pool is a flat array of int64 behind a symbol; what different threads write has a
cache line of its own.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from einbench.jit import atomics
from einbench.jit.bodies import Intrinsic, digest_of

#: files that say what compiled code expects of the pool
SOURCES = (__file__, atomics.__file__)

# places in the state: how many jobs there were, how many threads are inside the present one (and
# CLOSED where none may come), whether the pool is taken, how many threads sleep, the job, whether
# to end, and memory for a mutex and a condition of POSIX threads, which are smaller than two lines
# everywhere
LINE = 8
TICKET, GATE, OWNED, ASLEEP, JOB, END, MUTEX, CONDITION = (
    n * LINE for n in (0, 1, 2, 3, 4, 5, 6, 8)
)
CLOSED = 1 << 32
#: most threads that a job is shared among
MOST = 64
# which core threads are kept off as they are woken, the cores that they may have as a mask of bits,
# and the numbers that the system has for the threads
KEPT_OFF, CORES, NUMBERS = 10 * LINE, 11 * LINE, 13 * LINE
#: cores that fit the mask
MOST_CORES = 1024
SHARES = NUMBERS + MOST
#: whether the system reports a thread's core and can keep a thread off one
_HAS_CORES = sys.platform == "linux"


@functools.cache
def symbol(part: str) -> str:
    """The linker's symbol of a part of the pool."""
    return f"einbench_pool_{part}_{digest_of(frozenset(SOURCES))}"


def _intrinsic(build: Any) -> Intrinsic:
    # all that the symbols are named by: code on disk that calls one of another name ends a process
    return Intrinsic(build, __file__, also=SOURCES)


def _address(builder: Any, part: str) -> Any:
    """Memory behind a symbol, as a pointer to words."""
    from llvmlite import ir
    from numba.core.cgutils import get_or_insert_function

    # the linker looks up added symbols for functions only; this one is not called
    kind = ir.FunctionType(ir.VoidType(), [])
    address = get_or_insert_function(builder.module, kind, symbol(part))
    return builder.bitcast(address, ir.IntType(64).as_pointer())


def words_of(part: str) -> Intrinsic:
    """Memory behind a symbol, as a pointer to int64."""

    def build() -> Any:
        from numba import types
        from numba.extending import intrinsic

        def words(typing: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return _address(builder, part)

            pointer: Any = types.CPointer
            return pointer(types.int64)(), generate

        return intrinsic(words)

    return _intrinsic(build)


def _build_num_threads() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def num_threads(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            kind = ir.FunctionType(ir.IntType(32), [])
            asked = get_or_insert_function(builder.module, kind, "get_num_threads")
            count = builder.sext(builder.call(asked, []), word)
            there = builder.load(builder.gep(_address(builder, "state"), [word(END + 1)]))
            return _least(builder, _least(builder, count, there), word(MOST))

        return types.int64(), generate

    return intrinsic(num_threads)


def _least(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.icmp_signed("<", one, other), one, other)


def _build_least() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def least(typing: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _least(builder, *arguments)

        return types.int64(types.int64, types.int64), generate

    return intrinsic(least)


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


def posix(name: str, *places: int) -> Intrinsic:
    """A function of POSIX threads, called with these places of the state."""

    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.core.cgutils import get_or_insert_function
        from numba.extending import intrinsic

        def called(typing: Any, words: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                pointer = ir.IntType(64).as_pointer()
                kind = ir.FunctionType(ir.IntType(32), [pointer] * len(places))
                function = get_or_insert_function(builder.module, kind, name)
                at = [builder.gep(arguments[0], [ir.IntType(64)(place)]) for place in places]
                builder.call(function, at)
                return context.get_dummy_value()

            return types.void(words), generate

        return intrinsic(called)

    return _intrinsic(build)


def _build_own_core() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def own_core(typing: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            if not _HAS_CORES:
                return word(-1)
            kind = ir.FunctionType(ir.IntType(32), [])
            function = get_or_insert_function(builder.module, kind, "sched_getcpu")
            return builder.sext(builder.call(function, []), word)

        return types.int64(), generate

    return intrinsic(own_core)


def _build_restrict() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    def restrict(typing: Any, words: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if _HAS_CORES:
                word, small = ir.IntType(64), ir.IntType(32)
                kind = ir.FunctionType(small, [small, word, word.as_pointer()])
                function = get_or_insert_function(builder.module, kind, "sched_setaffinity")
                mask = builder.gep(arguments[0], [word(CORES)])
                number = builder.trunc(arguments[1], small)
                builder.call(function, [number, word(MOST_CORES // 8), mask])
            return context.get_dummy_value()

        return types.void(words, types.int64), generate

    return intrinsic(restrict)


shared = words_of("state")
#: how many threads are asked for where numba has no layer
wanted = words_of("wanted")
#: ``num_threads()``: how many threads would share a job, including the caller
num_threads = _intrinsic(_build_num_threads)
#: ``least(one, other)``: as ``min``, which takes numba a tenth of a second to compile
least = _intrinsic(_build_least)
call = _intrinsic(_build_call)
lock = posix("pthread_mutex_lock", MUTEX)
unlock = posix("pthread_mutex_unlock", MUTEX)
wait = posix("pthread_cond_wait", CONDITION, MUTEX)
wake = posix("pthread_cond_broadcast", CONDITION)
yield_core = posix("sched_yield")
#: ``own_core()``: the number of the core that the caller is on; negative where it is not reported
own_core = _intrinsic(_build_own_core)
#: ``restrict(words, number)``: the thread of that number may have the cores of the mask alone
restrict = _intrinsic(_build_restrict)


def _code_of_run(builder: Any) -> Any:
    from llvmlite import ir
    from numba.core.cgutils import get_or_insert_function

    word = ir.IntType(64)
    return get_or_insert_function(builder.module, ir.FunctionType(word, [word] * 5), symbol("run"))


def _build_run() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def run(typing: Any, function: Any, given: Any, total: Any, piece: Any, exactly: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.call(_code_of_run(builder), arguments)

        i = types.int64
        return i(i, i, i, i, i), generate

    return intrinsic(run)


#: ``run(function, given, total, piece, exactly)``: see the pool's function of that name
run = _intrinsic(_build_run)


def share(builder: Any, function: Any, arguments: list[Any]) -> None:
    """Code for ``function(first, count, ...)`` of all items, given (items, piece, ...).

    A piece of 0 is as long as leaves every thread some.
    """
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
            addresses = [builder.ptrtoint(pointer, word) for pointer in (one, packed)]
            builder.call(_code_of_run(builder), [*addresses, items, piece, word(0)])
