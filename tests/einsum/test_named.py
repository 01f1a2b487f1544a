"""Named axes wherever an operation is named, and expressions that could be either."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.einsum.named import spelt

WORDS = "batch features, units features -> batch units"
NAME = "batch.features,units.features->batch.units"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing is written into the checkout or remembered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))


def run(*args):
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize(
    ("text", "axes", "name"),
    [
        (WORDS, None, NAME),
        (NAME, None, NAME),
        ("ij, jk -> ik", None, "ij,jk->ik"),
        ("ij, jk -> i k", None, "ij,jk->ik"),
        ("i j, j k -> i k", None, "ij,jk->ik"),
        ("rows, cols -> rows cols", None, "rows,cols->rows.cols"),
        ("bi j, j k -> bi k", "letters", "bij,jk->bik"),
        ("bi j, j k -> bi k", "named", "bi.j,j.k->bi.k"),
        ("rows, rows -> rows", None, "rows,rows->rows"),
        ("rows, rows -> rows", "named", "rows.,rows.->rows"),
        ("ij...,j...->i", None, "ij...,j...->i"),
        ("ij,\tjk->ik", None, "ij,jk->ik"),
    ],
)
def test_an_expression_is_spelt_in_letters_or_in_words_with_dots(text, axes, name):
    assert spelt(text, axes) == name
    assert spelt(name) == name


@pytest.mark.parametrize("text", [WORDS, "rows, rows -> rows"])
def test_the_name_of_an_expression_of_words_is_its_own(text):
    op = einbench.expression(text, axes="named")
    assert einbench.operation(op.name).axes == op.axes
    assert einbench.operation(op.name).name == op.name == spelt(text, "named")


def test_words_are_the_name_of_one_operation():
    assert einbench.operation(WORDS) is einbench.operation(NAME)
    assert dict(einbench.operation(WORDS).sizes) == {"features": 16, "units": 16}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bi j, j k -> bi k", "words, or letters with spaces between them"),
        ("rows terms, terms -> rows", "words, or letters with spaces between them"),
        ("batch features, units features", "needs '->' and its output"),
        ("batch features, units features -> batch unit", "position 40: output axis 'unit'"),
        ("a b, b c -> a a", "position 14: the output has index 'a' twice"),
        ("a..b->a", "position 1: '.' in operand 0"),
        ("batch 1x -> batch", "position 6: '1' in operand 0"),
        ("ij=>i", "position 2: '=>' in operand 0 is no arrow; expected '->'"),
        ("ij,jk\N{RIGHTWARDS ARROW}ik", "position 5"),
        ("ij->k->l", "'->' in the output is no arrow"),
        ("ij, jk - > ik", "'-' is not followed by '>'"),
        ("ij,jk", "an einsum expression needs '->' and its output"),
        ("batch in, in -> batch", "words, or letters with spaces between them"),
        ("batch class, class units -> batch units", "no keyword of Python's"),
    ],
)
def test_what_is_neither_is_refused_with_its_place(text, said):
    with pytest.raises(ValueError, match=r"einsum|expression") as raised:
        einbench.operation(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    done = run("list", text)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr


def test_an_output_of_words_names_each_axis_once():
    with pytest.raises(ValueError, match="position 15: the output has axis 'rows' twice"):
        einbench.expression("rows x -> rows rows", axes="named")


BRIEF = {
    "check": [], "compare": ["--budget", "0.05", "--json", "a.json"],
    "fastest": ["--budget", "0.05"], "tune": [], "list": [],
}  # fmt: skip


@pytest.mark.parametrize("command", BRIEF)
def test_every_command_takes_words_at_sizes(command):
    sizes = [] if command == "list" else ["--size", "batch=8,features=4", "--size", "units=3"]
    done = run(command, WORDS, *sizes, *BRIEF[command])
    assert done.exit_code == 0, done.output
    assert NAME in " ".join(done.output.split())
    assert "note" not in done.stderr
    ambiguous = run(command, "bi j, j -> bi", *BRIEF[command])
    assert ambiguous.exit_code == 2
    assert "--axes named" in ambiguous.stderr


def test_wisdom_finds_words_under_their_canonical_form():
    sizes = ["--size", "batch=8,features=4,units=3"]
    assert run("tune", WORDS, *sizes).exit_code == 0
    again = run("tune", WORDS, *sizes)
    assert "nothing was measured, 1 remembered already" in again.output
    shown = run("wisdom", "show", WORDS)
    assert shown.exit_code == 0
    assert "ab,cb->ac" in shown.output
    assert "1 choice forgotten" in run("wisdom", "forget", WORDS).output


@pytest.mark.long
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--size", "i=4", "--batch", "2"],
            "note: j and k of bij,bjk->bik have no size and are 16",
        ),
        (["--size", "i=4,j=3", "--size", "b=5"], "note: k of bij,bjk->bik has no size and is 16"),
    ],
)
def test_axes_that_were_given_no_size_are_said(args, said):
    done = run("check", "bij,bjk->bik", *args)
    assert done.exit_code == 0
    assert said in done.stderr
    assert "--size " in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ij,jk->ik", "--size", "q=3"], "no axis 'q' in ij,jk->ik; known: j, k"),
        (["ij,jk->ik", "--size", "i=3", "--batch", "4"], "i is the axis of rows: --batch and"),
        (["ij,jk->ik", "--operation", "relu", "--size", "i=3"], "and batch that of relu"),
        (["linear", "--size", "unitz=3"], "did you mean units?"),
    ],
)
def test_sizes_that_fit_no_axis_are_refused(args, said):
    done = run("check", *args)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
