"""Where a JSON document goes, and whether it can go there before an hour is spent on it."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click


@dataclass(frozen=True)
class Target:
    """A file, stdout, or nowhere: ``path`` is None for the latter two."""

    path: Path | None
    stdout: bool = False

    @classmethod
    def of(cls, given: str | None, default: Path | None = None) -> Target:
        """The target of ``--json``; raises where it cannot be written, without creating it."""
        if given == "-":
            return cls(None, stdout=True)
        path = Path(given) if given else default
        if path is not None:
            refuse_unwritable(path, "--json")
        return cls(path)

    @property
    def tables(self) -> IO[str]:
        """The stream for people: stderr where stdout belongs to programs."""
        return sys.stderr if self.stdout else sys.stdout

    def write(self, document: Mapping[str, Any]) -> None:
        """The document, whole or not at all."""
        text = json.dumps(document, indent=1, allow_nan=False)
        if self.stdout:
            click.echo(text)
        elif self.path is not None:
            _write(self.path, text)


def refuse_unwritable(path: Path, option: str) -> None:
    """Raise the error that writing would raise, before there is anything to write.

    Raises:
        OSError: the file or its folder cannot be made; the message says what to do.
    """
    advice = f"choose another file with {option} PATH"
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder; {advice}")
    if _special(path):
        return
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise OSError(f"cannot write {path}: {folder}: {problem.strerror}; {advice}") from problem


def _write(path: Path, text: str) -> None:
    from einbench.host.documents import write_whole

    if _special(path):
        path.write_text(text + "\n", encoding="utf-8")
    else:
        write_whole(path, text + "\n")


def _special(path: Path) -> bool:
    """A device or a pipe, /dev/null say: written to, never replaced by a file."""
    with contextlib.suppress(OSError):
        return path.exists() and not path.is_file()
    return False
