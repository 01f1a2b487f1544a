"""How the users of each library call its einsum: its own arrays from NumPy's, and back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.libraries import cuda
from einbench.libraries.runtimes import runtime

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Spoken:
    """A library's einsum, as ``einsum(text, *operands, **options)``."""

    #: heading of its column
    shown: str
    #: distribution whose version it is
    distribution: str
    #: gives the function, which imports the library
    einsum: Callable[[], Callable[..., Any]]
    #: an operand of the library's own, without a copy where it can
    given: Callable[[Array], Any] = lambda array: array
    #: NumPy's array of a result
    taken: Callable[[Any], Any] = lambda result: result


def _function(module: str, name: str, **fixed: Any) -> Callable[[], Callable[..., Any]]:
    return lambda: partial(getattr(importlib.import_module(module), name), **fixed)


def _einsumt() -> Callable[..., Any]:
    from multiprocessing.pool import ThreadPool

    # two threads whatever the machine: what it returns depends on their number
    return partial(importlib.import_module("einsumt").einsumt, pool=ThreadPool(2))


def _torch(array: Array) -> Any:
    return importlib.import_module("torch").from_numpy(array)


def _tensor_taken(result: Any) -> Any:
    return result.numpy() if hasattr(result, "numpy") else result


def _jax(array: Array) -> Any:
    return importlib.import_module("jax.numpy").asarray(array)


def _dask(array: Array) -> Any:
    """In two chunks along every axis, as large arrays are in several."""
    chunks = tuple(max(1, -(-size // 2)) for size in array.shape)
    return importlib.import_module("dask.array").from_array(array, chunks=chunks)


SPOKEN: Mapping[str, Spoken] = {
    "numpy_einsum": Spoken("numpy", "numpy", _function("numpy", "einsum")),
    "numpy_optimize": Spoken("optimize", "numpy", _function("numpy", "einsum", optimize=True)),
    "einbench_einsum": Spoken("einbench", "einbench", _function("einbench", "einsum")),
    "opt_einsum": Spoken("opt_einsum", "opt_einsum", _function("opt_einsum", "contract")),
    "cotengra": Spoken("cotengra", "cotengra", _function("cotengra", "einsum")),
    "torch": Spoken("torch", "torch", _function("torch", "einsum"), _torch, _tensor_taken),
    "jax": Spoken("jax", "jax", _function("jax.numpy", "einsum"), _jax, np.asarray),
    "pytblis": Spoken("pytblis", "pytblis", _function("pytblis", "einsum")),
    "sesum": Spoken("sesum", "sesum", _function("sesum", "sesum")),
    "einsumt": Spoken("einsumt", "einsumt", _einsumt),
    "dask": Spoken(
        "dask", "dask", _function("dask.array", "einsum"), _dask, runtime("dask").unwrap
    ),
    "sparse": Spoken(
        "sparse", "sparse", _function("sparse", "einsum"),
        runtime("sparse").wrap, runtime("sparse").unwrap,
    ),
    "torch_cuda": Spoken(
        "torch_cuda", "torch", _function("torch", "einsum"),
        lambda array: _torch(array).cuda(), cuda.torch_to_numpy,
    ),
    "cupy": Spoken(
        "cupy", "cupy-cuda12x", _function("cupy", "einsum"),
        lambda array: importlib.import_module("cupy").asarray(array), cuda.cupy_to_numpy,
    ),
}  # fmt: skip
