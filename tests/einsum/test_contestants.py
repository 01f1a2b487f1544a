"""Libraries beside the kernels of an expression; stand-ins show what each fault comes to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.einsum.emit import is_plain
from einbench.einsum.expression import text_of
from einbench.libraries import cuda
from einbench.libraries.contestants import CONTESTANTS, contestants
from einbench.libraries.einsum_runtimes import OWN
from einbench.libraries.einsum_ways import WAYS

ARGS = ["einsum", "ij,jk->ik", "--size", "9", "--budget", "0.2", "--threads", "1"]
HEAD = "import os\nimport numpy as np\ndef contract_expression(text, *shapes):\n"
RIGHT = HEAD + "    return lambda *given: np.einsum(text, *given)\n"


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def raced(*more, library="opt_einsum"):
    done = CliRunner().invoke(main, [*ARGS, "--with", library, "--json", "all.json", *more])
    document = json.loads(Path("all.json").read_text(encoding="utf-8"))
    rows = {row["kernel"]: row for row in document["records"]}
    (found,) = [row for row in rows.values() if row["runtime"] == library]
    assert rows["matmul"]["status"] == "ok", rows["matmul"]
    return done, found, document


@pytest.mark.long
def test_a_right_library_is_a_row_that_is_timed_in_its_own_process(stand_in):
    stand_in("opt_einsum", RIGHT)
    done, found, document = raced()
    assert done.exit_code == 0, done.output
    assert found["status"] == "ok"
    assert found["median_s"] > 0
    assert found["error"] <= found["limit"]
    assert document["settings"]["with"] == ["opt_einsum"]
    assert document["settings"]["libraries"]["opt_einsum"]["threads"] == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("np.zeros((9, 9), np.float32)", "wrong at the timed size"),
        ("np.einsum(text, *given)[:8]", "(8, 9)"),
        ("np.einsum(text, *given).astype('f8')", "float64"),
        ("np.einsum(text, *given) * np.float32(1.001)", "wrong at the timed size"),
    ],
)
def test_a_library_that_returns_something_else_is_rejected_with_the_reason(stand_in, made, reason):
    stand_in("opt_einsum", f"{HEAD}    return lambda *given: {made}\n")
    done, found, _ = raced()
    assert done.exit_code == 1
    assert found["status"] == "rejected"
    assert found["median_s"] is None
    assert reason in found["reason"]
    assert "REJECTED opt_einsum_expression" in done.output


@pytest.mark.long
@pytest.mark.parametrize("where", ["    raise ValueError('no such letters')\n",
                                   "    def call(*given):\n"
                                   "        raise ValueError('no such letters')\n"
                                   "    return call\n"])  # fmt: skip
def test_a_library_that_raises_refuses_in_its_own_words(stand_in, where):
    stand_in("opt_einsum", HEAD + where)
    done, found, _ = raced()
    assert done.exit_code == 0, done.output
    assert found["status"] == "refuses"
    assert found["reason"] == "ValueError: no such letters"
    assert "refuses: opt_einsum_expression: ValueError: no such letters" in done.output


def test_a_library_that_ends_its_process_costs_its_own_row_alone(stand_in):
    stand_in("opt_einsum", HEAD + "    os._exit(3)\n")
    done, found, _ = raced()
    assert done.exit_code == 1
    assert found["status"] == "crashed"
    assert "exit code 3" in found["reason"]


@pytest.mark.long
def test_a_library_that_cannot_be_imported_costs_its_own_row_alone(stand_in):
    stand_in("opt_einsum", "raise ImportError('built for another NumPy')\n")
    _, found, _ = raced()
    assert found["status"] == "unchecked"
    assert "built for another NumPy" in found["reason"]


@pytest.mark.long
def test_its_process_is_held_to_the_threads(stand_in):
    stand_in("opt_einsum", RIGHT + (
        "names = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NPROC', 'MAX_NUM_THREADS_SESUM')\n"
        "assert all(os.environ[name] == '1' for name in names)\n"
        "assert not hasattr(os, 'sched_getaffinity') or len(os.sched_getaffinity(0)) == 1\n"
    ))  # fmt: skip
    _, found, _ = raced()
    assert found["status"] == "ok", found["reason"]


@pytest.mark.long
def test_a_scalar_is_a_right_result_without_axes(stand_in):
    stand_in("opt_einsum", RIGHT)
    done = CliRunner().invoke(
        main, ["einsum", "ij,ij->", "--size", "9", "--budget", "0.1", "--with", "opt_einsum",
               "--json", "all.json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = json.loads(Path("all.json").read_text(encoding="utf-8"))["records"]
    assert {row["status"] for row in rows if row["runtime"] == "opt_einsum"} == {"ok"}


@pytest.mark.long
def test_named_axes_reach_a_library_as_letters(stand_in):
    stand_in("opt_einsum", HEAD + "    assert text == 'ab,bc->ac', text\n" +
             "    return lambda *given: np.einsum(text, *given)\n")  # fmt: skip
    done = CliRunner().invoke(
        main, ["einsum", "rows terms, terms out -> rows out", "--axes", "named", "--size", "8",
               "--budget", "0.1", "--with", "opt_einsum", "--json", "all.json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = json.loads(Path("all.json").read_text(encoding="utf-8"))["records"]
    assert {row["status"] for row in rows if row["runtime"] == "opt_einsum"} == {"ok"}


@pytest.mark.long
def test_where_a_library_wins_the_best_kernel_of_ours_is_emitted(stand_in):
    # no library is so fast: the product is made while it prepares
    stand_in(
        "opt_einsum",
        """
        import numpy as np
        def contract_expression(text, *shapes):
            made = []
            def call(*given):
                if not made:
                    made.append(np.einsum(text, *given))
                return made[0]
            return call
    """,
    )
    done, found, document = raced("--size", "j=4000", "--emit", "best.py")
    assert done.exit_code == 0, done.output
    assert found["winner"]
    own = [
        r for r in document["records"]
        if r["runtime"] in ("numpy", "numba") and r["median_s"] and is_plain(r["kernel"])
    ]  # fmt: skip
    best = min(own, key=lambda row: row["median_s"])
    said = " ".join(done.output.split())
    assert f"opt_einsum_expression is a library's call: emitted is {best['kernel']}, " in said
    scope = {}
    exec(compile(Path("best.py").read_text(), "best.py", "exec"), scope)
    a, b = np.ones((9, 4000), np.float32), np.ones((4000, 9), np.float32)
    np.testing.assert_array_equal(scope["contract"](a, b), np.full((9, 9), 4000, np.float32))


def test_one_that_is_not_installed_is_a_row_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("einbench.libraries.runtime.why_missing", lambda names: "x is missing (y)")
    done, found, _ = raced(library="cotengra")
    assert done.exit_code == 0, done.output
    assert found["status"] == "unavailable"
    assert found["reason"] == "x is missing (pip install 'einbench[cotengra]')"


def test_without_a_device_rows_on_one_are_unavailable(monkeypatch):
    monkeypatch.setattr("einbench.libraries.runtime.why_missing", lambda names: "")
    monkeypatch.setattr("einbench.kernel.why_missing", lambda names: "")

    def none(name):
        raise OSError(name)

    monkeypatch.setattr(cuda.ctypes, "CDLL", none)
    kernels = contestants(einbench.expression("ij->i", i=2, j=2), ["torch_cuda", "cupy"])
    assert [kernel.reason for kernel in kernels] == ["no CUDA device"] * 4

    class Driver:
        def cuInit(self, flags):  # noqa: N802 - its name in the driver
            return 0

        def cuDeviceGetCount(self, count):  # noqa: N802 - as above
            return 0

    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda name: Driver())
    assert cuda.why_none() == "no CUDA device"


def test_an_unknown_library_is_one_line_with_the_known_ones():
    done = CliRunner().invoke(main, [*ARGS, "--with", "torch,cotengar"])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "no einsum library 'cotengar'; known: " in line
    assert all(name in line for name in CONTESTANTS)


def test_a_library_without_a_kernel_of_what_is_asked_is_one_line():
    with pytest.raises(ValueError, match="cotengra contracts einsum expressions alone"):
        einbench.compare("softmax", batches=4, with_="cotengra")
    with pytest.raises(ValueError, match="sklearn has no kernel of an einsum expression; known: "):
        einbench.compare(einbench.expression("ij->i", i=2, j=2), with_="sklearn")


def test_expressions_are_told_by_their_letters():
    assert text_of(einbench.expression("qij,qjk->qik", q=2)) == "abc,acd->abd"
    assert text_of(einbench.expression("bii->b", b=2)) == "abb->a"
    assert text_of(einbench.expression("x y, y ->", axes="named", x=2, y=2)) == "ab,b->"
    assert text_of(einbench.operation("softmax")) == ""
    assert contestants(einbench.operation("softmax"), CONTESTANTS) == []


def test_ways_are_named_after_their_library_and_say_what_they_are():
    for name, ways in WAYS.items():
        assert all(method.startswith(name) and way.__doc__ for method, way in ways.items())
    assert set(CONTESTANTS).isdisjoint(OWN)
