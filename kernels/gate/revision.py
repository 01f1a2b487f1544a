"""Commits of a git repository: resolve a name, read a file, export a tree."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Revision:
    """One commit: as it was requested, as git calls it, and when it was made (ISO 8601)."""

    #: a key of saved documents
    asked: str
    commit: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """``main (573fd9a)``, or only the hash where that was requested."""
        seven = self.commit[:7]
        return seven if self.commit.startswith(self.asked) else f"{self.asked} ({seven})"


class Repository:
    """The git repository around a folder."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise ValueError("git is not installed; the gate measures commits of a git repository")
        found = _git(folder, "rev-parse", "--show-toplevel")
        if found.returncode:
            said = found.stderr.decode("utf-8", "replace").strip()
            raise ValueError(f"no git repository here, run the gate in a clone; git says: {said}")
        self.top = Path(found.stdout.decode().strip())

    def revision(self, requested: str) -> Revision:
        """The commit of that name.

        Raises:
            ValueError: there is none; the message says what to try.
        """
        found = _git(
            self.top,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{requested}^{{commit}}",
        )
        if found.returncode:
            shallow = _git(self.top, "rev-parse", "--is-shallow-repository").stdout.strip()
            advice = (
                "this clone is shallow: git fetch --unshallow"
                if shallow == b"true"
                else "write a branch, a tag or a commit; git log --oneline lists them"
            )
            raise ValueError(f"{requested!r} is no commit of {self.top.name}; {advice}")
        commit = found.stdout.decode().strip()
        shown = _git(self.top, "show", "--no-patch", "--format=%cI%n%s", commit).stdout.decode()
        date, _, subject = shown.strip().partition("\n")
        return Revision(requested, commit, date, subject)

    def read(self, revision: Revision, name: str) -> str | None:
        """Text of a file in that commit; None where it has none of that name."""
        found = _git(self.top, "show", f"{revision.commit}:{name}")
        return None if found.returncode else found.stdout.decode("utf-8", "replace")

    def export(self, revision: Revision, folder: Path) -> None:
        """Write the commit's whole tree into a new folder."""
        found = _git(self.top, "archive", "--format=tar", revision.commit)
        if found.returncode:
            raise ValueError(f"git archive {revision.short}: {found.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(found.stdout)) as tree:
            tree.extractall(folder, filter="data")

    @property
    def changed(self) -> bool:
        """Whether there are changes that no commit holds, new kernels among them."""
        tracked = _git(self.top, "status", "--porcelain", "--untracked-files=no")
        new = _git(self.top, "status", "--porcelain", "--", "kernels")
        return bool(tracked.stdout.strip() or new.stdout.strip())


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - git itself, its arguments never through a shell
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git, wherever it is
        capture_output=True,
        check=False,
    )
