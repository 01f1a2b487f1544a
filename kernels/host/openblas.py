"""Every OpenBLAS in this process, and the function of whoever does the work of its threads."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

#: what wheels and distributions call ``openblas_set_threads_callback_function``
_SETTERS = (
    "scipy_openblas_set_threads_callback_function64_",
    "scipy_openblas_set_threads_callback_function",
    "openblas_set_threads_callback_function64_",
    "openblas_set_threads_callback_function",
)
_CONFIGS = tuple(name.replace("set_threads_callback_function", "get_config") for name in _SETTERS)
#: the function itself, in a variable that wheels until OpenBLAS 0.3.31 export
_VARIABLE = "openblas_threads_callback_"
#: how long its own threads look for work: 2 to the power of this many ticks of the processor's
#: clock, 4 being the least it takes
TIMEOUT = ("OPENBLAS_THREAD_TIMEOUT", "4")
_RESTART = ("openblas_read_env", "blas_thread_shutdown_")


#: paths of those whose jobs a function given here does, and what that is called
SHARED = "threads shared with einbench"
LENT: set[str] = set()


class OpenBlas(NamedTuple):
    """One that is loaded, and can be given threads."""

    path: str
    #: as ``NumPy's OpenBLAS 0.3.31``
    name: str
    #: that it would use now
    threads: int
    #: for which it was built
    most: int

    def give(self, callback: int) -> None:
        """Have it call this address with its jobs; 0 has its own threads do them."""
        setter = _function(ctypes.CDLL(self.path), _SETTERS)
        setter.argtypes, setter.restype = [ctypes.c_void_p], None
        setter(callback)
        (LENT.add if callback else LENT.discard)(self.path)

    def given(self) -> int | None:
        """The address that it calls, 0 for none; None where it does not say."""
        try:
            return ctypes.c_void_p.in_dll(ctypes.CDLL(self.path), _VARIABLE).value or 0
        except ValueError:
            return None

    def restart(self, *, brief: bool) -> bool:
        """End its own threads; the next look for work ``brief``ly, or as the environment says.

        Nobody may be in a call of it. False, and nothing, where it cannot be done: wheels from
        OpenBLAS 0.3.34 on do not export the functions.
        """
        library = ctypes.CDLL(self.path)
        if not all(hasattr(library, name) for name in _RESTART):
            return False
        read, end = (getattr(library, name) for name in _RESTART)
        name, value = TIMEOUT
        before = os.environ.get(name)
        try:
            if brief:
                os.environ[name] = value
            read()
        finally:
            if brief:
                os.environ.pop(name)
            if before is not None:
                os.environ[name] = before
        end()
        return True


def loaded() -> tuple[list[OpenBlas], list[str]]:
    """Those that can be given threads, and what else there is of BLAS, with the reason."""
    import threadpoolctl

    able, others = [], []
    for found in threadpoolctl.threadpool_info():
        if found["user_api"] != "blas":
            continue
        path = found["filepath"]
        name = f"{_owner(path)}{_KINDS.get(found['internal_api'], found['internal_api'])} "
        name += str(found.get("version"))
        library = ctypes.CDLL(path)
        if found["internal_api"] != "openblas":
            others.append(name)
        elif found.get("threading_layer") != "pthreads":
            others.append(f"{name}, built for {found.get('threading_layer')}")
        elif _function(library, _SETTERS) is None:
            others.append(f"{name}, which takes no threads of others")
        else:
            able.append(OpenBlas(path, name, found["num_threads"], _most(library)))
    return able, others


_KINDS = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "flexiblas": "FlexiBLAS"}


def _owner(path: str) -> str:
    """Whose it is: wheels keep theirs in a folder of their own."""
    folders = {part.partition(".")[0] for part in Path(path).parts if part.endswith(".libs")}
    folders |= {Path(path).parts[-3]} if Path(path).parent.name == ".dylibs" else set()
    owners = [said for name, said in (("numpy", "NumPy"), ("scipy", "SciPy")) if name in folders]
    return "".join(f"{said}'s " for said in owners)


def _function(library: Any, names: tuple[str, ...]) -> Any:
    return next((getattr(library, name) for name in names if hasattr(library, name)), None)


def _most(library: Any) -> int:
    """For how many threads it was built, as it says itself."""
    config = _function(library, _CONFIGS)
    if config is None:
        return 0
    config.restype = ctypes.c_char_p
    said = re.search(r"MAX_THREADS=(\d+)", (config() or b"").decode())
    return int(said[1]) if said else 0
