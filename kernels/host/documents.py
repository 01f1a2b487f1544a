"""JSON documents on disk: read whatever they contain, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Callable
from typing import Any

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

#: results of a thousand cells are some megabytes; what is larger than this is something else
MOST_BYTES = 256 * 1024 * 1024
#: most memory that reading a document may take: so many times its size, and a spare
_TIMES_SIZE, _SPARE_BYTES = 4, 64 * 1024 * 1024
#: a file of this size takes less than the spare, whatever it holds
_SMALL_BYTES = 1024 * 1024
#: bytes that Python holds for what each of these begins or ends, from above; a string, whose two
#: quotes are counted, is a key where it stands before a colon
_HELD_BYTES = {b",": 64, b":": 80, b"[": 96, b"{": 96}
_STRING_BYTES = 48
#: a pipe must not keep the reader waiting for its writer
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: how the name of a file ends while it is being written
_UNFINISHED = ".unfinished"


class Unreadable(Exception):  # noqa: N818 - the file's state, not a defect of this package
    """Why a file was not read, in words that follow its name."""


class Damaged(Unreadable):
    """It could be opened, and what it holds is not what it should be."""


def load(path: str | os.PathLike[str], most_bytes: int | None = None) -> Any:
    """What a JSON file holds.

    Raises:
        Damaged: it is empty, too large, not JSON, or would take far more memory than its size.
        Unreadable: it is no regular file, or cannot be opened.
    """
    content: Any = read_whole(path, most_bytes)
    if not content.strip():
        raise Damaged("empty")
    if (
        len(content) > _SMALL_BYTES
        and _held_bytes(content) > _TIMES_SIZE * len(content) + _SPARE_BYTES
    ):
        raise Damaged("too many values for its size, it would take many times that in memory")
    try:
        content = content.decode(json.detect_encoding(content), "surrogatepass")
        return json.loads(content)
    except json.JSONDecodeError as problem:
        raise Damaged(
            f"not JSON at line {problem.lineno}, column {problem.colno} ({problem.msg})"
        ) from None
    except UnicodeDecodeError as problem:
        raise Damaged(f"not text at byte {problem.start}") from None
    except ValueError:  # Python reads numbers of 4,300 digits at most
        raise Damaged("a number in it has thousands of digits") from None
    except RecursionError:
        raise Damaged("nested too deeply") from None
    except MemoryError:
        raise Damaged("too large for this machine's memory") from None


def _held_bytes(content: bytes) -> int:
    """What Python may hold at once while it reads this document, from above.

    Lists of empty lists take forty times their text, and one character beyond 16 bits makes a text
    take four bytes for each of its characters.
    """
    if content.isascii() and b"\\u" not in content:
        width = 1
    else:
        width = 4 if re.search(rb"[\xf0-\xff]|\\u[dD]", content) else 2
    strings = max(content.count(b'"') // 2 - content.count(b":"), 0)
    values = sum(held * content.count(mark) for mark, held in _HELD_BYTES.items())
    return 2 * width * len(content) + values + _STRING_BYTES * strings


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write to a temporary name beside the target and move it into place; text as UTF-8.

    Folders are made, and what a writer of this target left that was killed is removed. A device or
    a pipe is written to, and never replaced by a file.

    Raises:
        OSError: the folder cannot be made or written to, or the disk is full; what was there
            before is there still.
    """
    if _special(path):
        whole = content.encode() if isinstance(content, str) else content
        with open(path, "wb", buffering=0) as device:  # noqa: PTH123 - pathlib loads slowly
            device.write(whole)
        return
    _write(path, content, os.replace)


def _special(path: str | os.PathLike[str]) -> bool:
    """Whether it is there, and neither a file nor a folder."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as below
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_new(path: str | os.PathLike[str], content: str | bytes) -> str:
    """Write whole to a file that was not there: ``a.json``, else ``a-2.json``, and so on.

    Returns:
        The name, which no other process writes to.

    Raises:
        OSError: as `write_whole`.
    """
    given = os.fspath(path)
    stem, ending = os.path.splitext(given)  # noqa: PTH122 - as below
    name, number = given, 1
    while True:
        try:
            _write(name, content, _move_new)
        except FileExistsError:
            number += 1
            name = f"{stem}-{number}{ending}"
        else:
            return name


def _move_new(temporary: str, name: str) -> None:
    """Move where nothing is yet.

    Raises:
        FileExistsError: something is.
    """
    try:
        os.link(temporary, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: two steps, of which the second may not come
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        os.replace(temporary, name)  # noqa: PTH105 - as below
    else:
        os.unlink(temporary)  # noqa: PTH108 - as below


def _write(
    path: str | os.PathLike[str], content: str | bytes, move: Callable[[str, Any], None]
) -> None:
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - pathlib loads slowly
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
    _remove_left(folder, name)
    handle, temporary = _temporary(folder, name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows moves no open file
            os.chmod(temporary, 0o644)  # noqa: PTH101 - as above; mkstemp's only their owner reads
            move(temporary, path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        if isinstance(problem, OSError) and problem.filename in (None, temporary):
            # of the requested file, which the error of a full disk does not name
            raise OSError(problem.errno, problem.strerror, os.fspath(path)) from problem
        raise


def _temporary(folder: str, name: str) -> tuple[int, str]:
    """A new file, locked for as long as it is open: one that is not has no writer any more."""
    import tempfile

    while True:
        handle, path = tempfile.mkstemp(_UNFINISHED, f".{name}.", folder)
        if _locked(handle) and os.fstat(handle).st_nlink:
            return handle, path
        os.close(handle)  # between the two lines above another process took it for left


def _locked(handle: int) -> bool:
    """Whether this process has the file's lock now; also where there are no locks."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _remove_left(folder: str, name: str) -> None:
    """Remove what writers of a file left that were killed; no other process may lose its own."""
    if fcntl is None:
        return
    for left in os.listdir(folder):  # noqa: PTH208 - as above
        if left.startswith(f".{name}.") and left.endswith(_UNFINISHED):
            with contextlib.suppress(OSError):
                path = os.path.join(folder, left)  # noqa: PTH118 - as above
                handle = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)  # noqa: PTH108 - as above
                finally:
                    os.close(handle)


def read_whole(path: str | os.PathLike[str], most_bytes: int | None = None) -> bytes:
    """What a regular file holds.

    Raises:
        Damaged: it is too large.
        Unreadable: it is no regular file, or cannot be opened.
    """
    most_bytes = MOST_BYTES if most_bytes is None else most_bytes
    try:
        descriptor = os.open(path, _OPEN)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise Unreadable("no regular file")
            if facts.st_size > most_bytes:
                raise Damaged(f"larger than {most_bytes // 2**20} MB")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                # as much as the file has: memory of that size is reserved at once
                return file.read(facts.st_size)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise Unreadable(problem.strerror or "cannot be opened") from None
    except MemoryError:
        raise Damaged("too large for this machine's memory") from None
