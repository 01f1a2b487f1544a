"""``einbench einsum`` as people run it: tables, the winner as Python, one-line complaints."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.cli.einsum import _operation, _over_kernel, _write
from einbench.kernel import HERE

BMM = ["einsum", "qij,qjk->qik", "--size", "4", "--size", "q=300", "--budget", "0.2"]


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    """Nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)


def run(*args):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(
        [sys.executable, "-m", "einbench.cli", *args], capture_output=True, text=True,
        encoding="utf-8", check=False, env=environment, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "one", "other"),
    [
        ("einsum ij,jk->ik --size 4", "emit", "json"), ("compare relu", "json", "report"),
        ("compare relu", "picture", "plot"), ("gate HEAD", "json", "summary"),
        ("train", "json", "save"),
    ],
)  # fmt: skip
def test_two_outputs_do_not_share_a_file(command, one, other, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("linked").symlink_to(tmp_path)
    for path in ("both.svg", "linked/both.svg"):
        done = CliRunner().invoke(
            main, [*command.split(), f"--{one}", path, f"--{other}", str(tmp_path / "both.svg")]
        )
        assert done.exit_code == 2
        assert f"--{one} and --{other} both write to {tmp_path / 'both.svg'}" in done.output
    assert not Path("both.svg").exists()


@pytest.mark.long
def test_the_kernels_of_an_expression_are_raced_and_the_winner_is_emitted():
    done = run(*BMM, "--emit")
    assert done.returncode == 0, done.stderr
    assert "numba_parallel" in done.stderr
    scope = {}
    exec(compile(done.stdout, "<emitted>", "exec"), scope)
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 300, 4, 4), np.float32)
    np.testing.assert_allclose(scope["contract"](a, b), a @ b, rtol=1e-5)


def test_files_of_source_and_numbers_are_written(tmp_path):
    done = CliRunner().invoke(main, [*BMM, "--emit", "winner.py", "--json", "all.json"])
    assert done.exit_code == 0, done.output
    source = (tmp_path / "winner.py").read_text()
    document = json.loads((tmp_path / "all.json").read_text())
    winner = next(r["kernel"] for r in document["records"] if r["winner"])
    assert f"kernel {winner}," in source
    assert f"{winner} as Python: winner.py" in done.output


