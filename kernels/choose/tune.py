"""Fill the memory ahead: every cell that memory cannot answer exactly is measured and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy.typing as npt

from einbench.choose import environment, paces, policy
from einbench.choose.book import RIGORS
from einbench.choose.deciding import decide
from einbench.choose.decision import Decision, NoKernelLeft
from einbench.choose.environment import Threads
from einbench.choose.recall import recall
from einbench.choose.usual import refuse_unknown_axes, signature_of, usual, with_inputs
from einbench.choose.wisdom import wisdom
from einbench.einsum.expression import text_of
from einbench.names import check_dtype, is_expression, unknown
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.registry import operation, operations

#: a factor of about four apart, so that sizes between them have near neighbours
BATCHES = (1, 4, 16, 64, 256, 1024, 4096, 16384, 60000)
#: (part done between 0 and 1, what is being done)
Progress = Callable[[float, str], None]


class Tuned(NamedTuple):
    """One cell, and its outcome."""

    problem: Problem
    #: None where no kernel could be chosen
    decision: Decision | None
    #: and why that is; empty where one was
    reason: str = ""

    @property
    def origin(self) -> str:
        """``measured``, ``remembered``, or ``failed`` where no kernel could be chosen."""
        return "failed" if self.decision is None else self.decision.origin


def plan(
    names: Iterable[Operation | str] = (),
    batches: Sequence[int] = BATCHES,
    dtypes: Sequence[npt.DTypeLike] = ("float32",),
    sizes: Mapping[str, int] | None = None,
) -> list[Problem]:
    """The cells to tune, an operation after the other: an interrupted run has whole ones.

    Args:
        names: operations or their names, by default all.
        batches: rows per call; an operation without that axis has one cell a dtype.
        dtypes: float32, float64 or both.
        sizes: of other axes than batch, where not the usual ones.

    Raises:
        ValueError: anything requested does not exist or does not fit.
    """
    ops = list(dict.fromkeys(map(operation, names))) or list(operations.values())
    refuse_unknown_axes(ops, sizes or {})
    if not batches:
        raise ValueError("no batch was given; expected one or more, (1, 128) say")
    checked = [check_dtype(dtype) for dtype in dict.fromkeys(dtypes)]
    return [
        usual(op, batch, dtype, sizes or {})
        for op in ops
        for dtype in checked
        for batch in (sorted(set(batches)) if op.leading is not None else [None])
    ]


def tune(
    problems: Sequence[Problem],
    rigor: str = "measure",
    threads: int | None = None,
    *,
    again: bool = False,
    context: str | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
    done: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Tuned]:
    """Measure what memory cannot answer exactly with that rigor, and yield cell by cell.

    A cell is on disk before it is yielded: whatever stops this, the next run goes on from there.

    Args:
        problems: see `plan`.
        rigor: ``measure`` or ``patient``.
        threads: of BLAS and numba, part of the key; None leaves both as they are.
        again: measure whatever is remembered.
        context: that winners are to be the fastest in; None takes what `choosing` says.
        progress: called before every cell that is measured, and at the end.
        clock: the only source of time, in seconds.
        done: cells that an interrupted run has come to, by `cell_name`: why no kernel could be
            chosen, empty where one was. They are not measured once more, ``again`` or not.

    Raises:
        ValueError: rigor or threads are none.
    """
    if rigor not in RIGORS[1:]:
        raise ValueError(unknown("rigor", rigor, RIGORS[1:]))
    report = progress or (lambda part, label: None)
    with environment.limited(threads):
        now = environment.threads()
        _measure_paces(problems, again=again)
        new = [requested for requested in problems if cell_name(requested) not in done]
        todo = sum(again or exactly(requested, rigor, now, context) is None for requested in new)
        count = 0
        for requested in problems:
            name = cell_name(requested)
            if done.get(name):
                yield Tuned(requested, None, done[name])
                continue
            # another process may be filling the same memory
            anew = again and name not in done
            found = None if anew else exactly(requested, rigor, now, context)
            if found is not None:
                yield Tuned(requested, found)
                continue
            if count < todo:
                report(count / todo, f"{requested} ({count + 1} of {todo})")
            yield _tuned(requested, rigor, now, again, context, clock)
            count += 1
        report(1.0, "done")


def cell_name(requested: Problem) -> str:
    """By which a cell is known to a run that goes on."""
    sizes = " ".join(f"{axis}={size}" for axis, size in requested.sizes.items())
    return f"{requested.operation.name} {requested.dtype.name} {sizes}"


def _measure_paces(problems: Iterable[Problem], *, again: bool) -> None:
    """What steps of three operands and more take here, by which their orders are found."""
    dtypes = {p.dtype.name for p in problems if text_of(p.operation).count(",") > 1}
    if dtypes:
        paces.measure(sorted(dtypes), compiled=True, again=again)


def remembered(
    requested: Problem, rigor: str, threads: Threads, context: str | None = None
) -> Decision | None:
    """What memory answers without a look at arrays: exactly this, or a size around it.

    Kernels that were not checked here yet are no answer.
    """
    op = requested.operation
    if is_expression(op.name):
        from einbench.choose.canonical import canonical, problem_as, said_of

        if (form := canonical(op)) is not None:
            answer = remembered(problem_as(*form, requested), rigor, threads, context)
            return said_of(op, form[1], answer) if answer else None
    key = signature_of(requested, threads, context or policy.now().context)
    found = recall(op, wisdom().book(op.name), environment.environment(op), key, rigor)
    return Decision(found.kernel, key, recalled=found) if found and found.checked else None


def exactly(
    requested: Problem, rigor: str, threads: Threads, context: str | None = None
) -> Decision | None:
    """What memory answers for just this size; such a cell is not measured again."""
    found = remembered(requested, rigor, threads, context)
    return found if found and found.origin == "remembered" else None


def _tuned(
    requested: Problem,
    rigor: str,
    threads: Threads,
    again: bool,
    context: str | None,
    clock: Callable[[], float],
) -> Tuned:
    op = requested.operation
    try:
        bound = op.bind(**with_inputs(requested).arrays)
        found = decide(
            op, bound, threads, rigor, again=again, between=False, context=context, clock=clock
        )
    except (NoKernelLeft, MemoryError) as problem:
        return Tuned(requested, None, str(problem) or "not enough memory")
    return Tuned(requested, found)
