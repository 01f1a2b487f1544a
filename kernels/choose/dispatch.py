"""The one table of arguments -> what to call: decided where a key is new, then looked up.

`einbench.auto` looks up what computes any arrays, a network what computes its own. They differ in
what a key must name and in what is decided; when that is kept, and until when, is said here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from einbench.host.locks import ForkedLock
from einbench.operation import Operation

Key = tuple[Any, ...]
#: keys that a dispatcher keeps; the oldest are decided anew
MOST_KEYS = 4096

_KEEPING = ForkedLock()


class Dispatch:
    """``find(op, key, ...)`` is what was decided when that key was new.

    A key begins with ``op.generation``, read before anything is decided: what was chosen among
    other kernels is never found again, even where one came or went meanwhile. Safe to use from
    many threads; of two that ask for one new key at once both decide.
    """

    def __init__(self) -> None:
        self._tables: dict[Operation, dict[Hashable, Any]] = {}
        #: (operation, key, what else it is found under), oldest first
        self._kept: deque[tuple[Operation, Key, Hashable]] = deque()
        self._generations: dict[Operation, int] = {}

    def table(self, op: Operation) -> dict[Hashable, Any]:
        """Key -> what was decided: one dict an operation, for look-ups that save the call."""
        found = self._tables.get(op)
        return self._tables.setdefault(op, {}) if found is None else found

    def find(
        self, op: Operation, key: Key, short: Hashable, decide: Callable[..., Any], *given: Any
    ) -> Any:
        """What was decided for the key, or ``decide(*given)`` now, which is never None.

        Where ``short`` is not None, (key, found) stands under that too, unless another key does.
        """
        table = self.table(op)
        found = table.get(key)
        if found is None:
            found = decide(*given)
            self._keep(op, table, key, short, found)
        if short is not None:
            table.setdefault(short, (key, found))
        return found

    def clear(self) -> None:
        """Decide everything anew."""
        with _KEEPING.lock:
            self._kept.clear()
            for table in self._tables.values():
                table.clear()

    def forget(self, op: Operation) -> None:
        """Drop the table of an operation that is no longer there."""
        self._tables.pop(op, None)
        self._generations.pop(op, None)

    def __len__(self) -> int:
        """Keys that are decided, among the kernels there are now."""
        with _KEEPING.lock:
            return len({(op, key) for op, key, _ in self._kept if key[0] == op.generation})

    def _keep(
        self, op: Operation, table: dict[Hashable, Any], key: Key, short: Hashable, found: Any
    ) -> None:
        with _KEEPING.lock:
            if self._generations.get(op) != op.generation:
                table.clear()
                self._generations[op] = op.generation
            table[key] = found
            self._kept.append((op, key, short))
            while len(self._kept) > MOST_KEYS:
                oldest, *names = self._kept.popleft()
                for name in names:
                    self._tables.get(oldest, {}).pop(name, None)
