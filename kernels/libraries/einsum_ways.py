"""How each library contracts an expression: its plan first, which is not timed, then the call.

A way takes the expression in letters and the operands as the library's own arrays.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from einbench.libraries import cuda

Call = Callable[[], Any]
Plan = Callable[[str, Sequence[Any]], Call]


def _numpy(text: str, operands: Sequence[Any]) -> Call:
    """NumPy's own loop over all indices."""
    return partial(np.einsum, text, *operands)


def _optimize(text: str, operands: Sequence[Any]) -> Call:
    """NumPy's path, found anew in every call, as its users have it."""
    return partial(np.einsum, text, *operands, optimize=True)


def _einbench(text: str, operands: Sequence[Any]) -> Call:
    """`einbench.einsum`, its plan made in the first call."""
    einsum = importlib.import_module("einbench").einsum
    einsum(text, *operands)
    return partial(einsum, text, *operands)


def _shapes(operands: Sequence[Any]) -> list[tuple[int, ...]]:
    return [operand.shape for operand in operands]


def _opt_einsum(text: str, operands: Sequence[Any]) -> Call:
    """Its prepared expression."""
    library = importlib.import_module("opt_einsum")
    return partial(library.contract_expression(text, *_shapes(operands)), *operands)


def _cotengra(text: str, operands: Sequence[Any]) -> Call:
    """Its prepared expression."""
    library = importlib.import_module("cotengra")
    return partial(library.einsum_expression(text, *_shapes(operands)), *operands)


def _torch(text: str, operands: Sequence[Any]) -> Call:
    """Its einsum of tensors."""
    return partial(importlib.import_module("torch").einsum, text, *operands)


def _jax(text: str, operands: Sequence[Any]) -> Call:
    """Its einsum, compiled by XLA."""
    jax = importlib.import_module("jax")
    compiled = jax.jit(partial(importlib.import_module("jax.numpy").einsum, text))
    return lambda: jax.block_until_ready(compiled(*operands))


def _pytblis(text: str, operands: Sequence[Any]) -> Call:
    """Its einsum along a path found before."""
    library = importlib.import_module("pytblis")
    path = np.einsum_path(text, *operands, optimize="greedy")[0] if len(operands) > 2 else True
    return partial(library.einsum, text, *operands, optimize=path)


def _sesum(text: str, operands: Sequence[Any]) -> Call:
    """Its einsum along a path of its own, found before."""
    library = importlib.import_module("sesum")
    path = library.compute_path(text, *operands)[0]
    return partial(library.sesum, text, *operands, path=path, dtype=operands[0].dtype.type)


def _einsumt(text: str, operands: Sequence[Any]) -> Call:
    """NumPy's einsum of chunks, in a pool of as many threads as its process has cores."""
    from multiprocessing.pool import ThreadPool

    from einbench.host.cores import usable_threads

    # its argument ``pool`` given as a number does not set the threads
    pool = ThreadPool(usable_threads())
    return partial(importlib.import_module("einsumt").einsumt, text, *operands, pool=pool)


def _dask(text: str, operands: Sequence[Any]) -> Call:
    """Its graph, made before, computed by its threads."""
    return importlib.import_module("dask.array").einsum(text, *operands).compute


def _sparse(text: str, operands: Sequence[Any]) -> Call:
    """Its einsum of arrays in which every entry is stored."""
    return partial(importlib.import_module("sparse").einsum, text, *operands)


#: library -> kernel -> way
WAYS: Mapping[str, Mapping[str, Plan]] = {
    "numpy_einsum": {"numpy_einsum": _numpy},
    "numpy_optimize": {"numpy_optimize": _optimize},
    "einbench_einsum": {"einbench_einsum": _einbench},
    "opt_einsum": {"opt_einsum_expression": _opt_einsum},
    "cotengra": {"cotengra_expression": _cotengra},
    "torch": {"torch_einsum": _torch},
    "jax": {"jax_einsum": _jax},
    "pytblis": {"pytblis_einsum": _pytblis},
    "sesum": {"sesum_path": _sesum},
    "einsumt": {"einsumt_einsum": _einsumt},
    "dask": {"dask_einsum": _dask},
    "sparse": {"sparse_einsum": _sparse},
    "torch_cuda": {
        "torch_cuda_transfers": cuda.torch_transfers,
        "torch_cuda_resident": cuda.torch_resident,
    },
    "cupy": {"cupy_transfers": cuda.cupy_transfers, "cupy_resident": cuda.cupy_resident},
}
