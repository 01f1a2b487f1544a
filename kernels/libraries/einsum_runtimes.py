"""Libraries that contract, and have kernels of einsum expressions alone: processes and arrays.

PyTorch and JAX are in `einbench.libraries.runtimes`, for they have kernels of more operations. Each
is held to the suite's thread count: by what it offers for it, by the variables that
`einbench.measure.process` sets, and by the cores of its process in any case.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from einbench.libraries import cuda
from einbench.libraries.runtime import NUMPY, Array, Runtime, blas_threads, stop_blas


def _facts(distribution: str, threads: Callable[[], int] = blas_threads) -> Mapping[str, Any]:
    try:
        found = version(distribution)
    except PackageNotFoundError:  # a folder that Python finds it in, without its metadata
        found = "unknown"
    return {distribution: found, "threads": threads()}


def _pytblis_start(threads: int) -> None:
    importlib.import_module("pytblis").set_num_threads(threads)


def _pytblis_threads() -> int:
    return int(importlib.import_module("pytblis").get_num_threads())


def _sesum_threads() -> int:
    return int(importlib.import_module("sesum.sr")._clibrary.current_max_threads_sesum())


def _dask_start(threads: int) -> None:
    NUMPY.start(threads)
    importlib.import_module("dask").config.set(scheduler="threads", num_workers=threads)


def _dask_wrap(array: Array) -> Any:
    return importlib.import_module("dask.array").from_array(array)


def _dask_unwrap(result: Any) -> Any:
    return result.compute() if hasattr(result, "compute") else result


def _sparse_wrap(array: Array) -> Any:
    return importlib.import_module("sparse").COO.from_numpy(array)


def _sparse_unwrap(result: Any) -> Any:
    return result.todense() if hasattr(result, "todense") else result


#: of libraries whose products are NumPy's
_NUMPYS: dict[str, Any] = {"start": NUMPY.start, "copies": False, "after": stop_blas}

#: what einbench offers against, in processes of their own: for a race, and no option of a command
OWN = ("numpy_einsum", "numpy_optimize", "einbench_einsum")

EINSUM_RUNTIMES: Mapping[str, Runtime] = {
    library.name: library
    for library in (
        *(Runtime(name, facts=NUMPY.facts, **_NUMPYS) for name in OWN),
        Runtime("opt_einsum", ("opt_einsum",), facts=partial(_facts, "opt_einsum"), **_NUMPYS),
        Runtime("cotengra", ("cotengra",), facts=partial(_facts, "cotengra"), **_NUMPYS),
        Runtime(
            "pytblis",
            ("pytblis",),
            start=_pytblis_start,
            copies=False,
            after=stop_blas,
            facts=partial(_facts, "pytblis", _pytblis_threads),
        ),
        Runtime(
            "sesum",
            ("sesum",),
            copies=False,
            after=stop_blas,
            facts=partial(_facts, "sesum", _sesum_threads),
        ),
        Runtime("einsumt", ("einsumt",), facts=partial(_facts, "einsumt"), **_NUMPYS),
        Runtime(
            "dask",
            ("dask.array",),
            start=_dask_start,
            wrap=_dask_wrap,
            unwrap=_dask_unwrap,
            copies=False,
            after=stop_blas,
            facts=partial(_facts, "dask"),
        ),
        Runtime(
            "sparse",
            ("sparse",),
            start=NUMPY.start,
            wrap=_sparse_wrap,
            unwrap=_sparse_unwrap,
            after=stop_blas,
            facts=partial(_facts, "sparse"),
        ),
        Runtime(
            "torch_cuda",
            ("torch",),
            extra="torch",
            unable=cuda.why_none,
            unwrap=cuda.torch_to_numpy,
            copies=False,
            facts=partial(_facts, "torch", lambda: 1),
        ),
        Runtime(
            "cupy",
            ("cupy",),
            unable=cuda.why_none,
            unwrap=cuda.cupy_to_numpy,
            copies=False,
            facts=cuda.cupy_facts,
        ),
    )
}
