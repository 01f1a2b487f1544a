"""Kernels that are not compiled yet: others answer, and the choice is made when they are there."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choose_support import doubling

import einbench
from einbench import registry
from einbench.choose import beside
from einbench.choose.auto import Auto
from einbench.choose.environment import threads
from einbench.choose.signature import signature
from einbench.choose.wisdom import wisdom
from einbench.host import background
from einbench.operation import Operation

NAMES = itertools.count()
X = np.arange(12, dtype="float32").reshape(4, 3)


def twice(inputs: Any) -> Any:
    outputs = np.empty_like(inputs)
    for b in range(inputs.shape[0]):
        for f in range(inputs.shape[1]):
            outputs[b, f] = 2 * inputs[b, f]
    return outputs


def thrice(inputs: Any) -> Any:
    outputs = np.empty_like(inputs)
    for b in range(inputs.shape[0]):
        for f in range(inputs.shape[1]):
            outputs[b, f] = 3 * inputs[b, f]
    return outputs


def impossible(inputs: Any) -> Any:
    return no_such_name(inputs)  # type: ignore[name-defined]  # noqa: F821


@pytest.fixture
def op(auto: Auto) -> Iterator[Operation]:
    """``y = 2 x``, without a kernel yet; what other tests left to do is done."""
    background.wait()
    made = doubling(f"beside_{os.getpid()}_{next(NAMES)}")
    yield made
    background.wait()
    if registry.operations.get(made.name) is made:
        registry.forget(made.name)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is compiled beside the program until this is set."""
    go = threading.Event()
    compiled = beside._compile

    def compile_later(form: beside.Form) -> None:
        assert go.wait(60)
        compiled(form)

    monkeypatch.setattr(beside, "_compile", compile_later)
    yield go
    go.set()
    background.wait()


def calls_of(op: Operation, method: str, function: Callable[[Any], Any]) -> list[int]:
    """Register it; the batches it was called with."""
    seen: list[int] = []

    def counted(inputs: Any) -> Any:
        seen.append(len(inputs))
        return function(inputs)

    op.kernel(method)(counted)
    return seen


def settled(auto: Auto, op: Operation) -> Any:
    """Call until nothing is compiled any more; what memory has then."""
    for _ in range(4):
        background.wait()
        np.testing.assert_array_equal(getattr(auto, op.name)(X), 2 * X)
    return wisdom().book(op.name).choices


def test_what_is_ready_answers_and_nothing_is_measured_until_all_is_compiled(
    auto: Auto, op: Operation, held: threading.Event
) -> None:
    seen = calls_of(op, "plain", lambda inputs: 2 * inputs)
    op.kernel("compiled", compile=True)(twice)
    function = getattr(auto, op.name)
    for _ in range(3):
        np.testing.assert_array_equal(function(X), 2 * X)
    assert not wisdom().book(op.name).choices
    assert not op["compiled"].body.ready(X.dtype, {})
    # another size in the meantime as well
    np.testing.assert_array_equal(function(X[:2]), 2 * X[:2])
    assert not wisdom().book(op.name).choices
    assert len(seen) > 3
    held.set()
    (choice,) = settled(auto, op)
    assert set(choice.times) | set(choice.left_out) == {"plain", "compiled"}
    assert op["compiled"].body.ready(X.dtype, {})


def test_a_wrong_kernel_does_not_answer_meanwhile(
    auto: Auto, op: Operation, held: threading.Event
) -> None:
    op.kernel("right")(lambda inputs: 2 * inputs)
    op.kernel("wrong")(lambda inputs: 3 * inputs)
    op.kernel("compiled", compile=True)(twice)
    np.testing.assert_array_equal(getattr(auto, op.name)(X), 2 * X)


def test_a_wrong_kernel_that_is_compiled_beside_is_never_served(auto: Auto, op: Operation) -> None:
    op.kernel("plain")(lambda inputs: 2 * inputs)
    op.kernel("compiled", compile=True)(thrice)
    (choice,) = settled(auto, op)
    assert choice.kernel == "plain"
    assert choice.left_out["compiled"].startswith("rejected")


