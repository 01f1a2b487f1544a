"""Squares of the lengths of rows.

    n[s] = sum_c X[s, c]^2

Kernels, simplest first:

    loop    two nested loops
    einsum  all rows at once
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.inputs import Input
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]


def _reference(vectors: Array) -> Array:
    return (vectors * vectors).sum(axis=1)


def _exact(
    rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    bound = draws.exact_bound(dtype, sizes["components"])
    return {"vectors": draws.integers(rng, (sizes["samples"], sizes["components"]), dtype, bound)}


contributed_norm = register(
    Operation(
        name="contributed_norm",
        formula="n[s] = sum_c X[s, c]^2",
        inputs={"vectors": Input("samples components", nonfinite=(np.nan, np.inf))},
        outputs={"lengths": "samples"},
        leading="samples",
        sizes={"components": 64},
        independent=("samples",),
        terms=lambda s: s["components"],
        flops=lambda s: 2 * s["samples"] * s["components"],
        reference=_reference,
        scale=lambda lengths, vectors: lengths,
        exact=_exact,
    )
)


@contributed_norm.kernel("loop")
def loop(vectors: Array) -> Array:
    """Two nested loops."""
    # bound by Python's overhead per entry
    lengths = np.zeros(len(vectors), vectors.dtype)
    for s, row in enumerate(vectors):
        for entry in row:
            lengths[s] += entry * entry
    return lengths


@contributed_norm.kernel("einsum")
def einsum(vectors: Array) -> Array:
    """New over ``loop``: all rows at once."""
    # reads S*C, writes S
    return np.einsum("sc,sc->s", vectors, vectors)
