"""What an unfinished gate has measured so far, on disk: the same command goes on from there."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einbench.host.documents import write_whole

#: a machine of three days ago is another machine
KEPT_DAYS = 3


class State:
    """A folder of JSON parts; it is there only while a gate is unfinished."""

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        #: another base, head, setting or machine has another folder
        self.folder = folder / digest[:16]
        _forget_old(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, part: str) -> Any:
        """A part as it was saved; None where it was not, or is no JSON any more."""
        try:
            return json.loads(self._path(part).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def save(self, part: str, value: Any) -> None:
        """Keep a part, whole or not at all."""
        write_whole(self._path(part), json.dumps(value))

    def finish(self) -> None:
        """Forget: the next gate of these commits starts anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.json"


def _forget_old(folder: Path) -> None:
    """Runs that were not resumed."""
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > KEPT_DAYS * 86_400:
            shutil.rmtree(old, ignore_errors=True)
