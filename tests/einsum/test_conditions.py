"""`einbench.einsum` where memory is short, numba cannot be loaded, or warnings are errors."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest

import einbench
from einbench.dropin import measured
from einbench.einsum.kernels import KERNELS


@pytest.mark.parametrize("dtype", ["f4", "f8", "F", "D"])
@pytest.mark.parametrize("text", ["ij,jk->ik", "ij,ij->i", "ij,jk,kl->il", "ij,k->ik"])
@pytest.mark.parametrize("size", [2, 60])
def test_infinity_times_zero_warns_as_little_as_in_numpy(text, dtype, size, memory):
    parts = text.split("->")[0].split(",")
    operands = [np.zeros((size,) * len(each), dtype) for each in parts]
    operands[0][0] = np.inf
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        found = [einbench.einsum(text, *operands) for _ in range(2)]
    assert all(np.isnan(each).any() for each in found)


def test_a_choice_among_long_sums_takes_little_memory(memory):
    x = np.ones((3000, 2000), "f4")
    einbench.einsum("ij->", x[:10])
    tracemalloc.start()
    try:
        einbench.einsum("ij->", x)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert measured.__name__ in sys.modules
    # a wide copy of the operand alone would be twice as large as it
    assert most < 1.5 * x.nbytes + 2**21


@pytest.mark.long
def test_long_sums_are_judged_in_pieces(memory, monkeypatch):
    monkeypatch.setitem(KERNELS, "matmul", lambda task: lambda arrays, out: out.fill(0))
    monkeypatch.setitem(KERNELS, "tensordot", KERNELS["matmul"])
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3_000_000))
    np.testing.assert_allclose(einbench.einsum("i,i->", x, y), x @ y, rtol=1e-12)


def test_where_the_comparison_finds_no_memory_the_result_comes_all_the_same(memory, monkeypatch):
    def none_left(*_):
        raise MemoryError

    monkeypatch.setattr(measured, "measured", none_left)
    x = np.random.default_rng(0).random((70, 80))
    for _ in range(2):
        np.testing.assert_allclose(einbench.einsum("ij,ij->j", x, x), (x * x).sum(axis=0))


NO_NUMBA = """
import sys
sys.modules["llvmlite"] = None  # its import fails
import numpy as np, einbench
x = np.ones(3_000_000, "f4")
y = np.ones((50_000, 3, 3), "f4")
print(int(einbench.einsum("i,i->", x, x)), int(einbench.einsum("nij,njk->nik", y, y).sum()))
"""


@pytest.mark.parametrize("wisdom", ["off", ""])
def test_where_numba_cannot_be_loaded_others_compute(tmp_path, monkeypatch, wisdom):
    monkeypatch.setenv("EINBENCH_WISDOM", wisdom or str(tmp_path / "wisdom"))
    done = subprocess.run(
        [sys.executable, "-c", NO_NUMBA], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3000000 1350000\n"
