"""compare(): what is requested is measured, and no wrong kernel gets a time."""

from __future__ import annotations

import gzip
import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest

import einbench
from einbench.record import STATUSES

SMALL = {"features": 19, "units": 7}


def rows(comparison: einbench.Comparison, **wanted: object) -> list[einbench.Record]:
    return [r for r in comparison.records if all(getattr(r, k) == v for k, v in wanted.items())]


@pytest.fixture(scope="module")
def softmax() -> einbench.Comparison:
    return einbench.compare("softmax", batches=(1, 128), budget_s=0.5)


def test_every_kernel_has_a_record_in_every_cell(softmax):
    methods = list(einbench.operation("softmax").kernels)
    for batch in (1, 128):
        cell = [r for r in softmax.records if r.batch == batch]
        assert [r.kernel for r in cell] == methods


def test_a_record_has_a_known_status_and_a_reason_where_that_is_not_ok(softmax):
    for record in softmax.records:
        assert record.status in STATUSES
        assert record.status == "ok" or record.reason


def test_every_cell_has_one_winner_and_it_is_the_simplest_of_its_tie(softmax):
    for batch in (1, 128):
        cell = [r for r in softmax.records if r.batch == batch]
        winners = [r for r in cell if r.winner]
        tied = [r for r in cell if r.tie]
        assert len(winners) == 1
        if tied:
            assert tied[0] is winners[0]
            assert len(tied) > 1


def test_numbers_of_a_timed_kernel_fit_together(softmax):
    for record in rows(softmax, status="ok"):
        assert record.low_s <= record.median_s <= record.high_s
        assert record.samples == sum(s is not None for s in record.samples_s)
        assert 0 <= record.error <= record.limit
        flops = einbench.operation("softmax").flops(record.sizes)
        assert record.gflops_per_s == pytest.approx(flops / record.median_s / 1e9)
        assert record.roofline > 0
        compiled = record.kernel in ("numba", "numba_parallel", "simd", "tiled")
        assert (record.compile_s is not None) == compiled


def test_the_baseline_is_once_as_fast_as_itself(softmax):
    for record in rows(softmax, kernel="loop"):
        assert record.speedup == 1


@pytest.mark.long
def test_a_loop_too_slow_for_a_batch_says_how_long_it_would_take():
    # a budget of one second allows calls of 50 ms
    comparison = einbench.compare("bias_gradient", batches=(1, 20_000), budget_s=1)
    loop = rows(comparison, kernel="loop")[-1]
    assert loop.status == "skipped"
    assert loop.reason.startswith("about ")
    assert "at this size" in loop.reason
    assert loop.predicted_s > 0.05
    fast = [r for r in rows(comparison, status="ok") if r.batch == 20_000]
    assert fast
    assert all(r.speedup_predicted and r.speedup > 1 for r in fast)


@pytest.mark.long
def test_a_kernel_that_needs_too_much_memory_is_skipped_with_that_reason():
    comparison = einbench.compare("weight_gradient", batches=1000, budget_s=0.5, memory_bytes=10**8)
    (broadcast,) = rows(comparison, kernel="broadcast")
    assert broadcast.status == "skipped"
    assert "401 MB of temporaries, more than 100 MB" in broadcast.reason


def test_the_forward_pass_is_timed_on_real_pixels():
    from einbench.measure.workload import load_images, workload
    from einbench.problem import Problem

    images = load_images(None)
    op = einbench.operation("mlp_gradients")
    arrays = workload(Problem.at(op, 5), images, 0).arrays
    pixels, labels = einbench.mnist.load().train
    np.testing.assert_array_equal(arrays["inputs"], pixels[:5].reshape(5, 784) / np.float32(255))
    np.testing.assert_array_equal(arrays["labels"], labels[:5])
    assert arrays["inputs"].max() == 1


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.mark.long
def test_another_image_set_sets_features_and_classes(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("t10k", 10)):
        write_idx(
            tmp_path / f"{part}-images-idx3-ubyte.gz",
            rng.integers(0, 256, (count, 5, 6), dtype=np.uint8),
        )
        write_idx(
            tmp_path / f"{part}-labels-idx1-ubyte.gz",
            np.arange(count, dtype=np.uint8) % 12,
        )
    comparison = einbench.compare("mlp_forward", batches=40, budget_s=0.3, data=tmp_path)
    assert comparison.records[0].sizes["features"] == 30
    assert comparison.records[0].sizes["classes"] == 12
    assert comparison.settings["data"] == str(tmp_path)
    with pytest.raises(ValueError, match="batch 41 is more than the 40 images"):
        einbench.compare("mlp_forward", batches=41, data=tmp_path)


