"""Arrays in chunks, Dask's: told from others without importing it, and given to `einbench.cluster`.

They are looked for where a look-up has missed: calls with NumPy arrays take no longer for them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

from einbench.host.forking import importing


def is_chunked(value: Any) -> bool:
    """Whether it is a dask array."""
    kind = getattr(sys.modules.get("dask.array"), "Array", None)
    return kind is not None and isinstance(value, kind)


def any_chunked(values: Iterable[Any]) -> bool:
    """Whether one of them is a dask array."""
    return "dask.array" in sys.modules and any(map(is_chunked, values))


def cluster(name: str) -> Any:
    """A module of `einbench.cluster`, by name: rooms below it import none of it."""
    with importing():
        return import_module(f"einbench.cluster.{name}")


def refuse_out(name: str) -> NoReturn:
    """Raise where memory is given for what is computed later, and elsewhere.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"{name}: out= is not taken with dask arrays, whose results are computed later, block by "
        "block; leave it out"
    )
