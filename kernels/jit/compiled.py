"""A loop body that numba compiles on its first call, never at import.

The body is ordinary Python: ``for b in prange(batch)`` with ``prange = range`` in its module.
The compiled copy of the body sees numba's ``prange`` and compiled copies of the functions of
its module that it calls, so that one source serves as ``loop`` and as ``numba``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from einbench.host.forking import import_numba
from einbench.host.libraries import why_missing
from einbench.host.locks import ForkedLock
from einbench.host.memory import for_result
from einbench.host.settings import why_unusable
from einbench.host.threading_layer import start_threads, why_not_parallel
from einbench.jit.bodies import copy_of, digest_of, jit_of, prepare, sources_of

Form = tuple[Any, ...]  # dtype of the first array, options
#: shape and dtype of every result, of arrays like those given
Results = Callable[[Sequence[Any]], Sequence[tuple[tuple[int, ...], np.dtype[Any]]]]

_LOCK = ForkedLock()


class Compiled:
    """``body`` compiled by numba, once per dtype: for read-only arrays in C order.

    A call with other arguments copies those first. A second form for any strides was tried: it
    doubled the time to compile, and in loops that sum products it ran twenty times slower than
    the copy and the first form together, for it must gather what vector instructions load.
    Options are compiled in as constants. Integer arguments become int64, so that every integer
    dtype shares a form.

    A body whose last parameter is ``out`` writes its result there and returns nothing; ``results``
    says which shapes and dtypes the results of such arrays have, and where no memory is given it is
    made here: an array that numba returns takes longer to wrap than NumPy takes to make it.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        method: str,
        parallel: bool = False,
        fastmath: frozenset[str] | None = None,
        results: Results | None = None,
    ) -> None:
        if not isinstance(body, FunctionType):
            raise TypeError(f"compile=True needs a plain Python function, got {body!r}")
        self.source = body
        self.method = method
        self.parallel = parallel
        self.fastmath = fastmath
        #: seconds spent compiling (or loading from disk) so far
        self.compile_s = 0.0
        self._forms: dict[Form, Any] = {}
        self._integers: tuple[int, ...] = ()
        names = body.__code__.co_varnames[: body.__code__.co_argcount]
        self.takes_out = "out" in names
        self._results = results if self.takes_out else None
        functools.update_wrapper(self, body)

    #: nothing is prepared but what is compiled
    prepare_s = None

    def files(self) -> frozenset[str]:
        """Of the helpers and intrinsics that are compiled into it."""
        return sources_of(self.source)

    def why_unavailable(self) -> str:
        """Why this kernel cannot run here; empty where it can."""
        if problem := why_missing(("numba",)):
            return problem
        if problem := why_unusable():
            return problem
        return why_not_parallel() if self._parallel_loop else ""

    @functools.cached_property
    def _parallel_loop(self) -> bool:
        """Whether it has a loop for numba's threads; where they are the pool's, there is none."""
        return self.parallel and "prange" in self.source.__code__.co_names

    def __call__(self, *arrays: Any, out: Any = None, **options: Any) -> Any:
        """Run the form that fits the arguments, compiled now where it is new.

        ``out`` is the array, or the tuple of them, that results are written to, in C order.
        """
        in_order = True
        for array in arrays:
            if not array.flags.c_contiguous:
                in_order = False
        if not in_order:
            arrays = tuple(np.asarray(array, order="C") for array in arrays)
        # before anything is compiled it is not known which of them are integers
        if self._integers or not self._forms:
            arrays = tuple(map(_as_int64, arrays))
        if self._results is None:
            return self._form(arrays, options, out)(*arrays)
        given = self._memory(arrays) if out is None else out
        self._form(arrays, options, given)(*arrays, given)
        return given

    def ready(self, dtype: np.dtype[Any], options: Mapping[str, Any]) -> bool:
        """Whether the form of a dtype and options is compiled."""
        return (dtype.char, *options.values()) in self._forms

    def _memory(self, arrays: Sequence[Any]) -> Any:
        """For the result of such arrays: one array, or a tuple of them."""
        assert self._results is not None  # noqa: S101 - or there is no memory to be given
        made = tuple(for_result(*form) for form in self._results(arrays))
        return made if len(made) > 1 else made[0]

    def _form(self, arrays: Sequence[Any], options: Mapping[str, Any], out: Any) -> Any:
        form = (arrays[0].dtype.char, *options.values())
        return self._forms.get(form) or self._compile(form, arrays, options, out)

    def prepared(self, arrays: Sequence[Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        """Itself: it takes arrays of any strides, and has a form for each dtype."""
        return functools.partial(self, **options) if options else self

    def entry(
        self, arrays: Sequence[Any], options: Mapping[str, Any], out: Any = None
    ) -> Callable[..., Any]:
        """What to call with arrays laid out like these: the form itself where none is converted.

        It saves a microsecond a call, which at batch 1 is a quarter of it. Where ``out`` is given
        it comes after the arrays.
        """
        as_they_are = True
        for array in arrays:
            kept = array.dtype.kind == "f" or array.dtype == np.int64
            if not (array.flags.c_contiguous and kept):
                as_they_are = False
        if not as_they_are:
            # compiled now, for what each call will be given after it is converted
            given = tuple(_as_int64(np.asarray(array, order="C")) for array in arrays)
            self._form(given, options, self._memory(given) if self.takes_out else None)
            if out is None:
                return functools.partial(self, **options)
            return lambda *given: self(*given[:-1], out=given[-1], **options)
        if self._results is None:
            return self._form(arrays, options, None)
        form = self._form(arrays, options, self._memory(arrays))
        return form if out is not None else _making(form, self._results(arrays))

    def _compile(
        self, form: Form, arrays: Sequence[Any], options: Mapping[str, Any], out: Any
    ) -> Any:
        import_numba()
        import numba

        with _LOCK.lock:
            if form in self._forms:
                return self._forms[form]
            start_s = time.perf_counter()
            if self._parallel_loop:
                start_threads()
            prepare(self.source, arrays[0].dtype)
            sources = sources_of(self.source)
            digest = [digest_of(sources)] if sources else []
            name = "_".join([self.method, *map(str, options.values()), *digest])
            # options are the parameters after the arrays: as defaults they compile to constants,
            # and so do parameters after those that have defaults of their own
            after = self.source.__code__.co_argcount - len(arrays) - len(options)
            own = (self.source.__defaults__ or ())[-after:] if after > 0 else ()
            if self._results is not None and not own:
                own = (None,)  # for ``out``, whose type comes with the memory
            constants = (*options.values(), *own)
            copy = copy_of(self.source, name, constants, numba.prange, self._helper)
            dispatcher = self._jit(copy, parallel=self._parallel_loop)
            types = [
                numba.types.Array(numba.from_dtype(_as_int64(a).dtype), a.ndim, "C", readonly=True)
                for a in arrays
            ]
            given = list(map(numba.types.Omitted, constants))
            if out is not None:
                given[-1] = _type_of(out)
            if options or out is not None:
                call = _plain(copy, dispatcher, len(arrays), out)
                dispatcher = self._jit(call, parallel=False)
                given = [] if out is None else given[-1:]
            dispatcher.compile((*types, *given))
            dispatcher.disable_compile()
            self._integers = tuple(i for i, a in enumerate(arrays) if a.dtype.kind in "iu")
            self._forms[form] = dispatcher
            self.compile_s += time.perf_counter() - start_s
            return dispatcher

    def _helper(self, function: FunctionType) -> Any:
        return self._jit(function, parallel=False)

    def _jit(self, function: FunctionType, *, parallel: bool) -> Any:
        return jit_of(function, parallel=parallel, fastmath=self.fastmath)


def _making(
    form: Callable[..., Any], results: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]
) -> Callable[..., Any]:
    """A compiled form that allocates its outputs, of these shapes and dtypes."""
    if len(results) == 1:
        ((shape, dtype),) = results

        def one(*given: Any) -> Any:
            out = for_result(shape, dtype)
            form(*given, out)
            return out

        return one

    def several(*given: Any) -> Any:
        out = tuple([for_result(shape, dtype) for shape, dtype in results])
        form(*given, out)
        return out

    return several


def _plain(copy: FunctionType, compiled: Any, arrays: int, out: Any) -> FunctionType:
    """A function of the arrays alone that calls this one, or of them and of ``out``.

    numba's dispatcher takes ten microseconds a call over a default that is a string, and half a
    microsecond to hand memory back that it was given.
    """
    names = ", ".join(copy.__code__.co_varnames[:arrays])
    source = f"def {copy.__name__}({names}):\n    return inner({names})\n"
    if out is not None:
        source = f"def {copy.__name__}({names}, out):\n    inner({names}, out=out)\n"
    scope: dict[str, Any] = {"inner": compiled}
    # what is compiled is kept for the file that a function says it is of
    exec(compile(source, copy.__code__.co_filename, "exec"), scope)  # noqa: S102 - names of parameters
    function: FunctionType = scope[copy.__name__]
    function.__qualname__, function.__module__ = f"{copy.__qualname__}_call", copy.__module__
    return function


def _type_of(out: Any) -> Any:
    """numba's, of memory that a body writes to."""
    import numba

    if isinstance(out, tuple):
        kinds = [_type_of(array) for array in out]
        return numba.types.BaseTuple.from_types(kinds)  # type: ignore[no-untyped-call]
    return numba.types.Array(numba.from_dtype(out.dtype), out.ndim, "C")


def _as_int64(array: Any) -> Any:
    """Integer arrays as int64, so that one compiled form serves every integer dtype."""
    return array.astype(np.int64, copy=False) if array.dtype.kind in "iu" else array
