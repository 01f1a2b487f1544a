"""Made-up comparisons: no number in them was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from einbench.record import Record

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
MACHINE = {
    "cpu": "Made-up Processor", "threads": 2, "python": "3.11.7", "numpy": "2.4.6",
    "numba": "0.68.1", "fingerprint": "made-up", "memory_bytes": 10**10, "caches": {"L1d": 32768},
    "blas": [{"vendor": "openblas", "version": "0.3.31"}], "os": "Made-up OS",
}  # fmt: skip


def record(operation: str, kernel: str, batch: int, median_s: float | None, **more: Any) -> Any:
    """One record as JSON; intervals of a tenth, one sample in three of them beside the median."""
    timed = median_s is not None
    facts: dict[str, Any] = {
        "operation": operation, "kernel": kernel, "sizes": {"batch": batch, "classes": 10},
        "options": {}, "dtype": "float32", "layout": "C", "threads": 2, "status": "ok",
        "context": "program",
    }  # fmt: skip
    if timed:
        facts |= {
            "median_s": median_s, "low_s": 0.95 * median_s, "high_s": 1.05 * median_s,
            "after_blas_s": 2 * median_s, "after_blas_low_s": 1.9 * median_s,
            "after_blas_high_s": 2.1 * median_s, "after_pause_s": 3 * median_s,
            "after_pause_low_s": 2.9 * median_s, "after_pause_high_s": 3.1 * median_s,
            "samples": 3, "samples_s": (median_s, 0.95 * median_s, None, 1.05 * median_s),
            "error": 0.5, "limit": 4.0, "gflops_per_s": 1e-8 * batch / median_s,
            "gbytes_per_s": 4e-8 * batch / median_s, "roofline": 1e-9 * batch / median_s,
            "peak_bytes": 100 * batch,
        }  # fmt: skip
    made = Record(**(facts | more))
    return made.to_json()


def document(records: Sequence[Any], **settings: Any) -> dict[str, Any]:
    """A comparison of these."""
    names = list(dict.fromkeys(each["operation"] for each in records))
    return {
        "schema": "einbench.comparison/1", "date": "2026-01-02T03:04:05Z", "machine": MACHINE,
        "settings": {
            "operations": names, "batches": [1, 100], "dtypes": ["float32"], "layout": "C",
            "seed": 0, "budget_s": 2.0, **settings,
        },
        "wall_s": 1.0, "interrupted": False, "records": list(records),
    }  # fmt: skip


def crossing(operation: str = "softmax", dtype: str = "float32") -> list[Any]:
    """``loop`` wins at one row, ``numba`` at 10,000: their lines meet at 100."""
    times = {("loop", 1): 1e-6, ("loop", 10_000): 1e-2, ("numba", 1): 1e-5, ("numba", 10_000): 1e-3}
    return [
        record(
            operation, kernel, batch, s, dtype=dtype, speedup=times["loop", batch] / s,
            winner=s == min(times["loop", batch], times["numba", batch]),
            compile_s=0.5 if kernel == "numba" else None,
        )
        for (kernel, batch), s in times.items()
    ]  # fmt: skip


def many(count: int) -> list[Any]:
    """So many records: operations of ten kernels at ten batches."""
    made = []
    for n in range(math.ceil(count / 100)):
        for k in range(10):
            for b in range(10):
                s = 1e-6 * (1 + k) * 2**b * (1 + 0.1 * math.sin(n + k * b))
                samples = tuple(s * (1 + 1e-3 * math.sin(i * n + k)) for i in range(60))
                made.append(
                    record(f"made_up_{n}", f"kernel_{k}", 2**b, s, samples_s=samples, winner=k == 0)
                )
    return made[:count]


def saved(folder: Path, name: str, content: Any) -> Path:
    """The document as a file."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def race() -> dict[str, Any]:
    """Three libraries at two expressions; one refuses, one is wrong."""

    def entry(status: str, s: float = 0.0, reason: str = "") -> dict[str, Any]:
        return {"status": status, "reason": reason, "samples_s": [s] * 3 if s else []}

    expressions = [
        {
            "name": "first", "expression": "ab,bc->ac", "contestants": {
                "einbench_einsum": entry("ok", 1e-6), "torch": entry("ok", 4e-6),
                "sparse": entry("refuses", reason="will not"),
            },
        },
        {
            "name": "second", "expression": "ab->ba", "contestants": {
                "einbench_einsum": entry("ok", 2e-6), "torch": entry("rejected", reason="is off"),
                "sparse": entry("ok", 1e-6),
            },
        },
    ]  # fmt: skip
    return {
        "schema": "einbench.einsum-race/1", "date": "2026-01-02", "machine": MACHINE, "threads": 2,
        "libraries": {"torch": {"torch": "2.0", "threads": 2}}, "interrupted": False,
        "races": [{"dtype": "float32", "set": "thirty", "expressions": expressions}],
    }  # fmt: skip


def dialects() -> dict[str, Any]:
    """Two libraries and two behaviours."""

    def verdicts(*each: str) -> dict[str, Any]:
        return {f"behaviour {n}": {"verdict": v, "calls": []} for n, v in enumerate(each)}

    return {
        "schema": "einbench.dialects/1",
        "libraries": [
            {"library": "numpy", "shown": "numpy", "version": "2", "reason": "",
             "behaviours": verdicts("right", "right")},
            {"library": "torch", "shown": "torch", "version": "2", "reason": "",
             "behaviours": verdicts("refuses", "differs")},
        ],
    }  # fmt: skip


def asv(folder: Path, commit: str, day: int, seconds: float) -> Path:
    """One of asv's result files: relu's two kernels at batch 1 and 128 of a made-up machine."""
    times = [seconds, 2 * seconds, 3 * seconds, 6 * seconds]
    entry = [
        times, [["'numba'", "'loop'"], ["1", "128"], ["'float32'"]], "v", None, None,
        [0.98 * s for s in times], [1.02 * s for s in times],
    ]  # fmt: skip
    columns = [
        "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    ]  # fmt: skip
    content = {
        "version": 2, "commit_hash": commit * 5, "env_name": "made-up-py3.11", "python": "3.11",
        "date": 1_700_000_000_000 + day * 86_400_000, "params": {"machine": "made-up"},
        "requirements": {}, "result_columns": columns, "results": {"relu.time_kernel": entry},
    }  # fmt: skip
    return saved(folder, f"{commit}-made-up.json", content)
