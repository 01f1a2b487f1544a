"""What is remembered of einsum expressions: under their canonical form, whatever their letters.

``ij,jk->ik`` and ``xy,yz->xz`` are one book, that of ``ab,bc->ac``. Where all arrays are in C order
a signature is sizes and dtype; other strides are named among its options.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import TYPE_CHECKING, NamedTuple

from einbench.choose import policy
from einbench.choose.environment import Environment, Threads, machine, threads
from einbench.choose.signature import Signature
from einbench.choose.wisdom import wisdom
from einbench.contexts import PROGRAM
from einbench.einsum import rates, rule
from einbench.einsum.kernels import KERNELS, MEASURED
from einbench.einsum.language import parse
from einbench.einsum.named import as_letters, is_named
from einbench.einsum.shapes import Contraction, bind, letter
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


def signature(task: Task, threads: Threads, context: str = PROGRAM) -> Signature:
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
        context=context,
    )


class Recalled(NamedTuple):
    """A kernel from memory."""

    kernel: str
    #: it passed the check here, with this code: imported wisdom is not believed
    checked: bool


def recalled(task: Task) -> Recalled | None:
    """The kernel that the book of a task's canonical form says, if made here and with this code."""
    if wisdom().off:
        return None
    dtype = task.dtype.name
    environment = here(task.contraction.text, dtype)
    requested = signature(task, threads(), policy.now().context)
    book = wisdom().book(task.contraction.text)
    for choice in book.of(environment):
        if choice.signature == requested and choice.kernel in KERNELS:
            return Recalled(choice.kernel, choice.kernel in book.passed(environment, dtype))
    return None


def measured(task: Task) -> str | None:
    """The same of a kernel that passed the check here."""
    found = recalled(task)
    return found.kernel if found is not None and found.checked else None


def is_of_einsum(environment: Environment) -> bool:
    """Whether `einbench.einsum` chose there: its kernels have no code of their own each."""
    return not any(digest for _, digest in environment.candidates)


MEASURED.append(measured)


def book_of(name: str) -> str:
    """The canonical form of an expression that no one registered; any other name as it is."""
    from einbench.registry import operations

    if not is_expression(name) or name in operations:
        return name
    found = _contraction(name)
    return name if found is None else found.text


def is_book(name: str) -> bool:
    """Whether choices of `einbench.einsum` are remembered under that name."""
    found = _contraction(name)
    return found is not None and found.fits_numpy and found.text == name


def _contraction(name: str) -> Contraction | None:
    try:
        subscripts = parse(as_letters(name).text if is_named(name) else name)
        return bind(subscripts, [(1,) * len(each) for each in subscripts.inputs])
    except ValueError:
        return None


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
