"""Which of what is remembered is meant: by the name as it is typed, else by its canonical form.

An expression with kernels of a user's is remembered under its own name, any other under its
canonical form, and a command line says only the name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einbench.choose.shown import Shown
    from einbench.choose.wisdom import Wisdom


def named(memory: Wisdom, requested: Sequence[str]) -> list[str]:
    """The names by which these operations are remembered; all there are where none is requested.

    Raises:
        ValueError: one is neither registered nor remembered.
    """
    from einbench.choose import shown

    own = _own(memory, requested)
    others = [name for name in requested if name not in own]
    if not own:
        return shown.named(memory, others)
    return list(dict.fromkeys([*own.values(), *(shown.named(memory, others) if others else ())]))


def shown_of(memory: Wisdom, requested: Sequence[str]) -> Shown:
    """Choices for these operations, as `einbench.choose.shown.shown` has them.

    Raises:
        ValueError: one is neither registered nor remembered.
    """
    from einbench.choose.shown import shown

    if not _own(memory, requested):
        return shown(memory, requested)
    # by name it would look for canonical forms
    wanted = named(memory, requested)
    every = shown(memory, ())
    return every._replace(
        kept=tuple(kept for kept in every.kept if kept.operation in wanted),
        foreign={name: count for name, count in every.foreign.items() if name in wanted},
        size_bytes=sum(_size(memory.path(name)) for name in wanted),
    )


def _own(memory: Wisdom, requested: Sequence[str]) -> dict[str, str]:
    """As typed -> the name, of those remembered under another one than their canonical form."""
    from einbench.choose.contraction import book_of
    from einbench.choose.kept import held
    from einbench.registry import spelling

    spelt = {name: spelling(name) for name in requested}
    spelt = {name: each for name, each in spelt.items() if book_of(each) != each}
    there = held(memory) if spelt else []
    return {name: each for name, each in spelt.items() if each in there}


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return Path(path).stat().st_size
    return 0
