"""numba's disk cache, for processes that compile the same functions at once.

numba writes an index of a function's forms and then a form's code, and reads the one and then the
other. Two processes that save a form each, say of two dtypes, read the same old index: the later
index lacks a form, and both call the file of their code by the same name, so that what the index
says is float64 may be the code for float32. Here one process at a time reads or writes: the
lock is one file a folder, is held for a millisecond, and never while anything is compiled.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

_LOCK = ".einbench.lock"
#: a process that holds it for longer was stopped meanwhile: then this one does without the cache
_TIMEOUT_S = 10.0


def share(compiled: Any) -> Any:
    """The dispatcher or callback, whose cache other processes may use at the same time."""
    cache = compiled._cache
    compiled._cache._cache_file = _file_class()(
        cache._cache_path, cache._impl.filename_base, cache._cache_file._source_stamp
    )
    return compiled


@functools.cache
def _file_class() -> Any:
    from numba.core.caching import IndexDataCacheFile

    class OneAtATime(IndexDataCacheFile):
        """Index and code of a function's forms, which no two processes touch at once."""

        def load(self, key: Any) -> Any:
            with _locked(self._cache_path) as ours:
                return super().load(key) if ours else None

        def save(self, key: Any, data: Any) -> None:
            with _locked(self._cache_path) as ours:
                if ours:
                    super().save(key, data)

    return OneAtATime


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[bool]:
    """Whether the cache may be used now; the system releases the lock of a killed process."""
    # numba has to be there already, and its import takes far longer than this one's
    from filelock import FileLock, Timeout

    lock = FileLock(os.path.join(folder, _LOCK))  # noqa: PTH118 - numba's folders are strings
    try:
        lock.acquire(timeout=_TIMEOUT_S, poll_interval=0.002)
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError):
        yield True  # where nothing can be locked, as numba does it
        return
    try:
        yield True
    finally:
        lock.release()
