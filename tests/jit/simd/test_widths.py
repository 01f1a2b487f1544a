"""Narrower vectors than this processor's: the same within rounding, where numbers are denormal too.

Without an instruction that multiplies by powers of two exp takes another way; with fewer lanes a
row of ten classes is another number of vectors, and longer rows are taken one by one.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

#: what a processor is said to have, and the bytes of its vectors
WIDTHS = {
    "generic": ("generic", "", 16),
    "avx2": ("haswell", "+sse2,+avx,+avx2,+fma", 32),
}

CALL = """
import json
import numpy as np
import einbench
from einbench.check.error import error
from einbench.check.truth import truth
from einbench.problem import Problem
from einbench.jit.simd import registers

dtype = np.dtype("{dtype}")
info = np.finfo(dtype)
farthest = {{}}

def judge(name, arrays, **options):
    op = einbench.operation(name)
    bound = op.bind(**arrays, **options)
    expected = truth(Problem.of(op, bound.arrays, bound.options))
    limit = op.limit(max(float(op.terms(bound.sizes)), 1.0))
    units = error([op["simd"](**arrays, **options)], expected).units / limit
    farthest[name] = max(farthest.get(name, 0), float(units))

rng = np.random.default_rng(1)
for count in range(1, 40):
    judge("tanh", {{"inputs": rng.normal(0, 3, (1, count)).astype(dtype)}})
for classes in (1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 33):
    for rows in (1, 2, 3, 4, 5, 8, 9, 16, 21):
        shifts = rng.uniform(-300, 300, (rows, 1))
        z = (rng.normal(0, 6, (rows, classes)) + shifts).astype(dtype)
        labels = rng.integers(0, classes, rows)
        judge("softmax", {{"logits": z}})
        judge("cross_entropy", {{"logits": z, "labels": labels}}, reduction="sum")
lowest = float(np.log(float(info.smallest_subnormal)))
gaps = np.linspace(0.5 * lowest, lowest + 1, 4096).astype(dtype)
probs = einbench.operation("softmax")["simd"](np.stack([np.zeros_like(gaps), gaps], axis=1))[:, 1]
power = np.exp(gaps.astype(np.longdouble))
units = np.maximum(power * float(info.eps), float(info.smallest_subnormal))
denormal = float((np.abs(probs - power) / units).max())
assert ((probs < info.smallest_normal) & (probs > 0)).any()

special = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 1e30, -1e30]], dtype)
tanh = einbench.operation("tanh")["simd"](special)[0]
np.testing.assert_array_equal(tanh, np.tanh(special[0]))
np.testing.assert_array_equal(np.signbit(tanh[3:5]), [False, True])
z = rng.normal(0, 1, (19, 3)).astype(dtype)
z[1, 2], z[5] = np.nan, [-np.inf, 0, -np.inf]
probs = einbench.operation("softmax")["simd"](z)
assert np.isnan(probs[1]).all() and np.isfinite(np.delete(probs, 1, axis=0)).all()
assert probs[5].tolist() == [0, 1, 0]
print(json.dumps([registers.vector_bytes(), registers.few_registers(), denormal, farthest]))
"""


@pytest.mark.long
@pytest.mark.skipif(platform.machine() != "x86_64", reason="processors of another kind")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("processor", WIDTHS)
def test_narrower_vectors_are_as_right(processor: str, dtype: str, tmp_path: Path) -> None:
    name, features, width = WIDTHS[processor]
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", CALL.format(dtype=dtype)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found_width, few, denormal, farthest = json.loads(done.stdout)
    assert (found_width, few) == (width, True)
    assert denormal < 3
    assert set(farthest) == {"tanh", "softmax", "cross_entropy"}
    assert max(farthest.values()) <= 1, farthest
