"""Kernels in a process of their own: what they do there is seen here, and nothing is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

import einbench
from einbench.check.layouts import LAYOUTS, as_layout
from einbench.check.verdicts import check_small
from einbench.contexts import AFTER_BLAS, AFTER_PAUSE
from einbench.measure.locked import locked
from einbench.measure.predict import predict
from einbench.measure.process import WorkerEnded
from einbench.measure.remote import in_workers, remote
from einbench.measure.shared import Arena, fill, flagged, places
from einbench.measure.transfer import Refused
from einbench.measure.turns import Turn
from einbench.measure.workers import Workers
from einbench.operation import Operation
from einbench.problem import Problem

SHARED = Path("/dev/shm")  # noqa: S108 - where Linux keeps it


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1, timeout_s=120) as pool:
        yield pool


def doubling(outputs: str = "rows columns") -> Operation:
    """2 x, and an operation that is registered nowhere."""
    return Operation(
        name="doubling", formula="y = 2 x", inputs={"x": "rows columns"}, outputs={"y": outputs},
        sizes={"columns": 3}, reference=lambda x: 2 * x, scale=lambda y, x: abs(y),
        flops=lambda sizes: 1.0, leading="rows", independent=("rows", "columns"),
    )  # fmt: skip


def isolated(pool, function, **how):
    """The function as the only kernel of that operation, in a worker."""
    op = doubling()
    op.kernel("mine", **how)(function)
    pool.end(op)
    (kernel,) = in_workers(op, pool, isolate=True)
    return kernel


X = np.arange(6, dtype=np.float64).reshape(2, 3)


@pytest.mark.parametrize("layout", [*LAYOUTS, "broadcast", "empty", "scalar"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16"])
def test_every_layout_lies_there_as_it_lies_here(layout, dtype):
    array = (10 * np.random.default_rng(0).random((4, 3, 5))).astype(dtype)
    if layout in LAYOUTS:
        array = as_layout(array, layout)
    else:
        given = {"broadcast": np.broadcast_to(array[:1], array.shape), "empty": array[:0]}
        array = given.get(layout, np.array(3, dtype))
    arena = Arena()
    try:
        (place,), size = places([array])
        memory = arena.reserve(size)
        fill(place, memory, array)
        found = flagged(place, memory)
        for there in (found, *locked([place], [found])):
            assert there.tobytes() == array.tobytes()
            assert (there.dtype, there.shape) == (array.dtype, array.shape)
            assert array.size == 0 or there.strides == array.strides
            assert there.flags.writeable == array.flags.writeable or layout == "empty"
        del found, there
    finally:
        arena.close()


def test_a_right_kernel_passes_the_whole_check_there(workers):
    op = einbench.operation("softmax_vjp")
    kernels = [k for k in in_workers(op, workers, isolate=True) if k.method in ("einsum", "numba")]
    verdicts = list(check_small(op, kernels, np.dtype("float32"), 0))
    assert [v.reason for v in verdicts] == ["", ""]
    workers.end(op)


def changes(x):
    x *= 2
    return x.copy()


def hands_out_its_input(x):
    x *= 2
    return x


HELD = []


def hands_out_a_buffer(x):
    if not HELD or HELD[0].shape != x.shape or HELD[0].dtype != x.dtype:
        HELD[:] = [np.empty_like(x)]
    np.multiply(x, 2, out=HELD[0])
    return HELD[0]


def hands_out_a_view(x):
    return np.broadcast_to(x[..., :1], x.shape)


def read_only(x):
    y = 2 * x
    y.flags.writeable = False
    return y


def listed(x):
    return [2 * x]


def number(x):
    return 2.0


def narrow(x):
    return (2 * x).astype(np.float32)


WRONG = {
    changes: "changes its input x",
    hands_out_its_input: "changes its input x",
    hands_out_a_buffer: "returns a buffer it handed out before",
    hands_out_a_view: "returns a view: y shares memory with the input x",
    read_only: "returns a view: y is read-only",
    listed: "returns list for y",
    number: "returns float for y",
    narrow: "wrong dtype: y is float32",
}


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_a_broken_contract_is_seen_from_here(workers, function):
    kernel = isolated(workers, function)
    (verdict,) = check_small(kernel.operation, [kernel], np.dtype("float64"), 0)
    assert not verdict.passed
    assert WRONG[function] in verdict.reason


def test_arrays_that_may_not_be_written_to_may_not_be_there_either(workers):
    kernel = isolated(workers, changes)
    with pytest.raises(ValueError, match="read-only"):
        kernel(as_layout(X, "readonly"))


def test_what_a_kernel_raises_is_raised_here(workers):
    def raising(x):
        raise IndexError("no such row")

    with pytest.raises(IndexError, match="no such row"):
        isolated(workers, raising)(X)

    def own(x):
        raise type("Odd", (Exception,), {})("a type of its own")

    with pytest.raises(Exception, match="a type of its own") as raised:
        isolated(workers, own)(X)
    assert type(raised.value).__name__ == "Odd"


def test_a_kernel_that_ends_its_process_is_not_called_again(workers):
    def ending(x):
        if x[0, 0] < 0:
            print("last words")
            sys.stdout.flush()
            os._exit(7)
        return 2 * x

    kernel = isolated(workers, ending)
    assert kernel(X).tolist() == (2 * X).tolist()
    with pytest.raises(WorkerEnded, match=r"exit code 7 \(asked to call\): last words"):
        kernel(X - 1)
    # it is not called again; another kernel is, in a process of its own
    assert "last words" in str(remote(kernel).fate)
    with pytest.raises(WorkerEnded, match="last words"):
        kernel(X)
    workers.fates.clear()
    assert kernel(X).tolist() == (2 * X).tolist()


def test_patience_ends():
    def waiting(x):
        if x[0, 0] < 0:
            time.sleep(1000)
        return 2 * x

    with Workers(1, timeout_s=120) as pool:
        kernel = isolated(pool, waiting)
        kernel(X)
        pool.process(kernel)._timeout_s = 0.5
        with pytest.raises(WorkerEnded, match="no answer within"):
            kernel(X - 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no process is stopped there")
def test_time_that_this_process_is_stopped_for_is_not_the_kernels():
    def waiting(x):
        if x[0, 0] < 0:
            time.sleep(0.6)
        return 2 * x

    with Workers(1, timeout_s=120) as pool:
        kernel = isolated(pool, waiting)
        kernel(X)
        process = pool.process(kernel)
        process._timeout_s = 1.0
        both = f"{process._process.pid} {os.getpid()}"
        # as where a container is paused; the worker goes on last
        code = f"sleep 0.2; kill -STOP {both}; sleep 1.3; kill -CONT {os.getpid()}; sleep 0.2; "
        code += f"kill -CONT {process._process.pid}"
        with subprocess.Popen(["/bin/sh", "-c", code]):
            assert kernel(X - 1).tolist() == (2 * (X - 1)).tolist()


def test_time_is_taken_there_and_the_last_result_comes_from_there(workers):
    def slow(x):
        time.sleep(0.02)
        return 2 * x

    turn = remote(isolated(workers, slow)).bound((X,), {})
    assert isinstance(turn, Turn)
    start_s = time.perf_counter()
    call_s = turn.timed(1, warm=True)
    assert 0.02 <= call_s <= time.perf_counter() - start_s
    assert turn.result().tolist() == (2 * X).tolist()
    workers.release()  # prepared again after it was freed
    assert turn.result().tolist() == (2 * X).tolist()


@pytest.mark.parametrize("context", [AFTER_BLAS, AFTER_PAUSE])
def test_what_precedes_a_call_in_a_context_does_so_there(workers, context):
    called_s = []

    def when(x):
        called_s.append(time.perf_counter())
        time.sleep(0.001)
        return np.full(x.shape, called_s[-2] - called_s[-3] if len(called_s) > 2 else 0.0)

    turn = remote(isolated(workers, when)).bound((X,), {})
    turn.result()
    start_s = time.perf_counter()
    call_s = turn.after(context, 1e-5, warm=True)
    assert 0.001 <= call_s <= time.perf_counter() - start_s
    # between the untimed call and the timed one lay a pause, or a product
    between_s = turn.result()[0, 0] - 0.001
    assert between_s >= (0.002 if context == AFTER_PAUSE else 1e-5)


def test_preparing_is_not_timed_and_is_reported(workers):
    def planned(problem):
        time.sleep(0.05)
        factor = 2 if problem.sizes["columns"] == 3 else 0
        return lambda x: factor * x

    kernel = isolated(workers, planned, prepare=True)
    turn = remote(kernel).bound((X,), {})
    assert turn.timed(1, warm=True) < 0.05
    assert kernel.body.prepare_s >= 0.05


def test_memory_that_is_given_is_written_to_there(workers):
    def into(x, out):
        np.multiply(x, 2, out=out)

    kernel = isolated(workers, into)
    out = np.full_like(X, np.nan)
    assert kernel(X, out=out) is out
    assert out.tolist() == (2 * X).tolist()


def test_a_kernel_is_found_by_the_names_it_was_registered_under(tmp_path, monkeypatch, workers):
    (tmp_path / "plugged_kernels.py").write_text(
        "import os, einbench\n"
        "@einbench.operation('tanh').kernel('plugged')\n"
        "def plugged(inputs):\n    return inputs * 0 + os.getpid()\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    import plugged_kernels  # noqa: F401 - registers

    op = einbench.operation("tanh")
    try:
        workers.end(op)
        kernel = next(k for k in in_workers(op, workers, isolate=True) if k.method == "plugged")
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        found = kernel(np.zeros((1, 1)))
        assert found != os.getpid()
        # another function under that name is not what is there
        op.remove("plugged")
        op.kernel("plugged")(changes)
        other = next(k for k in in_workers(op, workers, isolate=True) if k.method == "plugged")
        with pytest.raises(Refused, match="install cloudpickle"):
            remote(other).ready()
    finally:
        op.remove("plugged")
        workers.end(op)


def test_what_no_pickle_can_carry_is_refused_in_one_line(workers):
    lock = __import__("threading").Lock()

    def locked(x):
        with lock:
            return 2 * x

    with pytest.raises(Refused, match="cloudpickle cannot pass it on") as refused:
        remote(isolated(workers, locked)).ready()
    assert "\n" not in str(refused.value)


def test_an_unknown_runtime_is_a_reason(workers):
    op = doubling()
    op.kernel("mine", runtime="torsh")(changes)
    (kernel,) = in_workers(op, workers)
    assert "did you mean torch" in kernel.reason


SCRIPT = """
import sys, time
import numpy as np
from einbench.measure.remote import in_workers
from einbench.measure.workers import Workers
from einbench.operation import Operation

