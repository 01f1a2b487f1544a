"""What was saved while the package was called kernels, before version 0.2, is read as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import einbench
from einbench.choose.wisdom import Wisdom
from einbench.records.read import read

BEFORE = Path(__file__).with_name("data") / "before"
REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


@pytest.fixture
def wisdom(tmp_path, monkeypatch):
    folder = shutil.copytree(BEFORE / "wisdom", tmp_path / "wisdom")
    monkeypatch.setenv("EINBENCH_WISDOM", str(folder))
    return folder


def test_wisdom_is_read_as_it_was_written(wisdom):
    (choice,) = Wisdom(str(wisdom)).book("relu").choices
    assert (choice.kernel, choice.rigor) == ("numba", "measure")
    assert dict(choice.signature.sizes) == {"batch": 128, "features": 128}
    assert choice.times["loop"].median_s == 0.007723044000158552


def test_wisdom_stays_beside_what_is_measured_now(wisdom):
    (before,) = json.loads((wisdom / "relu.json").read_text(encoding="utf-8"))["choices"]
    einbench.fastest("relu", **einbench.operation("relu").draw(2), budget_s=0.05)
    kept = json.loads((wisdom / "relu.json").read_text(encoding="utf-8"))["choices"]
    dates = [choice["date"] for choice in kept]
    assert before["date"] in dates
    assert len(dates) == 2
    assert {file.suffix for file in wisdom.iterdir()} <= {".json", ".lock"}, "nothing was damaged"


@pytest.mark.parametrize(
    ("file", "harness", "kernels"),
    [
        ("comparison.json", "einbench", {"loop", "ufunc", "numba", "numba_parallel", "simd"}),
        ("pytest-benchmark.json", "pytest-benchmark", {"loop", "ufunc"}),
    ],
)
def test_results_are_read_without_a_warning(file, harness, kernels):
    reading = read([BEFORE / file])
    assert reading.warnings == []
    assert {(row["harness"], row["operation"]) for row in reading.rows} == {(harness, "relu")}
    assert {row["kernel"] for row in reading.rows} == kernels
    assert all(row["median_s"] > 0 for row in reading.rows)


def test_results_of_asv_are_read_without_a_warning():
    reading = read([REFERENCE])
    assert reading.warnings == []
    assert {row["operation"] for row in reading.rows} <= set(einbench.operations)
    assert {row["harness"] for row in reading.rows} == {"asv"}


def test_a_network_is_loaded_and_answers_as_it_did():
    points, labels = two_classes_of_then()
    net = einbench.network.load(BEFORE / "network.npz", kernels="matmul")
    assert net.accuracy(points, labels) == 0.6425


def two_classes_of_then() -> tuple[np.ndarray, np.ndarray]:
    """The points that it was trained on: they are drawn otherwise now."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(400) % 2)
    along = rng.random(400)
    angle = np.pi * (1.5 * along + labels)
    arms = (0.5 + 2 * along)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (arms + rng.normal(0, 0.1, arms.shape)).astype(np.float32), labels
