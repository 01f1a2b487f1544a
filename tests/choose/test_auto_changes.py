"""einbench.auto while things change: kernels, machine, threads, processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from choose_support import Bench, Held, doubling

from einbench import registry
from einbench.choose import environment, outcome
from einbench.choose.auto import Auto
from einbench.choose.environment import Threads
from einbench.choose.wisdom import wisdom

Start = Callable[..., Any]
X = np.ones((4, 3), "float32")
pytestmark = pytest.mark.usefixtures("auto")


def calls(bench: Bench) -> set[str]:
    """Methods that were called since the last look."""
    methods = {method for method, _ in bench.log}
    bench.log.clear()
    return methods


def test_a_kernel_added_later_is_considered_and_one_removed_is_not_called_again(
    start: Start, auto: Auto
) -> None:
    bench = start(loop=1e-3)
    function = getattr(auto, bench.op.name)
    function(X), function(X)
    bench.kernel("later", 1e-9)
    calls(bench)
    function(X)
    assert calls(bench) == {"loop", "later"}
    bench.op.remove("loop")
    function(X)
    assert "loop" not in calls(bench)
    for _ in range(3):
        assert (function(X) == 2).all()
    assert calls(bench) == {"later"}


def test_a_kernel_added_while_another_thread_decides_is_considered(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=1e-3)
    held = Held(monkeypatch, lambda: bench.kernel("meanwhile", 1e-9))
    function = getattr(auto, bench.op.name)
    function(X)
    function(X)
    assert held.count == 2


def test_a_kernel_removed_while_another_thread_decides_is_not_called_again(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=1e-3)
    real = outcome.remembered

    def late(*args: Any) -> Any:
        found = real(*args)
        if "doomed" in bench.op:
            bench.kernel("other", 1e-3)
            bench.op.remove("doomed")
        return found

    monkeypatch.setattr(outcome, "remembered", late)
    bench.kernel("doomed", 1e-3)
    bench.op.remove("loop")
    function = getattr(auto, bench.op.name)
    try:
        function(X)
    except ValueError as problem:
        assert "doomed" in str(problem)  # noqa: PT017 - either is right
    calls(bench)
    function(X)
    assert "doomed" not in calls(bench)


def test_an_operation_made_anew_under_the_name_of_a_forgotten_one_is_the_one_called(
    auto: Auto,
) -> None:
    name = f"again_{os.getpid()}"
    for factor in (2, 4):  # which no kernel rounds
        op = doubling(name, reference=lambda inputs, factor=factor: factor * inputs)
        try:
            op.kernel("loop")(lambda inputs, factor=factor: factor * inputs)
            for _ in range(2):
                assert (getattr(auto, name)(X) == factor).all()
        finally:
            registry.forget(name)
    with pytest.raises(AttributeError, match="no operation"):
        getattr(auto, name)(X)


def test_threads_are_read_once_and_again_by_refresh(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def threads() -> Threads:
        read.append(1)
        return Threads(len(read), 1)

    monkeypatch.setattr(environment, "threads", threads)
    bench = start(loop=1e-3)
    function = getattr(auto, bench.op.name)
    for batch in (1, 2, 600):
        function(np.ones((batch, 3)))
    assert len(read) == 1
    auto.refresh()
    function(np.ones((1, 3)))
    getattr(auto, bench.op.name)(np.ones((1, 3)))
    assert len(read) == 2
    asked = [c.signature.threads.blas for c in wisdom().book(bench.op.name).choices]
    assert sorted(set(asked)) == [1, 2]


def test_the_machine_is_read_again_by_refresh(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, lambda: None)
    bench = start(loop=1e-3)
    function = getattr(auto, bench.op.name)
    function(X)
    monkeypatch.setattr(environment, "cpu_model", lambda: "another")
    function(X), function(X[:3])
    assert held.count == 2
    auto.refresh()
    function(X)
    assert held.count == 3


def test_refreshing_asks_memory_first(
    start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, lambda: None)
    bench = start(loop=1e-3)
    for _ in range(3):
        getattr(auto, bench.op.name)(X)
        auto.refresh()
    assert held.count == 1
