"""What raced functions return: its parts as arrays, by name, and as real numbers to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_SCALARS = (bool, int, float, complex, np.generic)


@dataclass(frozen=True)
class Outputs:
    """Parts of a result by name, and the axes of each."""

    outputs: Mapping[str, str]


def split(result: Any) -> dict[str, Any]:
    """The result, or the parts of a tuple, a list or a dictionary, by name.

    A list of numbers is one array.
    """
    if isinstance(result, dict):
        return {f"result[{key!r}]": value for key, value in result.items()}
    if isinstance(result, tuple) or (
        isinstance(result, list) and not all(isinstance(each, _SCALARS) for each in result)
    ):
        return {f"result[{number}]": value for number, value in enumerate(result)}
    return {"result": result}


def as_array(value: Any) -> Array | None:
    """An array or a number as an array; None of anything else."""
    if isinstance(value, np.ndarray):
        return value if type(value) is np.ndarray and value.dtype.kind in "biufc" else None
    if isinstance(value, _SCALARS) or (isinstance(value, list) and value):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, OverflowError):
            return None
        return array if array.dtype.kind in "biufc" else None
    return None


def arrays(result: Any) -> tuple[dict[str, Array], str]:
    """Every part as an array; and what it is, where one is none."""
    found = {}
    for name, value in split(result).items():
        array = as_array(value)
        if array is None:
            kind = "nothing" if value is None else type(value).__name__
            if isinstance(value, np.ndarray):
                kind = f"{type(value).__name__} of {value.dtype}"
            return {}, f"{kind}" if name == "result" else f"{kind} for {name}"
        found[name] = array
    return found, ""


def form(found: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """The first difference in number, dtype and shape; empty where there is none."""
    if [*found] != [*expected]:
        return f"returns {_counted(found)}, expected {_counted(expected)}"
    for name, right in expected.items():
        if found[name].dtype != right.dtype:
            return f"wrong dtype: {name} is {found[name].dtype}, expected {right.dtype}"
        if found[name].shape != right.shape:
            return f"wrong shape: {name} is {found[name].shape}, expected {right.shape}"
    return ""


def _counted(parts: Mapping[str, Array]) -> str:
    if [*parts] == ["result"]:
        return "one result"
    return f"{len(parts)} results: {', '.join(parts)}" if parts else "no result"


def outputs_of(parts: Mapping[str, Array]) -> Outputs:
    """Their names, and their axes by number, as `real` has them."""
    found = {}
    for name, array in parts.items():
        axes = [f"axis{number}" for number in range(array.ndim)]
        found[name] = " ".join([*axes, *["(real,imaginary)"] * (array.dtype.kind == "c")])
    return Outputs(found)


def real(array: Array) -> Array:
    """Truth values as whole numbers; of complex numbers both parts, along a last axis."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1)
    return array