def test_what_all_kernels_that_are_ready_refuse_is_the_callers_error(
    auto: Auto, op: Operation, held: threading.Event
) -> None:
    def refusing(inputs: Any) -> Any:
        if (inputs == 77).any():
            raise ValueError("inputs must not be 77")
        return 2 * inputs

    op.kernel("one")(refusing)
    op.kernel("two")(lambda inputs: refusing(inputs) + 0)
    op.kernel("compiled", compile=True)(twice)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^inputs must not be 77$"):
            getattr(auto, op.name)(np.full((4, 3), 77, "float32"))
    np.testing.assert_array_equal(getattr(auto, op.name)(X), 2 * X)
    assert not op["compiled"].body.ready(X.dtype, {})


def test_where_nothing_is_ready_the_call_waits(auto: Auto, op: Operation) -> None:
    op.kernel("compiled", compile=True)(twice)
    np.testing.assert_array_equal(getattr(auto, op.name)(X), 2 * X)
    (choice,) = wisdom().book(op.name).choices
    assert choice.kernel == "compiled"


def test_what_cannot_be_compiled_is_tried_once(auto: Auto, op: Operation) -> None:
    op.kernel("plain")(lambda inputs: 2 * inputs)
    op.kernel("compiled", compile=True)(impossible)
    (choice,) = settled(auto, op)
    assert choice.kernel == "plain"
    requested = signature(op, op.bind(X), threads())
    assert beside.missing(op, requested) == []


def test_fastest_waits_for_all_kernels(auto: Auto, op: Operation, held: threading.Event) -> None:
    op.kernel("plain")(lambda inputs: 2 * inputs)
    op.kernel("compiled", compile=True)(twice)
    getattr(auto, op.name)(X)
    threading.Timer(0.05, held.set).start()
    choice = einbench.fastest(op, X)
    assert choice.origin == "measured"
    assert {record.status for record in choice.records} <= {"ok", "skipped"}


def test_a_remembered_kernel_that_is_to_be_loaded_is_not_waited_for(
    auto: Auto, op: Operation, held: threading.Event
) -> None:
    op.kernel("rows")(
        lambda inputs: np.stack([2 * row for row in inputs]) if len(inputs) else 2 * inputs
    )
    op.kernel("compiled", compile=True)(twice)
    x = np.ones((10_000, 3), "float32")
    assert einbench.fastest(op, x).kernel.method == "compiled"
    op.kernel("compiled", compile=True)(twice)  # as a cell that is run again: not compiled
    np.testing.assert_array_equal(getattr(auto, op.name)(x), 2 * x)
    assert not op["compiled"].body.ready(x.dtype, {})
    held.set()
    for _ in range(2):
        background.wait()
        np.testing.assert_array_equal(getattr(auto, op.name)(x), 2 * x)
    assert op["compiled"].body.ready(x.dtype, {})
    assert len(wisdom().book(op.name).choices) == 1


def test_each_option_is_compiled_for_the_check_asks_it(auto: Auto) -> None:
    op = einbench.operation("cross_entropy")
    drawn = op.draw(batch=3)
    requested = signature(op, op.bind(**drawn), threads())
    asked = {form.options for form in beside.missing(op, requested._replace(dtype="float16"))}
    assert asked == {(("reduction", "mean"),), (("reduction", "sum"),)}


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_decides_anew(auto: Auto, op: Operation, held: threading.Event) -> None:
    op.kernel("plain")(lambda inputs: 2 * inputs)
    op.kernel("compiled", compile=True)(twice)
    getattr(auto, op.name)(X)
    assert "1 signatures decided" in repr(auto)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, repr(auto).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"0 signatures decided" in os.read(reading, 1000)
    os.close(reading), os.close(writing)


def test_a_program_ends_without_waiting_for_all_that_is_to_be_compiled(tmp_path: Path) -> None:
    script = """
import numpy, time, einbench
import numba
from einbench.choose import beside
drawn = einbench.operation("mlp_gradients").draw(batch=3)
einbench.auto.mlp_gradients(**drawn)
assert beside._TODO, "nothing is compiled"
time.sleep(0.5)
import atexit
atexit._run_exitfuncs()
print(len(beside._TODO))
"""
    env = {
        **os.environ, "EINBENCH_WISDOM": str(tmp_path / "wisdom"),
        "NUMBA_CACHE_DIR": str(tmp_path / "compiled"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 0
