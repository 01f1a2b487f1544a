"""Results of kernels between processes: numbers in shared memory, the description as JSON.

Memory that is not new is described as an alias of an input or of an earlier result.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Words = dict[str, Any]

#: earlier results that a worker keeps, to recognise aliases of them
_MOST, _MOST_BYTES = 8, 64_000_000


class ResultEncoder:
    """In the worker: a result to its description and its arrays."""

    def __init__(self) -> None:
        self._earlier: dict[int, Array] = {}
        self._number = 0

    def encoded(self, result: Any, inputs: Sequence[Array]) -> tuple[Words, list[Array]]:
        """Its description, and the arrays whose numbers follow it, one after the other."""
        arrays: list[Array] = []
        return self._words(result, inputs, arrays), arrays

    def forget(self) -> None:
        """Drop earlier results: the next are another kernel's."""
        self._earlier.clear()

    def _words(self, value: Any, inputs: Sequence[Array], arrays: list[Array]) -> Words:
        if isinstance(value, tuple | list):
            items = [self._words(item, inputs, arrays) for item in value]
            return {"kind": "list" if isinstance(value, list) else "tuple", "items": items}
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return self._array(value, inputs, arrays)
        if isinstance(value, np.generic):
            return {"kind": "scalar", "dtype": value.dtype.str, "value": value.tobytes().hex()}
        if value is None or isinstance(value, bool | int | float | str):
            return {"kind": "plain", "value": value}
        return {"kind": "other", "type": type(value).__name__}

    def _array(self, array: Array, inputs: Sequence[Array], arrays: list[Array]) -> Words:
        words: Words = {
            "kind": "array", "dtype": array.dtype.str, "shape": array.shape,
            "writeable": array.flags.writeable,
        }  # fmt: skip
        for number, given in enumerate(inputs):
            if np.may_share_memory(array, given):
                words["input"] = number
                words["beyond"] = array.ctypes.data - given.ctypes.data
                words["strides"] = array.strides
        for number, earlier in self._earlier.items():
            if np.may_share_memory(array, earlier):
                words["earlier"] = number
        if "earlier" not in words and array.nbytes <= _MOST_BYTES:
            self._number += 1
            self._earlier[self._number] = array
            words["number"] = self._number
            if len(self._earlier) > _MOST:
                del self._earlier[next(iter(self._earlier))]
        arrays.append(array)
        return words


class ResultDecoder:
    """In the requesting process: the same result, in new memory where it was new."""

    def __init__(self) -> None:
        self._earlier: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()

    def result(
        self, words: Mapping[str, Any], take: Callable[[int], bytes], inputs: Sequence[Array]
    ) -> Any:
        """The result; ``take(n)`` gives the next n bytes of its numbers."""
        kind = words["kind"]
        if kind in ("tuple", "list"):
            items = [self.result(item, take, inputs) for item in words["items"]]
            return tuple(items) if kind == "tuple" else items
        if kind == "array":
            return self._array(words, take, inputs)
        if kind == "scalar":
            return np.frombuffer(bytes.fromhex(words["value"]), words["dtype"])[0]
        if kind == "plain":
            return words["value"]
        return type(words["type"], (), {})()

    def _array(
        self, words: Mapping[str, Any], take: Callable[[int], bytes], inputs: Sequence[Array]
    ) -> Array:
        dtype, shape = np.dtype(words["dtype"]), tuple(words["shape"])
        array = np.empty(shape, dtype)
        content = take(array.nbytes)
        array.reshape(-1).view(np.uint8)[...] = np.frombuffer(content, np.uint8)
        if "input" in words:
            array = _within(inputs[words["input"]], words, dtype, shape, array)
        elif "earlier" in words:
            array = _again(self._earlier.get(words["earlier"]), array)
        elif "number" in words:
            self._earlier[words["number"]] = array
        if not words["writeable"]:
            array = array.view()
            array.flags.writeable = False
        return array


def _again(earlier: Array | None, array: Array) -> Array:
    """The earlier result's memory, overwritten with the new numbers."""
    if earlier is None or earlier.dtype != array.dtype or earlier.size < array.size:
        return array
    if earlier.shape == array.shape:
        earlier[...] = array
        return earlier
    part = earlier.reshape(-1)[: array.size].reshape(array.shape)
    part[...] = array
    return part


def _within(
    given: Array, words: Mapping[str, Any], dtype: np.dtype[Any], shape: tuple[int, ...],
    array: Array,
) -> Array:  # fmt: skip
    """The view of the input here that the result was there; else the numbers in new memory."""
    low, high = np.lib.array_utils.byte_bounds(given)
    first, strides = given.ctypes.data + words["beyond"], tuple(words["strides"])
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    begin = first + sum(min(r, 0) for r in reach)
    end = first + sum(max(r, 0) for r in reach) + dtype.itemsize
    if 0 in shape or begin < low or end > high:
        return array
    memory: Any = (ctypes.c_char * (high - low)).from_address(low)
    memory.owner = given  # keeps the input alive as long as its views
    return np.ndarray(shape, dtype, memory, first - low, strides)


def raised(problem: BaseException) -> Words:
    """An exception as JSON: its type's name and message."""
    lines = str(problem).strip()
    return {"type": type(problem).__name__, "message": lines}


def raise_again(words: Mapping[str, Any]) -> None:
    """Raise the same builtin type again, else a new type of that name."""
    import builtins

    known: Any = getattr(builtins, words["type"], None)
    usual = isinstance(known, type) and issubclass(known, Exception | SystemExit)
    if usual and not issubclass(known, UnicodeError):
        raise known(words["message"])
    raise type(words["type"], (Exception,), {})(words["message"])
