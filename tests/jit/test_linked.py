"""Functions compiled once to a symbol: what they take, and what makes them others."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import NumbaError

from einbench.jit import linked as module
from einbench.jit.bodies import sources_of
from einbench.jit.compiled import Compiled
from einbench.jit.linked import (
    Integers,
    Pointer,
    Scalar,
    at,
    elements_to_line,
    fresh,
    linked,
    number,
)

Array = np.ndarray[Any, Any]
FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")

SHARED = """
from einbench.jit.bodies import helper

@helper()
def factor():
    return 2
"""
TIMES = """
from __future__ import annotations
import numpy as np
from einbench.jit.linked import Pointer, linked
from linked_shared import factor

@linked()
def times(x: Pointer, count: int, c: Pointer) -> None:
    for k in range(count):
        c[k] = factor() * x[k] + 0

def body(x):
    c = np.empty(x.shape, x.dtype)
    times(x, x.size, c)
    return c
"""


@linked()
def fill(c: Pointer, count: int, value: Scalar) -> None:
    for k in range(count):
        c[k] = value


@linked()
def chosen(x: Pointer, places: Integers, count: int) -> Scalar:
    total = number(x, 0)
    for k in range(count):
        total += x[places[k]]
    return total


@linked()
def longer(x: Pointer, count: int) -> int:
    return 2 * count


def through_all(x: Array, places: Array) -> Array:
    flat = fresh(x, longer(x, 3))
    fill(flat, 6, 1.5)
    # from the third element on, whose kind is a pointer's
    fill(at(flat, 2), 2, 7)
    flat[5] = chosen(at(x, 1), at(places, 1), 2)
    return flat


def misfits(x: Array) -> Array:
    found = np.empty(1, np.float64)
    found[0] = elements_to_line(x)
    return found


def called_with_none(x: Array) -> Array:
    fill(x)
    return x


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    """A file with a linked function, and one with a helper that it calls."""
    (tmp_path / "linked_shared.py").write_text(SHARED)
    (tmp_path / "linked_times.py").write_text(TIMES)
    yield tmp_path
    sys.modules.pop("linked_shared", None)


def load(files: Path) -> Any:
    """What both files say now."""
    for name in ("linked_shared", "linked_times"):
        spec = importlib.util.spec_from_file_location(name, files / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        sys.modules[name] = found
        # an edit within a second, of as many bytes, must not be answered from the bytecode
        exec(compile((files / f"{name}.py").read_text(), spec.origin or "", "exec"), vars(found))
    return sys.modules.pop("linked_times")


def symbols(name: str) -> set[str]:
    return {symbol for symbol in module._LINKED if re.match(rf"einbench_{name}_\d", symbol)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pointers_numbers_and_results_pass(dtype: str) -> None:
    x = np.arange(10, dtype=dtype) / 4
    found = Compiled(through_all, method="numba")(x, np.array([99, 2, 4]))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, [1.5, 1.5, 7, 7, 1.5, x[3] + x[5]])


def test_each_dtype_has_a_symbol_of_its_own() -> None:
    fill.prepare(FLOAT32)
    fill.prepare(FLOAT64)
    fill.prepare(FLOAT64)
    assert sorted(symbol.split("_")[2] for symbol in symbols("fill")) == ["32", "64"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_misfit_counts_elements_to_the_next_cache_line(dtype: str) -> None:
    memory = np.zeros(200, dtype)
    size = memory.itemsize
    first = -memory.ctypes.data % 64 // size
    for beyond in range(64 // size):
        found = Compiled(misfits, method="numba")(memory[first + beyond :])
        assert found[0] == -beyond * size % 64 // size


def test_a_linked_function_is_called_in_compiled_bodies_only() -> None:
    with pytest.raises(TypeError, match="in a compiled kernel only"):
        fill(np.zeros(3), 3, 1.0)


@pytest.mark.parametrize("kind", ["float", "Array", "np.int64", "Any"])
def test_another_kind_of_parameter_is_refused_by_its_name(kind: str) -> None:
    def wrong(x: Pointer, value: int) -> None:
        x[0] = value

    wrong.__annotations__["value"] = kind
    with pytest.raises(TypeError, match=rf"linked wrong: no parameter can be \['{kind}'\]"):
        linked()(wrong)


@pytest.mark.parametrize("function", [np.tanh, len, Compiled(through_all, method="numba"), 3])
def test_what_is_no_plain_function_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"linked\(\) needs a plain Python function, got "):
        linked()(function)


def test_too_few_arguments_are_reported_when_a_body_is_compiled() -> None:
    with pytest.raises(NumbaError, match=r"fill|argument"):
        Compiled(called_with_none, method="numba")(np.zeros(3))


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("linked_times", "x[k] + 0", "x[k] + 1", 7),
        ("linked_times", "count):", "count):  # all", 6),
        ("linked_shared", "return 2", "return 5", 15),
    ],
    ids=["its own code", "a comment", "a helper's file"],
)
def test_an_edit_makes_another_symbol_and_what_is_called_is_the_new_code(
    files: Path, name: str, old: str, new: str, expected: float
) -> None:
    three = np.full(4, 3.0)
    before = Compiled(load(files).body, method="numba")
    np.testing.assert_array_equal(before(three), 6)
    known = symbols("times")
    path = files / f"{name}.py"
    path.write_text(path.read_text().replace(old, new))
    os.utime(path)
    after = Compiled(load(files).body, method="numba")
    np.testing.assert_array_equal(after(three), expected)
    (added,) = symbols("times") - known
    assert added.startswith("einbench_times_64_")
    # whoever was compiled before the edit still calls what it was compiled with
    np.testing.assert_array_equal(before(three), 6)


def test_the_same_files_give_the_same_symbol(files: Path) -> None:
    load(files).times.prepare(FLOAT64)
    known = symbols("times")
    load(files).times.prepare(FLOAT64)
    assert symbols("times") == known


def test_a_bodys_sources_are_those_of_what_it_calls_by_symbols(files: Path) -> None:
    found = {Path(source).name for source in sources_of(load(files).body)}
    assert {"linked_times.py", "linked_shared.py"} <= found
