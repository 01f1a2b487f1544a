"""A loop body that numba compiles on its first call, never at import.

The body is ordinary Python: ``for b in prange(batch)`` with ``prange = range`` in its module.
The compiled copy of the body sees numba's ``prange`` and compiled copies of the functions of
its module that it calls, so that one source serves as ``loop`` and as ``numba``.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeGuard

import numpy as np

Form = tuple[Any, ...]  # dtype of the first array, options

_LOCK = threading.RLock()


def _renew_lock() -> None:
    global _LOCK  # noqa: PLW0603 - a thread that held it is not in the child
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

_TBB_NAMES = {"darwin": "libtbb.12.dylib", "win32": "tbb12.dll"}


class Compiled:
    """``body`` compiled by numba, once per dtype: for read-only arrays in C order.

    A call with other arguments copies those first. A second form for any strides was tried: it
    doubled the time to compile, and in loops that sum products it ran twenty times slower than
    the copy and the first form together, for it must gather what vector instructions load.
    Options are compiled in as constants. Integer arguments become int64, so that every integer
    dtype shares a form.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        method: str,
        parallel: bool = False,
        fastmath: frozenset[str] | None = None,
    ) -> None:
        if not isinstance(body, FunctionType):
            raise TypeError(f"compile=True needs a plain Python function, got {body!r}")
        self.body = body
        self.method = method
        self.parallel = parallel
        self.fastmath = fastmath
        #: seconds spent compiling (or loading from numba's disk cache) so far
        self.compile_s = 0.0
        self._forms: dict[Form, Any] = {}
        self._integers: tuple[int, ...] = ()
        functools.update_wrapper(self, body)

    def why_unavailable(self) -> str:
        """Why this kernel cannot run here; empty where it can."""
        if problem := why_unavailable(("numba",)):
            return problem
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            return "numba's compiler is switched off (unset NUMBA_DISABLE_JIT)"
        return why_not_parallel() if self.parallel else ""

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        """Run the form that fits the arguments, compiled now where it is new."""
        in_order = True
        for array in arrays:
            if not array.flags.c_contiguous:
                in_order = False
        if not in_order:
            arrays = tuple(np.asarray(array, order="C") for array in arrays)
        form = (arrays[0].dtype.char, *options.values())
        compiled = self._forms.get(form)
        if compiled is None:
            compiled = self._compile(form, arrays, options)
        if self._integers:
            arrays = tuple(map(_as_int64, arrays))
        return compiled(*arrays)

    def entry(self, arrays: Sequence[Any], options: dict[str, Any]) -> Callable[..., Any]:
        """What to call with arrays laid out like these: the form itself where none is converted.

        It saves a microsecond a call, which at batch 1 is a quarter of it.
        """
        for array in arrays:
            as_it_is = array.dtype.kind == "f" or array.dtype == np.int64
            if not (array.flags.c_contiguous and as_it_is):
                return functools.partial(self, **options)
        form = (arrays[0].dtype.char, *options.values())
        return self._forms.get(form) or self._compile(form, arrays, options)

    def _compile(self, form: Form, arrays: Sequence[Any], options: dict[str, Any]) -> Any:
        import numba

        with _LOCK:
            if form in self._forms:
                return self._forms[form]
            start_s = time.perf_counter()
            if self.parallel:
                start_threads()
            _prepare(self.body, arrays[0].dtype)
            sources = sources_of(self.body)
            digest = [digest_of(sources)] if sources else []
            name = "_".join([self.method, *map(str, options.values()), *digest])
            # options are the parameters after the arrays: as defaults they compile to constants,
            # and so do parameters after those that have defaults of their own
            after = self.body.__code__.co_argcount - len(arrays) - len(options)
            own = (self.body.__defaults__ or ())[-after:] if after > 0 else ()
            constants = (*options.values(), *own)
            copy = _copy(self.body, name, constants, numba.prange, self._helper)
            # where the threads are a helper's there is no loop of its own to give them
            own_loop = "prange" in _globals_of(self.body)
            dispatcher = self._jit(copy, parallel=self.parallel and own_loop)
            types = [
                numba.types.Array(numba.from_dtype(_as_int64(a).dtype), a.ndim, "C", readonly=True)
                for a in arrays
            ]
            dispatcher.compile((*types, *map(numba.types.Omitted, constants)))
            dispatcher.disable_compile()
            self._integers = tuple(i for i, a in enumerate(arrays) if a.dtype.kind in "iu")
            self._forms[form] = dispatcher
            self.compile_s += time.perf_counter() - start_s
            return dispatcher

    def _helper(self, function: FunctionType) -> Any:
        return self._jit(function, parallel=False)

    def _jit(self, function: FunctionType, *, parallel: bool) -> Any:
        return _jit(function, parallel=parallel, fastmath=self.fastmath)


