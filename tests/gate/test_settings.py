"""The gate's table in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

import einbench
from einbench.gate.settings import FLOOR_S, THRESHOLD, Thresholds, thresholds

ROOT = Path(__file__).resolve().parents[2]


def table(body):
    return thresholds(f"[tool.einbench.gate]\n{body}")


def test_an_operation_has_its_own_threshold_and_the_others_the_default():
    found = table("threshold = 1.2\nfloor_s = 1e-6\nthresholds = {tanh = 1.5}")
    assert (found.of("tanh"), found.of("relu"), found.floor_s) == (1.5, 1.2, 1e-6)


@pytest.mark.parametrize("text", [None, "", "[project]\nname='x'", "[tool.einbench]\n"])
def test_what_says_nothing_leaves_the_defaults(text):
    assert thresholds(text) == Thresholds(THRESHOLD, FLOOR_S, {})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("threshhold = 1.2", "did you mean threshold?"),
        ("threshold = 0.9", "ratio above 1"),
        ("threshold = 1", "ratio above 1"),
        ("threshold = true", "ratio above 1"),
        ("threshold = '1.2'", "ratio above 1"),
        ("floor_s = -1", "seconds from 0"),
        ("thresholds = 3", "must be a table"),
        ("thresholds = {relu = 0.5}", "relu"),
        ("threshold = ", "pyproject.toml"),
        ("threshold = inf", "ratio above 1"),
        ("threshold = nan", "ratio above 1"),
        ("floor_s = inf", "seconds from 0"),
    ],
)
def test_a_wrong_entry_is_named(body, said):
    with pytest.raises(ValueError, match=r"pyproject\.toml") as caught:
        table(body)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\neinbench = 'x'", "[tool.einbench]\ngate = 5"]
)
def test_what_should_be_a_table_and_is_none_is_named(text):
    with pytest.raises(ValueError, match="expected a table"):
        thresholds(text)


def test_a_threshold_for_no_operation_is_refused_with_the_nearest_name():
    found = table("thresholds = {relo = 1.5}")
    with pytest.raises(ValueError, match=r"'relo'.*relu"):
        found.refuse_unknown(["relu", "tanh"])
    table("thresholds = {relu = 1.5}").refuse_unknown(["relu", "tanh"])


def test_the_projects_own_table_names_operations_that_exist():
    found = thresholds((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(found.by_operation) <= set(einbench.operations)
    assert found.default > 1
