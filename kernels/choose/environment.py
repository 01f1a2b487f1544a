"""What a remembered choice depends on beside the arrays: code, processor, libraries, threads.

Everything here is read in well under a millisecond together: ``threadpoolctl``, ``hashlib`` and
``importlib.metadata`` take longer to import than a whole first answer may.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from einbench.body import Body
from einbench.host import threading_layer
from einbench.host.cpu import cpu_model
from einbench.host.locks import ForkedLock
from einbench.operation import Operation


class Machine(NamedTuple):
    """What of the key is the same for every operation; None where it is not known."""

    cpu: str | None
    blas: str | None
    python: str | None
    numpy: str | None
    numba: str | None


class Environment(NamedTuple):
    """Every component of the key on disk but the arrays and the threads.

    A change of any of them makes old choices hints.
    """

    #: hash of the operation's file
    code: str
    #: (method, hash of its file) of the kernels that can run here, simplest first
    candidates: tuple[tuple[str, str], ...]
    machine: Machine


#: how OpenBLAS is queried for its threads, by the names that wheels give the same function
_ASK_THREADS = (
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)


class Threads(NamedTuple):
    """How many threads BLAS and numba's parallel kernels would use now."""

    blas: int
    numba: int


def environment(op: Operation) -> Environment:
    """The operation's code and kernels, and the machine, as they are now."""
    hashes: dict[str, str] = {}
    candidates = tuple((k.method, _kernel_hash(k.body, hashes)) for k in op if k.available)
    return Environment(_hash(op.reference, hashes), candidates, machine())


@functools.cache
def machine() -> Machine:
    """Processor, BLAS, Python, NumPy and numba; `refresh` has them read again."""
    implementation, version = sys.implementation.name, sys.version_info
    return Machine(
        cpu=_known_cpu(),
        blas=_blas_name(),
        python=f"{implementation} {version.major}.{version.minor}.{version.micro}",
        numpy=np.__version__,
        numba=_numba_version(),
    )


def threads() -> Threads:
    """As many as a call made now would get, in this Python thread; nothing is started or set."""
    return Threads(_blas_threads(), _numba_threads())


#: one at a time: two that overlap would each put back what the other had set
_LIMITING = ForkedLock()


@contextmanager
def limited(count: int | None) -> Iterator[None]:
    """BLAS and numba on so many threads inside the block; None leaves both as they are.

    Raises:
        ValueError: there are not so many.
    """
    if count is None:
        yield
        return
    from einbench.host.machine import limit_threads

    with _LIMITING.lock, limit_threads(count):
        yield


def refresh() -> None:
    """Read the machine again when it is next needed."""
    machine.cache_clear()
    _bundled_openblas.cache_clear()


def _known_cpu() -> str | None:
    try:
        return cpu_model()
    except OSError:
        return None


def _blas_name() -> str:
    """Vendor and version, as ``scipy-openblas 0.3.31``."""
    if _bundled_openblas() is not None:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        return f"{blas['name']} {blas.get('version')}"
    # not the one in NumPy's wheel: only the libraries loaded show which it is
    from einbench.host.machine import blas_libraries

    return ", ".join(f"{b['vendor']} {b['version']}" for b in blas_libraries())


@functools.cache
def _bundled_openblas() -> Any:
    """The OpenBLAS inside NumPy's wheel, loaded already; None where NumPy uses another."""
    package = os.path.dirname(np.__file__)  # noqa: PTH120 - pathlib loads slowly
    for folder in (f"{package}.libs", os.path.join(package, ".dylibs")):  # noqa: PTH118
        try:
            names = os.listdir(folder)  # noqa: PTH208 - as above
        except OSError:
            continue
        for name in names:
            if "openblas" in name:
                return ctypes.CDLL(os.path.join(folder, name))  # noqa: PTH118 - as above
    return None


def _blas_threads() -> int:
    library = _bundled_openblas()
    for name in _ASK_THREADS if library is not None else ():
        ask = getattr(library, name, None)
        if ask is not None:
            return int(ask())
    from einbench.host.machine import blas_libraries

    return max((b["num_threads"] or 1 for b in blas_libraries()), default=1)


def _numba_threads() -> int:
    if threading_layer.running_layer() is not None:
        import numba

        return int(numba.get_num_threads())
    if "numba" in sys.modules:
        return int(sys.modules["numba"].config.NUMBA_NUM_THREADS)
    requested = os.environ.get("NUMBA_NUM_THREADS", "")
    if requested.isdecimal():
        return int(requested)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _numba_version() -> str | None:
    """Without importing it: from the folder of its metadata."""
    if "numba" in sys.modules:
        return str(sys.modules["numba"].__version__)
    spec = importlib.util.find_spec("numba")
    if spec is None or not spec.submodule_search_locations:
        return None
    site = os.path.dirname(spec.submodule_search_locations[0])  # noqa: PTH120 - loads slowly
    for name in os.listdir(site):  # noqa: PTH208 - as above
        if name.startswith("numba-") and name.endswith(".dist-info"):
            return name.removeprefix("numba-").removesuffix(".dist-info")
    from importlib.metadata import version

    return version("numba")


def _kernel_hash(body: Body, hashes: dict[str, str]) -> str:
    """Of its source, and of the files that decide what it computes beside that."""
    others = (_file_hash(path, hashes) for path in sorted(body.files()))
    return "".join([_hash(body.source, hashes), *others])


def _hash(function: Any, hashes: dict[str, str]) -> str:
    """Of the file that the function stands in; of its code where it was typed into a prompt."""
    body = function
    inner = body.func if isinstance(body, functools.partial) else getattr(body, "__wrapped__", None)
    if inner is not None:
        # what is wrapped, and what wraps it
        outer = getattr(body, "__code__", None)
        return _hash(inner, hashes) + ("" if outer is None else _code_hash(outer, hashes))
    code = getattr(body, "__code__", None)
    if code is None:
        # a builtin, or an object that is called: what its type says
        code = getattr(vars(type(body)).get("__call__"), "__code__", None)
        if code is None:
            return f"{getattr(body, '__module__', '')}.{getattr(body, '__qualname__', '')}"
    return _code_hash(code, hashes)


def _code_hash(code: Any, hashes: dict[str, str]) -> str:
    try:
        return _file_hash(code.co_filename, hashes)
    except OSError:
        return _digest("\n".join(_instructions(code)).encode())


def _file_hash(path: str, hashes: dict[str, str]) -> str:
    if path not in hashes:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib loads slowly
            hashes[path] = _digest(file.read())
    return hashes[path]


def _digest(content: bytes) -> str:
    """SipHash, as Python keeps of its sources: hashlib takes milliseconds to import."""
    return importlib.util.source_hash(content).hex()


def _instructions(code: Any) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _instructions(constant)
        elif isinstance(constant, frozenset):  # in another order in every process
            yield repr(sorted(map(repr, constant)))
        else:
            yield repr(constant)


def differences(old: Environment, new: Environment) -> list[str]:
    """Names of the components that changed, for people: ``["numpy", "candidates"]``."""
    parts = [name for name in ("code", "candidates") if getattr(old, name) != getattr(new, name)]
    pairs = zip(Machine._fields, old.machine, new.machine, strict=True)
    return parts + [name for name, before, now in pairs if before != now]
