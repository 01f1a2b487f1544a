"""What is remembered of each operation, sorted into answers that hold here and hints."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import NamedTuple

from einbench.choose.book import Remembered
from einbench.choose.environment import differences, environment
from einbench.choose.kept import held
from einbench.choose.wisdom import Wisdom
from einbench.names import normalise, unknown
from einbench.registry import operations


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

    Raises:
        ValueError: one is neither registered nor remembered.
    """
    there = held(memory)
    known = [*operations, *(name for name in there if name not in operations)]
    wanted = [normalise(name) for name in requested] or there
    for name in wanted:
        if name not in known:
            raise ValueError(unknown("operation", name, known))
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
        if name not in operations:
            foreign[name] = len(choices)
            continue
        here = environment(operations[name])
        kept += [Kept(name, c, tuple(differences(c.environment, here))) for c in choices]
    return Shown(
        memory.folder, sum(_size(memory.path(name)) for name in names), tuple(kept), foreign
    )


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116 - as `Wisdom` finds it
    return 0
