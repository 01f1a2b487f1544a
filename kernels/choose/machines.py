"""What other machines remember, brought home: a file each, as ``einbench wisdom export`` writes.

They lie in the folder ``machines`` of remembered choices, named after the machine's fingerprint.
Nothing of them answers calls here; `einbench fastest --machine` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from einbench.choose.book import Book
from einbench.choose.book_on_disk import SCHEMA
from einbench.choose.environment import machine as kind_of_machine
from einbench.choose.exchange import Export, Imported, books_of, import_choices
from einbench.choose.kept import held, refuse_unwritable
from einbench.choose.wisdom import Wisdom
from einbench.host.documents import Damaged, Unreadable, load, write_whole
from einbench.moment import now

_MOST_BYTES = 64 * 1024 * 1024


class Known(NamedTuple):
    """What one machine remembers."""

    #: as `einbench machine` states them
    facts: Mapping[str, Any]
    #: when it was brought home, ISO 8601 in UTC
    date: str
    #: by operation
    books: Mapping[str, Book]


def folder(memory: Wisdom) -> Path:
    """Where they lie."""
    return Path(memory.folder) / "machines"


def keep(memory: Wisdom, document: Mapping[str, Any]) -> Imported:
    """Keep an export of another machine whole, and take in choices that answer here.

    Raises:
        ValueError: it is no export of a machine, or nothing is to be written.
        OSError: it cannot be written.
    """
    try:
        found = read(document)
    except Unreadable as problem:
        raise ValueError(f"no wisdom of a machine: {problem}") from problem
    refuse_unwritable(memory, [])
    place = folder(memory)
    place.mkdir(parents=True, exist_ok=True)
    name = "".join(c for c in found.facts["fingerprint"][:32] if c.isalnum())
    write_whole(place / f"{name}.json", json.dumps(document, allow_nan=False))
    here = kind_of_machine()
    answering = {
        name: Book(tuple(c for c in book.choices if c.environment.machine == here))
        for name, book in found.books.items()
    }
    answers = {name: book for name, book in answering.items() if book.choices}
    # among the choices of expressions there are names that the paces give
    return import_choices(
        memory, Export(answers, document.get("paces") if answers else None), found.date
    )


def known(memory: Wisdom) -> tuple[list[Known], list[str]]:
    """All that were brought home, and a line for each file that cannot be read."""
    found, problems = [], []
    for path in sorted(folder(memory).glob("*.json")):
        try:
            found.append(read(load(path, _MOST_BYTES)))
        except Unreadable as problem:
            problems.append(f"{path}: {problem}; skipped")
    return found, problems


def here(memory: Wisdom) -> Known:
    """What this machine itself remembers."""
    from einbench.host.machine import machine

    own = kind_of_machine()
    books = {
        name: Book(tuple(c for c in memory.book(name).choices if c.environment.machine == own))
        for name in held(memory)
    }
    return Known(machine(), now(), books)


def read(document: Any) -> Known:
    """An export with the machine it is of, validated to the last.

    Raises:
        Unreadable: it is something else.
    """
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise Damaged("no export of einbench's wisdom")
    machines = document.get("machine")
    facts = machines[0] if isinstance(machines, list) and machines else None
    if not isinstance(facts, Mapping) or not isinstance(facts.get("fingerprint"), str):
        raise Damaged("it names no machine")
    date = document.get("date")
    if not isinstance(date, str):
        raise Damaged("it has no date")
    return Known(facts, date, books_of(document))
