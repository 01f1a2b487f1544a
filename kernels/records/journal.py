"""What an unfinished run has measured, cell by cell, beside the file that it will write.

``NAME.partial`` has a line of JSON a cell: the first says what is being measured and where, each
other one is on disk before the next cell begins. A last line that was cut off counts as not
measured. The file is removed when the results are written.

    with Journal("results.json", resume=True) as journal:
        kept = journal.begin({"command": "compare", "seed": 0})  # what is kept already
        journal.keep("relu 128", {"records": [...]})
        ...                                                      # write results.json
        journal.finish()
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from einbench.host.documents import Damaged, Unreadable, read_whole, write_whole

SCHEMA = "einbench.journal/1"
ENDING = ".partial"


class Busy(ValueError):  # noqa: N818 - the file's state
    """Another process has this journal."""


class Journal:
    """The cells of one run; one process at a time has it.

    Args:
        path: of the results, beside which it lies.
        resume: go on from what is there.
        anew: begin anew whatever is there.

    Raises:
        Busy: another process has it.
        ValueError: it is unfinished, and neither ``resume`` nor ``anew`` is set.
        OSError: its folder cannot be written to.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, resume: bool = False, anew: bool = False
    ) -> None:
        import filelock

        self.results = Path(path)
        self.path = self.results.with_name(self.results.name + ENDING)
        self.resume = resume
        #: cells that were taken over from the run before
        self.resumed = 0
        self._lines: list[str] = []
        self._others: set[Path] = set()
        #: how many of the lines are on disk, in which file, up to which byte
        self._written = 0
        self._file: tuple[int, int] | None = None
        self._bytes = 0
        self._said = False
        folder = self.path.absolute().parent
        #: what is made here, and goes again where nothing is written to it
        self._made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = filelock.FileLock(_lock_of(self.path), timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise Busy(
                f"{self.results} is being written by another einbench; wait for it, or name "
                "another file"
            ) from None
        try:
            self._header, self._kept, ended = self._read()
            if self._kept and not ended and not resume and not anew:
                raise ValueError(
                    f"{self.path} holds {_cells(len(self._kept))} of an unfinished run; add "
                    "--resume (resume=True) to go on from there, or delete it to begin anew"
                )
        except BaseException:
            self._release()
            raise

    def begin(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what is being measured and where; gives cell -> its value, of those kept already.

        Args:
            settings: of the run, as JSON: a resumed one must have the same.

        Raises:
            ValueError: what is kept was measured with other settings, versions or machine; the
                first that differs is named.
        """
        header = json.loads(json.dumps({**settings, **_here()}))
        kept = dict(self._kept) if self.resume else {}
        if kept:
            self._refuse_other(header)
        self.resumed = len(kept)
        self._lines = [_line({"schema": SCHEMA, **header})]
        self._lines += [_line({"cell": cell, "value": value}) for cell, value in kept.items()]
        self._write_anew()
        return kept

    def keep(self, cell: str, value: Any) -> None:
        """A cell's value is on disk when this returns; where there is no space, in memory.

        That is warned of once; what is not on disk is written with the next one if it can be.
        """
        self._lines.append(_line({"cell": cell, "value": value}))
        self._append()

    def end(self) -> None:
        """The run was interrupted, and its results are written: nothing is lost with this file."""
        self._lines.append(_line({"ended": True}))
        self._append()

    def finish(self) -> None:
        """The results are written: this file is not needed any more, nor those beside it."""
        for path in (self.path, *self._others):
            path.unlink(missing_ok=True)

    def beside(self, ending: str) -> Path:
        """The name of another file of this run, which goes when this one goes."""
        path = self.path.with_name(self.path.name + ending)
        self._others.add(path)
        return path

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if len(self._lines) == 1:
            self.finish()  # nothing was measured
        self._release()

    def _release(self) -> None:
        # while it is held: whoever waits for it tries again with a new one
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()
        with contextlib.suppress(OSError):
            for made in self._made:
                made.rmdir()

    def _read(self) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """The first line, the cells, and whether their results are written; nothing of a damage."""
        if not self.path.exists():
            return {}, {}, False
        try:
            *lines, cut_off = read_whole(self.path).split(b"\n")
        except Damaged:
            return {}, {}, False
        except Unreadable as problem:
            raise OSError(f"{self.path}: {problem}; choose another file") from None
        documents = [_document(line) for line in lines]
        if not documents or documents[0].pop("schema", None) != SCHEMA:
            if documents or cut_off:
                raise ValueError(
                    f"{self.path} is no journal of this einbench ({SCHEMA}); move it away"
                )
            return {}, {}, False
        header, *rest = documents
        kept = {
            d["cell"]: d["value"] for d in rest if isinstance(d.get("cell"), str) and "value" in d
        }
        return header, kept, any("ended" in d for d in rest[-1:])

    def _refuse_other(self, header: Mapping[str, Any]) -> None:
        for name in dict.fromkeys((*self._header, *header)):
            then, now = self._header.get(name), header.get(name)
            if then != now:
                raise ValueError(
                    f"{self.path} was measured with {name} {_short(then)}, and this is "
                    f"{_short(now)}; ask for the same, or delete it to begin anew"
                )

    def _write_anew(self) -> None:
        write_whole(self.path, "".join(self._lines))
        self._written, self._file = len(self._lines), _identity(self.path)
        self._bytes = self.path.stat().st_size

    def _append(self) -> None:
        text = "".join(self._lines[self._written :]).encode()
        try:
            if _identity(self.path) != self._file:
                if not self.path.parent.is_dir():
                    raise FileNotFoundError(2, "its folder is gone")
                self._write_anew()
                return
            with self.path.open("r+b") as file:
                file.seek(self._bytes)
                file.truncate()  # what a full disk cut off
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            if not self._said:
                self._said = True
                warnings.warn(
                    f"einbench's journal: {self.path}: {problem.strerror}; measured cells are "
                    "in memory alone until there is space, or the end",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return
        self._written, self._bytes = len(self._lines), self._bytes + len(text)


def purge(folder: Path, unused_s: float) -> None:
    """Remove runs there that nobody goes on from: no cell was kept, or none for so many seconds.

    With all that lies beside them; one that a process has is left alone.
    """
    import filelock

    for name in {path.name.lstrip(".").partition(ENDING)[0] for path in folder.glob(f"*{ENDING}*")}:
        journal = folder / (name + ENDING)
        lock = filelock.FileLock(_lock_of(journal), timeout=0)
        with contextlib.suppress(OSError, filelock.Timeout), lock:
            theirs = [path for path in folder.iterdir() if _is_of(path, journal)]
            newest_s = max((path.stat().st_mtime for path in theirs), default=0.0)
            if time.time() - newest_s > unused_s or not _holds_a_cell(journal):
                for path in theirs:
                    path.unlink(missing_ok=True)
            # while it is held, as where a run ends
            Path(lock.lock_file).unlink()


def _lock_of(journal: Path) -> Path:
    return journal.with_name(f".{journal.name}.lock")


def _is_of(path: Path, journal: Path) -> bool:
    """Whether a file is a journal, or what a run or an unfinished write left beside it."""
    own = path == journal or path.name.lstrip(".").startswith(f"{journal.name}.")
    return own and path != _lock_of(journal)


def _holds_a_cell(journal: Path) -> bool:
    try:
        return read_whole(journal).count(b"\n") > 1
    except (Damaged, Unreadable):
        return False


def _here() -> dict[str, Any]:
    """What numbers depend on beside the settings."""
    from einbench import __version__
    from einbench.choose.environment import machine

    return {"einbench": __version__, **machine()._asdict()}


def _line(document: Mapping[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n"


def _document(line: bytes) -> dict[str, Any]:
    """What a line holds; nothing where it is damaged."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
