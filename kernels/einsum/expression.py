"""An expression as an `Operation`: all that judges its kernels follows from its letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from einbench.einsum.blocked import blocked
from einbench.einsum.compiling import compiled
from einbench.einsum.facts import facts, task_of
from einbench.einsum.kernels import KERNELS
from einbench.einsum.language import ELLIPSIS, parse, quoted
from einbench.einsum.named import as_letters, dotted
from einbench.einsum.nest import ANY_SIZES, MOST_NESTED, nest
from einbench.einsum.pairs import ORDERS, order_of, orders_of
from einbench.einsum.plans import plan, plan_into
from einbench.einsum.products import broadcast, groups_of
from einbench.einsum.rule import choose_common
from einbench.einsum.shapes import Contraction, bind, letter
from einbench.einsum.task import Array, Refusal, Run, Task
from einbench.einsum.temporaries import elements
from einbench.inputs import IN_SUMS, Input, Kind
from einbench.kernel import BLAS_VARIES
from einbench.operation import Operation
from einbench.pickling import keep_recipe, recipe
from einbench.prepared import Filling
from einbench.problem import Problem

#: size of an axis that is given none, and is not the axis of rows
DEFAULT_SIZE = 16
#: operands whose product stays finite where values lie decades apart
_MOST_DECADES = 4
#: most products of interpreted loops in a row, or where there are no rows in all: no smaller batch
#: can stand for the rest
_MOST_LOOPED = 500_000


def expression(text: str, *, axes: str = "letters", **sizes: int) -> Operation:
    """The operation that an einsum expression states, registered nowhere.

    ``einbench.expression("bij,bjk->bik", i=3, j=3, k=3)`` has the axis of rows b, the first that is
    given no size and stands once in each operand; further ones have size 16. `einbench.check`,
    `compare` and `fastest` take it. Its kernels, where they apply: loop, einsum, einsum_path,
    tensordot, matmul, broadcast, blocked, path, numba, numba_parallel; of three operands and more
    blocked and path in the second and third best order too: blocked_second, path_third.

    Args:
        text: the expression, with an output or, as in NumPy, without; no ellipsis, for the axes
            that it stands for have no size.
        axes: ``letters``; or ``named``, where axes are words, ``"batch features, units features ->
            batch units"``, with spaces or dots between them.
        sizes: of the axes by name.

    Raises:
        TypeError: the expression is no string, or a size no whole number from 1.
        ValueError: the expression is none, or a size is that of no axis.
    """
    if not isinstance(text, str):
        raise TypeError(f"an expression is a string, 'ij,jk->ik' say; got {type(text).__name__}")
    if axes not in ("letters", "named"):
        raise ValueError(
            f"{quoted(text)}: axes={axes!r}; expected 'letters', or 'named' for words; sizes are "
            "given by the name of an axis, i=3"
        )
    names: Mapping[str, str] = {}
    letters = text
    if axes == "named":
        named = as_letters(text)
        letters, names = named.text, named.names
    subscripts = parse(letters)
    if any(ELLIPSIS in each for each in subscripts.inputs):
        raise ValueError(f"{quoted(text)}: '...' stands for axes without names; give them letters")
    places = list(dict.fromkeys(letter for each in subscripts.inputs for letter in each))
    named_axes = [names.get(letter, letter) for letter in places]
    if taken := [axis for axis in named_axes if axis in ("text", "axes")]:
        raise ValueError(
            f"{quoted(text)}: an axis cannot be called {taken[0]!r}, which expression() takes "
            "itself; rename it"
        )
    if strange := [axis for axis in sizes if axis not in named_axes]:
        raise ValueError(
            f"{quoted(text)} has no axis {strange[0]!r}; its axes: {', '.join(named_axes)}"
        )
    # a part of the rows is no part of a diagonal
    twice = {each[i] for each in subscripts.inputs for i in range(len(each)) if each[i] in each[:i]}
    open_axes = [
        a for n, a in zip(places, named_axes, strict=True) if a not in sizes and n not in twice
    ]
    rows = "batch" if "batch" in open_axes else next(iter(open_axes), None)
    shown = bind(subscripts, [(1,) * len(each) for each in subscripts.inputs])
    op = _operation(
        _spelt(shown, named_axes, named=axes == "named"), shown, named_axes, rows, sizes
    )
    _add_kernels(op, shown, named_axes)
    keep_recipe(op, again, text, axes, dict(sizes))
    return op


def again(text: str, axes: str, sizes: Mapping[str, int]) -> Operation:
    """The same operation in another process."""
    return expression(text, axes=axes, **sizes)


def text_of(op: Operation) -> str:
    """The expression that an operation was made of, in canonical letters; empty of any other."""
    made = recipe(op)
    if made is None or made.make is not again:
        return ""
    letters = {axis: letter(number) for number, axis in enumerate(op.axes)}
    shapes = [*(each.axes for each in op.inputs.values()), *op.outputs.values()]
    *inputs, output = ["".join(letters[axis] for axis in axes.split()) for axes in shapes]
    return f"{','.join(inputs)}->{output}"


def expected_of(op: Operation, arrays: Sequence[Array]) -> str:
    """Of an expression, the kernel that is expected to take the least; empty of other operations.

    Of those that compute in the same way whatever code is compiled by then: for three operands and
    more NumPy's optimised path.
    """
    text = text_of(op)
    found: list[str] = []

    def note(task: Task) -> Run:
        found.append(choose_common(task)[0])
        return lambda arrays, out: None

    if text:
        plan(text, arrays, None, "C", "safe", note, views=False)
    return found[0].replace("path", "einsum_path") if found else ""


def has_own_kernels(op: Operation) -> bool:
    """Whether others than its expression's were added."""
    return any(kernel.origin.module != __name__ for kernel in op.kernels.values())


