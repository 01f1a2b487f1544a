"""``%%race`` in a real IPython: functions and expressions of a cell are contestants."""

from __future__ import annotations

import subprocess
import sys

import pytest

import einbench

IPython = pytest.importorskip("IPython")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a cell; gives what it returned, or what it raised."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))

    def run(cell):
        found = shell.run_cell(cell)
        error = found.error_before_exec or found.error_in_exec
        return found.result if error is None else error

    assert run(
        "%load_ext einbench\nimport numpy as np\nrng = np.random.default_rng(0)\n"
        "a, b = rng.random((9, 8)), rng.random((8, 7))"
    ) is None  # fmt: skip
    return run


def outcomes(comparison):
    return {record.kernel: record.status for record in comparison.records}


DEFINED = """
def mine(a, b):
    return a @ b

def theirs(a, b):
    return _helped(a, b)

def _helped(a, b):
    return np.einsum("ij,jk->ik", a, b)

wrong = lambda a, b: 2 * (a @ b)
"""
LINES = """
mine: a @ b
theirs: np.einsum("ij,jk->ik", a, b)
wrong: 2 * (a @ b)
"""


MIXED = LINES.partition("theirs")[0] + DEFINED[DEFINED.index("def theirs") :]


@pytest.mark.parametrize("line", ["a b", "a, b", "a, b=b", "", "--budget 0.05 a b", "--threads 1"])
@pytest.mark.parametrize("cell", [DEFINED, LINES, MIXED])
def test_functions_and_lines_of_a_cell_are_raced(run, line, cell):
    comparison = run(f"%%race {'' if 'budget' in line else '--budget=0.05 '}{line}\n{cell}")
    assert isinstance(comparison, einbench.Comparison), comparison
    assert outcomes(comparison) == {"mine": "ok", "theirs": "ok", "wrong": "rejected"}
    assert comparison.settings["budget_s"] == 0.05
    assert comparison.machine["threads"] == 1 or "threads" not in line


def test_arguments_may_be_any_expression_and_functions_of_an_earlier_cell(run):
    run(DEFINED)
    comparison = run("%%race --budget 0.05 a[:4] 2*b\nmine\ntheirs")
    assert outcomes(comparison) == {"mine": "ok", "theirs": "ok"}
    assert comparison.records[0].sizes == {"a.0": 4, "a.1": 8, "b.0": 8, "b.1": 7}


def test_keyword_arguments_are_parameters_of_expressions_too(run):
    comparison = run("%%race --budget 0.05 a axis=1\nsum: a.sum(axis)\nadd: np.add.reduce(a, axis)")
    assert outcomes(comparison) == {"sum": "ok", "add": "ok"}


def test_functions_may_take_one_argument_twice(run):
    cell = "m = lambda x, y: x + y\ndef n(x, y): return y + x"
    assert outcomes(run(f"%%race --budget 0.05 a a\n{cell}")) == {"m": "ok", "n": "ok"}


def test_whatever_can_be_called_is_raced_where_the_cell_assigns_it(run):
    comparison = run(
        "%%race --budget 0.05 a scale\n"
        "from functools import partial\n"
        "class Adder:\n    def __call__(self, a, scale): return 1 + a\n"
        "scale, dtype, number = partial(np.add, 1), np.float64, 3\n"
        "dtype = np.float64\n"
        "scale = partial(np.add, 1)\n"
        "_unraced = np.positive\n"
        "_nor_this = lambda a, scale: a\n"
        "def mine(a, scale): return a + 1\n"
        "instance = Adder()\n"
        "typed: object = lambda a, scale: scale(a)\n"
        "mine = partial(mine)\n"
    )
    assert outcomes(comparison) == {"mine": "ok", "instance": "ok", "typed": "ok"}
    assert run("%%race --budget 0.05 a\nr = np.positive\nm = lambda a: +a").records[0].kernel == "r"


def test_what_a_cell_defines_stays_and_magics_in_it_work(run):
    run(
        "%%race --budget 0.05 a\nscale = 3\n%precision 3\n"
        "def f(a):\n    return scale * a\ng: a * 3\n"
    )
    assert run("f(1)") == 3


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%race a\nmine: a + 1", "1 function given"),
        ("%%race a\nx = 1", "no contestants: define functions in the cell"),
        ("%%race a\nm: a + 1\nm: 1 + a", "two contestants are called 'm'"),
        ("%%race a\nm: a + 1\ndef m(a): return 1 + a", "two contestants are called 'm'"),
        ("%%race q\nm: q + 1\nn: 1 + q", "name 'q' is not defined"),
        ("%%race a[\nm: a + 1\nn: 1 + a", "these are no arguments"),
        ("%%race a[:2]\nm: a + 1\nn: 1 + a", "arguments are names of variables"),
        ("%%race --loud a\nm: a + 1\nn: 1 + a", "--loud: no such option"),
        ("%%race --budget much a\nm: a + 1\nn: 1 + a", "--budget much: expected a number"),
        ("%%race\ndef m(zz): return zz\nn: a", "'zz', a parameter of m, is no variable"),
        ("%%race a\nm: a.sun()\nn: a.sum()", "raises AttributeError"),
        ("%%race a\nscale\nn: a.sum()", "'scale' is no function"),
        ("%%race a a\nm: a + 1\nn: 1 + a", "'a' is given twice"),
        ("%%race a a=b\nm: a + 1\nn: 1 + a", "'a' is given twice"),
        ("%%race a axis=0 axis=1\nm: a.sum(axis)\nn: a.sum(axis)", "'axis' is given twice"),
        ("%%race a, axis=0, axis=1\ndef m(a, axis): return a\nn = m", "repeated: axis"),
    ],
)
def test_wrong_use_is_one_line(run, cell, said, capsys):
    error = run(cell)
    assert type(error).__name__ == "UsageError"
    assert said in str(error)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_cell_that_is_no_python_is_said_as_ever(run):
    assert isinstance(run("%%race a\nmine: a.sum(\n"), SyntaxError)


def test_a_terminal_prints_the_table(tmp_path):
    program = (
        "a = np.ones((4, 4)); a[0] = 2\n\n%%race --budget 0.05 a\none: a.sum(0)\ntwo: np.sum(a, 0)"
    )
    source = (
        "from IPython.terminal.interactiveshell import TerminalInteractiveShell as Shell\n"
        "import numpy as np\nshell = Shell(user_ns={'np': np})\n"
        "shell.run_cell('%load_ext einbench')\n"
        f"for cell in {program!r}.split('\\n\\n'): shell.run_cell(cell)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=300,
        env={"IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "SUMMARY" in done.stdout
    assert "vs one" in done.stdout


def test_nothing_breaks_without_ipython():
    source = (
        "import sys; sys.modules['IPython'] = None\nimport einbench\n"
        "einbench.race({'a': abs, 'b': lambda x: x}, 2.5, budget_s=0.01)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
