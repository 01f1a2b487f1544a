"""``einbench dialects``: cases and their truth, what stand-ins come to, and the table."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.dialects.asking import Column, ask
from einbench.dialects.cases import BEHAVIOURS, Case
from einbench.dialects.judged import VERDICTS, Answer, judge
from einbench.dialects.table import lines
from einbench.libraries.contestants import CONTESTANTS
from einbench.libraries.einsum_runtimes import OWN

NAMED = {behaviour.name: behaviour for behaviour in BEHAVIOURS}
#: where np.einsum is not the sum of products, or refuses what others take
NUMPYS = {"letters beyond a to Z", "float16, sum of 5,000 ones"}
PLAIN = NAMED["int8"]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Column]:
    """``stand_in(body)``: what opt_einsum comes to where its function has that body."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def asked(body: str) -> Column:
        source = "import os\nimport numpy as np\ndef contract(text, *given, **options):\n"
        (tmp_path / "opt_einsum.py").write_text(source + textwrap.indent(body, "    "), "utf-8")
        behaviours = [NAMED["products of two"], PLAIN, NAMED["out="]]
        (column,) = ask(["opt_einsum"], behaviours)
        return column

    return asked


def verdicts(column: Column) -> list[str]:
    return [column.verdict(name) for name in column.answers]


def test_every_behaviour_has_a_name_of_its_own_and_calls_that_can_be_made_again():
    assert len(NAMED) == len(BEHAVIOURS)
    for behaviour in BEHAVIOURS:
        for case in behaviour.cases:
            first, again = case.operands(), case.operands()
            assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.long
def test_numpy_and_einbench_are_right_but_where_they_are_known_not_to_be():
    numpy, own = ask([OWN[0], OWN[2]])
    assert {n for n in numpy.answers if numpy.verdict(n) != "right"} == NUMPYS
    assert {n for n in own.answers if own.verdict(n) != "right"} == {"letters beyond a to Z"}
    assert own.version == einbench.__version__


def test_the_truth_wraps_once_and_casts_as_asked():
    (case,) = [c for c in NAMED["int8, lone index, overflow"].cases if c.text == "ij->i"]
    (operand,) = case.operands()
    assert case.truth().tolist() == operand.sum(1, dtype=np.int64).astype(np.int8).tolist()
    case = NAMED["dtype= before a lone index"].cases[0]
    a, b = case.operands()
    assert case.truth().tolist() == np.multiply.outer(a.sum(1, dtype=int), b.astype(int)).tolist()
    assert NAMED["out= of narrower dtype is refused"].cases[0].truth() is None


def test_a_right_library_is_right(stand_in):
    assert verdicts(stand_in("return np.einsum(text, *given, **options)")) == ["right"] * 3


def test_one_that_returns_another_number_or_dtype_differs_and_is_told_where(stand_in):
    column = stand_in("return np.einsum(text, *[each + 1 for each in given])")
    assert verdicts(column) == ["differs", "differs", "differs"]
    assert "leaves out as it was" in [answer.said for answer in column.answers["out="]]
    first = column.answers["products of two"][0]
    assert first.call == '"ij,jk->ik"'
    assert " in place of float64 " in first.said
    assert first.returned["values"] != first.expected["values"]
    column = stand_in("return np.einsum(text, *given, **options, dtype=float)")
    assert verdicts(column)[:2] == ["right", "differs"]
    assert {a.said for a in column.answers["int8"]} == {"gives float64 in place of int8"}


def test_one_that_raises_refuses_in_its_own_words(stand_in):
    column = stand_in("raise ValueError('no such text')")
    assert verdicts(column) == ["refuses"] * 3
    assert column.answers["int8"][0].said == "ValueError: no such text"


def test_one_that_ends_its_process_is_asked_on_in_a_new_one(stand_in):
    column = stand_in(
        "if given[0].dtype == np.int8 and text == 'i,j->ij':\n"
        "    os._exit(5)\n"
        "return np.einsum(text, *given, **options)\n"
    )
    assert verdicts(column) == ["right", "died", "right"]
    assert [a.verdict for a in column.answers["int8"]].count("right") == len(PLAIN.cases) - 1
    (died,) = [a for a in column.answers["int8"] if a.verdict == "died"]
    assert "exit code 5" in died.said


def test_one_that_cannot_be_imported_has_a_reason_and_no_cells(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "opt_einsum.py").write_text("raise ImportError('for another NumPy')")
    (column,) = ask(["opt_einsum"], [PLAIN])
    assert column.reason == "cannot be imported: ImportError: for another NumPy"
    assert not column.answers
    assert any(column.reason in text for ((text, _), *_) in lines([column], 100))


def test_a_copy_or_an_array_without_axes_differs_where_numpy_gives_a_view_or_a_scalar():
    view = Case("ij->ji", lambda: [np.eye(2)], kind="view")
    scalar = Case("ij->", lambda: [np.eye(2)], kind="scalar")
    words = {"dtype": "<f8", "type": "ndarray", "view": False, "scalar": False}
    eye = {**words, "shape": [2, 2], "bytes": np.eye(2).tobytes().hex()}
    two = {**words, "shape": [], "bytes": np.array(2.0).tobytes().hex()}
    assert judge(view, eye).said == "gives a copy"
    assert judge(view, {**eye, "view": True}).verdict == "right"
    assert judge(scalar, two).said == "gives ndarray without axes"
    assert judge(scalar, {**two, "scalar": True}).verdict == "right"


@pytest.mark.long
@pytest.mark.parametrize("width", [40, 79, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width):
    names = [behaviour.name for behaviour in BEHAVIOURS]
    columns = [
        Column(library, "2026.8.0+cpu", {
            name: [Answer('"ij->i"', verdict, "gives int64 2 at [0] in place of int8 1 at [0]")]
            for name, verdict in zip(names, cycle(VERDICTS), strict=False)
        })
        for library in (*OWN, *CONTESTANTS)
    ]  # fmt: skip
    printed = ["".join(text for text, _ in line).rstrip() for line in lines(columns, width)]
    assert max(map(len, printed)) <= width
    # right everywhere: it is in the table alone
    assert any(line.startswith(names[0]) for line in printed) == (width >= 80)
    for library in ("torch", "cotengra"):
        assert any(library in line for line in printed)


def test_the_command_prints_a_table_and_writes_all_of_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    few = [PLAIN, NAMED["out= of narrower dtype is refused"]]
    monkeypatch.setattr("einbench.dialects.asking.ask", lambda asked, progress: ask(OWN, few))
    done = CliRunner().invoke(main, ["dialects", "--json", "all.json"])
    assert done.exit_code == 0, done.output
    heading = done.output.splitlines()[0]
    assert heading.split() == ["numpy", "optimize", "einbench"]
    assert "accepts it and gives float32" in " ".join(done.output.split())
    document = json.loads(Path("all.json").read_text())
    optimize = document["libraries"][1]["behaviours"]["out= of narrower dtype is refused"]
    assert optimize["verdict"] == "differs"
    assert optimize["calls"][0]["returned"]["dtype"] == "float32"


def test_an_unknown_library_is_one_line():
    done = CliRunner().invoke(main, ["dialects", "--with", "torsh"])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "no einsum library 'torsh'; known: opt_einsum, " in line
