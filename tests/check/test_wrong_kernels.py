"""Every kernel of the catalogue is rejected, with a reason that names its fault."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.judging import Verdict, judge
from einbench.check.patience import SERIES_S
from einbench.check.posed import Posed, pose, pose_all
from einbench.check.probes import probes
from einbench.check.verdicts import check_sized
from einbench.host.threading_layer import start_threads
from einbench.operation import Operation
from einbench.record import Record
from einbench.verbs.check import check
from einbench.verbs.compare import compare

ROWS = 60_000
SMALL = {"features": 19, "units": 7, "hidden1": 11, "hidden2": 7}


def catalogue() -> Any:
    """The package in the folder ``wrong``, which is on no path."""
    folder = Path(__file__).with_name("wrong")
    spec = importlib.util.spec_from_file_location(
        "wrong_kernels", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["wrong_kernels"] = package
    spec.loader.exec_module(package)
    return package.CATALOGUE


CATALOGUE = sorted(catalogue(), key=lambda entry: entry.operation)
NAMED = {str(wrong): wrong for wrong in CATALOGUE}


def cases(caught: str, *, wrong: bool = True) -> list[Any]:
    """Entries and the dtypes they are wrong in, or those they are right in.

    What is rejected in float32 is asked for in float64 by `make test-long`.
    """
    both = {"float32", "float64"}
    return [
        pytest.param(
            entry,
            dtype,
            id=f"{entry}-{dtype}",
            marks=pytest.mark.long if dtype == "float64" and both <= {*entry.dtypes} else (),
        )
        for entry in CATALOGUE
        for dtype in ("float32", "float64")
        if entry.caught == caught and (dtype in entry.dtypes) == wrong
    ]


@contextlib.contextmanager
def registered(op: Operation, *entries: Any) -> Iterator[Operation]:
    """Wrong kernels on an operation, and off it again."""
    try:
        for entry in entries:
            parallel = entry.parallel
            op.kernel(entry.method, compile=parallel, parallel=parallel)(entry.make())
        yield op
    finally:
        for entry in entries:
            if entry.method in op:
                op.remove(entry.method)


@functools.lru_cache(maxsize=4)
def posed_small(name: str, dtype: str, seed: int) -> list[Posed]:
    op = einbench.operation(name)
    return pose_all(op, probes(op, np.dtype(dtype), seed), np.dtype(dtype))


def judged_small(entry: Any, dtype: str, seed: int = 0) -> Verdict:
    posed = posed_small(entry.operation, dtype, seed)
    arrays = [a for p in posed for a in p.problem.arrays.values()]
    writeable = [a.flags.writeable for a in arrays]
    with registered(einbench.operation(entry.operation), entry) as op:
        # a slow or busy machine must not decide which sizes there is time for
        verdict = judge(op[entry.method], posed, series_s=4 * SERIES_S)
    # what is wrong may have changed inputs behind the check's back: the next starts afresh
    found = [a.tobytes() for a in arrays], [a.flags.writeable for a in arrays]
    if found != ([p.pristine[n] for p in posed for n in p.problem.arrays], writeable):
        posed_small.cache_clear()
    return verdict


@contextlib.contextmanager
def without_right_kernels(name: str) -> Iterator[Operation]:
    """The same mathematics without the right kernels, whose time at 60,000 rows is long."""
    yield dataclasses.replace(einbench.operation(name), name=f"{name}_of_wrong_kernels")


@functools.cache
def judged_sized(name: str, dtype: str) -> dict[str, Verdict]:
    entries = [e for e in CATALOGUE if e.operation == name and e.caught == "sized"]
    entries = [e for e in entries if not e.parallel or threads() > 1]
    with without_right_kernels(name) as op, registered(op, *entries):
        sizes = {axis: size for axis, size in SMALL.items() if axis in op.sizes}
        for kernel in op:
            # what compiling takes is no part of a call
            kernel.function(*op.draw(1, dtype, 0, **sizes).values(), **op.choose_options({}))
        passed = {k.method: Verdict(k, True, 0.0, 0.0, "") for k in op}
        found = check_sized(op, passed, op.all_sizes(ROWS, sizes), np.dtype(dtype), 0)
        return {v.method: v for v in found}


@functools.cache
def compared(name: str, right: str) -> dict[str, Record]:
    entries = [e for e in CATALOGUE if e.operation == name and e.caught == "compare"]
    with without_right_kernels(name) as op, registered(op, *entries):
        op.kernel("right")(einbench.operation(name)[right].function)
        sizes = {axis: size for axis, size in SMALL.items() if axis in op.sizes}
        found = compare(op, batches=8, budget_s=0.5, **sizes)
    return {record.kernel: record for record in found.records}


def threads() -> int:
    import numba

    start_threads()
    return int(numba.get_num_threads())


def assert_names_its_fault(entry: Any, reason: str) -> None:
    assert any(part in reason for part in entry.says), reason


def test_the_catalogue_is_long_and_leaves_no_operation_out():
    assert len(CATALOGUE) >= 370
    assert len(NAMED) == len(CATALOGUE)
    assert {entry.operation for entry in CATALOGUE} == set(einbench.operations)


@pytest.mark.parametrize(("entry", "dtype"), cases("small"))
def test_small_draws_reject_it_and_name_its_fault(entry, dtype):
    verdict = judged_small(entry, dtype)
    assert not verdict.passed
    assert_names_its_fault(entry, verdict.reason)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("entry", "dtype"), cases("small"))
def test_no_luck_of_the_draw_lets_it_pass(entry, dtype, seed):
    assert not judged_small(entry, dtype, seed).passed


@pytest.mark.parametrize(("entry", "dtype"), cases("small", wrong=False))
def test_it_is_wrong_in_one_dtype_only(entry, dtype):
    assert judged_small(entry, dtype).passed


@pytest.mark.parametrize(("entry", "dtype"), cases("sized"))
def test_the_size_asked_for_rejects_what_small_draws_may_let_pass(entry, dtype):
    if entry.parallel and threads() < 2:
        pytest.skip("one thread cannot race")
    verdict = judged_sized(entry.operation, dtype)[entry.method]
    assert not verdict.passed
    assert verdict.batch >= ROWS // 4  # as many as memory allows
    assert_names_its_fault(entry, verdict.reason)


@pytest.mark.parametrize(("entry", "dtype"), [c for c in cases("compare") if "32" in c.id])
def test_what_a_timed_call_returned_is_judged_again(entry, dtype):
    assert judged_small(entry, dtype).passed
    right = {"softmax": "ufunc", "input_gradient": "matmul"}[entry.operation]
    records = compared(entry.operation, right)
    assert records["right"].winner
    record = records[entry.method]
    assert record.status == "rejected"
    assert_names_its_fault(entry, record.reason)
    assert_never_ranked(record)


def assert_never_ranked(record: dict[str, Any]) -> None:
    assert record.median_s is None
    assert record.samples == 0
    assert record.speedup is None
    assert not record.winner
    assert not record.tie


@pytest.mark.long
def test_the_fastest_kernel_is_not_ranked_when_it_is_wrong():
    with registered(einbench.operation("linear"), NAMED["linear-all_zeros"]) as op:
        found = compare(op, batches=(1, 64), budget_s=0.2, features=19, units=7)
    zeros = [r for r in found.records if r.kernel == "all_zeros"]
    assert len(zeros) == 2
    for record in zeros:
        assert record.status == "rejected"
        assert "zero everywhere" in record.reason
        assert_never_ranked(record)
    assert sum(r.winner for r in found.records) == 2


def test_a_kernel_dropping_a_row_is_not_ranked_at_the_size_where_it_does():
    with without_right_kernels("bias_gradient") as op:
        op.kernel("right")(lambda dlogits: dlogits.sum(axis=0))
        op.kernel("drops_one_of_so_many")(lambda d: d[int(len(d) == ROWS) :].sum(axis=0))
        found = compare(op, batches=(8, ROWS), budget_s=0.2, units=7)
    small, large = (r for r in found.records if r.kernel != "right")
    assert small.status == "ok"
    assert large.status == "rejected"
    assert "not equal where every sum is exact at the timed size" in large.reason
    assert_never_ranked(large)


# each of the three below must be right in everything but the one thing it is wrong in


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_a_second_call_shows_one_that_is_right_on_the_first(dtype):
    entry = NAMED["softmax-right_on_the_first_call"]
    assert not judged_small(entry, dtype).passed
    op = einbench.operation("softmax")
    for probe in probes(op, np.dtype(dtype), 0):
        with registered(op, entry):
            once = pose(op, dataclasses.replace(probe, again=False), np.dtype(dtype))
            assert judge(op[entry.method], [once]).passed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name",
    [
        "tanh-takes_memory_order", "linear-assumes_c_strides", "linear-reads_the_buffer_beneath",
        "sigmoid-never_turns_back",
    ],
)  # fmt: skip
def test_only_other_layouts_show_one_that_assumes_its_strides(name, dtype):
    entry = NAMED[name]
    assert not judged_small(entry, dtype).passed
    with registered(einbench.operation(entry.operation), entry) as op:
        posed = [
            pose(op, probe, np.dtype(dtype))
            for probe in probes(op, np.dtype(dtype), 0)
            if probe.layout in ("C", "readonly")
        ]
        assert len(posed) >= 20
        assert judge(op[entry.method], posed).passed


def test_only_float64_shows_a_product_in_single_precision():
    entry = NAMED["linear-single_precision_product"]
    assert not judged_small(entry, "float64").passed
    with without_right_kernels("linear") as op, registered(op, entry):
        (verdict,) = check(op, batch=ROWS, dtype="float32", features=19, units=7)
    assert verdict.passed
    assert verdict.batch == ROWS
