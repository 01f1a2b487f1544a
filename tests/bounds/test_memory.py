"""The watch over extra memory sees what is used, and lets nothing that is too large pass."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import bounds.memory

    return bounds.memory


def test_twenty_megabytes_are_seen_while_they_are_there(memory: ModuleType) -> None:
    peak = memory.Peak()
    with peak:
        held = np.ones(20_000_000, np.uint8)
        seen = peak.looks
        while peak.looks < seen + 5:
            time.sleep(0.01)
        del held
    assert 19_000_000 < peak.extra_bytes < 30_000_000


def test_too_much_is_status_one_and_kept(
    memory: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measured(name: str, dtype: str, rows: int, file: str) -> dict[str, object]:
        extra = 17_000_000 if name == "mlp_gradients" else 1_000
        return {"operation": name, "dtype": dtype, "rows": rows, "mapped": bool(file),
                "peak_extra_bytes": extra, "call_s": 1.0}  # fmt: skip

    monkeypatch.setattr(memory, "_in_its_own_process", measured)
    monkeypatch.setattr(memory, "_write_rows", lambda path, dtype: path.touch())
    output = tmp_path / "memory.json"
    assert memory.main([str(output)]) == 1
    document = json.loads(output.read_text(encoding="utf-8"))
    assert document["schema"] == memory.SCHEMA
    assert len(document["records"]) == 18


@pytest.mark.long
def test_a_training_step_is_measured_in_a_process_of_its_own(memory: ModuleType) -> None:
    found = memory._in_its_own_process("mlp_sgd_step", "float32", 3_000, "")
    assert 0 < found["peak_extra_bytes"] < memory.LIMIT_BYTES
    assert found["rows"] == 3_000
