"""Expressions come from strangers: nothing in one is run, wherever it is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.einsum.emit import emit
from einbench.records.read import read

RUN = "__import__('pathlib').Path('run').touch()"
HOSTILE = (
    RUN,
    f"ij,jk->ik;{RUN}",
    f"ij,jk->ik\n{RUN}",
    f"{RUN},j->j",
    f"{{{RUN}}},j->j",
    f'i"""+{RUN}+"""->i',
    "$(touch run),j->j`touch run`",
    "%s%n,j->j",
    "../../run,j->j",
    "rows \x00, rows -> rows",
    "\u0456j,jk->\u0456k",
    "i" * 100_000 + "#->i",
    "i->" + "(" * 10_000,
)
WORDED = (*HOSTILE, "lambda x, x -> x", "rows __class__(), rows -> rows", "a.__init__()->a")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """What a hostile string wrote would be here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    yield
    assert not (tmp_path / "run").exists()


def one_line(raised):
    said = str(raised.value)
    assert "\n" not in said
    assert len(said) < 400
    assert said.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_letters_end_in_the_parser(text):
    with pytest.raises(ValueError, match="position") as raised:
        einbench.expression(text)
    one_line(raised)
    with pytest.raises(ValueError, match="position") as raised:
        einbench.einsum(text, np.ones((2, 2)), np.ones((2, 2)))
    one_line(raised)
    with pytest.raises(ValueError, match="position"):
        emit(text, [(2, 2), (2, 2)], "float32", "einsum")


@pytest.mark.parametrize("text", WORDED)
def test_words_end_in_the_parser(text):
    with pytest.raises(ValueError, match="einsum") as raised:
        einbench.expression(text, axes="named")
    one_line(raised)


@pytest.mark.parametrize("text", WORDED)
def test_names_of_operations_end_in_the_parser(text):
    with pytest.raises(ValueError, match=r"einsum|no operation") as raised:
        einbench.operation(text)
    assert "\n" not in str(raised.value)


COMMANDS = (
    ["list"], ["check"], ["compare"], ["fastest"], ["tune"], ["einsum", "--size", "2"],
    ["einsum", "--size", "2", "--axes", "named"], ["wisdom", "show"], ["wisdom", "forget"],
    ["gate", "HEAD", "--operation"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_refuse_them_in_one_line(command):
    for text in WORDED:
        done = CliRunner().invoke(main, [*command, text])
        assert done.exit_code == 2, text
        assert done.stderr.startswith("einbench: error: "), text
        assert len(done.stderr.splitlines()) == 1, text
    assert not Path("wisdom").exists()


def test_an_expression_in_a_cell_that_is_raced_is_no_code():
    IPython = pytest.importorskip("IPython")  # noqa: N806 - a module
    shell = IPython.core.interactiveshell.InteractiveShell.instance()
    einbench.load_ipython_extension(shell)
    shell.user_ns.update(a=np.ones((2, 2)), einbench=einbench, np=np)
    for text in HOSTILE[:5]:
        cell = f"mine: einbench.einsum({text!r}, a, a)\ntheirs: a @ a"
        with pytest.raises(IPython.core.error.UsageError, match="raises ValueError: einsum"):
            shell.run_cell_magic("race", "a", cell)


@pytest.mark.long
@pytest.mark.parametrize("text", WORDED)
def test_files_that_hold_them_are_read_as_text(text):
    op = einbench.expression("ij,jk->ik", j=2, k=2)
    document = einbench.compare(op, batches=2, budget_s=0.01).document()
    for record in document["records"]:
        record["operation"] = text
    Path("saved.json").write_text(json.dumps(document), encoding="utf-8")
    # in one line, as a reading is shown
    shown = " ".join(text.replace("\x00", "\ufffd").split())
    assert {row["operation"] for row in read(["saved.json"]).rows} <= {shown}
    assert CliRunner().invoke(main, ["fastest", "--from", "saved.json"]).exit_code in (0, 1, 2)


@pytest.mark.long
@pytest.mark.parametrize("text", WORDED)
def test_choices_of_a_stranger_for_them_are_left_out(text):
    assert CliRunner().invoke(main, ["tune", "ij,j->i", "--size", "i=2,j=2"]).exit_code == 0
    assert CliRunner().invoke(main, ["wisdom", "export", "ours.json"]).exit_code == 0
    document = json.loads(Path("ours.json").read_text("utf-8"))
    ((name, book),) = document["operations"].items()
    Path("theirs.json").write_text(
        json.dumps({**document, "operations": {text: book}}), encoding="utf-8"
    )
    done = CliRunner().invoke(main, ["wisdom", "import", "theirs.json"])
    assert done.exit_code == 2 or "left out" in done.output or "no choice" in done.output
    shown = CliRunner().invoke(main, ["wisdom", "show"])
    assert shown.exit_code == 0
    assert name in shown.output
