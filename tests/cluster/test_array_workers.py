"""Operations in worker processes: bits, kills, maps, and what reaches the user from a worker."""

from __future__ import annotations

import os
import pickle
import re
import signal
import threading
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("distributed", reason="dask is not installed (pip install 'einbench[dask]')")

import dask
import dask.array as da
from distributed import Client, LocalCluster

import einbench
from einbench.cluster.frozen import Frozen

ROWS, BLOCK = 6_000, 300


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One worker at first; nothing is measured in it."""
    before = os.environ.get("EINBENCH_CHOICE")
    os.environ["EINBENCH_CHOICE"] = "off"
    # LocalCluster gives up a worker that is away twice in as many seconds
    settings = {"distributed.deploy.lost-worker-timeout": "1 h"}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as made,
    ):
        yield made
    if before is None:
        del os.environ["EINBENCH_CHOICE"]
    else:
        os.environ["EINBENCH_CHOICE"] = before


@pytest.fixture
def client(cluster):
    with Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    path = tmp_path_factory.mktemp("pixels") / "pixels.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (ROWS, 784), dtype=np.uint8))
    return np.load(path, mmap_mode="r")


@pytest.fixture
def gradients(pixels):
    """What asks for all gradients of a network, from bytes in a file."""
    drawn = einbench.operation("mlp_gradients").draw(batch=ROWS)
    x = da.from_array(einbench.mapped(pixels), chunks=(BLOCK, -1))
    return lambda: einbench.auto.mlp_gradients(x, *list(drawn.values())[1:])


def scaled(cluster, client, count):
    cluster.scale(count)
    end_s = time.monotonic() + 120
    while len(client.nthreads()) != count and time.monotonic() < end_s:
        time.sleep(0.05)
    assert len(client.nthreads()) == count


def await_another(client, killed):
    """Both workers answer again: one that is killed as it starts is not started another time."""
    end_s = time.monotonic() + 120
    while time.monotonic() < end_s:
        pids = client.run(os.getpid, on_error="return").values()
        if len({pid for pid in pids if isinstance(pid, int)} - {killed}) == 2:
            return
        time.sleep(0.05)
    raise AssertionError("no worker took the place of the one that was killed")


def bits(results):
    return [np.asarray(each).tobytes() for each in results]


def test_one_and_two_workers_give_the_bits_of_this_process(cluster, client, gradients):
    alone = bits(dask.compute(*gradients()))
    scaled(cluster, client, 2)
    assert bits(dask.compute(*gradients())) == alone
    with dask.config.set(scheduler="threads"):
        assert bits(dask.compute(*gradients())) == alone
    x = da.from_array(np.arange(700.0).reshape(70, 10), chunks=(9, 4))
    total = einbench.einsum("ij,ij->j", x, x)
    here = total.compute(scheduler="synchronous").tobytes()
    assert total.compute().tobytes() == here


@pytest.mark.long
def test_four_workers_give_the_same_bits(cluster, client, gradients):
    alone = bits(dask.compute(*gradients()))
    scaled(cluster, client, 4)
    assert bits(dask.compute(*gradients())) == alone


def test_workers_that_are_killed_leave_the_same_bits(cluster, client, gradients):
    scaled(cluster, client, 2)
    expected = bits(dask.compute(*gradients()))
    killed, rng = [], np.random.default_rng(int.from_bytes(os.urandom(4)))

    def kill():
        time.sleep(rng.uniform(0, 0.3))
        pid = next(nanny.pid for nanny in cluster.workers.values() if nanny.pid)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    for _ in range(2):
        thread = threading.Thread(target=kill)
        thread.start()
        assert bits(dask.compute(*gradients())) == expected
        thread.join()
        await_another(client, killed[-1])
    assert len(killed) == 2


def test_a_task_is_small_and_holds_no_rows(client, gradients):
    """Pixels travel as the name of their file; labels and weights are there once."""
    lazy = gradients().dw1
    (optimised,) = dask.optimize(lazy)
    blocks = [
        task for key, task in optimised.dask.items()
        if key[0].startswith("mlp_gradients-") and "-sum-" not in key[0]
    ]  # fmt: skip
    assert len(blocks) == ROWS // BLOCK
    assert max(len(pickle.dumps(task)) for task in blocks) < 8_000


def test_a_worker_on_a_machine_nobody_chose_for_chooses_and_says_so(client, monkeypatch):
    from einbench.cluster import calls

    elsewhere = Frozen((("another machine", "loop"),))
    monkeypatch.setattr(calls, "freeze_operation", lambda problem: elsewhere)
    x = da.from_array(np.eye(30, dtype="f4"), chunks=(10, -1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.array_equal(einbench.auto.relu(x).compute(), np.eye(30))
        said = "relu: a worker uses .*, and last bits may differ: no kernel was chosen for its kind"
        end_s = time.monotonic() + 60
        while not any(re.match(said, str(each.message)) for each in caught):
            assert time.monotonic() < end_s
            time.sleep(0.05)
    ((_, event), *_) = client.get_events("einbench")
    assert re.match(said, event["message"])


def test_a_wrong_label_in_one_block_is_the_kernels_own_error(client):
    labels = np.zeros(90, int)
    labels[77] = 10
    logits = da.zeros((90, 10), "f4", chunks=(20, -1))
    with pytest.raises(ValueError, match=r"labels must lie in \[0, classes\)"):
        einbench.auto.cross_entropy(logits, labels).compute()


def test_a_file_that_workers_do_not_see_is_named(client, tmp_path):
    np.save(tmp_path / "gone.npy", np.ones((40, 8), "f4"))
    x = einbench.mapped(np.load(tmp_path / "gone.npy", mmap_mode="r"))
    lazy = einbench.auto.relu(da.from_array(x, chunks=(10, -1)))
    (tmp_path / "gone.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"gone\.npy: this process cannot open the file"):
        lazy.compute()
