"""``einbench fastest --machine``: what another machine remembers answers, and nothing is timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from einbench.choose import machines
from einbench.choose.book import Book
from einbench.choose.book_on_disk import SCHEMA as WISDOM
from einbench.choose.canonical import canonical, problem_as
from einbench.choose.environment import Threads
from einbench.choose.machines import Known
from einbench.choose.recall import Recalled, recall
from einbench.choose.usual import signature_of
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.cli.described import Found, description, is_description, named, of_description
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.host.documents import Unreadable, load
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.records.kin import of_known, ranked
from einbench.units import ratio_text, seconds_text

SCHEMA = "einbench.answers/1"
#: of an export
_MOST_BYTES = 64 * 1024 * 1024


def answer(
    given: str,
    problems: Sequence[Problem],
    threads: int | None,
    context: str,
    json_path: str | None,
) -> int:
    """Print what the machine of this name, of an export, or the nearest kin of a described answers.

    Returns:
        1 where nothing is remembered of a cell.

    Raises:
        ValueError: no machine is called so, nothing was brought home, or a file describes none.
    """
    from einbench.report.terminal import print_line

    target = Target.of(json_path)
    own = _exported(given)
    everything = [own] if own else _everything(wisdom())
    measured = [of_known(each) for each in everything]
    if own:
        found = [Found(own.facts, None, "")]
    elif is_description(given):
        found = [of_description(description(given), measured)]
    else:
        found = named(given, measured)
    answers: list[dict[str, Any]] = []
    shown: list[list[tuple[str, str]]] = []
    out = console(target.tables)
    for one in found:
        source = next(k for k in everything if k.facts is one.facts)
        shown += [*one.lines(out.width), []]
        for problem in problems:
            row = _row(source, one, problem, threads, context)
            answers.append(row)
            shown.append([(_line(row), "bold green" if row["kernel"] else "bold red")])
    try:
        target.write({"schema": SCHEMA, "answers": answers})
    finally:
        for each in shown:
            print_line(out, each)
    return 0 if all(row["kernel"] for row in answers) else 1


def _exported(given: str) -> Known | None:
    """What a file that ``einbench wisdom export`` wrote says of its machine; None of any other.

    Raises:
        ValueError: it is an export, and names no machine or is damaged.
    """
    if not is_description(given):
        return None
    try:
        document = load(given, _MOST_BYTES)
    except Unreadable:
        return None  # `description` says what is wrong with it
    if not isinstance(document, Mapping) or document.get("schema") != WISDOM:
        return None
    try:
        return machines.read(document)
    except Unreadable as problem:
        raise ValueError(f"--machine {given}: {problem}") from None


def _everything(memory: Wisdom) -> list[Known]:
    """What this machine and those whose choices were brought home remember, each machine once.

    Raises:
        ValueError: nothing.
    """
    known, unread = machines.known(memory)
    for line in unread:
        click.echo(f"einbench: warning: {line}", err=True)
    own = machines.here(memory)
    everything = [k for k in (own, *known) if any(book.choices for book in k.books.values())]
    if not everything:
        raise ValueError(
            f"nothing is remembered in {memory.folder}: einbench tune fills it, here and with "
            "--scheduler ADDRESS from every machine of a cluster"
        )
    return list({k.facts["fingerprint"]: k for k in reversed(everything)}.values())[::-1]


def _row(
    source: Known, found: Found, problem: Problem, threads: int | None, context: str
) -> dict[str, Any]:
    op = problem.operation
    form = canonical(op)
    # what is remembered of an expression is its canonical form's, axes and all
    twin, same = (form[0], problem_as(*form, problem)) if form else (op, problem)
    book = _usable(source.books.get(twin.name, Book()), twin)
    counts = sorted({c.signature.threads for c in book.choices})
    asked = [t for t in counts if threads is None or t.blas == threads]
    answers = [(each, a) for each in asked if (a := _recalled(book, same, each, context))]
    row: dict[str, Any] = {
        "operation": op.name, "sizes": dict(problem.sizes), "dtype": problem.dtype.name,
        "machine": dict(source.facts), "kin_of": found.asked and dict(found.asked),
        "regret": found.regret or None, "kernel": None, "threads": threads, "seconds": {},
    }  # fmt: skip
    if answers:
        used, recalled = answers[0]
        row |= {"kernel": recalled.kernel.method, "threads": used.blas, "exact": recalled.exact}
        row["seconds"] = ranked(recalled.evidence) if recalled.exact else {}  # type: ignore[arg-type]  # a choice where it is exact
    return row


def _usable(book: Book, op: Operation) -> Book:
    """Choices of kernels that there are here, without the times of others."""
    return Book(
        tuple(
            c._replace(times={kernel: time for kernel, time in c.times.items() if kernel in op})
            for c in book.choices
            if all(kernel in op for kernel in (c.kernel, *c.tie))
        )
    )


def _recalled(book: Book, problem: Problem, threads: Threads, context: str) -> Recalled | None:
    """The newest code's answer."""
    op = problem.operation
    key = signature_of(problem, threads, context)
    environments = dict.fromkeys(
        choice.environment for choice in sorted(book.choices, key=lambda c: c.date, reverse=True)
    )
    for environment in environments:
        found = recall(op, book, environment, key, "measure", frozen=True)
        if found is not None:
            return found
    return None


def _line(row: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{axis} {size:,}" for axis, size in row["sizes"].items())
    text = f"{row['operation']} at {sizes}, {row['dtype']}"
    if row["threads"]:
        text += f", {row['threads']} thread{'s' * (row['threads'] != 1)}"
    if row["kernel"] is None:
        return f"{text}: nothing is remembered there"
    if not row["exact"]:
        return f"{text}: {row['kernel']}, between sizes that were measured"
    best = row["seconds"][row["kernel"]]
    others = [
        f"{kernel} {ratio_text(seconds / best)}" for kernel, seconds in row["seconds"].items()
    ]
    text += f": {row['kernel']}, {seconds_text(best)}"
    return f"{text}; {', '.join(others[1:4])}" if len(others) > 1 else text
