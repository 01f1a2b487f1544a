"""Compiled loops on disk, written by some processes and used by others."""

import os
import subprocess
import sys

import pytest

CALLS = """
import sys
import numpy as np
import einbench
rng = np.random.default_rng(0)
for text in sys.argv[2:]:
    op = einbench.expression(text, b=400, i=4, j=2, k=4)
    arrays = [*op.draw(dtype="float64").values()]
    found = op[sys.argv[1]](*arrays)
    np.testing.assert_allclose(found, np.einsum(text, *arrays), err_msg=text)
"""
TEXTS = ("bij,bjk->bik", "bij,bkj->bik", "bji,bjk->bik")


@pytest.mark.parametrize("kernel", ["numba", "numba_parallel"])
def test_loops_that_two_processes_have_compiled_are_told_apart_by_a_third(tmp_path, kernel):
    """What is linked into them has a name in the process, and equal names would be one function."""
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }  # fmt: skip
    for texts in (*((text,) for text in TEXTS), TEXTS):
        done = subprocess.run(
            [sys.executable, "-c", CALLS, kernel, *texts], env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*.code"))
