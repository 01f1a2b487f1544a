"""Where a training's parameters are kept, known to be writable before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from einbench.cli.target import refuse_unwritable, spare_folders

if TYPE_CHECKING:
    from einbench.network.data import Scale

_DEFAULT = "einbench-train"


@dataclass(frozen=True)
class Kept:
    """A file that was requested, or one for what is left when a training stops early."""

    path: Path
    requested: bool

    @classmethod
    def of(cls, given: str | None) -> Kept:
        """What ``--save`` asks for, else a name in this folder that nothing has yet.

        Raises:
            ValueError: another kind of file is requested.
            OSError: it cannot be written; the message says what to do.
        """
        if given is None:
            path = _free()
        else:
            path = Path(given)
            if path.suffix.lower() != ".npz":
                raise ValueError(f"--save {given}: expected a name that ends in .npz")
        refuse_unwritable(path, "--save")
        return cls(path, given is not None)

    @property
    def under_free_name(self) -> Kept:
        """Itself where its name is free, else under another name: what is there may be better."""
        return Kept(_free(), self.requested) if self.path.exists() else self

    def elsewhere(self) -> Iterator[Kept]:
        """New names in folders that may have space where there is none here."""
        for folder in spare_folders():
            yield Kept(_free(folder), self.requested)

    def how_to_load(self, scale: Scale) -> str:
        """What to do with the file, for people."""
        return (
            f"go on with einbench train --load {self.path}, or in Python with "
            f'einbench.network.load("{self.path}"); it takes '
            f"(pixels - {scale.mean:.6g}) / {scale.deviation:.6g}"
        )


def _free(folder: Path = Path()) -> Path:
    path, number = folder / f"{_DEFAULT}.npz", 1
    while path.exists():
        number += 1
        path = folder / f"{_DEFAULT}-{number}.npz"
    return path
