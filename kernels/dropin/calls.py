"""`einbench.einsum`: `numpy.einsum`, computed by the kernel that is expected to be the fastest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.einsum.dtypes import CASTINGS
from einbench.einsum.interleaved import as_expression
from einbench.einsum.kernels import auto
from einbench.einsum.language import quoted
from einbench.einsum.plans import plan, plan_into
from einbench.einsum.rule import choose
from einbench.einsum.task import Task

Array = npt.NDArray[Any]
#: kinds of operands whose plan is kept; all are dropped where there are more
_MOST_PLANS = 4096
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
    Operands of objects and longdouble go to NumPy; float16 is summed in float32.

    How it is computed is planned once for operands of such shapes, strides and dtypes.

    Args:
        operands: the expression and the arrays, or each array and the list of its subscripts.
        out: memory for the result; it may overlap an operand.
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
    try:
        if out is None:
            if len(operands) == 3:
                text, a, b = operands
                key: Any = (
                    text, a.__class__, a.shape, a.strides, a.dtype, b.__class__, b.shape, b.strides,
                    b.dtype, dtype, order, casting,
                )  # fmt: skip
                return _PLANS[key](a, b)
            if len(operands) == 2:
                text, a = operands
                key = (text, a.__class__, a.shape, a.strides, a.dtype, dtype, order, casting)
                return _PLANS[key](a)
            text, *arrays = operands
            kinds = [(a.__class__, a.shape, a.strides, a.dtype) for a in arrays]
            key = (text, *kinds, dtype, order, casting)
            return _PLANS[key](*arrays)
    except (AttributeError, KeyError, TypeError, ValueError):
        pass  # what is wrong, if anything, is found out below
    return _planned(operands, out, dtype, order, casting)


def _planned(
    arguments: Sequence[Any], out: Any, dtype: npt.DTypeLike | None, order: str, casting: str
) -> Any:
    """A call with operands of a new kind, with ``out``, or with something that is wrong."""
    text, given = _expression(arguments)
    order, casting = _checked(order, casting)
    if any(_has_own_way(each) for each in (*given, out)):
        more = {} if dtype is None else {"dtype": dtype}
        return np.einsum(text, *given, out=out, order=order, casting=casting, **more)  # type: ignore[call-overload]
    arrays = tuple(np.asarray(each) for each in given)
    chosen = None if dtype is None else np.dtype(dtype)
    if out is not None:
        return _into(text, arrays, out, chosen, casting)
    if any(type(each) is not np.ndarray or not each.flags.aligned for each in given):
        # not kept: the key of a list would be that of an array
        return plan(text, arrays, chosen, order, casting, auto, plain=_is_plain)(*arrays)
    key: Any
    if len(arrays) == 1:
        (a,) = arrays
        key = (text, a.__class__, a.shape, a.strides, a.dtype, dtype, order, casting)
    elif len(arrays) == 2:
        a, b = arrays
        key = (
            text, a.__class__, a.shape, a.strides, a.dtype, b.__class__, b.shape, b.strides,
            b.dtype, dtype, order, casting,
        )  # fmt: skip
    else:
        key = (
            text, *((a.__class__, a.shape, a.strides, a.dtype) for a in arrays), dtype, order,
            casting,
        )  # fmt: skip
    call = plan(text, arrays, chosen, order, casting, auto, plain=_is_plain)
    _keep(key, call)
    return call(*arrays)


def _is_plain(task: Task) -> bool:
    return len(task.strides) < 3 and choose(task)[0] == "einsum"


def _keep(key: Any, call: Callable[..., Any]) -> None:
    try:
        if len(_PLANS) >= _MOST_PLANS:
            _PLANS.clear()
        _PLANS[key] = call
    except TypeError:
        pass  # a dtype given as a list, which has no hash


def _into(
    text: str, arrays: tuple[Array, ...], out: Any, dtype: np.dtype[Any] | None, casting: str
) -> Any:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"einsum: out is {type(out).__name__}; expected an array")
    memory = np.asarray(out)
    kinds = [(a.shape, a.strides, a.dtype, a.flags.aligned) for a in (*arrays, memory)]
    key = (text, *kinds, dtype, casting)
    call = _PLANS.get(key)
    if call is None:
        call = plan_into(text, arrays, dtype, casting, memory, auto)
        _keep(key, call)
    if not memory.flags.writeable:
        raise ValueError("einsum: out is read-only; expected memory that can be written to")
    call(arrays, memory)
    return out


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
