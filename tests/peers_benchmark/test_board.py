"""The comparison with peers as a whole, at tiny sizes."""

from __future__ import annotations

import importlib.util
import json

import pytest

QUICK = ("--batch", "4", "--budget", "0.2", "--threads", "1", "--library", "sklearn")
needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed"
)


@pytest.mark.long
@needs_sklearn
def test_a_cell_is_a_ratio_and_a_run_goes_on_from_what_is_there(board):
    first = board(*QUICK, "--dtype", "float64", "--operation", "tanh")
    assert first.status == 0, first.errors
    assert first.document["schema"] == "einbench.peers-board/2"
    (cell,) = first.document["cells"]
    assert (cell["operation"], cell["batch"], cell["dtype"]) == ("tanh", 4, "float64")
    assert cell["peer"] == "sklearn_inplace_tanh"
    assert cell["low"] <= cell["ratio"] <= cell["high"]
    assert cell["roofline"] > 0
    assert cell["took_s"] > 0
    assert cell["facts"]["sklearn"]["threads"] == 1
    ways = {way["way"]: way for way in cell["ways"]}
    peer = ways["sklearn_inplace_tanh"]
    assert (peer["library"], peer["status"]) == ("sklearn", "ok")
    assert ways[cell["ours"]]["library"] == "ours"
    assert peer["limit"] == 8 * ways[cell["ours"]]["limit"]
    assert first.document["summary"]["all"]["geometric_mean"] == pytest.approx(cell["ratio"])

    both = board(*QUICK, "--dtype", "float64", "--operation", "tanh,bias_gradient", "--resume")
    assert both.status == 0, both.errors
    kept, measured = both.document["cells"]
    assert [kept] == first.document["cells"]
    assert "tanh, batch 4, float64: kept" in both.errors
    assert measured["operation"] == "bias_gradient"
    assert measured["ratio"] is None
    assert "| bias_gradient | no peer |" in both.out
    assert board("--summary").out == both.out
    # and cells that others disturbed are measured again: all, where none can be so quiet
    again = board(*QUICK, "--dtype", "float64", "--operation", "tanh", "--resume", "--quiet", "-1")
    assert "kept" not in again.errors


@pytest.mark.long
def test_wrong_use_names_what_is_near_and_measures_nothing(board):
    before = board("--summary").document
    for words, message in (
        (("--operation", "sofmax"), "softmax"),
        (("--library", "torsh"), "torch"),
        (("--dtype", "float16"), "choose float32 or float64"),
        (("--batch", "0"), "expected a whole number"),
    ):
        run = board(*words)
        assert run.status == 2
        assert message in run.errors
    assert json.dumps(board("--summary").document) == json.dumps(before)
