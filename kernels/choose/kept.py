"""Which files of a wisdom folder einbench wrote, and whether it can write more."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable

from einbench.choose import policy
from einbench.choose.book_on_disk import SCHEMA, NewerSchema, check_schema
from einbench.choose.wisdom import Wisdom
from einbench.host.documents import Damaged, Unreadable, load
from einbench.host.folders import OFF

_FAMILY = SCHEMA.partition("/")[0] + "/"
_ADVICE = "name another folder with EINBENCH_WISDOM"


def refuse_unwritable(memory: Wisdom, names: Iterable[str]) -> None:
    """Raise where choices for one of these operations could not be kept.

    A damaged file is no obstacle: it is moved aside when it is read.

    Raises:
        OSError: the folder cannot be made, or nothing can be written there.
        ValueError: a newer einbench wrote a file, it cannot be read, or nothing is to be written.
    """
    folder = memory.folder
    if (choice := policy.now().choice) != policy.ON:
        raise ValueError(
            f"EINBENCH_CHOICE={choice}: nothing is measured or written; unset it to fill {folder}"
        )
    if memory.off:
        raise OSError(f"EINBENCH_WISDOM={OFF}: choices are not kept on disk; {_ADVICE}")
    try:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as `Wisdom` makes it
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise OSError(f"cannot write to {folder}: {problem.strerror}; {_ADVICE}") from problem
    for name in names:
        if why := why_closed(memory, name):
            raise ValueError(f"{memory.path(name)}: {why}; {_ADVICE}")


def held(memory: Wisdom) -> list[str]:
    """Operations that something is remembered of; files of other programs are not opened again.

    A folder that holds other documents may be named by mistake: reading one as a book would have
    it moved aside as damaged.
    """
    return [name for name in memory.operations() if not _foreign(memory.path(name))]


def _foreign(path: str) -> bool:
    """JSON, and not of this schema's family."""
    try:
        found = load(path)
    except Unreadable:
        return False  # cut short, or empty: that is for `Wisdom` to judge
    schema = found.get("schema") if isinstance(found, dict) else None
    return not str(schema).startswith(_FAMILY)


def why_closed(memory: Wisdom, name: str) -> str:
    """Why the file of an operation must be left as it is; empty where it may be replaced."""
    path = memory.path(name)
    try:
        if os.path.lexists(path):
            check_schema(load(path))
    except NewerSchema as problem:
        return f"{problem}, and it is left as it is"
    except Damaged:
        return ""
    except Unreadable as problem:
        return str(problem)
    return ""
