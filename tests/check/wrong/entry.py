"""One wrong kernel of the catalogue: what it claims to compute, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BOTH = ("float32", "float64")
#: the reason of what is wrong beyond many rows, whichever draw of so many shows it first
MANY = ("right for few rows, wrong for", "wrong on hostile rows among")


@dataclass(frozen=True)
class Wrong:
    """A wrong kernel, the dtypes it is wrong in, and what must be said of it."""

    operation: str
    method: str
    function: Callable[..., Any]
    #: a part of the reason that names the fault, or several of which one is enough
    says: tuple[str, ...]
    dtypes: tuple[str, ...]
    #: small: on small draws, whatever the seed; sized: at 60,000 rows, and by the luck of small
    #: draws; compare: by what a timed call returned
    caught: str
    #: the function makes the kernel, so that its memory of earlier calls starts empty
    factory: bool
    parallel: bool

    def make(self) -> Callable[..., Any]:
        """The function, with no memory of earlier calls."""
        return self.function() if self.factory else self.function

    def __str__(self) -> str:
        return f"{self.operation}-{self.method}"


CATALOGUE: list[Wrong] = []


def wrong(
    operation: str,
    says: str | tuple[str, ...],
    *,
    dtypes: tuple[str, ...] = BOTH,
    caught: str = "small",
    factory: bool = False,
    parallel: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put the decorated function into the catalogue under its own name."""

    def listed(function: Callable[..., Any]) -> Callable[..., Any]:
        said = (says,) if isinstance(says, str) else says
        name = function.__name__
        CATALOGUE.append(Wrong(operation, name, function, said, dtypes, caught, factory, parallel))
        return function

    return listed
