"""Small operands of ever new sizes are not timed each: the winner at sizes around them serves.

It is compared with the reference at the new size, as any kernel is before it is used.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from einbench.choose import contraction
from einbench.choose.environment import Threads
from einbench.einsum.task import Task

#: seconds of a call above which the sizes themselves are measured
_SHORT_S = 5e-5
#: sizes that are at most so many times larger or smaller are near; so many of them must agree
_TIMES, _AGREE, _KEPT = 2.0, 3, 16
_SAME = Threads(0, 0)
#: kind -> sizes and winners, the newest last
_WINNERS: dict[Any, deque[tuple[tuple[int, ...], str]]] = {}


def won(task: Task, name: str) -> None:
    """Note the measured winner of a task."""
    _WINNERS.setdefault(_kind(task), deque(maxlen=_KEPT)).append((task.contraction.sizes, name))


def winner(task: Task, cost_s: float) -> str | None:
    """The winner at sizes near these where they agree; None where a task is worth measuring."""
    if cost_s > _SHORT_S:
        return None
    names = [
        name
        for sizes, name in _WINNERS.get(_kind(task), ())
        if all(
            m <= _TIMES * n and n <= _TIMES * m
            for m, n in zip(sizes, task.contraction.sizes, strict=True)
        )
    ]
    return names[0] if len(names) >= _AGREE and len(set(names)) == 1 else None


def forget() -> None:
    """Measure anew."""
    _WINNERS.clear()


def _kind(task: Task) -> tuple[Any, ...]:
    """All but the sizes, and strides that follow from them."""
    signature = contraction.signature(task, _SAME)
    letters = tuple(name for name, _ in signature.options)
    return task.contraction.text, signature.dtype, signature.layout, letters
