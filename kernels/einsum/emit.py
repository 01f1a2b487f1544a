"""A kernel as plain Python that imports NumPy, and numba where it compiles loops.

For operands of one dtype in C order: others are refused, or copied to it. Sizes may be others than
those it was chosen for, but for small ones, which are written into loops.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from einbench.einsum import emitted_sizes
from einbench.einsum.compiling import FASTMATH, source_of
from einbench.einsum.emitted_sizes import Sizes, tuple_of
from einbench.einsum.estimates import quickest
from einbench.einsum.language import parse
from einbench.einsum.nest import Laid, nest
from einbench.einsum.normal import normalise
from einbench.einsum.pairs import order_of, steps_of
from einbench.einsum.products import Matrix, groups_of, product, tensordot
from einbench.einsum.rule import choose_common
from einbench.einsum.shapes import bind, names_of
from einbench.einsum.task import Task, in_order


def is_plain(method: str) -> bool:
    """Whether a kernel can be written as Python: instructions of this processor cannot."""
    return order_of(method)[0] != "blocked"


def emit(text: str, shapes: Sequence[tuple[int, ...]], dtype: npt.DTypeLike, method: str) -> str:
    """The source of ``contract(x0, ...)``, which gives the result of an expression in new memory.

    It takes operands of other sizes as well, but for axes that have up to 4 elements here, and
    refuses those that would have to be narrowed to the dtype.

    Args:
        text: the expression.
        shapes: of operands that the kernel is fast for.
        dtype: of the operands and the result, float32 or float64.
        method: name of the kernel; in place of ``blocked``, which is instructions of this
            processor, the one that is expected to be the fastest of the others.

    Raises:
        ValueError: the shapes do not fit the expression, or the kernel does not compute it.
    """
    kind = np.dtype(dtype)
    subscripts = parse(text)
    contraction = bind(subscripts, shapes)
    whole = emitted_sizes.names_of_sizes(contraction, names_of(subscripts, contraction))
    names = [f"x{n}" for n in range(len(shapes))]
    given = ", ".join(names)
    body = [
        f"operands = [np.asarray(x) for x in [{given}]]",
        f"if not all(np.can_cast(x.dtype, np.{kind.name}) for x in operands):",
        f'    raise TypeError("expected operands of {kind.name}; convert others with astype")',
        f"operands = [np.array(x, np.{kind.name}, order='C', copy=None) for x in operands]",
        f"[{given}] = operands",
        *emitted_sizes.checked(whole, contraction, names, shapes),
    ]
    out_shape = tuple_of(whole.of(contraction.output))
    # a scalar where NumPy gives one
    scalar = "[()]" * (not contraction.out_shape)
    writer = _Writer(kind)
    if 0 in contraction.sizes:
        body.append(f"return np.zeros({out_shape}, np.{kind.name}){scalar}")
        return _source(text, "of no products", "", writer.head(), given, body)
    normal = normalise(contraction, [np.zeros(shape, kind) for shape in shapes], kind)
    inner = normal.contraction
    strides = tuple(in_order(inner.shape(each), kind.itemsize) for each in inner.inputs)
    task = Task(inner, kind, strides, in_order(inner.out_shape, kind.itemsize))
    written = method if is_plain(method) else choose_common(task)[0]
    for name, ready in zip(names, normal.ready, strict=True):
        body += ready.lines(name)
        if ready.diagonal is not None or ready.kept is not None:
            # what is no array in C order becomes one
            body.append(f"{name} = np.array({name}, order='C', copy=None)")
    sizes = emitted_sizes.of_normal(whole, contraction, normal)
    body.append(f"out = np.empty({tuple_of(sizes.of(inner.output))}, np.{kind.name})")
    body += writer.lines(task, sizes, names, "out", written)
    result = "out"
    if inner.out_shape != contraction.out_shape:
        result += f".reshape({out_shape})"
    body.append(f"return {result}{scalar}")
    return _source(text, f"kernel {written}", whole.said(), writer.head(), given, body)


def _source(
    text: str, what: str, sizes: str, head: Sequence[str], given: str, body: Sequence[str]
) -> str:
    doc = f'"""y = einsum("{text}"): {what}, written by einbench.'
    lines = [
        *((doc, "", *textwrap.wrap(sizes, 88), '"""') if sizes else (doc + '"""',)), "", *head,
        f"def contract({given}):", *(f"    {line}" for line in body),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


class _Writer:
    """Lines of kernels, and the compiled functions that they call."""

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        self._dtype = dtype
        self._functions: list[str] = []
        self._made = 0

    def head(self) -> list[str]:
        """Imports, and the loops."""
        lines = ["import numpy as np"]
        if any("@numba" in function for function in self._functions):
            lines = ["import numba", *lines, "from numba import prange"]
        if self._functions:
            lines += ["", f"T = np.{self._dtype.name}", "zero = T(0)"]
        for function in self._functions:
            lines += ["", "", function.rstrip("\n")]
        return [*lines, "", ""]

    def lines(
        self, task: Task, sizes: Sizes, names: Sequence[str], out: str, method: str
    ) -> list[str]:
        """What fills ``out`` from these arrays, all in C order."""
        contraction = task.contraction
        given = ", ".join(names)
        if method in ("einsum", "einsum_path"):
            more = ", optimize=True" if method == "einsum_path" else ""
            return [f'np.einsum("{contraction.text}", {given}, out={out}{more})']
        if method == "matmul":
            return _matmul(task, sizes, names, out)
        if method == "tensordot":
            return _tensordot(task, names, out)
        name, rank = order_of(method)
        if name == "path":
            return self._path(task, sizes, list(names), out, rank)
        if method in ("loop", "numba", "numba_parallel"):
            return self._loops(task, sizes, names, out, method)
        views = []
        indices = (*contraction.output, *task.summed)
        for name, each in zip(names, contraction.inputs, strict=True):
            order = tuple(each.index(i) for i in indices if i in each)
            where = ", ".join(":" if i in each else "None" for i in indices)
            views.append(f"{_transposed(name, order)}[{where or '...'}]")
        axes = tuple(range(len(contraction.output), len(indices)))
        return [f"np.sum({' * '.join(views)}, axis={axes}, out={out})"]

    def _loops(
        self, task: Task, sizes: Sizes, names: Sequence[str], out: str, method: str
    ) -> list[str]:
        parallel = method == "numba_parallel"
        number = len(self._functions)
        source = source_of(task, parallel=parallel).replace("def loops(", f"def loops{number}(")
        if method != "loop":
            options = "parallel=True, " if parallel and "prange" in source else ""
            flags = ", ".join(f'"{flag}"' for flag in sorted(FASTMATH))
            source = f'@numba.njit({options}fastmath={{{flags}}}, error_model="numpy")\n{source}'
        self._functions.append(source)
        laid = nest(task)
        contraction = task.contraction
        arrays = zip(
            (*names, out), (*laid.operands, laid.out), (*contraction.inputs, contraction.output),
            strict=True,
        )  # fmt: skip
        views = [_view(name, each, sizes.among(indices)) for name, each, indices in arrays]
        return [f"loops{number}({', '.join(views)})"]

    def _path(self, task: Task, sizes: Sizes, names: list[str], out: str, rank: int) -> list[str]:
        lines: list[str] = []
        held = list(task.contraction.inputs)
        steps = steps_of(task, rank)
        for step in steps:
            right, left = names.pop(step.second), names.pop(step.first)
            both = list(dict.fromkeys((*held[step.first], *held.pop(step.second))))
            del held[step.first]
            output = step.task.contraction.output
            own, made = sizes.among(both), out
            if step is not steps[-1]:
                made = f"t{self._made}"
                self._made += 1
                shape = tuple_of(own.of(output))
                lines.append(f"{made} = np.empty({shape}, np.{self._dtype.name})")
            lines += self.lines(step.task, own, (left, right), made, quickest(step.task)[0])
            held.append(tuple(both[i] for i in output))
            names.append(made)
        return lines


def _transposed(name: str, order: tuple[int, ...]) -> str:
    return name if order == tuple(range(len(order))) else f"{name}.transpose({order})"


def _view(name: str, laid: Laid, sizes: Sizes) -> str:
    """An array of these sizes as the loops take it."""
    text = _transposed(name, laid.order)
    if laid.copied:
        text = f"np.ascontiguousarray({text})"
    if laid.shape is None:
        return text
    return f"{text}.reshape({tuple_of(sizes.fused(laid.order, laid.shape))})"


def _matmul(task: Task, sizes: Sizes, names: Sequence[str], out: str) -> list[str]:
    plan = product(task)
    output, (first, second) = task.contraction.output, task.contraction.inputs
    pairs = [(names[0], first), (names[1], second)]
    left, right = [
        _matrix(name, matrix, sizes.among(axes))
        for (name, axes), matrix in zip(
            reversed(pairs) if plan.swapped else pairs, (plan.left, plan.right), strict=True
        )
    ]
    if not plan.out.copied:
        made = _matrix(out, plan.out, sizes.among(output))
        return [f"np.matmul({left}, {right}, out={made})"]
    inner = sizes.among([output[i] for i in plan.out.order])
    made = f"np.matmul({left}, {right})"
    if inner.numbers != plan.out.shape:
        made += f".reshape({tuple_of(inner.texts)})"
    return [f"{_transposed(out, plan.out.order)}[...] = {made}"]


def _matrix(name: str, matrix: Matrix, sizes: Sizes) -> str:
    """An array of these sizes as a stack of matrices."""
    moved = _transposed(name, matrix.order)
    if matrix.shape == sizes.among(matrix.order).numbers:
        return moved
    return f"{moved}.reshape({tuple_of(sizes.fused(matrix.order, matrix.shape))})"


def _tensordot(task: Task, names: Sequence[str], out: str) -> list[str]:
    tensordot(task)  # refuses what it is none of
    groups = groups_of(task)
    left, right = task.contraction.inputs
    axes = ([left.index(i) for i in groups.summed], [right.index(i) for i in groups.summed])
    made = (*groups.rows, *groups.columns)
    order = tuple(made.index(i) for i in task.contraction.output)
    found = f"np.tensordot({names[0]}, {names[1]}, {axes})"
    return [f"{out}[...] = {_transposed(found, order)}"]
