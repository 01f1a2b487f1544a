"""The command as people and programs run it: statuses, one-line complaints, whole files."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main

COMMAND = [sys.executable, "-m", "einbench.cli"]
QUICK = ["compare", "--operation", "bias_gradient", "--batch", "1,128", "--budget", "0.5"]


def run(*args, cwd, **extra):
    """The command in a process of its own, its output in pipes."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **extra}
    return subprocess.run(
        [*COMMAND, *args], capture_output=True, text=True, encoding="utf-8", check=False,
        cwd=cwd, env=environment, timeout=300,
    )  # fmt: skip


def invoke(*args):
    """The command in this process: quicker, where nothing but its answer matters."""
    return CliRunner().invoke(main, list(args))


def document_in(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    """Nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def wrong_kernel():
    """bias_gradient with a kernel that forgets the last row."""
    op = einbench.operation("bias_gradient")

    @op.kernel("forgetful")
    def forgetful(dlogits):
        return np.sum(dlogits[:-1], axis=0)

    yield "forgetful"
    op.remove("forgetful")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """One real comparison that several tests look at."""
    folder = tmp_path_factory.mktemp("compared")
    return folder, run(*QUICK, cwd=folder)


def test_a_comparison_prints_tables_and_keeps_every_number(compared):
    folder, finished = compared
    assert finished.returncode == 0, finished.stderr
    # a line a step
    assert all(re.match(r" *\d+% ", line) for line in finished.stderr.splitlines())
    assert finished.stderr.splitlines()[-1] == "100% done"
    last = finished.stdout.splitlines()[-1]
    (path,) = (folder / "results").iterdir()
    assert re.fullmatch(r"compare-\d{8}T\d{6}Z\.json", path.name)
    assert last == f"all numbers: results/{path.name}"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == "einbench.comparison/1"
    assert document["machine"]["threads"] >= 1
    assert {r["sizes"]["batch"] for r in document["records"]} == {1, 128}
    assert "bias_gradient  db[u] = sum_b dZ[b, u]" in finished.stdout


def test_a_pipe_gets_no_escape_codes_no_bar_and_100_columns(compared):
    _, finished = compared
    assert "\x1b" not in finished.stdout + finished.stderr
    assert max(map(len, finished.stdout.splitlines())) <= 100


@pytest.mark.long
def test_columns_set_the_width_and_an_encoding_without_the_marks_gets_similar_letters(tmp_path):
    asked = {"COLUMNS": "60", "PYTHONIOENCODING": "ascii"}
    finished = run(*QUICK, "--json", "/dev/null", cwd=tmp_path, **asked)
    assert finished.returncode == 0
    assert max(map(len, finished.stdout.splitlines())) <= 60
    assert "-----" in finished.stdout
    assert not Path("/dev/null").is_file()


@pytest.mark.long
def test_a_document_on_stdout_sends_the_tables_to_stderr(tmp_path):
    finished = run(*QUICK, "--json", "-", "--picture", "tables.svg", cwd=tmp_path)
    assert finished.returncode == 0
    assert json.loads(finished.stdout)["schema"] == "einbench.comparison/1"
    assert "SUMMARY" in finished.stderr
    assert (tmp_path / "tables.svg").read_text(encoding="utf-8").startswith("<svg")
    assert not (tmp_path / "results").exists()


def test_a_rejected_kernel_is_shown_and_exits_1(wrong_kernel, tmp_path):
    finished = invoke(*QUICK, "--json", "a.json")
    assert finished.exit_code == 1
    assert "REJECTED bias_gradient[forgetful]: " in finished.stdout
    rows = document_in("a.json")["records"]
    assert {r["status"] for r in rows if r["kernel"] == wrong_kernel} == {"rejected"}


def test_check_tells_error_limit_and_reason_and_exits_1_where_one_is_wrong(wrong_kernel):
    assert invoke("check", "relu").exit_code == 0
    finished = invoke("check", "bias_gradient", "--batch", "7", "--json", "a.json")
    assert finished.exit_code == 1
    assert re.search(r"^  forgetful +FAILED", finished.stdout, re.MULTILINE)
    assert re.search(r"^  loop +passed +[\d.]+ +[\d.]+$", finished.stdout, re.MULTILINE)
    document = document_in("a.json")
    assert document["schema"] == "einbench.check/1"
    assert document["machine"]["numpy"] == np.__version__
    (row,) = [v for v in document["verdicts"] if v["kernel"] == wrong_kernel]
    assert not row["passed"]
    assert row["reason"]


def test_a_kernel_that_cannot_run_here_is_no_failure():
    op = einbench.operation("bias_gradient")
    op.kernel("elsewhere", requires=["nothing_of_this_name"])(lambda dlogits: dlogits.sum(0))
    try:
        finished = invoke("check", "bias_gradient")
        assert finished.exit_code == 0
        assert "nothing_of_this_name is not installed" in finished.stdout
        listed = invoke("list", "bias_gradient")
        assert "unavailable: nothing_of_this_name is not installed" in listed.stdout
    finally:
        op.remove("elsewhere")


def test_list_shows_operations_and_kernels_to_people_and_programs():
    finished = invoke("list", "--json", "a.json")
    assert finished.exit_code == 0
    document = document_in("a.json")
    assert document["schema"] == "einbench.list/1"
    assert "machine" in document
    assert [op["name"] for op in document["operations"]] == list(einbench.operations)
    for op in einbench.operations.values():
        assert op.name in finished.stdout
        assert all(kernel.method in finished.stdout for kernel in op)


def test_machine_tells_what_numbers_are_stored_with():
    finished = invoke("machine", "--json", "a.json")
    assert finished.exit_code == 0
    assert np.__version__ in finished.stdout
    assert document_in("a.json")["schema"] == "einbench.machine/1"


def test_fastest_names_the_winner_and_every_candidate():
    finished = invoke("fastest", "bias_gradient", "--budget", "0.3", "--json", "a.json")
    assert finished.exit_code == 0
    document = document_in("a.json")
    assert document["schema"] == "einbench.fastest/1"
    assert finished.stdout.startswith(f"bias_gradient at batch 128: {document['kernel']}, ")
    assert {r["kernel"] for r in document["records"]} == set(
        einbench.operation("bias_gradient").kernels
    )


def test_results_that_cannot_be_kept_are_refused_before_measuring(tmp_path):
    (tmp_path / "results").write_text("", encoding="utf-8")
    finished = run("compare", cwd=tmp_path)
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith("einbench: error: cannot write results/compare-")
    assert finished.stdout == ""


def test_help_shows_an_example_for_every_command():
    assert invoke().exit_code == 0
    assert invoke().output == invoke("--help").output
    for name in main.commands:
        assert f"  einbench {name}" in invoke(name, "--help").output
    assert einbench.__version__ in invoke("--version").output


def test_help_and_list_leave_numba_alone(tmp_path):
    code = (
        "import sys; from einbench.cli import main\n"
        "try: main({args})\n"
        "finally: sys.exit('numba' in sys.modules or 'rich' in sys.modules and {rich})"
    )
    for args, rich in ((["--help"], True), (["list"], False)):
        finished = subprocess.run(
            [sys.executable, "-c", code.format(args=args, rich=rich)], check=False,
            capture_output=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("presses", [1, 4])
def test_ctrl_c_keeps_what_was_measured_however_often_it_comes_at_once(tmp_path, presses):
    args = ["compare", "--operation", "relu,tanh,sigmoid,softmax", "--batch", "1,2,4,8,16,32"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    leader, follower = os.openpty()  # a terminal on stderr: the bar says when to interrupt
    process = subprocess.Popen(
        [*COMMAND, *args, "--budget", "60", "--json", "a.json"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=follower, env=environment,
    )  # fmt: skip
    try:
        _read_until(leader, rb"relu batch 4")
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        os.close(follower)
        os.close(leader)
    assert process.returncode == 130
    assert re.fullmatch(
        r"interrupted: [1-9]\d* of 24 cells were measured and kept in a\.json; --resume goes on",
        output.splitlines()[-1],
    )
    document = document_in("a.json")
    assert document["interrupted"]
    assert document["records"]


def _read_until(descriptor, pattern, timeout_s=120):
    """Read a terminal until it shows something: what is not read would block the writer."""
    shown, deadline_s = b"", time.monotonic() + timeout_s
    while not re.search(pattern, shown):
        ready, _, _ = select.select([descriptor], [], [], 1.0)
        shown += os.read(descriptor, 65536) if ready else b""
        assert time.monotonic() < deadline_s, shown


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
def test_a_reader_that_leaves_gets_no_traceback(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(
        [*COMMAND, "list"], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert complaint == ""


def test_plugins_are_loaded_on_request_and_their_faults_are_reported(tmp_path):
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[einbench.kernels]\na = nothing_here\n", "utf-8")
    path = os.pathsep.join([str(tmp_path), *(p for p in sys.path if p)])
    assert run("list", "relu", cwd=tmp_path, PYTHONPATH=path).returncode == 0
    for args in (["--plugins", "list"], ["list", "--plugins"]):
        finished = run(*args, cwd=tmp_path, PYTHONPATH=path)
        assert finished.returncode == 2
        (line,) = finished.stderr.splitlines()
        assert "plugin 'a' (nothing_here) of theirs failed" in line
