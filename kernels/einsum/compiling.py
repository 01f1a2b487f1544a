"""Loops of a task: their source run by Python, or compiled by numba and kept on disk.

Compiled once for equal sources and dtypes, whatever the letters of the expression and the sizes of
its loops. What an operand needs before, another order of its axes or a copy, is done in the call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from importlib.util import source_hash
from types import CodeType
from typing import Any

import numpy as np

from einbench.einsum.nest import WORTH_UNROLLING, Laid, Nest, nest
from einbench.einsum.source import Writer
from einbench.einsum.task import Array, Refusal, Run, Task
from einbench.host.forking import import_numba
from einbench.host.libraries import why_missing
from einbench.host.locks import ForkedLock
from einbench.host.settings import why_unusable

#: sums may be split over vector lanes, and products fused with sums
FASTMATH = frozenset({"reassoc", "contract"})
#: loops that are held; all are let go where there are more, and loaded from disk when next needed
_MOST_COMPILED = 512
_LOCK = ForkedLock()
_COMPILED: dict[tuple[Any, ...], Any] = {}


def source_of(task: Task, *, parallel: bool, unroll_from: int = WORTH_UNROLLING) -> str:
    """The loops of a task as Python source."""
    return Writer(nest(task, unroll_from), task.dtype.kind, parallel=parallel).text()


def interpreted(task: Task, *, parallel: bool = False, unroll_from: int = WORTH_UNROLLING) -> Run:
    """The loops run by Python, one product at a time; those for threads in turn."""
    source = source_of(task, parallel=parallel, unroll_from=unroll_from)
    function = _functions(source, _seen(task.dtype))["loops"]

    def quiet(*arrays: Array) -> None:
        with np.errstate(all="ignore"):
            function(*arrays)

    return _given(nest(task, unroll_from), task.dtype, quiet)


def compiled(task: Task, *, parallel: bool, unroll_from: int = WORTH_UNROLLING) -> Run:
    """The loops compiled, now if there is no such code yet.

    Args:
        task: what they compute.
        parallel: whether threads share the outermost loop.
        unroll_from: products from which small axes are unrolled.

    Raises:
        Refusal: nothing can be compiled here, or nothing shared out between threads.
    """
    if why := why_not_compiled():
        raise Refusal(why)
    laid = nest(task, unroll_from)
    writer = Writer(laid, task.dtype.kind, parallel=parallel)
    source = writer.in_pieces() if parallel else writer.text()
    if not source:
        raise Refusal("there is no loop for threads to share")
    shapes = tuple((each.contiguous, len(each.indices)) for each in (*laid.operands, laid.out))
    dtype = _seen(task.dtype)
    key = (source, dtype.char, shapes)
    function = _COMPILED.get(key)
    if function is None:
        with _LOCK.lock:
            function = _COMPILED.get(key)
            if function is None:
                function = _compile(source, dtype, shapes, parallel=parallel)
                if len(_COMPILED) >= _MOST_COMPILED:
                    _COMPILED.clear()  # a plan holds what it calls
                _COMPILED[key] = function
    return _given(laid, task.dtype, function)


def _seen(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What loops see of a dtype: bool as bytes of 0 and 1."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def _functions(source: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    """The functions of a generated source, which holds names made here and nothing of a user's.

    What is linked into code on disk has a symbol of the function's name, and of two with one name
    a process would call the first for both: each source has names of its own.
    """
    scope: dict[str, Any] = {"np": np, "T": dtype.type, "zero": dtype.type(0), "prange": range}
    exec(_code(source), scope)  # noqa: S102 - see above
    own = source_hash(f"{dtype.char} {source}".encode()).hex()
    for name in scope.keys() & {"loops", "piece"}:
        scope[name].__module__ = __name__
        scope[name].__name__ = scope[name].__qualname__ = f"{name}_{own}"
    return scope


@functools.lru_cache(maxsize=256)
def _code(source: str) -> CodeType:
    try:
        return compile(source, "<loops of einsum>", "exec")
    except SyntaxError as problem:
        if "nested blocks" not in str(problem):
            raise
        raise Refusal("its loops are nested more deeply than Python compiles") from None


def _compile(
    source: str, dtype: np.dtype[Any], shapes: Sequence[tuple[bool, int]], *, parallel: bool
) -> Any:
    import_numba()
    from numba.core.compiler_lock import global_compiler_lock

    # a fork waits for this lock, and for none of those that are taken inside
    with global_compiler_lock:
        return _compile_locked(source, dtype, shapes, parallel=parallel)


def _compile_locked(
    source: str, dtype: np.dtype[Any], shapes: Sequence[tuple[bool, int]], *, parallel: bool
) -> Any:
    import numba

    from einbench.jit import dividing, pool
    from einbench.jit.code_cache import CodeCache

    scope = _functions(source, dtype)
    if parallel:
        pool.start()
        piece = scope["piece"]
        given = piece.__code__.co_argcount - 2
        scope["share_out"] = dividing.divided(piece, given, FASTMATH)
        function = scope["loops"]
    else:
        function = dividing.apart(scope["loops"], len(shapes), FASTMATH)
    dispatcher: Any = numba.njit(fastmath=set(FASTMATH), error_model="numpy", nogil=True)(function)
    # what the code depends on, besides what the cache adds
    about = f"einsum {dtype.char} {_digest()} {source}"
    dispatcher._cache = CodeCache(function, about, by_address=True)
    types = [
        numba.types.Array(
            numba.from_dtype(dtype), axes, "C" if contiguous or axes == 0 else "A",
            readonly=number < len(shapes) - 1,
        )
        for number, (contiguous, axes) in enumerate(shapes)
    ]  # fmt: skip
    # its dispatcher would look at the types of all arguments, which a plan knows
    return dispatcher.compile(tuple(types))


@functools.cache
def _digest() -> str:
    """Of the files that compiled loops depend on, read once: every new source asks."""
    from einbench.jit.bodies import digest_of
    from einbench.jit.dividing import SOURCES

    return digest_of(SOURCES | {__file__})


def _given(loops: Nest, dtype: np.dtype[Any], function: Callable[..., None]) -> Run:
    """What gives a function each array as its loops expect it."""
    steps = [_step(each) for each in (*loops.operands, loops.out)]
    if dtype.kind == "b":
        steps = [_bytes_of(step) for step in steps]
    if not any(steps):
        return lambda arrays, out: function(*arrays, out)
    if not steps[-1] and len(steps) == 3:
        first, second = (step or _same for step in steps[:2])
        return lambda arrays, out: function(first(arrays[0]), second(arrays[1]), out)
    whole = [step or _same for step in steps]

    def run(arrays: Sequence[Array], out: Array) -> None:
        function(*[step(a) for step, a in zip(whole, (*arrays, out), strict=True)])

    return run


def _same(array: Array) -> Array:
    return array


def _step(laid: Laid) -> Callable[[Array], Array] | None:
    order, shape = laid.order, laid.shape
    plain = order == tuple(range(len(order)))
    if laid.copied:
        # fused axes lie behind each other in the copy too
        if shape is None:
            return lambda array: np.ascontiguousarray(array.transpose(order))
        return lambda array: np.ascontiguousarray(array.transpose(order)).reshape(shape)
    if plain and shape is None:
        return None
    if plain:
        return lambda array: array.reshape(shape)
    if shape is None:
        return lambda array: array.transpose(order)
    return lambda array: array.transpose(order).reshape(shape)


def _bytes_of(step: Callable[[Array], Array] | None) -> Callable[[Array], Array]:
    if step is None:
        return lambda array: array.view(np.uint8)
    return lambda array: step(array).view(np.uint8)


@functools.cache
def why_not_compiled() -> str:
    """Why no loops can be compiled here; empty where they can."""
    return why_missing(("numba",)) or why_unusable()
