"""Values of any kind that raced functions are called with: copied, and compared with the copy.

Entries of lists, dictionaries, named tuples and their subclasses are looked at one by one. Of other
objects only those are copied whose class defines ``==``: of the rest nobody can tell whether a copy
is still the same.
"""

from __future__ import annotations

import array
import copy
import dataclasses
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.unchanged import moved_copy, same_bits

Array = npt.NDArray[Any]

#: what cannot change need not be copied
_FINAL = (int, float, complex, bool, str, bytes, type(None), range, slice)
#: of a class that defines none; by it objects equal themselves alone
_IDENTITY: Any = object.__eq__


def is_container(value: Any) -> bool:
    """Whether its entries are looked at one by one."""
    return isinstance(value, list | dict) or (
        isinstance(value, tuple) and (type(value) is tuple or hasattr(value, "_make"))
    )


def entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Of a container: key or number, and what is there."""
    return iter(value.items() if isinstance(value, dict) else enumerate(value))


def label(name: str, value: Any, key: Any) -> str:
    """What an entry of the container of this name is called: ``blocks[2]``, ``point.x``."""
    if hasattr(value, "_fields"):
        return f"{name}.{value._fields[key]}"
    return f"{name}[{key!r}]"


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """A container of the same class with every entry changed; itself where none can be made."""
    kind = type(value)
    if kind in (list, tuple):
        return kind([change(each) for each in value])
    if kind is dict:
        return {key: change(each) for key, each in value.items()}
    try:
        if isinstance(value, tuple):
            return kind._make(map(change, value))
        other = copy.copy(value)
    except Exception:  # a class of anyone's may raise anything
        return value
    if other is value or type(other) is not kind:
        return value
    # by the built-in class: its own methods may convert, check or refuse
    if isinstance(value, dict):
        for key, each in value.items():
            dict.__setitem__(other, key, change(each))
    else:
        list.__setitem__(other, slice(None), [change(each) for each in value])
    return other


def copied(value: Any) -> Any:
    """A copy of what is no container; itself where there is none that is equal to it."""
    if type(value) in _FINAL or type(value).__eq__ is _IDENTITY:
        return value
    if isinstance(value, np.ndarray):
        return _copied_array(value)
    found = _deep(value)
    return value if found is None else found


def _deep(value: Any) -> Any:
    """None where it cannot be copied, or its copy differs from it from the start."""
    for make in (copy.deepcopy, operator.methodcaller("copy")):  # numba's lists take the latter
        try:
            found = make(value)
            if found is not value and is_same(found, value):
                return found
        except Exception:  # noqa: S112 - locks, files; a class of anyone's may raise anything
            continue
    return None


def _copied_array(value: Array) -> Array:
    if type(value) is np.ndarray and not value.dtype.hasobject:
        found = moved_copy(value)
    else:
        found = value.copy()
        if value.dtype.hasobject and (deep := _deep(found)) is not None:
            found = deep
    found.flags.writeable = value.flags.writeable
    return found


def difference(name: str, now: Any, then: Any) -> str:
    """What of the value of this name is another now: ``name``, ``name[2]``; empty where nothing."""
    if now is then:
        return ""
    if type(now) is not type(then):
        return name
    if not is_container(now):
        return "" if is_same(now, then) else name
    if len(now) != len(then) or (isinstance(now, dict) and [*now] != [*then]):
        return name
    for (key, one), other in zip(entries(now), _held(then), strict=True):
        # names are made where they are needed: there may be a million entries
        if one is not other and (found := difference(label(name, now, key), one, other)):
            return found
    return ""


def _held(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal, NaN to itself; also where that cannot be told."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_container(one):
        return not difference("it", one, other)
    if isinstance(one, np.ndarray):
        return _same_arrays(one, other)
    if isinstance(one, array.array):  # its == has NaN differ from itself
        return one.typecode == other.typecode and one.tobytes() == other.tobytes()
    if type(one).__eq__ is _IDENTITY:
        return False
    try:
        equal = one == other
        if isinstance(equal, bool | np.bool_):
            return bool(equal) or bool(_nan(one) and _nan(other))
    except Exception:  # of arrays inside, "the truth value is ambiguous"
        return _same_parts(one, other)
    return _same_elements(one, other, equal)


def _same_parts(one: Any, other: Any) -> bool:
    """Of objects whose ``==`` raises."""
    if isinstance(one, Mapping):
        return is_same(dict(one), dict(other))
    if isinstance(one, Sequence):
        return is_same([*one], [*other])
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one) if field.compare]
        return all(is_same(getattr(one, n, None), getattr(other, n, None)) for n in names)
    return _same_elements(one, other, None)


def _same_elements(one: Any, other: Any, equal: Any) -> bool:
    """Of tensors and tables, whose ``==`` is one of them too."""
    if getattr(one, "shape", None) != getattr(other, "shape", None):
        return False
    try:
        if callable(getattr(one, "equals", None)):  # tables: names of columns count
            return bool(one.equals(other))
        return bool((equal | (_nan(one) & _nan(other))).all())
    except Exception:  # nothing can be said of it
        return True


def _nan(value: Any) -> Any:
    """NaN alone differs from itself; of tensors, in which places."""
    return value != value  # noqa: PLR0124 - as said


def _same_arrays(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.flags.writeable != other.flags.writeable:
        return False
    if one.dtype.kind == "c":
        return _same_arrays(one.real, other.real) and _same_arrays(one.imag, other.imag)
    if one.dtype.kind in "biuf" and one.itemsize <= 8:
        return same_bits(one, other)
    if one.dtype.hasobject:
        return is_same(one.ravel().tolist(), other.ravel().tolist())
    return one.tobytes() == other.tobytes()
