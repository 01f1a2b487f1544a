"""Functions that compiled bodies call: compiled with them, or once for all of them.

A body is ordinary Python over the globals of its module. What is compiled is a copy of it, over
globals in which ``prange`` is numba's, and in which what it calls is replaced:

- a function of its own module is compiled with it;
- a `Helper`, of any module, is compiled once and linked into every body that calls it, which LLVM
  then optimises again together with the body;
- an `Intrinsic` is emitted as instructions that Python cannot express; `einbench.jit.linked` has
  functions that a body calls by a symbol.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, TypeGuard

import numpy as np

from einbench.host.cpu import third_level_bytes
from einbench.host.forking import importing
from einbench.jit.code_cache import IMPORTED_S, before, keep


def jit_of(
    function: FunctionType, *, parallel: bool = False, fastmath: frozenset[str] | None = None
) -> Any:
    """The function compiled when it is first called, and kept on disk where it has a file."""
    import numba
    from numba.core.compiler_lock import global_compiler_lock

    # the first one makes numba's contexts, under a lock of theirs that no fork waits for
    with global_compiler_lock:
        dispatcher = numba.njit(
            parallel=parallel,
            fastmath=set(fastmath) if fastmath else False,
            error_model="numpy",  # a division by zero is infinity or NaN, as in NumPy
            nogil=True,
        )(function)
    return keep(dispatcher, function, dispatcher.targetoptions)


def callback_of(
    function: FunctionType, signature: Any, *, fastmath: frozenset[str] | None = None
) -> Any:
    """The function compiled now for C to call, and kept on disk."""
    with importing():
        from numba.core.ccallback import CFunc

    options = {"error_model": "numpy", "fastmath": set(fastmath) if fastmath else False}
    # what numba.cfunc does, with another cache
    compiled = CFunc(function, (signature.args, signature.return_type), {}, options)
    keep(compiled, function, options, by_address=True).compile()
    return compiled


class Intrinsic:
    """A function of compiled bodies only, emitted as instructions that Python cannot express.

    ``build`` makes numba's intrinsic when a body that uses it is compiled; ``source`` is the file
    that says what it does, ``also`` others, and ``calls`` a function whose own callees it
    depends on.
    """

    def __init__(
        self,
        build: Callable[[], Any],
        source: str,
        prepare: Callable[[np.dtype[Any]], None] = lambda dtype: None,
        calls: FunctionType | None = None,
        also: tuple[str, ...] = (),
    ) -> None:
        self._build = build
        self._own = frozenset({source, *also})
        self._calls = calls
        #: what must be there for a dtype before code that uses it is compiled or loaded
        self.prepare = prepare

    @functools.cached_property
    def sources(self) -> frozenset[str]:
        """Source files that it depends on."""
        others = sources_of(self._calls) if self._calls is not None else frozenset()
        return others | self._own

    @functools.cached_property
    def built(self) -> Any:
        """The numba object that replaces it in a compiled body."""
        return self._build()

    def __call__(self, *_: Any) -> Any:
        """Raises: it cannot be called from Python."""
        raise TypeError("an intrinsic can be called in a compiled kernel only")


class Helper:
    """A function that bodies of several modules call, compiled once for all of them."""

    def __init__(self, function: Callable[..., Any], fastmath: frozenset[str] | None) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"helper() needs a plain Python function, got {function!r}")
        self.function = function
        self._fastmath = fastmath
        functools.update_wrapper(self, function)

    @functools.cached_property
    def sources(self) -> frozenset[str]:
        """Files that it and what it calls stand in."""
        return sources_of(self.function) | {self.function.__code__.co_filename}

    @functools.cached_property
    def built(self) -> Any:
        """The numba object that replaces it in a compiled body."""
        name = digest_of(self.sources)
        jit = functools.partial(jit_of, fastmath=self._fastmath)
        return jit(copy_of(self.function, name, (), range, jit))

    def __call__(self, *arguments: Any) -> Any:
        """The interpreted function."""
        return self.function(*arguments)


def helper(*, fastmath: frozenset[str] | None = None) -> Callable[[Callable[..., Any]], Helper]:
    """Let compiled bodies of other kernels call the decorated function."""
    return functools.partial(Helper, fastmath=fastmath)


def copy_for_numba(
    body: FunctionType, name: str, fastmath: frozenset[str] | None = None
) -> FunctionType:
    """``body`` over globals in which helpers and intrinsics are replaced by numba's objects."""
    return copy_of(body, name, (), range, functools.partial(jit_of, fastmath=fastmath))


