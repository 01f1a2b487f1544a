"""Kernels that misbehave, beside good ones: each ends with a status, and the rest with theirs."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.host.cores import usable_threads
from einbench.measure import forked
from einbench.measure.process import WorkerEnded
from einbench.measure.remote import in_workers, remote
from einbench.measure.workers import Workers
from einbench.operation import Operation

from . import misbehaving
from .misbehaving import KINDS

pytestmark = pytest.mark.skipif(not forked.AVAILABLE, reason="what is seen of a process is Linux's")

X = np.arange(6, dtype=np.float64).reshape(2, 3)


def doubling() -> Operation:
    return Operation(
        name="doubling", formula="y = 2 x", inputs={"x": "rows columns"},
        outputs={"y": "rows columns"}, sizes={"columns": 3}, reference=lambda x: 2 * x,
        scale=lambda y, x: abs(y), flops=lambda sizes: 1.0, leading="rows",
        independent=("rows", "columns"),
    )  # fmt: skip


def why_not(function: Callable[..., Any]) -> str:
    """Why a kind cannot be shown on this machine; empty where it can."""
    if function is misbehaving.flushes_to_zero and platform.machine() not in ("x86_64", "AMD64"):
        return "the instruction is another here"
    if function in (misbehaving.unbinds, misbehaving.changes_numba_threads):
        return "" if usable_threads() > 1 else "there is one core"
    return ""


@pytest.fixture(scope="module")
def found() -> dict[str, einbench.Record]:
    """All kinds in one comparison, good ones last: after all that went before."""
    op = doubling()
    for function in KINDS:
        op.kernel(function.__name__)(function)
    comparison = einbench.compare(op, 77, budget_s=2.0, isolate=True, time_limit_s=8.0)
    document = json.loads(json.dumps(comparison.document()))
    records = map(einbench.Record.from_json, document["records"])
    return {record.kernel: record for record in records}


@pytest.mark.parametrize("function", KINDS, ids=lambda f: f.__name__)
def test_every_kind_ends_with_its_status(found: Any, function: Callable[..., Any]) -> None:
    if why := why_not(function):
        pytest.skip(why)
    status, reason = KINDS[function]
    record = found[function.__name__]
    assert (record.status, reason in record.reason) == (status, True), record.reason
    assert (record.median_s is not None) == (status == "ok")


def test_good_kernels_beside_them_are_timed_and_ranked(found: Any) -> None:
    good, also = found["good"], found["also_good"]
    assert good.winner or also.winner
    assert good.samples > 0
    assert also.samples > 0
    assert (good.error, good.limit) == (0.0, found["also_good"].limit)


def test_processor_time_stays_within_the_cores_that_a_process_is_bound_to(found: Any) -> None:
    timed = [record for record in found.values() if record.status == "ok"]
    assert len(timed) == 3
    for record in timed:
        # clocks of the processor and of the wall differ by their resolution
        assert 0 < record.cores <= 1.1 * usable_threads()


@pytest.fixture(scope="module")
def one_pool() -> Iterator[Workers]:
    with Workers(1, timeout_s=120) as workers:
        yield workers


@pytest.fixture
def pool(one_pool: Workers) -> Workers:
    one_pool.fates.clear()
    return one_pool


def isolated(pool: Workers, **functions: Callable[..., Any]) -> list[Any]:
    op = doubling()
    for name, function in functions.items():
        op.kernel(name)(function)
    return in_workers(op, pool, isolate=True)


def _pid(kernel: Any) -> int:
    with remote(kernel).running() as process:
        return int(process._process.pid)


def test_one_that_died_is_not_called_again_and_the_next_has_a_new_process(
    pool: Workers, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"

    def dying(x: Any) -> Any:
        with calls.open("a") as file:
            file.write(".")
        os._exit(9)

    kernel, other = isolated(pool, dying=dying, other=misbehaving.good)
    for _ in range(3):
        with pytest.raises(WorkerEnded, match="exit code 9"):
            kernel.function(X)
        assert other.function(X).tolist() == (2 * X).tolist()
    assert calls.read_text() == "."


def test_one_that_was_killed_from_outside_is_tried_at_the_next_size(pool: Workers) -> None:
    def sleeping(x: Any) -> Any:
        time.sleep(100 if x[0, 0] < 0 else 0)
        return 2 * x

    (kernel,) = isolated(pool, sleeping=sleeping)
    pid = _pid(kernel)
    import threading

    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(WorkerEnded, match="ended by SIGKILL") as raised:
        kernel.function(X - 1)
    killer.join()
    assert raised.value.status == "unchecked"
    pool.release()
    assert kernel.function(X).tolist() == (2 * X).tolist()


@pytest.mark.parametrize("which", ["worker", "template"])
def test_a_process_that_is_killed_while_it_waits_is_started_again(
    pool: Workers, which: str
) -> None:
    (kernel,) = isolated(pool, good=misbehaving.good)
    worker = psutil.Process(_pid(kernel))
    killed = worker if which == "worker" else psutil.Process(pool._template._process.pid)
    killed.kill()
    # workers end with what they were forked of; that is seen a moment later
    end_s = time.monotonic() + 60
    while next(iter(pool._processes.values())).alive and time.monotonic() < end_s:
        time.sleep(0.01)
    assert _pid(kernel) != worker.pid
    assert kernel.function(X).tolist() == (2 * X).tolist()


def test_nothing_of_a_kernel_is_left_for_the_next(pool: Workers) -> None:
    def changing(x: Any) -> Any:
        os.environ["EINBENCH_LEFT"] = "1"
        os.chdir("/")
        np.seterr(all="raise")
        return 2 * x

    def telling(x: Any) -> Any:
        left = "EINBENCH_LEFT" in os.environ, str(Path.cwd()) == "/", np.geterr()["over"] == "raise"
        return np.array(left, np.float64)

    kernel, next_one = isolated(pool, changing=changing, telling=telling)
    before = next_one.function(X)
    with pytest.raises(WorkerEnded, match=r"working directory.*environment \(EINBENCH_LEFT\)"):
        kernel.function(X)
    assert next_one.function(X).tolist() == before.tolist()
    assert not before[0]


def test_children_and_orphans_end_with_the_process(pool: Workers) -> None:
    def forking(x: Any) -> Any:
        y = np.full((2, 3), float(os.fork() or 0))
        if not y[0, 0]:
            os.setsid()
            time.sleep(1000)
        # an exception of its own carries the number out: the result of a spoiled process does not
        raise RuntimeError(int(y[0, 0]))

    (kernel,) = isolated(pool, forking=forking)
    with pytest.raises(RuntimeError) as raised:
        kernel.function(X)
    child = psutil.Process(int(str(raised.value)))
    assert child.is_running()
    pool.end(kernel.operation)
    _, alive = psutil.wait_procs([child], timeout=30)
    assert not alive


def test_memory_that_a_comparison_allows_is_there(pool: Workers) -> None:
    def large(x: Any) -> Any:
        return 2 * x + np.zeros(1 << 28, np.uint8)[: x.size].reshape(x.shape)

    (kernel,) = isolated(pool, large=large)
    assert kernel.function(X).tolist() == (2 * X).tolist()


def test_a_change_of_its_inputs_is_not_given_to_the_next(pool: Workers) -> None:
    kernel, other = isolated(
        pool, writing=misbehaving.writes_whatever_flags_say, other=misbehaving.good
    )
    given = X.copy()
    given.flags.writeable = False
    with pytest.raises(ValueError, match="writes to a read-only array"):
        kernel.function(given)
    assert other.function(given).tolist() == (2 * X).tolist()
    assert given.tolist() == X.tolist()


def test_inputs_of_timed_calls_cannot_be_written_to(pool: Workers) -> None:
    kernel, other = isolated(
        pool, writing=misbehaving.writes_to_anothers_input, other=misbehaving.good
    )
    given = X.copy()
    given.flags.writeable = False
    turn = remote(other).bound((given,), {})
    assert turn.result().tolist() == (2 * X).tolist()
    with pytest.raises(WorkerEnded, match="SIGSEGV"):
        remote(kernel).bound((given,), {}).result()
    assert turn.result().tolist() == (2 * X).tolist()


@pytest.mark.long
@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_time_limit_is_above_zero(limit: float) -> None:
    with pytest.raises(ValueError, match="time_limit_s"):
        einbench.compare("relu", 1, isolate=True, time_limit_s=limit)


def test_the_command_shows_statuses_and_cores_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relu = einbench.operation("relu")

    @relu.kernel("dying")
    def dying(inputs: Any) -> Any:
        os._exit(7)

    monkeypatch.chdir(tmp_path)
    try:
        arguments = ["relu", "--batch", "8", "--isolate", "--budget", "0.1"]
        shown = CliRunner().invoke(main, ["compare", *arguments, "--time-limit", "100"])
    finally:
        relu.remove("dying")
    assert shown.exit_code == 1
    assert "CRASHED dying: ended its process with exit code 7" in shown.output
    assert "cores" in shown.output
    (saved,) = (tmp_path / "results").glob("*.json")
    document = json.loads(saved.read_text(encoding="utf-8"))
    assert document["settings"]["isolate"] is True
    assert {r["status"] for r in document["records"] if r["kernel"] == "dying"} == {"crashed"}


def test_kernels_of_plugins_alone_are_isolated_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("einbench.plugins._PACKAGES", {__name__.partition(".")[0]})
    op = doubling()
    op.kernel("mine")(lambda x: 2 * x)
    with Workers(1) as workers:
        for isolate, there in ((None, True), (False, False), (True, True)):
            (kernel,) = in_workers(op, workers, isolate)
            assert (remote(kernel) is not None) == there
        (ours, *_) = in_workers(einbench.operation("relu"), workers, None)
    assert remote(ours) is None
    assert op["mine"].origin.module in sys.modules
