"""Where the time went: calls and seconds of every operation, by the kernel that computed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


class Record(NamedTuple):
    """What one kernel has cost so far."""

    operation: str
    kernel: str
    calls: int
    seconds_s: float


@dataclass
class Account:
    """One kernel's sums, while they grow."""

    calls: int = 0
    seconds_s: float = 0.0


class Ledger:
    """Records of every kernel called, the most expensive first; prints as a table.

    Choosing and compiling kernels are counted apart, in ``preparing_s``.
    """

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}
        #: seconds that choosing kernels and compiling them took
        self.preparing_s = 0.0

    def account(self, operation: str, kernel: str) -> Account:
        """The one account of this kernel."""
        return self._accounts.setdefault((operation, kernel), Account())

    def add(self, records: Iterable[Record]) -> None:
        """What kernels have cost elsewhere."""
        for record in records:
            account = self.account(record.operation, record.kernel)
            account.calls += record.calls
            account.seconds_s += record.seconds_s

    def clear(self) -> None:
        """Every sum back to zero."""
        for account in self._accounts.values():
            account.calls, account.seconds_s = 0, 0.0
        self.preparing_s = 0.0

    @property
    def total_s(self) -> float:
        """Seconds in kernels altogether."""
        return sum(account.seconds_s for account in self._accounts.values())

    @property
    def records(self) -> list[dict[str, Any]]:
        """The same as dicts, for JSON."""
        return [record._asdict() for record in self]

    def __iter__(self) -> Iterator[Record]:
        records = [
            Record(*names, account.calls, account.seconds_s)
            for names, account in self._accounts.items()
            if account.calls
        ]
        return iter(sorted(records, key=lambda record: -record.seconds_s))

    def __len__(self) -> int:
        return sum(account.calls > 0 for account in self._accounts.values())

    def __getitem__(self, number: int) -> Record:
        return list(self)[number]

    def __repr__(self) -> str:
        total_s = self.total_s
        lines = [f"{'operation':<24}{'kernel':<18}{'calls':>9}{'seconds':>11}{'share':>8}"]
        lines += [
            f"{r.operation:<24}{r.kernel:<18}{r.calls:>9,}{r.seconds_s:>11.4f}"
            f"{r.seconds_s / total_s if total_s else 0:>8.1%}"
            for r in self
        ]
        return "\n".join(lines)