def _spelt(shown: Contraction, axes: Sequence[str], *, named: bool) -> str:
    """With an arrow, also where it was left out; words are kept apart by a dot."""
    parts = [[axes[i] for i in each] for each in (*shown.inputs, shown.output)]
    if named:
        return dotted(parts)
    *inputs, output = map("".join, parts)
    return f"{','.join(inputs)}->{output}"


def _operation(
    name: str, shown: Contraction, axes: Sequence[str], rows: str | None, sizes: Mapping[str, int]
) -> Operation:
    kind = Kind("values", decades=len(shown.inputs) <= _MOST_DECADES)
    inputs = {
        f"x{n}": Input(" ".join(axes[i] for i in each), kind, IN_SUMS)
        for n, each in enumerate(shown.inputs)
    }
    return Operation(
        name=name,
        formula=f"y = einsum({name})",
        inputs=inputs,
        outputs={"y": " ".join(axes[i] for i in shown.output)},
        sizes={axis: sizes.get(axis, DEFAULT_SIZE) for axis in axes if axis != rows},
        leading=rows,
        **facts(shown, axes, tuple(inputs)),
    )


def _add_kernels(op: Operation, shown: Contraction, axes: Sequence[str]) -> None:
    """Every kernel that applies, whatever the sizes."""
    text, many = shown.text, len(shown.inputs)
    fitting = {"einsum", "broadcast", "blocked", "numba", "numba_parallel"}
    if prod(op.sizes.values()) <= _MOST_LOOPED:
        fitting.add("loop")
    if many > 1:
        fitting.add("einsum_path")
    if many > 2:
        sizes = tuple(op.sizes.get(axis, DEFAULT_SIZE) for axis in axes)
        orders = orders_of(task_of(Contraction(shown.inputs, shown.output, sizes)))
        for which in ORDERS[: len(orders)]:
            fitting |= {f"path{which}", f"blocked{which}"}
    if many == 2:
        fitting |= _products(shown)
    if len(axes) > MOST_NESTED:
        task = task_of(Contraction(shown.inputs, shown.output, (DEFAULT_SIZE,) * len(axes)))
        if nest(task).depth > MOST_NESTED:
            fitting -= {"numba", "numba_parallel"}
    if not shown.fits_numpy:
        fitting -= {"einsum", "einsum_path"}
    for name in KERNELS:
        if name not in fitting:
            continue
        prepare = partial(_prepared, text, name)
        base, rank = order_of(name)
        prepare.__doc__ = SAYS[base] + _SAYS_ORDER[rank]
        op.kernel(
            name, prepare=True,
            extra_elements=partial(_extra, shown, axes, name) if base in _DECLARED else None,
            requires=("numba",) if base in _COMPILED else (),
            varies=BLAS_VARIES if base in _BY_BLAS else "",
        )(prepare)  # fmt: skip


def _extra(shown: Contraction, axes: Sequence[str], name: str, sizes: Mapping[str, int]) -> float:
    """Elements of a kernel's temporaries in the dtype, float32 or float64, that has more."""
    shapes = [tuple(sizes[axes[i]] for i in each) for each in shown.inputs]
    return max(elements(shown.text, shapes, dtype, name) for dtype in ("float32", "float64"))


