"""A task has one thread of BLAS and of kernels, measured by the processor time that it takes."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("distributed", reason="dask is not installed (pip install 'einbench[dask]')")

from distributed import Client, LocalCluster

import einbench
from einbench.cluster import worker

#: processor seconds a second above which more than one thread has worked
_ONE = 1.3
_S = 0.6


def _cores(call: Any) -> float:
    """Processor time over wall time of calls, after a first one."""
    call()
    began_s, used_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < _S:
        call()
    return (time.process_time() - used_s) / (time.perf_counter() - began_s)


def _product() -> Any:
    a = np.ones((600, 600), np.float32)
    return lambda: a @ a


def _parallel() -> Any:
    kernel = einbench.operation("linear")["tiled"]
    drawn = kernel.operation.draw(4096)
    return lambda: kernel(**drawn)


def measured(prepared: bool, kernel: bool) -> tuple[float, bool]:
    """(cores used, whether it is a worker's process)."""
    if prepared:
        worker.prepare()
    call = _parallel() if kernel else _product()
    return _cores(call), worker.in_worker()


@pytest.fixture(scope="module")
def client() -> Any:
    # without a nanny's OMP_NUM_THREADS=1, as `dask worker --no-nanny` is
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address=":0",
            env=dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2"),
        ) as cluster,
        Client(cluster) as found,
    ):  # fmt: skip
        yield found


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
@pytest.mark.parametrize("kernel", [False, True], ids=["blas", "compiled"])
def test_a_task_uses_one_core_once_it_is_prepared(client: Client, kernel: bool) -> None:
    before = client.submit(measured, False, kernel, pure=False).result()
    assert before[1]
    after = client.submit(measured, True, kernel, pure=False).result()
    assert after[0] < _ONE, (before, after)
    # the other thread of the worker too, which prepared itself or not where BLAS is concerned
    both = client.gather([client.submit(measured, True, kernel, pure=False) for _ in range(2)])
    assert all(cores < 2 * _ONE for cores, _ in both)


def threads_now() -> tuple[int, int]:
    from einbench.choose import environment

    worker.prepare()
    return tuple(environment.threads())


def test_choices_in_a_worker_are_made_for_one_thread(client: Client) -> None:
    found = client.gather([client.submit(threads_now, pure=False) for _ in range(4)])
    assert found == [(1, 1)] * 4


def test_outside_a_worker_it_holds_for_the_block_alone() -> None:
    from einbench.choose import environment
    from einbench.host.machine import limit_threads

    with limit_threads():
        before = environment.threads()
        with worker.prepare():
            assert environment.threads() == (1, 1)
            with worker.prepare():
                assert environment.threads() == (1, 1)
            assert environment.threads() == (1, 1)
        assert environment.threads() == before
        assert not worker.in_worker()


def test_threads_of_a_pool_that_overlap_leave_all_as_it_was() -> None:
    import dask

    from einbench.choose import environment
    from einbench.host.machine import limit_threads

    @dask.delayed
    def inside(number: int) -> tuple[int, int]:
        with worker.prepare():
            time.sleep(0.01 * (number % 3))
            return tuple(environment.threads())

    with limit_threads():
        before = environment.threads()
        for scheduler in ("threads", "synchronous"):
            found = dask.compute(*map(inside, range(12)), scheduler=scheduler, num_workers=4)
            assert set(found) == {(1, 1)}
            assert environment.threads() == before


def test_a_cluster_inside_the_program_leaves_the_program_its_threads() -> None:
    from einbench.choose import environment
    from einbench.host.machine import limit_threads

    with limit_threads():
        before = environment.threads()
        with (
            LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
            ) as cluster,
            Client(cluster) as client,
        ):
            assert client.submit(worker.in_worker, pure=False).result() is False
            client.submit(threads_now, pure=False).result()
        assert environment.threads() == before


def test_a_machine_is_named_by_what_its_choices_depend_on(client: Client) -> None:
    here = worker.machine()
    assert np.__version__ in here
    assert client.submit(worker.machine, pure=False).result() == here
