"""The processes of all libraries, started when first needed and kept for the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .contender import Entry
from .partner import Failed, Partner

OURS = "ours"
#: what compilers keep between runs
KEPT = Path(__file__).resolve().parents[2] / ".peers"


@dataclass(frozen=True)
class Invited:
    """A library, and how many of its ways are timed in rounds."""

    entry: Entry
    keep: int = 1
    #: beyond these, those that are nearly as fast as its best
    most: int = 1
    near: float = 1.1

    @property
    def name(self) -> str:
        """Of the library."""
        return self.entry.name

    @property
    def ours(self) -> bool:
        """Whether it is the suite itself."""
        return self.name == OURS

    def chosen(self, times_s: dict[str, float]) -> list[str]:
        """Of its screened ways those that have turns."""
        ranked = sorted(times_s, key=lambda way: times_s[way])[: self.most]
        return [
            way
            for place, way in enumerate(ranked)
            if place < self.keep or times_s[way] <= self.near * times_s[ranked[0]]
        ]


LIBRARIES = (
    Invited(Entry(OURS, "peers.ways_ours", "library"), keep=2, most=3, near=1.5),
    Invited(Entry("torch", "peers.ways_torch", "library", ("torch",)), keep=2, most=3),
    Invited(Entry("jax", "peers.ways_jax", "library", ("jax",))),
    Invited(Entry("sklearn", "peers.ways_sklearn", "library", ("sklearn",))),
)

_ENVIRONMENT = {
    "JAX_ENABLE_X64": "1",
    "JAX_COMPILATION_CACHE_DIR": str(KEPT / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    # in the process itself: a pool's processes would be there while others have their turns
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_CACHE_DIR": str(KEPT / "torchinductor"),
}


class House:
    """Use it in a ``with`` block: processes end with it."""

    def __init__(self, invited: Sequence[Invited], threads: int, folder: Path) -> None:
        self.invited = invited
        self._threads = threads
        self._folder = folder
        self._partners: dict[str, Partner] = {}
        #: libraries that did not start, which are not tried again
        self._absent: dict[str, str] = {}

    def partner(self, library: Invited) -> Partner:
        """Its process; a new one where it has died meanwhile.

        Raises:
            Failed: the library is not there, or does not start.
        """
        name = library.name
        if name in self._absent:
            raise Failed(self._absent[name])
        if name in self._partners and not self._partners[name].alive:
            self._partners.pop(name).close()
        if name not in self._partners:
            try:
                if reason := library.entry.why_unavailable():
                    raise Failed(reason)
                self._partners[name] = Partner(
                    library.entry, self._threads, self._folder, "peers.board_worker", _ENVIRONMENT
                )
            except Failed as problem:
                self._absent[name] = str(problem)
                raise
        return self._partners[name]

    def processor_s(self) -> float:
        """Of all processes so far."""
        return sum(partner.processor_s() for partner in self._partners.values())

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for partner in self._partners.values():
            partner.close()
