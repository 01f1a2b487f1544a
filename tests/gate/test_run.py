"""How the gate decides, on launches whose outcome is known: nothing here is timed."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from einbench.gate import gate as module
from einbench.gate.gate import Settings, gate
from einbench.gate.pair import Compared, Schedule
from einbench.gate.partner import CellError, LaunchError
from einbench.gate.revision import Revision
from einbench.gate.settings import Thresholds
from einbench.report.gate import document, markdown, show, verdict

BASE, HEAD = (Revision(n, c * 40, "2026-01-01", n) for n, c in (("base", "a"), ("head", "b")))
SETTINGS = Settings(batches=(1,), launches=3, threads=1)
LIMITS = Thresholds(1.1, 0.0)
PLAIN = {
    "operations": ["op", "others"],
    "unchecked": {},
    "reasons": {"op": {"steady": "", "other": ""}},
    "wrong": {"op": {"steady": "", "other": ""}},
    "problems": {"op": {"inputs": {"x": "batch units"}, "sizes": {}, "options": {}}},
    "versions": {"numpy": "2"},
}


class FakeLaunches:
    """What both commits have, how much slower head is, and which pairs were launched."""

    def __init__(self, folder):
        self.folder = folder
        self.inventories = (PLAIN, PLAIN)
        self.pairs = []
        self.ratio = lambda kernel, number: 1.0

    def run(self, settings=SETTINGS, limits=LIMITS):
        outcome = gate(None, BASE, HEAD, settings, limits, self.folder)
        outcome.forget()
        return outcome


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """The gate over made-up launches: ``ratio(kernel, n)`` of the n-th pair it takes part in."""

    fake = FakeLaunches(tmp_path)

    def pair(starts, cells, rng):
        fake.pairs.append([cell.kernel for cell, _ in cells])
        records = []
        for cell, _ in cells:
            number = sum(cell.kernel in kernels for kernels in fake.pairs) - 1
            ratio = fake.ratio(cell.kernel, number)
            fields = {
                "operation": cell.operation, "kernel": cell.kernel,
                "batch": cell.batch, "dtype": cell.dtype,
            }  # fmt: skip
            if isinstance(ratio, dict):
                records.append({**fields, **ratio})
            else:
                records.append({**fields, "base_s": [1.0], "head_s": [ratio]})
        return records

    monkeypatch.setattr(module, "build", lambda *_: Path("python"))
    monkeypatch.setattr(module, "Partner", lambda *_: nullcontext())
    monkeypatch.setattr(module, "take_inventories", lambda *_: list(fake.inventories))
    monkeypatch.setattr(
        module, "choose_schedules", lambda start, cells, report: [Schedule(1, 5) for _ in cells]
    )
    monkeypatch.setattr(module, "measure_pair", pair)
    return fake


def statuses(outcome):
    return {finding.cell.kernel: finding.status for finding in outcome.findings}


def test_equal_commits_pass_after_the_least_number_of_launches(fake):
    outcome = fake.run()
    assert outcome.status == 0
    assert statuses(outcome) == {"steady": "ok", "other": "ok"}
    assert len(fake.pairs) == SETTINGS.launches


def test_a_slower_kernel_is_measured_again_alone_and_named(fake):
    fake.ratio = lambda kernel, number: 1.3 if kernel == "other" else 1.0
    outcome = fake.run()
    assert outcome.status == 1
    assert statuses(outcome) == {"steady": "ok", "other": "regression"}
    assert fake.pairs[SETTINGS.launches :] == [["other"]] * SETTINGS.launches
    (finding,) = outcome.of("regression")
    assert finding.first.ratio == pytest.approx(1.3)
    assert finding.second.ratio == pytest.approx(1.3)


def test_slower_only_the_first_time_is_no_regression_and_is_reported(fake):
    fake.ratio = lambda kernel, number: 1.3 if number < SETTINGS.launches else 1.0
    outcome = fake.run()
    assert outcome.status == 0
    assert set(statuses(outcome).values()) == {"unconfirmed"}


def test_an_undecided_kernel_is_launched_until_it_is_decided(fake):
    slow_after = [1.0, 1.3, 1.3]  # the interval of three launches reaches down to 1.0
    fake.ratio = lambda kernel, number: (
        (slow_after[number] if number < 3 else 1.3) if kernel == "other" else 1.0
    )
    outcome = fake.run()
    assert statuses(outcome)["other"] == "regression"
    assert outcome.of("regression")[0].first.launches > 3


def test_a_kernel_that_stays_undecided_is_unclear_and_no_regression(fake):
    fake.ratio = lambda kernel, number: (1.3, 0.8, 1.4)[number % 3]
    outcome = fake.run()
    assert set(statuses(outcome).values()) == {"unclear"}
    assert outcome.status == 0
    assert outcome.findings[0].first.launches == SETTINGS.most_launches
    assert verdict(outcome) == (
        "no regression, but 2 cells were too noisy to be distinguished from the threshold: try a "
        "quieter machine or more --launches"
    )


def test_a_strict_gate_does_not_pass_what_stays_undecided(fake):
    fake.ratio = lambda kernel, number: (1.3, 0.8, 1.4)[number % 3] if kernel == "other" else 1.0
    outcome = replace(fake.run(), strict=True)
    assert outcome.status == 2
    assert verdict(outcome) == (
        "no regression was found, but 1 cell was too noisy to be distinguished from the threshold: "
        "neither pass nor fail"
    )
    fake.ratio = lambda kernel, number: 1.0
    assert replace(fake.run(), strict=True).status == 0


def test_the_last_line_tells_what_was_too_noisy_beside_a_regression(fake):
    fake.ratio = lambda kernel, number: 1.3 if kernel == "steady" else (1.3, 0.8, 1.4)[number % 3]
    outcome = fake.run()
    assert outcome.status == 1
    assert verdict(outcome).startswith("1 regression; 1 cell was too noisy")


def test_the_operations_threshold_decides(fake):
    fake.ratio = lambda kernel, number: 1.3
    assert fake.run(limits=Thresholds(1.1, 0.0, {"op": 1.5})).status == 0
    assert fake.run(limits=Thresholds(1.1, 0.0, {"others": 1.5})).status == 1
    assert fake.run(limits=Thresholds(1.1, 0.5)).status == 0  # seconds lost: 0.3


def test_a_renamed_kernel_is_neither_a_pass_nor_a_regression(fake):
    renamed = {"op": {"steady": "", "new_name": ""}}
    fake.inventories = (PLAIN, {**PLAIN, "reasons": renamed, "wrong": renamed})
    outcome = fake.run()
    assert outcome.status == 2
    assert statuses(outcome) == {"steady": "ok", "other": "missing", "new_name": "new"}


def test_a_wrong_kernel_is_wrong_and_is_not_timed(fake):
    wrong = {"op": {"steady": "", "other": "zeros"}}
    fake.inventories = (PLAIN, {**PLAIN, "wrong": wrong})
    fake.ratio = lambda kernel, number: 0.1
    outcome = fake.run()
    assert outcome.status == 1
    (finding,) = outcome.of("wrong")
    assert (finding.reason, finding.first) == ("zeros", None)
    assert all(kernels == ["steady"] for kernels in fake.pairs)


def test_a_regression_is_reported_even_where_another_kernel_is_missing(fake):
    gone = {"op": {"steady": ""}}
    fake.inventories = (PLAIN, {**PLAIN, "reasons": gone, "wrong": gone})
    fake.ratio = lambda kernel, number: 1.4
    assert fake.run().status == 1


@pytest.mark.parametrize(
    ("record", "status", "exit_status"),
    [
        ({"problem": "MemoryError", "side": "head"}, "failed", 2),
        ({"problem": "other bits", "side": "head", "wrong": True}, "wrong", 1),
        ({"problem": "other bits", "side": "base", "wrong": True}, "failed", 2),
    ],
)
def test_a_kernel_that_fails_when_it_is_timed(fake, record, status, exit_status):
    fake.ratio = lambda kernel, number: record if kernel == "other" else 1.0
    outcome = fake.run()
    assert statuses(outcome) == {"steady": "ok", "other": status}
    assert outcome.status == exit_status


def test_nothing_measured_is_no_pass(fake):
    fake.inventories = ({**PLAIN, "reasons": {}}, {**PLAIN, "reasons": {}})
    assert fake.run().status == 2


@pytest.mark.parametrize("error", [LaunchError, CellError])
def test_a_commit_that_cannot_be_launched_could_not_be_measured(fake, monkeypatch, error):
    def refuse(*_):
        raise error("head died")

    monkeypatch.setattr(module, "take_inventories", refuse)
    outcome = fake.run()
    assert (outcome.status, outcome.problem) == (2, "head died")


def test_a_threshold_for_an_operation_that_there_is_not_is_refused_and_leaves_nothing(fake):
    with pytest.raises(ValueError, match=r"thresholds.*'othrs'.*others"):
        fake.run(limits=Thresholds(1.1, 0.0, {"othrs": 1.5}))
    assert not list((fake.folder / "unfinished").iterdir())


def test_a_launch_that_dies_is_tried_once_more(fake, monkeypatch):
    whole, asked = module.measure_pair, []

    def dies_first(*arguments):
        asked.append(1)
        if len(asked) == 2:
            raise LaunchError("head died")
        return whole(*arguments)

    monkeypatch.setattr(module, "measure_pair", dies_first)
    assert fake.run().status == 0

    def dies(*arguments):
        if len(fake.pairs) == 5:
            raise LaunchError("head died again")
        return whole(*arguments)

    monkeypatch.setattr(module, "measure_pair", dies)
    assert fake.run().status == 2
    # and what there was before is not lost
    monkeypatch.setattr(module, "measure_pair", whole)
    outcome = fake.run()
    assert (outcome.status, outcome.resumed) == (0, 2)


def test_an_interrupted_gate_goes_on_where_it_stopped(fake, monkeypatch):
    whole, asked = module.measure_pair, []

    def interrupted(*arguments):
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(module, "measure_pair", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fake.run()
    monkeypatch.setattr(module, "take_inventories", None)  # not asked again
    outcome = fake.run()
    assert (outcome.status, outcome.resumed) == (0, 2)
    assert "2 launches of each were there from a run that was interrupted" in markdown(outcome)
    assert len(fake.pairs) == SETTINGS.launches
    assert not list((fake.folder / "unfinished").iterdir())


def test_half_a_launch_on_disk_is_measured_anew(fake, monkeypatch):
    whole = module.measure_pair

    def interrupted(*arguments):
        if len(fake.pairs) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(module, "measure_pair", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fake.run()
    (kept,) = (fake.folder / "unfinished").glob("*/first-01.json")
    kept.write_text(kept.read_text()[:-20])
    monkeypatch.setattr(module, "measure_pair", whole)
    assert fake.run().resumed == 1


def test_another_setting_does_not_go_on_from_what_was_measured_with_this_one(fake, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    whole = module.measure_pair
    monkeypatch.setattr(module, "measure_pair", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fake.run()
    monkeypatch.setattr(module, "measure_pair", whole)
    fake.run(Settings(batches=(128,), launches=3, threads=1))
    assert len(list((fake.folder / "unfinished").iterdir())) == 1


def test_a_cell_is_named_as_people_write_it():
    assert Compared("softmax_vjp", "einsum", 10_000, "float32").name == (
        "softmax_vjp[einsum] batch 10,000"
    )
    assert Compared("op", "loop", None, "float32").name == "op[loop]"


def test_a_median_below_the_threshold_for_a_moment_ends_no_launching(fake):
    fake.ratio = lambda kernel, number: (1.3, 0.8, 1.4, 0.8, *[1.3] * 5)[number]
    outcome = fake.run()
    assert outcome.findings[0].first.launches > 4


def test_a_suspect_whose_second_measurement_is_disturbed_is_launched_on(fake):
    disturbed = [1.3, 1.3, 0.8, 0.8]  # a median below the threshold, for now
    fake.ratio = lambda kernel, number: (
        [*[1.3] * 4, *disturbed, *[1.3] * 8][number] if kernel == "other" else 1.0
    )
    outcome = fake.run(Settings(batches=(1,), launches=4, threads=1))
    assert statuses(outcome)["other"] == "regression"
    assert outcome.of("regression")[0].second.launches > 4


@pytest.mark.parametrize("call_s", [0.0, 1e-9, 1e-6, 1e-3, 0.05])
def test_a_schedule_is_bounded_at_every_speed(call_s):
    schedule = Schedule.of(call_s)
    assert 5 <= schedule.rounds <= 20
    assert schedule.calls >= 1
    if call_s:
        assert schedule.calls * schedule.rounds * call_s < 0.3


def test_the_document_is_plain_json_with_schema_machine_and_every_cell(fake):
    fake.ratio = lambda kernel, number: np.float64(1.3) if kernel == "other" else 1.0
    plain = json.loads(json.dumps(document(fake.run()), allow_nan=False))
    assert plain["schema"] == "einbench.gate/1"
    assert plain["machine"]["fingerprint"]
    assert plain["status"] == 1
    found = {cell["kernel"]: cell for cell in plain["cells"]}
    assert found["other"]["second"]["ratio"] == pytest.approx(1.3)
    assert found["steady"]["second"] is None
    assert found["steady"]["ratio"] == pytest.approx(1.0)


def test_the_tables_name_what_was_found_for_a_terminal_and_for_a_job(fake):
    from rich.console import Console

    wrong = {"op": {"steady": "", "other": "gives | zeros"}}
    fake.inventories = (PLAIN, {**PLAIN, "wrong": wrong})
    fake.ratio = lambda kernel, number: 1.3
    outcome = fake.run()
    console = Console(width=60, record=True, file=io.StringIO())
    show(outcome, console)
    for text in (console.export_text(), markdown(outcome)):
        assert "1 regression and 1 wrong kernel" in text
        assert "1.30x" in text
    assert all(len(line) <= 60 for line in console.export_text().splitlines())
    assert "gives \\| zeros" in markdown(outcome)


def test_in_a_narrow_terminal_names_are_cut_and_numbers_are_not(fake):
    from rich.console import Console

    console = Console(width=40, record=True, file=io.StringIO())
    show(fake.run(), console)
    text = console.export_text()
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "1.00x" in text
    assert "median" in text