def _products(shown: Contraction) -> set[str]:
    """Of two operands, whether they are a matrix product once sums of one of them are taken."""
    left, right = shown.inputs
    kept = {*shown.output}
    inputs = tuple(
        tuple(i for i in dict.fromkeys(each) if i in other or i in kept)
        for each, other in ((left, right), (right, left))
    )
    groups = groups_of(task_of(Contraction(inputs, shown.output, shown.sizes)))
    return {"matmul"} if groups.stack else {"matmul", "tensordot"}


def _prepared(text: str, name: str, problem: Problem) -> Filling:
    """A kernel planned for the arrays of a problem; those that are not contiguous, in the call."""
    unroll_from = _unroll_from(problem)
    kernel = partial(_planned, name, unroll_from)
    ones = name in _LOOPS
    if problem.layout.strip("C") == "":
        arrays = [
            np.zeros(each.shape(problem.sizes), problem.dtype)
            for each in problem.operation.inputs.values()
        ]
        return _made(text, arrays, kernel, ones=ones)
    known: dict[Any, Filling] = {}

    def of(arrays: Sequence[Array]) -> Filling:
        key = tuple([(a.shape, a.strides) for a in arrays])
        if key not in known:
            known[key] = _made(text, arrays, kernel, ones=ones)
        return known[key]

    return Filling(
        lambda *arrays: of(arrays).call(*arrays), lambda *given: of(given[:-1]).into(*given)
    )


def _made(
    text: str, arrays: Sequence[Array], kernel: Callable[[Task], Run], *, ones: bool
) -> Filling:
    """A planned call, an array without axes in place of a scalar; and the same into memory."""
    planned = plan(text, arrays, None, "C", "safe", kernel, views=False, ones=ones)
    filling: list[Callable[..., Array]] = []

    def call(*arrays: Array) -> Array:
        return np.asarray(planned(*arrays))

    def into(*given: Array) -> Array:
        if not filling:  # most are never given any
            *arrays, out = given
            filling.append(plan_into(text, arrays, None, "safe", out, kernel, ones=ones))
        return filling[0](*given)

    return Filling(call, into)


def _unroll_from(problem: Problem) -> int:
    """Products from which small axes are unrolled; where none is small, or at other sizes, there is
    one code for all.

    Code of small axes is compiled anew for every size. The one that the expression was given is
    worth it, and not each that the check asks.
    """
    stated = problem.operation.sizes
    same = all(problem.sizes[axis] == size for axis, size in stated.items())
    return 0 if same and min(stated.values(), default=DEFAULT_SIZE) < DEFAULT_SIZE else ANY_SIZES


def _planned(name: str, unroll_from: int, task: Task) -> Run:
    """A kernel of that name; where all loops are unrolled there are none for threads."""
    if name == "broadcast":
        return broadcast(task)  # its memory is declared
    loops = partial(compiled, task, unroll_from=unroll_from)
    base, rank = order_of(name)
    try:
        if base == "blocked":  # `KERNELS` has one that lets another serve while it is compiled
            return blocked(task, rank)
        return loops(parallel=name != "numba") if name in _COMPILED else KERNELS[name](task)
    except Refusal:
        if base not in _COMPILED:
            raise
        return loops(parallel=False)


_LOOPS = ("numba", "numba_parallel")
_COMPILED = ("blocked", *_LOOPS)
_BY_BLAS = ("einsum_path", "tensordot", "matmul", "path")
#: those whose temporaries are known
_DECLARED = ("blocked", "broadcast", "loop", "matmul", "numba", "numba_parallel", "path")
#: what each kernel is, as tables show it
SAYS = {
    "loop": "Nested loops, one product and one sum at a time.",
    "einsum": "NumPy's own loop over all indices.",
    "einsum_path": "NumPy's optimised path: two operands at a time, by BLAS where it can.",
    "tensordot": "One matrix product of all indices that are summed.",
    "matmul": "A stack of matrix products, on views where the strides allow it.",
    "broadcast": "All products at once, then their sums.",
    "blocked": "Products and sums in vector registers, on blocks that stay in a core's cache.",
    "path": "Two operands at a time, each pair by the kernel that fits it.",
    "numba": "The loops compiled, in the order of memory, small axes unrolled.",
    "numba_parallel": "The compiled loops shared out between threads.",
}
#: and what is added of one that takes another order of pairs
_SAYS_ORDER = ("", " In the second best order.", " In the third best order.")
