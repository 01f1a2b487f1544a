"""Results that asv and pytest-benchmark write here and now, read as they are."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from einbench.records import choice
from einbench.records.read import read

ASV_SUITE = """
class Suite:
    params = (("loop", "matmul"), (128,), ("float32",))
    param_names = ("kernel", "batch", "dtype")
    rounds, repeat, number, warmup_time = 1, 8, 1, 0

    def time_kernel(self, kernel, batch, dtype):
        for _ in range(100_000 if kernel == "loop" else 10):
            pass

    def track_error(self, kernel, batch, dtype):
        return 0.5


for kind in ("time_kernel", "track_error"):
    getattr(Suite, kind).benchmark_name = f"softmax.{kind}"
"""
ASV_SETTINGS = {
    "version": 1, "project": "tiny", "repo": ".", "benchmark_dir": "suite",
    "results_dir": "results/asv", "branches": ["HEAD"], "environment_type": "existing",
}  # fmt: skip
PYTEST_SUITE = """
import pytest

@pytest.mark.parametrize("kernel", ["loop", "matmul"])
def test_kernel(benchmark, kernel):
    benchmark.extra_info.update(
        operation="softmax", kernel=kernel, batch=128, dtype="float32", error=0.5, limit=4.0)
    benchmark(lambda: sum(range(100_000 if kernel == "loop" else 10)))

def test_other(benchmark):
    benchmark(int)
"""


def call(folder, *args):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "GIT_"))}
    done = subprocess.run(
        args, cwd=folder, env=environment | {"HOME": str(folder)}, capture_output=True, text=True,
        check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def won(reading):
    (cell,) = choice.cells(reading.rows)
    return cell.winner["kernel"], cell.ties


@pytest.mark.long
def test_what_asv_writes_is_read(tmp_path):
    pytest.importorskip("asv", reason="asv is an optional extra")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "suite" / "kernels_of_ours.py").write_text(ASV_SUITE, encoding="utf-8")
    (tmp_path / "asv.conf.json").write_text(json.dumps(ASV_SETTINGS), encoding="utf-8")
    call(tmp_path, "git", "init", "--quiet")
    author = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    call(tmp_path, "git", *author, "commit", "--quiet", "--allow-empty", "--message", "first")
    commit = call(tmp_path, "git", "rev-parse", "HEAD")
    asv = (sys.executable, "-m", "asv")
    facts = ("--cpu", "A Processor", "--arch", "any", "--num_cpu", "2", "--os", "o", "--ram", "8")
    call(tmp_path, *asv, "machine", "--machine", "reference", *facts)
    call(
        tmp_path, *asv, "run", "--python=same", "--machine", "reference",
        "--set-commit-hash", commit,
    )  # fmt: skip
    reading = read([tmp_path / "results"])
    assert reading.warnings == []
    assert {row["kernel"] for row in reading.rows} == {"loop", "matmul"}
    for row in reading.rows:  # asv rounds its intervals to five digits
        assert row["low_s"] / 1.001 <= row["median_s"] <= row["high_s"] * 1.001
        assert (row["error"], row["samples"], row["status"]) == (0.5, 8, "ok")
        assert (row["commit"], row["machine"], row["harness"]) == (commit, "reference", "asv")
        assert row["commit_date"] <= row["date"]
    assert won(reading) == ("matmul", ())


@pytest.mark.long
def test_what_pytest_benchmark_writes_and_saves_is_read(tmp_path):
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is an optional extra")
    (tmp_path / "test_suite.py").write_text(PYTEST_SUITE, encoding="utf-8")
    call(
        tmp_path, sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider",
        "--benchmark-json", "run.json", "--benchmark-autosave", "--benchmark-max-time", "0.05",
    )  # fmt: skip
    raw, saved = read([tmp_path / "run.json"]), read([tmp_path / ".benchmarks"])
    for reading in (raw, saved):
        assert won(reading) == ("matmul", ())
        (warning,) = reading.warnings
        assert warning.endswith("left out, as no kernel's benchmarks: test_other")
    for with_data, without in zip(raw.rows, saved.rows, strict=True):
        assert with_data["low_s"] <= with_data["median_s"] <= with_data["high_s"]
        assert without["low_s"] is without["confidence"] is None
        assert with_data["median_s"] == without["median_s"]
    assert len(read([tmp_path]).rows) == 4
