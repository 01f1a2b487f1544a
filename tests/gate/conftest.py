"""A real git repository to gate in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

IDENTITY = ("-c", "user.name=n", "-c", "user.email=n@localhost")


class Project:
    """A repository of two commits; what git prints, by calling it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        top.mkdir()
        self("init", "--quiet", "--initial-branch=main")
        self.commit("file.txt", "one", "first of two")
        self.commit("file.txt", "two", "second")

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.top), *IDENTITY, *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, name: str, text: str, message: str) -> None:
        """A file written and committed."""
        (self.top / name).write_text(text)
        self("add", ".")
        self("commit", "--quiet", "--message", message)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
