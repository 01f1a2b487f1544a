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
@pytest.mark.parametrize("columns", [40, 100])
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


@POSIX
@pytest.mark.parametrize("presses", [1, 4])
def test_ctrl_c_keeps_the_last_whole_epoch_however_often_it_is_pressed(presses):
    args = ["--samples", "2000", "--epochs", "5000", "--kernels", "matmul", "--json", "a.json"]
    process, leader = start(args, 100)
    try:
        read_until(leader, rb"3/5000")
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        read_until(leader, None)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(leader)
    assert process.returncode == 130
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


def test_nothing_is_drawn_in_a_pipe():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [*COMMAND, *QUICK], capture_output=True, check=False, env=environment, timeout=120
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout
