"""compare(), the main job: check every kernel, time those that passed, rank them with ties."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy.typing as npt

from einbench.check.layouts import check_layout
from einbench.check.verdicts import check_small
from einbench.contexts import PROGRAM, check_context
from einbench.host import cgroup
from einbench.host.machine import limit_threads, machine
from einbench.measure.conditions import Conditions, Limits
from einbench.measure.external import ExternalKernels
from einbench.measure.predict import Predictions
from einbench.measure.roofline import Roofline
from einbench.measure.run import run
from einbench.measure.workload import (
    Images,
    load_images,
    refuse_more_than_memory,
    refuse_too_large,
    shows_images,
    sizes_for,
    workload,
)
from einbench.names import check_dtype, unknown
from einbench.numeric import check_budget, check_memory, check_rows, check_seed
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.record import Record
from einbench.records.journal import Journal
from einbench.registry import as_operations, operations
from einbench.verbs.budget import BUDGET_S, Budget, Plan, weight_of
from einbench.verbs.comparison import Comparison
from einbench.verbs.kept import Cell, Kept, written_whole

BATCHES = (1, 128, 10_000, 60_000)
DTYPES = ("float32",)
#: (part done between 0 and 1, what is being done)
Progress = Callable[[float, str], None]


def compare(
    names: Operation | str | Iterable[Operation | str] | None = None,
    batches: int | Iterable[int] = BATCHES,
    dtypes: npt.DTypeLike | Iterable[npt.DTypeLike] = DTYPES,
    threads: int | None = None,
    budget_s: float | None = None,
    *,
    layout: str = "C",
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
    with_: str | Iterable[str] = (),
    isolate: bool | None = None,
    time_limit_s: float | None = None,
    reuse_outputs: bool = False,
    context: str = PROGRAM,
    keep: str | os.PathLike[str] | Journal | None = None,
    resume: bool = False,
    **sizes: int,
) -> Comparison:
    """Check all kernels of these operations, time them on MNIST batches, and rank them.

    Timed is the call that a kernel's users make, with arrays of any kind (`Kernel.function`);
    `fastest` times what a choice calls with arrays of one kind (`Kernel.entry`), which takes some
    microseconds less and may have another winner where a call takes as little.

    Args:
        names: operations or their names; all of them where None.
        batches: rows per call.
        dtypes: float32, float64 or both.
        threads: of BLAS and numba; None takes all cores this process may use.
        budget_s: seconds of timing for all cells; None takes 75, or what checking and compiling
            leave of a wall time of 95.
        layout: memory order of all inputs: C, F, sliced, reversed or readonly.
        seed: of everything that is drawn.
        data: a folder with another image set in IDX format; None takes the shipped MNIST.
        memory_bytes: most temporaries a kernel may declare before it is skipped; None takes half
            the bytes of the outputs and 64 MiB.
        progress: called with the part done and what is being done.
        with_: libraries to compare with: ``torch``, ``jax``, ``sklearn``, and for expressions those
            of ``einbench einsum --help``; each in a process of its own. They are judged on the
            timed inputs, and allowed `Kernel.slack` times the limit.
        isolate: the kernels of an operation run in a process of their own, and what they do to it
            is a status in their records; None: those of plugins do.
        time_limit_s: after so many seconds a kernel in another process has hung; None takes 60 for
            those of this package and of plugins, 300 for those of libraries.
        reuse_outputs: kernels write to memory that is there already, where they can.
        context: what kernels are ranked by: ``alone``, called again and again; ``after_blas``, each
            call after a matrix product that takes about as long; ``after_pause``, each after 2 ms
            of sleep; ``program``, the geometric mean of the three medians. All are timed. Before a
            kernel in another process NumPy computes the product there.
        keep: a JSON file for the results; until they are written, every finished cell is kept
            beside it, in ``NAME.partial``.
        resume: go on from what is kept there: those cells are not measured again.
        sizes: sizes of axes other than that of rows, ``classes=100`` say.

    Returns:
        A `Comparison`; after Ctrl-C one of the cells that were finished.

    Raises:
        ValueError: anything requested that does not exist or does not fit; ``keep`` is written by
            another process, holds an unfinished run and ``resume`` is not set, or was measured
            with other settings, versions or code.
        OSError: ``keep`` cannot be written.
    """
    if resume or not isinstance(keep, Journal | None):
        return written_whole(keep, resume, partial(
            compare, names, batches, dtypes, threads, budget_s, layout=layout, seed=seed,
            data=data, memory_bytes=memory_bytes, progress=progress, with_=with_,
            isolate=isolate, time_limit_s=time_limit_s, reuse_outputs=reuse_outputs,
            context=context,
            **sizes,  # type: ignore[arg-type]  # no axis is called as an argument
        ))  # fmt: skip
    start_s = time.perf_counter()
    check_context(context)
    ops = list(operations.values()) if names is None else as_operations(names)
    _refuse_same_names(ops)
    chosen_batches = check_batches(batches)
    chosen_dtypes = [check_dtype(d) for d in _as_list(dtypes)]
    layout = check_layout(layout)
    budget_s = None if budget_s is None else check_budget(budget_s)
    seed = check_seed(seed)
    memory_bytes = None if memory_bytes is None else check_memory(memory_bytes)
    _refuse_unknown_axes(ops, sizes)
    images = load_images(data)  # type: ignore[arg-type]  # any path
    plans = [_plan(op, d, chosen_batches, images, sizes) for d in chosen_dtypes for op in ops]
    _refuse_too_large(plans, images)
    if isinstance(with_, str):
        with_ = (with_,)
    if not isinstance(with_, Iterable):
        raise TypeError(
            f"with_={with_!r}: expected names of libraries, 'torch' or ('torch', 'jax')"
        )
    external = ExternalKernels(tuple(with_), isolate, ops, time_limit_s)
    settings: dict[str, Any] = {
        "batches": list(chosen_batches), "dtypes": [d.name for d in chosen_dtypes],
        "layout": layout, "seed": seed, "budget_s": budget_s or BUDGET_S,
        "operations": [op.name for op in ops], "context": context,
    }  # fmt: skip
    if any(shows_images(problem, images) for plan in plans for problem in plan.problems):
        settings["data"] = images.source
    settings |= _beyond_defaults(sizes, memory_bytes) | external.settings()
    asked = {
        "memory_bytes": memory_bytes, "reuse_outputs": reuse_outputs, "threads": threads,
        "time_limit_s": time_limit_s,
    }  # fmt: skip
    kept = Kept(keep, {**settings, **asked, "sizes": dict(sizes)}, ops)
    records: list[Record] = []
    interrupted = False
    report = progress or (lambda part, label: None)
    before = cgroup.throttled()
    with limit_threads(threads) as used, external.started(used):
        clock = Budget(plans, budget_s, start_s, bounded=not settings.get("with"))
        roofline = Roofline(used)
        conditions = Conditions(layout, used, seed, reuse_outputs=reuse_outputs, context=context)
        try:
            for plan in plans:
                for cell in _measured(
                    plan, images, conditions, memory_bytes, external, clock, roofline, kept, report
                ):
                    records += cell.records
        except KeyboardInterrupt:
            interrupted = True
        settings |= {"timed_s": clock.timed_s, **external.facts(), **kept.facts}
        report(1.0, "interrupted" if interrupted else "done")
        facts = {**machine(), "threads": used, **_throttling(before)}
    return Comparison(records, facts, settings, time.perf_counter() - start_s, interrupted)


def _beyond_defaults(sizes: Mapping[str, int], memory_bytes: int | None) -> dict[str, Any]:
    """What was requested where nothing need be, so that the document can tell its command."""
    named: dict[str, Any] = {"sizes": dict(sizes)} if sizes else {}
    return named if memory_bytes is None else {**named, "memory_bytes": memory_bytes}


def _measured(
    plan: Plan,
    images: Images,
    conditions: Conditions,
    memory_bytes: int | None,
    external: ExternalKernels,
    clock: Budget,
    roofline: Roofline,
    kept: Kept,
    report: Progress,
) -> Iterator[Cell]:
    """The cells of an operation in one dtype, each kept as soon as it is measured."""
    op, seed = plan.operation, conditions.seed
    if None in map(kept.of, plan.problems):
        report(clock.part_done, f"{op.name}: checking")
        kernels = external.kernels(op)
        judged = check_small(op, kernels.values(), plan.dtype, seed)
        verdicts = {verdict.method: verdict for verdict in judged}
    known: Predictions = {}
    for asked, weight in zip(plan.problems, plan.weights, strict=True):
        cell = kept.of(asked)
        if cell is None:
            report(clock.part_done, str(asked))
            problem = workload(asked, images, seed, conditions.layout)
            limits = Limits(clock.share_s(weight), clock.call_s, memory_bytes)
            measured = run(
                problem, conditions, verdicts, known, roofline, limits,
                kernels={**kernels, **external.library_kernels(problem)},
            )  # fmt: skip
            cell = Cell(measured.records, measured.known, measured.timing_s)
            kept.keep(asked, cell)
            external.release()
        known = cell.known
        clock.spent(weight, cell.timed_s)
        yield cell
    external.end(op)


def _throttling(before: cgroup.Throttled | None) -> dict[str, Any]:
    """How often and how long a container's quota was used up since; nothing where none counts."""
    now = cgroup.throttled()
    if before is None or now is None:
        return {}
    seconds = max(now.seconds - before.seconds, 0.0)
    return {"throttled_periods": max(now.periods - before.periods, 0), "throttled_s": seconds}


def check_batches(batches: int | Iterable[int]) -> tuple[int, ...]:
    """Batches in ascending order without repeats.

    Raises:
        ValueError: one is no whole number from 0, or there is none.
    """
    several = isinstance(batches, Iterable) and not isinstance(batches, str)
    given = [check_rows(batch) for batch in (batches if several else [batches])]  # type: ignore[union-attr]
    if not given:
        raise ValueError("no batch was given; expected one or more, (1, 128) say")
    return tuple(sorted(set(given)))


def _as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple | set) else [values]


def _plan(
    op: Operation, dtype: Any, batches: tuple[int, ...], images: Images, sizes: Mapping[str, int]
) -> Plan:
    own = {axis: size for axis, size in sizes.items() if axis in op.sizes}
    full = sizes_for(op, images, own)
    requested = batches if op.leading is not None else batches[:1]
    problems = tuple(Problem.at(op, batch, dtype, full) for batch in requested)
    return Plan(op, dtype, problems, tuple(map(weight_of, problems)))


def _refuse_same_names(ops: list[Operation]) -> None:
    named: dict[str, Operation] = {}
    for op in ops:
        if named.setdefault(op.name, op) is not op:
            raise ValueError(f"two operations are called {op.name}: give one of them another name")


def _refuse_unknown_axes(ops: list[Operation], sizes: Mapping[str, int]) -> None:
    for axis in sizes:
        if not any(axis in op.sizes for op in ops):
            if axis in (op.leading for op in ops):
                raise ValueError(f"{axis} is the axis of rows; give batches=(1, 128), say")
            axes = dict.fromkeys(a for op in ops for a in op.sizes)
            known = (
                *axes, "budget_s", "dtypes", "batches", "threads", "memory_bytes", "layout",
                "context", "isolate", "time_limit_s",
            )  # fmt: skip
            raise ValueError(unknown("axis or argument", axis, known))


def _refuse_too_large(plans: list[Plan], images: Images) -> None:
    for plan in plans:
        if shows_images(plan.problems[-1], images):
            refuse_too_large(plan.problems[-1].rows, images)
        refuse_more_than_memory(plan.problems[-1])
