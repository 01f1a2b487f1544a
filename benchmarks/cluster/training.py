"""A training epoch over millions of rows, in this process and by worker processes of one core each.

    python benchmarks/cluster/training.py --rows 2000000 --workers 1,2,4 --kills 20

trains 784-128-128-10 on images made from MNIST by shifting, mapped from a file: first batch by
batch in this process, then from the same seed by 1, 2 and 4 workers, of which ``--kills`` are
killed at random moments of the last training. Says how far the losses of the steps are from those
of this process and whether losses and parameters are the same bits whatever the number of workers;
status 1 where they are not, or losses differ by more than 1e-9 in float64, 1e-4 in float32.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from shifted import shifted

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.network.feed import places

SCHEMA = "einbench.cluster-training/1"
#: how far losses may be from those of one process
LIMITS = {"float64": 1e-9, "float32": 1e-4}
N = einbench.network


def main(arguments: Sequence[str]) -> int:
    """Train, print and keep; status 1 where something is not as it has to be."""
    given = _parsed(arguments)
    files = shifted(given.to, given.rows, given.seed)
    images, labels = (np.load(path, mmap_mode="r") for path in files)
    print(f"{given.rows:,} rows of {images.shape[1]} bytes, {given.dtype}, batch {given.batch:,}")
    alone = _alone(images, labels, given)
    print(f"  this process {alone['epoch_s']:8.1f} s   loss {alone['losses'][-1]:.12f}")
    runs: list[dict[str, Any]] = []
    kernels: Any = given.kernels
    epoch_s = 0.0
    counts = [(count, 0) for count in given.workers]
    if given.kills:
        counts.append((max(given.workers), given.kills))
    for count, kills in counts:
        run = _clustered(images, labels, given, count, kills, kernels, epoch_s)
        epoch_s = run["epoch_s"]
        # chosen once: two choices may find different kernels, with other last bits
        kernels = run["kernels"]
        away = float(np.abs(np.subtract(run["losses"], alone["losses"])).max())
        run |= {"away": away, "same": not runs or run["bits"] == runs[0]["bits"]}
        runs.append(run)
        said = f", {run['kills']} killed" if kills else ""
        bits = "" if len(runs) == 1 else ", same bits" if run["same"] else ", OTHER BITS"
        print(
            f"  {count} workers    {run['epoch_s']:8.1f} s   losses differ by {away:.1e}{bits}"
            f"{said}"
        )
    print(f"  kernels: {', '.join(f'{op} {method}' for op, method in kernels.items())}")
    right = all(run["same"] and run["away"] <= LIMITS[given.dtype] for run in runs)
    if given.save:
        write_whole(Path(given.save), _document(given, alone, runs).encode())
        print(f"  saved to {given.save}")
    return 0 if right else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python training.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--batch", type=int, default=100_000)
    parser.add_argument("--block", type=int, default=50_000, help="rows of a chunk")
    parser.add_argument("--workers", type=_counts, default="1,2,4", metavar="N,N")
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--order", choices=("shuffled", "given", "random"), default="shuffled")
    parser.add_argument("--dtype", choices=tuple(LIMITS), default="float64")
    parser.add_argument("--kernels", default="auto", help="auto, or a method as tiled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", default="build/shifted", metavar="FOLDER", help="of the images")
    parser.add_argument("--save", metavar="FILE", help="JSON")
    given = parser.parse_args(arguments)
    if not 1 <= given.batch <= given.rows or given.block < 1 or given.kills < 0:
        parser.error("expected --batch from 1 to --rows, --block from 1, --kills from 0")
    return given


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise ValueError(text)
    return counts


def _network(given: argparse.Namespace, kernels: Any) -> Any:
    layers = [N.Linear(784, 128), N.ReLU(), N.Linear(128, 128), N.ReLU(), N.Linear(128, 10)]
    return N.Sequential(layers, dtype=given.dtype, kernels=kernels, seed=given.seed)


def _alone(images: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """One process, all its threads, and the rows of one batch in memory at a time."""
    # to find the fastest for so large a batch takes longer than the training
    net = _network(given, "tiled" if given.kernels == "auto" else given.kernels)
    scale = np.dtype(given.dtype).type(255)
    rng = np.random.default_rng(given.seed)
    every = places(given.rows, given.batch, given.order, rng)
    losses: list[float] = []
    began_s = time.perf_counter()
    for _ in range(-(-given.rows // given.batch)):
        chosen = next(every)
        x, y = images[chosen] / scale, labels[chosen]
        losses += net.fit(x, y, steps=1, batch=None, optimizer=N.SGD(0.1)).step_losses
    return {"epoch_s": time.perf_counter() - began_s, "losses": losses, "bits": _bits(net, losses)}


def _clustered(
    images: Any,
    labels: Any,
    given: argparse.Namespace,
    count: int,
    kills: int,
    kernels: Any,
    expected_s: float,
) -> dict[str, Any]:
    x = da.from_array(einbench.mapped(images), chunks=(given.block, images.shape[1]))
    y = da.from_array(einbench.mapped(labels), chunks=given.block)
    net = _network(given, kernels)
    with (
        # a LocalCluster gives up a worker that is not there so long after it died
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 h"}),
        LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=":0", silence_logs="ERROR"
        ) as cluster,
        Client(cluster),
        _killing(cluster, kills, expected_s) as (killed, begun),
    ):
        history = net.fit(
            x, y, epochs=1, batch=given.batch, order=given.order, seed=given.seed,
            optimizer=N.SGD(0.1), on_step=lambda *_: begun.set(),
        )  # fmt: skip
    return {
        "workers": count,
        "kills": len(killed),
        "epoch_s": history.epoch_s[0],
        "losses": history.step_losses,
        "accuracy": history.accuracy[0],
        "bits": _bits(net, history.step_losses),
        "kernels": {record.operation: record.kernel for record in net.ledger},
    }


@contextmanager
def _killing(cluster: Any, wanted: int, expected_s: float) -> Iterator[Any]:
    """kill -9 of random workers at random moments, some ``wanted`` in so many seconds.

    Gives those killed, and an event: the first step is over.
    """
    killed: list[int] = []
    begun, over, rng = threading.Event(), threading.Event(), np.random.default_rng()

    def kill() -> None:
        begun.wait()
        while len(killed) < wanted and not over.wait(rng.uniform(0, 2 * expected_s / wanted)):
            # a nanny gives up where its worker dies before it has joined
            joined = cluster.scheduler.workers
            pids = [n.pid for n in cluster.workers.values() if n.worker_address in joined and n.pid]
            if not pids:
                continue
            pid = int(rng.choice(pids))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed, begun
    finally:
        over.set()
        begun.set()
        thread.join()


def _bits(net: Any, losses: list[float]) -> str:
    """A digest of parameters and losses."""
    found = hashlib.sha256(np.array(losses).tobytes())
    for parameter in net.parameters.values():
        found.update(parameter.tobytes())
    return found.hexdigest()


def _document(given: argparse.Namespace, alone: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    settings = {name: value for name, value in vars(given).items() if name not in ("to", "save")}
    document = {
        "schema": SCHEMA,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": settings,
        "alone": alone,
        "runs": runs,
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
