"""oneMKL: one thread each, parts that make up the whole, the same bits wherever data lie."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

import einbench
from einbench.host import libraries
from einbench.host.cores import usable_threads
from einbench.host.machine import limit_threads
from einbench.jit.gemm import mkl

Array = np.ndarray[Any, Any]

NAMES = ("linear", "input_gradient", "weight_gradient")

#: as with peers: where it is asked for, a wheel that is missing is a failure
asked_for = os.environ.get("EINBENCH_REQUIRE_PEERS") == "1" and platform.machine() == "x86_64"
installed = pytest.mark.skipif(
    bool(einbench.operation("linear")["mkl"].reason) and not asked_for,
    reason=einbench.operation("linear")["mkl"].reason or "there is",
)


def moved(array: Array, elements: int) -> Array:
    """The same numbers, so many elements beyond a page's beginning."""
    memory = np.empty(array.size + 4096, array.dtype)
    start = -memory.ctypes.data % 4096 // array.itemsize + elements
    there = memory[start : start + array.size].reshape(array.shape)
    there[...] = array
    return there


def threads_of_this_process() -> int:
    return psutil.Process().num_threads()


@installed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 2, 31, 33, 511, 513, 1500])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_bits_wherever_arrays_begin(name: str, batch: int, dtype: str) -> None:
    op = einbench.operation(name)
    drawn = op.draw(batch, dtype, seed=batch)
    expected = op["mkl"](**drawn)
    for elements in (1, 3, 5, 16):
        found = op["mkl"](**{key: moved(array, elements) for key, array in drawn.items()})
        np.testing.assert_array_equal(found, expected)


@installed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_whole_check(name: str, dtype: str) -> None:
    (verdict,) = [v for v in einbench.check(name, dtype=dtype) if v.method == "mkl"]
    assert verdict.passed, verdict.reason


@installed
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (15, 17), (130, 33), (16, 784)])
@pytest.mark.parametrize("batch", [1, 7, 40, 600])
@pytest.mark.parametrize("name", NAMES)
def test_parts_of_any_size_make_up_the_whole(name: str, batch: int, sizes: tuple[int, int]) -> None:
    """Sums of whole numbers are exact: every element has to be the one that it is."""
    op = einbench.operation(name)
    assert op.exact is not None
    of_sizes = {"batch": batch, "units": sizes[0], "features": sizes[1]}
    drawn = op.exact(np.random.default_rng(1), np.dtype("float32"), of_sizes)
    expected = op["einsum"](**drawn)
    for threads in {1, usable_threads()}:
        with limit_threads(threads):
            np.testing.assert_array_equal(op["mkl"](**drawn), expected)


@installed
def test_the_library_starts_no_threads() -> None:
    op = einbench.operation("weight_gradient")
    drawn = op.draw(2000, "float64", seed=0)
    op["mkl"](**drawn)
    before = threads_of_this_process()
    for _ in range(5):
        op["mkl"](**drawn)
    assert threads_of_this_process() == before
    assert mkl._loaded().MKL_Get_Max_Threads() == 1


@installed
def test_a_machine_has_the_same_name_before_and_after_the_library_is_loaded() -> None:
    script = """
import einbench
from einbench.host.machine import machine
before = machine()
op = einbench.operation("linear")
op["mkl"](**op.draw(2, "float32", seed=0))
assert machine() == before
print(before["mkl"])
"""
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == metadata.version("mkl")


def test_without_the_wheel_the_kernels_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "library", lambda name: None)
    monkeypatch.setattr(libraries, "_distribution", lambda name: None)
    for name in NAMES:
        # as in a process that has not called it: what a call found once is not looked for again
        kernel = replace(einbench.operation(name)["mkl"])
        assert kernel.reason == "mkl is not installed (pip install mkl)"
        with pytest.raises(ValueError, match=r"kernel 'mkl' of .* is unavailable: mkl is not inst"):
            kernel(**einbench.operation(name).draw(2, "float32", seed=0))


def test_a_library_that_is_not_there_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mkl, "library", lambda name: None)
    with pytest.raises(OSError, match="mkl is not installed"):
        mkl._loaded.__wrapped__()


def test_libraries_are_looked_for_where_wheels_put_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(libraries.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(libraries, "_data_folder", lambda: str(tmp_path / "elsewhere"))
    monkeypatch.setattr(libraries.sys, "platform", "linux")
    monkeypatch.setattr(libraries, "_distribution", lambda name: None)
    look = libraries.library.__wrapped__
    assert look("mkl") is None
    for folder, file in (("elsewhere/lib", "libmkl_rt.so.2"), ("lib", "libmkl_rt.so.3")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / file).touch()
        assert look("mkl") == str(tmp_path / folder / file)
