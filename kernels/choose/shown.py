"""What is remembered of each operation, sorted into answers that hold here and hints."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from einbench.choose import contraction, paces
from einbench.choose.book import Remembered
from einbench.choose.environment import Environment, differences, environment
from einbench.choose.kept import held
from einbench.choose.wisdom import Wisdom
from einbench.host.folders import OFF
from einbench.names import unknown
from einbench.operation import Operation
from einbench.registry import operations, spelling


class Kept(NamedTuple):
    """One choice, and how its environment differs from the current one."""

    operation: str
    choice: Remembered
    #: components that differ from what is here now: none where it is an answer
    changed: tuple[str, ...]


class Shown(NamedTuple):
    """A wisdom folder as it is now."""

    folder: str
    #: of all files of choices together
    size_bytes: int
    kept: tuple[Kept, ...]
    #: operation -> choices for it, where it is not registered here
    foreign: dict[str, int]


def named(memory: Wisdom, requested: Iterable[str]) -> list[str]:
    """The operations requested, in reading order; all that are remembered where none is.

    An expression with kernels of one's own is remembered as it is spelt, any other by its
    canonical form.

    Raises:
        ValueError: one is neither registered nor remembered.
    """
    there = held(memory)
    known = [*operations, *(name for name in there if name not in operations)]
    spelt = [spelling(name) for name in requested]
    books = {name: name if name in there else contraction.book_of(name) for name in spelt}
    for name, book in books.items():
        if book not in known:
            raise ValueError(unknown("operation", name, known))
    wanted = [*books.values()] or there
    return [name for name in known if name in wanted]


def shown(memory: Wisdom, requested: Iterable[str]) -> Shown:
    """Choices for these operations, all where none is named, smallest sizes first.

    Raises:
        ValueError: one is neither registered nor remembered.
    """
    kept: list[Kept] = []
    foreign: dict[str, int] = {}
    names = named(memory, requested)
    for name in names:
        choices = sorted(memory.book(name).choices, key=lambda choice: choice.signature)
        op = operation_of(name)
        if op is None:
            foreign[name] = len(choices)
            continue
        here = environments(op, choices)
        kept += [Kept(name, c, changed(c, here)) for c in choices]
    return Shown(
        f"EINBENCH_WISDOM={OFF}" if memory.off else memory.folder,
        sum(_size(memory.path(name)) for name in names),
        tuple(kept),
        foreign,
    )


def operation_of(name: str) -> Operation | None:
    """What something is remembered of: an operation, or an expression, which no one registers."""
    return operations.get(name) or contraction.named(name)


def environments(op: Operation, choices: Iterable[Remembered]) -> list[Environment]:
    """Those here that such choices of an operation may have been made in."""
    here: list[Environment] = []
    if op.name not in operations:
        paces.use_kept()
        here = [contraction.here(op.name, dtype) for dtype in ("", *paces.DTYPES)]
    # that of an operation takes milliseconds to find out, and there may be thousands
    if not here or any(choice.environment not in here for choice in choices):
        here.append(environment(op))
    return here


def changed(choice: Remembered, here: Sequence[Environment]) -> tuple[str, ...]:
    """What differs from an environment here: `einbench.einsum` has one of its own."""
    return min((tuple(differences(choice.environment, each)) for each in here), key=len)


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116 - as `Wisdom` finds it
    return 0
