"""The operations there are: one is made by `Operation`, and is among them once registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from einbench.names import normalise, unknown
from einbench.operation import Operation, notify

_OPERATIONS: dict[str, Operation] = {}
operations: Mapping[str, Operation] = MappingProxyType(_OPERATIONS)
"""Every registered operation by name, in reading order."""
_SHIPPED: set[str] = set()


def register(op: Operation) -> Operation:
    """Let an operation be found by its name, compared, benchmarked and chosen for; gives it back.

    Raises:
        ValueError: another operation is registered under that name.
    """
    if _OPERATIONS.setdefault(op.name, op) is not op:
        raise ValueError(
            f"operation {op.name!r} exists already: choose another name, or forget({op.name!r})"
        )
    return op


def operation(name: str | Operation) -> Operation:
    """The operation of that name; an operation is its own, registered or not.

    Raises:
        ValueError: no operation is called so; the message lists the nearest names.
    """
    if isinstance(name, Operation):
        return name
    key = normalise(name)
    if key not in _OPERATIONS:
        raise ValueError(unknown("operation", name, _OPERATIONS))
    return _OPERATIONS[key]


def as_operations(names: Operation | str | Iterable[Operation | str]) -> list[Operation]:
    """One operation, its name, or several of either, as a list.

    Raises:
        ValueError: no operation is called so.
    """
    if isinstance(names, Operation | str):
        return [operation(names)]
    return [operation(name) for name in names]


def keep() -> None:
    """Protect the operations registered so far, the package's own, from `forget`."""
    _SHIPPED.update(_OPERATIONS)


def forget(name: str | Operation) -> None:
    """Remove an operation that was registered at run time.

    Raises:
        ValueError: no operation is called so, it is not the registered one, or it is the package's.
    """
    op = operation(name)
    if _OPERATIONS.get(op.name) is not op:
        raise ValueError(f"operation {op.name!r} is not registered")
    if op.name in _SHIPPED:
        raise ValueError(
            f"operation {op.name!r} is einbench's own; forget takes one that was registered at "
            "run time"
        )
    notify(_OPERATIONS.pop(op.name))
