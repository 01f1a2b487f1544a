"""Memory of temporaries: what a call takes beyond what it returns."""

from __future__ import annotations

import ctypes
import mmap
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from einbench.host import threading_layer
from einbench.host.libraries import why_missing
from einbench.host.memory import available_bytes
from einbench.jit import compiled
from einbench.measure import memory
from einbench.measure.memory import peak_extra_bytes

MIB = 1 << 20
prange = range  # the compiled copies see numba's


def resettable() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return "VmHWM" in Path("/proc/self/status").read_text()


RESIDENT = pytest.mark.skipif(
    sys.platform != "linux" or not resettable(), reason="the peak cannot be reset here"
)


def untraced(nbytes: int) -> np.ndarray:  # type: ignore[type-arg]
    """Touched memory that tracemalloc does not see, as a C library's."""
    array = np.frombuffer(mmap.mmap(-1, nbytes), np.uint8)
    array[:] = 1
    return array


@pytest.mark.parametrize("mib", [1, 4])
def test_a_temporary_is_counted_and_the_output_is_not(mib: int) -> None:
    x = np.ones(mib * MIB // 8)
    extra = peak_extra_bytes(lambda: (x + 1) @ x + x)  # one temporary, dead before the output
    assert extra is not None
    assert abs(extra) < 0.1 * MIB
    extra = peak_extra_bytes(lambda: np.add(x + 1, x * 2))
    assert extra is not None
    assert abs(extra - 2 * mib * MIB) < 0.1 * MIB


def test_a_call_without_temporaries_takes_next_to_nothing() -> None:
    x = np.ones(MIB)
    extra = peak_extra_bytes(lambda: x + 1)
    assert extra is not None
    assert 0 <= extra < 0.1 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_huge_pages_do_not_count_and_are_used_again_afterwards() -> None:
    prctl = ctypes.CDLL(None).prctl
    inside = []

    def call() -> np.ndarray:
        inside.append(prctl(42, 0, 0, 0, 0))  # PR_GET_THP_DISABLE
        return np.ones(MIB)

    before = prctl(42, 0, 0, 0, 0)
    peak_extra_bytes(call)
    assert inside == [1]
    assert prctl(42, 0, 0, 0, 0) == before
    with pytest.raises(ZeroDivisionError):
        peak_extra_bytes(lambda: 1 // 0)
    assert prctl(42, 0, 0, 0, 0) == before


def test_several_outputs_are_all_outputs() -> None:
    x = np.ones(MIB // 8)
    extra = peak_extra_bytes(lambda: (x + 1, (x + 2, x + 3)))
    assert extra is not None
    assert extra < 0.1 * MIB


def test_the_size_of_the_output_can_be_given() -> None:
    x = np.ones(MIB // 8)
    extra = peak_extra_bytes(lambda: {"y": x + 1}, output_bytes=MIB)
    assert extra is not None
    assert extra < 0.1 * MIB
    unsaid = peak_extra_bytes(lambda: {"y": x + 1})
    assert unsaid is not None
    assert unsaid >= MIB


def test_the_call_is_made_once() -> None:
    calls: list[int] = []
    peak_extra_bytes(lambda: calls.append(1))
    assert calls == [1]


def test_tracing_is_off_afterwards_even_after_an_error() -> None:
    peak_extra_bytes(lambda: None)
    assert not tracemalloc.is_tracing()
    with pytest.raises(ZeroDivisionError):
        peak_extra_bytes(lambda: 1 // 0)
    assert not tracemalloc.is_tracing()


def test_tracing_that_was_on_stays_on_and_earlier_peaks_do_not_count() -> None:
    tracemalloc.start()
    try:
        np.ones(4 * MIB)
        extra = peak_extra_bytes(lambda: np.ones(MIB // 8) + 1)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert extra is not None
    assert extra < 2 * MIB


def test_where_the_output_was_not_traced_a_small_call_is_unknown() -> None:
    assert peak_extra_bytes(lambda: untraced(64 << 10)) is None


@RESIDENT
def test_large_memory_that_is_not_traced_is_seen_as_resident() -> None:
    def call(temporary_mib: int) -> Callable[[], object]:
        def body() -> object:
            output = untraced(32 * MIB)
            if temporary_mib:
                untraced(temporary_mib * MIB)
            return output

        return body

    with_temporary = peak_extra_bytes(call(24))
    assert with_temporary is not None
    assert abs(with_temporary - 24 * MIB) < 2 * MIB
    assert peak_extra_bytes(call(0)) in (0, None) or (peak_extra_bytes(call(0)) or 0) < 2 * MIB


@RESIDENT
def test_an_untraced_temporary_beside_a_traced_output_is_seen() -> None:
    def call() -> object:
        output = np.ones(MIB)
        untraced(32 * MIB)
        return output

    extra = peak_extra_bytes(call)
    assert extra is not None
    assert abs(extra - 32 * MIB) < 2 * MIB


def test_temporaries_of_compiled_kernels_and_their_threads_are_counted() -> None:
    if problem := why_missing(("numba",)) or threading_layer.why_not_parallel():
        pytest.skip(problem)

    def rows_backwards(x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        doubled = x * x.dtype.type(2)
        output = np.empty_like(x)
        for b in prange(x.shape[0]):
            output[b] = doubled[b, ::-1]
        return output

    for parallel in (False, True):
        kernel = compiled.Compiled(rows_backwards, method="mine", parallel=parallel)
        x = np.ones((64, MIB // 64))
        kernel(x)
        extra = peak_extra_bytes(lambda kernel=kernel, x=x: kernel(x))  # type: ignore[misc]
        assert extra is not None
        # resident memory counts too, which is accurate to a page, and pages may have 2 MiB
        assert -0.1 * MIB < extra - 8 * MIB < 2.1 * MIB


def test_without_a_resettable_peak_an_untraced_call_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no folder" / "clear_refs")
    assert peak_extra_bytes(lambda: untraced(32 * MIB)) is None


def test_available_memory_is_some() -> None:
    assert 0 < available_bytes() < 1 << 50