@pytest.mark.long
def test_an_empty_batch_works():
    comparison = einbench.compare(["softmax", "bias_gradient"], batches=0, budget_s=0.3, units=7)
    assert {r.status for r in comparison.records} == {"ok"}


@pytest.mark.long
def test_layouts_dtypes_and_sizes_are_kept_in_the_records():
    comparison = einbench.compare(
        "linear", batches=3, dtypes=("float32", "float64"), layout="f", budget_s=0.3, **SMALL
    )
    assert {r.layout for r in comparison.records} == {"F"}
    assert {r.dtype for r in comparison.records} == {"float32", "float64"}
    assert all(r.sizes == {"batch": 3, **SMALL} for r in comparison.records)


def test_threads_are_set_recorded_and_put_back():
    import threadpoolctl

    before = [lib["num_threads"] for lib in threadpoolctl.threadpool_info()]
    comparison = einbench.compare("relu", batches=1, budget_s=0.2, threads=1)
    assert {r.threads for r in comparison.records} == {1}
    assert comparison.machine["threads"] == 1
    assert [lib["num_threads"] for lib in threadpoolctl.threadpool_info()][: len(before)] == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": "softmx"}, "no operation 'softmx'.*did you mean softmax"),
        ({"dtypes": "float16"}, "'float16' is not supported; choose float32 or float64"),
        ({"batches": -1}, "batch -1: expected a whole number from 0"),
        ({"batches": ()}, "no batch was given"),
        ({"batches": 60_001, "names": "linear"}, "more than the 60,000 images of MNIST"),
        ({"layout": "G"}, "no layout 'G'"),
        ({"threads": 0}, "threads=0: expected 1 to"),
        ({"threads": 9999}, "threads=9999: expected 1 to"),
        ({"budget_s": 0}, "budget_s=0: expected more than 0"),
        ({"names": "relu", "classes": 3}, "no axis or argument 'classes'"),
        ({"names": "relu", "budget": 3}, "no axis or argument 'budget'; did you mean budget_s"),
    ],
)
def test_wrong_use_is_refused_in_one_line_before_anything_runs(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        einbench.compare(**wrong)
    assert "\n" not in str(caught.value)


def test_ctrl_c_keeps_the_cells_that_were_finished():
    cells = []

    def stop_at_third(part: float, label: str) -> None:
        if "batch" in label:
            cells.append(label)
            if len(cells) == 3:
                raise KeyboardInterrupt

    comparison = einbench.compare(
        ["relu", "tanh"], batches=(1, 7), budget_s=0.3, progress=stop_at_third
    )
    assert comparison.interrupted
    assert {(r.operation, r.batch) for r in comparison.records} == {
        ("relu", 1),
        ("relu", 7),
    }


def test_progress_goes_from_nothing_to_all():
    parts = []
    einbench.compare("relu", batches=(1, 7), budget_s=0.2, progress=lambda p, _: parts.append(p))
    assert parts[0] == 0
    assert parts[-1] == 1
    assert parts == sorted(parts)


def test_the_document_is_plain_json_with_schema_and_machine(tmp_path, softmax):
    path = softmax.to_json(tmp_path / "new" / "comparison.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == "einbench.comparison/1"
    assert document["machine"]["numpy"] == np.__version__
    assert len(document["records"]) == len(softmax.records)
    assert [p.name for p in path.parent.iterdir()] == ["comparison.json"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, softmax, monkeypatch):
    path = softmax.to_json(tmp_path / "comparison.json")
    before = path.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        softmax.to_json(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["comparison.json"]


def test_pandas_gets_one_tidy_row_a_record(softmax):
    pytest.importorskip("pandas", reason="pandas is an optional extra")
    frame = softmax.to_pandas()
    assert len(frame) == len(softmax.records)
    assert set(frame["batch"]) == {1, 128}
    assert frame["median_s"].notna().all()


def test_a_kernel_that_raises_is_failed_and_the_others_are_ranked():
    op = einbench.operation("relu")
    calls = []

    @op.kernel("gives_up")
    def gives_up(inputs):
        calls.append(1)
        if len(inputs) == 4999 and len(calls) > 1:
            raise RuntimeError("too large")
        return np.maximum(inputs, 0)

    try:
        comparison = einbench.compare(op, batches=4999, budget_s=0.2)
    finally:
        op.remove("gives_up")
    (failed,) = rows(comparison, kernel="gives_up")
    assert failed.status == "failed"
    assert failed.reason == "RuntimeError: too large"
    assert failed.median_s is None
    assert any(r.winner for r in comparison.records)


@pytest.mark.long
def test_a_wrong_kernel_is_never_ranked_however_fast_it_is():
    op = einbench.operation("linear")

    @op.kernel("nothing_done")
    def nothing_done(inputs, weights, bias):
        return np.zeros((len(inputs), len(bias)), inputs.dtype)

    try:
        comparison = einbench.compare(op, batches=64, budget_s=0.3, **SMALL)
    finally:
        op.remove("nothing_done")
    (wrong,) = rows(comparison, kernel="nothing_done")
    assert wrong.status == "rejected"
    assert "zero everywhere" in wrong.reason
    assert wrong.median_s is None
    assert not wrong.winner


def test_the_same_seed_draws_the_same_inputs():
    op = einbench.operation("linear")
    first, again = op.draw(batch=3, seed=5), op.draw(batch=3, seed=5)
    other = op.draw(batch=3, seed=6)
    for name in op.inputs:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_a_kernel_that_writes_to_its_inputs_at_the_timed_size_is_rejected_and_spoils_nothing():
    """Small draws do not show it; timed inputs are read-only, so that siblings keep theirs."""
    op = einbench.operation("relu")

    @op.kernel("destroys_five_thousand")
    def destroys_five_thousand(inputs):
        if len(inputs) == 4999:
            inputs[...] = 0
        return np.maximum(inputs, 0)

    try:
        comparison = einbench.compare(op, batches=4999, budget_s=0.3)
    finally:
        op.remove("destroys_five_thousand")
    (wrong,) = rows(comparison, kernel="destroys_five_thousand")
    assert wrong.status == "rejected"
    assert wrong.reason.startswith("changes its inputs at the timed size")
    assert {r.status for r in comparison.records if r is not wrong} == {"ok", "skipped"}


def test_a_kernel_that_leaves_python_is_a_failed_kernel_and_no_success():
    op = einbench.operation("relu")

    @op.kernel("leaves")
    def leaves(inputs):
        raise SystemExit(0)

    try:
        verdicts = einbench.check(op, batch=3)
    finally:
        op.remove("leaves")
    assert [v.method for v in verdicts if not v.passed] == ["leaves"]
    assert "SystemExit" in verdicts[-1].reason or any("SystemExit" in v.reason for v in verdicts)


@pytest.mark.long
def test_a_kernel_that_grows_beyond_its_prediction_is_skipped():
    op = einbench.operation("relu")

    @op.kernel("sleeps_when_large")
    def sleeps_when_large(inputs):
        if len(inputs) > 500:
            time.sleep(0.3)
        return np.maximum(inputs, 0)

    try:
        comparison = einbench.compare(op, batches=1000, budget_s=0.5)
    finally:
        op.remove("sleeps_when_large")
    (slow,) = rows(comparison, kernel="sleeps_when_large")
    assert slow.status == "skipped"
    assert "at this size" in slow.reason


def test_a_comparison_times_what_users_call_and_a_choice_the_least_to_call(monkeypatch):
    from einbench.measure import timed as stage

    timed: list[str] = []
    for name in ("bound", "bare"):
        real = getattr(stage, name)
        note = lambda k, p, name=name, real=real: (timed.append(name), real(k, p))[1]  # noqa: E731
        monkeypatch.setattr(stage, name, note)
    einbench.compare("relu", batches=2, budget_s=0.01)
    assert set(timed) == {"bound"}
    timed.clear()
    drawn = einbench.operation("relu").draw(2)
    einbench.fastest("relu", **drawn, budget_s=0.01, again=True)
    assert set(timed) == {"bare"}
