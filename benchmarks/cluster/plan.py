"""Time and cost of a pass over 8.1 million to 8 billion images, on 10 to 1,000 workers.

    python benchmarks/cluster/plan.py > results/cluster-plan.txt

Measured here: what distributed's scheduler takes for a task (no-ops), what the gradient of a small
network takes for a block of bytes on one thread, conversion included, and what an addition takes.
Stated: network, reading, price. The rest is `simulate`, which is first held against real runs on 1,
2 and 4 workers whose blocks sleep, so that two cores are enough. Needs the extra `dask`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from simulate import Cluster, Outcome, Work, simulate

FEATURES = 784
ROWS = (8_100_000, 81_000_000, 810_000_000, 8_100_000_000)
WORKERS = (10, 100, 1_000)
BLOCKS = (12_500, 50_000, 200_000, 800_000)
#: bytes and label of a row
ROW_BYTES = FEATURES + 1
_TILE = 512
#: beyond so many a simulation takes minutes
MOST_BLOCKS = 200_000


def main() -> None:
    """Measure, hold the simulation against real runs, and print the plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gbit-s", type=float, default=10.0, help="network of a worker")
    parser.add_argument("--latency-us", type=float, default=200.0, help="one way")
    parser.add_argument("--read-mb-s", type=float, default=500.0, help="images, of a worker")
    parser.add_argument("--price", type=float, default=0.05, help="of a worker for an hour")
    given = parser.parse_args()
    print(__doc__.split("\n", 1)[0], "\n")
    call_s, row_s, result_bytes = _kernel()
    add_s = _addition(result_bytes)
    scheduler_s, worker_s = _overheads()
    print(
        f"measured   scheduler {1e6 * scheduler_s:.0f} us a task, worker {1e6 * worker_s:.0f} us;\n"
        f"           mlp_gradients from bytes on one thread {1e3 * call_s:.1f} ms + "
        f"{1e9 * row_s:.0f} ns a row;\n"
        f"           a partial result {result_bytes:,} bytes, added in {1e6 * add_s:.0f} us\n"
        f"stated     {given.gbit_s:g} Gbit/s and {given.latency_us:g} us between workers, reading "
        f"{given.read_mb_s:g} MB/s\n           and {given.price:g} an hour for each\n"
    )
    _held_against_real_runs(scheduler_s)
    network = {
        "worker_s": worker_s,
        "latency_s": given.latency_us / 1e6,
        "bytes_per_s": given.gbit_s * 1e9 / 8,
    }
    read_s = ROW_BYTES / (given.read_mb_s * 1e6)

    def step(workers: int, rows: int, block: int) -> Outcome:
        work = Work(math.ceil(rows / block), call_s + block * (row_s + read_s), result_bytes, add_s)
        return simulate(work, Cluster(workers, scheduler_s, **network))

    _whole_passes(step, given.price)
    _batches(step, given.price)
    _words(step, scheduler_s, call_s, row_s, read_s)


def _kernel() -> tuple[float, float, int]:
    """Seconds of a call and of a row, bytes included; and bytes of the gradients."""
    import einbench
    from einbench.cluster.worker import prepare

    op = einbench.operation("mlp_gradients")
    sizes, seconds = (1_000, 5_000, 20_000), []
    with prepare():
        for rows in sizes:
            drawn = op.draw(rows)
            name = next(n for n, a in drawn.items() if a.shape == (rows, FEATURES))
            bytes_ = (255 * drawn.pop(name)).astype(np.uint8)
            kernel = (
                op["tiled"] if "tiled" in op and op["tiled"].available else op.kernels["matmul"]
            )
            images = np.empty(bytes_.shape, np.float32)

            def block(
                drawn: Any = drawn, name: str = name, bytes_: Any = bytes_, images: Any = images,
                kernel: Any = kernel,
            ) -> Any:  # fmt: skip
                for first in range(0, len(bytes_), _TILE):
                    np.multiply(
                        bytes_[first : first + _TILE], np.float32(1 / 255),
                        out=images[first : first + _TILE],
                    )  # fmt: skip
                return kernel(**{**drawn, name: images})

            results = block()
            seconds.append(_best(block))
    row_s = (seconds[-1] - seconds[0]) / (sizes[-1] - sizes[0])
    call_s = max(seconds[0] - row_s * sizes[0], 0.0)
    return call_s, row_s, sum(np.asarray(each).nbytes for each in results)


def _best(
    call: Callable[[], Any], times: int = 7, clock: Callable[[], float] = time.process_time
) -> float:
    """The least of some runs, by default of processor time: others are no part of the plan."""
    found = []
    for _ in range(times):
        began_s = clock()
        call()
        found.append(clock() - began_s)
    return min(found)


