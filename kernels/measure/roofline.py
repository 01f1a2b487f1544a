"""best_s = max(flops / peak FLOP/s, bytes / bandwidth): the roofline model of this machine.

Both ceilings are measured at run time with NumPy functions. FLOPs are the operation's, so that
redundant arithmetic does not raise a kernel's fraction; an exp, log or tanh counts
``einbench.flops.EXP_FLOPS`` = 16 of them. Bytes are the compulsory traffic: every input read
once, every output written once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.host.machine import limit_threads
from einbench.operation import Operation

Bytes = npt.NDArray[np.uint8]

#: larger working sets are measured at this size, which is beyond most caches
_GREATEST_LOG2 = 28
#: smaller ones at this size: in first-level cache call overhead exceeds traffic
_LEAST_LOG2 = 16
#: below this the overhead of calls and of handing work to threads outweighs the traffic
_SMALL_BYTES = 1 << 20
#: ratios of writes to reads are rounded down to eighths
_MIXES = 8
#: a run of passes is at least this long
_RUN_S = 1e-3
#: measurements of a ceiling that a kernel seems to exceed
_ATTEMPTS = 3


@dataclass(frozen=True)
class Roofline:
    """The ceilings of one machine at one number of threads, measured when first needed.

    Make one per comparison, since a machine's speed drifts. A working set is measured at the next
    lower power of two, with the next lower eighth of writes; smaller sets and fewer writes are
    not slower, so a ceiling may be slightly high, not low.
    """

    threads: int
    #: dtype -> FLOP/s
    peaks: dict[str, float] = field(default_factory=dict)
    #: (log2 of the bytes, eighths of them written) -> bytes/s
    bandwidths: dict[tuple[int, int], float] = field(default_factory=dict)
    #: seconds of a kernel that beat the ceilings however often they were measured, by problem
    beaten_s: dict[tuple[Any, ...], float] = field(default_factory=dict)
    #: whether every call allocates its output, rather than reuse the previous one's memory
    fresh: bool = True

    def best_s(self, operation: Operation, sizes: Mapping[str, int], dtype: Any) -> float:
        """Least seconds that the operation could take at these sizes."""
        read_bytes, write_bytes = operation.traffic_bytes(sizes, dtype)
        total_bytes = read_bytes + write_bytes
        if not total_bytes:
            return 0.0
        best_s = max(
            operation.flops(sizes) / self._peak(np.dtype(dtype)),
            total_bytes / self._bandwidth(read_bytes, write_bytes),
        )
        return min(best_s, self.beaten_s.get(_key(operation, sizes, dtype), best_s))

    def fraction(
        self, operation: Operation, sizes: Mapping[str, int], dtype: Any, median_s: float
    ) -> float:
        """best_s / median_s: 1 at most, for a kernel that could not be faster here.

        Where a kernel is faster than the ceilings allow, they were measured while the machine was
        busy: they are measured again, and the higher value kept. One that is still faster has shown
        what the machine can do: for this problem its time is the ceiling from then on, for all
        kernels.
        """
        for _ in range(_ATTEMPTS):
            best_s = self.best_s(operation, sizes, dtype)
            if best_s <= median_s:
                break
            self._raise_ceilings(operation, sizes, np.dtype(dtype))
        else:
            if self.best_s(operation, sizes, dtype) > median_s:
                self.beaten_s[_key(operation, sizes, dtype)] = median_s
        return self.best_s(operation, sizes, dtype) / median_s

    def _raise_ceilings(
        self, operation: Operation, sizes: Mapping[str, int], dtype: np.dtype[Any]
    ) -> None:
        """Measure again the ceiling that limits the operation; keep the higher value."""
        flops_s = operation.flops(sizes) / self._peak(dtype)
        if flops_s == self.best_s(operation, sizes, dtype):
            again = peak_flops(dtype, self.threads)
            self.peaks[dtype.name] = max(again, self.peaks[dtype.name])
            return
        key = _bucket(*operation.traffic_bytes(sizes, dtype))
        again = _bucket_bandwidth(key, self.threads, self.fresh)
        self.bandwidths[key] = max(again, self.bandwidths[key])

    def _peak(self, dtype: np.dtype[Any]) -> float:
        if dtype.name not in self.peaks:
            self.peaks[dtype.name] = peak_flops(dtype, self.threads)
        return self.peaks[dtype.name]

    def _bandwidth(self, read_bytes: int, write_bytes: int) -> float:
        key = _bucket(read_bytes, write_bytes)
        if key not in self.bandwidths:
            self.bandwidths[key] = _bucket_bandwidth(key, self.threads, self.fresh)
        return self.bandwidths[key]


def _key(operation: Operation, sizes: Mapping[str, int], dtype: Any) -> tuple[Any, ...]:
    return operation.name, tuple(sizes.items()), np.dtype(dtype).name


def _bucket(read_bytes: int, write_bytes: int) -> tuple[int, int]:
    """(log2 of the bytes, eighths of them written), both rounded down."""
    total = read_bytes + write_bytes
    log2 = min(max(total.bit_length() - 1, _LEAST_LOG2), _GREATEST_LOG2)
    return log2, _MIXES * write_bytes // total


def _bucket_bandwidth(key: tuple[int, int], threads: int, fresh: bool) -> float:
    log2, mix = key
    written = (1 << log2) * mix // _MIXES
    return bandwidth((1 << log2) - written, written, threads, fresh=fresh)


def peak_flops(dtype: npt.DTypeLike, threads: int, budget_s: float = 0.2) -> float:
    """2 n^3 / t, the best of several matrix products of n x n, in FLOP/s.

    n doubles until a product takes 2 ms: long enough for all threads to be at work, short
    enough to be repeated. The first product at each size is a warm-up. One thread is measured
    too: on a busy machine BLAS threads that wait for each other can be slower.
    """
    counts = {1, threads}
    return max(_peak_flops(dtype, count, budget_s / len(counts)) for count in counts)


def _peak_flops(dtype: npt.DTypeLike, threads: int, budget_s: float) -> float:
    best = 0.0
    with limit_threads(threads):
        end_s = time.perf_counter() + budget_s
        n, product_s = 128, 0.0
        while product_s < 2e-3:
            n *= 2
            a = np.full((n, n), 0.5, dtype)
            out = np.empty_like(a)
            _product_s(a, out)
            product_s = min(_product_s(a, out) for _ in range(3))
            best = max(best, 2 * n**3 / product_s)
        while time.perf_counter() < end_s:
            best = max(best, 2 * n**3 / _product_s(a, out))
    return best


def _product_s(a: npt.NDArray[Any], out: npt.NDArray[Any]) -> float:
    start_s = time.perf_counter()
    np.matmul(a, a, out=out)
    return time.perf_counter() - start_s


def bandwidth(
    read_bytes: int, write_bytes: int, threads: int, budget_s: float = 0.05, *, fresh: bool = True
) -> float:
    """(read + written) / t in bytes/s at this working set, the best of 1 thread and of all.

    Equal numbers of reads and writes are a copy, remaining reads are ``max`` and remaining writes
    ``fill``, the NumPy functions most bound by memory. With fresh outputs, as of kernels without
    ``out``, every run includes the page faults of new memory. Short passes are repeated within a
    run, and the overhead of the same calls on one byte is subtracted. At least three runs are made
    even beyond the budget: the first on a virtual machine may touch memory that the host has not
    mapped yet.
    """
    source = np.full(read_bytes, 1, np.uint8)
    counts = {1}
    if read_bytes + write_bytes >= _SMALL_BYTES:
        counts.add(threads)
    best_s = math.inf
    for count in counts:
        with ThreadPoolExecutor(count) as pool:
            share_s = budget_s / len(counts)
            best_s = min(best_s, _pass_s(pool, source, write_bytes, count, share_s, fresh=fresh))
    return (read_bytes + write_bytes) / best_s


def _pass_s(
    pool: ThreadPoolExecutor,
    source: Bytes,
    write_bytes: int,
    threads: int,
    budget_s: float,
    *,
    fresh: bool,
) -> float:
    """Seconds of the fastest pass over the working set, less the overhead of its calls."""
    sources = np.array_split(source, threads)
    targets: list[Bytes] = []
    passes, runs, best_s = 1, 0, math.inf
    end_s = time.perf_counter() + budget_s
    while runs < 3 or time.perf_counter() < end_s:
        if fresh or not targets:
            targets = np.array_split(np.empty(write_bytes, np.uint8), threads)
        start_s = time.perf_counter()
        list(pool.map(_traverse, sources, targets, repeat(passes)))
        run_s = time.perf_counter() - start_s
        if fresh:
            targets.clear()
        if run_s < _RUN_S and passes < 1 << 20:
            passes *= 2
            continue
        runs += 1
        best_s = min(best_s, run_s / passes)
    if passes == 1:
        return best_s
    # measured at different moments: at most half of a pass is taken for overhead
    return best_s - min(_overhead_s(source.size, write_bytes), best_s / 2)


def _overhead_s(read_bytes: int, write_bytes: int) -> float:
    """Overhead of the calls of one pass, in seconds: on arrays of one byte."""
    passes = 200
    both = min(read_bytes, write_bytes, 1)
    source = np.ones(both + (read_bytes > write_bytes), np.uint8)
    target = np.ones(both + (write_bytes > read_bytes), np.uint8)
    best_s = math.inf
    for _ in range(20):
        start_s = time.perf_counter()
        _traverse(source, target, passes)
        best_s = min(best_s, time.perf_counter() - start_s)
    return best_s / passes


def _traverse(source: Bytes, target: Bytes, passes: int) -> None:
    """Read all of the source and write all of the target, that many times, without the GIL."""
    both = min(source.size, target.size)
    copied, read = source[:both], source[both:]
    written, filled = target[:both], target[both:]
    # a small set is read many times by one call: many calls would measure their overhead
    at_once = passes if source.size + target.size < _SMALL_BYTES else 1
    for _ in repeat(None, passes):
        if both:
            np.copyto(written, copied)
        if at_once == 1 and read.size:
            read.max()
        if filled.size:
            filled.fill(0)
    if at_once > 1 and read.size:
        np.broadcast_to(read, (at_once, read.size)).max()
