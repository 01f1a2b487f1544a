"""Ctrl-C while the command is still importing: status 130, one line, and no traceback."""

import os
import signal
import subprocess
import sys

import pytest

from einbench.host.early import STOPPING

STARTED = "import sys\nfrom einbench.cli import start\nsys.argv[1:] = ['list']\nstart()\n"
#: in place of NumPy, which is where most of that time goes
SLOW = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def interrupted(tmp_path):
    """What a process that is interrupted in NumPy's import ends with."""

    def run(*args, number=signal.SIGINT):
        slow = tmp_path / "path" / "numpy"
        slow.mkdir(parents=True)
        (slow / "__init__.py").write_text(SLOW, encoding="utf-8")
        path = os.pathsep.join([str(tmp_path / "path"), *(p for p in sys.path if p)])
        environment = {**os.environ, "PYTHONPATH": path}
        with subprocess.Popen(
            [sys.executable, *args], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment,
        ) as process:  # fmt: skip
            try:
                assert process.stdout.readline() == "importing\n"
                process.send_signal(number)
                _, told = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, told

    return run


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


@pytest.mark.parametrize("how", ["script", "module"])
def test_the_command_ends_without_a_traceback(interrupted, tmp_path, how):
    script = tmp_path / "einbench"
    script.write_text(STARTED, encoding="utf-8")
    args = [str(script)] if how == "script" else ["-m", "einbench.cli", "list"]
    assert interrupted(*args) == (130, "einbench: interrupted before anything was finished\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_else_ends_it_is_told_too(interrupted, number, status):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as under nohup")
    told = interrupted("-m", "einbench.cli", "list", number=number)
    assert told == (status, "einbench: interrupted before anything was finished\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_command_starts_anew_waits_for_its_first_lines(tmp_path, number):
    # until then Python shows a traceback, or ends without a word; no thread of NumPy's takes it
    code = (
        "import os, signal, sys\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}])\n"
        f"os.kill(os.getpid(), {int(number)})\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'einbench.cli', 'list'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True, check=False,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == "einbench: interrupted before anything was finished\n"
    assert done.returncode == 128 + number


def test_signals_are_held_back_for_as_long_as_that_takes(monkeypatch):
    from einbench.cli import start
    from einbench.jit import spinning

    held = []
    monkeypatch.setattr(
        spinning, "restart_with_timeout", lambda: held.append(signal.pthread_sigmask(0, []))
    )
    monkeypatch.setattr(sys, "argv", ["einbench", "compare", "--no-such-option"])
    with pytest.raises(SystemExit):
        start()
    assert held[0] >= {*STOPPING}
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & {*STOPPING}


def test_other_programs_are_interrupted_as_they_are_used_to(interrupted):
    status, told = interrupted("-c", "import einbench; einbench.operations")
    assert status != 130
    assert told.splitlines()[-1] == "KeyboardInterrupt"