def _addition(size: int) -> float:
    one, other = np.ones(size // 4, np.float32), np.ones(size // 4, np.float32)
    return _best(lambda: one + other)


def _nothing(number: int) -> int:
    return number


def _overheads(tasks: int = 1_000) -> tuple[float, float]:
    """Processor seconds of the scheduler and of a worker for a task that does nothing."""
    with _client(1) as client:
        _no_ops(client, 100)

        def used_s() -> tuple[float, float]:
            (worker_s,) = client.run(time.process_time).values()
            return client.run_on_scheduler(time.process_time), worker_s

        found = []
        for _ in range(3):
            before = used_s()
            _no_ops(client, tasks)
            found.append([(b - a) / tasks for a, b in zip(before, used_s(), strict=True)])
    scheduler_s, worker_s = (min(each) for each in zip(*found, strict=True))
    return scheduler_s, worker_s


@contextlib.contextmanager
def _client(workers: int) -> Iterator[Any]:
    """Scheduler and workers as processes of their own, with one thread for tasks each."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    with (
        SubprocessCluster(
            n_workers=workers, threads_per_worker=1, silence_logs=logging.CRITICAL,
            worker_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        client.wait_for_workers(workers)
        yield client


def _sleep(number: int, seconds: float, size: int) -> Any:
    time.sleep(seconds)
    return np.ones(size // 4, np.float32)


def _add(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _held_against_real_runs(scheduler_s: float, block_s: float = 0.05, blocks: int = 96) -> None:
    """Blocks that sleep, and a tree of additions: seconds as run and as simulated.

    How long a block really slept, and what a task that does nothing takes of a worker, are those of
    the same minute on the same cluster: on a machine that does other things both are longer.
    """
    from distributed import get_task_stream

    size = 400_000
    print(f"simulated against real runs, {blocks} blocks that sleep {block_s:g} s")
    for workers in (1, 2, 4):
        with _client(workers) as client:
            _no_ops(client, 100)
            each_s = _best(partial(_no_ops, client, 500), 3, time.perf_counter) / 500
            worker_s = workers * each_s
            found = []
            for _ in range(3):
                with get_task_stream(client) as stream:
                    began_s = time.perf_counter()
                    _tree(client, blocks, block_s, size)
                    real_s = time.perf_counter() - began_s
                found.append((real_s, _durations(stream.data)))
        real_s, (slept_s, add_s) = min(found)
        work = Work(blocks, slept_s, 0, add_s / 3)
        foreseen_s = simulate(work, Cluster(workers, scheduler_s, worker_s=worker_s)).wall_s
        print(
            f"  {workers} workers  {real_s:.2f} s real, {foreseen_s:.2f} s simulated "
            f"({foreseen_s / real_s:.2f}); a block {slept_s:.3f} s, "
            f"a task that does nothing {1e3 * worker_s:.1f} ms"
        )
    print()


def _no_ops(client: Any, count: int) -> None:
    client.gather(client.map(_nothing, range(count), pure=False))


def _durations(tasks: Any) -> tuple[float, float]:
    """Mean seconds of blocks, and of additions with what they fetch."""
    sums: dict[str, list[float]] = {"_sleep": [], "_add": []}
    for task in tasks:
        name = str(task["key"]).partition("-")[0]
        if name in sums:
            spent = [each["stop"] - each["start"] for each in task["startstops"]]
            sums[name].append(sum(spent))
    return tuple(sum(each) / len(each) for each in sums.values())  # type: ignore[return-value]


def _tree(client: Any, blocks: int, block_s: float, size: int) -> None:
    level = client.map(_sleep, range(blocks), seconds=block_s, size=size, pure=False)
    while len(level) > 1:
        level = [client.submit(_add, level[n : n + 4]) for n in range(0, len(level), 4)]
    level[0].result()


def _whole_passes(step: Callable[[int, int, int], Outcome], price: float) -> None:
    print("one gradient of all rows, by the best of four sizes of block")
    print(f"{'rows':>15} {'workers':>8} {'block':>8} {'time':>9} {'cost':>8}  busy  limited by")
    for rows in ROWS:
        for workers in WORKERS:
            fitting = [b for b in BLOCKS if rows / b <= MOST_BLOCKS]
            found = {block: step(workers, rows, block) for block in fitting}
            block = min(found, key=lambda each: found[each].wall_s)
            outcome = found[block]
            cost = price * workers * outcome.wall_s / 3600
            print(
                f"{rows:>15,} {workers:>8,} {block:>8,} {_time(outcome.wall_s):>9} {cost:>8.3f}  "
                f"{outcome.workers_s / workers / outcome.wall_s:>4.0%}  "
                f"{_limit(outcome, workers, rows, block)}"
            )
    print()


def _limit(outcome: Outcome, workers: int, rows: int, block: int) -> str:
    if rows / block < workers:
        return "blocks: fewer than workers"
    if outcome.scheduler_s > 0.7 * outcome.wall_s:
        return "the scheduler"
    if outcome.workers_s / workers > 0.7 * outcome.wall_s:
        return "the workers: kernel and reading"
    return "the last round, and the tree"


def _batches(step: Callable[[int, int, int], Outcome], price: float) -> None:
    """Steps one after the other: each is a whole gradient of its batch."""
    print("an epoch of steps, 810,000,000 rows: batches of 100,000 rows, and of a block a worker")
    for workers in WORKERS:
        for batch in (100_000, 50_000 * workers):
            block = max(batch // workers, 1_000)
            outcome = step(workers, batch, block)
            wall_s = outcome.wall_s * ROWS[2] / batch
            print(
                f"  {workers:>5,} workers, batch {batch:>10,} in blocks of {block:>6,}: "
                f"{_time(wall_s)}, cost {price * workers * wall_s / 3600:.2f}, workers busy "
                f"{outcome.workers_s / workers / outcome.wall_s:.0%}"
            )
    print()


def _words(
    step: Callable[[int, int, int], Outcome], scheduler_s: float, call_s: float, row_s: float,
    read_s: float,
) -> None:  # fmt: skip
    """The plan for 1,000 workers in ten lines, each made of the figures above."""
    workers, rows, batch = WORKERS[-1], ROWS[-1], 100_000
    each_s = row_s + read_s
    busy_s = workers * scheduler_s * 4 / 3
    least = max((busy_s - call_s) / each_s, 0.0)
    times = {b: step(workers, rows, b).wall_s for b in BLOCKS if rows / b <= MOST_BLOCKS}
    best = min(times, key=times.__getitem__)
    few = {b: step(workers, ROWS[0], b).wall_s for b in (BLOCKS[0], BLOCKS[-1])}
    ten_s = step(WORKERS[0], ROWS[0], BLOCKS[0]).wall_s
    steps = {w: step(w, batch, max(batch // w, 1_000)).wall_s for w in WORKERS}
    said = ", ".join(f"{_time(s)} in blocks of {b:,}" for b, s in times.items())
    lines = (
        f"The scheduler ends {1 / scheduler_s:,.0f} tasks a second, whatever they do.",
        f"So {workers:,} workers are kept busy by blocks of {busy_s:.2f} s or more, additions "
        f"counted: {least:,.0f} rows, {least * ROW_BYTES / 1e6:,.0f} MB.",
        f"A row takes {1e9 * each_s:,.0f} ns, {read_s / each_s:.0%} of it reading: beyond that "
        "size of block faster kernels help by the rest alone.",
        f"{rows:,} rows are {rows * each_s / 3600:,.1f} worker hours: {said}.",
        f"The best of these is {best:,} rows ({best * ROW_BYTES / 1e6:,.0f} MB), at "
        f"{rows * each_s / workers / times[best]:.0%} of what {workers:,} workers could do.",
        f"{ROWS[0]:,} rows take {_time(few[BLOCKS[0]])} in blocks of {BLOCKS[0]:,}, "
        f"{_time(few[BLOCKS[-1]])} of {BLOCKS[-1]:,}; ten workers {_time(ten_s)}.",
        f"A tree over {rows / best:,.0f} blocks is {math.ceil(math.log(rows / best, 4))} additions "
        "deep; its last ones run while nothing else does.",
        f"A step of {batch:,} rows takes "
        + ", ".join(f"{_time(s)} on {w:,}" for w, s in steps.items())
        + " workers: steps come one after the other, and do not get faster by more workers.",
        f"For {workers:,} workers a batch therefore holds a block each: {workers * best:,} rows.",
        f"A worker holds up to three blocks, {3 * best * ROW_BYTES / 1e9:.1f} GB of bytes.",
    )
    print(f"for {workers:,} workers")
    for number, line in enumerate(lines, 1):
        print(f"{number:>2}. {line}")


def _time(seconds: float) -> str:
    for limit, unit, size in ((120, "s", 1), (7_200, "min", 60), (math.inf, "h", 3_600)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError


if __name__ == "__main__":
    main()