op = Operation(name="n", formula="", inputs={"x": "rows"}, outputs={"y": "rows"}, sizes={},
               leading="rows", reference=abs, scale=abs, flops=abs)

@op.kernel("mine")
def mine(x):
    import time
    if len(x) == 3:
        time.sleep(100)
    return 2 * x

with Workers(1) as pool:
    (kernel,) = in_workers(op, pool, isolate=True)
    kernel(np.zeros(2))
    print([p._process.pid for p in pool._processes.values()][0], pool._inputs.name,
          pool._results.name, flush=True)
    END
"""


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared memory is no file here")
@pytest.mark.parametrize(
    ("end", "send"),
    [("kernel(np.zeros(3))", signal.SIGINT), ("1 / 0", None), ("time.sleep(100)", signal.SIGKILL)],
    ids=["Ctrl-C", "crash", "killed"],
)
def test_neither_process_nor_memory_is_left_behind(tmp_path, end, send):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("END", end), encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pid, *names = running.stdout.readline().split()
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):  # after a crash it may have ended by now
        found = [psutil.Process(int(pid))]
    if send is not None:
        assert all((SHARED / name).exists() for name in names)
        time.sleep(0.3)
        running.send_signal(send)
    _, errors = running.communicate(timeout=60)
    _, alive = psutil.wait_procs(found, timeout=30)
    assert not alive
    for _ in range(100):  # after a kill it is the tracker that cleans up
        if not any((SHARED / name).exists() for name in names):
            break
        time.sleep(0.1)
    assert not any((SHARED / name).exists() for name in names)
    if send != signal.SIGKILL:
        assert "leaked" not in errors
        assert "resource_tracker" not in errors


def test_a_call_in_a_worker_is_predicted_on_its_own_clock(workers):
    kernel = isolated(workers, lambda x: 2 * x)
    problem = Problem.at(kernel.operation, 10_000, np.float64, {"columns": 3}).draw(0)
    here_s = iter(range(0, 10_000_000, 1_000))
    found = predict(kernel, problem, 1e9, clock=lambda: float(next(here_s)))
    assert 0 < found.measured_s < 1_000
