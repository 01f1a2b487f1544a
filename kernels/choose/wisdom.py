"""Remembered choices on disk: one JSON file an operation, shared by all processes of a user.

Reading takes no lock, for files are replaced whole. Writing takes the file's lock, reads what
others have written meanwhile, and puts both together. A file that is damaged is moved aside, one
of a newer einbench is left as it is, and where nothing can be written choices live in memory only:
each is reported once, as a warning, and work goes on.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import source_hash
from itertools import count
from typing import Any

from einbench.choose import policy
from einbench.choose.book import Book, Remembered
from einbench.choose.book_on_disk import book, document
from einbench.choose.environment import Environment
from einbench.host.documents import Damaged, Unreadable, load, write_whole
from einbench.host.folders import wisdom_folder
from einbench.host.forking import import_apart

#: a full file is a quarter of a megabyte
_MOST_BYTES = 16 * 1024 * 1024
#: another process writes for milliseconds; one that takes longer is stuck
_LOCK_TIMEOUT_S = 20.0
#: and one that measures, for seconds
_MEASURING_TIMEOUT_S = 60.0
#: files set aside that are kept, the newest ones: a disk that fails damages one after the other
_DAMAGED_KEPT = 3
_SUFFIX = ".json"
#: modules of Python that filelock imports
_ITS_IMPORTS = ("dataclasses", "decimal", "errno", "fcntl", "logging", "pathlib", "secrets")
#: characters that stand for themselves in the name of a file
_AS_THEY_ARE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
#: longest name of a file without what is put behind it: file systems take 255 bytes. A longer one
#: is cut to half of that, and a hash of the whole name follows
_MOST_NAME, _CUT = 180, "~"


def wisdom() -> Wisdom:
    """The one of this process, in the folder that the environment names now."""
    return _at(wisdom_folder())


@functools.cache
def _at(path: str) -> Wisdom:
    return Wisdom(path)


class Wisdom:
    """Books in a folder, one for each operation; safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self.folder = path
        self._lock = threading.RLock()
        #: operation -> (what the file looked like, its book)
        self._read: dict[str, tuple[Any, Book]] = {}
        #: what could not be written
        self._unwritten: dict[str, Book] = {}
        self._said: set[str] = set()
        #: the thread that holds the lock of `measuring`
        self._measures: int | None = None
        if hasattr(os, "register_at_fork"):  # a thread that held the lock is not in the child
            os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def off(self) -> bool:
        """Whether nothing is kept on disk because none was asked to be."""
        return self.folder == os.devnull

    def path(self, operation: str) -> str:
        """The file of one operation."""
        return os.path.join(self.folder, _file_name(operation) + _SUFFIX)  # noqa: PTH118

    def book(self, operation: str) -> Book:
        """What is remembered of an operation, by any process; read again where it has changed."""
        with self._lock:
            stamp = _stamp(self.path(operation))
            known = self._read.get(operation)
            if known is None or known[0] != stamp:
                known = (stamp, self._load(operation) if stamp else Book())
                self._read[operation] = known
            unwritten = self._unwritten.get(operation)
            return known[1] if unwritten is None else known[1].merged(unwritten, made_now=True)

    def remember(
        self,
        operation: str,
        *choices: Remembered,
        passed: Mapping[tuple[Environment, str], Mapping[str, float]] | None = None,
    ) -> None:
        """Keep choices and, by environment and dtype, the kernels that passed the check."""
        more = Book()
        for (environment, dtype), errors in (passed or {}).items():
            more = more.with_passed(environment, dtype, errors)
        for choice in choices:
            more = more.with_choice(choice)
        self.merge(operation, more, made_now=True)

    def merge(self, operation: str, more: Book, *, made_now: bool = False) -> Book:
        """Put a book together with what is remembered; on disk where that can be."""
        with self._lock:
            if operation in self._unwritten:  # there may be room by now
                more = self._unwritten[operation].merged(more, made_now=made_now)
            try:
                if self.off:
                    raise Unreadable
                with self._locked(operation):
                    merged = self._load(operation, held=True).merged(more, made_now=made_now)
                    self._write(operation, merged)
                    self._unwritten.pop(operation, None)
                    return merged
            except Unreadable:
                pass  # reported already, or asked for
            except (OSError, TimeoutError) as problem:
                self._warn_once(
                    "write",
                    f"{self.folder}: {_line(problem)}; choices are remembered in memory only, "
                    "until this process ends (EINBENCH_WISDOM names another folder)",
                )
            self._unwritten[operation] = more
            return self.book(operation)

    def forget(self, operation: str) -> int:
        """Forget all choices for one operation; how many there were.

        Raises:
            OSError: the file cannot be removed.
        """
        with self._lock:
            unwritten = self._unwritten.pop(operation, Book())
            count = len(self.book(operation).merged(unwritten).choices)
            if _stamp(self.path(operation)):
                with self._locked(operation), contextlib.suppress(FileNotFoundError):
                    try:
                        self._load(operation, held=True)
                    except Unreadable as problem:
                        raise OSError(f"{self.path(operation)}: {problem}") from None
                    os.unlink(self.path(operation))  # noqa: PTH108 - pathlib loads slowly
            self._read.pop(operation, None)
            return count

    @property
    def unwritten(self) -> list[str]:
        """Names of operations of which something could not be written to disk."""
        return sorted(self._unwritten)

    def operations(self) -> list[str]:
        """Names of all operations that something is remembered of, in alphabetical order."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - as above
        except OSError:
            names = []
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        found = {self._stated(s) if _CUT in s else _operation_name(s) for s in stems}
        return sorted(found | set(self._unwritten))

    def _stated(self, stem: str) -> str:
        """The name that a file states of whose own name only a part is left."""
        with contextlib.suppress(OSError, Damaged, Unreadable, TypeError, KeyError):
            stated = load(os.path.join(self.folder, stem + _SUFFIX), _MOST_BYTES)["operation"]  # noqa: PTH118
            if isinstance(stated, str) and _file_name(stated) == stem:
                return stated
        return _operation_name(stem)

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """A lock of one process at a time, so that two that measure do not slow each other down.

        Waiting is limited: after a minute, or where it cannot be acquired, work goes on without.
        """
        if self._measures == threading.get_ident():
            yield  # a kernel that is being measured calls the fastest of another operation
            return
        held = False
        with contextlib.suppress(OSError, TimeoutError):
            lock = _file_lock(os.path.join(self.folder, "measuring.lock"))  # noqa: PTH118 - as above
            os.makedirs(self.folder, exist_ok=True)  # noqa: PTH103 - as above
            lock.acquire(timeout=_MEASURING_TIMEOUT_S, poll_interval=0.02)
            held = True
        self._measures = threading.get_ident()
        try:
            yield
        finally:
            self._measures = None
            if held:
                lock.release()

    @contextlib.contextmanager
    def _locked(self, operation: str) -> Iterator[None]:
        os.makedirs(self.folder, exist_ok=True)  # noqa: PTH103 - as above
        lock = _file_lock(self.path(operation) + ".lock")
        with lock.acquire(timeout=_LOCK_TIMEOUT_S, poll_interval=0.005):
            yield

    def _load(self, operation: str, *, held: bool = False) -> Book:
        """The book on disk; a damaged file is moved aside, and nothing of it is used."""
        path = self.path(operation)
        if _stamp(path) is None:
            return Book()
        try:
            return book(load(path, _MOST_BYTES), operation)
        except Damaged as problem:
            if policy.now().choice != policy.ON:
                self._warn_once(path, f"{path}: {problem}; nothing of it is used")
                return Book()
            if held:
                self._set_aside(path, problem)
                return Book()
            with contextlib.suppress(OSError, TimeoutError, Unreadable), self._locked(operation):
                # the process that held the lock may have moved it aside and written another
                return self._load(operation, held=True)
            self._warn_once(path, f"{path}: {problem}; nothing of it is used")
        except Unreadable as problem:
            self._warn_once(
                path, f"{path}: {problem}; it is left as it is, and nothing of it is used"
            )
            if held:
                raise
        return Book()

    def _set_aside(self, path: str, problem: Damaged) -> None:
        from glob import escape, glob

        damaged = sorted(glob(f"{escape(path)}.damaged-*"), key=os.path.getmtime)  # noqa: PTH207 - as above
        for oldest in damaged[: len(damaged) - _DAMAGED_KEPT + 1]:
            os.unlink(oldest)  # noqa: PTH108 - as above
        names = (f"{path}.damaged-{n}" for n in count(1))
        aside = next(name for name in names if not os.path.lexists(name))
        os.replace(path, aside)  # noqa: PTH105 - as above
        self._warn_once(path, f"{path}: {problem}; moved to {aside}, nothing of it is used")

    def _write(self, operation: str, merged: Book) -> None:
        import json

        path = self.path(operation)
        content = json.dumps(document(operation, merged), allow_nan=False, separators=(",", ":"))
        write_whole(path, content + "\n")
        self._read[operation] = (_stamp(path), merged)

    def _warn_once(self, about: str, message: str) -> None:
        """A warning, once for each thing that it is about."""
        if about not in self._said:
            self._said.add(about)
            warnings.warn(f"einbench's wisdom: {message}", RuntimeWarning, stacklevel=2)

    def _renew_lock(self) -> None:
        self._lock, self._measures = threading.RLock(), None


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size


def _line(problem: BaseException) -> str:
    return (getattr(problem, "strerror", None) or str(problem)).rstrip(".")


def _file_name(operation: str) -> str:
    """Small letters, digits and ``_``; anything else as its number, ``%2c%`` say.

    Capitals too: on some file systems ``aB`` and ``ab`` would be one file.
    """
    name = "".join(
        letter if letter in _AS_THEY_ARE else f"%{ord(letter):x}%" for letter in operation
    )
    if len(name) <= _MOST_NAME:
        return name
    digest = source_hash(operation.encode("utf-8", "surrogatepass")).hex()
    return f"{name[: _MOST_NAME // 2]}{_CUT}{digest}"


def _operation_name(file_name: str) -> str:
    parts = file_name.split("%")
    with contextlib.suppress(ValueError, OverflowError):
        return "".join(chr(int(p, 16)) if n % 2 else p for n, p in enumerate(parts))
    return file_name


def _file_lock(path: str) -> Any:
    """A lock of processes.

    Raises:
        OSError: there is none in a process that was forked while filelock was being imported.
    """
    try:
        return import_apart("filelock", *_ITS_IMPORTS).FileLock(path)
    except ImportError as problem:
        raise OSError(f"no lock ({problem})") from None