def _jit(
    function: FunctionType, *, parallel: bool = False, fastmath: frozenset[str] | None = None
) -> Any:
    import numba

    dispatcher = numba.njit(
        parallel=parallel,
        fastmath=set(fastmath) if fastmath else False,
        error_model="numpy",  # a division by zero is infinity or NaN, as in NumPy
        nogil=True,
    )(function)
    # a body typed into a prompt has no file to keep a cache beside
    with contextlib.suppress(RuntimeError):
        dispatcher.enable_caching()
    return dispatcher


class Intrinsic:
    """What only a compiled body can call: instructions that Python has no words for.

    ``build`` makes numba's intrinsic when a body that uses it is compiled; ``source`` is the file
    that says what it does.
    """

    def __init__(
        self,
        build: Callable[[], Any],
        source: str,
        prepare: Callable[[np.dtype[Any]], None] = lambda dtype: None,
    ) -> None:
        self._build = build
        #: what must be there for a dtype before code that uses it is compiled or loaded
        self.prepare = prepare
        self.sources = frozenset({source})

    @functools.cached_property
    def built(self) -> Any:
        """What takes its place in a compiled body."""
        return self._build()

    def __call__(self, *_: Any) -> Any:
        """Not from Python."""
        raise TypeError("an intrinsic can be called in a compiled kernel only")


class Helper:
    """A function that bodies of several modules call, compiled once for all of them."""

    def __init__(
        self, function: Callable[..., Any], fastmath: frozenset[str] | None, parallel: bool
    ) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"helper() needs a plain Python function, got {function!r}")
        self.function = function
        self._fastmath = fastmath
        self._parallel = parallel
        functools.update_wrapper(self, function)

    @functools.cached_property
    def sources(self) -> frozenset[str]:
        """Files that it and what it calls stand in."""
        return sources_of(self.function) | {self.function.__code__.co_filename}

    @functools.cached_property
    def built(self) -> Any:
        """What takes its place in a compiled body."""
        name = digest_of(self.sources)
        import numba

        jit = functools.partial(_jit, fastmath=self._fastmath)
        loops = numba.prange if self._parallel else range
        return jit(_copy(self.function, name, (), loops, jit), parallel=self._parallel)

    def __call__(self, *arguments: Any) -> Any:
        """Interpreted, as it stands."""
        return self.function(*arguments)


def helper(
    *, fastmath: frozenset[str] | None = None, parallel: bool = False
) -> Callable[[Callable[..., Any]], Helper]:
    """Let compiled bodies of other kernels call the decorated function.

    One that is parallel is for kernels that are parallel themselves: they look after the threads.
    """
    return functools.partial(Helper, fastmath=fastmath, parallel=parallel)


def copy_for_numba(body: Any, name: str) -> FunctionType:
    """``body`` over globals in which helpers and intrinsics are what numba knows."""
    return _copy(body, name, (), range, _jit)


def _prepare(body: FunctionType, dtype: np.dtype[Any]) -> None:
    """Make ready what the intrinsics need that a body calls, whoever calls them."""
    for name in _globals_of(body):
        used = body.__globals__.get(name)
        if isinstance(used, Intrinsic):
            used.prepare(dtype)
        elif isinstance(used, Helper):
            _prepare(used.function, dtype)
        elif used is not body and _is_beside(used, body):
            _prepare(used, dtype)


def sources_of(body: FunctionType) -> frozenset[str]:
    """Files of the helpers and intrinsics that a body calls, whoever calls them."""
    found: frozenset[str] = frozenset()
    seen, waiting = {body}, [body]
    while waiting:
        # attributes are among these names too: one that is a helper's as well is a file more to
        # look at, and ``dis``, which could tell, takes longer to import than a first answer may
        calling = waiting.pop()
        for name in calling.__code__.co_names:
            used = calling.__globals__.get(name)
            if isinstance(used, Helper | Intrinsic):
                found |= used.sources
            elif _is_beside(used, calling) and used not in seen:
                seen.add(used)
                waiting.append(used)
    return found


def digest_of(sources: frozenset[str]) -> str:
    """Of what lies in these files: numba's disk cache looks at a body's own file alone."""
    from importlib.util import source_hash
    from pathlib import Path

    contents = (Path(source).read_bytes() for source in sorted(sources))
    return source_hash(b"".join(contents)).hex()


