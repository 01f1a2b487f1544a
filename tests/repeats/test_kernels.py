"""Every kernel gives the same bits run after run, on any number of threads unless it says why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.host.machine import machine
from einbench.kernel import BLAS_VARIES
from einbench.libraries.library_kernels import library_kernels

from .inputs import operations
from .results import in_fresh_process, name_of


@pytest.fixture(scope="module")
def runs() -> list[dict[str, str]]:
    """On one thread, on two, and on two again, each in a process of its own."""
    return [in_fresh_process(threads) for threads in (1, 2, 2)]


#: a sum that BLAS divides and one that nothing does
FEW = ("linear", "relu", "bias_gradient")


@pytest.fixture(scope="module")
def few() -> list[dict[str, str]]:
    """Of a few operations alone: on one thread, on two, and on two again."""
    return [in_fresh_process(threads, *FEW) for threads in (1, 2, 2)]


def declared() -> set[str]:
    """Names of kernels that say why they vary."""
    return {name_of(kernel) for op in operations() for kernel in op if kernel.varies}


def undeclared(
    one: Mapping[str, str], other: Mapping[str, str], allowed: Iterable[str]
) -> list[str]:
    """Kernels that gave other bits and do not say so."""
    assert one.keys() == other.keys()
    return [
        name for name in one
        if one[name] != other[name] and name.rpartition(" ")[0] not in {*allowed}
    ]  # fmt: skip


@pytest.mark.long
def test_every_kernel_gives_the_same_bits_run_after_run(runs: list[dict[str, str]]) -> None:
    _, two, again = runs
    here = {
        f"{name_of(kernel)} {dtype}"
        for op in operations() for kernel in op if kernel.available and kernel.here
        for dtype in ("float32", "float64")
    }  # fmt: skip
    assert {*two} == here
    assert undeclared(two, again, ()) == []


@pytest.mark.long
def test_what_gives_other_bits_on_another_number_of_threads_says_why(
    runs: list[dict[str, str]],
) -> None:
    one, two, _ = runs
    assert undeclared(one, two, declared()) == []


def test_kernels_of_a_few_operations_give_the_same_bits(few: list[dict[str, str]]) -> None:
    one, two, again = few
    assert len(two) > 2 * len(FEW)
    assert undeclared(two, again, ()) == []
    assert undeclared(one, two, declared()) == []


def test_a_difference_that_no_kernel_declares_is_found(few: list[dict[str, str]]) -> None:
    one, _, _ = few
    changed = {**one, "relu[ufunc] float64": "other", "linear[matmul] float32": "other"}
    assert undeclared(one, changed, declared()) == ["relu[ufunc] float64"]


def test_the_product_of_784_terms_differs_and_says_so(few: list[dict[str, str]]) -> None:
    """Otherwise two threads were no two threads, and the tests above could not fail."""
    one, two, _ = few
    if "openblas" not in json.dumps(machine()["blas"]).lower():
        pytest.skip("another BLAS than OpenBLAS may divide no sum")
    assert undeclared(one, two, ()) != []
    assert {name.rpartition(" ")[0] for name in undeclared(one, two, ())} <= declared()
    assert einbench.operation("linear")["matmul"].varies == BLAS_VARIES


def test_a_kernel_of_ones_own_says_it_too() -> None:
    op = einbench.Operation(
        name="doubled_for_a_test", formula="y = 2 x", inputs={"x": "batch n"},
        outputs={"y": "batch n"}, sizes={"n": 3}, reference=lambda x: 2 * x,
        scale=lambda outputs, x: abs(outputs), flops=lambda sizes: sizes["batch"] * sizes["n"],
    )  # fmt: skip

    @op.kernel("shared", varies="its threads add as they finish")
    def shared(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(2 * x)

    @op.kernel("plain")
    def plain(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(x + x)

    assert op["shared"].varies == "its threads add as they finish"
    assert op["plain"].varies == ""


def test_libraries_promise_nothing() -> None:
    for kernels in library_kernels("torch").values():
        assert {kernel.varies for kernel in kernels} == {"torch promises no order of its sums"}


def test_the_list_shows_why() -> None:
    done = CliRunner().invoke(main, ["list", "linear", "--json", "-"])
    (linear,) = json.loads(done.stdout)["operations"]
    varies = {kernel["method"]: kernel["varies"] for kernel in linear["kernels"]}
    assert varies["matmul"] == BLAS_VARIES
    assert varies["tiled"] == ""
    shown = " ".join(CliRunner().invoke(main, ["list", "linear"]).stdout.split())
    assert f"depend on the number of threads: {BLAS_VARIES}." in shown
