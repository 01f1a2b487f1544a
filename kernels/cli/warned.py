"""What the library warns of, as one line on stderr each and after the progress bar is gone."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import click


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Inside, a warning about the memory on disk is kept, and printed at the end."""
    kept: list[str] = []

    def keep(message: Warning | str, *about: Any, **more: Any) -> None:
        kept.append(" ".join(str(message).split()))

    with warnings.catch_warnings():
        warnings.filterwarnings("always", "einbench", RuntimeWarning)
        warnings.showwarning = keep
        try:
            yield
        finally:
            for message in dict.fromkeys(kept):
                click.echo(f"einbench: warning: {message}", err=True)
