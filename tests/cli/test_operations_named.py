"""Operations are named by position, with --operation, or both, in every command that takes some."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from einbench.cli import main

COMMANDS = {
    "check": [],
    "tune": ["--batch", "1"],
    "fastest": ["--batch", "1", "--budget", "0.05"],
    "compare": ["--batch", "1", "--budget", "0.05"],
    "list": [],
}
WAYS = [["relu", "tanh"], ["--operation", "relu,tanh"], ["tanh", "--operation", "relu", "tanh"]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing is written into the checkout or remembered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))


def invoke(*args):
    return CliRunner().invoke(main, list(args))


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("way", WAYS, ids=["position", "option", "both"])
def test_several_operations_each_once(command, way):
    done = invoke(command, *way, *COMMANDS[command], "--json", "a.json")
    assert done.exit_code == 0, done.output
    document = json.loads(Path("a.json").read_text("utf-8"))
    rows = next(document[key] for key in ("verdicts", "cells", "records", "operations")
                if key in document)  # fmt: skip
    names = [row.get("operation") or row["name"] for row in rows]
    assert list(dict.fromkeys(names)) == (
        ["tanh", "relu"] if way[0] == "tanh" else ["relu", "tanh"]
    )
    if command in ("tune", "list"):
        assert len(names) == 2


@pytest.mark.parametrize("command", [*COMMANDS, "wisdom show"])
@pytest.mark.parametrize("way", [["reluu"], ["--operation", "reluu"], ["relu,reluu"]])
def test_an_unknown_name_gets_a_suggestion(command, way):
    done = invoke(*command.split(), *way)
    assert done.exit_code == 2
    assert done.stderr == (
        "einbench: error: no operation 'reluu'; did you mean relu or relu_vjp?\n"
    )


def test_fastest_names_each_choice_and_its_document_is_read_again():
    args = ["fastest", "relu", "tanh", "--batch", "1", "--budget", "0.05", "--json", "a.json"]
    done = invoke(*args)
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if ": " in line][:1] == [
        "relu at batch 1"
    ]
    choices = json.loads(Path("a.json").read_text("utf-8"))["choices"]
    assert [choice["operation"] for choice in choices] == ["relu", "tanh"]
    again = invoke("fastest", "--from", "a.json", "tanh", "--operation", "relu", "--json", "-")
    winners = json.loads(again.stdout)["winners"]
    assert {w["operation"]: w["kernel"] for w in winners} == {
        choice["operation"]: choice["kernel"] for choice in choices
    }


@pytest.mark.parametrize("command", ["tune", "fastest", "compare"])
@pytest.mark.parametrize("way", [["units=4", "--size", "units=5"], ["units=4,units=5"]])
def test_two_sizes_of_one_axis_are_refused(command, way):
    done = invoke(command, "linear", "--size", *way)
    assert done.exit_code == 2
    assert "units is 4 and 5; leave one of them out" in done.stderr


@pytest.mark.parametrize("command", ["compare", "train"])
@pytest.mark.parametrize(("name", "found"), [("a.txt", "a file, not a folder"), ("b", "no such")])
def test_data_that_is_no_folder_is_told_what_it_is(command, name, found):
    Path("a.txt").touch()
    done = invoke(command, "--data", name)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"einbench: error: --data {name}: {found}")
    assert "expected a folder with the four IDX files" in done.stderr
