"""A training after an epoch, in one npz file, whole: another process goes on from there.

header           JSON: schema, what is trained on what, and how far it is
parameters.0     the layers' arrays, in order
velocities.0     the optimizer's, where it has any
"""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.network import storage

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
        self._arrays: dict[str, Array] = {}

    def write(
        self, state: Mapping[str, Any], parameters: Sequence[Array], velocities: Sequence[Array]
    ) -> None:
        """Replace what is there; a full disk ends no training: the state before stays."""
        header = {"schema": SCHEMA, "about": self._about, "state": state}
        try:
            storage.pack(self._path, header, _named(parameters, velocities))
        except OSError as problem:
            warnings.warn(
                f"einbench's checkpoint: {self._path}: {problem.strerror}; training goes on, and "
                "what could be kept last is",
                RuntimeWarning,
                stacklevel=3,
            )

    def state(self) -> dict[str, Any] | None:
        """As it was written; None where there is no file.

        Raises:
            ValueError: the file is damaged, or of another training; what differs first is named.
            OSError: it cannot be read.
        """
        if not self._path.exists():
            return None
        header, self._arrays = storage.unpack(self._path, SCHEMA)
        about, state = header.get("about"), header.get("state")
        if not isinstance(about, dict) or not isinstance(state, dict):
            raise self.damaged()
        for name in (n for n in {**about, **self._about} if about.get(n) != self._about.get(n)):
            raise ValueError(
                f"{self._path} is of a training with {name} {about.get(name)!r}, and this is "
                f"{self._about.get(name)!r}; ask for the same, or delete it to begin anew"
            )
        return state

    def fill(self, parameters: Sequence[Array], velocities: Sequence[Array]) -> None:
        """Write the arrays of that state to these.

        Raises:
            ValueError: they do not fit.
        """
        storage.fill(self._path, self._arrays, _named(parameters, velocities))

    def damaged(self) -> ValueError:
        """The error that says so."""
        return ValueError(f"{self._path}: damaged; delete it to begin anew")


def _named(parameters: Sequence[Array], velocities: Sequence[Array]) -> dict[str, Array]:
    named = {f"parameters.{n}": each for n, each in enumerate(parameters)}
    return named | {f"velocities.{n}": each for n, each in enumerate(velocities)}


def digest(*arrays: Array) -> str:
    """Of data: what was trained on."""
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), found)
    return f"{found:08x}"
