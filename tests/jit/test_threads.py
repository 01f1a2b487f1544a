"""Parallel kernels run on TBB and on nothing else; each test is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from einbench.host.libraries import library

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

needs_tbb = pytest.mark.skipif(library("tbb") is None, reason="tbb is not installed")


def run(script: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip().splitlines()


@needs_tbb
def test_two_threads_may_run_parallel_kernels_and_blas_at_once() -> None:
    script = """
import threading
import numpy as np, numba, einbench

linear, softmax = einbench.operation("linear"), einbench.operation("softmax")
barrier = threading.Barrier(2)
wrong, done = [], []

def work(seed):
    x = linear.draw(64, "float64", seed, features=96, units=10)
    expected = x["inputs"] @ x["weights"].T + x["bias"]
    powers = np.exp(expected - expected.max(axis=1, keepdims=True))
    probs = powers / powers.sum(axis=1, keepdims=True)
    barrier.wait()
    for _ in range(300):
        z = linear["numba_parallel"](**x)
        again = x["inputs"] @ x["weights"].T
        p = softmax["numba_parallel"](z)
        if not (np.allclose(z, expected, rtol=1e-9, atol=1e-12) and np.allclose(p, probs)
                and np.allclose(again + x["bias"], expected)):
            wrong.append(seed)
    done.append(seed)

threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong, sorted(done), numba.threading_layer())
"""
    assert run(script, NUMBA_NUM_THREADS="2") == ["[] [1, 2] tbb"]


@pytest.mark.long
@needs_tbb
@pytest.mark.parametrize("asked", ["workqueue", "omp", "default"])
def test_parallel_kernels_run_on_tbb_whatever_layer_the_environment_asks_for(asked: str) -> None:
    script = """
import numpy as np, numba, einbench
kernel = einbench.operation("relu")["numba_parallel"]
print(kernel.reason or "available")
assert (kernel(np.array([[-1.0, 2.0]])) == [[0.0, 2.0]]).all()
print(numba.threading_layer(), kernel.reason or "available")
"""
    assert run(script, NUMBA_THREADING_LAYER=asked) == ["available", "tbb available"]


def test_where_numba_runs_on_another_layer_already_parallel_kernels_are_unavailable() -> None:
    script = """
import numpy as np, numba, einbench

@numba.njit(parallel=True)
def total(values):
    result = 0.0
    for i in numba.prange(len(values)):
        result += values[i]
    return result

assert total(np.ones(10)) == 10
softmax = einbench.operation("softmax")
print(numba.threading_layer(), "|", softmax["numba_parallel"].reason)
try:
    softmax["numba_parallel"](np.zeros((2, 2)))
except ValueError as problem:
    print(problem)
print(softmax["numba"](np.zeros((1, 2))))
"""
    problem = "no safe threading layer (numba runs on 'workqueue' in this process already)"
    if library("tbb") is None:
        problem = "no safe threading layer: tbb is not installed (pip install tbb)"
    assert run(script, NUMBA_THREADING_LAYER="workqueue") == [
        f"workqueue | {problem}",
        f"kernel 'numba_parallel' of softmax is unavailable: {problem}",
        "[[0.5 0.5]]",
    ]


@needs_tbb
def test_asking_whether_a_parallel_kernel_is_available_starts_no_threads() -> None:
    script = """
import sys, einbench
from einbench.host.threading_layer import running_layer
print([k.reason for op in einbench.operations.values() for k in op if k.reason and not k.requires],
      "numba" in sys.modules, running_layer())
import numba
print(einbench.operation("softmax")["numba_parallel"].reason == "", running_layer())
"""
    assert run(script) == ["[] False None", "True None"]


def test_without_tbb_kernels_of_the_pool_run_on_as_many_threads_as_are_allowed() -> None:
    script = """
from einbench.host import libraries
libraries._NAMES["tbb"] = {"": ("libtbb_of_no_machine.so",)}
import numpy as np, einbench
from einbench.choose.environment import threads
from einbench.host.machine import limit_threads
from einbench.host.threading_layer import running_layer
from einbench.jit.linked import Pointer, linked
from einbench.jit.compiled import Compiled
from einbench.jit.pool_code import num_threads

def counted(values):
    result = np.empty(1, values.dtype)
    result[0] = num_threads()
    return result

softmax = einbench.operation("softmax")
logits = softmax.draw(3000)["logits"]
print(softmax["numba_parallel"].reason.partition(": ")[0], "|", softmax["simd"].reason)
difference = abs(softmax["simd"](logits) - softmax["numba"](logits)).max()
count = Compiled(counted, method="numba", parallel=True)
print(difference < 1e-6, int(count(np.zeros(1))[0]), threads().numba)
for limit in (1, 2):
    with limit_threads(limit):
        print(int(count(np.zeros(1))[0]), threads().numba)
print(running_layer())
"""
    found = run(script, NUMBA_NUM_THREADS="2")
    assert found == ["no safe threading layer | ", "True 2 2", "1 1", "2 2", "None"]
