"""Peak extra memory of the whole-network kernels: bounded by tiles, not by the batch.

    make bounds-memory

Every ``tiled`` kernel of a whole network is called at 60,000 rows, and those whose result does not
grow with hidden layers at 1,000,000 rows of a memory-mapped file, each in a process of its own.
Extra is the anonymous memory of the process at its greatest during the call, less that before it,
less the result, which lies in memory that was touched before. Status 1 where it is more than 16 MB.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import einbench
from einbench.host.documents import write_whole
from einbench.host.machine import machine
from einbench.measure.workload import load_images, sizes_for, workload
from einbench.moment import now
from einbench.problem import Problem

Array = npt.NDArray[Any]

SCHEMA = "einbench.bounds-memory/1"
LIMIT_BYTES = 16_000_000
_NETWORKS = (
    "mlp_forward", "mlp_intermediates", "mlp_gradients", "mlp_logits_gradients", "mlp_sgd_step"
)  # fmt: skip
_ROWS, _MAPPED_ROWS = 60_000, 1_000_000
_POLL_S = 2e-4
_BENCHMARKS = Path(__file__).resolve().parents[1]
_STATUS = Path("/proc/self/status")


def main(arguments: Sequence[str]) -> int:
    """Measure, keep and print; 0 where all stay below the limit."""
    parser = argparse.ArgumentParser(prog="python -m bounds.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("output", type=Path, help="the JSON document")
    parser.add_argument("--one", nargs=4, metavar=("NAME", "DTYPE", "ROWS", "FILE"),
                        help="one call in this process, as JSON on standard output")  # fmt: skip
    requested = parser.parse_args(arguments)
    if requested.one:
        name, dtype, rows, file = requested.one
        print(json.dumps(_measured(name, dtype, int(rows), file)))
        return 0
    records = []
    with tempfile.TemporaryDirectory(prefix="einbench-rows-") as folder:
        for dtype in ("float32", "float64"):
            mapped = Path(folder) / f"{dtype}.rows"
            _write_rows(mapped, dtype)
            for rows, file in ((_ROWS, ""), (_MAPPED_ROWS, str(mapped))):
                for name in _NETWORKS:
                    if file and name == "mlp_intermediates":
                        continue  # its result is gigabytes by itself
                    records.append(_in_its_own_process(name, dtype, rows, file))
                    print(_line(records[-1]), flush=True)
            mapped.unlink()
    document = {
        "schema": SCHEMA,
        "date": now(),
        "machine": machine(),
        "limit_bytes": LIMIT_BYTES,
        "records": records,
    }
    write_whole(requested.output, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return int(any(record["peak_extra_bytes"] > LIMIT_BYTES for record in records))


def _line(record: dict[str, Any]) -> str:
    where = "memory map" if record["mapped"] else "in memory"
    return (
        f"{record['operation']}[tiled] {record['dtype']} {record['rows']:,} rows {where}: "
        f"{record['peak_extra_bytes'] / 1e6:.1f} MB extra, {record['call_s']:.2f} s"
    )


def _write_rows(path: Path, dtype: str) -> None:
    """The images of MNIST repeatedly, scaled to [0, 1], row by row."""
    images = einbench.mnist.load().train.images.reshape(_ROWS, -1)
    with path.open("wb") as file:
        for first in range(0, _MAPPED_ROWS, _ROWS):
            for block in range(0, min(_ROWS, _MAPPED_ROWS - first), 5_000):
                (images[block : block + 5_000] / np.dtype(dtype).type(255)).tofile(file)


def _in_its_own_process(name: str, dtype: str, rows: int, file: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bounds.memory", "-", "--one", name, dtype, str(rows), file]
    done = subprocess.run(  # noqa: S603 - this module
        command, capture_output=True, text=True, check=False, cwd=_BENCHMARKS
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measured(name: str, dtype: str, rows: int, file: str) -> dict[str, Any]:
    op = einbench.operation(name)
    images = load_images(None)
    requested = Problem.at(op, 300, dtype, sizes_for(op, images, {}))
    few = workload(requested, images, 0).arrays
    arrays = dict(few)
    arrays["inputs"] = _rows(file, rows, dtype, few["inputs"].shape[1])
    if "labels" in arrays:
        arrays["labels"] = np.resize(few["labels"], rows)
    kernel = op["tiled"]
    out = _touched(op, arrays, dtype)
    # compiled, and threads started: what those keep is no memory of the call
    small = {**few, "inputs": np.ascontiguousarray(few["inputs"])}
    kernel(*small.values(), out=_touched(op, small, dtype))
    # what freed memory the allocator still holds would be used again and not be seen
    ctypes.CDLL(None).malloc_trim(0)
    peak = Peak()
    with peak:
        start_s = time.perf_counter()
        kernel(*arrays.values(), out=out)
        call_s = time.perf_counter() - start_s
    return {
        "operation": name, "kernel": "tiled", "dtype": dtype, "rows": rows, "mapped": bool(file),
        "peak_extra_bytes": peak.extra_bytes, "call_s": call_s, "looks": peak.looks,
    }  # fmt: skip


def _rows(file: str, rows: int, dtype: str, features: int) -> Array:
    if file:
        return np.memmap(file, dtype, "r", shape=(rows, features))
    images = einbench.mnist.load().train.images[:rows].reshape(rows, -1)
    return np.asarray(images / np.dtype(dtype).type(255))


def _touched(op: Any, arrays: dict[str, Array], dtype: str) -> Any:
    """Memory for the result, all of it in use already."""
    shapes = op.output_shapes(op.bind(*arrays.values()).sizes).values()
    out = tuple(np.ones(shape, dtype) for shape in shapes)
    return out if len(out) > 1 else out[0]


class Peak:
    """The greatest anonymous memory seen by a thread that polls."""

    def __init__(self) -> None:
        self.extra_bytes = 0
        self.looks = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._before = 0

    def __enter__(self) -> Peak:
        self._thread.start()
        time.sleep(0.05)
        self._before = _anonymous_bytes()
        return self

    def __exit__(self, *raised: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_POLL_S):
            if self._before:
                self.extra_bytes = max(self.extra_bytes, _anonymous_bytes() - self._before)
                self.looks += 1


def _anonymous_bytes() -> int:
    """Memory of the process that is no page of a file."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise SystemExit("this needs Linux, whose /proc/self/status has a line RssAnon")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
