"""Which context calls are chosen for, where they do not say so themselves."""

from __future__ import annotations

from typing import NamedTuple

from einbench.contexts import PROGRAM


class Policy(NamedTuple):
    """What a call that says nothing gets."""

    context: str = PROGRAM


def now() -> Policy:
    """What holds in this process."""
    return Policy()
