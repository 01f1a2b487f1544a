"""What memory answers: a choice for exactly this, one between two sizes, or a hint.

This is all that a first call with wisdom on disk runs through, so nothing here measures.
"""

from __future__ import annotations

import datetime
import time
from typing import NamedTuple

from einbench.choose.between import Between, between, beyond
from einbench.choose.book import RIGORS, Book, Remembered
from einbench.choose.environment import Environment
from einbench.choose.fewer import on_threads
from einbench.choose.signature import Signature
from einbench.kernel import Kernel
from einbench.operation import Operation

#: for so long a choice answers that was made while a kernel could not be checked
_UNCHECKED_S = 24 * 3600.0


class Recalled(NamedTuple):
    """A kernel from memory, and the evidence for it."""

    kernel: Kernel
    evidence: Remembered | Between
    #: it passed the check here, with this code and these libraries
    checked: bool

    @property
    def exact(self) -> bool:
        """Remembered for exactly this signature, not for sizes around it."""
        return isinstance(self.evidence, Remembered)


def recall(
    op: Operation,
    book: Book,
    environment: Environment,
    requested: Signature,
    rigor: str,
    *,
    frozen: bool = False,
) -> Recalled | None:
    """The kernel that memory has for this, at this rigor or a higher one.

    A choice that names a kernel which is not registered, or cannot run here, is no answer; one
    that was made while a kernel could not be checked is none after a day, and one that was made in
    disturbance when it is due to be measured again. ``frozen`` takes these two as well.
    """
    now = datetime.datetime.now(datetime.UTC)
    passed = book.passed(environment, requested.dtype)
    runnable = [method for method, _ in environment.candidates]
    # a clock that was ahead when a choice was made does not hold it for longer
    latest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + _UNCHECKED_S))
    yesterday = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - _UNCHECKED_S))
    known = [
        choice
        for choice in book.of(environment)
        if set(choice.tie) <= set(runnable)
        and (
            frozen
            or ((choice.complete or yesterday < choice.date < latest) and not choice.due(now))
        )
    ]
    for choice in known:
        if choice.signature == requested and RIGORS.index(choice.rigor) >= RIGORS.index(rigor):
            kernel = on_threads(op[choice.kernel], choice.threads)
            return Recalled(kernel, choice, choice.kernel in passed)
    found = between(known, requested, rigor, runnable) or beyond(known, requested, rigor, runnable)
    if found is None:
        return None
    # as many as paid at the size above, or at the nearest, if it is the fastest there
    at = (
        found.lower
        if found.beyond and requested.sizes < found.lower.signature.sizes
        else found.upper
    )
    threads = at.threads if at.kernel == found.kernel else 0
    return Recalled(on_threads(op[found.kernel], threads), found, found.kernel in passed)


def hint(book: Book, environment: Environment, requested: Signature) -> Remembered | None:
    """The newest choice for this signature in another environment: a hint, no answer."""
    old = [c for c in book.choices if c.signature == requested and c.environment != environment]
    return max(old, key=lambda choice: choice.date, default=None)
