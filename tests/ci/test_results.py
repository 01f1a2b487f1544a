"""What a run writes and prints: every promised fact, speed-ups, reasons."""

from __future__ import annotations

import json

import pytest

from .suite_run import Finished, run

FACTS = {
    "operation", "kernel", "batch", "dtype", "sizes", "threads", "error", "limit", "flops",
    "gflops_per_s", "gbytes_per_s", "speedup", "speedup_predicted", "baseline", "blas",
    "compile_s",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("bench")
    return run(
        "-k", "softmax_vjp-128-loop or softmax_vjp-128-numba or softmax_vjp-1-einsum or "
        "linear-1000-loop or linear-1000-matmul",
        "--benchmark-max-time=0.02", f"--benchmark-json={folder / 'results.json'}",
        "--benchmark-save=first", f"--benchmark-storage={folder}",
        folder=folder,
    )  # fmt: skip


def test_the_json_has_every_promised_fact(finished):
    assert finished.status == 0, finished.out
    assert {"softmax_vjp-128-loop", "softmax_vjp-128-numba"} <= set(finished.extra_info())
    for bench in finished.json["benchmarks"]:
        info = bench["extra_info"]
        assert set(info) == FACTS
        assert bench["group"] == f"{info['operation']}, batch {info['batch']}"
        assert bench["param"] == f"{info['operation']}-{info['batch']}-{info['kernel']}"
        assert info["dtype"] == "float32"
        assert 0 <= info["error"] <= info["limit"]
        assert info["flops"] > 0
        assert info["blas"]
        assert len(bench["stats"]["data"]) == bench["stats"]["rounds"]
        rate = info["flops"] / bench["stats"]["median"] / 1e9
        assert info["gflops_per_s"] == pytest.approx(rate)


def test_machine_and_commit_say_what_was_measured(finished):
    facts = finished.json["machine_info"]["einbench"]
    assert {"fingerprint", "cpu", "blas", "numpy", "numba", "threads", "usable_cores"} <= set(facts)
    assert "node" not in finished.json["machine_info"]
    commit = finished.json["commit_info"]
    assert "this checkout" in commit["kernels"]
    assert {"id", "dirty"} <= set(commit)
    for line in ("machine: ", "with: ", "kernels: "):
        assert f"\n{line}" in finished.out


def test_the_baseline_is_one_and_others_are_its_multiples(finished):
    by_id = {b["param"]: b for b in finished.json["benchmarks"]}
    loop, numba = by_id["softmax_vjp-128-loop"], by_id["softmax_vjp-128-numba"]
    assert loop["extra_info"]["speedup"] == 1
    ratio = loop["stats"]["median"] / numba["stats"]["median"]
    assert numba["extra_info"]["speedup"] == pytest.approx(ratio)


def test_the_speedup_is_there_where_the_baseline_was_not_selected(finished):
    info = finished.extra_info()["softmax_vjp-1-einsum"]
    assert info["speedup"] > 0
    assert info["speedup_predicted"] is False


def test_a_slow_kernel_is_skipped_with_its_predicted_time(finished):
    assert "linear[loop] at batch 1,000: not timed, about" in finished.out
    assert "linear-1000-loop" not in finished.extra_info()
    info = finished.extra_info()["linear-1000-matmul"]
    assert info["speedup_predicted"] is True
    assert info["speedup"] > 1


def test_flags_of_the_plugin_count(finished):
    options = finished.json["benchmarks"][0]["options"]
    assert float(options["max_time"]) == 0.02
    assert float(options["min_time"]) == 0.001


def test_the_table_fits_80_columns_and_names_speedups(finished):
    table = finished.out.partition("benchmark 'linear, batch 1000'")[2].partition("Legend")[0]
    assert "matmul, ~" in table
    assert all(len(line) <= 80 for line in table.splitlines())


@pytest.mark.long
def test_a_run_compared_with_another_machines_says_what_differs(finished, tmp_path):
    (saved,) = finished.results.parent.rglob("*_first.json")
    then = json.loads(saved.read_text(encoding="utf-8"))
    then["machine_info"]["einbench"]["numpy"] = "1.0"
    # in the default place, for the plugin trips over storage that is not below where it starts
    copied = tmp_path / ".benchmarks" / saved.relative_to(finished.results.parent)
    copied.parent.mkdir(parents=True)
    copied.write_text(json.dumps(then), encoding="utf-8")
    found = run(
        "-k", "softmax_vjp-128-numba", "--benchmark-max-time=0.01",
        "--benchmark-compare", folder=tmp_path, start=tmp_path,
    )  # fmt: skip
    assert found.status == 0, found.out
    assert "COMPARED WITH ANOTHER MACHINE: numpy 1.0 -> " in found.out
    assert "(NOW)" in found.out
