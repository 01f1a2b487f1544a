"""What is no kernel's fault is a reason for not knowing; all else that it raises is its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.blame import said_of
from einbench.cli import main
from einbench.measure.process import WorkerEnded


class OfACompiler(Exception):  # noqa: N818 - a stand-in
    pass


OfACompiler.__module__ = "numba.core.errors"
ENVIRONMENT = [
    MemoryError("1 TiB"), OSError(28, "No space left on device"), ImportError("numba is broken"),
    ModuleNotFoundError("llvmlite"), OfACompiler("LLVM"),
]  # fmt: skip
OWN = [
    TypeError("no form"), ValueError("negative"), IndexError("7"), ZeroDivisionError(),
    FloatingPointError("underflow"), RuntimeError("no"), SystemExit(3),
]  # fmt: skip


@pytest.fixture
def relu() -> Any:
    op = einbench.operation("relu")
    yield op
    op.remove("raising")


def add(op: Any, raised: BaseException, batch: int | None) -> None:
    @op.kernel("raising")
    def raising(inputs: Any) -> Any:
        if batch in (None, len(inputs)):
            raise raised
        return np.maximum(inputs, 0)


@pytest.mark.parametrize("batch", [None, 77], ids=["always", "at the asked size"])
@pytest.mark.parametrize("raised", ENVIRONMENT, ids=lambda raised: type(raised).__name__)
def test_environment_memory_and_time_leave_a_kernel_unchecked(
    relu: Any, raised: BaseException, batch: int | None
) -> None:
    add(relu, raised, batch)
    (verdict,) = [v for v in einbench.check(relu, batch=77) if v.method == "raising"]
    assert (verdict.passed, verdict.status) == (False, "unchecked")
    assert verdict.reason.startswith(f"could not be checked here: {type(raised).__name__}: ")


@pytest.mark.parametrize("raised", OWN, ids=lambda raised: type(raised).__name__)
def test_what_else_a_kernel_raises_rejects_it(relu: Any, raised: BaseException) -> None:
    add(relu, raised, 77)
    (verdict,) = [v for v in einbench.check(relu, batch=77) if v.method == "raising"]
    assert verdict.status == "rejected"
    assert f"raises {said_of(raised)}" in verdict.reason


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("crashed", "rejected"), ("hung", "rejected"), ("unchecked", "unchecked")],
)
def test_what_it_did_to_its_process_is_said_as_it_stands(
    relu: Any, status: str, verdict: str
) -> None:
    add(relu, WorkerEnded("ended its process with SIGSEGV", status), None)
    (found,) = [v for v in einbench.check(relu, batch=77) if v.method == "raising"]
    begins = "could not be checked here: " if status == "unchecked" else ""
    assert (found.status, found.reason) == (verdict, f"{begins}ended its process with SIGSEGV")


def test_the_command_shows_it_and_ends_with_2(relu: Any, tmp_path: Any) -> None:
    import json

    add(relu, MemoryError("1 TiB"), None)
    found = CliRunner().invoke(main, ["check", "relu", "--json", str(tmp_path / "a.json")])
    assert found.exit_code == 2
    assert "raising         unchecked" in found.output
    assert "could not be checked here: MemoryError: 1 TiB" in found.output
    assert "5 passed, 1 unchecked of 6 kernels" in found.output
    rows = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["verdicts"]
    assert {row["status"] for row in rows if row["kernel"] == "raising"} == {"unchecked"}


def test_a_size_that_does_not_fit_into_memory_is_not_called_checked() -> None:
    found = CliRunner().invoke(main, ["check", "relu", "--batch", "99_999_999_999_999"])
    assert found.exit_code == 2
    assert "0 passed, 5 unchecked of 5 kernels" in found.output
    said = " ".join(found.output.split())
    assert (
        "inputs and outputs at batch 99,999,999,999,999, features 128 take 102,400,000 GB" in said
    )


def test_a_comparison_says_unchecked_and_ranks_the_others(relu: Any) -> None:
    add(relu, MemoryError("1 TiB"), 20)
    comparison = einbench.compare(relu, batches=20, budget_s=0.1)
    (record,) = [r for r in comparison.records if r.kernel == "raising"]
    assert (record.status, record.median_s) == ("unchecked", None)
    assert record.reason == "could not be checked here: MemoryError: 1 TiB"
    assert "unchecked raising: could not be checked here" in str(comparison)
    assert any(r.winner for r in comparison.records)
