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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from einbench.host import threading_layer
from einbench.host.cpu import cpu_model
from einbench.host.libraries import library
from einbench.host.locks import ForkedLock
from einbench.jit import sharing

if TYPE_CHECKING:
    from einbench.kernel import Kernel
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

    #: fingerprint of the operation: its reference, and what else decides which kernels are right
    code: str
    #: (method, fingerprint) of the kernels that programs can call here, simplest first
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
    from einbench.fingerprint import Fingerprints  # `einbench.einsum` needs none of it

    now = Fingerprints()
    candidates = tuple(
        (k.method, now.of(k, k.body.source, k.body.files(), _settings(k)))
        for k in op
        if k.available and k.here
    )
    return Environment(now.of(op, *_judging(op)), candidates, machine())


_JUDGED_BY = ("terms", "limit", "tied_limit", "exact")


def _judging(op: Operation) -> tuple[Any, tuple[str, ...], str]:
    """What decides which kernels are right, as `Fingerprints.of` takes it."""
    given = [op.reference, op.scale]
    # defaults are the package's, and no reason to ask again after an update
    pairs = ((getattr(op, n), getattr(type(op), n)) for n in _JUDGED_BY)
    given += [own for own, default in pairs if own is not default]
    said = [f"{name}: {each!r}" for name, each in op.inputs.items()]
    said += [f"{dict(op.outputs)} {dict(op.options)} {tuple(op.integer_outputs)} {op.leading}"]
    return tuple(given), (), "\n".join(said)


@functools.cache
def machine() -> Machine:
    """Processor, BLAS, Python, NumPy and numba; `refresh` has them read again."""
    implementation, version = sys.implementation.name, sys.version_info
    return Machine(
        cpu=_known_cpu(),
        # kernels have other times beside BLAS where it has no threads of its own
        blas=_blas_name() + (" on shared threads" if sharing.shared() else ""),
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


#: called where threads and machine are read again
on_refresh: list[Callable[[], object]] = []


def refresh() -> None:
    """Read the machine again when it is next needed."""
    machine.cache_clear()
    _bundled_openblas.cache_clear()
    for listener in on_refresh:
        listener()


sharing.on_change.append(refresh)


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
        return f"{blas['name']} {blas.get('version')}" + _asked_core()
    # not the one in NumPy's wheel: only the libraries loaded show which it is
    from einbench.host.machine import blas_libraries

    return ", ".join(f"{b['vendor']} {b['version']}" for b in blas_libraries())


def _asked_core() -> str:
    """`` for Haswell`` where kernels of another processor than this one's were asked for."""
    name = _ASK_THREADS[0].replace("num_threads", "corename")
    ask = getattr(_bundled_openblas(), name, None) if os.environ.get("OPENBLAS_CORETYPE") else None
    if ask is None:
        return ""
    ask.restype = ctypes.c_char_p
    return f" for {ask().decode()}"


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
    if library("tbb") is None and "numba" in sys.modules:
        return int(threading_layer.threads_without().value)
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


def _settings(kernel: Kernel) -> str:
    """How its function is run, which may be said anywhere."""
    how = kernel.origin
    fastmath = sorted(how.fastmath or ())
    return f"compile={how.compile} parallel={how.parallel} prepare={how.prepare} {fastmath}"


def differences(old: Environment, new: Environment) -> list[str]:
    """Names of the components that changed, for people: ``["numpy", "candidates"]``."""
    parts = [name for name in ("code", "candidates") if getattr(old, name) != getattr(new, name)]
    pairs = zip(Machine._fields, old.machine, new.machine, strict=True)
    return parts + [name for name, before, now in pairs if before != now]
