"""Compiled code on disk, for all processes of a user: one file for each form of a function.

numba's own cache has an index beside the code. Two processes that save at once leave an index that
says float64 of a file that holds the code for float32, and where a file was cut short, the disk is
full or no folder can be written to, compiling raises. Here the name of a file is the hash of all
that its code depends on, so that two processes that write one write the same, and it begins with
the hash of its name and of the rest: what is damaged, or is another's, is seen before it is used.
Whatever cannot be read or written is compiled without, and reported once.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pickle
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from einbench.host.folders import user_cache
from einbench.host.warned import warn_once

#: files that were written after this may not be what was imported
IMPORTED_S = time.time()
#: called, in the thread that asked, where there is no code and compiling begins
on_miss: list[Callable[[], object]] = []
#: what must be done once before a function is compiled, and need not where its code is on disk
before: weakref.WeakKeyDictionary[FunctionType, Callable[[], None]] = weakref.WeakKeyDictionary()
#: code that was used by no program for so long is removed
_KEPT_S = 60 * 24 * 3600.0
_SUFFIX = ".code"
#: of what a file holds
_FORM = 6
_DIGEST_BYTES = 32
#: functions that code may call without numba's libraries: LLVM's, the linked ones of this package,
#: and those that are added as threads are launched, which is done before such code is loaded
_OWN = ("llvm.", "einbench_")
_THREADS = frozenset({
    "allocate_sched", "deallocate_sched", "do_scheduling_signed", "do_scheduling_unsigned",
    "get_num_threads", "get_parallel_chunksize", "get_sched_size", "numba_parallel_for",
    "set_num_threads", "set_parallel_chunksize",
})  # fmt: skip
#: of numba's settings, those that change what is compiled and are not named by `magic_tuple`
_SETTINGS = (
    "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "DISABLE_INTEL_SVML", "LOOP_VECTORIZE", "OPT",
    "SLP_VECTORIZE",
)  # fmt: skip


def folder() -> str:
    """``einbench`` in ``$NUMBA_CACHE_DIR``, or ``compiled`` in the user's cache directory."""
    import numba

    chosen = numba.config.CACHE_DIR  # type: ignore[attr-defined]  # set by numba at run time
    return os.path.join(chosen, "einbench") if chosen else user_cache("compiled")  # noqa: PTH118


def keep(
    compiled: Any, function: FunctionType, options: dict[str, Any], *, by_address: bool = False
) -> Any:
    """The dispatcher or callback, its code kept on disk if the function is in a file.

    What is called by its address alone, and by no other compiled code, is kept without what that
    would be linked with.
    """
    file = function.__code__.co_filename
    facts = None
    with contextlib.suppress(OSError):  # typed into a prompt
        facts = os.stat(file)  # noqa: PTH116 - numba's names of files are strings
    # the code in memory may be older than a file that was written since: it has no name on disk
    if facts is not None and facts.st_mtime <= IMPORTED_S:
        source = _source_digest(file, facts.st_mtime_ns, facts.st_size)
        about = f"{source} {sorted(map(str, options.items()))}"
        compiled._cache = CodeCache(function, about, by_address=by_address)
    else:
        _before_compiling(function)
    return compiled


def _before_compiling(function: FunctionType) -> None:
    prepare = before.get(function)
    if prepare is not None:
        prepare()  # where it raises, the next one who compiles tries again
        del before[function]


@functools.lru_cache(maxsize=512)
def _source_digest(file: str, *changed: int) -> str:
    with open(file, "rb") as source:  # noqa: PTH123 - as above
        return _sha256(source.read()).hex()


class CodeCache:
    """What numba calls before and after it compiles a function."""

    def __init__(self, function: FunctionType, about: str, *, by_address: bool = False) -> None:
        self._function = function
        self._about = about
        self._by_address = by_address
        #: shown in numba's statistics
        self.cache_path = folder()

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The code of this form; None, and ready to be compiled, where there is none to be used."""
        found = self._load(signature, context)
        if found is None:
            _before_compiling(self._function)
        return found

    def _load(self, signature: Any, context: Any) -> Any:
        from numba.core.compiler import CompileResult

        path = ""
        try:
            path = self._path(signature, context.codegen())
            called, parts = pickle.loads(_read(path))  # noqa: S301 - as numba does with its own
            if called is not None and _are_there(called):
                _say_where_memory_is()
            else:
                context.refresh()
            return CompileResult._rebuild(context, *parts)
        except (FileNotFoundError, NotADirectoryError):
            for listener in on_miss:
                listener()
            return None  # where there can be no folder, writing says so
        except Exception as problem:  # what is not code of this numba's may raise anything
            _report("read", path or self.cache_path, problem, "it is compiled anew")
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the code of a form; of one that holds addresses of this process nothing is kept."""
        if result.lifted or result.library.has_dynamic_globals:
            return
        from numba.core.serialize import dumps

        from einbench.host.documents import write_whole

        path = ""
        try:
            path = self._path(signature, result.codegen)
            parts = _without_libraries(result._reduce())
            if self._by_address:
                parts = _without_bitcode(parts, result.library)
            payload = dumps((_called(result.library), parts))
            write_whole(path, _digest(path, payload) + payload)
            _remove_unused(self.cache_path)
        except Exception as problem:  # a constant that cannot be pickled raises anything too
            _report(
                "write", self.cache_path, problem,
                "compiled code is not kept (NUMBA_CACHE_DIR names another folder)",
            )  # fmt: skip

    def _path(self, signature: Any, codegen: Any) -> str:
        import llvmlite
        import numba
        from numba.core.serialize import dumps

        function = self._function
        closure = tuple(cell.cell_contents for cell in function.__closure__ or ())
        key = (
            _FORM, sys.version, numba.__version__, llvmlite.__version__, np.__version__,
            [getattr(numba.config, name, None) for name in _SETTINGS], codegen.magic_tuple(),
            function.__module__, function.__qualname__, function.__code__.co_firstlineno,
            function.__code__.co_code, dumps(closure) if closure else b"",
            self._about, self._by_address, str(signature),
        )  # fmt: skip
        name = _sha256(repr(key).encode()).hex()
        return os.path.join(self.cache_path, name + _SUFFIX)  # noqa: PTH118 - as above


