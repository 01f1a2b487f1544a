"""Where a JSON document goes, and whether it can go there before an hour is spent on it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import click


@dataclass(frozen=True)
class Target:
    """A file, stdout, or nowhere: ``path`` is None for the latter two."""

    path: Path | None
    stdout: bool = False
    #: the name is no user's: what has it already stays, and another is taken
    new: bool = False
    #: how another file is chosen
    option: str = "--json PATH"

    @classmethod
    def of(cls, given: str | None, default: Path | None = None) -> Target:
        """The target of ``--json``, else a new file of that default name.

        Raises where it cannot be written, without creating it.
        """
        if given == "-":
            return cls(None, stdout=True)
        path = Path(given) if given else default
        if path is not None:
            refuse_unwritable(path, "--json", made=not given)
        return cls(path, new=not given)

    @property
    def tables(self) -> IO[str]:
        """The stream for people: stderr where stdout belongs to programs."""
        return sys.stderr if self.stdout else sys.stdout

    def write(self, document: Mapping[str, Any]) -> Target:
        """The document, whole or not at all; gives where it is.

        Raises:
            OSError: it could not be written there; the message says where it is instead.
        """
        text = json.dumps(document, indent=1, allow_nan=False)
        try:
            if self.path is not None and not self.path.parent.is_dir():
                raise OSError(errno.ENOENT, "its folder is gone")
            if self.stdout:
                click.echo(text)
            elif self.path is not None and self.new:
                from einbench.host.documents import write_new

                return replace(self, path=Path(write_new(self.path, text + "\n")))
            elif self.path is not None:
                _write(self.path, text)
        except BrokenPipeError:
            raise
        except OSError as problem:
            place = "stdout" if self.stdout else self.path
            raise OSError(
                f"cannot write {place}: {problem.strerror}; {_kept_elsewhere(document, text)}; "
                f"choose another file with {self.option}"
            ) from problem
        return self


def _kept_elsewhere(document: Mapping[str, Any], text: str) -> str:
    """Numbers that took minutes are not lost with a full disk: where they are now."""
    from einbench.host.documents import write_new

    # einbench.compare/1 -> einbench-compare.json
    kind = str(document.get("schema", "einbench")).partition("/")[0].replace(".", "-")
    for folder in (Path("results"), Path(), *spare_folders()):
        if folder.is_dir():
            with contextlib.suppress(OSError):
                return f"all numbers are in {write_new(folder / f'{kind}.json', text + chr(10))}"
    print(json.dumps(document, allow_nan=False), file=sys.stderr)
    return "nor can this folder or a temporary one be written; all numbers are above, on stderr"


def spare_folders() -> list[Path]:
    """Where there may be space if there is none here: a container has one disk, and memory."""
    folders = [Path("/dev/shm")]  # noqa: S108 - only new names are written in it
    with contextlib.suppress(OSError):  # it looks for one that can be written
        folders.insert(0, Path(tempfile.gettempdir()))
    return [folder for folder in folders if folder.is_dir()]


@contextlib.contextmanager
def naming(path: Path, option: str) -> Iterator[None]:
    """Inside, an error of writing a file names it, and says what to do.

    Raises:
        OSError: in place of the system's own, of which a full disk's names nothing.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise OSError(
            f"cannot write {path}: {problem.strerror}; choose another file with {option}"
        ) from problem


def refuse_unwritable(path: Path, option: str, *, made: bool = False) -> None:
    """Raise the error that writing would raise, before there is anything to write.

    Args:
        path: of the file.
        option: what it was given with.
        made: its folder is no user's choice, and made where it is missing; one that was named
            and is missing is mistyped.

    Raises:
        OSError: the file or its folder cannot be made; the message says what to do.
    """
    advice = f"choose another file with {option} PATH"
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder; {advice}")
    if special(path):
        return
    folder = path.parent
    if not made and not folder.exists():
        raise OSError(f"cannot write {path}: there is no folder {folder}; make it, or {advice}")
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise OSError(
            f"cannot write {path}: nothing can be written in {folder.absolute()} "
            f"({problem.strerror}); {advice}, or change to a folder that can be written"
        ) from problem


def refuse_one_file(**given: str | None) -> None:
    """Raise where two options write one file: the second would take the place of the first.

    Args:
        given: path by the name of its option, without dashes; None where it was not given.

    Raises:
        ValueError: they do; the message says which.
    """
    taken: dict[str, str] = {}
    for option, path in given.items():
        if path is None or path == "-" or special(Path(path)):
            continue
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option:
            raise ValueError(
                f"--{other} and --{option} both write to {path}; give one another path"
            )


def _write(path: Path, text: str) -> None:
    from einbench.host.documents import write_whole

    if special(path):
        path.write_text(text + "\n", encoding="utf-8")
    else:
        write_whole(path, text + "\n")


def special(path: Path) -> bool:
    """A device or a pipe, /dev/null say: written to, never replaced by a file."""
    with contextlib.suppress(OSError):
        return path.exists() and not path.is_file()
    return False
