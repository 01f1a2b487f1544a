"""The operations there are: one is made by `Operation`, and is among them once registered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from einbench.deferred import load
from einbench.names import is_expression, normalise, shortened, unknown
from einbench.operation import Operation, notify

_OPERATIONS: dict[str, Operation] = {}
_SHIPPED: set[str] = set()
#: expression -> the operation that was made of it when it was first asked for
_OF_EXPRESSIONS: dict[str, Operation] = {}
#: make an operation of an expression; set where expressions are known
makers: list[Callable[[str], Operation]] = []
#: an expression as operations bear it; as above
spellings: list[Callable[[str], str]] = []
#: what a name has that is meant as an expression
_ARROWS = ("->", "=>", "\N{RIGHTWARDS ARROW}", "\N{RIGHTWARDS DOUBLE ARROW}")
#: name -> the module that registered it
_MODULES: dict[str, str] = {}


class Operations(Mapping[str, Operation]):
    """Every registered operation by name, in reading order; `register` adds one."""

    def __getitem__(self, name: str) -> Operation:
        load()
        return _OPERATIONS[name]

    def __iter__(self) -> Iterator[str]:
        load()
        return iter(_OPERATIONS)

    def __len__(self) -> int:
        load()
        return len(_OPERATIONS)

    def __reduce__(self) -> str:
        return "operations"

    def __repr__(self) -> str:
        return f"<{len(self)} operations: {', '.join(self)}>"


operations = Operations()
"""The operations of this process."""


def register(op: Operation) -> Operation:
    """Let an operation be found by its name, compared, benchmarked and chosen for; gives it back.

    A name that the same module registered before now stands for this operation, without the kernels
    of the earlier one: a cell of a notebook may run again.

    Raises:
        ValueError: another module registered an operation under that name, or it is the package's.
    """
    module = str(sys._getframe(1).f_globals.get("__name__", ""))
    if not module.startswith("einbench."):
        load()  # its own come first
    there = _OPERATIONS.setdefault(op.name, op)
    if there is not op:
        if op.name in _SHIPPED:
            raise ValueError(
                f"operation {op.name!r} exists already, einbench's own: choose another name"
            )
        if _MODULES[op.name] != module:
            raise ValueError(
                f"operation {op.name!r} exists already, of {_MODULES[op.name] or 'another module'}"
                f": choose another name, or forget({op.name!r}) first"
            )
        _OPERATIONS[op.name] = op
        notify(there)
    _MODULES.setdefault(op.name, module)
    return op


def registering_module(op: Operation) -> str | None:
    """The module that registered it; None where it is not registered."""
    return _MODULES[op.name] if _OPERATIONS.get(op.name) is op else None


def spelling(name: str) -> str:
    """A name as operations bear it.

    Raises:
        ValueError: it is meant as an expression, and is none.
    """
    load()
    key = normalise(name)
    if key in _OPERATIONS or not (spellings and any(arrow in key for arrow in _ARROWS)):
        return key
    return spellings[0](name)


def operation(name: str | Operation) -> Operation:
    """The operation of that name; an operation is its own, registered or not.

    An einsum expression with an arrow, ``"bij,bjk->bik"``, is one too: with sizes of 16 but for the
    axis of rows, and the same one every time. Its axes may be words, ``"rows terms, terms units ->
    rows units"``. `einbench.expression` takes other sizes.

    Raises:
        ValueError: no operation is called so; the message lists the nearest names.
    """
    if isinstance(name, Operation):
        return name
    key = spelling(name)
    if key in _OPERATIONS:
        return _OPERATIONS[key]
    if "->" in key and makers:
        if key not in _OF_EXPRESSIONS:
            _OF_EXPRESSIONS[key] = makers[0](key)
        return _OF_EXPRESSIONS[key]
    if is_expression(key):
        raise ValueError(
            f"no operation {shortened(name, 80)!r}; an einsum expression needs '->' and its "
            "output, 'ij,jk->ik'"
        )
    raise ValueError(unknown("operation", name, _OPERATIONS))


def as_operations(names: Operation | str | Iterable[Operation | str]) -> list[Operation]:
    """One operation, its name, or several of either, as a list.

    Raises:
        TypeError: neither.
        ValueError: no operation is called so.
    """
    if isinstance(names, Operation | str):
        return [operation(names)]
    if not isinstance(names, Iterable):
        raise TypeError(f"expected an operation, its name, or a list of either; got {names!r}")
    return [operation(name) for name in names]


def keep() -> None:
    """Protect the operations registered so far, the package's own, from `forget`."""
    _SHIPPED.update(_OPERATIONS)


def is_shipped(op: Operation) -> bool:
    """Whether it is the package's own."""
    return op.name in _SHIPPED and _OPERATIONS.get(op.name) is op


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
    del _MODULES[op.name]
    notify(_OPERATIONS.pop(op.name))
