"""Operations, kernels and kinds are pickled by name, and found by it in the other process.

As of a function, only where it is goes into the pickle: what reads it imports the module that
registers the operation or kernel, and has to be able to. What an expression makes is made from that
again. The reducers are in `copyreg`'s table, so that `einbench.fingerprint` still sees the state of
what a kernel refers to.
"""

from __future__ import annotations

import contextlib
import copyreg
import importlib
import pickle
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from einbench import inputs
from einbench.inputs import Kind, counted
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.registry import operations, registering_module

_ADVICE = "in a module that both processes import"
Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Recipe:
    """What makes an operation that is registered nowhere, and the same kernels, once more."""

    make: Callable[..., Operation]
    arguments: tuple[Any, ...]
    #: which of the operations that are made so, in whatever process
    token: str


_RECIPES: weakref.WeakKeyDictionary[Operation, Recipe] = weakref.WeakKeyDictionary()
_MADE: weakref.WeakValueDictionary[str, Operation] = weakref.WeakValueDictionary()


def keep_recipe(op: Operation, make: Callable[..., Operation], *arguments: Any) -> None:
    """Let an operation be pickled without being registered: ``make(*arguments)`` is as good."""
    token = uuid.uuid4().hex
    _RECIPES[op] = Recipe(make, arguments, token)
    _MADE[token] = op


def recipe(op: Operation) -> Recipe | None:
    """What makes it again; None of an operation that is found by its name."""
    return _RECIPES.get(op)


def make_again(make: Callable[..., Operation], arguments: tuple[Any, ...], token: str) -> Operation:
    """The operation itself where it is in this process, else another one, made once."""
    there = _MADE.get(token)
    if there is None:
        there = _MADE[token] = make(*arguments)
        _RECIPES[there] = Recipe(make, arguments, token)
    return there


def _operation(op: Operation) -> Reduced:
    module = registering_module(op)
    made = recipe(op)
    if module is None and made is not None:
        return make_again, (made.make, made.arguments, made.token)
    if module is None:
        raise pickle.PicklingError(
            f"operation {op.name} cannot be pickled, for it is not registered: call "
            f"einbench.register(op) {_ADVICE}"
        )
    return find_operation, (op.name, module)


def find_operation(name: str, module: str) -> Operation:
    """The operation of that name, registered now by importing its module if it is not yet.

    Raises:
        pickle.UnpicklingError: that module registers none in this process.
    """
    if name not in operations:
        _import(module)
    if name not in operations:
        raise pickle.UnpicklingError(
            f"operation {name} is not registered in this process, and was by {module} in the one "
            f"that pickled it: register it {_ADVICE}"
        )
    return operations[name]


def _kernel(kernel: Kernel) -> Reduced:
    op = kernel.operation
    there = op.kernels.get(kernel.method)
    # one that was given a process of its own is the same function
    if there is None or there.body.source is not kernel.body.source:
        raise pickle.PicklingError(
            f"{kernel!r} cannot be pickled: it is not, or no longer, among the kernels of its "
            f"operation; register it {_ADVICE}"
        )
    return find_kernel, (op, kernel.method, kernel.origin.module)


def find_kernel(op: Operation, method: str, module: str) -> Kernel:
    """The kernel of that name, registered now by importing its module if it is not yet.

    Raises:
        pickle.UnpicklingError: that module registers none in this process.
    """
    if method not in op:
        _import(module)
    if method not in op:
        raise pickle.UnpicklingError(
            f"{op.name} has no kernel {method!r} in this process, and {module} registered it in "
            f"the one that pickled it: register it {_ADVICE}"
        )
    return op[method]


def _import(module: str) -> None:
    # what it fails with says less than that the name is not there
    with contextlib.suppress(Exception):
        importlib.import_module(module)


def _kind(kind: Kind) -> str | Reduced:
    for name, known in vars(inputs).items():
        if known is kind:
            return name
    if kind.below is not None and counted(kind.below) is kind:
        return counted, (kind.below,)
    return Kind, tuple(getattr(kind, each.name) for each in fields(kind))


copyreg.pickle(Operation, _operation)
copyreg.pickle(Kernel, _kernel)
copyreg.pickle(Kind, _kind)
