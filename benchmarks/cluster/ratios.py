"""einbench on dask arrays beside the same written with dask.array, and beside a plain loop.

    python benchmarks/cluster/ratios.py --rows 2000000 --json results/dask-ratios.json

weight_gradient and mlp_gradients of rows that are mapped from a file (uint8, made from MNIST by
shifting), on a LocalCluster of two worker processes of one thread, each held to a core of its own.
Contestants take turns, in another order each round, and what is compared is of one round: the
median of the rounds' ratios, and the middle half of them. ``dask`` is the faster of dask.array's
operators and a function of NumPy's per block. Before the rounds einbench's worker processes are
watched alone: the most private memory that one of them had.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contestants import Rows, contestants
from distributed import Client, LocalCluster
from private_memory import begin_watching, peak_bytes
from shifted import shifted

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.moment import now

#: operation -> most of dask.array's time; of the loop's time for both; bytes beyond three blocks
LIMITS = {"weight_gradient": 0.8, "mlp_gradients": 0.6}
LOOP, BEYOND = 1.15, 300e6
UNITS, PIXELS = 128, 784


def main(arguments: Sequence[str]) -> int:
    """0 where every ratio is reached, 1 where one is not."""
    given = _parsed(arguments)
    folder = Path(given.to or tempfile.gettempdir()) / "einbench-shifted"
    try:
        rows = _rows(folder, given)
    except OSError as problem:
        print(f"ratios: {folder}: {problem.strerror or problem}", file=sys.stderr)
        return 2
    logging.getLogger("distributed").setLevel(logging.ERROR)
    results = []
    for operation in given.operations:
        results.append(_measured(operation, rows, given))
        _show(results[-1])
    if given.json:
        settings = {name: each for name, each in vars(given).items() if name not in ("to", "json")}
        document = {
            "schema": "einbench.cluster-ratios/1",
            "date": now(),
            "machine": machine(), "settings": settings, "results": results,
        }  # fmt: skip
        write_whole(Path(given.json), (json.dumps(document, indent=1) + "\n").encode())
        print(f"saved to {given.json}")
    return 0 if all(each["reached"] for each in results) else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python ratios.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--block", type=int, default=50_000, help="rows of a chunk")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--operations", type=lambda text: text.split(","), default=[*LIMITS])
    parser.add_argument("--to", metavar="FOLDER", help="of the files; a temporary one")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args(arguments)
    if min(given.rows, given.block, given.workers, given.rounds) < 1:
        parser.error("expected --rows, --block, --workers and --rounds from 1")
    if strange := [name for name in given.operations if name not in LIMITS]:
        parser.error(f"--operations {strange[0]}: expected some of {', '.join(LIMITS)}")
    return given


def _rows(folder: Path, given: argparse.Namespace) -> Rows:
    """The files, made now unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    gradients = folder / f"dlogits-{given.rows}.npy"
    needed = given.rows * (PIXELS + 1) * (not (folder / f"images-{given.rows}-0.npy").exists())
    needed += given.rows * UNITS * 4 * (not gradients.exists())
    if needed > (free := shutil.disk_usage(folder).free):
        raise OSError(f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free; give --rows")
    images, labels = shifted(folder, given.rows)
    if not gradients.exists():
        unfinished = gradients.with_suffix(f".{os.getpid()}.npy")
        made = np.lib.format.open_memmap(unfinished, "w+", np.float32, (given.rows, UNITS))
        for start in range(0, given.rows, given.block):
            part = made[start : start + given.block]
            part[:] = np.random.default_rng(start).standard_normal(part.shape, np.float32)
        made.flush()
        unfinished.replace(gradients)
    opened = [np.load(path, mmap_mode="r") for path in (images, labels, gradients)]
    return Rows(*map(einbench.mapped, opened), given.block)


def _measured(operation: str, rows: Rows, given: argparse.Namespace) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    with (
        LocalCluster(
            n_workers=given.workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0
        ) as cluster,
        Client(cluster) as client,
    ):
        for number, address in enumerate(sorted(client.nthreads())):
            core = cores[number % len(cores)]
            client.run(os.sched_setaffinity, 0, {core}, workers=[address])
        ways, kernel = contestants(operation, rows)
        client.run(begin_watching)
        ways["einbench"](client)
        ways["einbench"](client)
        peak = max(client.run(peak_bytes).values())
        expected = None
        for way in ways.values():  # what is compiled, chosen or opened on a first call
            found = way(client)
            expected = found if expected is None else expected
            _refuse_apart(operation, found, expected)
        times: dict[str, list[float]] = {name: [] for name in ways}
        busy: dict[str, list[float]] = {name: [] for name in ways}
        rng = np.random.default_rng(0)
        for _ in range(given.rounds):
            for name in rng.permutation(list(ways)).tolist():
                before_s, began_s = _processor_s(client), time.perf_counter()
                ways[name](client)
                times[name].append(time.perf_counter() - began_s)
                busy[name].append(_processor_s(client) - before_s)
    best = min(("dask", "blocks"), key=lambda name: statistics.median(times[name]))
    processor = {name: _ratio(busy, name) for name in (best, "loop")}
    beside_dask, beside_loop = _ratio(times, best), _ratio(times, "loop")
    most = 3 * rows.block * PIXELS + BEYOND
    limits = {"dask": LIMITS[operation], "loop": LOOP, "peak_bytes": most}
    reached = (
        beside_dask["median"] <= limits["dask"] and beside_loop["median"] <= LOOP and peak <= most
    )
    return {
        "operation": operation, "kernel": kernel, "best_of_dask": best,
        "times_s": times, "processor_s": busy,
        "beside_dask": beside_dask, "beside_loop": beside_loop, "processor": processor,
        "peak_bytes": peak, "limits": limits, "reached": reached,
    }  # fmt: skip


def _refuse_apart(operation: str, found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Contestants that compute something else are not compared."""
    for one, other in zip(found, expected, strict=True):
        away = float(np.abs(one - other).max() / np.abs(other).max())
        if not away < 1e-3:
            raise ValueError(f"{operation}: contestants differ by {away:.1e} of the largest entry")


def _processor_s(client: Client) -> float:
    """Of all workers so far: less than times does it depend on what else the machine runs."""
    return float(sum(client.run(time.process_time).values()))


def _ratio(times: dict[str, list[float]], other: str) -> dict[str, float]:
    ratios = np.divide(times["einbench"], times[other])
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return {"median": median, "low": low, "high": high}


def _show(result: dict[str, Any]) -> None:
    print(f"{result['operation']}, by {result['kernel']}")
    for name, taken in result["times_s"].items():
        print(
            f"  {name:10}{statistics.median(taken):8.2f} s  ({min(taken):.2f} to {max(taken):.2f})"
        )
    limits = result["limits"]
    for words, key, limit in (
        (f"beside dask ({result['best_of_dask']})", "beside_dask", limits["dask"]),
        ("beside the loop", "beside_loop", limits["loop"]),
    ):
        ratio = result[key]
        said = "reached" if ratio["median"] <= limit else "NOT REACHED"
        print(
            f"  {words:24}{ratio['median']:.3f}  ({ratio['low']:.3f} to {ratio['high']:.3f}), "
            f"limit {limit}: {said}"
        )
    for name, ratio in result["processor"].items():
        print(f"  processor time beside {name:8}{ratio['median']:.3f}")
    peak, most = result["peak_bytes"] / 1e6, limits["peak_bytes"] / 1e6
    said = "reached" if peak <= most else "NOT REACHED"
    print(
        f"  private memory of a worker at most {peak:.0f} MB, limit {most:.0f}: {said}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
