"""The arguments of one call, checked against the shapes and dtypes of an operation."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from einbench.inputs import Input

Array = npt.NDArray[Any]


class Signature(Protocol):
    """The properties of an operation that binding needs."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def inputs(self) -> Mapping[str, Input]:
        """Axes and kind of every array, in order."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Axis names of every result, in order."""

    @property
    def integer_outputs(self) -> Sequence[str]:
        """Results that are whole numbers."""

    @property
    def leading(self) -> str | None:
        """The axis of rows, which may be 0."""

    @property
    def options(self) -> Mapping[str, Sequence[str]]:
        """Choices of every keyword-only option."""


class Bound(NamedTuple):
    """Arrays in the operation's order, options with defaults filled in, size of every axis."""

    arrays: tuple[Array, ...]
    options: dict[str, str]
    sizes: dict[str, int]


def bind(signature: Signature, arrays: Sequence[Any], named: Mapping[str, Any]) -> Bound:
    """Name the arguments of a call and check dtypes, dimensions, sizes and options.

    Raises:
        TypeError: an argument is missing, given twice, unknown, masked, or of a wrong dtype.
        ValueError: a number of dimensions or a size does not fit, an option is unknown.
    """
    options = choose_options(signature, {k: v for k, v in named.items() if k in signature.options})
    rest = {k: v for k, v in named.items() if k not in signature.options}
    given = by_name(signature, arrays, rest)
    checked = {name: _floating_or_integer(signature, name, v) for name, v in given.items()}
    _agree_on_dtype(signature, checked)
    return Bound(tuple(checked.values()), options, sizes_of(signature, checked))


def choose_options(signature: Signature, given: Mapping[str, str]) -> dict[str, str]:
    """Options with defaults filled in, each checked against its choices."""
    chosen = {}
    for name, choices in signature.options.items():
        value = given.get(name, choices[0])
        if not isinstance(value, str) or value not in choices:
            raise ValueError(
                f"{signature.name}: {name}={value!r} is no choice; expected one of "
                + ", ".join(repr(choice) for choice in choices)
            )
        chosen[name] = value
    return chosen


