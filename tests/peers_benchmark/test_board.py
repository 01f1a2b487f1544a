"""The scoreboard for real, at a size of nothing, with libraries from outside, right and wrong."""

from __future__ import annotations

import json

import pytest

QUICK = ("--batch", "4", "--rounds", "4", "--turn-ms", "1", "--threads", "1")
OURS = ("--library", "ours")

#: each library has one way; the wrong ones are wrong in one respect
MINE = """
import os
import time

import numpy as np

from peers.task import Offer, Way


class Library:
    def __init__(self, **functions):
        self.functions = functions

    def offer(self, task):
        function = self.functions.get(task.operation.name)
        if function is None:
            return Offer({})
        arrays = [a.copy() for a in task.given]
        return Offer({"way": lambda: Way(lambda: function(*arrays), lambda result: [result])})

    def close(self):
        pass

    def facts(self):
        return {"threads": 1}


def right(threads):
    print("a library that prints")
    return Library(tanh=np.tanh)


def zeros(threads):
    return Library(tanh=np.zeros_like)


def narrow(threads):
    return Library(tanh=lambda z: np.tanh(z.astype(np.float32)).astype(z.dtype))


def turned(threads):
    return Library(tanh=lambda z: np.tanh(z).T)


def single(threads):
    return Library(tanh=lambda z: np.tanh(z).astype(np.float32))


class Late(Library):
    calls = 0

    def tanh(self, z):
        self.calls += 1
        return np.tanh(z) + (self.calls > 15)


def late(threads):
    library = Late()
    library.functions["tanh"] = library.tanh
    return library


def dying(threads):
    calls = []

    def tanh(z):
        calls.append(1)
        if len(calls) > 15:
            os._exit(7)
        return np.tanh(z)

    return Library(tanh=tanh)


def raising(threads):
    def tanh(z):
        raise RuntimeError("no compiler here")

    return Library(tanh=tanh)
"""

WRONG = {
    "zeros": "units of rounding, allowed",
    "narrow": "units of rounding, allowed",
    "turned": "outputs is float64 (128, 4), expected float64 (4, 128)",
    "single": "outputs is float32 (4, 128), expected float64 (4, 128)",
    "late": "units of rounding, allowed",
}
FAILED = {"dying": "died with status 7", "raising": "RuntimeError: no compiler here"}
ABSENT = "absent=no_such_library:made"


def also(*names):
    return [word for name in names for word in ("--also", f"{name}=mine:{name}")]


@pytest.fixture(scope="module")
def wrong(board):
    """One run of all of them, in float64, where a float32 in the middle shows."""
    return board(
        *QUICK, *OURS, "--operation", "tanh", "--dtype", "float64",
        *also("right", *WRONG, *FAILED), "--also", ABSENT, mine=MINE,
    )  # fmt: skip


def rows(run, library):
    (cell,) = run.document["cells"]
    return [row for row in cell["ways"] if row["library"] == library]


def test_a_cell_is_a_ratio_of_the_best_of_ours_to_the_best_peer(wrong):
    (cell,) = wrong.document["cells"]
    assert wrong.document["schema"] == "einbench.peers-board/1"
    assert (cell["operation"], cell["batch"], cell["dtype"]) == ("tanh", 4, "float64")
    assert cell["ours"] in {row["way"] for row in rows(wrong, "ours")}
    assert cell["peer"] == "right way"
    assert len(cell["ratios"]) == 4
    assert cell["low"] <= cell["ratio"] <= cell["high"]
    assert cell["roofline"] > 0
    (right,) = rows(wrong, "right")
    assert right["status"] == "ok"
    assert len(right["turns_s"]) == 4
    assert right["error"] <= right["limit"]
    assert sum(row["kept"] for row in rows(wrong, "ours")) == 2
    assert all(row["limit"] < right["limit"] for row in rows(wrong, "ours") if row["limit"])
    assert wrong.document["summary"]["all"]["geometric_mean"] == pytest.approx(cell["ratio"])


@pytest.mark.parametrize("library", WRONG)
def test_a_wrong_way_is_refused_with_the_reason_and_never_ranked(wrong, library):
    (row,) = rows(wrong, library)
    assert row["status"] == "refused"
    assert WRONG[library] in row["reason"]
    assert row["turns_s"] == []
    assert row["median_s"] is None
    assert not row["kept"]
    assert f"{library} way refused: " in wrong.out
    assert wrong.status == 1


@pytest.mark.parametrize("library", FAILED)
def test_one_that_fails_costs_its_own_cell_and_no_other(wrong, library):
    (row, *_) = rows(wrong, library)
    assert row["status"] == "failed"
    assert FAILED[library] in row["reason"]


def test_a_library_that_is_missing_is_named(wrong):
    (row,) = rows(wrong, "absent")
    assert row["status"] == "unavailable"
    assert (
        "absent: unavailable, ModuleNotFoundError: No module named 'no_such_library'" in wrong.out
    )


def test_a_run_goes_on_from_what_is_there_and_tells_it_again(board):
    more = ("--dtype", "float64", *QUICK, "--library", "ours", *also("right"))
    first = board(*more, "--operation", "tanh", mine=MINE)
    assert first.status == 0, first.errors
    both = board(*more, "--operation", "tanh,bias_gradient", "--resume", mine=MINE)
    assert both.status == 0, both.errors
    kept, measured = both.document["cells"]
    assert [kept] == first.document["cells"]
    assert "tanh, batch 4, float64: kept" in both.errors
    assert measured["operation"] == "bias_gradient"
    (peer,) = [row for row in measured["ways"] if row["library"] == "right"]
    assert peer["status"] == "cannot express"
    assert measured["ratio"] is None
    assert "| bias_gradient | no peer |" in both.out
    assert board("--summary").out == both.out
    # and cells that others disturbed are measured again: all, where none can be so quiet
    quiet = board(*more, "--operation", "tanh", "--resume", "--quiet", "1e9", mine=MINE)
    assert "kept" in quiet.errors
    again = board(*more, "--operation", "tanh", "--resume", "--quiet", "-1", mine=MINE)
    assert "kept" not in again.errors
    assert [cell["operation"] for cell in again.document["cells"]] == ["tanh"]
    # other settings are another measurement
    other = board(*more, "--rounds", "2", "--operation", "tanh", "--resume", mine=MINE)
    assert "kept" not in other.errors
    assert [cell["operation"] for cell in other.document["cells"]] == ["tanh"]


def test_wrong_use_names_what_is_near_and_measures_nothing(board):
    before = board("--summary").document
    for words, told in (
        (("--operation", "sofmax"), "softmax"),
        (("--library", "torsh"), "torch"),
        (("--dtype", "float16"), "expected float32 or float64"),
        (("--batch", "0"), "expected a whole number"),
        (("--also", "mine"), "--also"),
    ):
        run = board(*words)
        assert run.status == 2
        assert told in run.errors
    assert json.dumps(board("--summary").document) == json.dumps(before)
