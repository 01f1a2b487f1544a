"""`einbench.einsum`: `numpy.einsum`, computed by the fastest kernel that is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import refuse_masks
from einbench.choose.environment import on_refresh
from einbench.choose.policy import on_change
from einbench.chunked import any_chunked, cluster, refuse_out
from einbench.dropin.chosen import Pick
from einbench.einsum.dtypes import CASTINGS
from einbench.einsum.interleaved import as_expression
from einbench.einsum.language import quoted
from einbench.einsum.plans import plan, plan_into

Array = npt.NDArray[Any]
#: kinds of operands whose plan is kept; all are dropped where there are more
_MOST_PLANS = 2048
_PLANS: dict[Any, Callable[..., Any]] = {}


def einsum(
    *operands: Any,
    out: Array | None = None,
    dtype: npt.DTypeLike | None = None,
    order: str = "K",
    casting: str = "safe",
    optimize: Any = False,
) -> Any:
    """``out[output] = sum over all other indices of the product of the operands``.

    As `numpy.einsum` is called: ``einsum("ij,jk->ik", a, b)`` or ``einsum(a, [0, 1], b, [1, 2],
    [0, 2])``, with ellipsis, repeated indices and broadcast axes of size 1. Transposes and
    diagonals of one operand are views, writeable if it is; a result without axes is a scalar.
    Operands of objects and longdouble go to NumPy; float16 is summed in float32. What one operand
    alone is summed over is summed first: ``0 * inf``, NaN in NumPy's own loop, may then give none.

    Which kernel computes it is chosen once for operands of such shapes, strides and dtypes: those
    that may be the fastest are compared with NumPy in wider precision and timed on the first call.
    The choice is remembered on disk; with ``EINBENCH_WISDOM=off`` nothing is timed or remembered,
    and a rule picks the kernel. ``EINBENCH_CHOICE`` and `einbench.choosing` say the same for every
    choice: ``off`` has that rule pick among kernels that give the same bits from the first call on,
    ``frozen`` does so for what is not remembered.

    Of dask arrays the result is one: computed later, block by block, with the values and the dtype
    that NumPy gives on the whole, whatever the chunks.

    Args:
        operands: the expression and the arrays, or each array and the list of its subscripts.
        out: memory for the result; it may overlap an operand, and axes of size 1 fill longer ones.
        dtype: of all products and sums.
        order: memory order of the result, C, F, A or K.
        casting: what may be cast: no, equiv, safe, same_kind or unsafe.
        optimize: accepted for NumPy's sake, and without meaning.

    Returns:
        An array, a view or a scalar; ``out`` where it is given.

    Raises:
        ValueError: the expression is none, or shapes do not fit; the message says where.
        TypeError: something cannot be cast as ``casting`` says.
    """
    # operands of a known kind: nothing else may take time
    if out is not None:
        operands = (*operands, out)
    try:
        if len(operands) == 3:
            text, a, b = operands
            key: Any = (
                text, a.__class__, a.shape, a.strides, a.dtype, b.__class__, b.shape, b.strides,
                b.dtype, dtype, order, casting, out is None,
            )  # fmt: skip
        elif len(operands) == 4:
            text, a, b, c = operands
            key = (
                text, a.__class__, a.shape, a.strides, a.dtype, b.__class__, b.shape, b.strides,
                b.dtype, c.__class__, c.shape, c.strides, c.dtype, dtype, order, casting,
                out is None,
            )  # fmt: skip
        elif len(operands) == 2:
            text, a = operands
            key = (text, a.__class__, a.shape, a.strides, a.dtype, dtype, order, casting)
        elif len(operands) == 5:
            text, a, b, c, d = operands
            key = (
                text, a.__class__, a.shape, a.strides, a.dtype, b.__class__, b.shape, b.strides,
                b.dtype, c.__class__, c.shape, c.strides, c.dtype, d.__class__, d.shape, d.strides,
                d.dtype, dtype, order, casting, out is None,
            )  # fmt: skip
        else:
            text, *arrays = operands
            key = _key(text, arrays, dtype, order, casting, out is None)
        call = _PLANS.get(key)
    except (AttributeError, TypeError, ValueError):
        call = None  # what is wrong, if anything, is found out below
    # what a kernel raises is no reason to plan again
    if call is not None:
        return call(*operands[1:])
    given = operands if out is None else operands[:-1]
    return _planned(given, out, dtype, order, casting, optimize)


def _planned(
    arguments: Sequence[Any], out: Any, dtype: npt.DTypeLike | None, order: str, casting: str,
    optimize: Any,
) -> Any:  # fmt: skip
    """A call with operands of a new kind, or with something that is wrong."""
    text, given = _expression(arguments)
    order, casting = _checked(order, casting)
    if any_chunked((*given, out)):
        if out is not None:
            refuse_out(quoted(text))
        return cluster("contraction").call(text, given, dtype, casting)
    if any(_has_own_way(each) for each in (*given, out)):
        # theirs may know fewer arguments: only what was given
        more: dict[str, Any] = {n: v for n, v in (("out", out), ("dtype", dtype)) if v is not None}
        more |= {"order": order} if order != "K" else {}
        more |= {"casting": casting} if casting != "safe" else {}
        more |= {"optimize": optimize} if optimize is not False else {}
        return np.einsum(text, *given, **more)
    for number, each in enumerate((*given, out)):
        # NumPy would compute with what lies below the mask, and return none
        refuse_masks(
            each, f"{quoted(text)}: {f'operand {number}' if number < len(given) else 'out'}"
        )
    arrays = [np.asarray(each) for each in given]
    kind = None if dtype is None else np.dtype(dtype)
    if out is not None:
        if not isinstance(out, np.ndarray):
            raise TypeError(f"{quoted(text)}: out is {type(out).__name__}; expected an array")
        if not out.flags.writeable:
            raise ValueError(
                f"{quoted(text)}: out is read-only; expected memory that can be written to"
            )
        arrays.append(np.asarray(out))
    call, pick = _plan(text, arrays, out, kind, order, casting)
    found = call(*arrays)
    if all(type(a) is np.ndarray and a.flags.aligned for a in (*given, arrays[-1])):
        # of a list nothing is kept: its key would be that of an array
        if pick.pending:
            call, _ = _plan(text, arrays, out, kind, order, casting)
        _keep(_key(text, arrays, dtype, order, casting, out is None), call)
    return found if out is None else out


def _plan(
    text: str, arrays: Sequence[Array], out: Any, dtype: np.dtype[Any] | None, order: str,
    casting: str,
) -> tuple[Callable[..., Any], Pick]:  # fmt: skip
    pick = Pick()
    if out is None:
        return plan(text, arrays, dtype, order, casting, pick, plain=pick.plain), pick
    return plan_into(text, arrays[:-1], dtype, casting, arrays[-1], pick), pick


def _key(
    text: str, arrays: Sequence[Array], dtype: Any, order: str, casting: str, fresh: bool
) -> tuple[Any, ...]:
    """As `einsum` writes it out."""
    kinds = [(a.__class__, a.shape, a.strides, a.dtype) for a in arrays]
    last = (dtype, order, casting) if len(arrays) == 1 else (dtype, order, casting, fresh)
    return (text, *(each for kind in kinds for each in kind), *last)


def _keep(key: Any, call: Callable[..., Any]) -> None:
    try:
        if len(_PLANS) >= _MOST_PLANS:
            _PLANS.clear()
        _PLANS[key] = call
    except TypeError:
        pass  # a dtype given as a list, which has no hash


on_refresh.append(_PLANS.clear)
on_change.append(_PLANS.clear)


def _expression(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    if arguments and isinstance(arguments[0], str | bytes):
        text, *given = arguments
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        if not given:
            raise ValueError(f"{quoted(text)}: no operands were given")
        return text, tuple(given)
    return as_expression(arguments)


def _checked(order: Any, casting: Any) -> tuple[str, str]:
    order, casting = (x.decode("latin-1") if isinstance(x, bytes) else x for x in (order, casting))
    if order is None:
        order = "K"
    if not isinstance(order, str) or order.upper() not in ("C", "F", "A", "K"):
        raise ValueError(f"einsum: order={order!r}; expected C, F, A or K")
    if not isinstance(casting, str):
        raise TypeError(f"einsum: casting={casting!r}; expected one of: {', '.join(CASTINGS)}")
    if casting not in CASTINGS:
        raise ValueError(f"einsum: casting={casting!r}; expected one of: {', '.join(CASTINGS)}")
    return order.upper(), casting


def _has_own_way(operand: Any) -> bool:
    """Whether its class computes functions of NumPy's itself, as other libraries' arrays do."""
    own = getattr(type(operand), "__array_function__", None)
    return own is not None and own is not np.ndarray.__array_function__
