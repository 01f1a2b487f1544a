"""The libraries that have kernels of the suite's operations, and how their processes are set up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from einbench.libraries.einsum_runtimes import EINSUM_RUNTIMES
from einbench.libraries.runtime import NUMPY, Array, Runtime, blas_threads, stop_blas
from einbench.names import normalise, unknown


def runtime(name: str) -> Runtime:
    """Of a library, or of kernels whose arrays are NumPy's.

    Raises:
        ValueError: no library is called so; the message lists the nearest names.
    """
    if name in ("numpy", "numba"):
        return NUMPY
    key = normalise(name)
    known = {**LIBRARIES, **EINSUM_RUNTIMES}
    if key not in known:
        raise ValueError(unknown("library", name, known))
    return known[key]


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
    known = {**LIBRARIES, **EINSUM_RUNTIMES}
    return {name: library for name, library in known.items() if name in asked}
