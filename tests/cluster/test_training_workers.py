"""Trainings by real worker processes: the same bits however many there are, and whichever die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench

dask = pytest.importorskip("dask", reason="dask is not installed (pip install 'einbench[dask]')")
da = pytest.importorskip(
    "dask.array", reason="dask is not installed (pip install 'einbench[dask]')"
)
distributed = pytest.importorskip("distributed")

N = einbench.network
COUNT, FEATURES, CLASSES = 6000, 40, 3
RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, CLASSES, COUNT)
#: what forked workers of other tests would say of their parents' threads
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def cluster(workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
    )


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    # a LocalCluster gives up a worker that is not there so long after it died
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1 h"}), cluster(2) as found:
        yield found


@pytest.fixture
def client(two: Any) -> Iterator[Any]:
    with distributed.Client(two) as found:
        yield found


@pytest.fixture(scope="module")
def x(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("mapped") / "pixels.npy"
    np.save(path, RNG.integers(0, 256, (COUNT, FEATURES), np.uint8))
    return da.from_array(einbench.mapped(np.load(path, mmap_mode="r")), chunks=(700, -1))


Y = da.from_array(LABELS, chunks=700)


def network(kernels: Any = "tiled") -> Any:
    layers = [N.Linear(FEATURES, 30), N.ReLU(), N.Linear(30, 20), N.ReLU(), N.Linear(20, CLASSES)]
    return N.Sequential(layers, kernels=kernels, dtype="float64")


def bits(net: Any, x: Any, y: Any = Y, **more: Any) -> list[bytes]:
    history = net.fit(x, y, **{"batch": 2000, "seed": 3, "optimizer": N.SGD(0.1, 0.5), **more})
    losses = np.array(history.step_losses).tobytes()
    return [losses, *(parameter.tobytes() for parameter in net.parameters.values())]


def test_one_worker_two_and_threads_give_the_same_bits(two: Any, x: Any) -> None:
    by_threads = bits(network(), x)
    with distributed.Client(two):
        by_two = bits(network(), x)
        accuracy = network().accuracy(x, Y)
    with cluster(1) as one, distributed.Client(one):
        by_one = bits(network(), x)
    assert by_one == by_two == by_threads
    pixels, numbers = network(), x.compute() / 255
    expected = pixels.fit(numbers, LABELS, batch=2000, seed=3, optimizer=N.SGD(0.1, 0.5))
    found = np.frombuffer(by_one[0])
    np.testing.assert_allclose(found, expected.step_losses, rtol=0, atol=1e-12)
    assert accuracy == network().accuracy(numbers, LABELS)


def test_kernels_are_chosen_by_a_worker_and_named_in_the_ledger(client: Any, x: Any) -> None:
    net = network("auto")
    assert bits(net, x) == bits(network({r.operation: r.kernel for r in net.ledger}), x)


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.long)])
def test_a_worker_killed_at_a_random_moment_changes_no_bit(
    two: Any, client: Any, x: Any, kills: int
) -> None:
    expected = bits(network(), x, epochs=4 * kills)
    rng, over, killed = np.random.default_rng(), threading.Event(), []

    def kill() -> None:
        while len(killed) < kills and not over.wait(rng.uniform(0.05, 0.6)):
            # a nanny gives up where its worker dies before it has joined
            joined = two.scheduler.workers
            pids = [n.pid for n in two.workers.values() if n.worker_address in joined and n.pid]
            if pids:
                killed.append(int(rng.choice(pids)))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)

    def begin(step: int, _loss: float) -> None:
        if step == 1:
            thread.start()

    found = bits(network(), x, epochs=4 * kills, on_step=begin)
    over.set()
    thread.join()
    assert killed
    assert found == expected


@pytest.mark.long
def test_more_workers_may_die_with_one_task_than_dask_allows(
    client: Any, x: Any, tmp_path: Path
) -> None:
    expected = bits(network(), x)

    def deadly(block: Any, block_info: Any = None) -> Any:
        # the first block takes six workers with it
        if block_info and block_info[0]["chunk-location"] == (0, 0):
            died = len(list(tmp_path.iterdir()))
            if died < 6:
                (tmp_path / str(died)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return block

    assert bits(network(), x.map_blocks(deadly, dtype=x.dtype, meta=x._meta)) == expected
    assert len(list(tmp_path.iterdir())) == 6


def test_a_worker_that_dies_while_it_is_asked_is_no_unfit_one(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from einbench.cluster.connect import connected

    run = client.run

    def dying(*given: Any, workers: Any, **more: Any) -> Any:
        gone = {workers[0]: distributed.comm.CommClosedError("in <TCP>: closed")}
        return run(*given, workers=workers[1:], **more) | gone

    monkeypatch.setattr(client, "run", dying)
    assert connected(client) is client


def test_choosing_off_is_off_in_workers_too(client: Any, x: Any, tmp_path: Path) -> None:
    from einbench.choose.default import defaults

    net = network("auto")
    with einbench.choosing("off"):
        bits(net, x)
    op = einbench.operation("mlp_logits_gradients")
    drawn = op.draw(512, "float64", features=FEATURES, hidden1=30, hidden2=20, classes=CLASSES)
    used = {record.operation: record.kernel for record in net.ledger}
    assert used[op.name] == next(defaults(op, list(drawn.values()))).method


def test_what_is_in_memory_is_sent_once(client: Any) -> None:
    from einbench.cluster.blocks import blocks_of

    numbers = RNG.random((COUNT, FEATURES))
    blocks = blocks_of(da.from_array(numbers, chunks=(700, -1)))
    held = [node for graph in blocks.graphs for node in graph.values()]
    assert held
    assert not any(isinstance(getattr(node, "value", node), np.ndarray) for node in held)
    both = [
        bits(network(), da.from_array(numbers, chunks=(700, -1))),
        bits(network(), numbers, LABELS),
    ]
    np.testing.assert_allclose(np.frombuffer(both[0][0]), np.frombuffer(both[1][0]), rtol=1e-12)


def test_what_is_persisted_stays_where_it_is(client: Any, x: Any) -> None:
    expected, net = bits(network(), x), network()
    kept, labels = client.persist(x), Y.persist()
    assert bits(network(), kept[:], labels) == bits(net, kept, labels) == expected
    assert net.accuracy(kept, labels) == net.accuracy(x, Y)
    np.testing.assert_array_equal(net.predict(kept).compute(), net.predict(x).compute())


class Doubled:
    """A layer that no worker can import."""

    names: tuple[str, ...] = ()

    def begin(self, rng: Any, dtype: Any) -> None: ...

    def forward(self, calls: Any, inputs: Any) -> Any:
        return 2 * inputs

    def backward(self, calls: Any, inputs: Any, outputs: Any, cotangent: Any, further: bool) -> Any:
        from einbench.network.layers import Gradients

        return Gradients([], 2 * cotangent)

    def describe(self) -> dict[str, Any]:
        return {}


def test_a_layer_of_the_users_own_travels(client: Any, x: Any) -> None:
    def own() -> Any:
        layers = [N.Linear(FEATURES, CLASSES), Doubled()]
        return N.Sequential(layers, kernels="matmul", dtype="float64")

    found, expected = bits(own(), x), bits(own(), x.compute() / 255, LABELS)
    np.testing.assert_allclose(np.frombuffer(found[0]), np.frombuffer(expected[0]), rtol=1e-12)


INTERRUPTED = """
import os, signal, threading, time
import dask.array as da, numpy as np, einbench
from distributed import Client, LocalCluster

N = einbench.network
rng = np.random.default_rng(0)
x = da.from_array(rng.random((2000, 20)), chunks=(300, -1))
y = da.from_array(rng.integers(0, 3, 2000), chunks=300)

def slowly(block):
    time.sleep(0.2)
    return block

def press(number, loss):
    if number == 6:
        # in the middle of a step, and as a terminal does it: to the workers too
        threading.Timer(0.1, os.killpg, (0, signal.SIGINT)).start()

def trained(x, **more):
    net = N.Sequential([N.Linear(20, 3)], kernels="matmul")
    history = net.fit(x, y, batch=500, seed=0, **more)
    return history, [parameter.tobytes() for parameter in net.parameters.values()]

if __name__ == "__main__":
    os.setpgid(0, 0)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster):
            found, bits = trained(
                x.map_blocks(slowly), epochs=50, on_step=press, on_interrupt="return"
            )
    print(found.stopped, found.epochs, found.steps, bits == trained(x, epochs=1)[1])
"""


@pytest.mark.long
def test_ctrl_c_in_a_step_leaves_the_last_whole_epoch(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout.split() == ["interrupted", "1", "4", "True"], done.stderr
