"""What is remembered of einsum expressions: under their canonical form, whatever their letters.

``ij,jk->ik`` and ``xy,yz->xz`` are one book, that of ``ab,bc->ac``. Where all arrays are in C order
a signature is sizes and dtype; other strides are named among its options.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import TYPE_CHECKING

from einbench.choose.environment import Environment, Threads, machine, threads
from einbench.choose.signature import Signature
from einbench.choose.wisdom import wisdom
from einbench.einsum import rates, rule
from einbench.einsum.kernels import KERNELS, MEASURED
from einbench.einsum.language import parse
from einbench.einsum.named import as_letters, is_named
from einbench.einsum.shapes import bind, letter
from einbench.einsum.task import Strides, Task, in_order
from einbench.names import is_expression

if TYPE_CHECKING:
    from einbench.operation import Operation


def here(text: str = "", dtype: str = "") -> Environment:
    """What decides how fast and how right kernels of an expression are: their code, the machine.

    Of three operands and more also the paces of the dtype, by which orders of pairs are named.
    """
    paces = rates.used().get(dtype, {}) if text.count(",") > 1 else {}
    said = " ".join(f"{kind}: {paces[kind]:.6g}" for kind in sorted(paces))
    code = importlib.util.source_hash(f"{_code()} {said}".encode()).hex() if said else _code()
    return Environment(code, tuple((name, "") for name in KERNELS), machine())


def signature(task: Task, threads: Threads) -> Signature:
    """Of a task, by the canonical letters of its indices."""
    contraction, item = task.contraction, task.dtype.itemsize
    shapes = [contraction.shape(each) for each in (*contraction.inputs, contraction.output)]
    every = (*task.strides, task.out_strides)
    layouts = [_layout(*pair, item) for pair in zip(shapes, every, strict=True)]
    options = {
        f"{'out' if n == len(task.strides) else f'x{n}'} strides": " ".join(map(str, strides))
        for n, (strides, layout) in enumerate(zip(every, layouts, strict=True))
        if layout != "C"
    }
    return Signature(
        sizes=tuple((letter(i), size) for i, size in enumerate(contraction.sizes)),
        options=tuple(options.items()),
        dtype=task.dtype.name,
        integers="",
        layout="".join(layouts[:-1]),
        threads=threads,
    )


def recalled(task: Task) -> str | None:
    """The kernel that the book of a task's canonical form says, if made here and with this code."""
    if wisdom().off:
        return None
    environment = here(task.contraction.text, task.dtype.name)
    requested = signature(task, threads())
    for choice in wisdom().book(task.contraction.text).of(environment):
        if choice.signature == requested and choice.kernel in KERNELS:
            return choice.kernel
    return None


MEASURED.append(recalled)


def book_of(name: str) -> str:
    """The canonical form of an expression that no one registered; any other name as it is."""
    from einbench.registry import operations

    if not is_expression(name) or name in operations:
        return name
    try:
        subscripts = parse(as_letters(name).text if is_named(name) else name)
        return bind(subscripts, [(1,) * len(each) for each in subscripts.inputs]).text
    except ValueError:
        return name


def named(name: str) -> Operation | None:
    """The operation of an expression by which something is remembered; None of any other name."""
    from einbench.einsum.expression import expression

    if not is_expression(name):
        return None
    try:
        return expression(name, axes="named" if is_named(name) else "letters")
    except (TypeError, ValueError):
        return None


def _layout(shape: tuple[int, ...], strides: Strides, item: int) -> str:
    if strides == in_order(shape, item):
        return "C"
    return "F" if strides == in_order(shape[::-1], item)[::-1] else "S"


@functools.cache
def _code() -> str:
    """Digest of the files that make and compute kernels of expressions."""
    folder = os.path.dirname(rule.__file__)  # noqa: PTH120 - pathlib loads slowly
    content: list[bytes] = []
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - as above
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as file:  # noqa: PTH118, PTH123 - as above
                content.append(file.read())
    return importlib.util.source_hash(b"\0".join(content)).hex()
