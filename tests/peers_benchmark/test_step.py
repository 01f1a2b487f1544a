"""The command for real, at a size of nothing, with families of the suite and with wrong ones."""

from __future__ import annotations

QUICK = ("--batch", "4", "--rounds", "2", "--launches", "1", "--turn-ms", "1", "--threads", "1")
MATMUL = ("--contenders", "einbench-matmul")

#: contenders from outside; Late is right until it has been timed for a while
MINE = """
import os

from peers.ours import Stepper


class Zeros(Stepper):
    def step(self):
        return 0.0


class Late(Stepper):
    steps = 0

    def step(self):
        self.steps += 1
        loss = super().step()
        if self.steps > 15:
            self.held[0][0, 0] += 1
        return loss


class Dies(Stepper):
    steps = 0

    def step(self):
        self.steps += 1
        if self.steps > 15:
            os._exit(7)
        return super().step()


class Raises(Stepper):
    def step(self):
        raise RuntimeError("no compiler here")


def zeros(problem, threads):
    print("a library that prints")
    return Zeros(problem, "matmul")


def late(problem, threads):
    return Late(problem, "matmul")


def dies(problem, threads):
    return Dies(problem, "matmul")


def raises(problem, threads):
    return Raises(problem, "matmul")
"""


def test_families_are_timed_in_turns_and_told_as_ratios_to_the_first(step):
    run = step(
        "--batch", "4,8", "--rounds", "3", "--launches", "2", "--turn-ms", "1",
        "--contenders", "einbench-matmul,einbench-einsum",
    )  # fmt: skip
    assert run.status == 0, run.errors
    document = run.document
    assert document["schema"] == "einbench.peers-step/1"
    assert document["machine"]["cpu"]
    assert document["settings"]["widths"] == [784, 128, 128, 10]
    assert document["first"] == "einbench-matmul"
    assert document["best_peers"] == {}
    assert [len(cores) for cores in document["other_cores"].values()] == [2, 2]
    assert len(document["records"]) == 4
    for record in document["records"]:
        assert record["status"] == "ok"
        assert [len(turns) for turns in record["turns_s"]] == [3, 3]
        assert len(record["steps"]) == len(record["first_step_s"]) == len(record["idle_s"]) == 2
        assert record["low"] <= record["ratio"] <= record["high"]
        assert record["facts"]["kernels"]
        assert record["facts"]["threads"] == document["settings"]["threads"]
        assert 0 < record["parameter_error"] < 1e-4
    for record in run.records("einbench-matmul"):
        assert record["ratio"] == 1
    assert "| einbench-einsum |" in run.out
    again = step("--summary")
    assert again.out == run.out


def test_one_that_learns_nothing_is_refused_and_never_ranked(step):
    run = step(*QUICK, *MATMUL, "--also", "zeros=mine:zeros", mine=MINE)
    assert run.status == 1
    (record,) = run.records("zeros")
    assert record["status"] == "wrong"
    assert "w1 is 1 of its way" in record["reason"]
    assert record["turns_s"] == []
    assert record["median_s"] is record["ratio"] is None
    assert "zeros: wrong, w1" in run.out
    assert "| zeros |" not in run.out
    assert "| einbench-matmul |" in run.out


def test_one_that_goes_wrong_while_it_is_timed_is_not_ranked_either(step):
    run = step(*QUICK, *MATMUL, "--also", "late=mine:late", mine=MINE)
    assert run.status == 1
    (record,) = run.records("late")
    assert record["status"] == "wrong"
    assert record["median_s"] is None


def test_one_that_dies_is_told_with_its_status_and_the_others_go_on(step):
    run = step(*QUICK, *MATMUL, "--also", "dies=mine:dies", mine=MINE)
    assert run.status == 1
    (record,) = run.records("dies")
    assert record["status"] == "failed"
    assert "died with status 7" in record["reason"]
    (first,) = run.records("einbench-matmul")
    assert first["status"] == "ok"


def test_a_peer_that_is_missing_or_does_not_run_here_is_named_with_the_reason(step):
    run = step(
        *QUICK, *MATMUL, "--also", "absent=no_such_library:made", "--also", "raises=mine:raises",
        mine=MINE,
    )  # fmt: skip
    assert run.status == 0, run.errors
    assert "absent: unavailable, ModuleNotFoundError: No module named 'no_such_library'" in run.out
    assert "raises: unavailable, RuntimeError: no compiler here" in run.out
    assert [r["status"] for r in run.records("absent")] == ["unavailable"]


def test_a_library_that_is_not_installed_is_named_with_how_to_get_it(room):
    entry = room("contender").Entry("gone", "peers.gone", "made", ("no_such_library",))
    told = entry.why_unavailable()
    assert told == "no_such_library is not installed (pip install 'einbench[peers]')"


def test_every_peer_is_a_function_of_a_module_that_is_there(room):
    contender = room("contender")
    names = [entry.name for entry in contender.ENTRIES]
    assert len(set(names)) == len(names)
    for entry in contender.ENTRIES:
        path = room("contender").__file__.replace("contender.py", entry.module[6:] + ".py")
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path made of a path
            assert f"def {entry.function}(problem: Problem, threads: int)" in file.read()


def test_wrong_use_names_what_is_near_and_measures_nothing(step):
    run = step("--contenders", "torch-eeger")
    assert run.status == 2
    assert "torch-eager" in run.errors
    assert run.document == {}
    for wrong in (["--batch", "0"], ["--also", "mine"], ["--threads", "100000"]):
        assert step(*wrong).status == 2
