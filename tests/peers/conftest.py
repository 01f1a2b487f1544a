"""Peers are optional: without one its tests are skipped, unless they are asked for.

EINBENCH_REQUIRE_PEERS=1 (``make test-peers`` sets it) makes a missing peer a failure.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.truth import as_tuple, truth
from einbench.problem import Problem

#: small enough for interpreted loops
SIZES = {"features": 7, "units": 5, "hidden1": 6, "hidden2": 5, "classes": 4}
BATCH = 5


def pytest_runtest_setup(item: pytest.Item) -> None:
    peer = item.path.stem.rpartition("_")[2]
    if importlib.util.find_spec(peer) is not None:
        return
    reason = f"{peer} is not installed (pip install 'einbench[peers]')"
    if os.environ.get("EINBENCH_REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _agree_with(
    name: str, dtype: str, peer: Callable[..., Any], options: Mapping[str, str], slack: float
) -> None:
    """Every kernel gives what the peer gives for the same drawn inputs, within rounding.

    The peer is given the arrays in the kernel's dtype, and rounds as the kernel does: its error
    and the kernel's add up, so the limit is that of the operation times ``slack``.
    """
    op = einbench.operation(name)
    arrays = op.draw(BATCH, dtype, seed=23, **{axis: SIZES[axis] for axis in op.sizes})
    outputs = tuple(np.asarray(o) for o in as_tuple(op, peer(**arrays, **options)))
    assert {o.dtype for o in outputs} == {np.dtype(dtype)}, "the peer computes in another dtype"
    bound = op.bind(**arrays, **options)
    rounding = truth(Problem.of(op, bound.arrays, bound.options))
    expected = replace(rounding, outputs=tuple(o.astype(np.float64) for o in outputs))
    limit = slack * op.limit(max(float(op.terms(bound.sizes)), 1.0))
    for number in range(len(outputs)):
        zeros = [np.zeros_like(o) if n == number else o for n, o in enumerate(outputs)]
        assert error(zeros, expected).units > 10 * limit, "zeros would pass"
    asked = [kernel for kernel in op if kernel.available]
    assert asked
    for kernel in asked:
        found = error(as_tuple(op, kernel(**arrays, **options)), expected)
        assert found.units <= limit, (
            f"{kernel}: {found.units:.3g} units of rounding apart, limit {limit:.3g}"
        )


@pytest.fixture(scope="session")
def agree_with() -> Callable[..., None]:
    """agree_with(operation, dtype, peer, options, slack) holds every kernel against the peer."""
    return _agree_with


BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def board_agrees() -> Iterator[Callable[[str, str, str], None]]:
    """board_agrees("ways_torch", operation, dtype): all its ways but compiled ones, as is judged
    on the scoreboard.
    """
    sys.path.insert(0, str(BENCHMARKS))
    task_room, check_room = (importlib.import_module(f"peers.{n}") for n in ("task", "board_check"))
    libraries: dict[str, Any] = {}

    def agrees(module: str, name: str, dtype: str) -> None:
        if module not in libraries:
            libraries[module] = importlib.import_module(f"peers.{module}").library(1)
        library = libraries[module]
        op = einbench.operation(name)
        arrays = op.draw(BATCH, dtype, seed=23, **{axis: SIZES[axis] for axis in op.sizes})
        task = task_room.Task(op, arrays, op.choose_options({}))
        judge = check_room.Judge.of(task, 0)
        before = {n: a.tobytes() for n, a in arrays.items()}
        for way, make in library.offer(task).ways.items():
            if way.startswith("compile"):
                continue
            made = make()
            for _ in range(2):
                with made.around():
                    made.before()
                    found = [a.copy() for a in made.arrays(made.call())]
                names = [output for output in op.outputs if output not in made.without]
                assert [a.dtype for a in found] == [np.dtype(dtype)] * len(names), way
                shapes = [task.shapes[output] for output in names]
                assert [a.shape for a in found] == shapes, way
                outputs = dict(zip(names, found, strict=True))
                assert judge.judge_arrays(outputs, ours=False).reason == "", way
        assert {n: a.tobytes() for n, a in arrays.items()} == before
        library.close()

    yield agrees
    sys.path.remove(str(BENCHMARKS))
    for name in [n for n in sys.modules if n == "peers" or n.startswith("peers.")]:
        del sys.modules[name]
