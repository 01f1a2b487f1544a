"""JSON files that may be anything: found in folders, opened without waiting, never a traceback."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

#: results of a thousand cells are some megabytes; what is larger than this is something else
MOST_BYTES = 256 * 1024 * 1024
#: a pipe must not keep the reader waiting for its writer
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Unreadable(Exception):  # noqa: N818 - the file's state, not a mistake of ours
    """Why a file was skipped, in words that follow its name."""


class NoTimes(Unreadable):
    """A document of the suite's own that holds none: nothing to warn of where nobody named it."""


def found(
    paths: Iterable[str | os.PathLike[str]], warn: Callable[[str, str], None]
) -> Iterator[Path]:
    """Files as they are named, and every ``*.json`` below folders, each file once.

    Hidden folders are left out, but for ``.benchmarks``, where pytest-benchmark saves; links to
    folders are followed, each folder once.

    Raises:
        FileNotFoundError: a path that was named does not exist.
    """
    seen: set[tuple[int, int]] = set()
    for path in map(Path, paths):
        path.stat()  # names what is not there
        for candidate in _below(path, warn) if path.is_dir() else [path]:
            try:
                facts = candidate.stat()
            except OSError as problem:  # a link to nowhere, or in a circle
                warn(str(candidate), problem.strerror or "cannot be opened")
                continue
            if (facts.st_dev, facts.st_ino) not in seen:
                seen.add((facts.st_dev, facts.st_ino))
                yield candidate


def _below(folder: Path, warn: Callable[[str, str], None]) -> Iterator[Path]:
    def told(problem: OSError) -> None:
        warn(str(problem.filename), problem.strerror or "cannot be opened")

    entered: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, onerror=told, followlinks=True):
        try:
            facts = Path(root).stat()
        except OSError as problem:
            told(problem)
            continue
        if (facts.st_dev, facts.st_ino) in entered:
            folders.clear()
            continue
        entered.add((facts.st_dev, facts.st_ino))
        named = [name for name in folders if name.endswith(".json")]
        folders[:] = sorted(f for f in folders if not f.startswith(".") or f == ".benchmarks")
        for name in named:
            warn(str(Path(root, name)), "a folder")
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".json"))


def load(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        Unreadable: it is no regular file, cannot be opened, is too large or is not JSON.
    """
    content = _content(path)
    if not content.strip():
        raise Unreadable("empty")
    try:
        return json.loads(content)
    except json.JSONDecodeError as problem:
        raise Unreadable(
            f"not JSON at line {problem.lineno}, column {problem.colno} ({problem.msg})"
        ) from None
    except UnicodeDecodeError as problem:
        raise Unreadable(f"not text at byte {problem.start}") from None
    except ValueError:  # Python reads numbers of 4,300 digits at most
        raise Unreadable("a number in it has thousands of digits") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except MemoryError:
        raise Unreadable("too large for this machine's memory") from None


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, _OPEN)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise Unreadable("no regular file")
            if facts.st_size > MOST_BYTES:
                raise Unreadable(f"larger than {MOST_BYTES // 2**20} MB")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise Unreadable(problem.strerror or "cannot be opened") from None
    except MemoryError:
        raise Unreadable("too large for this machine's memory") from None