def sizes_of(signature: Signature, arrays: Mapping[str, Array]) -> dict[str, int]:
    """Size of every axis, from arrays that must agree on them."""
    sizes: dict[str, int] = {}
    origin: dict[str, str] = {}
    for name, array in arrays.items():
        axes = signature.inputs[name].names
        if array.ndim != len(axes):
            hint = "; add a row axis with x[None, :]" if array.ndim == len(axes) - 1 else ""
            raise ValueError(
                f"{signature.name}: {name} must have {len(axes)} dimensions "
                f"({', '.join(axes)}), got shape {array.shape}{hint}"
            )
        for axis, size in zip(axes, array.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(
                    f"{signature.name}: {name} has {axis} {size} where {origin[axis]} has "
                    f"{sizes[axis]}; expected {name} of shape ({', '.join(axes)})"
                )
            origin.setdefault(axis, name)
    for axis, size in sizes.items():
        if size == 0 and axis != signature.leading:
            raise ValueError(
                f"{signature.name}: {origin[axis]} has no {axis}; at least 1 is needed"
            )
    return sizes


def check_out(signature: Signature, bound: Bound, out: Any) -> Any:
    """Memory for a result, as kernels take it: an array, or a plain tuple of as many as outputs.

    Raises:
        TypeError: not arrays, not as many as outputs, or of another dtype.
        ValueError: a shape does not fit, or it is not in C order, read-only, or shares memory with
            an input or another output.
    """
    names = list(signature.outputs)
    held = (out,) if len(names) == 1 else out
    if not isinstance(held, tuple) or len(held) != len(names):
        raise TypeError(
            f"{signature.name}: out must be a tuple of {len(names)} arrays "
            f"({', '.join(names)}), got {type(out).__name__}"
        )
    inputs = dict(zip(signature.inputs, bound.arrays, strict=True))
    floating = next(a.dtype for name, a in inputs.items() if not signature.inputs[name].integer)
    taken = list(inputs.items())
    for name, array in zip(names, held, strict=True):
        shape = tuple(bound.sizes[axis] for axis in signature.outputs[name].split())
        subject = f"{signature.name}: out for {name}"
        dtype = np.dtype(np.int64) if name in signature.integer_outputs else floating
        plain = isinstance(array, np.ndarray) and not _holds_masks(array)
        if not plain or array.dtype != dtype:
            came = array.dtype if plain else type(array).__name__
            raise TypeError(f"{subject} must be an array of {dtype}, got {came}")
        if array.shape != shape:
            raise ValueError(f"{subject} must have shape {shape}, got {array.shape}")
        flags = array.flags
        if not (flags.c_contiguous and flags.writeable and flags.aligned):
            fault = "not in C order" if not flags.c_contiguous else "read-only"
            if flags.c_contiguous and flags.writeable:
                fault = "not aligned"
            raise ValueError(f"{subject} is {fault}; make it with np.empty({shape}, '{dtype}')")
        for other, there in taken:
            if np.may_share_memory(array, there):
                raise ValueError(f"{subject} shares memory with {other}: give it memory of its own")
        taken.append((name, array))
    # a memory map is memory too: kernels see the array in it
    memory = tuple(np.asarray(array) for array in held)
    return memory[0] if len(names) == 1 else memory


def by_name(
    signature: Signature, arrays: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Arrays by the names of the operation's inputs, in their order.

    Raises:
        TypeError: one is missing, unknown, or given twice.
    """
    call = f"{signature.name}({', '.join([*signature.inputs, *signature.options])})"
    if len(arrays) > len(signature.inputs):
        raise TypeError(f"{call} takes {len(signature.inputs)} arrays, got {len(arrays)}")
    given = dict(zip(signature.inputs, arrays, strict=False))
    for name, value in named.items():
        if name not in signature.inputs:
            raise TypeError(f"{call} has no argument {name!r}{_drawn(signature, name, named)}")
        if name in given:
            raise TypeError(f"{call}: {name} is given by position and by name")
        given[name] = value
    if missing := [name for name in signature.inputs if name not in given]:
        raise TypeError(f"{call} is missing {', '.join(missing)}")
    return {name: given[name] for name in signature.inputs}


def _drawn(signature: Signature, name: str, named: Mapping[str, Any]) -> str:
    """What to do with the size of an axis where arrays are taken; empty for any other name."""
    rows = (signature.leading, "batch") if signature.leading is not None else ()
    axes = [*rows, *(axis for each in signature.inputs.values() for axis in each.names)]
    if name not in axes:
        return ""
    given = {n: v for n, v in named.items() if n in axes and n not in signature.inputs}
    sizes = {n: v if isinstance(v, int) else 128 for n, v in given.items()}
    parts = [f"{v}" if n in rows else f"{n}={v}" for n, v in sizes.items()]
    # one by its place comes first
    parts.sort(key=lambda part: "=" in part)
    return (
        f", which is the size of an axis; give arrays, or draw some: "
        f'**einbench.operation("{signature.name}").draw({", ".join(parts)})'
    )


def _floating_or_integer(signature: Signature, name: str, value: Any) -> Array:
    """The argument as a plain array; pandas' labels and a matrix's operators count for nothing."""
    subject = f"{signature.name}: {name}"
    if type(value) is not np.ndarray:
        refuse_masks(value, subject)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as problem:
        raise type(problem)(f"{subject} is no array: {' '.join(str(problem).split())}") from None
    integer = signature.inputs[name].integer
    if array.dtype.kind in "iu" if integer else array.dtype in (np.float32, np.float64):
        return array
    expected = "integers" if integer else "float32 or float64"
    came, advice = _described(name, value, array, "int64" if integer else "float32")
    raise TypeError(f"{subject} must be {expected}, got {came}; {advice}")


def refuse_masks(value: Any, subject: str) -> None:
    """Raise where a masked array would lose its mask.

    Raises:
        TypeError: it is one, or a list or tuple with one inside.
    """
    if _holds_masks(value):
        name = subject.rpartition(" ")[2]
        name = name if name.isidentifier() else "array"
        filled = f"np.ma.array({name})" if isinstance(value, list | tuple) else name
        raise TypeError(
            f"{subject} is masked, and masks are not computed with; give numbers for what is "
            f"masked: {filled}.filled(0), say"
        )


def _holds_masks(value: Any) -> bool:
    # while another thread imports it, it may lack its class
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is None:
        return False
    if isinstance(value, list | tuple):
        # numbers are most of what lists hold, and are told apart first
        return any(type(item) not in (float, int) and _holds_masks(item) for item in value)
    return isinstance(value, masked)


def _described(name: str, value: Any, array: Array, dtype: str) -> tuple[str, str]:
    """What came in place of numbers of that dtype, and how to make such numbers of it."""
    kind = array.dtype.kind
    if kind == "c":
        advice = f"no complex numbers are computed with: give np.real({name}), say"
        return f"{array.dtype}", advice
    if hasattr(value, "toarray"):
        return type(value).__name__, f"convert with {name}.toarray()"
    if kind == "O" and array.ndim == 0:
        return type(value).__name__, f"give an array of {dtype}"
    if kind in "OSUT":
        came = f"{type(value).__name__} of {'objects' if kind == 'O' else 'text'}"
        return came, f"where they are numbers, convert with np.asarray({name}, '{dtype}')"
    if kind not in "biuf":
        return f"{array.dtype}", f"give an array of {dtype}"
    if array.dtype.char == "g" and dtype != "int64":
        return f"{array.dtype}", f"round with np.asarray({name}, 'float64')"
    if isinstance(value, np.ndarray):
        return f"{array.dtype}", f"convert with {name}.astype('{dtype}')"
    came = f"{type(value).__name__} of {array.dtype}"
    return came, f"convert with np.asarray({name}, '{dtype}')"


def _agree_on_dtype(signature: Signature, arrays: Mapping[str, Array]) -> None:
    floating = {n: a.dtype for n, a in arrays.items() if not signature.inputs[n].integer}
    first, dtype = next(iter(floating.items()))
    for name, other in floating.items():
        if other != dtype:
            raise TypeError(
                f"{signature.name}: {name} is {other} while {first} is {dtype}; "
                "give every array in one dtype"
            )
