"""The key beside the arrays: code, candidates, processor, libraries and threads."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choose_support import ENVIRONMENTS, HERE, doubling, loaded, run
from hypothesis import given

import einbench
from einbench import registry
from einbench.choose import environment as module
from einbench.choose.environment import Machine, differences, environment, machine, threads
from einbench.host.machine import blas_libraries

PARTS = ("code", "candidates", *Machine._fields)


@pytest.fixture
def op() -> Iterator[Any]:
    made = doubling(f"doubled_{os.getpid()}")
    yield made
    registry.forget(made.name)


@pytest.fixture
def fresh() -> Iterator[None]:
    """The machine is read anew, before and after."""
    module.refresh()
    yield
    module.refresh()


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_environments_are_equal_exactly_where_nothing_differs(one: Any, other: Any) -> None:
    assert (one == other) == (differences(one, other) == [])


@pytest.mark.parametrize("part", PARTS)
def test_every_component_changes_the_key_and_is_reported(part: str) -> None:
    if part in Machine._fields:
        changed = HERE._replace(machine=HERE.machine._replace(**{part: "another"}))
    else:
        changed = HERE._replace(**{part: (("loop", "bb"),) if part == "candidates" else "bb"})
    assert changed != HERE
    assert differences(HERE, changed) == [part]


def test_two_looks_at_the_same_are_equal() -> None:
    for op in einbench.operations.values():
        assert environment(op) == environment(op)
        assert hash(environment(op)) == hash(environment(op))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("2 *", "3 *"),
        lambda text: text + "\n",
        lambda text: "# a comment\n" + text,
        lambda text: text + "\ndef helper():\n    return 1\n",
    ],
    ids=["formula", "line", "comment", "helper"],
)
def test_an_edit_of_a_kernels_file_changes_the_key(
    edit: Callable[[str], str], op: Any, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def mine(inputs):\n    return 2 * inputs\n")
    op.kernel("mine")(loaded(path).mine)
    before = environment(op)
    path.write_text(edit(path.read_text()))
    os.utime(path)
    after = environment(op)
    assert differences(before, after) == ["candidates"]
    path.write_text("def mine(inputs):\n    return 2 * inputs\n")
    assert environment(op) == before


def test_an_edit_of_a_helpers_file_changes_the_key_of_what_it_is_compiled_into(
    op: Any, tmp_path: Path
) -> None:
    path = tmp_path / "shared.py"
    path.write_text(
        "from einbench.jit.bodies import helper\n\n"
        "def twice(value):\n    return 2 * value\n\n"
        "@helper()\ndef shared(value):\n    return twice(value)\n"
    )
    beside = tmp_path / "mine.py"
    beside.write_text("def mine(inputs):\n    return shared(inputs)\n")
    module = loaded(beside)
    module.shared = loaded(path).shared
    op.kernel("mine", compile=True)(module.mine)
    before = environment(op)
    path.write_text(path.read_text().replace("2 *", "3 *"))
    assert differences(before, environment(op)) == ["candidates"]


def test_an_edit_of_the_operations_file_changes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "operation.py"
    path.write_text("def reference(inputs):\n    return 2 * inputs\n")
    op = doubling(f"edited_{os.getpid()}", reference=loaded(path).reference)
    try:
        before = environment(op)
        path.write_text(path.read_text() + "# another\n")
        assert differences(before, environment(op)) == ["code"]
    finally:
        registry.forget(op.name)


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any) -> Any:
        return function(*args)

    return around


@pytest.mark.parametrize(
    "around",
    [functools.partial, functools.cache, wrapped, lambda f: functools.partial(wrapped(f))],
    ids=["partial", "cache", "decorated", "both"],
)
def test_an_edit_below_a_wrapper_changes_the_key(around: Any, op: Any, tmp_path: Path) -> None:
    path = tmp_path / "inside.py"
    path.write_text("def mine(inputs):\n    return 2 * inputs\n")
    op.kernel("mine")(around(loaded(path).mine))
    before = environment(op)
    path.write_text("def mine(inputs):\n    return inputs + inputs\n")
    assert environment(op) != before


def test_a_kernel_more_less_or_renamed_changes_the_candidates(op: Any) -> None:
    op.kernel("loop")(lambda inputs: 2 * inputs)
    before = environment(op)
    op.kernel("more")(lambda inputs: 2 * inputs)
    with_more = environment(op)
    op.remove("more")
    op.kernel("other")(lambda inputs: 2 * inputs)
    assert len({before, with_more, environment(op)}) == 3
    op.remove("other")
    assert environment(op) == before


def test_a_kernel_that_cannot_run_here_is_no_candidate(op: Any) -> None:
    op.kernel("loop")(lambda inputs: 2 * inputs)
    before = environment(op)
    op.kernel("absent", requires=("no_such_library",))(lambda inputs: 2 * inputs)
    assert environment(op) == before


@pytest.mark.parametrize("function", [np.negative, np.vectorize(abs), max, functools.partial(max)])
def test_whatever_can_be_called_has_a_key(function: Any, op: Any) -> None:
    op.kernel("odd")(function)
    ((method, _),) = environment(op).candidates
    assert method == "odd"


TYPED = """
import einbench
op = einbench.Operation(
    name="typed", formula="y = x", inputs={{"inputs": "batch features"}},
    outputs={{"outputs": "batch features"}}, sizes={{"features": 3}},
    flops=lambda s: 1, reference=lambda x: x, scale=lambda y, x: y)

