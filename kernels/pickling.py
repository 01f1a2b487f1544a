"""Operations, kernels and kinds are pickled by name, and found by it in the other process.

As of a function, only where it is goes into the pickle: what reads it imports the module that
registers the operation or kernel, and has to be able to. The reducers are in `copyreg`'s table, so
that `einbench.fingerprint` still sees the state of what a kernel refers to.
"""

from __future__ import annotations

import contextlib
import copyreg
import importlib
import pickle
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from einbench import inputs
from einbench.inputs import Kind, counted
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.registry import operations, registering_module

_ADVICE = "in a module that both processes import"
Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


def _operation(op: Operation) -> Reduced:
    module = registering_module(op)
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
