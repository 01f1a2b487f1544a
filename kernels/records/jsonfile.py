"""JSON files that may be anything, found in folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from einbench.host.documents import Unreadable

#: asv's default folder
_ASV = ".asv"
#: hidden folders that harnesses save in
_HIDDEN = (".benchmarks", _ASV)


class NoTimes(Unreadable):
    """A document of the suite's own without times: no warning where it was not named."""


class Foreign(Unreadable):
    """A document of another program, or of a tool of the suite: none of them has kernels' times."""


def found(
    paths: Iterable[str | os.PathLike[str]], warn: Callable[[str, str], None]
) -> Iterator[Path]:
    """Files as they are named, and every ``*.json`` below folders, each file once.

    Hidden folders are left out, but for ``.benchmarks``, where pytest-benchmark saves, and
    ``.asv``, of which only ``results`` is entered: environments and pages lie beside it. Links to
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
    def warn_of(problem: OSError) -> None:
        warn(str(problem.filename), problem.strerror or "cannot be opened")

    entered: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, onerror=warn_of, followlinks=True):
        try:
            facts = Path(root).stat()
        except OSError as problem:
            warn_of(problem)
            continue
        if (facts.st_dev, facts.st_ino) in entered:
            folders.clear()
            continue
        entered.add((facts.st_dev, facts.st_ino))
        named = [name for name in folders if name.endswith(".json")]
        folders[:] = sorted(f for f in folders if not f.startswith(".") or f in _HIDDEN)
        if Path(root).absolute().name == _ASV:
            folders[:] = [name for name in folders if name == "results"]
        for name in named:
            warn(str(Path(root, name)), "a folder")
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".json"))
