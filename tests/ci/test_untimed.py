"""Where no time can be taken, the run says so and times nothing."""

from __future__ import annotations

import pytest

import einbench

SLEEPS = """
import time
import numpy as np
import einbench

@einbench.operation("relu").kernel("sleeps")
def sleeps(inputs):
    if inputs.shape == (128, 128):
        time.sleep(0.8)
    return np.maximum(inputs, 0)
"""
RELU = len(einbench.operation("relu").kernels)


def test_xdist_checks_and_says_that_nothing_was_timed(suite):
    found = suite("-n", "1", "-k", "relu-1-", xdist=True)
    assert found.status == 0, found.out
    assert "NOT TIMED: pytest-xdist runs tests side by side" in found.out
    assert f"run without -n ({RELU} checked)" in found.out
    assert f"{RELU} skipped" in found.out
    assert "Median" not in found.out
    assert "Traceback" not in found.out


@pytest.mark.long
def test_disabled_benchmarks_are_checked_and_it_is_said(suite):
    found = suite("--benchmark-disable", "-k", "relu-1-")
    assert found.status == 0, found.out
    assert "checked, not timed: --benchmark-disable was given" in found.out
    assert "NOT TIMED: --benchmark-disable" in found.out
    assert "Median" not in found.out


@pytest.mark.long
def test_skipped_benchmarks_are_said_to_be_unchecked(suite):
    found = suite("--benchmark-skip", "-k", "relu-1-")
    assert found.status == 0, found.out
    assert "NOT CHECKED, NOT TIMED: --benchmark-skip" in found.out


def test_results_are_not_promised_where_there_will_be_none(suite, tmp_path):
    path = tmp_path / "results.json"
    found = suite("--benchmark-disable", f"--benchmark-json={path}", "-k", "relu-1-")
    assert found.status == 4
    assert "--benchmark-json would have nothing to write: --benchmark-disable" in found.out
    assert not path.exists()


@pytest.mark.long
def test_a_kernel_that_grows_slow_unforeseen_is_skipped_and_nothing_is_written(suite, tmp_path):
    path = tmp_path / "results.json"
    found = suite("-k", "relu-128-sleeps", f"--benchmark-json={path}", plugin=SLEEPS)
    assert found.status == 0, found.out
    assert "relu[sleeps] at batch 128: not timed, about" in found.out
    assert "Not saving anything, no benchmarks have been run!" in found.out
    assert not path.exists()


def test_without_the_plugin_one_line_says_how_to_get_it(suite):
    found = suite("-p", "no:benchmark", "--benchmark-json=results.json")
    assert found.status == 4
    assert found.out.strip().startswith("ERROR: benchmarks/ci needs pytest-benchmark")
    assert len(found.out.strip().splitlines()) == 1
