"""``einbench list``: the operations, and every way to compute each."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from einbench.cli.expressions import operations_named, operations_of
from einbench.cli.parameters import json_option, plugins_option
from einbench.cli.streams import console
from einbench.cli.target import Target

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.kernel import Kernel
    from einbench.operation import Operation

SCHEMA = "einbench.list/1"


@click.command(
    "list",
    epilog="\b\nExamples:\n  einbench list\n  einbench list softmax_jacobian --json -",
)
@operations_named("list")
@json_option("the list")
@plugins_option
def list_operations(operations: tuple[str, ...], json_path: str | None) -> int:
    """Show operations with their formula and axes, and what is new in each kernel."""
    ops = operations_of(operations)
    target = Target.of(json_path)
    if json_path:
        from einbench.host.machine import machine

        rows = [_row(op) for op in ops]
        target.write({"schema": SCHEMA, "machine": machine(), "operations": rows})
    out = console(target.tables)
    for number, op in enumerate(ops):
        if number:
            out.print()
        _show(op, out)
    return 0


def _row(op: Operation) -> dict[str, Any]:
    return {
        "name": op.name,
        "formula": op.formula,
        "axes": list(op.axes),
        "inputs": {name: each.axes for name, each in op.inputs.items()},
        "outputs": dict(op.outputs),
        "sizes": dict(op.sizes),
        "dtypes": dict.fromkeys(op.integers, "integer"),
        "options": {name: list(choices) for name, choices in op.options.items()},
        "baseline": op.baseline,
        "kernels": [
            {
                "method": kernel.method,
                "summary": kernel.summary,
                "available": kernel.available,
                "reason": kernel.reason,
                "varies": kernel.varies,
            }
            for kernel in op
        ],
    }


def _show(op: Operation, out: Console) -> None:
    from einbench.report.terminal import print_line, title_lines

    for line in title_lines(op.name, op.formula, out.width):
        print_line(out, line)
    for text in textwrap.wrap(_shapes(op), out.width, subsequent_indent="  "):
        print_line(out, [(text, "dim")])
    name = max((len(kernel.method) for kernel in op), default=0)
    for kernel in op:
        text = _summary(op, kernel)
        if kernel.varies:
            text += f" Its last bits depend on the number of threads: {kernel.varies}."
        style = ""
        if not kernel.available:
            text, style = f"unavailable: {kernel.reason}. {text}", "yellow"
        for number, part in enumerate(textwrap.wrap(text, max(out.width - name - 4, 20))):
            label = kernel.method if number == 0 else ""
            print_line(out, [(f"  {label.ljust(name)}  ", "bold"), (part, style)])


def _summary(op: Operation, kernel: Kernel) -> str:
    """What is new in a kernel; a compiled one names the kernel that it compiles."""
    body = getattr(kernel.function, "body", None)
    for other in op:
        if body is not None and other.function is body:
            threads = (
                ", its outer loop on all threads"
                if getattr(kernel.function, "parallel", False)
                else ""
            )
            return f"{other.method}, compiled by numba{threads}"
    return kernel.summary.replace("``", "") or "(says nothing of itself)"


def _shapes(op: Operation) -> str:
    """``inputs (batch, features), weights (units, features); features 784, units 128``."""

    def shapes(arrays: Any) -> str:
        return ", ".join(f"{n} ({', '.join(axes.split())})" for n, axes in arrays.items())

    parts = [
        f"{shapes({name: each.axes for name, each in op.inputs.items()})} -> {shapes(op.outputs)}"
    ]
    if op.sizes:
        parts.append(", ".join(f"{axis} {size:,}" for axis, size in op.sizes.items()))
    parts.extend(f"{name} {' or '.join(choices)}" for name, choices in op.options.items())
    return "; ".join(parts)
