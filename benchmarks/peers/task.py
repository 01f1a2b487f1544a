"""What every library is given of an operation, and what it offers in return.

A task travels to the processes of the libraries as a file: all of them have the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

import einbench
from einbench.operation import Operation

from .problem import read_only

Array = npt.NDArray[Any]
#: indices along an axis that are judged; an axis left out is judged whole
Kept = Mapping[str, Array]

#: prefixes of names in the file: an operation may have an input of any name
_INPUT, _KEPT, _FACTS = "input ", "kept ", "facts"


@dataclass(frozen=True)
class Task:
    """One operation on some inputs, all of them read-only."""

    operation: Operation
    arrays: Mapping[str, Array]
    options: Mapping[str, str]
    kept: Kept = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the inputs that are floating, and of every output."""
        return next(a.dtype for a in self.arrays.values() if a.dtype.kind == "f")

    @property
    def sizes(self) -> dict[str, int]:
        """Of every axis."""
        return self.operation.bind(**self.arrays, **self.options).sizes

    @property
    def given(self) -> tuple[Array, ...]:
        """The inputs in the operation's order."""
        return tuple(self.arrays.values())

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every output."""
        return self.operation.output_shapes(self.sizes)

    def save(self, path: Path) -> None:
        """As a file of arrays."""
        facts = json.dumps({"operation": self.operation.name, "options": dict(self.options)})
        named: dict[str, Any] = {_FACTS: np.array(facts)}
        named |= {_INPUT + name: array for name, array in self.arrays.items()}
        named |= {_KEPT + axis: indices for axis, indices in self.kept.items()}
        np.savez(path, **named)

    @classmethod
    def load(cls, path: str | Path) -> Task:
        """From `save`'s file."""
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(str(file[_FACTS]))
            operation = einbench.operation(facts["operation"])
            arrays = {name: read_only(file[_INPUT + name]) for name in operation.inputs}
            kept = {
                name.removeprefix(_KEPT): file[name]
                for name in file.files
                if name.startswith(_KEPT)
            }
        return cls(operation, arrays, facts["options"], kept)


@dataclass(frozen=True)
class Way:
    """One way in which a library does the work, ready to be timed."""

    #: does all of the work, which is over when it returns
    call: Callable[[], Any]
    #: what a call returned as NumPy's arrays, in the operation's order and shapes
    arrays: Callable[[Any], Sequence[Array]]
    #: entered around a whole turn: a mode of the library that its users set once
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    #: before every turn, off the clock
    before: Callable[[], object] = lambda: None
    #: after every turn: threads that wait for more by spinning are ended, where that can be asked
    after: Callable[[], object] = lambda: None
    #: outputs that the library does not give
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """Ways by name, each made when it is asked for, and why there are no others."""

    ways: Mapping[str, Callable[[], Way]]
    skipped: Mapping[str, str] = field(default_factory=dict)


class Library(Protocol):
    """A library in a process of its own."""

    def offer(self, task: Task) -> Offer:
        """Its ways for the task; none where it has no such operation."""

    def close(self) -> None:
        """The task is over: nothing of it is needed any more."""

    def facts(self) -> Mapping[str, Any]:
        """Versions and threads, ready for JSON."""


#: makes a library, to run on so many threads
LibraryMaker = Callable[[int], Library]