def prepare(body: FunctionType, dtype: np.dtype[Any]) -> None:
    """Make ready what the intrinsics need that a body calls, itself or through helpers."""
    for used in _called_by(body):
        if isinstance(used, Intrinsic):
            used.prepare(dtype)
        else:
            prepare(used.function, dtype)


def sources_of(body: FunctionType) -> frozenset[str]:
    """Files of the helpers and intrinsics that a body calls, itself or through helpers."""
    return frozenset[str]().union(*(used.sources for used in _called_by(body)))


def _called_by(body: FunctionType) -> Iterator[Helper | Intrinsic]:
    """Helpers and intrinsics that it and functions of its module that it calls look up.

    Attributes are among these names too: one that is a helper's as well is one more to look at,
    and ``dis``, which knows, takes longer than a first answer may.
    """
    seen, waiting = {body}, [body]
    while waiting:
        calling = waiting.pop()
        for name in calling.__code__.co_names:
            used = calling.__globals__.get(name)
            if isinstance(used, Helper) and used.function in seen:
                continue  # an attribute of its own name
            if isinstance(used, Helper | Intrinsic):
                yield used
            elif _is_beside(used, calling) and used not in seen:
                seen.add(used)
                waiting.append(used)


def digest_of(sources: frozenset[str]) -> str:
    """Hash of these files' contents: the cache on disk depends only on a body's own file."""
    from importlib.util import source_hash
    from pathlib import Path

    paths = [Path(source) for source in sorted(sources)]
    contents = [path.read_bytes() for path in paths]
    # a size that compiled code has as a constant
    contents.append(str(third_level_bytes()).encode())
    if any(path.stat().st_mtime > IMPORTED_S for path in paths):
        # the code in memory may be older than the file: no other process may find it under its name
        contents.append(f"{os.getpid()} {IMPORTED_S}".encode())
    return source_hash(b"".join(contents)).hex()


def copy_of(
    body: FunctionType,
    name: str,
    defaults: tuple[Any, ...],
    prange: Any,
    jit: Callable[[FunctionType], Any],
) -> FunctionType:
    """``body`` under another name, over globals in which ``prange`` is numba's.

    What it calls is replaced when it is to be compiled, and not where its code is on disk.

    The name is part of the key of the cache on disk: without it the sequential and the
    parallel form of one body would overwrite each other.
    """
    scope = dict(body.__globals__)
    scope["prange"] = prange
    copy = FunctionType(body.__code__, scope, body.__name__, defaults or None, body.__closure__)
    copy.__qualname__ = f"{body.__qualname__}.{name}"
    copy.__module__ = body.__module__

    def replace_callees() -> None:
        for used in _globals_of(body):
            called = scope.get(used)
            if called is body:
                raise TypeError(
                    f"{body.__name__} calls itself, which cannot be compiled: write a loop"
                )
            if isinstance(called, Helper | Intrinsic):
                scope[used] = called.built
            elif _is_beside(called, body):
                scope[used] = jit(copy_of(called, name, called.__defaults__ or (), prange, jit))

    before[copy] = replace_callees
    return copy


def _globals_of(body: FunctionType) -> set[str]:
    """Names that the body looks up in its module."""
    import dis

    # co_names would hold attributes too: the ``zeros`` of ``np.zeros`` is no global
    return {i.argval for i in dis.get_instructions(body) if i.opname == "LOAD_GLOBAL"}


def _is_beside(called: Any, body: FunctionType) -> TypeGuard[FunctionType]:
    return isinstance(called, FunctionType) and called.__module__ == body.__module__
