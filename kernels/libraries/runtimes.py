"""Runtime: the library whose arrays a kernel takes, and how its process is set up.

The list names libraries and imports none of them: each is imported only in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host.libraries import why_missing
from einbench.names import normalise, unknown

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Runtime:
    """One library: conversion of arrays to its own and back (not timed), and process settings."""

    name: str
    #: required imports
    requires: tuple[str, ...] = ()
    #: modules of this package in which its kernels are registered
    modules: tuple[str, ...] = ()
    #: environment variables of its process, in addition to those that set thread counts
    environment: Mapping[str, str] = field(default_factory=dict)
    #: start(threads), called once in its process
    start: Callable[[int], object] = lambda threads: None
    #: an array of the library's own, a copy
    wrap: Callable[[Array], Any] = lambda array: array
    #: a NumPy array, from a result or from an input that may have been changed
    unwrap: Callable[[Any], Any] = lambda result: result
    #: whether ``wrap`` copies, so that a changed input shows in the copy alone
    copies: bool = True
    #: waits for an asynchronous result, inside the timing; None where calls are synchronous
    wait: Callable[[Any], Any] | None = None
    #: mode(name) is entered around a whole turn, ``inference_mode`` say
    mode: Callable[[str], AbstractContextManager[Any]] = lambda name: contextlib.nullcontext()
    #: called after every turn
    after: Callable[[], object] = lambda: None
    #: called when a problem is finished, to free memory
    close: Callable[[], object] = lambda: None
    #: versions and threads, ready for JSON
    facts: Callable[[], Mapping[str, Any]] = dict

    @property
    def reason(self) -> str:
        """Why it cannot run here; empty where it can."""
        if missing := why_missing(self.requires):
            return f"{missing.partition(' (')[0]} (pip install 'einbench[{self.name}]')"
        return ""


def runtime(name: str) -> Runtime:
    """Of a library, or of kernels whose arrays are NumPy's.

    Raises:
        ValueError: no library is called so; the message lists the nearest names.
    """
    if name in ("numpy", "numba"):
        return NUMPY
    key = normalise(name)
    if key not in LIBRARIES:
        raise ValueError(unknown("library", name, LIBRARIES))
    return LIBRARIES[key]


def stop_blas() -> None:
    """End OpenBLAS's idle threads, which spin for 30 ms after a product."""
    from einbench.jit.spinning import stop_spinning

    stop_spinning()


def _numpy_start(threads: int) -> None:
    from einbench.host.machine import limit_threads

    limit_threads(threads).__enter__()  # until the process ends


def _numpy_facts() -> dict[str, Any]:
    return {"numpy": np.__version__, "threads": blas_threads()}


def blas_threads() -> int:
    """Threads of the largest pool of this process."""
    import threadpoolctl

    return max((pool["num_threads"] for pool in threadpoolctl.threadpool_info()), default=1)


def _torch_start(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _torch_wrap(array: Array) -> Any:
    import torch

    if array.dtype.kind in "iu":
        array = array.astype(np.int64)
    # its own memory, in C or Fortran order as it was: it has no negative strides
    return torch.from_numpy(np.array(array, order="K")).clone()


def _torch_unwrap(result: Any) -> Any:
    import torch

    return result.detach().numpy() if isinstance(result, torch.Tensor) else result


def _torch_mode(name: str) -> AbstractContextManager[Any]:
    import torch

    mode: AbstractContextManager[Any] = getattr(torch, name)() if name else contextlib.nullcontext()
    return mode


def _torch_close() -> None:
    # a function is compiled a few times at most, says its compiler: so it starts over
    import torch

    torch._dynamo.reset()


def _torch_facts() -> dict[str, Any]:
    import torch

    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def _jax_wrap(array: Array) -> Any:
    import jax.numpy as jnp

    # labels are 32 bits wide in JAX
    dtype = array.dtype if array.dtype.kind == "f" else np.int32
    return jnp.array(array, dtype=dtype, copy=True).block_until_ready()


def _jax_unwrap(result: Any) -> Any:
    import jax

    return np.asarray(result) if isinstance(result, jax.Array) else result


def _jax_wait(result: Any) -> Any:
    import jax

    return jax.block_until_ready(result)


def _jax_close() -> None:
    # compiled functions hold no memory of arrays, but there are many of them
    import jax

    jax.clear_caches()


def _jax_facts() -> dict[str, Any]:
    import jax

    threads = int(os.environ.get("NPROC") or 0)
    return {"jax": jax.__version__, "threads": threads, "platform": jax.devices()[0].platform}


def _sklearn_start(threads: int) -> None:
    import sklearn

    # what may be left out of validation is
    sklearn.set_config(assume_finite=True, skip_parameter_validation=True)


def _sklearn_facts() -> dict[str, Any]:
    import sklearn

    return {"scikit-learn": sklearn.__version__, "threads": blas_threads()}


#: kernels of this suite in a process of their own
NUMPY = Runtime("numpy", start=_numpy_start, copies=False, after=stop_blas, facts=_numpy_facts)

LIBRARIES: Mapping[str, Runtime] = {
    library.name: library
    for library in (
        Runtime(
            "torch",
            requires=("torch",),
            modules=("torch_layers", "torch_gradients", "torch_networks", "torch_compile"),
            # in the process itself: a pool's processes would be there while others have their turns
            environment={"TORCHINDUCTOR_COMPILE_THREADS": "1"},
            start=_torch_start,
            wrap=_torch_wrap,
            unwrap=_torch_unwrap,
            mode=_torch_mode,
            close=_torch_close,
            facts=_torch_facts,
        ),
        Runtime(
            "jax",
            requires=("jax",),
            modules=("jax_jit",),
            environment={
                "JAX_PLATFORMS": "cpu",
                "JAX_ENABLE_X64": "1",
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            },
            wrap=_jax_wrap,
            unwrap=_jax_unwrap,
            wait=_jax_wait,
            close=_jax_close,
            facts=_jax_facts,
        ),
        Runtime(
            "sklearn",
            requires=("sklearn",),
            modules=("sklearn_layers", "sklearn_networks"),
            start=_sklearn_start,
            copies=False,
            after=stop_blas,
            facts=_sklearn_facts,
        ),
    )
}


def modules_of(names: Sequence[str]) -> dict[str, Runtime]:
    """Libraries by name, each once, in the order of the list.

    Raises:
        ValueError: no library is called so.
    """
    asked = {runtime(name).name for name in names}
    return {name: library for name, library in LIBRARIES.items() if name in asked}
