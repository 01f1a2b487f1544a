"""Products in registers: any size, any width of vectors, any number of threads."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.truth import as_tuple
from einbench.gradient.input_gradient import _STREAMED_BYTES
from einbench.host.machine import limit_threads
from einbench.jit.gemm import linear, three_layers
from einbench.jit.gemm.block import down
from einbench.jit.gemm.linear import FEW
from einbench.jit.gemm.three_layers import CHUNK

TILED = [op.name for op in einbench.operations.values() if "tiled" in op]
SIZES = {"features": 51, "hidden1": 33, "hidden2": 50, "classes": 11, "units": 50}
#: what a processor is said to have, and the bytes of its vectors
WIDTHS = {
    "generic": ("generic", "", 16),
    "avx2": ("haswell", "+sse2,+avx,+avx2,+fma", 32),
}

CALL = """
import json
import numpy as np
import einbench
from einbench.jit.simd import registers
op = einbench.operation("mlp_logits_gradients")
arrays = op.draw(53, "float32", seed=1, features=51, hidden1=33, hidden2=50, classes=11)
apart = max(
    float(np.abs(a - b).max() / np.abs(a).max())
    for a, b in zip(op["matmul"](**arrays), op["tiled"](**arrays))
)
print(json.dumps([registers.vector_bytes(), registers.few_registers(), apart]))
"""


def drawn(name: str, batch: int, dtype: str, **sizes: int) -> dict[str, np.ndarray[Any, Any]]:
    op = einbench.operation(name)
    chosen = {**SIZES, **sizes}
    return op.draw(batch, dtype, seed=batch, **{axis: chosen[axis] for axis in op.sizes})


def test_the_whole_networks_have_a_tiled_kernel() -> None:
    assert {"mlp_forward", "mlp_logits_gradients", "mlp_gradients"} <= set(TILED)


@pytest.mark.long
@pytest.mark.skipif(platform.machine() != "x86_64", reason="processors of another kind")
@pytest.mark.parametrize("processor", WIDTHS)
def test_narrower_vectors_give_the_same(processor: str, tmp_path: Path) -> None:
    name, features, width = WIDTHS[processor]
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found_width, few, apart = json.loads(done.stdout)
    assert (found_width, few) == (width, True)
    assert apart < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TILED)
def test_sizes_that_fill_no_vector_and_no_tile_agree_with_matmul(name: str, dtype: str) -> None:
    op = einbench.operation(name)
    for batch in (1, 3, 16, 63, 65, 131, 259, CHUNK + 1):
        arrays = drawn(name, batch, dtype)
        expected, found = op["matmul"](**arrays), op["tiled"](**arrays)
        for wanted, came in zip(as_tuple(op, expected), as_tuple(op, found), strict=True):
            largest = np.abs(wanted).max()
            assert np.abs(wanted - came).max() <= 400 * np.finfo(dtype).eps * largest


@pytest.mark.parametrize("name", TILED)
def test_one_thread_and_all_give_the_same_bits(name: str) -> None:
    op = einbench.operation(name)
    arrays = op.draw(300, "float32", seed=2)
    several = op["tiled"](**arrays)
    with limit_threads(1):
        alone = op["tiled"](**arrays)
    for one, other in zip(as_tuple(op, several), as_tuple(op, alone), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TILED)
def test_batches_about_where_another_way_is_taken_agree_with_matmul(name: str, dtype: str) -> None:
    """Units are shared from FEW rows on, rows from MANY on, and CHUNK rows or half are kept."""
    assert (FEW, linear.MANY, three_layers.MANY, CHUNK) == (16, 512, 192, 1024)
    op = einbench.operation(name)
    turns = (FEW, three_layers.MANY, linear.MANY, CHUNK // 2, CHUNK)
    for batch in (*(turn + beside for turn in turns for beside in (-1, 0, 1)), 2 * CHUNK + 1):
        arrays = drawn(name, batch, dtype, features=37, hidden1=19, hidden2=33, classes=7)
        expected, found = op["matmul"](**arrays), op["tiled"](**arrays)
        for wanted, came in zip(as_tuple(op, expected), as_tuple(op, found), strict=True):
            largest = np.abs(wanted).max()
            assert np.abs(wanted - came).max() <= 400 * np.finfo(dtype).eps * largest, batch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TILED)
def test_several_chunks_have_the_same_bits_on_one_thread_on_all_and_again(
    name: str, dtype: str
) -> None:
    op = einbench.operation(name)
    arrays = drawn(name, 2 * CHUNK + 1, dtype, features=101)
    with limit_threads(1):
        alone = as_tuple(op, op["tiled"](**arrays))
    for _ in range(4):
        several = as_tuple(op, op["tiled"](**arrays))
        for one, other in zip(several, alone, strict=True):
            np.testing.assert_array_equal(one, other)


def test_nan_passes_a_rectified_layer() -> None:
    op = einbench.operation("mlp_forward")
    arrays = op.draw(20, "float32", seed=3)
    arrays["inputs"][7, 100] = np.nan
    probs = op["tiled"](**arrays)
    assert np.isnan(probs[7]).all()
    assert np.isfinite(np.delete(probs, 7, axis=0)).all()


def test_an_intrinsic_cannot_be_called_from_python() -> None:
    with pytest.raises(TypeError, match="in a compiled kernel only"):
        down(8, 3)


@pytest.mark.parametrize("offset", [0, 16])
@pytest.mark.parametrize("features", [784, 785])
def test_gradients_stored_past_the_caches_are_exact_wherever_they_lie(
    features: int, offset: int
) -> None:
    """Stored as they are made where vectors lie on lines, else from beside; whole numbers."""
    rng = np.random.default_rng(features)
    weights = rng.integers(-3, 4, (19, features)).astype("float32")
    rows = _STREAMED_BYTES // weights[0].nbytes + 5
    dlogits = rng.integers(-3, 4, (rows, 19)).astype("float32")
    expected = dlogits @ weights
    memory = np.zeros(expected.nbytes + 128, np.uint8)
    assert expected.nbytes >= _STREAMED_BYTES
    start = -memory.ctypes.data % 64 + offset
    out = np.ndarray(expected.shape, "float32", memory, start)
    op = einbench.operation("input_gradient")
    op["tiled"](dlogits=dlogits, weights=weights, out=out)
    np.testing.assert_array_equal(out, expected)
    assert not memory[:start].any()
    assert not memory[start + out.nbytes :].any()