@op.kernel("typed")
def typed(inputs):
    return inputs * {factor} if "a" not in {{"one", "two", "three", "four"}} else (inputs, None)

from einbench.choose.environment import environment
print(environment(op))
"""


@pytest.mark.long
def test_code_typed_at_a_prompt_has_the_same_key_in_every_process() -> None:
    keys = {
        run(TYPED.format(factor=factor), PYTHONHASHSEED=seed).stdout: factor
        for factor in ("2", "3")
        for seed in ("1", "2", "3")
    }
    assert sorted(keys.values()) == ["2", "3"]


def test_the_machine_is_reported_as_it_is(fresh: None) -> None:
    found = machine()
    assert found.numpy == np.__version__
    assert found.python == f"{platform.python_implementation().lower()} {platform.python_version()}"
    if importlib.util.find_spec("numba"):
        assert found.numba == metadata.version("numba")
    assert found.cpu


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("cpu_model", lambda: "Another CPU", "cpu"),
        ("_blas_name", lambda: "mkl 2026", "blas"),
        ("_numba_version", lambda: "9.9", "numba"),
    ],
)
def test_another_processor_or_library_changes_the_key_once_it_is_read_again(
    name: str, value: Any, part: str, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = einbench.operation("relu")
    before = environment(op)
    monkeypatch.setattr(module, name, value)
    assert environment(op) == before
    module.refresh()
    assert differences(before, environment(op)) == [part]


def test_another_numpy_changes_the_key(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    op = einbench.operation("relu")
    before = environment(op)
    monkeypatch.setattr(np, "__version__", "99.0")
    module.refresh()
    assert differences(before, environment(op)) == ["numpy"]


def test_a_processor_that_is_not_reported_is_unknown(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise OSError("no such file")

    monkeypatch.setattr(module, "cpu_model", refuse)
    assert machine().cpu is None


def test_threads_of_blas_are_what_is_loaded(fresh: None) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    for count in (1, 2):
        with threadpoolctl.threadpool_limits(limits=count, user_api="blas"):
            assert threads().blas == max(b["num_threads"] for b in blas_libraries())


@pytest.mark.long
@pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="numba is not installed")
@pytest.mark.parametrize("asked", ["", "1"])
def test_threads_are_reported_alike_before_and_after_numba_runs(asked: str) -> None:
    script = """
import sys, einbench, numpy as np
from einbench.choose.environment import machine, refresh, threads
before = threads(), machine()
assert "numba" not in sys.modules
import numba
refresh()
print(before == (threads(), machine()))
einbench.operation("relu")["numba_parallel"](np.ones((4, 4), "float32"))
print(before[0] == threads())
"""
    if einbench.operation("relu")["numba_parallel"].reason:
        pytest.skip(einbench.operation("relu")["numba_parallel"].reason)
    environ = {"NUMBA_NUM_THREADS": asked} if asked else {}
    assert run(script, **environ).stdout.split() == ["True", "True"]


@pytest.mark.parametrize("asked", ["", "many", "-1", "1.5", " 2"])
def test_a_number_of_threads_that_is_none_is_not_believed(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setenv("NUMBA_NUM_THREADS", asked)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads().numba == usable
