"""Choices for an expression are those of its canonical form: letters decide nothing.

``ij,jk->ik`` is decided as ``ab,bc->ac``, with the same axis of rows, and what is decided is said
in its own letters.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from einbench.arguments import Bound
from einbench.choose.between import Between
from einbench.choose.book import Remembered
from einbench.choose.signature import Signature
from einbench.einsum import expression as expressions
from einbench.einsum.shapes import letter
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.registry import operations

if TYPE_CHECKING:
    from einbench.choose.decision import Decision

#: axis of the canonical form -> the operation's own
Names = Mapping[str, str]


def canonical(op: Operation) -> tuple[Operation, Names] | None:
    """The canonical form of an expression, and what its axes are here.

    None of any other operation, of one that is its own canonical form, and where kernels were added
    or taken away, or the expression is registered: what is remembered of it is its own then.
    """
    if operations.get(op.name) is op or not expressions.text_of(op):
        return None
    if expressions.has_own_kernels(op):
        return None
    found = _canonical(op)
    return found if found is not None and found[0].name != op.name else None


@functools.lru_cache(maxsize=64)
def _canonical(op: Operation) -> tuple[Operation, Names] | None:
    own = {axis: letter(n) for n, axis in enumerate(op.axes)}
    sizes: dict[str, Any] = {own[axis]: size for axis, size in op.sizes.items()}
    twin = expressions.expression(expressions.text_of(op), **sizes)
    if list(twin.kernels) != list(op.kernels):
        return None
    return twin, {named: axis for axis, named in own.items()}


def bound_as(twin: Operation, names: Names, bound: Bound) -> Bound:
    """The same arrays, for the canonical form."""
    return bound._replace(sizes={axis: bound.sizes[names[axis]] for axis in twin.axes})


def problem_as(twin: Operation, names: Names, problem: Problem) -> Problem:
    """The same sizes without inputs, for the canonical form."""
    sizes = {axis: problem.sizes[names[axis]] for axis in twin.axes}
    return replace(problem, operation=twin, sizes=sizes, arrays={})


def said_of(op: Operation, names: Names, decision: Decision) -> Decision:
    """A decision for the canonical form, as one for this operation."""

    def signature(of: Signature) -> Signature:
        return of._replace(sizes=tuple((names[axis], size) for axis, size in of.sizes))

    def choice(of: Remembered) -> Remembered:
        return of._replace(signature=signature(of.signature))

    recalled, measured, estimate = decision.recalled, decision.measured, decision.estimate
    if recalled is not None:
        evidence = recalled.evidence
        if isinstance(evidence, Between):
            lower, upper = choice(evidence.lower), choice(evidence.upper)
            recalled = recalled._replace(evidence=evidence._replace(lower=lower, upper=upper))
        else:
            recalled = recalled._replace(evidence=choice(evidence))
        recalled = recalled._replace(kernel=op[recalled.kernel.method])
    if measured is not None:
        records = [
            replace(
                record, operation=op.name, leading=op.leading,
                sizes={names[axis]: size for axis, size in record.sizes.items()},
            )
            for record in measured.records
        ]  # fmt: skip
        measured = replace(measured, records=records)
    if estimate is not None:
        estimate = estimate._replace(
            kernel=op[estimate.kernel.method], evidence=tuple(map(choice, estimate.evidence))
        )
    return decision._replace(
        kernel=op[decision.kernel.method], signature=signature(decision.signature),
        recalled=recalled, measured=measured, estimate=estimate,
        hint=None if decision.hint is None else choice(decision.hint),
    )  # fmt: skip
