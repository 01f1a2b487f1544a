"""kill -9 of a worker at random moments of a computation: are the bits the same, is nothing lost?

    python benchmarks/cluster/kills.py -n 20

All gradients of 784-128-128-10 on rows of MNIST's, mapped from a file in a temporary folder, on two
worker processes. The bits without a kill, on one worker, are what every later run must give; each
of those loses a worker at a moment drawn at random from the time that such a run takes. Status 1
where bits differ, a run fails, or takes longer than the limit.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from shifted import shifted

import einbench

#: seconds, and so many times an undisturbed run, after which a run counts as hanging
LIMIT_S, TIMES = 120.0, 30.0


def main(arguments: Sequence[str]) -> int:
    """0 where all survived."""
    parser = argparse.ArgumentParser(prog="python kills.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-n", type=int, default=20, help="kills")
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--block", type=int, default=2_000, help="rows of a chunk")
    parser.add_argument("--seed", type=int, help="of the moments; another one each time")
    given = parser.parse_args(arguments)
    if min(given.n, given.rows, given.block) < 1:
        parser.error("expected -n, --rows and --block from 1")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # each kill is many lines there
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(4))
    with tempfile.TemporaryDirectory() as folder:
        images, labels = (np.load(path, mmap_mode="r") for path in shifted(folder, given.rows))
        x = da.from_array(einbench.mapped(images), chunks=(given.block, -1))
        y = da.from_array(einbench.mapped(labels), chunks=given.block)
        drawn = einbench.operation("mlp_gradients").draw(batch=1)
        parameters = list(drawn.values())[1:-1]
        return _run(lambda: einbench.auto.mlp_gradients(x, *parameters, y), given.n, seed)


def _run(make: Callable[[], Any], kills: int, seed: int) -> int:
    rng, wrong, killed = np.random.default_rng(seed), 0, list[int]()
    with (
        # by default a worker that is away twice in 15 s is given up by LocalCluster
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 h"}),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        expected, _ = _bits(client, make, LIMIT_S)
        cluster.scale(2)
        client.wait_for_workers(2)
        _bits(client, make, LIMIT_S)
        found, run_s = _bits(client, make, LIMIT_S)
        print(f"{run_s:.2f} s without a kill; seed {seed}", flush=True)
        wrong += found != expected
        for number in range(kills):
            at_s = float(rng.uniform(0, run_s))
            thread = threading.Thread(target=_kill, args=(cluster, rng, at_s, killed))
            thread.start()
            try:
                found, took_s = _bits(client, make, max(LIMIT_S, TIMES * run_s))
                said = "the same bits" if found == expected else "OTHER BITS"
                wrong += found != expected
            except Exception as problem:
                took_s, said, wrong = np.nan, f"FAILED: {problem!r}", wrong + 1
            thread.join()
            print(f"{number + 1:3} killed after {at_s:.2f} s: {said} in {took_s:.2f} s", flush=True)
            _wait_for_another(client, killed[-1])
    print(f"{kills - wrong} of {kills} kills survived" if wrong else f"all {kills} kills survived")
    return 1 if wrong else 0


def _kill(cluster: Any, rng: np.random.Generator, after_s: float, killed: list[int]) -> None:
    time.sleep(after_s)
    pids = [nanny.pid for nanny in cluster.workers.values() if nanny.pid]
    killed.append(int(rng.choice(pids)))
    os.kill(killed[-1], signal.SIGKILL)


def _wait_for_another(client: Client, killed: int) -> None:
    """Until both workers answer, and neither is the one that was killed."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        pids = client.run(os.getpid, on_error="return").values()
        alive = {pid for pid in pids if isinstance(pid, int)} - {killed}
        if len(alive) == 2:
            return
        if time.monotonic() > end_s:
            raise TimeoutError(f"no worker took the place of the one killed within {LIMIT_S:g} s")
        time.sleep(0.1)


def _bits(client: Client, make: Callable[[], Any], limit_s: float) -> tuple[str, float]:
    """A digest of the results, and seconds."""
    began_s = time.perf_counter()
    futures = client.compute(list(make()))
    results = [each.result(timeout=limit_s) for each in futures]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in results))
    return digest.hexdigest(), time.perf_counter() - began_s


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
