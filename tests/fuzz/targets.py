"""One target a format: a stranger's file goes in, a result or one documented error comes out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einbench.choose.exchange import import_choices, read_export
from einbench.choose.wisdom import Wisdom
from einbench.einsum.expression import expression
from einbench.einsum.language import parse
from einbench.einsum.named import as_letters, spelt
from einbench.gate.settings import thresholds
from einbench.host.documents import Unreadable
from einbench.host.documents import load as load_json
from einbench.mnist import read_idx
from einbench.mnist.idx import GZIP_MAGIC, MOST_FROM_ONE_GZIP_BYTE
from einbench.network.loading import load
from einbench.record import Record
from einbench.records import choice, write
from einbench.records.columns import NAMES
from einbench.records.read import read
from einbench.report.winners import winner_lines

from .guard import Finding

CORPUS = Path(__file__).parent / "corpus"
#: between the files that belong together: asv's results, machine.json, benchmarks.json
SEPARATOR = b"\n===\n"


class Target(NamedTuple):
    """How a file of one format is read."""

    #: read(content, empty folder): checks what comes out
    read: Callable[[bytes, Path], None]
    #: what it may raise, and nothing else
    errors: tuple[type[Exception], ...] = ()

    def __call__(self, content: bytes, folder: Path) -> None:
        """Read it in this folder, which is empty.

        Raises:
            Finding: the message of a documented error is not one line of printable text.
        """
        try:
            self.read(content, folder)
        except self.errors as problem:
            one_line(str(problem))


def one_line(message: str) -> None:
    """Raise where this is no message for a terminal."""
    if not message or not message.isprintable() or len(message) > 2000:
        raise Finding(f"a message that is not one clear line: {message!r:.300}")


def allowed_size(content: bytes) -> int:
    """What memory is measured by: the file's size, of a gzip that of all it could unpack to."""
    packed = content.startswith(GZIP_MAGIC)
    return len(content) * (MOST_FROM_ONE_GZIP_BYTE if packed else 1)


def _put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _idx(content: bytes, folder: Path) -> None:
    path = _put(folder, "images", content)
    images = read_idx(path)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert images.flags.owndata
    assert np.array_equal(read_idx(path, dimensions=images.ndim), images)


def _results(path: Path) -> None:
    """Whatever is in it: rows or warnings, which can be ranked, printed and written."""
    reading = read([path])
    assert all(tuple(row) == NAMES for row in reading.rows)
    for warning in reading.warnings:
        one_line(warning)
    write.as_csv(reading.rows)
    json.loads(write.as_json(reading.rows, reading.machines))
    for line in winner_lines(choice.cells(reading.rows), 80):
        assert all(text.isprintable() for text, _ in line)


def _comparison(content: bytes, folder: Path) -> None:
    path = _put(folder, "compare.json", content)
    _results(path)
    try:
        records = load_json(path)["records"]
    except (Unreadable, KeyError, TypeError):
        return
    for record in records if isinstance(records, list) else ():
        if isinstance(record, dict):
            json.dumps(Record.from_json(record).to_json())


def _pytest_benchmark(content: bytes, folder: Path) -> None:
    _results(_put(folder, "benchmark.json", content))


def _asv(content: bytes, folder: Path) -> None:
    names = ("reference/1a2b3c4d-environment.json", "reference/machine.json", "benchmarks.json")
    for name, part in zip(names, content.split(SEPARATOR), strict=False):
        _put(folder, name, part)
    _results(folder)


def _wisdom(content: bytes, folder: Path) -> None:
    path = _put(folder, "wisdom.json", content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # in the place of an operation's own file
        own = Wisdom(str(folder / "own"))
        _put(folder, f"own/{Path(own.path('softmax')).name}", content)
        for remembered in own.book("softmax").choices:
            assert remembered.times.keys() >= set(remembered.tie)
    for warning in caught:
        one_line(str(warning.message))
    books = read_export(path)
    imported = import_choices(Wisdom(str(folder / "mine")), books, "2026-01-01T00:00:00Z")
    for why in imported.left:
        one_line(why)


def _refused(read: Callable[[], Any]) -> None:
    """One of several ways to read the same; each may refuse it."""
    try:
        read()
    except ValueError as problem:
        one_line(str(problem))


def _expression(content: bytes, folder: Path) -> None:
    # as Python decodes arguments of a command
    text = content.decode("utf-8", "surrogateescape")
    _refused(lambda: parse(text))
    _refused(lambda: as_letters(text))
    for axes in (None, "letters", "named"):
        _refused(lambda axes=axes: spelt(text, axes))
    _refused(lambda: expression(text))
    _refused(lambda: expression(text, axes="named"))


def _thresholds(content: bytes, folder: Path) -> None:
    # as it is read from a commit
    limits = thresholds(content.decode("utf-8", "replace"))
    assert limits.of("softmax") > 1
    assert limits.floor_s >= 0
    limits.refuse_unknown(["softmax", "relu"])


def _network(content: bytes, folder: Path) -> None:
    net = load(_put(folder, "network.npz", content))
    assert all(isinstance(array, np.ndarray) for array in net.parameters.values())


TARGETS = {
    "idx": Target(_idx, (ValueError,)),
    "comparison": Target(_comparison, (ValueError,)),
    "asv": Target(_asv),
    "pytest_benchmark": Target(_pytest_benchmark),
    "wisdom": Target(_wisdom, (Unreadable, ValueError)),
    "expression": Target(_expression),
    "thresholds": Target(_thresholds, (ValueError,)),
    "network": Target(_network, (ValueError,)),
}


def corpus(name: str) -> list[bytes]:
    """The valid files of a format that mutations start from."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
