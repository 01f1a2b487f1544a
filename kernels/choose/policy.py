"""Whether kernels are chosen by measuring, from memory alone, or not at all; and for which context.

``EINBENCH_CHOICE`` says it for a process, `choosing` for a block of a program:

- ``on``, the default: what is not remembered is measured and remembered.
- ``frozen``: what is remembered answers; for anything else as ``off``.
- ``off``: a stated default serves (`einbench.choose.default`), whatever is remembered.

With ``frozen`` and ``off`` nothing is timed and no file is written, and the same calls get the same
kernels in every process, as long as the same packages are installed. ``EINBENCH_WISDOM`` is about
something else: in which folder choices are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from einbench.contexts import PROGRAM, check_context
from einbench.host.settings import CHOICES, FROZEN, OFF, ON, check_choice, choice_setting

__all__ = ["CHOICES", "FROZEN", "OFF", "ON", "Policy", "check_choice", "choosing", "now"]


class Policy(NamedTuple):
    """What a call gets that says nothing of it."""

    choice: str
    context: str


#: of the blocks that are entered, the innermost last
_ENTERED: list[Policy] = []
#: called where it changes: what was decided before is decided anew
on_change: list[Callable[[], object]] = []


def now() -> Policy:
    """What holds in this process.

    Raises:
        ValueError: ``EINBENCH_CHOICE`` is none of on, frozen and off.
    """
    return _ENTERED[-1] if _ENTERED else Policy(choice_setting(), PROGRAM)


@contextmanager
def choosing(choice: str | None = None, *, context: str | None = None) -> Iterator[None]:
    """How `fastest`, `auto`, `einsum` and networks choose inside the block, in all threads.

    ``with einbench.choosing("off"):`` measures and writes nothing. What was decided before is
    decided anew, from memory first, at the beginning of the block and at its end: enter it around
    many calls, not around each.

    Args:
        choice: ``on``, ``frozen`` (from memory alone) or ``off`` (a stated default kernel); None
            leaves it as it is: what ``EINBENCH_CHOICE`` says, or ``on``.
        context: that kernels are to be the fastest in: ``program``, ``alone``, ``after_blas`` or
            ``after_pause``; None leaves it as it is.

    Raises:
        ValueError: there is no such choice or context.
    """
    before = now()
    entered = Policy(
        check_choice(choice) if choice is not None else before.choice,
        check_context(context) if context is not None else before.context,
    )
    _ENTERED.append(entered)
    _changed()
    try:
        yield
    finally:
        _ENTERED.reverse()
        _ENTERED.remove(entered)  # another thread may have entered one since
        _ENTERED.reverse()
        _changed()


def _changed() -> None:
    for listener in on_change:
        listener()
