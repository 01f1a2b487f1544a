"""Whether a kernel is right here: it passed the check, or a look at results at these sizes."""

from __future__ import annotations

from einbench.arguments import Bound
from einbench.choose.environment import Environment, environment
from einbench.choose.signature import Signature
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.host.locks import ForkedLock
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem

#: one measurement at a time: two at once would disturb each other
MEASURING = ForkedLock()
#: what `why_wrong_here` found, of so many at most
_WRONG: dict[tuple[Kernel, Environment, Signature], str] = {}
_MOST_LOOKED_AT = 4096
#: to look at inputs of more bytes takes so long that a look at as many rows or more stands for one,
#: and at no more than so many times as many
_LARGE_BYTES, _MOST_TIMES = 1 << 18, 4
#: what a kernel raises that refuses its arrays
REFUSALS = ("ValueError: ", "IndexError: ")


def passes(kernel: Kernel, requested: Signature, *, write: bool = True) -> bool:
    """Whether a kernel passed the check here, or does now; which is remembered if ``write``."""
    op = kernel.operation
    return passes_in(op, kernel, environment(op), requested, wisdom(), write=write)


def passes_in(
    op: Operation,
    kernel: Kernel,
    here: Environment,
    requested: Signature,
    memory: Wisdom,
    *,
    write: bool = True,
) -> bool:
    """Check a kernel that imported wisdom names, before it is first called."""
    with MEASURING.lock:
        if kernel.method in memory.book(op.name).passed(here, requested.dtype):
            return True
        from einbench.choose.measuring import check_one

        verdict = check_one(kernel, requested.dtype)
        if verdict.passed and write:
            memory.remember(
                op.name, passed={(here, requested.dtype): {kernel.method: verdict.error}}
            )
        return verdict.passed


def why_wrong_here(kernel: Kernel, bound: Bound, here: Environment, requested: Signature) -> str:
    """What is wrong at this size with a kernel not timed there; looked at once a process."""
    key = (kernel, here, requested)
    if key not in _WRONG and _right_above(kernel, bound, here, requested):
        return ""
    if key not in _WRONG:
        from einbench.choose.first_use import why_wrong

        with MEASURING.lock:
            problem = Problem.of(kernel.operation, bound.arrays, bound.options)
            if len(_WRONG) > _MOST_LOOKED_AT:
                _WRONG.clear()
            found = why_wrong(kernel, problem)
        if found.startswith(REFUSALS):
            return found  # other numbers in such arrays may be taken
        _WRONG[key] = found
    return _WRONG[key]


def _right_above(kernel: Kernel, bound: Bound, here: Environment, requested: Signature) -> bool:
    """Whether it was looked at at sizes that are not smaller, and these are large."""
    if sum(array.nbytes for array in bound.arrays) < _LARGE_BYTES:
        return False
    return any(
        not why
        and looked_at is kernel
        and there == here
        and seen.kind == requested.kind
        and all(
            n <= m <= _MOST_TIMES * n for n, m in zip(_sizes(requested), _sizes(seen), strict=True)
        )
        for (looked_at, there, seen), why in tuple(_WRONG.items())
    )


def _sizes(asked: Signature) -> list[int]:
    return [size for _, size in asked.sizes]
