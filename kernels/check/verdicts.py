"""The check that no kernel is ranked without: draws, exact probes, contract, and a verdict."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from einbench.check import probes, room
from einbench.check.hostile import mixed
from einbench.check.judging import Verdict, closeness, judge
from einbench.check.posed import Posed, pose_all
from einbench.check.probe import Draw, Probe
from einbench.host import denormals
from einbench.host.memory import available_bytes
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem

#: seconds that one call may take at the requested size; slower kernels are checked at less
MOST_CALL_S = 0.2


def check_small(
    op: Operation, kernels: Iterable[Kernel], dtype: np.dtype[Any], seed: int
) -> Iterator[Verdict]:
    """Judge kernels on the small hostile draws; the truth of each is computed once for all."""
    if denormals.are_flushed():
        warnings.warn(
            "a library in this process has set the processor to flush denormal numbers to zero: "
            "kernels are judged without them",
            RuntimeWarning,
            stacklevel=2,
        )
    posed = pose_all(op, probes.probes(op, dtype, seed), dtype)
    _refuse_unsound(op, posed[0])
    for kernel in kernels:
        yield judge(kernel, posed)


def _refuse_unsound(op: Operation, harmless: Posed) -> None:
    """An operation of one's own may have a scale or a limit that every wrong kernel passes.

    Raises:
        ValueError: on harmless inputs what rounding could do is infinite, NaN or below zero.
    """
    known = harmless.truth
    assert known is not None  # noqa: S101 - harmless inputs are answered
    for name, rounding in zip(op.outputs, known.roundings, strict=True):
        if not (np.isfinite(rounding) & (rounding >= 0)).all():
            raise ValueError(
                f"operation {op.name}: its scale of {name} is not finite and positive on harmless "
                "inputs, and every kernel would pass; see help(einbench.Operation)"
            )
    if not (np.isfinite(known.limit) and known.limit >= 0):
        raise ValueError(
            f"operation {op.name}: its limit is {known.limit} units of rounding; expected a finite "
            "number, so terms and limit must be"
        )


def check_sized(
    op: Operation,
    passed: Mapping[str, Verdict],
    sizes: dict[str, int],
    dtype: np.dtype[Any],
    seed: int,
) -> Iterator[Verdict]:
    """Random and exact draws at the requested sizes, or at a batch a slow kernel can finish."""
    asked = {axis: size for axis, size in sizes.items() if axis != op.leading}
    batch = sizes.get(op.leading or "", 0)
    if batch:
        batch = room.checked_rows(Problem.at(op, batch, dtype, asked))
    posed_at: dict[int, list[Posed]] = {}
    for verdict in passed.values():
        kernel = verdict.kernel
        affordable = _affordable_batch(kernel, batch, asked, dtype, seed)
        if affordable not in posed_at:
            rng = np.random.default_rng([seed, affordable])
            drawn = op.draw(affordable, dtype, seed + 1, **asked)
            at_size = [
                Probe(
                    f"random, batch {affordable}",
                    f"right on small draws, wrong at batch {affordable}",
                    drawn, op.choose_options({}), again=4, others=1,
                ),
                *probes.exact_probes(op, dtype, rng, [affordable], asked),
            ]  # fmt: skip
            draw = Draw(op, dtype, rng)
            if draw.by_rows and affordable:
                at_size.append(mixed(draw, affordable, **asked))
            posed_at[affordable] = pose_all(op, at_size, dtype)
        sized = judge(kernel, posed_at[affordable])
        yield (
            sized
            if not sized.passed or closeness(sized) > closeness(verdict)
            else Verdict(kernel, True, verdict.error, verdict.limit, "", affordable, dtype.name)
        )


def _affordable_batch(
    kernel: Kernel, batch: int, sizes: Mapping[str, int], dtype: np.dtype[Any], seed: int
) -> int:
    """``batch``, or the largest power of ten below it that time and memory allow."""
    op = kernel.operation
    if op.leading is None or batch <= 1:
        return batch
    options = op.choose_options({})
    tried = 1
    while True:
        inputs = op.draw(tried, dtype, seed, **sizes)
        # how busy the machine is must not decide at which batch it is checked; nor how many
        # threads share the work, which the processor's time counts
        start_s = time.perf_counter(), time.process_time()
        try:
            with np.errstate(all="ignore"):
                kernel.function(*inputs.values(), **options)
        except (Exception, SystemExit):
            return tried  # the check at this batch reports what it raises
        call_s = min(time.perf_counter() - start_s[0], time.process_time() - start_s[1])
        fits = not too_large(kernel, batch, sizes, dtype)
        if fits and call_s * batch / tried <= MOST_CALL_S:
            return batch
        if tried * 10 >= batch or call_s * 10 > MOST_CALL_S:
            return tried
        if too_large(kernel, tried * 10, sizes, dtype):
            return tried
        tried *= 10


def too_large(kernel: Kernel, batch: int, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> bool:
    """Whether a kernel's declared temporaries do not fit in half the memory that is free."""
    full = kernel.operation.all_sizes(batch, sizes)
    return kernel.temporary_bytes(full, dtype) > available_bytes() / 2
