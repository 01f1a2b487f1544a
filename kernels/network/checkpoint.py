"""A training after an epoch, in one npz file, whole: another process goes on from there.

header           JSON: schema, what is trained on what, history
parameters.0     the layers' arrays, in order
velocities.0     the optimizer's, where it has any
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.network import storage
from einbench.network.history import History

Array = npt.NDArray[Any]
SCHEMA = "einbench.training/1"


class Checkpoint:
    """The file of one training.

    Args:
        path: where it is, or will be.
        about: what decides the steps, ready for JSON: a training that goes on has the same.
    """

    def __init__(self, path: str | os.PathLike[str], about: Mapping[str, Any]) -> None:
        self._path, self._about = Path(path), dict(about)

    def write(
        self, parameters: Sequence[Array], velocities: Sequence[Array], history: History
    ) -> None:
        """Replace what is there.

        Raises:
            OSError: it cannot be written; what was there before is there still.
        """
        header = {"schema": SCHEMA, "about": self._about, "history": asdict(history)}
        arrays = {f"parameters.{n}": each for n, each in enumerate(parameters)}
        arrays |= {f"velocities.{n}": each for n, each in enumerate(velocities)}
        storage.pack(self._path, header, arrays)

    def read(self, parameters: Sequence[Array], velocities: Sequence[Array]) -> History:
        """Fill these arrays; gives the history until then, an empty one where there is no file.

        Raises:
            ValueError: the file is damaged, or of another training; what differs first is named.
            OSError: it cannot be read.
        """
        if not self._path.exists():
            return History()
        header, arrays = storage.unpack(self._path, SCHEMA)
        about = header.get("about")
        about = about if isinstance(about, dict) else {}
        for name in (n for n in {**about, **self._about} if about.get(n) != self._about.get(n)):
            raise ValueError(
                f"{self._path} is of a training with {name} {about.get(name)!r}, and this is "
                f"{self._about.get(name)!r}; ask for the same, or delete it to begin anew"
            )
        named = {f"parameters.{n}": each for n, each in enumerate(parameters)}
        named |= {f"velocities.{n}": each for n, each in enumerate(velocities)}
        storage.Saved(self._path, [], None, None, arrays).fill(named)  # type: ignore[arg-type]
        try:
            return History(**header["history"])
        except (KeyError, TypeError):
            raise ValueError(f"{self._path}: damaged; delete it to begin anew") from None


def digest(*arrays: Array) -> str:
    """Of data: what was trained on."""
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), found)
    return f"{found:08x}"
