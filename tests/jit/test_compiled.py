"""Bodies that numba compiles on the first call: their forms, what they take, when they may not."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.layouts import LAYOUTS, as_layout
from einbench.check.probe import small_sizes
from einbench.check.truth import as_tuple, truth
from einbench.host import libraries, threading_layer
from einbench.jit.compiled import Compiled
from einbench.kernel import Kernel
from einbench.problem import Problem

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

Array = np.ndarray[Any, Any]
prange = range  # the compiled copies see numba's

COMPILED = [
    k for op in einbench.operations.values() for k in op if isinstance(k.function, Compiled)
]


def add_half(total: Any) -> Any:
    return total + 0.5


def scaled(values: Array, labels: Array, choice: str) -> Array:
    """values, twice or half of them, plus the label of the row; uses a helper of this module."""
    result = np.empty(values.shape, values.dtype)
    for b in prange(values.shape[0]):
        for c in range(values.shape[1]):
            if choice == "twice":
                result[b, c] = values[b, c] * 2 + labels[b]
            else:
                result[b, c] = add_half(values[b, c]) + labels[b]
    return result


def tiled(values: Array, tile: int = 3) -> Array:
    result = np.empty(values.shape, values.dtype)
    for start in range(0, values.shape[0], tile):
        for i in range(start, min(start + tile, values.shape[0])):
            result[i] = values[i] + tile
    return result


def divided(values: Array) -> Array:
    result = np.empty(values.shape, values.dtype)
    for i in range(values.shape[0]):
        result[i] = values[i] / (values[i] - 1)
    return result


VALUES = np.arange(12.0).reshape(3, 4)
LABELS = np.array([10, 20, 30])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kernel", COMPILED, ids=repr)
def test_every_layout_gives_what_c_order_gives(kernel: Kernel, dtype: str) -> None:
    """Within the operation's limit: other vector instructions may sum in another order."""
    if kernel.reason:
        pytest.skip(kernel.reason)
    op = kernel.operation
    options = op.choose_options({})
    drawn = op.draw(5, dtype, seed=9, **small_sizes(op))
    bound = op.bind(**drawn)
    in_order = as_tuple(op, kernel(**drawn))
    assert all(np.abs(output).max() > 1e-3 for output in in_order)
    rounding = truth(Problem.of(op, bound.arrays, options))
    expected = replace(rounding, outputs=tuple(o.astype(np.longdouble) for o in in_order))
    for layout in LAYOUTS:
        arrays = {name: as_layout(array, layout) for name, array in drawn.items()}
        found = error(as_tuple(op, kernel(**arrays)), expected)
        assert found.units <= op.limit(max(op.terms(bound.sizes), 1)), layout
    asked = (np.dtype(dtype).char, *options.values())
    assert [form for form in kernel.function._forms if form == asked] == [asked]


@pytest.mark.long
@pytest.mark.parametrize("parallel", [False, True])
def test_one_form_a_dtype_serves_every_layout_and_integer_dtype(parallel: bool) -> None:
    if parallel and threading_layer.why_not_parallel():
        pytest.skip(threading_layer.why_not_parallel())
    body = Compiled(scaled, method="numba", parallel=parallel)
    assert len(body._forms) == 0
    for dtype in ("float64", "float32"):
        for layout in LAYOUTS:
            for integer in ("int64", "uint8", "int32", ">i2"):
                values = as_layout(VALUES.astype(dtype), layout)
                labels = as_layout(LABELS.astype(integer), layout)
                result = body(values, labels, choice="twice")
                assert result.dtype == dtype
                np.testing.assert_array_equal(result, 2 * VALUES + LABELS[:, None])
    assert len(body._forms) == 2


def test_arguments_that_are_copied_stay_as_they_were() -> None:
    body = Compiled(scaled, method="numba")
    strided = np.asfortranarray(VALUES)
    before = strided.copy()
    body(strided, LABELS[::-1], choice="twice")
    np.testing.assert_array_equal(strided, before)


def test_options_are_compiled_in_and_never_mixed_up() -> None:
    body = Compiled(scaled, method="numba")
    for _ in range(2):
        twice = body(VALUES, LABELS, choice="twice")
        half = body(VALUES, LABELS, choice="half")
        np.testing.assert_array_equal(twice, 2 * VALUES + LABELS[:, None])
        np.testing.assert_array_equal(half, VALUES + 0.5 + LABELS[:, None])
    assert len(body._forms) == 2


def test_parameters_with_defaults_after_the_arrays_keep_them() -> None:
    np.testing.assert_array_equal(Compiled(tiled, method="numba")(VALUES[0]), VALUES[0] + 3)


