"""A wrong kernel fails with its reason and leaves no time, whenever it goes wrong."""

from __future__ import annotations

WRONG = """
import numpy as np
import einbench

relu = einbench.operation("relu")
calls = {"late": 0, "raises": 0}

@relu.kernel("zeros")
def zeros(inputs):
    return np.zeros_like(inputs)

@relu.kernel("wrong_at_128")
def wrong_at_128(inputs):
    out = np.maximum(inputs, 0)
    if len(inputs) == 128:
        out[-1] += 1
    return out

@relu.kernel("late")
def late(inputs):
    calls["late"] += len(inputs) == 128
    return np.maximum(inputs, 0) + (calls["late"] > 20)

@relu.kernel("raises")
def raises(inputs):
    calls["raises"] += len(inputs) == 128
    if calls["raises"] > 20:
        raise RuntimeError("no more calls")
    return np.maximum(inputs, 0)
"""


def test_a_wrong_kernel_fails_with_its_reason_and_leaves_no_time(suite, tmp_path):
    found = suite(
        "-k", "relu-128", "--benchmark-max-time=0.01",
        f"--benchmark-json={tmp_path / 'results.json'}",
        plugin=WRONG,
    )  # fmt: skip
    assert found.status == 1, found.out
    wrong = ("zeros", "wrong_at_128", "late", "raises")
    for method in wrong:
        assert f"FAILED benchmarks/ci/test_kernels.py::test_kernel[relu-128-{method}]" in found.out
    assert "relu[zeros]: " in found.out
    assert "relu[wrong_at_128]: right for other numbers of rows, wrong for 128" in found.out
    assert "relu[late] at batch 128: wrong at the timed size" in found.out
    assert "relu[raises] at batch 128: raises RuntimeError: no more calls" in found.out
    assert "ERROR" not in found.out
    timed = {info["kernel"] for info in found.extra_info().values()}
    assert timed
    assert not timed & set(wrong)
    table = found.out.partition("benchmark 'relu, batch 128'")[2].partition("Legend")[0]
    assert "loop, 1x" in table
    assert not any(line.startswith(wrong) for line in table.splitlines())


def test_a_wrong_kernel_fails_where_nothing_is_timed_too(suite):
    found = suite("-k", "relu-128-zeros", "--benchmark-disable", plugin=WRONG)
    assert found.status == 1
    assert "relu[zeros]: " in found.out
