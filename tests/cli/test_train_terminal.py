"""einbench train as a process on a terminal: the progress bar, Ctrl-C, and pipes."""

import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import einbench
from einbench import mnist
from einbench.network.data import normalise, scale_of

COMMAND = [sys.executable, "-m", "einbench.cli", "train"]
QUICK = ["--samples", "500", "--epochs", "1", "--kernels", "matmul"]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such terminals and signals")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def start(args, columns, stdout=subprocess.PIPE):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    environment |= {"COLUMNS": str(columns), "TERM": "xterm"}
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, *args], text=True, stdout=stdout, stderr=follower, env=environment,
    )  # fmt: skip
    os.close(follower)
    return process, leader


def read_until(descriptor, pattern, timeout_s=120):
    """Read a terminal until it shows something, or to its end."""
    shown, deadline_s = b"", time.monotonic() + timeout_s
    while pattern is None or not re.search(pattern, shown):
        ready, _, _ = select.select([descriptor], [], [], 1.0)
        try:
            part = os.read(descriptor, 65536) if ready else None
        except OSError:  # the other side is closed
            break
        if part == b"":
            break
        shown += part or b""
        assert time.monotonic() < deadline_s, shown
    return shown


@POSIX
@pytest.mark.parametrize("columns", [40, pytest.param(100, marks=pytest.mark.long)])
def test_the_bar_shows_loss_and_accuracy_and_fits_the_terminal(columns):
    args = ["--samples", "500", "--epochs", "3", "--kernels", "matmul"]
    process, leader = start(args, columns)
    shown = read_until(leader, None).decode()
    process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    assert re.search(r"2/3 loss \d\.\d{3} test \d\d\.\d%", shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert max(map(len, re.split(r"[\r\n]", plain))) <= columns
    assert "…" not in plain


@pytest.mark.long
@POSIX
@pytest.mark.parametrize(
    ("number", "presses"), [(signal.SIGINT, 1), (signal.SIGINT, 4), (signal.SIGTERM, 2)]
)
def test_ctrl_c_and_sigterm_keep_the_last_whole_epoch_however_often_they_come_at_once(
    number, presses
):
    args = ["--samples", "2000", "--epochs", "5000", "--kernels", "matmul", "--json", "a.json"]
    process, leader = start(args, 100)
    try:
        read_until(leader, rb"3/5000")
        for _ in range(presses):
            process.send_signal(number)
        read_until(leader, None)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(leader)
    assert process.returncode == 128 + number
    document = json.loads(Path("a.json").read_text("utf-8"))
    epochs = len(document["epochs"])
    assert epochs >= 2
    assert document["stopped"] == "interrupted"
    assert len(document["step_losses"]) == 16 * epochs
    assert (
        f"interrupted: the network as of epoch {epochs}, the last whole one, is kept in "
        "einbench-train.npz" in output
    )
    assert "einbench train --load einbench-train.npz" in output
    # the parameters are those of that epoch: they give its accuracy
    net = einbench.network.load("einbench-train.npz", kernels="matmul")
    train_set, test_set = mnist.load()
    x = normalise(test_set.images.reshape(-1, 784), scale=scale_of(train_set.images))
    accuracy = net.accuracy(x, test_set.labels)
    assert math.isclose(accuracy, document["epochs"][-1]["validation_accuracy"], abs_tol=2e-4)


@pytest.mark.long
@POSIX
def test_ctrl_c_before_the_first_epoch_leaves_nothing_behind(folder):
    process, leader = start(["--epochs", "2", "--kernels", "loop"], 100)
    try:
        read_until(leader, rb"choosing kernels")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        read_until(leader, None)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(leader)
    assert process.returncode == 130
    assert "nothing to keep" in output
    assert not list(folder.glob("*.npz"))


def environment(**more):
    path = os.pathsep.join(p for p in sys.path if p)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "", **more}


@POSIX
@pytest.mark.parametrize("kind", ["pipe", pytest.param("dumb terminal", marks=pytest.mark.long)])
def test_a_row_an_epoch_as_it_ends_where_no_bar_can_be_drawn(kind):
    # endless: what is read was printed long before the training's end
    args = [*COMMAND, "--samples", "200", "--epochs", "100000", "--kernels", "matmul"]
    leader, follower = os.pipe() if kind == "pipe" else os.openpty()
    process = subprocess.Popen(
        args, stdout=follower, stderr=subprocess.PIPE, env=environment(TERM="dumb")
    )
    os.close(follower)
    try:
        shown = read_until(leader, rb"\n3 [^\n]+\n")
        process.send_signal(signal.SIGTERM)
        read_until(leader, None)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(leader)
    assert process.returncode == 143
    assert told == b"  0% choosing kernels, compiling\n"
    assert b"\x1b" not in shown
    lines = shown.decode().splitlines()
    heading = next(n for n, line in enumerate(lines) if line.startswith("epoch"))
    rows = lines[heading + 2 :]
    assert [row.split()[0] for row in rows[:3]] == ["1", "2", "3"]
    assert {len(row) for row in rows[:3]} == {len(lines[heading])}


def test_where_rows_were_printed_they_are_not_printed_again():
    done = subprocess.run(
        [*COMMAND, *QUICK], capture_output=True, check=False, env=environment(), timeout=120
    )
    assert done.returncode == 0
    assert len(re.findall(rb"^epoch ", done.stdout, re.M)) == 1
    assert len(re.findall(rb"^1 ", done.stdout, re.M)) == 1
    assert b"\x1b" not in done.stdout + done.stderr


@POSIX
def test_a_reader_that_leaves_does_not_end_a_training_that_is_to_be_kept():
    args = [*COMMAND, *QUICK, "--save", "n.npz", "--json", "n.json"]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, env=environment())
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 141
    assert len(json.loads(Path("n.json").read_text("utf-8"))["epochs"]) == 1
    assert einbench.network.load("n.npz")
