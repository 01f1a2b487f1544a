"""Documents of every harness for tests: small, and where numbers matter, known by hand."""

from __future__ import annotations

import json

from einbench.record import Record
from einbench.verbs.comparison import Comparison

MACHINE = {
    "cpu": "A Processor", "fingerprint": "abc123", "threads": 2, "numpy": "2.4.6",
    "numba": "0.68.1", "python": "3.11.7", "blas": [{"vendor": "openblas", "version": "0.3.30"}],
}  # fmt: skip


def record(kernel, median_s=None, status="ok", batch=128, **fields):
    row = {
        "operation": "softmax", "kernel": kernel, "sizes": {"batch": batch, "classes": 10},
        "options": {}, "dtype": "float32", "layout": "C", "threads": 2, "status": status,
        "median_s": median_s, "error": 0.5, "limit": 4, "peak_bytes": 1000,
    }  # fmt: skip
    if median_s is not None:
        row |= {"low_s": 0.99 * median_s, "high_s": 1.01 * median_s, "samples": 12}
    return Record(**row | fields)


def comparison(*records, machine=MACHINE, date="2026-03-01T00:00:00Z"):
    return Comparison(list(records), machine, {"seed": 0}, 1.0, date=date)


def pytest_benchmark(*entries, machine=MACHINE, date="2026-03-02T00:00:00+00:00", commit="ab12"):
    """Of (kernel, median_s, extra_info that differs from the usual) or (kernel, times, ...)."""
    benchmarks = []
    for kernel, times, *rest in entries:
        listed = times if isinstance(times, list) else []
        middle = sorted(listed)[len(listed) // 2] if listed else times
        info = {
            "operation": "softmax", "kernel": kernel, "batch": 128, "dtype": "float32",
            "sizes": {"batch": 128, "classes": 10}, "threads": 2, "error": 0.5, "limit": 4.0,
        }  # fmt: skip
        stats = {"median": middle, "rounds": len(listed) or 9, "iterations": 3}
        stats |= {"data": listed} if listed else {}
        extra = info | (rest[0] if rest else {})
        benchmarks.append({"name": f"test[{kernel}]", "extra_info": extra, "stats": stats})
    return {
        "machine_info": {"node": "a-host", "python_version": "3.11.7", "einbench": machine},
        "commit_info": {"id": commit, "time": "2026-02-01T00:00:00+00:00", "dirty": False},
        "benchmarks": benchmarks, "datetime": date, "version": "5.3.1",
    }  # fmt: skip


def asv(kernels, times, low=None, high=None, errors=None, commit="1a2b3c4d5e6f", date_ms=1.7e12):
    """An asv result file of softmax at batch 128 in float32."""
    params = [[repr(name) for name in kernels], ["128"], ["'float32'"]]
    entry = [times, params, "1", 1.7e12, 1.0, low, high, None, None, None, [9] * len(kernels)]
    results = {"softmax.time_kernel": entry}
    if errors:
        results["softmax.track_error"] = [errors, params, "1", 1.7e12]
    columns = [
        "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
        "stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
    ]  # fmt: skip
    return {
        "commit_hash": commit, "env_name": "virtualenv-py3.11-numpy2.4.6", "date": date_ms,
        "params": {"machine": "reference", "cpu": "A Processor"}, "python": "3.11",
        "requirements": {"numpy": "2.4.6", "numba": ""}, "env_vars": {},
        "result_columns": columns, "results": results, "durations": {}, "version": 2,
    }  # fmt: skip


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