def _called(library: Any) -> list[str] | None:
    """What code calls of the process; None where it calls what numba adds to the linker as it
    imports its libraries.

    All of them are imported in a third of a second, SciPy with them: code that calls memory, the
    interpreter, threads and this package alone is loaded without.
    """
    from numba import _helperlib

    helpers: Any = _helperlib
    known = {*_memory_symbols(), *_THREADS, *(f"numba_{n}" for n in helpers.c_helpers)}
    declared = (f.name for f in library._final_module.functions if f.is_declaration)
    called = [name for name in declared if name not in known and not name.startswith(_OWN)]
    return called if _are_there(called) else None


def _are_there(names: Sequence[str]) -> bool:
    """Whether the interpreter, or a library that is loaded with it, has all of these."""
    if os.name != "posix":
        return not names
    process = ctypes.CDLL(None)
    return all(hasattr(process, name) for name in names)


def _memory_symbols() -> dict[str, int]:
    """numba's functions that allocate and count references, by the names that code calls."""
    from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]  # a C extension

    helpers: dict[str, int] = _nrt_python.c_helpers
    return {n if n.startswith("_") else f"NRT_{n}": at for n, at in helpers.items()}


@functools.cache
def _say_where_memory_is() -> None:
    """What numba does as it is first asked to compile, beside compiling such functions anew."""
    from llvmlite.binding import add_symbol

    for name, address in _memory_symbols().items():
        add_symbol(name, address)


def _without_libraries(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is called as code is loaded, from where that is: parfors import half of numba.

    Constants of numba's own functions come without the modules that those stand in.
    """
    from numba.np.ufunc.parallel import _launch_threads

    *rest, reload, environments = parts
    own = [_launch_threads if each.__name__ == "_reload_parfors" else each for each in reload]
    numbas = [str(each.globals.get("__name__")).startswith("numba.") for each in environments]
    pairs = zip(environments, numbas, strict=True)
    return (*rest, own, tuple(_Constants(each) if bare else each for each, bare in pairs))


def _without_bitcode(parts: tuple[Any, ...], library: Any) -> tuple[Any, ...]:
    """Of what other code would be linked with the names alone, by which addresses are found.

    Parsing the whole of it takes half as long again as loading the code does.
    """
    from llvmlite.binding import parse_assembly

    (name, kind, (code, _)), *rest = parts
    defined = (f.name for f in library._final_module.functions if not f.is_declaration)
    stubs = "".join(f'define void @"{each}"() {{ ret void }}\n' for each in defined)
    return (name, kind, (code, parse_assembly(stubs).as_bitcode())), *rest


class _Constants:
    """What is pickled in place of an environment."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment

    def __reduce__(self) -> tuple[Any, tuple[str, list[Any], str]]:
        made = self._environment
        return _environment, (made.globals["__name__"], list(made.consts), made.env_name)


def _environment(module: str, constants: list[Any], name: str) -> Any:
    from numba.core.environment import Environment, lookup_environment

    found: Any = lookup_environment(name)
    if found is None:
        found = Environment({"__name__": module})
        found.consts[:] = constants
        found.env_name = name
        Environment._memo[name] = found
    return found


class _Damaged(Exception):  # noqa: N818 - the file's state
    """Not what was written under this name."""


def _read(path: str) -> bytes:
    """What a file holds, if it is what was written.

    Raises:
        _Damaged: it is not.
        OSError: it is not there, or cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        content = file.read()
    payload = content[_DIGEST_BYTES:]
    if content[:_DIGEST_BYTES] != _digest(path, payload):
        raise _Damaged("damaged")
    with contextlib.suppress(OSError):  # another user's
        os.utime(path)
    return payload


def _digest(path: str, payload: bytes) -> bytes:
    return _sha256(os.path.basename(path).encode() + payload)  # noqa: PTH119 - as above


def _sha256(content: bytes) -> bytes:
    import hashlib  # takes longer to import than a first answer may

    return hashlib.sha256(content).digest()


@functools.cache
def _remove_unused(path: str) -> None:
    """Once a process, which is often enough."""
    with os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process removed it
                if time.time() - entry.stat().st_mtime > _KEPT_S:
                    os.unlink(entry.path)  # noqa: PTH108 - as above


def _report(about: str, path: str, problem: Exception, so: str) -> None:
    what = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    line = " ".join(what.split())[:200]
    warn_once(f"compiler cache {about}", f"einbench's compiler cache: {path}: {line}; {so}")
