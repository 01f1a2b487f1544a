"""What of a comparison is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from einbench.record import Record


class Compared(Protocol):
    """What the report needs of `einbench.Comparison`; a protocol avoids a circular import."""

    @property
    def records(self) -> Sequence[Record]:
        """One for each kernel in each cell."""

    @property
    def machine(self) -> Mapping[str, Any]:
        """What they were taken with."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its settings."""

    @property
    def wall_s(self) -> float:
        """Seconds the whole comparison took."""

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its end."""
