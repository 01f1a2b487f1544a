"""Weight gradients of many rows, summed in parts: whole numbers must be exact at any size."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.host.machine import limit_threads
from einbench.jit.gemm import partial

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

TILED = einbench.operation("weight_gradient")["tiled"]
#: rows from which on they are divided into parts, by bytes of an element
FROM = {size: partial._FROM_BYTES // size for size in (4, 8)}


def drawn(batch: int, units: int, features: int, dtype: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch + units * features)
    return {
        "inputs": rng.integers(-3, 4, (batch, features)).astype(dtype),
        "dlogits": rng.integers(-3, 4, (batch, units)).astype(dtype),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("units", "features"), [(1, 1), (7, 37), (19, 48), (8, 101), (3, 1751)])
def test_whole_numbers_are_exact_about_where_parts_begin_and_double(
    units: int, features: int, dtype: str
) -> None:
    first = FROM[np.dtype(dtype).itemsize]
    assert (first, partial._FROM_FOUR) in ((640, 4096), (320, 4096))
    for batch in (first - 1, first, first + 1, 4095, 4096, 4225):
        arrays = drawn(batch, units, features, dtype)
        expected = arrays["dlogits"].astype("float64").T @ arrays["inputs"].astype("float64")
        np.testing.assert_array_equal(TILED(**arrays), expected, err_msg=str(batch))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_parts_have_the_same_bits_on_one_thread_and_on_all(dtype: str) -> None:
    arrays = einbench.operation("weight_gradient").draw(4300, dtype, seed=1)
    several = TILED(**arrays)
    with limit_threads(1):
        np.testing.assert_array_equal(TILED(**arrays), several)