@pytest.mark.long
def test_named_axes_are_raced_too():
    done = CliRunner().invoke(
        main, ["einsum", "rows terms, terms out -> rows out", "--axes", "named", "--size", "8",
               "--budget", "0.1", "--dtype", "float64"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "rows 8, terms 8, out 8" in done.output


@pytest.mark.long
def test_an_axis_of_words_may_be_called_batch():
    done = run("einsum", "batch n, units n -> batch units", "--size", "8", "--size", "batch=50",
               "--budget", "0.1", "--emit")  # fmt: skip
    assert done.returncode == 0, done.stderr
    scope = {}
    exec(compile(done.stdout, "<emitted>", "exec"), scope)
    x, w = np.ones((50, 8), "f4"), np.ones((8, 8), "f4")
    np.testing.assert_array_equal(scope["contract"](x, w), x @ w.T)


@pytest.mark.long
def test_emit_before_the_expression_does_not_take_it_for_a_path():
    done = run("einsum", "--emit", "ij,jk->ik", "--size", "4", "--budget", "0.05")
    assert done.returncode == 0, done.stderr
    assert "def contract(x0, x1)" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ij,jk->iq", "--size", "3"], "position 8"),
        (["ij,jk->ik"], "axes i, j and k have no size: give --size i=100,j=100,k=100, or --size"),
        (["ij,jk->ik", "--size", "i=3,k=4"], "axis j has no size: give --size j=100, or --size"),
        (["ij,jk=>ik", "--size", "3"], "position 5: '=>' in operand 1 is no arrow; expected '->'"),
        (["ij,jk\u2192ik", "--size", "3"], "no arrow; expected '->'"),
        (["ij,jk->ik", "--size", "3", "--emit", "ij->i"], "--emit ij->i: expected a path"),
        (["--emit", "--size", "3"], "Missing argument 'EXPRESSION'"),
        (["--emit", "a.py", "--size", "3"], "Missing argument 'EXPRESSION'"),
        (["--size", "3"], "Missing argument 'EXPRESSION'"),
        (["batch features, units features", "--size", "3"], "and an output"),
        (["ij,jk->ik", "--size", "3", "--size", "q=3"], "no axis 'q' in ij,jk->ik"),
        (["ij,jk->ik", "--size", "3", "--size", "4"], "two sizes"),
        (["ij,jk->ik", "--size", "=3"], "is no size"),
        (["ij,jk->ik", "--size", "0"], "no whole number from 1"),
        (["ij,jk->ik", "--size", "3", "--dtype", "int8"], "float32 or float64"),
        (["ij,jk->ik", "--size", "3", "--emit", "none/x.py"], "there is no folder"),
        (["ij,jk->ik", "--size", "3", "--emit", "--json", "-"], "both write to stdout"),
        (["a b, b c -> a q", "--axes", "named", "--size", "3"], "position 14"),
        (["rows terms, terms out -> rows", "--size", "3"], "--axes named"),
        (["i...->i", "--size", "3"], "give them letters"),
        (["ij,jk->ik", "--size", "1_000_000"], "memory"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(args, said):
    done = CliRunner().invoke(main, ["einsum", *args])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("winner", "runtime", "said"),
    [
        ("blocked", "here", "blocked is instructions of this processor: emitted is numba, 6x"),
        ("blocked_second", "here", "is instructions of this processor: emitted is numba, 6x"),
        ("torch", "torch", "torch is a library's call: emitted is numba, 6x its time"),
        ("numba", "here", "numba is emitted as numba compiles and shares its loops: 2x its time"),
        ("matmul", "here", "matmul as Python: winner.py"),
        ("mine", "here", f"mine is a function of {__name__}: emitted is numba, 6x its time"),
    ],
)
def test_what_is_no_plain_python_is_said_and_the_best_that_is_emitted(
    tmp_path, winner, runtime, said, capsys, monkeypatch
):
    own = HERE[0] if isinstance(HERE, tuple) else next(iter(HERE))
    times = {"einsum": 5.0, "numba": 3.0, "blocked_third": 2.0, winner: 1.0}
    records = [
        SimpleNamespace(
            status="ok", median_s=s, winner=name == winner, kernel=name,
            runtime=runtime if name == winner and runtime != "here" else own,
        )
        for name, s in times.items()
    ]  # fmt: skip
    comparison = SimpleNamespace(records=records)
    monkeypatch.setitem(_write.__globals__, "_over_kernel", lambda *arguments: 2.0)
    op = einbench.expression("ij,jk->ik", i=3, j=4, k=5)
    op.kernel("mine")(lambda x0, x1: x0 @ x1)
    arrays = tuple(op.draw().values())
    _write(op, arrays, "ij,jk->ik", comparison, "winner.py", sys.stdout)
    printed = capsys.readouterr().out
    assert said in printed
    assert ("its time" in printed) == (winner != "matmul")  # which is no loop of numba's
    kernel = "matmul" if winner == "matmul" else "numba"
    assert f"kernel {kernel}," in (tmp_path / "winner.py").read_text()


def test_emitted_loops_are_timed_beside_their_kernel():
    op = einbench.expression("bi,bi->b", b=5000, i=3)
    arrays = tuple(op.draw().values())
    source = "from time import sleep\ndef contract(x0, x1):\n    sleep(0.01)\n"
    assert _over_kernel(op["numba"], arrays, source) > 10


@pytest.fixture
def plugin(tmp_path):
    """The path of a distribution whose entry point adds a kernel to an expression."""
    (tmp_path / "their_module.py").write_text(
        "import einbench\n\n"
        "def register():\n"
        "    op = einbench.register(einbench.expression('ij,jk->ik'))\n"
        "    op.kernel('plugged')(lambda x0, x1: x0 @ x1)\n",
        encoding="utf-8",
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(
        "[einbench.kernels]\na = their_module:register\n", "utf-8"
    )
    return str(tmp_path)


def test_kernels_of_a_plugin_are_raced_too(plugin, monkeypatch):
    monkeypatch.syspath_prepend(plugin)
    done = run(
        "--plugins", "einsum", "ij,jk->ik", "--size", "6", "--size", "i=20", "--budget", "0.1",
        "--json", "a.json", "--emit", "b.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = {r["kernel"]: r for r in json.loads(Path("a.json").read_text("utf-8"))["records"]}
    assert {"plugged", "einsum", "numba"} <= {*records}
    assert records["plugged"]["sizes"] == {"i": 20, "j": 6, "k": 6}
    assert records["plugged"]["status"] in ("ok", "skipped")
    scope = {}
    exec(compile(Path("b.py").read_text("utf-8"), "<emitted>", "exec"), scope)
    a, b = np.ones((20, 6), "f4"), np.ones((6, 6), "f4")
    np.testing.assert_array_equal(scope["contract"](a, b), a @ b)


def test_a_registered_expression_is_raced_at_the_sizes_that_are_given():
    op = einbench.register(einbench.expression("ij,jk->ik", j=3))
    op.kernel("matmul_of_mine")(lambda x0, x1: x0 @ x1)
    try:
        with click.Context(main):
            asked = _operation("ij , jk", {"": 7, "i": 9})
            assert asked[:1] + asked[2:] == (op, 9, {"j": 7, "k": 7})
            with pytest.raises(click.UsageError, match="axes i and k have no size"):
                _operation("ij,jk->ik", {"j": 3})
    finally:
        einbench.forget(op)
    with click.Context(main):
        assert _operation("ij,jk->ik", {"": 7}).operation is not op