def test_compile_time_grows_with_the_first_call_of_a_form_alone() -> None:
    body = Compiled(scaled, method="numba")
    assert body.compile_s == 0
    body(VALUES, LABELS, choice="twice")
    first_s = body.compile_s
    assert first_s > 0
    body(VALUES, LABELS, choice="twice")
    assert body.compile_s == first_s
    body(VALUES, LABELS, choice="half")
    assert body.compile_s > first_s


def test_read_only_arrays_are_taken_and_left_as_they_are() -> None:
    body = Compiled(scaled, method="numba")
    values, labels = (as_layout(array, "readonly") for array in (VALUES, LABELS))
    np.testing.assert_array_equal(
        body(values, labels, choice="twice"), body(VALUES, LABELS, choice="twice")
    )
    np.testing.assert_array_equal(values, np.arange(12.0).reshape(3, 4))


@pytest.mark.long
def test_a_body_typed_at_a_prompt_compiles_without_a_cache() -> None:
    scope: dict[str, Any] = {"np": np, "prange": range, "__name__": "__main__"}
    exec(
        "def typed(values):\n"
        "    result = np.empty(values.shape, values.dtype)\n"
        "    for b in prange(values.shape[0]):\n"
        "        result[b] = values[b] + 1\n"
        "    return result\n",
        scope,
    )
    np.testing.assert_array_equal(Compiled(scope["typed"], method="m")(VALUES), VALUES + 1)


def test_a_division_by_zero_is_infinite_as_in_numpy_and_no_error() -> None:
    result = Compiled(divided, method="numba")(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(result, [np.inf, 2.0])


def test_the_body_itself_stays_interpreted() -> None:
    body = Compiled(scaled, method="numba")
    body(VALUES, LABELS, choice="twice")
    assert body.source is scaled
    assert scaled.__globals__["prange"] is range
    assert scaled.__globals__["add_half"] is add_half
    assert body.__doc__ == scaled.__doc__


def test_a_first_call_from_several_threads_compiles_once() -> None:
    body = Compiled(scaled, method="numba")
    barrier = threading.Barrier(4)
    results: list[Array] = []

    def call() -> None:
        barrier.wait()
        results.append(body(VALUES, LABELS.astype("uint8"), choice="twice"))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, 2 * VALUES + LABELS[:, None])
    assert len(body._forms) == 1


def test_without_numba_compiled_kernels_are_listed_as_unavailable_and_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "numba" else find(name)
    )
    op = einbench.operation("softmax")
    assert op["numba"].reason == "numba is not installed (pip install numba)"
    assert op["numba_parallel"].reason == op["numba"].reason
    with pytest.raises(ValueError, match="kernel 'numba' of softmax is unavailable: numba is not"):
        op["numba"](VALUES)
    np.testing.assert_allclose(op["loop"](VALUES).sum(axis=1), 1)


@pytest.mark.parametrize("listed", [None, SimpleNamespace(version="2022.1", files=[])])
def test_without_tbb_kernels_with_loops_for_numbas_threads_alone_are_unavailable(
    listed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "library", lambda name: None)
    monkeypatch.setattr(libraries, "_distribution", lambda name: listed)
    said = (
        "no safe threading layer: tbb 2022.1 is installed, but "
        if listed
        else "no safe threading layer: tbb is not installed (pip install tbb)"
    )
    reasons = {(o.name, k.method): k.reason for o in einbench.operations.values() for k in o}
    without = {key: reason for key, reason in reasons.items() if key[1] != "mkl"}
    refused = {key for key, reason in without.items() if reason}
    assert all(without[key].startswith(said) for key in refused)
    assert {method for _, method in refused} == {"numba_parallel"}
    assert not reasons["softmax", "simd"]
    assert not reasons["linear", "tiled"]
    with pytest.raises(ValueError, match="'numba_parallel' of softmax is unavailable: no safe thr"):
        einbench.operation("softmax")["numba_parallel"](VALUES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", COMPILED, ids=str)
def test_the_bits_of_a_result_do_not_depend_on_where_the_heap_places_memory(kernel, dtype):
    """Loops over arrays that lie close by run entry by entry: then sums had another order."""
    if not kernel.available:
        pytest.skip(kernel.reason)
    op = kernel.operation
    rng = np.random.default_rng(5)
    for seed in range(8):
        sizes = {axis: int(rng.integers(1, 33)) for axis in op.sizes}
        arrays = op.draw(1, dtype, seed, **sizes).values()
        options = op.choose_options({})
        found, held = set(), []
        for _ in range(100):
            held.append([np.empty(int(n), np.uint8) for n in rng.integers(1, 300, 6)])
            if len(held) > 5:
                held.pop(int(rng.integers(5)))
            result = kernel.function(*arrays, **options)
            outputs = result if isinstance(result, tuple) else (result,)
            found.add(b"".join(output.tobytes() for output in outputs))
        assert len(found) == 1, sizes
