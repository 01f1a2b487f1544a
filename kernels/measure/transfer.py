"""How a kernel gets into another process: by the names it was registered under, or in a pickle.

A pickle is made by this very process and goes through the pipe; none is ever read from a file.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from einbench.einsum.expression import text_of
from einbench.fingerprint import Fingerprints
from einbench.kernel import Kernel
from einbench.libraries.contestants import contestants
from einbench.operation import Operation
from einbench.pickling import recipe
from einbench.registry import operation, operations

#: what of an operation calls a kernel; the rest judges it, which is done where it is asked
_CALLING = ("name", "formula", "inputs", "outputs", "sizes", "options", "integer_outputs",
            "leading")  # fmt: skip


class Refused(ValueError):  # noqa: N818 - what happened to it
    """A kernel that no other process can be given."""


def named(kernel: Kernel) -> dict[str, Any] | None:
    """By names, for one that a module or an expression makes again; None for any other."""
    op = kernel.operation
    if kernel.origin.module == "" and kernel.runtime != "numpy":
        names = {"library": kernel.runtime, "operation": op.name, "method": kernel.method}
        text = text_of(op)
        return {**names, "expression": text} if text else names
    made = recipe(op)
    if made is not None and kernel.origin.module == made.make.__module__:
        return {"arguments": made.arguments, "method": kernel.method, "code": _code(kernel)}
    if operations.get(op.name) is not op or kernel.origin.module in ("", "__main__"):
        return None
    return {
        "module": kernel.origin.module, "operation": op.name, "method": kernel.method,
        "code": _code(kernel),
    }  # fmt: skip


def found(names: Mapping[str, Any]) -> Kernel | None:
    """The kernel of those names in this process, after importing its module; None if it differs."""
    if "library" in names:
        from einbench.einsum.expression import expression
        from einbench.libraries import library_kernels

        if "expression" in names:
            kernels = contestants(expression(names["expression"]), [names["library"]])
        else:
            kernels = library_kernels(names["library"])[names["operation"]]
        return next(k for k in kernels if k.method == names["method"])
    try:
        if "arguments" in names:
            from einbench.einsum.expression import again

            op = again(*names["arguments"])
        else:
            importlib.import_module(names["module"])
            op = operation(names["operation"])
        kernel = op[names["method"]]
    except (ImportError, ValueError):
        return None
    return kernel if _code(kernel) == names["code"] else None


def pickled(kernel: Kernel) -> dict[str, Any]:
    """The kernel itself, with the functions of its module that it calls.

    Raises:
        Refused: cloudpickle is not there, or cannot.
    """
    what = f"{kernel.operation.name}[{kernel.method!r}] is registered by no module that can be "
    what += "imported"
    try:
        import cloudpickle
    except ImportError:
        raise Refused(
            f"{what}: put it in a file, or install cloudpickle (pip install 'einbench[isolate]')"
        ) from None
    op = kernel.operation
    facts = {name: getattr(op, name) for name in _CALLING}
    parts = {
        "operation": {**facts, "inputs": dict(op.inputs)},
        "method": kernel.method,
        "origin": dataclasses.asdict(kernel.origin),
        "requires": kernel.requires,
        "runtime": kernel.runtime,
        "function": kernel.body.source,
    }
    home = _home(kernel)
    try:
        if home is not None:
            cloudpickle.register_pickle_by_value(home)
        try:
            content = cloudpickle.dumps(parts)
        finally:
            if home is not None:
                cloudpickle.unregister_pickle_by_value(home)
    except Exception as problem:
        raise Refused(f"{what}, and cloudpickle cannot pass it on: {problem}") from problem
    return {"pickle": base64.b64encode(content).decode("ascii")}


def unpickled(text: str) -> Kernel:
    """What `pickled` made in the process that started this one."""
    import pickle

    parts = pickle.loads(base64.b64decode(text))  # noqa: S301 - through the pipe, from the parent
    op = Operation(
        **parts["operation"], reference=_judged_elsewhere, scale=_judged_elsewhere,
        flops=_judged_elsewhere,
    )  # fmt: skip
    how = {name: value for name, value in parts["origin"].items() if name != "module"}
    op.kernel(parts["method"], requires=parts["requires"], runtime=parts["runtime"], **how)(
        parts["function"]
    )
    return op[parts["method"]]


def _code(kernel: Kernel) -> str:
    return Fingerprints().of(kernel, kernel.body.source)


def _home(kernel: Kernel) -> ModuleType | None:
    """The module of its function: a worker may not find it, so what it uses goes along."""
    import sys

    name = getattr(kernel.body.source, "__module__", None)
    own = name in (None, "__main__") or str(name).partition(".")[0] == "einbench"
    return None if own else sys.modules.get(str(name))


def _judged_elsewhere(*arrays: Any, **options: Any) -> Any:
    raise NotImplementedError("a worker calls kernels and judges none")
