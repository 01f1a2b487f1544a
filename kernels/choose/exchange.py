"""Wisdom to carry to another machine, and imported wisdom, which is not trusted.

    {"schema": "einbench.wisdom/1", "machine": [...], "date": ...,
     "operations": {"softmax_vjp": {"schema": "einbench.wisdom/1", ...}, ...},
     "paces": {"schema": "einbench.paces/1", ...}}

Every operation's document is a book as it lies on disk. The one file of an operation can be
imported as well. Expressions have theirs under their canonical form, and the paces of the machine
(`einbench.choose.paces`), by which orders of pairs are named, come with them. Of imported wisdom
only choices are taken, its checks are not, so that each kernel is checked here before it is first
called.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from einbench.choose import contraction, paces
from einbench.choose.book import MOST_CHOICES, Book, Remembered
from einbench.choose.book_on_disk import SCHEMA, book, check_schema, document
from einbench.choose.environment import Environment
from einbench.choose.kept import held, refuse_unwritable
from einbench.choose.shown import changed, environments, operation_of
from einbench.choose.wisdom import Wisdom
from einbench.einsum.kernels import KERNELS
from einbench.host.documents import Damaged, load
from einbench.names import is_expression, normalise, printable
from einbench.operation import Operation
from einbench.registry import operations

#: every operation's full file together is a tenth of it
_MOST_BYTES = 64 * 1024 * 1024
#: as choices are dated here: others would be compared with them as text
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class Imported(NamedTuple):
    """What was imported, and why the rest was not."""

    #: operations for which choices were imported
    names: tuple[str, ...]
    #: choices made in the same environment as here, which are used
    answers: int
    #: choices made in another one, with what differs: ``{"cpu": 12, "numpy": 3}``
    hints: int
    differing: Mapping[str, int]
    #: why others were not imported: ``{"remembered here already": 4}``
    left: Mapping[str, int]


def exported(memory: Wisdom, machine: Mapping[str, Any], date: str) -> dict[str, Any]:
    """Everything that is remembered, as one document.

    Args:
        memory: what to export.
        machine: the facts of this machine.
        date: of now, ISO 8601 in UTC.
    """
    books = {name: memory.book(name) for name in held(memory)}
    measured = paces.exported(memory)
    return {
        "schema": SCHEMA,
        "machine": [dict(machine)],
        "date": date,
        "operations": {
            name: document(name, found) for name, found in books.items() if found.choices
        },
        **({} if measured is None else {"paces": measured}),
    }


class Export(NamedTuple):
    """What a file holds."""

    #: of operations and expressions
    books: dict[str, Book]
    #: what `einbench.choose.paces` wrote, not validated
    paces: Any = None


def read_export(path: str | os.PathLike[str]) -> Export:
    """What a file holds, its books validated to the last: of another form it is refused whole.

    Raises:
        NewerSchema: a newer einbench wrote it.
        Unreadable: it cannot be read, is too large, or is something else.
    """
    found = load(path, _MOST_BYTES)
    check_schema(found)
    if "operations" not in found:
        name = found.get("operation")
        if not isinstance(name, str):
            raise Damaged("not wisdom: it names no operation")
        return Export({_named(name): _validated(found, name)})
    books = books_of(found)
    if not any(each.choices for each in books.values()):
        raise Damaged("there is no choice in it")
    return Export(books, found.get("paces"))


def books_of(found: Mapping[str, Any]) -> dict[str, Book]:
    """The books in an export that is at hand, validated to the last.

    Raises:
        Damaged: of another form.
    """
    documents = found.get("operations")
    if not isinstance(documents, dict):
        raise Damaged("not wisdom: no operations")
    return {_named(name): _validated(each, name) for name, each in documents.items()}


def import_choices(memory: Wisdom, export: Export, now: str) -> Imported:
    """Add imported choices to the local ones, all of which stay as they are.

    Args:
        memory: where they are added.
        export: where operations are not registered here they are left out.
        now: ISO 8601 in UTC; nothing is younger.

    Raises:
        OSError, ValueError: nothing can be kept; nothing was.
    """
    left: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    kept: dict[str, tuple[Remembered, ...]] = {}
    answers = 0
    known = {name: _known(name) for name in export.books}
    refuse_unwritable(memory, [name for name, op in known.items() if op is not None])
    if export.paces is not None:
        paces.imported(memory, export.paces)
    for name, theirs in export.books.items():
        op = known[name]
        if op is None:
            what = "expression" if is_expression(name) else "operation"
            shown = printable(name, 80)
            left[f"of {what} {shown}, which is not registered here"] += len(theirs.choices)
            continue
        here = environments(op, theirs.choices)
        fitting = _fitting(op, theirs, memory.book(name), here, left)
        answers += sum(choice.environment in here for choice in fitting)
        for choice in fitting:
            differing.update(changed(choice, here))
        if fitting:
            # what is measured later is younger, and stays where both have the same date
            kept[name] = tuple(c._replace(date=min(c.date, now)) for c in fitting)
    for name, choices in kept.items():
        memory.merge(name, Book(choices=choices))
    count = sum(map(len, kept.values()))
    return Imported(tuple(kept), answers, count - answers, dict(differing), dict(left))


def _named(name: str) -> str:
    if not name.strip() or normalise(name) != name:
        raise Damaged(f"not wisdom: {name[:40]!r} is no operation's name")
    return name


def _validated(found: Any, name: str) -> Book:
    theirs = book(found, name)
    for choice in theirs.choices:
        if not _DATE.fullmatch(choice.date):
            raise Damaged(f"not wisdom: date {choice.date[:40]!r}")
    return theirs


def _fitting(
    op: Operation, theirs: Book, mine: Book, here: Sequence[Environment], left: Counter[str]
) -> list[Remembered]:
    """Choices that can be imported, answers first and then the newest; the others are counted."""
    fitting: list[Remembered] = []
    known = {(own.signature, own.environment) for own in mine.choices}
    for choice in theirs.choices:
        there = KERNELS if contraction.is_of_einsum(choice.environment) else op.kernels
        if missing := [name for name in choice.tie if name not in there]:
            shown = printable(missing[0], 80)
            left[f"of kernel {op.name}[{shown}], which is not registered here"] += 1
        elif not _fits(op, choice):
            left[f"of another form of {op.name}"] += 1
        elif (choice.signature, choice.environment) in known:
            left["remembered here already"] += 1
        else:
            known.add((choice.signature, choice.environment))
            fitting.append(choice)
    fitting.sort(key=lambda choice: choice.date, reverse=True)
    fitting.sort(key=lambda choice: choice.environment not in here)
    # a full book would lose choices of its own
    free = max(0, MOST_CHOICES - len(mine.choices))
    if len(fitting) > free:
        left[f"beyond the {MOST_CHOICES} that are kept of {op.name}"] += len(fitting) - free
    return fitting[:free][::-1]


def _fits(op: Operation, choice: Remembered) -> bool:
    """Whether a call could have this signature: axes, options and arrays are the operation's."""
    requested = choice.signature
    options = dict(requested.options)
    if contraction.is_of_einsum(choice.environment):
        strided = {f"x{n} strides" for n, order in enumerate(requested.layout) if order != "C"}
        taken = options.keys() - {"out strides"} == strided
    else:
        taken = options.keys() == op.options.keys() and all(
            value in op.options[name] for name, value in options.items()
        )
    return (
        taken
        and tuple(axis for axis, _ in requested.sizes) == op.axes
        and len(requested.layout) == len(op.inputs)
        and set(requested.layout) <= set("CFS")
    )


def _known(name: str) -> Operation | None:
    """The operation, or the expression in canonical letters, that choices are remembered of."""
    known = name in operations or (is_expression(name) and contraction.is_book(name))
    return operation_of(name) if known else None