def _as_int64(array: Any) -> Any:
    """Integer arrays as int64, so that one compiled form serves every integer dtype."""
    return array.astype(np.int64, copy=False) if array.dtype.kind in "iu" else array


def _copy(
    body: FunctionType,
    name: str,
    defaults: tuple[Any, ...],
    prange: Any,
    jit: Callable[[FunctionType], Any],
) -> FunctionType:
    """``body`` under another name, over globals in which ``prange`` is numba's.

    The name is part of the key of numba's disk cache: without it the sequential and the
    parallel form of one body would overwrite each other.
    """
    scope = dict(body.__globals__)
    scope["prange"] = prange
    for used in _globals_of(body):
        called = scope.get(used)
        if called is body:
            raise TypeError(f"{body.__name__} calls itself, which cannot be compiled: write a loop")
        if isinstance(called, Helper | Intrinsic):
            scope[used] = called.built
        elif _is_beside(called, body):
            scope[used] = jit(_copy(called, name, called.__defaults__ or (), prange, jit))
    copy = FunctionType(body.__code__, scope, body.__name__, defaults or None, body.__closure__)
    copy.__qualname__ = f"{body.__qualname__}.{name}"
    copy.__module__ = body.__module__
    return copy


def _globals_of(body: FunctionType) -> list[str]:
    """Names that the body looks up in its module, each once."""
    import dis

    # co_names would hold attributes too: the ``zeros`` of ``np.zeros`` is no global
    loaded = (i.argval for i in dis.get_instructions(body) if i.opname == "LOAD_GLOBAL")
    return list(dict.fromkeys(loaded))


def _is_beside(called: Any, body: FunctionType) -> TypeGuard[FunctionType]:
    return isinstance(called, FunctionType) and called.__module__ == body.__module__


def why_unavailable(requires: Sequence[str]) -> str:
    """Which of these imports is not installed, as a reason; empty where all are."""
    import importlib.util

    for name in requires:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:  # the package that ``name`` would lie in
            found = None
        if found is None:
            return f"{name} is not installed (pip install {name.partition('.')[0]})"
    return ""


@functools.cache
def tbb_library() -> str | None:
    """Path of the TBB library, from the ``tbb`` wheel of this environment.

    numba does not look into the environment for it, so it is loaded by path beforehand.
    """
    name = _TBB_NAMES.get(sys.platform, "libtbb.so.12")
    return _below(sys.prefix, name) or _below(_data_folder(), name)


def _data_folder() -> str:
    """Where wheels put files that are no modules: of Debian's own Python not ``sys.prefix``."""
    import sysconfig  # reading what Python was built with takes milliseconds

    return sysconfig.get_path("data")


def _below(folder: str, name: str) -> str | None:
    for part in ("lib", os.path.join("Library", "bin"), "bin"):  # noqa: PTH118 - loads slowly
        path = os.path.join(folder, part, name)  # noqa: PTH118 - as above
        if os.path.isfile(path):  # noqa: PTH113 - as above
            return path
    return None


def why_not_parallel() -> str:
    """Why no parallel kernel may run here; empty where it may.

    ``workqueue`` ends the process when two Python threads run parallel kernels at once, and
    ``omp`` leaves threads spinning that slow the BLAS call after it by a factor of 25: both
    would falsify comparisons. Only ``tbb`` does neither.
    """
    if tbb_library() is None:
        return "no safe threading layer (pip install tbb)"
    running = running_layer()
    if running not in (None, "tbb"):
        return f"no safe threading layer (numba runs on {running!r} in this process already)"
    return ""


def running_layer() -> str | None:
    """numba's threading layer where one has started in this process, else None."""
    if "numba" not in sys.modules:
        return None
    import numba  # waits where another thread is in the middle of importing it

    try:
        return str(numba.threading_layer())  # type: ignore[attr-defined]  # numba has no stubs
    except ValueError:
        return None


def start_threads() -> None:
    """Load TBB and have numba use it; must come before numba's first parallel call."""
    import numba

    with _LOCK:
        if running_layer() is not None:
            return
        library = tbb_library()
        if library is None:
            raise ValueError(why_not_parallel())
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        numba.config.THREADING_LAYER = "tbb"  # type: ignore[attr-defined]  # set by numba at run time
        # asking starts them; numba does so itself when it compiles a parallel loop, but not when
        # it loads a function from disk whose parallel loop is a helper's
        numba.get_num_threads()
